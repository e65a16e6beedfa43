"""Home Assistant with the integration in it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.clouds.firstlight.history import FirstlightHistory
from custom_components.datapoint_cloud.clouds.history import HistoryCapabilities
from custom_components.datapoint_cloud.clouds.transport import HttpTimings
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.profiles import Profiles
from custom_components.datapoint_cloud.timings import Timings, set_timings, timings_of
from simulator.simulation import Simulation

from .passing_time import ChangeTimings


@pytest.fixture(autouse=True)
def _integration(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    """Load the integration, whose accounts do not wait before they send a request again."""
    set_timings(hass, Timings(http=HttpTimings(longest_pause=0)))


@pytest.fixture
def our_profiles() -> None:
    """Use the project's own profiles."""


@pytest.fixture(autouse=True)
def _no_profiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the datapoints of the simulated devices as their definitions say, unless a test names `our_profiles`.

    A profile would replace the entities that most tests are about by a thermostat or a light.
    """
    if "our_profiles" not in request.fixturenames:
        monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles())


@pytest.fixture
def change_timings(hass: HomeAssistant) -> ChangeTimings:
    """Change durations of the integration: `change_timings(confirmation_reads=())`."""

    def change(**durations: Any) -> None:
        set_timings(hass, replace(timings_of(hass), **durations))

    return change


@pytest.fixture
def whole_fleets() -> None:
    """Keep all simulated devices."""


@pytest.fixture
async def simulation(
    request: pytest.FixtureRequest, hass: HomeAssistant, simulation: Simulation
) -> AsyncIterator[Simulation]:
    """All simulated clouds with a handful of devices each, without push; tests of push offer it themselves."""
    simulation.gizwits_open.push.is_offered = False
    if "whole_fleets" not in request.fixturenames:
        _leave_few_devices(simulation)
    yield simulation
    # Frozen time jumps at the end of a test, and polls that are due by then would reach clouds that are stopping.
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def fixed_time(freezer: FrozenDateTimeFactory) -> None:
    """Begin some seconds after all regular reports.

    A test names it before `simulation`, because the simulated devices make up their past when they are made.
    """
    freezer.move_to("2026-11-24T10:00:10Z")


@pytest.fixture
def setup_entry() -> Iterator[AsyncMock]:
    """Replace the set-up of an account by one that succeeds and does nothing."""
    with (
        patch("custom_components.datapoint_cloud.async_setup_entry", return_value=True) as setup,
        patch("custom_components.datapoint_cloud.async_unload_entry", return_value=True),
    ):
        yield setup


@pytest.fixture
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable every entity when it is added."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", property(lambda _: True))


@pytest.fixture
def without_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the accounts of Firstlight import nothing, as those of a cloud that keeps no past."""
    monkeypatch.setattr(FirstlightHistory, "capabilities", HistoryCapabilities(has_usage=True))


def _leave_few_devices(simulation: Simulation) -> None:
    for product in simulation.gizwits_enterprise.products.values():
        product.devices = dict(list(product.devices.items())[:4])
    sodata = simulation.sodata
    kept = {"Passerelle Sélestat", "Masterys U2 CDS", "Countis E50"}
    sodata.devices = {uuid: device for uuid, device in sodata.devices.items() if device.name in kept}
