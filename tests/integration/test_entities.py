"""What entities there are for each cloud, what they show, and when they write a state."""

import time
from collections import Counter
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED, EntityCategory
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import AIR_CONDITIONER, HEATER, LAMP, PUMP, SPA, Product
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import KINDS, add_account, entity_id_of, make_entry, poll, state_of


def _gizwits(simulation: Simulation, product: Product) -> GizwitsDevice:
    server = simulation.gizwits_open
    return next(device for device in server.devices.values() if device.product is product and device.uid == server.uid)


def _sodata(simulation: Simulation, name: str) -> SoDataDevice:
    return next(device for device in simulation.sodata.devices.values() if device.name == name)


def _registered(hass: HomeAssistant, entry: MockConfigEntry) -> list[er.RegistryEntry]:
    return er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)


def _of_device(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> dict[str, er.RegistryEntry]:
    prefix = f"{entry.unique_id}_{device_id}_"
    return {
        entity.unique_id.removeprefix(prefix): entity
        for entity in _registered(hass, entry)
        if entity.unique_id.startswith(prefix)
    }


def _facts(hass: HomeAssistant, platform: str, entry: MockConfigEntry, *parts: str) -> tuple[Any, ...]:
    attributes = state_of(hass, platform, entry, *parts).attributes
    return tuple(attributes.get(name) for name in ("unit_of_measurement", "device_class", "state_class"))


@pytest.mark.parametrize("kind", KINDS)
async def test_every_entity_is_well_formed(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    coordinator = entry.runtime_data.coordinator
    expected = {
        f"{entry.unique_id}_{device_id}_{key}"
        for device_id, state in coordinator.fleet.items()
        for key in state.descriptions
    }
    entities = _registered(hass, entry)
    assert expected
    assert expected <= {entity.unique_id for entity in entities}
    for entity in entities:
        assert entity.unique_id.startswith(f"{entry.unique_id}_")
        assert entity.has_entity_name
        assert entity.original_name or entity.original_device_class
        assert entity.device_id is not None
        assert "datapoint_cloud" not in entity.entity_id
    assert len({entity.unique_id for entity in entities}) == len(entities)


@pytest.mark.parametrize("kind", KINDS)
async def test_entities_stay_the_same_over_a_restart(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    before = {entity.unique_id: (entity.entity_id, entity.disabled_by) for entity in _registered(hass, entry)}
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert {entity.unique_id: (entity.entity_id, entity.disabled_by) for entity in _registered(hass, entry)} == before


async def test_an_entity_id_of_the_users_own_stays(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    device = _gizwits(simulation, SPA)
    entity_id = entity_id_of(hass, "switch", entry, device.did, "bubble")
    er.async_get(hass).async_update_entity(entity_id, new_entity_id="switch.mine")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id_of(hass, "switch", entry, device.did, "bubble") == "switch.mine"
    assert hass.states.get("switch.mine") is not None


# The two Gizwits clouds


async def test_the_kinds_of_gizwits_datapoints(hass: HomeAssistant, simulation: Simulation) -> None:
    air, lamp = _gizwits(simulation, AIR_CONDITIONER), _gizwits(simulation, LAMP)
    entry = await add_account(hass, simulation, "gizwits_open")
    of_air = _of_device(hass, entry, air.did)
    assert {key: entity.domain for key, entity in of_air.items()} == {
        "$connectivity": "binary_sensor",
        "$problem": "binary_sensor",
        "$alarm": "event",
        "switch": "switch",
        "sleep": "switch",
        "mode": "select",
        "fan_speed": "select",
        "set_temp": "number",
        "outdoor_temp": "number",
        "room_temp": "sensor",
        "power": "sensor",
        "energy": "sensor",
        "filter_alert": "binary_sensor",
        "fault_sensor": "binary_sensor",
        "fault_comm": "binary_sensor",
    }
    assert {key for key, entity in of_air.items() if entity.disabled_by} == {
        "filter_alert",
        "fault_sensor",
        "fault_comm",
    }
    assert {key for key, entity in of_air.items() if entity.entity_category is EntityCategory.DIAGNOSTIC} == {
        "$connectivity",
        "filter_alert",
        "fault_sensor",
        "fault_comm",
    }
    assert of_air["fault_comm"].original_device_class == "problem"
    assert of_air["set_temp"].original_name == "Target temperature"

    of_lamp = _of_device(hass, entry, lamp.did)
    timers = [entity for key, entity in of_lamp.items() if key.startswith("Timer") and key != "TimerON"]
    assert len(timers) == 40
    assert {(timer.domain, timer.entity_category, timer.disabled_by) for timer in timers} == {
        ("sensor", EntityCategory.DIAGNOSTIC, er.RegistryEntryDisabler.INTEGRATION)
    }
    assert of_lamp["TimerON"].disabled_by is None


@pytest.mark.usefixtures("all_enabled")
async def test_what_gizwits_datapoints_show(hass: HomeAssistant, simulation: Simulation) -> None:
    air, spa, lamp, pump = (_gizwits(simulation, product) for product in (AIR_CONDITIONER, SPA, LAMP, PUMP))
    air.set(
        switch=True,
        sleep=False,
        mode="自动",
        set_temp=23,
        room_temp=-12.5,
        energy=0.07,
        fault_comm=True,
        fault_sensor=False,
    )
    spa.set(heat_reached=False, water_temp=37.5)
    pump.set(Voltage=23.91)
    entry = await add_account(hass, simulation, "gizwits_open")
    shown = {
        key: hass.states.get(entity.entity_id)
        for device in (air, spa, lamp, pump)
        for key, entity in _of_device(hass, entry, device.did).items()
        if device is not spa or key in {"heat_reached", "water_temp", "ozone_hours"}
    }
    states = {key: state.state for key, state in shown.items() if state is not None}
    assert len(states) == len(shown)
    assert (states["switch"], states["sleep"]) == ("on", "off")
    assert (states["mode"], float(states["set_temp"]), states["room_temp"], states["energy"]) == (
        "automatic",
        23,
        "-12.5",
        "0.07",
    )
    assert (states["fault_comm"], states["fault_sensor"]) == ("on", "off")
    assert (states["heat_reached"], states["water_temp"]) == ("off", "37.5")
    assert states["Voltage"] == "23.91"
    assert states["Timer01"] == "010064643200"
    assert states["SerialNumber"].startswith("53494d2d50554d50")
    # An older firmware reports nothing for it: unknown, not 0.
    assert states["ozone_hours"] == "unknown"
    assert all(state.attributes.get("icon") is None for state in shown.values() if state is not None)


@pytest.mark.parametrize(
    ("product", "key", "least", "greatest", "step", "mode"),
    [
        (AIR_CONDITIONER, "set_temp", 16, 30, 1, "auto"),
        (AIR_CONDITIONER, "outdoor_temp", -50, 49, 1, "auto"),
        (SPA, "set_temp", 20, 40, 0.5, "auto"),
        (SPA, "bubble_minutes", 0, 1440, 1, "box"),
        (LAMP, "Brightness", 10, 100, 1, "auto"),
        (PUMP, "Frequency", 0.5, 50, 0.1, "box"),
    ],
)
async def test_ranges_and_steps_are_scaled_once(
    hass: HomeAssistant,
    simulation: Simulation,
    product: Product,
    key: str,
    least: float,
    greatest: float,
    step: float,
    mode: str,
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    attributes = state_of(hass, "number", entry, _gizwits(simulation, product).did, key).attributes
    assert [attributes[name] for name in ("min", "max", "step", "mode")] == [least, greatest, step, mode]


async def test_a_value_beyond_its_range_and_an_unknown_option_are_not_lost(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    spa, air = _gizwits(simulation, SPA), _gizwits(simulation, AIR_CONDITIONER)
    air.set(mode="新模式", fan_speed=7)
    entry = await add_account(hass, simulation, "gizwits_open")
    assert float(state_of(hass, "number", entry, spa.did, "bubble_minutes").state) == 59940
    assert state_of(hass, "select", entry, air.did, "mode").state == "unknown"
    assert entry.runtime_data.coordinator.fleet[air.did].value("mode") == "新模式"


async def test_a_sensor_shows_a_value_that_the_schema_does_not_know(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    product = list(simulation.gizwits_enterprise.products.values())[1]
    meter = next(device for device in product.devices.values() if device.is_online)
    meter.set(tariff="深谷")
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    state = state_of(hass, "sensor", entry, meter.did, "tariff")
    assert state.state == "other"
    assert state.attributes["options"] == ["option_1", "option_2", "option_3", "option_4", "other"]
    assert state.attributes["device_class"] == "enum"
    meter.set(tariff="谷")
    await poll(hass, entry)
    assert state_of(hass, "sensor", entry, meter.did, "tariff").attributes["options"] == [
        "option_1",
        "option_2",
        "option_3",
        "option_4",
    ]


async def test_devices_of_one_name_keep_entities_of_their_own(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    heaters = [device for device in simulation.gizwits_open.devices.values() if device.product is HEATER]
    shown = [device for device in heaters if not device.is_disabled and device.alias == "电暖器"]
    assert len(shown) == 2
    assert len({entity_id_of(hass, "switch", entry, device.did, "lock_switch") for device in shown}) == 2


async def test_the_figures_of_accounts_and_products(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)  # shows the requests that the reports left
    devices = {
        key: [device for device in product.devices.values() if not device.is_disabled]
        for key, product in server.products.items()
    }
    everything = [device for of_product in devices.values() for device in of_product]
    for scope, of_scope in [((), everything), *(((key,), of_product) for key, of_product in devices.items())]:
        figures = {
            name: int(state_of(hass, "sensor", entry, *scope, f"${name}").state)
            for name in ("devices", "online", "faulty", "alerting")
        }
        assert figures == {
            "devices": len(of_scope),
            "online": sum(device.is_online for device in of_scope),
            "faulty": sum(device.has_active("fault") for device in of_scope),
            "alerting": sum(device.has_active("alert") for device in of_scope),
        }
    left = state_of(hass, "sensor", entry, "$requests_left")
    assert int(left.state) == server.quota_remaining
    oldest = er.async_get(hass).async_get(entity_id_of(hass, "sensor", entry, "$oldest_reading"))
    assert oldest is not None
    assert (oldest.entity_category, oldest.original_device_class) == (EntityCategory.DIAGNOSTIC, "timestamp")
    for key in devices:
        entity = er.async_get(hass).async_get(entity_id_of(hass, "sensor", entry, key, "$devices"))
        assert entity is not None
        assert entity.config_subentry_id is not None
        assert entry.subentries[entity.config_subentry_id].unique_id == key


# SoData


@pytest.mark.usefixtures("whole_fleets")
@pytest.mark.parametrize("variables_have_units", [True, False])
async def test_units_and_classes_of_sodata(
    hass: HomeAssistant, simulation: Simulation, variables_have_units: bool
) -> None:
    simulation.sodata.variables_have_units = variables_have_units
    ups, meter = _sodata(simulation, "Masterys U2 CDS"), _sodata(simulation, "Diris A-40")
    entry = await add_account(hass, simulation, "sodata")
    assert _facts(hass, SENSOR, entry, meter.uuid, "Global|0|150100") == ("kWh", "energy", "total_increasing")
    assert _facts(hass, SENSOR, entry, meter.uuid, "Load|0|150203") == ("kWh", "energy", "total_increasing")
    assert _facts(hass, SENSOR, entry, meter.uuid, "Load|0|150200") == ("A", "current", "measurement")
    assert _facts(hass, SENSOR, entry, meter.uuid, "Load|0|150201") == ("V", "voltage", "measurement")
    assert _facts(hass, SENSOR, entry, meter.uuid, "Load|0|150202") == ("W", "power", "measurement")
    assert _facts(hass, SENSOR, entry, ups.uuid, "Global|0|140122") == ("kVA", "apparent_power", "measurement")
    assert _facts(hass, SENSOR, entry, ups.uuid, "Global|0|140403") == ("%", "battery", "measurement")
    assert _facts(hass, SENSOR, entry, ups.uuid, "Unit|0|144010") == ("°C", "temperature", "measurement")
    assert _facts(hass, SENSOR, entry, ups.uuid, "Global|0|141941") == ("kWh", "energy", "total_increasing")


@pytest.mark.usefixtures("all_enabled")
async def test_what_else_sodata_tells(hass: HomeAssistant, simulation: Simulation) -> None:
    ups = _sodata(simulation, "Masterys U2 CDS")
    ups.set("Global", "0", "142000", " Eco mode ")
    ups.set("Global", "0", "141900", "0.5")
    ups.set("Global", "0", "140121", "")
    entry = await add_account(hass, simulation, "sodata")
    # What counts within a polling interval is no running total.
    assert _facts(hass, SENSOR, entry, ups.uuid, "Global|0|141900") == ("h", None, None)
    assert state_of(hass, SENSOR, entry, ups.uuid, "Global|0|141900").state == "0.5"
    assert _facts(hass, SENSOR, entry, ups.uuid, "Global|0|141940")[0] == "h"
    assert state_of(hass, SENSOR, entry, ups.uuid, "Global|0|142000").state == "Eco mode"
    assert state_of(hass, SENSOR, entry, ups.uuid, "Global|0|142100").state == "2.31b"
    # A number without a unit is not lost.
    assert _facts(hass, SENSOR, entry, ups.uuid, "Load|0|145003") == (None, None, "measurement")
    # An empty value, and one that was never reported, are unknown.
    assert state_of(hass, SENSOR, entry, ups.uuid, "Global|0|140121").state == "unknown"
    assert state_of(hass, SENSOR, entry, ups.uuid, "Global|0|140406").state == "unknown"


@pytest.mark.parametrize("variables_have_units", [True, False])
async def test_enough_of_sodata_is_enabled_and_not_all(
    hass: HomeAssistant, simulation: Simulation, variables_have_units: bool
) -> None:
    simulation.sodata.variables_have_units = variables_have_units
    ups = _sodata(simulation, "Masterys U2 CDS")
    entry = await add_account(hass, simulation, "sodata")
    entities = _of_device(hass, entry, ups.uuid)
    enabled = Counter(
        key.rpartition("|")[0] for key, entity in entities.items() if entity.disabled_by is None and "|" in key
    )
    assert set(enabled) == {"Global|0", "Unit|0", "Unit|1", "Load|0"}
    assert all(count <= 12 for count in enabled.values())
    # never reported, silent for two days, without a unit
    for key in ("Global|0|140406", "Unit|0|144011", "Global|0|140404", "Global|0|141935", "Global|0|142100"):
        assert entities[key].disabled_by is er.RegistryEntryDisabler.INTEGRATION
    # the energy dashboard's, the totals and the battery
    for key in ("Global|0|141941", "Global|0|140121", "Global|0|140100", "Global|0|140403"):
        assert entities[key].disabled_by is None


async def test_sodata_shows_one_problem_and_hides_each_alarm(hass: HomeAssistant, simulation: Simulation) -> None:
    ups = _sodata(simulation, "Masterys U2 CDS")
    entry = await add_account(hass, simulation, "sodata")
    entities = _of_device(hass, entry, ups.uuid)
    alarms = [entities[key] for key, variable in ups.variables.items() if variable.service.type == "Alarm"]
    assert len(alarms) > 40
    assert {(a.domain, a.original_device_class, a.disabled_by) for a in alarms} == {
        ("binary_sensor", "problem", er.RegistryEntryDisabler.INTEGRATION)
    }
    problem, alarm = entities["$problem"], entities["$alarm"]
    assert (problem.disabled_by, problem.entity_category) == (None, None)
    assert (alarm.disabled_by, alarm.entity_category) == (None, None)
    # The alarms of parts are told by the device itself.
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, ups.uuid), entry.entry_id)
    assert device is not None
    assert problem.device_id == device.id


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "Ups output energy"),
        ("fr", "Énergie fournie"),
        ("fr-CA", "Énergie fournie"),
        ("pt-BR", "Ups output energy"),
    ],
)
async def test_sodata_speaks_the_language_of_the_installation(
    hass: HomeAssistant, simulation: Simulation, language: str, name: str
) -> None:
    hass.config.language = language
    ups = _sodata(simulation, "Masterys U2 CDS")
    entry = await add_account(hass, simulation, "sodata")
    entities = _of_device(hass, entry, ups.uuid)
    assert entities["Global|0|141941"].original_name == name
    # without a title in this language, and without any
    assert entities["Global|0|140402"].original_name == "Battery current"
    assert entities["Global|0|141940"].original_name == "UPS statistic hours"


async def test_items_of_sodata_are_parts_of_their_device(hass: HomeAssistant, simulation: Simulation) -> None:
    ups = _sodata(simulation, "Masterys U2 CDS")
    entry = await add_account(hass, simulation, "sodata")
    entity = _of_device(hass, entry, ups.uuid)["Unit|1|144010"]
    assert entity.device_id is not None
    part = dr.async_get(hass).async_get(entity.device_id)
    assert isinstance(part, dr.ChildDeviceEntry)
    assert part.name == "Unit 2"
    parent = dr.async_get(hass).async_get(part.parent_device_id)
    assert parent is not None
    assert parent.name == "Masterys U2 CDS"


# Firstlight

_QUERY = "content/genre//day/"


def _usage(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    entities = _of_device(hass, entry, _QUERY)
    states = {key: hass.states.get(entity.entity_id) for key, entity in entities.items()}
    return {key: state.state for key, state in states.items() if state is not None}


async def test_firstlight_has_a_sensor_for_each_name(hass: HomeAssistant, simulation: Simulation) -> None:
    usage = simulation.firstlight.usages["content/genre"]
    usage.total = 100
    entry = await add_account(hass, simulation, "firstlight")
    assert _usage(hass, entry) == {
        "value:Drama": "40",
        "value:Comedy": "30",
        "value:Série & jeunesse": "20",
        "value:纪录片": "10",
    }
    drama = _of_device(hass, entry, _QUERY)["value:Drama"]
    assert (drama.original_name, drama.unit_of_measurement, drama.entity_category) == ("Drama", "plays", None)


async def test_new_names_of_firstlight_appear_without_a_reload(hass: HomeAssistant, simulation: Simulation) -> None:
    usage = simulation.firstlight.usages["content/genre"]
    usage.total = 100
    entry = await add_account(hass, simulation, "firstlight")
    usage.figures = {"Western": 7}
    await poll(hass, entry)
    assert _usage(hass, entry)["value:Western"] == "7"
    # What a later period does not count is unknown, not 0, and is still there.
    usage.figures = {}
    await poll(hass, entry)
    assert _usage(hass, entry)["value:Western"] == "unknown"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("number", {"total": "100"}),
        ("count", {"total": "100"}),
        ("object", {"value:Drama": "40", "value:Comedy": "30", "value:Série & jeunesse": "20", "value:纪录片": "10"}),
        ("rows", {"value:Drama": "40", "value:Comedy": "30", "value:Série & jeunesse": "20", "value:纪录片": "10"}),
        ("nested", {"value:Drama": "40", "value:Comedy": "30", "value:Série & jeunesse": "20", "value:纪录片": "10"}),
        ("null", {"total": "unknown"}),
        ("missing", {"total": "unknown"}),
        ("strange", {}),
    ],
)
async def test_every_shape_of_firstlights_data(
    hass: HomeAssistant, simulation: Simulation, shape: Any, expected: dict[str, str]
) -> None:
    simulation.firstlight.usages["content/genre"].total = 100
    simulation.firstlight.data_shape = shape
    entry = await add_account(hass, simulation, "firstlight")
    assert _usage(hass, entry) == expected


# When states are written


@pytest.mark.parametrize("kind", KINDS)
async def test_a_poll_that_brings_nothing_new_writes_no_state_of_a_device(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, kind: str
) -> None:
    for server in (simulation.gizwits_open, simulation.gizwits_enterprise):
        for did, device in list(server.describe_devices().items()):
            server.set_device(did, {"attrs": device["attrs"]})  # type: ignore[index]
    simulation.firstlight.usages["content/genre"].total = 100
    entry = await add_account(hass, simulation, kind)
    await poll(hass, entry)
    written = _writes(hass, entry)
    for product in simulation.gizwits_enterprise.products.values():
        for device in product.devices.values():
            device.clock = lambda: time.time() + 30  # seen online a moment later
    await poll(hass, entry)
    assert written == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_entity_writes_its_state_once(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = make_entry(hass, simulation, kind)
    written = _writes(hass, entry)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    times = Counter(written)
    of_devices = {entity.entity_id for entity in _registered(hass, entry) if not _is_figure(entity)} & times.keys()
    assert of_devices
    assert {times[entity_id] for entity_id in of_devices} == {1}


async def test_one_changed_value_writes_one_state(hass: HomeAssistant, simulation: Simulation) -> None:
    for did, device in simulation.gizwits_open.devices.items():
        simulation.gizwits_open.set_device(did, {"attrs": dict(device.attrs)})
    spa = _gizwits(simulation, SPA)
    entry = await add_account(hass, simulation, "gizwits_open")
    await poll(hass, entry)
    written = _writes(hass, entry)
    spa.set(water_temp=20.5)
    await poll(hass, entry)
    assert written == [entity_id_of(hass, "sensor", entry, spa.did, "water_temp")]


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
async def test_no_number_that_is_only_read_stands_in_the_log_of_activity(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    numbers = [state for state in hass.states.async_all(SENSOR) if state.state.replace(".", "").isdecimal()]
    assert numbers
    for state in numbers:
        assert {"state_class", "unit_of_measurement"} & state.attributes.keys(), state.entity_id
    assert entry.unique_id


async def test_the_oldest_reading_is_told_when_a_person_would_notice(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    entity_id = entity_id_of(hass, SENSOR, entry, "$oldest_reading")
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(60):
        freezer.tick(60)
        await poll(hass, entry)
    told = [change for change in changes if change.data["entity_id"] == entity_id]
    assert 3 <= len(told) <= 4


def _is_figure(entity: er.RegistryEntry) -> bool:
    return entity.domain == SENSOR and "_$" in entity.unique_id


def _writes(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """The entities, but for the account's figures, that write a state from now on."""
    figures = {entity.entity_id for entity in _registered(hass, entry) if _is_figure(entity)}
    written: list[str] = []

    @callback
    def note(event: Event[Any]) -> None:
        if event.data["entity_id"] not in figures:
            written.append(event.data["entity_id"])

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    hass.bus.async_listen(EVENT_STATE_REPORTED, note, event_filter=callback(lambda _: True))
    return written
