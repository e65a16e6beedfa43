"""Home Assistant in Paris with an account of each cloud, all exposed to Assist, and a few things to tell about."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from simulator.simulation import Simulation

from ..accounts import KINDS, add_account, poll
from ..passing_time import ChangeTimings, settle
from ..subjects import chiller, ups
from .asking import HAS_MCP, Ask, ask_directly, ask_over_mcp, expose

type Entries = dict[str, MockConfigEntry]


@pytest.fixture
def simulation(fixed_time: None, simulation: Simulation) -> Simulation:
    """The simulated clouds, whose devices make up their past at the fixed time."""
    return simulation


@pytest.fixture
async def entries(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    change_timings: ChangeTimings,
    simulation: Simulation,
) -> Entries:
    """The accounts, after a chiller has gone offline and an alarm of a UPS was raised."""
    change_timings(online_log_delay=0)
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.config.async_set_time_zone("Europe/Paris")
    entries = {kind: await add_account(hass, simulation, kind) for kind in KINDS}
    ups(simulation).set("Global", "0", "143000", "1")
    chiller(simulation).is_online = False
    for _ in range(6):  # a device is offline only after several polls
        freezer.tick(120)
        await poll(hass, entries["gizwits_enterprise"])
        await poll(hass, entries["sodata"])
    await settle(hass)
    expose(hass)
    return entries


@pytest.fixture
async def ask(
    hass: HomeAssistant, entries: Entries, simulation: Simulation, hass_client: ClientSessionGenerator
) -> Ask:
    if HAS_MCP:
        return await ask_over_mcp(hass, simulation, hass_client)
    return await ask_directly(hass, simulation)
