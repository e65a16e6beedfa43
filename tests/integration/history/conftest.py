"""Home Assistant in Paris, and an account of each cloud."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation

from ..accounts import add_account


@pytest.fixture(autouse=True)
async def _in_paris(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Paris")


@pytest.fixture
def on_a_tuesday(freezer: FrozenDateTimeFactory) -> None:
    """Set the time to 12:30 in Paris, on a Tuesday."""
    freezer.move_to("2026-10-20T10:30:00+00:00")


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
async def enterprise(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_enterprise")


@pytest.fixture
async def sodata(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "sodata")


@pytest.fixture
async def firstlight(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "firstlight")
