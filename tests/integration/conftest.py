"""Home Assistant with the integration in it."""

from collections.abc import AsyncIterator, Iterator
from unittest.mock import AsyncMock, patch

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity

from custom_components.datapoint_cloud.clouds import http
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation


@pytest.fixture(autouse=True)
def _integration(enable_custom_integrations: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


@pytest.fixture
async def simulation(hass: HomeAssistant, simulation: Simulation) -> AsyncIterator[Simulation]:
    """All simulated clouds, none of which speaks before it is asked: what push changes is tested by itself."""
    simulation.gizwits_open.push.is_offered = False
    yield simulation
    # Time that was frozen jumps at the end of a test, and what was due by then would ask clouds that are stopping.
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def fixed_time(freezer: FrozenDateTimeFactory) -> None:
    """Begin some seconds after all regular reports. Ask for it before the clouds, whose devices have a past."""
    freezer.move_to("2026-11-24T10:00:10Z")


@pytest.fixture
def setup_entry() -> Iterator[AsyncMock]:
    """No account is set up for real."""
    with (
        patch("custom_components.datapoint_cloud.async_setup_entry", return_value=True) as setup,
        patch("custom_components.datapoint_cloud.async_unload_entry", return_value=True),
    ):
        yield setup


@pytest.fixture
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable every entity from the beginning."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", property(lambda _: True))


@pytest.fixture
def small_fleets(simulation: Simulation) -> None:
    """Leave a handful of devices in each cloud, for tests that go through many states."""
    for product in simulation.gizwits_enterprise.products.values():
        product.devices = dict(list(product.devices.items())[:4])
    sodata = simulation.sodata
    kept = {"Passerelle Sélestat", "Masterys U2 CDS", "Countis E50"}
    sodata.devices = {uuid: device for uuid, device in sodata.devices.items() if device.name in kept}
