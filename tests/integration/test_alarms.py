"""Alarms: their binary sensors, and the events that fire when they are raised and cleared."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, entity_id_of, poll, state_of

_RAISED = "Fault_Overcurrent"


def _pump(simulation: Simulation) -> GizwitsDevice:
    server = simulation.gizwits_open
    pump = next(device for device in server.devices.values() if device.product is PUMP and device.uid == server.uid)
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    return pump


def _meter(simulation: Simulation) -> SoDataDevice:
    meter = next(device for device in simulation.sodata.devices.values() if device.name == "Diris A-40")
    meter.set("Global", "0", "150900", "0")
    return meter


def _events(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that lists the new events of a device's event entity, each once."""
    entity_id = entity_id_of(hass, "event", entry, device_id, "$alarm")
    changes = async_capture_events(hass, "state_changed")

    def events() -> list[dict[str, Any]]:
        states = [change.data["new_state"] for change in changes if change.data["entity_id"] == entity_id]
        events = [
            {key: state.attributes.get(key) for key in ("event_type", "key", "name")}
            for state in states
            if state is not None and state.state not in {"unknown", "unavailable"}
        ]
        changes.clear()
        return events

    return events


async def test_an_alarm_fires_an_event_when_it_is_raised_and_when_it_is_cleared(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    events = _events(hass, entry, pump.did)
    assert state_of(hass, "binary_sensor", entry, pump.did, "$problem").state == "off"

    pump.set(Fault_Overcurrent=True)
    await poll(hass, entry)
    assert events() == [{"event_type": "raised", "key": _RAISED, "name": "Motor overcurrent"}]
    problem = state_of(hass, "binary_sensor", entry, pump.did, "$problem")
    assert (problem.state, problem.attributes["active"]) == ("on", ["Motor overcurrent"])
    assert problem.attributes["device_class"] == "problem"

    await poll(hass, entry)
    assert events() == []

    pump.set(Fault_Overcurrent=False)
    await poll(hass, entry)
    assert events() == [{"event_type": "cleared", "key": _RAISED, "name": "Motor overcurrent"}]
    problem = state_of(hass, "binary_sensor", entry, pump.did, "$problem")
    assert (problem.state, problem.attributes["active"]) == ("off", [])


async def test_several_alarms_of_one_poll_fire_one_event_each(hass: HomeAssistant, simulation: Simulation) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    events = _events(hass, entry, pump.did)
    pump.set(Fault_Overcurrent=True, Fault_NoLoad=True)
    await poll(hass, entry)
    assert {event["key"] for event in events()} == {"Fault_Overcurrent", "Fault_NoLoad"}
    problem = state_of(hass, "binary_sensor", entry, pump.did, "$problem")
    assert sorted(problem.attributes["active"]) == ["Motor no load", "Motor overcurrent"]


async def test_no_alarm_fires_an_event_at_the_first_installation(hass: HomeAssistant, simulation: Simulation) -> None:
    pump = _pump(simulation)
    pump.set(Fault_Overcurrent=True)
    entry = await add_account(hass, simulation, "gizwits_open")
    await poll(hass, entry)
    assert state_of(hass, "binary_sensor", entry, pump.did, "$problem").state == "on"
    assert state_of(hass, "event", entry, pump.did, "$alarm").state == "unknown"


async def test_an_alarm_raised_while_home_assistant_was_down_fires_its_event_afterwards(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    events = _events(hass, entry, pump.did)
    assert await hass.config_entries.async_unload(entry.entry_id)
    pump.set(Fault_Overcurrent=True)
    freezer.tick(timedelta(minutes=5))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert [(event["event_type"], event["key"]) for event in events()] == [("raised", _RAISED)]


@pytest.mark.usefixtures("whole_fleets")
async def test_an_alarm_of_a_long_silent_device_fires_its_event_when_the_device_returns(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    meter = _meter(simulation)
    entry = await add_account(hass, simulation, "sodata")
    events = _events(hass, entry, meter.uuid)
    assert await hass.config_entries.async_unload(entry.entry_id)
    meter.set("Global", "0", "150900", "1")
    freezer.tick(timedelta(hours=3))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert events() == [{"event_type": "raised", "key": "Global|0|150900", "name": "Voltage out of range"}]


@pytest.mark.usefixtures("whole_fleets")
async def test_events_need_no_enabled_alarm_entity(hass: HomeAssistant, simulation: Simulation) -> None:
    meter = _meter(simulation)
    entry = await add_account(hass, simulation, "sodata")
    alarm_id = entity_id_of(hass, "binary_sensor", entry, meter.uuid, "Global|0|150900")
    alarm = er.async_get(hass).async_get(alarm_id)
    assert alarm is not None
    assert alarm.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    events = _events(hass, entry, meter.uuid)
    meter.set("Global", "0", "150900", "1")
    await poll(hass, entry)
    assert [event["event_type"] for event in events()] == ["raised"]


async def test_alarms_have_names_in_the_language_of_the_installation(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    hass.config.language = "fr"
    ups = next(device for device in simulation.sodata.devices.values() if device.name == "Masterys U2 CDS")
    for key in [key for key, variable in ups.variables.items() if variable.service.type == "Alarm"]:
        item_type, item_index, service_id = key.split("|")
        ups.set(item_type, item_index, service_id, "0")
    entry = await add_account(hass, simulation, "sodata")
    events = _events(hass, entry, ups.uuid)
    ups.set("Global", "0", "143000", "1")
    await poll(hass, entry)
    assert events() == [{"event_type": "raised", "key": "Global|0|143000", "name": "Surcharge"}]
    problem = state_of(hass, "binary_sensor", entry, ups.uuid, "$problem")
    assert problem.attributes["active"] == ["Surcharge"]


@pytest.mark.usefixtures("whole_fleets")
async def test_the_flags_of_the_fleet_are_shown_without_permission_to_read_values(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server = simulation.gizwits_enterprise
    server.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    devices = [device for product in server.products.values() for device in product.devices.values()]
    faulty = next(device for device in devices if device.is_online and device.has_active("fault"))
    healthy = next(
        device
        for device in devices
        if device.is_online
        and not device.is_disabled
        and not device.has_active("fault")
        and not device.has_active("alert")
    )
    assert state_of(hass, "binary_sensor", entry, faulty.did, "$problem").state == "on"
    assert state_of(hass, "binary_sensor", entry, healthy.did, "$problem").state == "off"
    healthy.set(**{next(a.name for a in healthy.product.attributes if a.type == "alert"): True})
    await poll(hass, entry)
    assert state_of(hass, "binary_sensor", entry, healthy.did, "$problem").state == "on"
