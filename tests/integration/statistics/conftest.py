"""A recorder, a few devices, and an account with a history that the test controls."""

import logging
from datetime import datetime
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.entries import cloud_of
from simulator.simulation import Simulation

from ..accounts import add_account
from .generated_history import GeneratedHistory
from .recording import NOW, meters_of


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


@pytest.fixture
def device_names() -> set[str]:
    """Return the device_names of the devices that the simulation keeps: one with meters and measurements."""
    return {"Countis E50"}


@pytest.fixture
def _few_devices(recorder_mock: Recorder, simulation: Simulation, device_names: set[str]) -> None:
    """Set up a recorder that does not log each statement, and few devices."""
    devices = simulation.sodata.devices
    simulation.sodata.devices = {uuid: device for uuid, device in devices.items() if device.name in device_names}
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture
def now(freezer: FrozenDateTimeFactory) -> datetime:
    freezer.move_to(NOW)
    return NOW


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> GeneratedHistory:
    """Replace the history of the accounts that the test adds."""
    history = GeneratedHistory()

    def cloud_with_history(*args: Any) -> Cloud:
        cloud = cloud_of(*args)
        cloud.history = history
        return cloud

    monkeypatch.setattr(integration, "cloud_of", cloud_with_history)
    return history


@pytest.fixture
async def entry(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> MockConfigEntry:
    entry = await add_account(hass, simulation, "sodata")
    history.is_meter = meters_of(hass, entry)
    await async_wait_recording_done(hass)
    return entry
