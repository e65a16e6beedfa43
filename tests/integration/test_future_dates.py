"""Readings dated in the future: they count from the time they arrived, and do not block later readings."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, make_entry, poll, state_of
from .pushed import Pushed
from .subjects import SUBJECTS, air_conditioner, chiller, ups

_AHEAD_SECONDS = 36_000
_DATING_KINDS = ("gizwits_open", "gizwits_enterprise", "sodata")


def _device(simulation: Simulation, kind: str) -> GizwitsDevice | SoDataDevice:
    found: dict[str, Callable[[Simulation], GizwitsDevice | SoDataDevice]] = {
        "gizwits_open": air_conditioner,
        "gizwits_enterprise": chiller,
        "sodata": ups,
    }
    return found[kind](simulation)


def _clock(ahead: float) -> Callable[[], float]:
    return lambda: time.time() + ahead


def _connectivity(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, kind: str) -> str:
    device_id = SUBJECTS[kind].device_id(simulation)
    return state_of(hass, "binary_sensor", entry, device_id, "$connectivity").state


def _report_ahead(simulation: Simulation, kind: str, value: int) -> None:
    """Let a device report a value to which the cloud gives a date in the future."""
    device = _device(simulation, kind)
    if isinstance(device, GizwitsDevice) and kind == "gizwits_enterprise":
        row = {"ts": int(time.time() + _AHEAD_SECONDS), "attrs": {"set_temp": value}}
        body = json.dumps({"meta": {"total": 1, "limit": 20, "skip": 0}, "objects": [row]})
        is_ours: Callable[[web.Request], bool] = lambda request: request.path.endswith(f"{device.did}/data")  # noqa: E731
        simulation.gizwits_enterprise.faults.append(Fault(matches=is_ours, body=body, times=1))
        return
    device.clock = _clock(_AHEAD_SECONDS)
    SUBJECTS[kind].report(simulation, value)


@pytest.mark.parametrize("kind", _DATING_KINDS)
async def test_readings_after_one_from_the_future_are_shown(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject, device = SUBJECTS[kind], _device(simulation, kind)
    subject.report(simulation, 16)
    entry = await add_account(hass, simulation, kind)
    freezer.tick(60)
    _report_ahead(simulation, kind, 17)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 17
    freezer.tick(60)
    device.clock = _clock(0)
    subject.report(simulation, 18)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 18


@pytest.mark.parametrize("kind", _DATING_KINDS)
async def test_a_stored_reading_from_the_future_blocks_nothing_after_a_restart(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    fixed_time: None,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
) -> None:
    subject = SUBJECTS[kind]
    subject.report(simulation, 16)
    entry = make_entry(hass, simulation, kind)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await hass.config_entries.async_unload(entry.entry_id)
    future = "2027-11-24T10:00:00+00:00"
    stored = hass_storage[f"datapoint_cloud.{entry.entry_id}"]["data"]["readings"]
    for of_device in stored.values():
        of_device |= {"read_at": future, "reported_at": future}
        of_device["readings"] = {key: [value, future] for key, (value, _) in of_device["readings"].items()}
    freezer.tick(600)
    subject.report(simulation, 17)
    freezer.tick(5)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 17


@pytest.mark.parametrize("kind", _DATING_KINDS)
async def test_our_own_clock_may_be_set_back(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    freezer.tick(_AHEAD_SECONDS)
    subject.report(simulation, 16)
    entry = await add_account(hass, simulation, kind)
    coordinator = entry.runtime_data.coordinator
    freezer.tick(60)
    freezer.move_to(coordinator.fleet[subject.device_id(simulation)].read_at - timedelta(seconds=_AHEAD_SECONDS))
    subject.report(simulation, 17)
    freezer.tick(1)
    await poll(hass, entry)
    coordinator.inventory.listed_at = None
    await coordinator.async_read_device(subject.device_id(simulation))
    assert float(subject.state(hass, simulation, entry)) == 17


async def test_a_date_in_the_future_does_not_make_a_silent_device_connected(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    device.no_communication_period = 30
    device.clock = _clock(_AHEAD_SECONDS)
    SUBJECTS["sodata"].report(simulation, 17)
    entry = await add_account(hass, simulation, "sodata")
    device.is_silent = True
    assert _connectivity(hass, simulation, entry, "sodata") == "on"
    for _ in range(4):
        freezer.tick(600)
        await poll(hass, entry)
    assert _connectivity(hass, simulation, entry, "sodata") == "off"
    # It does not connect when that date comes, nor after a restart.
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert _connectivity(hass, simulation, entry, "sodata") == "off"
    freezer.tick(_AHEAD_SECONDS)
    await poll(hass, entry)
    assert _connectivity(hass, simulation, entry, "sodata") == "off"


async def test_a_device_whose_clock_is_ahead_is_connected_as_long_as_it_reports(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = ups(simulation)
    device.no_communication_period = 30
    device.clock = _clock(_AHEAD_SECONDS)
    entry = await add_account(hass, simulation, "sodata")
    for value in range(10, 20):
        freezer.tick(600)
        SUBJECTS["sodata"].report(simulation, value)
        await poll(hass, entry)
        assert _connectivity(hass, simulation, entry, "sodata") == "on"
        assert float(SUBJECTS["sodata"].state(hass, simulation, entry)) == value


async def test_an_event_from_the_future_does_not_delay_later_ones(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    pushed = Pushed(hass, simulation, freezer, "gizwits_enterprise")
    await pushed.add()
    pushed.report(8)
    await pushed.wait_for_value(8)
    future = time.time() + _AHEAD_SECONDS
    snoti = simulation.gizwits_snoti
    snoti.report(pushed.device, {pushed.key: 9}, created_at=future)
    snoti.push(pushed.device.product.key, "device.offline", pushed.device, created_at=future)
    await pushed.wait_for_value(9)
    await pushed.wait_for_state("$connectivity", "off")
    freezer.tick(5)
    snoti.report(pushed.device, {pushed.key: 10}, created_at=time.time())
    snoti.push(pushed.device.product.key, "device.online", pushed.device, created_at=time.time())
    await pushed.wait_for_value(10)
    await pushed.wait_for_state("$connectivity", "on")
