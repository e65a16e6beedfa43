"""Home Assistant with the integration in it."""

from collections.abc import Iterator
from unittest.mock import AsyncMock, patch

import pytest
from homeassistant.helpers.entity import Entity

from custom_components.datapoint_cloud.clouds import http
from simulator.simulation import Simulation


@pytest.fixture(autouse=True)
def _integration(enable_custom_integrations: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


@pytest.fixture
def simulation(simulation: Simulation) -> Simulation:
    """All simulated clouds, none of which speaks before it is asked: what push changes is tested by itself."""
    simulation.gizwits_open.push.is_offered = False
    return simulation


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
