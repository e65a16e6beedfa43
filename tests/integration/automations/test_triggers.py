"""Our triggers: each fires for what it says, for the devices that its target names, with variables in words."""

from collections.abc import Mapping
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr
from homeassistant.helpers import label_registry as lr
from homeassistant.helpers.trigger import (
    async_get_all_descriptions,
    async_initialize_triggers,
    async_validate_trigger_config,
)
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.device_registry import place_device_id
from custom_components.datapoint_cloud.fleet.presentation import CONNECTIVITY
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP, SPA
from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from ..accounts import add_account, entity_id_of, make_entry, poll
from ..passing_time import ChangeTimings, pass_time, settle
from ..subjects import air_conditioner, ups
from .automating import automate, device_of

pytestmark = pytest.mark.usefixtures("fixed_time", "hass_storage")

_MINUTE = 60
_HOUR = 60 * _MINUTE
_OVERCURRENT = "Motor overcurrent"


@pytest.fixture(autouse=True)
def _short_waits(change_timings: ChangeTimings) -> None:
    change_timings(online_log_delay=0, confirmation_reads=())


def _of(simulation: Simulation, product: object) -> GizwitsDevice:
    server = simulation.gizwits_open
    return next(device for device in server.devices.values() if device.product is product and device.uid == server.uid)


@pytest.fixture
def pump(simulation: Simulation) -> GizwitsDevice:
    """A pump without alarms."""
    pump = _of(simulation, PUMP)
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    return pump


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation, pump: GizwitsDevice) -> MockConfigEntry:
    """The account of the Open API, without push."""
    return await add_account(hass, simulation, "gizwits_open")


async def _raise(hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice, **alarms: bool) -> None:
    pump.set(**alarms)
    await poll(hass, entry)
    await settle(hass)


# Alarms


async def test_an_alarm_is_told_by_its_name_when_it_is_raised_and_when_it_is_over(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    notes = await automate(hass, "alarm_raised", note="{{ trigger.name }} | {{ trigger.message }}")
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    assert notes == ["鱼缸水泵 | Alarm: Motor overcurrent (Fault)"]
    await _raise(hass, entry, pump, Fault_Overcurrent=False)
    assert len(notes) == 1


async def test_the_end_of_an_alarm_has_its_name_and_severity(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    note = "{{ trigger.alarm }} | {{ trigger.severity }} | {{ trigger.severity_name }} | {{ trigger.key }}"
    notes = await automate(hass, "alarm_cleared", note=note)
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    await _raise(hass, entry, pump, Fault_Overcurrent=False)
    assert notes == ["Motor overcurrent | fault | Fault | Fault_Overcurrent"]


@pytest.mark.parametrize(
    ("options", "is_meant"),
    [
        ({"name": ["overcurrent"]}, True),
        ({"name": "OVERCURRENT"}, True),
        ({"name": ["Fault_Overcurrent"]}, True),
        ({"name": ["no load", "over"]}, True),
        ({"name": ["no load"]}, False),
        ({"severity": ["fault"]}, True),
        ({"severity": ["alert"]}, False),
        ({"severity": ["alert", "Fault"], "name": ["overcurrent"]}, True),
        ({"severity": ["fault"], "name": ["locked"]}, False),
    ],
)
async def test_an_alarm_is_chosen_by_name_and_severity(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice, options: Mapping[str, Any], is_meant: bool
) -> None:
    notes = await automate(hass, "alarm_raised", options=options)
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    assert bool(notes) is is_meant


async def test_an_alarm_is_told_only_when_it_has_lasted_for_as_long_as_the_user_chose(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice, freezer: FrozenDateTimeFactory
) -> None:
    note = "{{ trigger.alarm }} | {{ trigger.for }}"
    notes = await automate(hass, "alarm_raised", options={"for": {"minutes": 10}}, note=note)
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    await pass_time(hass, freezer, 5 * _MINUTE)
    await _raise(hass, entry, pump, Fault_NoLoad=True)  # another alarm of the same device begins no time anew
    await pass_time(hass, freezer, 4 * _MINUTE)
    assert notes == []
    await pass_time(hass, freezer, 2 * _MINUTE)
    assert notes == ["Motor overcurrent | 0:10:00"]
    await _raise(hass, entry, pump, Fault_NoLoad=False)
    await _raise(hass, entry, pump, Fault_Overcurrent=False)
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    await pass_time(hass, freezer, 9 * _MINUTE)
    assert len(notes) == 1
    await pass_time(hass, freezer, 2 * _MINUTE)
    assert len(notes) == 2


async def test_an_alarm_is_over_only_when_it_has_not_come_again_for_as_long_as_the_user_chose(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice, freezer: FrozenDateTimeFactory
) -> None:
    notes = await automate(hass, "alarm_cleared", options={"for": {"minutes": 10}, "name": ["overcurrent"]})
    for is_raised in (True, False, True, False):
        await _raise(hass, entry, pump, Fault_Overcurrent=is_raised, Fault_NoLoad=is_raised)
        await pass_time(hass, freezer, 6 * _MINUTE)
    assert notes == []
    await pass_time(hass, freezer, 5 * _MINUTE)
    assert notes == ["鱼缸水泵: Alarm is over: Motor overcurrent (Fault)"]


async def test_a_restart_does_not_begin_an_alarm_anew(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice, freezer: FrozenDateTimeFactory
) -> None:
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await pass_time(hass, freezer, 40 * _MINUTE)
    notes = await automate(hass, "alarm_raised", options={"for": {"hours": 1}})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await pass_time(hass, freezer, 19 * _MINUTE)
    assert notes == []
    await pass_time(hass, freezer, 2 * _MINUTE)
    assert len(notes) == 1


async def test_an_alarm_that_was_raised_when_its_account_was_added_is_no_news_however_long_it_lasts(
    hass: HomeAssistant, simulation: Simulation, pump: GizwitsDevice, freezer: FrozenDateTimeFactory
) -> None:
    pump.set(Fault_Overcurrent=True)
    notes = await automate(hass, "alarm_raised", options={"for": {"minutes": 10}})
    entry = await add_account(hass, simulation, "gizwits_open")
    await poll(hass, entry)
    await pass_time(hass, freezer, _HOUR)
    assert notes == []


def _set(device: SoDataDevice, key: str, value: str) -> None:
    item_type, item_index, service_id = key.split("|")
    device.set(item_type, item_index, service_id, value)


async def test_an_alarm_of_a_part_names_the_part_and_the_severity_of_its_cloud(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    device = ups(simulation)
    part, *_ = [key for key, variable in device.variables.items() if variable.service.type == "Alarm" and "Unit" in key]
    _set(device, part, "0")
    entry = await add_account(hass, simulation, "sodata")
    notes = await automate(hass, "alarm_raised", options={"severity": ["minor"]})
    _set(device, part, "1")
    await poll(hass, entry)
    (note,) = notes
    assert note.startswith("Masterys U2 CDS: Alarm: ")
    assert note.endswith(", Minor)")
    assert "(Unit " in note


async def test_the_message_is_in_the_language_of_home_assistant(
    hass: HomeAssistant, simulation: Simulation, pump: GizwitsDevice
) -> None:
    hass.config.language = "de"
    entry = await add_account(hass, simulation, "gizwits_open")
    notes = await automate(hass, "alarm_cleared")
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    await _raise(hass, entry, pump, Fault_Overcurrent=False)
    (note,) = notes
    assert "Alarm beendet: " in note
    assert note.endswith("(Störung)")


# Targets


async def _label(hass: HomeAssistant) -> str:
    return lr.async_get(hass).async_create("Watched").label_id


async def test_a_target_names_devices_by_themselves_and_by_all_that_they_belong_to(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    devices, entities = dr.async_get(hass), er.async_get(hass)
    device = device_of(hass, entry, pump.did)
    other = device_of(hass, entry, air_conditioner(simulation).did)
    floor = fr.async_get(hass).async_create("Cellar")
    area = ar.async_get(hass).async_create("Aquarium", floor_id=floor.floor_id)
    devices.async_update_device(device.id, area_id=area.id)
    label = await _label(hass)
    problem = entity_id_of(hass, "binary_sensor", entry, pump.did, "$problem")
    connectivity = entity_id_of(hass, "binary_sensor", entry, air_conditioner(simulation).did, CONNECTIVITY)
    targets: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"device_id": device.id}, True),
        ({"device_id": [other.id, device.id]}, True),
        ({"device_id": other.id}, False),
        ({"device_id": "gone"}, False),
        ({"area_id": area.id}, True),
        ({"floor_id": floor.floor_id}, True),
        ({"entity_id": problem}, True),
        ({"entity_id": connectivity}, False),
        ({"label_id": label}, False),
    ]
    all_notes = []
    for number, (target, _) in enumerate(targets):
        all_notes.append(await _added(hass, number, target))
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    assert [bool(notes) for notes in all_notes] == [is_meant for _, is_meant in targets]

    # A label that is given while the automation waits counts from then on, on the device, its area or an entity.
    labelled = all_notes[-1]
    for give in (
        lambda labels: devices.async_update_device(device.id, labels=labels),
        lambda labels: ar.async_get(hass).async_update(area.id, labels=labels),
        lambda labels: entities.async_update_entity(problem, labels=labels),
    ):
        labelled.clear()
        give({label})
        await _raise(hass, entry, pump, Fault_Overcurrent=False)
        await _raise(hass, entry, pump, Fault_Overcurrent=True)
        assert len(labelled) == 1
        give(set())


async def _added(hass: HomeAssistant, number: int, target: Mapping[str, Any]) -> list[str]:
    """Attach the trigger without an automation: one Home Assistant can set up automations from YAML only once."""
    notes: list[str] = []

    async def note(variables: Mapping[str, Any], context: object = None) -> None:
        notes.append(variables["trigger"]["message"])

    config = {"platform": f"{DOMAIN}.alarm_raised", "target": dict(target)}
    validated = await async_validate_trigger_config(hass, [config])
    detach = await async_initialize_triggers(hass, validated, note, "test", f"test {number}", lambda *_: None)
    assert detach is not None
    return notes


async def test_the_device_of_an_account_or_a_site_names_all_devices_that_belong_to_it(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    sodata = await add_account(hass, simulation, "sodata")
    coordinator = sodata.runtime_data.coordinator
    device = coordinator.fleet[ups(simulation).uuid].device
    site = place_device_id(coordinator, device.site_id)
    ids = [(sodata, site), (sodata, coordinator.account_id), (entry, entry.runtime_data.coordinator.account_id)]
    targets = [{"device_id": device_of(hass, account, found).id} for account, found in ids]
    all_notes = [await _added(hass, number, target) for number, target in enumerate(targets)]
    alarm = next(key for key, variable in ups(simulation).variables.items() if variable.service.type == "Alarm")
    for value in ("0", "1"):
        _set(ups(simulation), alarm, value)
        await poll(hass, sodata)
    assert [bool(notes) for notes in all_notes] == [True, True, False]


# Outages


async def test_a_device_that_goes_offline_is_told_with_the_reason_and_its_return_with_the_time(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    offline = await automate(hass, "device_went_offline", note="{{ trigger.reason_key }} | {{ trigger.message }}")
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    reason = "The device stopped responding because it lost its network or its power"
    assert offline == [f"no_heartbeat | Offline: {reason}"]


async def test_a_device_that_comes_back_is_told_with_how_long_it_was_gone(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    back = await automate(hass, "device_came_back", note="{{ trigger.message }} | {{ trigger.seconds }}")
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    freezer.tick(90 * _MINUTE)
    device.is_online = True
    await poll(hass, entry)
    await settle(hass)
    assert back == ["Back online after 1 h 30 min | 5400"]


async def test_a_cloud_without_a_log_says_only_that_the_device_is_silent(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    notes = await automate(hass, "device_went_offline")
    ups(simulation).is_silent = True
    await poll(hass, entry)
    freezer.tick(3 * _HOUR)
    await poll(hass, entry)
    await settle(hass)
    assert notes == ["Masterys U2 CDS: Offline: It has not reported for too long"]


async def _go(hass: HomeAssistant, entry: MockConfigEntry, device: GizwitsDevice, *, online: bool) -> None:
    device.is_online = online
    await poll(hass, entry)
    await settle(hass)


async def test_an_outage_is_told_only_after_the_time_that_the_user_chose(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    notes = await automate(hass, "device_went_offline", options={"for": {"hours": 1}}, note="{{ trigger.for }}")
    await _go(hass, entry, device, online=False)
    await pass_time(hass, freezer, 50 * _MINUTE)
    await _go(hass, entry, device, online=True)
    await pass_time(hass, freezer, 30 * _MINUTE)
    assert notes == []
    await _go(hass, entry, device, online=False)
    await pass_time(hass, freezer, 59 * _MINUTE)
    assert notes == []
    await pass_time(hass, freezer, 2 * _MINUTE)
    assert notes == ["1:00:00"]
    await pass_time(hass, freezer, 3 * _HOUR)
    assert len(notes) == 1


async def test_a_reload_neither_ends_an_outage_nor_repeats_it(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    notes = await automate(hass, "device_went_offline", options={"for": {"hours": 1}})
    await _go(hass, entry, device, online=False)
    await pass_time(hass, freezer, 30 * _MINUTE)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await pass_time(hass, freezer, 31 * _MINUTE)
    assert len(notes) == 1
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await pass_time(hass, freezer, 2 * _HOUR)
    assert len(notes) == 1


async def test_an_outage_that_is_long_enough_while_the_account_is_not_loaded_is_told_when_it_is(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    notes = await automate(hass, "device_went_offline", options={"for": {"hours": 1}})
    await _go(hass, entry, device, online=False)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await pass_time(hass, freezer, 2 * _HOUR)
    assert notes == []
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert len(notes) == 1


@pytest.mark.parametrize("key", ["device_went_offline", "alarm_raised"])
async def test_what_becomes_long_enough_while_home_assistant_restarts_is_told_once(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    pump: GizwitsDevice,
    freezer: FrozenDateTimeFactory,
    key: str,
) -> None:
    pump.set(Fault_Overcurrent=True)
    await _go(hass, entry, air_conditioner(simulation), online=False)
    await pass_time(hass, freezer, 50 * _MINUTE)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await pass_time(hass, freezer, 15 * _MINUTE)
    # The automation knows nothing of the time before, as after a restart.
    notes = await automate(hass, key, options={"for": {"hours": 1}})
    simulation.gizwits_open.faults.append(Fault(status=500))
    await hass.config_entries.async_setup(entry.entry_id)  # from what is stored: the cloud does not answer yet
    simulation.gizwits_open.faults.clear()
    await settle(hass)
    assert len(notes) == 1
    assert await hass.config_entries.async_reload(entry.entry_id)
    await pass_time(hass, freezer, 2 * _HOUR)
    assert len(notes) == 1


async def test_the_end_of_home_assistant_is_stored_although_nothing_has_changed(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    simulation.gizwits_open.faults.append(Fault(status=500))
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)  # nothing waits to be saved any more
    await pass_time(hass, freezer, _HOUR)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await settle(hass)
    stored = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    assert stored["announced_until"] == dt_util.utcnow().isoformat()


async def test_a_device_that_came_back_while_the_account_was_not_loaded_is_not_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    notes = await automate(hass, "device_went_offline", options={"for": {"hours": 1}})
    await _go(hass, entry, device, online=False)
    assert await hass.config_entries.async_unload(entry.entry_id)
    device.is_online = True
    await pass_time(hass, freezer, 30 * _MINUTE)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await pass_time(hass, freezer, 40 * _MINUTE)
    assert notes == []


async def test_an_automation_counts_an_outage_that_is_older_than_itself(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    await _go(hass, entry, air_conditioner(simulation), online=False)
    await pass_time(hass, freezer, 40 * _MINUTE)
    notes = await automate(hass, "device_went_offline", options={"for": {"hours": 1}})
    await pass_time(hass, freezer, 21 * _MINUTE)
    assert len(notes) == 1


async def test_a_device_that_went_offline_while_home_assistant_was_down_is_told_when_it_has_started(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    air_conditioner(simulation).is_online = False
    freezer.tick(_HOUR)
    hass.set_state(CoreState.starting)
    notes = await automate(hass, "device_went_offline")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert notes == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await settle(hass)
    assert len(notes) == 1


async def test_a_device_that_is_offline_when_its_account_is_added_is_no_news(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    air_conditioner(simulation).is_online = False
    notes = await automate(hass, "device_went_offline")
    entry = await add_account(hass, simulation, "gizwits_open")
    await poll(hass, entry)
    await settle(hass)
    assert notes == []


# Silence


async def test_a_device_that_stops_reporting_is_told_once(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    target = {"device_id": device_of(hass, entry, ups(simulation).uuid).id}
    notes = await automate(hass, "readings_became_stale", target=target)
    ups(simulation).is_silent = True
    for _ in range(6):
        freezer.tick(30 * _MINUTE)
        await poll(hass, entry)
    assert notes == ["Masterys U2 CDS: No readings since 02:00"]


async def test_silence_is_told_when_the_last_report_is_as_old_as_the_user_chose(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    target = {"device_id": device_of(hass, entry, ups(simulation).uuid).id}
    notes = await automate(hass, "readings_became_stale", target=target, options={"for": {"hours": 4}})
    ups(simulation).is_silent = True
    for _ in range(7):
        await pass_time(hass, freezer, 30 * _MINUTE)
        await poll(hass, entry)
    assert notes == []
    await pass_time(hass, freezer, 31 * _MINUTE)
    assert len(notes) == 1


# Commands


async def test_a_refused_command_is_told_with_what_was_refused_and_why(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    spa = _of(simulation, SPA)
    spa.fails_commands = True
    notes = await automate(hass, "command_refused", note="{{ trigger.datapoints }} | {{ trigger.message }}")
    with pytest.raises(HomeAssistantError):
        await _turn_on(hass, entry, spa)
    await settle(hass)
    reason = "The cloud could not send the command to Terrace spa. Try again."
    assert notes == [f"Bubbles | Command refused. {reason}"]


async def test_a_command_that_the_device_ignores_is_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    spa = _of(simulation, SPA)
    simulation.gizwits_open.write_delay = 3600
    notes = await automate(hass, "command_not_confirmed")
    await _turn_on(hass, entry, spa)
    freezer.tick(37)
    await settle(hass)
    assert notes == ["Terrace spa: Command not confirmed: Bubbles"]


async def _turn_on(hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice) -> None:
    entity_id = entity_id_of(hass, "switch", entry, spa.did, "bubble")
    await hass.services.async_call("switch", "turn_on", {"entity_id": entity_id}, blocking=True)


# Accounts


async def test_requests_that_are_nearly_spent_are_told_once(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    enterprise = await add_account(hass, simulation, "gizwits_enterprise")
    notes = await automate(hass, "requests_nearly_spent", options={"config_entry_id": enterprise.entry_id})
    simulation.gizwits_enterprise.quota_remaining = 310  # of 3,600; other clients have spent them
    await poll(hass, enterprise)
    await poll(hass, enterprise)
    assert notes == ["Account of gizwits_enterprise: Only 8% of the requests of an hour are left"]


async def test_a_device_that_is_added_later_is_told_and_its_alarms_from_then_on(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    notes = await automate(hass, "device_added", options={"config_entry_id": entry.entry_id})
    await _add_a_pump(hass, simulation, entry)
    assert notes == ["Second pump: Added to Account of gizwits_open"]


async def _add_a_pump(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> GizwitsDevice:
    server = simulation.gizwits_open
    pump = GizwitsDevice(
        product=PUMP, did="2" * 22, mac="2" * 12, clock=server.clock, alias="Second pump", uid=server.uid
    )
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    server.devices[pump.did] = pump
    entry.runtime_data.coordinator.inventory.listed_at = None
    await poll(hass, entry)
    await poll(hass, entry)
    await settle(hass)
    return pump


async def test_the_alarm_of_a_device_that_is_added_later_is_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    notes = await automate(hass, "alarm_raised")
    pump = await _add_a_pump(hass, simulation, entry)
    await _raise(hass, entry, pump, Fault_Overcurrent=True)
    assert notes == ["Second pump: Alarm: Motor overcurrent (Fault)"]


async def test_a_device_that_its_cloud_lists_no_more_is_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    notes = await automate(hass, "device_removed")
    del simulation.gizwits_open.devices[pump.did]
    for _ in range(3):
        entry.runtime_data.coordinator.inventory.listed_at = None
        await poll(hass, entry)
    await settle(hass)
    assert notes == ["鱼缸水泵: Removed from Account of gizwits_open"]


# The whole


async def test_one_automation_serves_several_accounts_before_they_exist_and_after_they_are_removed(
    hass: HomeAssistant, simulation: Simulation, pump: GizwitsDevice
) -> None:
    alarm = next(key for key, variable in ups(simulation).variables.items() if variable.service.type == "Alarm")
    _set(ups(simulation), alarm, "0")
    gizwits = make_entry(hass, simulation, "gizwits_open")
    notes = await automate(hass, "alarm_raised", note="{{ trigger.account }}")
    assert gizwits.state is ConfigEntryState.NOT_LOADED
    assert await hass.config_entries.async_setup(gizwits.entry_id)
    sodata = await add_account(hass, simulation, "sodata")
    pump.set(Fault_Overcurrent=True)
    _set(ups(simulation), alarm, "1")
    for entry in (gizwits, sodata):
        await poll(hass, entry)
    assert notes == ["Account of gizwits_open", "Account of sodata"]
    assert await hass.config_entries.async_remove(gizwits.entry_id)
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.test"}, blocking=True)
    _set(ups(simulation), alarm, "0")
    await poll(hass, sodata)
    _set(ups(simulation), alarm, "1")
    await poll(hass, sodata)
    assert len(notes) == 2


async def test_every_trigger_is_described(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    descriptions = await async_get_all_descriptions(hass)
    ours = {key.partition(".")[2]: found for key, found in descriptions.items() if key.startswith(f"{DOMAIN}.")}
    assert all(ours.values())
    assert len(ours) == 10
