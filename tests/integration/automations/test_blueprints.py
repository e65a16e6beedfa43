"""Each blueprint: an automation is made of it, what it waits for happens, and its actions run."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint import importer
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP, SPA
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from ..accounts import add_account, poll
from ..passing_time import ChangeTimings, let_traffic_arrive, pass_time, settle
from ..subjects import air_conditioner, ups
from .automating import add_automation, device_of

pytestmark = pytest.mark.usefixtures("recorder_mock", "blueprints", "fixed_time")

_FOLDER = Path(__file__).parents[3] / "blueprints"
_OURS = _FOLDER / "automation" / "datapoint_cloud"
_FILES = sorted(_OURS.glob("*.yaml"))
_NOTE = [{"action": "test.note", "data": {"text": "{{ title }} | {{ message }}"}}]
_MINUTE = 60
_HOUR = 60 * _MINUTE


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


@pytest.fixture
def blueprints(hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant find the blueprints of the project in its configuration."""
    (tmp_path / "blueprints").symlink_to(_FOLDER)
    of_home = hass.config.path
    monkeypatch.setattr(
        hass.config,
        "path",
        lambda *parts: str(tmp_path.joinpath(*parts)) if parts[0] == "blueprints" else of_home(*parts),
    )


@pytest.fixture(autouse=True)
async def _end_of_automations(hass: HomeAssistant) -> AsyncIterator[None]:
    """Turn the automations off at the end, so that none waits for a time any more."""
    yield
    if hass.services.has_service("automation", "turn_off"):
        await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


@pytest.fixture(autouse=True)
def _no_delay(change_timings: ChangeTimings) -> None:
    change_timings(online_log_delay=0, pending_for=timedelta(0), confirmation_reads=())


async def _use(hass: HomeAssistant, name: str, **inputs: Any) -> list[str]:
    """Add an automation made of a blueprint; return the notes that its actions leave."""
    inputs.setdefault("actions", _NOTE)
    config = {"use_blueprint": {"path": f"datapoint_cloud/{name}.yaml", "input": inputs}}
    return await add_automation(hass, config)


def _of(simulation: Simulation, product: object) -> GizwitsDevice:
    server = simulation.gizwits_open
    return next(device for device in server.devices.values() if device.product is product and device.uid == server.uid)


def _pump(simulation: Simulation) -> GizwitsDevice:
    pump = _of(simulation, PUMP)
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    return pump


# The files


def test_there_are_the_blueprints_that_the_documentation_names() -> None:
    docs = (_FOLDER.parent / "docs" / "automations.md").read_text(encoding="utf-8")
    assert len(_FILES) == 7
    for file in _FILES:
        assert f"blueprints/automation/datapoint_cloud/{file.name}" in docs


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
async def test_a_blueprint_can_be_imported_from_where_it_says_that_it_is(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, file: Path
) -> None:
    text = await hass.async_add_executor_job(file.read_text)
    written = Blueprint(load_yaml_dict(file), expected_domain="automation", schema=AUTOMATION_BLUEPRINT_SCHEMA)
    url = written.metadata["source_url"]
    repository = "https://github.com/datapoint-cloud/datapoint-cloud/blob/main/"
    assert url == repository + str(file.relative_to(_FOLDER.parent))
    raw = url.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")
    aioclient_mock.get(raw, text=text)  # type: ignore[no-untyped-call]
    imported = await importer.fetch_blueprint_from_url(hass, url)
    assert imported.suggested_filename == f"datapoint-cloud/{file.stem}"
    assert imported.blueprint.validate() is None
    assert set(imported.blueprint.inputs) == set(written.inputs)
    assert all(field["name"] and field["selector"] for field in written.inputs.values())


# What they do


async def test_alarms_are_told_with_their_names(hass: HomeAssistant, simulation: Simulation) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    notes = await _use(hass, "alarm_raised", severities=["fault"])
    for is_raised in (True, False):
        pump.set(Fault_Overcurrent=is_raised, Fault_NoLoad=is_raised)
        await poll(hass, entry)
    told = ["鱼缸水泵 | Alarm: Motor overcurrent (Fault)", "鱼缸水泵 | Alarm is over: Motor overcurrent (Fault)"]
    assert notes == told


async def test_the_message_of_an_untouched_blueprint_appears_in_home_assistant(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    assert await async_setup_component(hass, "persistent_notification", {})
    await add_automation(hass, {"use_blueprint": {"path": "datapoint_cloud/alarm_raised.yaml", "input": {}}})
    created: list[Any] = []
    hass.bus.async_listen("call_service", lambda event: created.append(event.data))
    pump.set(Fault_Overcurrent=True)
    await poll(hass, entry)
    (call,) = [data for data in created if data["domain"] == "persistent_notification"]
    assert call["service_data"] == {"title": "鱼缸水泵", "message": "Alarm: Motor overcurrent (Fault)"}


async def test_a_device_is_told_when_it_has_been_offline_for_an_hour(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    notes = await _use(hass, "device_offline")

    async def go(*, online: bool, after: float) -> None:
        device.is_online = online
        await poll(hass, entry)
        await settle(hass)
        await pass_time(hass, freezer, after)

    await go(online=False, after=50 * _MINUTE)
    await go(online=True, after=_MINUTE)
    assert notes == []
    await go(online=False, after=61 * _MINUTE)
    await go(online=True, after=_MINUTE)
    lost, back = notes
    assert lost.endswith("| Offline: The device stopped responding because it lost its network or its power")
    assert back.endswith("| Back online after 1 h 1 min")


def _alarms(simulation: Simulation, **values: str) -> None:
    """Set alarms of the UPS by their titles, with underscores for blanks."""
    device = ups(simulation)
    for title, value in values.items():
        key = next(
            key
            for key, variable in device.variables.items()
            if variable.service.translations.get("en", {}).get("title") == title.replace("_", " ")
        )
        _set(device, key, value)


def _set(device: SoDataDevice, key: str, value: str) -> None:
    item_type, item_index, service_id = key.split("|")
    device.set(item_type, item_index, service_id, value)


@pytest.fixture
async def sodata(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    """An account whose UPS has no alarm."""
    _alarms(simulation, Mains_supply_out_of_tolerance="0", Battery_discharged="0", Imminent_stop="0")
    return await add_account(hass, simulation, "sodata")


async def _guard(hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry, **inputs: Any) -> list[str]:
    shut_down = [{"action": "test.note", "data": {"text": "shut down: {{ message }}"}}]
    target = {"device_id": device_of(hass, sodata, ups(simulation).uuid).id}
    tell = [{"action": "test.note", "data": {"text": "tell: {{ message }}"}}]
    config = {"ups": target, "shut_down": shut_down, "tell": tell} | inputs
    return await add_automation(
        hass, {"use_blueprint": {"path": "datapoint_cloud/ups_on_battery.yaml", "input": config}}
    )


async def _report(entry: MockConfigEntry) -> None:
    """Poll, and let the automation go on to its next wait: Home Assistant is not done while it waits."""
    await entry.runtime_data.coordinator.async_refresh()
    await _turn()


async def _turn() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def _wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory, minutes: float) -> None:
    freezer.tick(timedelta(minutes=minutes))
    async_fire_time_changed(hass)
    await _turn()


async def test_a_ups_shuts_down_when_the_mains_stays_away(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    notes = await _guard(hass, simulation, sodata)
    lost = "Masterys U2 CDS: Alarm: Mains supply out of tolerance (Minor)"
    back = "Masterys U2 CDS: Alarm is over: Mains supply out of tolerance (Minor)"
    for value, minutes in (("1", 9), ("0", 20), ("1", 11)):
        _alarms(simulation, Mains_supply_out_of_tolerance=value)
        await _report(sodata)
        await _wait(hass, freezer, minutes)
    assert notes == [f"tell: {lost}", f"tell: {back}", f"tell: {lost}", f"shut down: {lost}"]


async def test_a_ups_shuts_down_at_once_when_its_battery_is_low(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    notes = await _guard(hass, simulation, sodata)
    _alarms(simulation, Mains_supply_out_of_tolerance="1")
    await _report(sodata)
    freezer.tick(_MINUTE)
    _alarms(simulation, Battery_discharged="1")
    await _report(sodata)
    await _wait(hass, freezer, 20)
    assert [note.partition(":")[0] for note in notes] == ["tell", "tell", "shut down"]
    assert "Battery discharged" in notes[2]


async def test_a_ups_shuts_down_at_once_although_no_message_can_be_sent(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    notes = await _guard(hass, simulation, sodata, tell=[{"action": "notify.over_the_lost_internet"}])
    _alarms(simulation, Battery_discharged="1", Mains_supply_out_of_tolerance="1")
    await _report(sodata)
    assert {note.partition(":")[0] for note in notes} == {"shut down"}


@pytest.mark.parametrize(("is_mains_back", "is_heard"), [(False, True), (True, True), (False, False)])
async def test_a_ups_shuts_down_after_a_restart_if_it_still_reports_that_it_runs_on_battery(
    hass: HomeAssistant,
    simulation: Simulation,
    sodata: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    is_mains_back: bool,
    is_heard: bool,
) -> None:
    _alarms(simulation, Mains_supply_out_of_tolerance="1")
    await _report(sodata)
    hass.set_state(CoreState.starting)
    notes = await _guard(hass, simulation, sodata)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await _turn()
    if is_mains_back:
        _alarms(simulation, Mains_supply_out_of_tolerance="0")
    await _wait(hass, freezer, 9)
    if is_heard:
        await _report(sodata)
    await _wait(hass, freezer, 2 if is_heard else 60)
    shut_down = ["shut down: UPS: still on battery"]
    back = ["tell: Masterys U2 CDS: Alarm is over: Mains supply out of tolerance (Minor)"]
    assert notes == (back if is_mains_back else shut_down if is_heard else [])


async def test_a_ups_shuts_down_by_its_mode_and_its_charge(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.mode", "Normal mode")
    hass.states.async_set("sensor.charge", "90")
    notes = await _guard(hass, simulation, sodata, mode_sensors=["sensor.mode"], charge_sensors=["sensor.charge"])
    for state in ("unavailable", "Normal mode", "Battery mode"):
        hass.states.async_set("sensor.mode", state)
        await _turn()
    assert notes == ["tell: mode: Battery mode"]
    hass.states.async_set("sensor.charge", "29")
    await _turn()
    assert notes[1:] == ["tell: charge: 29", "shut down: charge: 29"]
    hass.states.async_set("sensor.mode", "Normal mode")
    for charge in ("unavailable", "25"):
        hass.states.async_set("sensor.charge", charge)
        await _turn()
    assert notes[3:] == ["tell: mode: Normal mode"]


async def _heater(hass: HomeAssistant, simulation: Simulation) -> tuple[str, MockConfigEntry, GizwitsDevice]:
    spa = _of(simulation, SPA)
    spa.set(heat_power=False)
    assert await async_setup_component(hass, "homeassistant", {})
    entry = await add_account(hass, simulation, "gizwits_open")
    registered = er.async_entries_for_device(er.async_get(hass), device_of(hass, entry, spa.did).id)
    return next(entity.entity_id for entity in registered if entity.domain == "switch"), entry, spa


async def test_a_spa_heats_while_solar_power_is_left(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    heater, *_ = await _heater(hass, simulation)
    hass.states.async_set("sensor.export", "0")
    calls = _calls(hass, "switch")
    await _use(hass, "spa_surplus", heater=heater, surplus=["sensor.export"])
    seen = []
    for watts, minutes in ((2500, 9), (1000, 5), (2500, 11), (100, 20), (-300, 11)):
        hass.states.async_set("sensor.export", str(watts))
        await _turn()
        await _wait(hass, freezer, minutes)
        seen.append([call["service"] for call in calls])
    await let_traffic_arrive()
    assert seen == [[], [], ["turn_on"], ["turn_on"], ["turn_on", "turn_off"]]
    assert {call["service_data"]["entity_id"][0] for call in calls} == {heater}


async def test_a_spa_heats_while_power_is_cheap_and_goes_on_if_the_sun_shines(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    heater, *_ = await _heater(hass, simulation)
    hass.states.async_set("sensor.export", "500")
    hass.states.async_set("schedule.cheap", "off")
    calls = _calls(hass, "switch")
    await _use(hass, "spa_surplus", heater=heater, surplus=["sensor.export"], cheap=["schedule.cheap"])
    for watts in ("500", "-900"):
        hass.states.async_set("sensor.export", watts)
        for state in ("on", "off"):
            hass.states.async_set("schedule.cheap", state)
            await hass.async_block_till_done()
    assert [call["service"] for call in calls] == ["turn_on", "turn_on", "turn_off"]


async def test_a_spa_that_is_offline_is_left_alone(hass: HomeAssistant, simulation: Simulation) -> None:
    heater, entry, spa = await _heater(hass, simulation)
    hass.states.async_set("schedule.cheap", "off")
    calls = _calls(hass, "switch")
    await _use(hass, "spa_surplus", heater=heater, cheap=["schedule.cheap"])
    spa.is_online = False
    await poll(hass, entry)
    await settle(hass)
    hass.states.async_set("schedule.cheap", "on")
    await hass.async_block_till_done()
    assert calls == []


def _calls(hass: HomeAssistant, domain: str) -> list[Mapping[str, Any]]:
    calls: list[Mapping[str, Any]] = []

    def record(event: Any) -> None:
        if event.data["domain"] == domain:
            calls.append(event.data)

    hass.bus.async_listen("call_service", record)
    return calls


async def test_a_filter_is_told_when_it_is_due_and_every_week_until_it_is_done(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = next(
        device for device in simulation.gizwits_open.devices.values() if "filter_alert" in device.attrs and device.uid
    )
    device.set(filter_alert=False)
    entry = await add_account(hass, simulation, "gizwits_open")
    target = {"device_id": device_of(hass, entry, device.did).id}
    notes = await _use(hass, "filter_due", devices=target, weekday="wed", time="12:00:00")
    device.set(filter_alert=True)
    await poll(hass, entry)
    (due,) = notes
    assert "| Alarm: Filter" in due
    await _until(hass, freezer, "2026-11-24T12:00:10")
    await _until(hass, freezer, "2026-11-25T11:59:50")
    assert len(notes) == 1
    await _until(hass, freezer, "2026-11-25T12:00:10")
    (reminder,) = notes[1:]
    name, alarm = due.partition(" | Alarm: ")[::2]
    assert reminder == f"Filter | Still to be cleaned or replaced: {name} ({alarm.partition(' (')[0]})"
    device.set(filter_alert=False)
    await poll(hass, entry)
    await _until(hass, freezer, "2026-12-01T12:00:10")
    await _until(hass, freezer, "2026-12-02T12:00:10")
    assert len(notes) == 2


async def test_a_counter_of_a_filter_is_told_when_it_is_low(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    await add_account(hass, simulation, "gizwits_open")
    hass.states.async_set("sensor.filter_life", "11", {"friendly_name": "Filter life", "unit_of_measurement": "%"})
    notes = await _use(
        hass, "filter_due", alarms=["cartridge"], counters=["sensor.filter_life"], weekday="wed", time="12:00:00"
    )
    hass.states.async_set("sensor.filter_life", "9", {"friendly_name": "Filter life", "unit_of_measurement": "%"})
    await hass.async_block_till_done()
    assert notes == ["Filter life | The filter is due: 9 %"]
    await _until(hass, freezer, "2026-11-25T12:00:10")
    assert notes[1:] == ["Filter | Still to be cleaned or replaced: Filter life (9 %)"]


async def _until(hass: HomeAssistant, freezer: FrozenDateTimeFactory, local: str) -> None:
    """Let time pass until a time of Home Assistant."""
    time = dt_util.parse_datetime(local)
    assert time is not None
    await pass_time(
        hass, freezer, (time.replace(tzinfo=dt_util.get_default_time_zone()) - dt_util.utcnow()).total_seconds()
    )


async def test_the_report_of_the_week_names_what_is_offline_and_what_has_an_alarm(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    pump = _pump(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    await add_account(hass, simulation, "sodata")
    notes = await _use(hass, "weekly_report", account=entry.entry_id, weekday="wed", time="08:00:00")
    pump.set(Fault_Overcurrent=True)
    pump.is_online = True
    await poll(hass, entry)
    pump.is_online = False
    await poll(hass, entry)
    await settle(hass)
    await _until(hass, freezer, "2026-11-25T08:00:10")
    (note,) = notes
    assert note.startswith("Devices: the report of the week | ")
    devices = [state for state in entry.runtime_data.coordinator.fleet.values() if not state.device.is_service]
    assert f"{len(devices)} devices, " in note
    assert "Offline: " in note
    assert "鱼缸水泵" in note.partition("Offline: ")[2].partition(".")[0]
    assert "鱼缸水泵: Motor overcurrent" in note.partition("Alarms: ")[2]


async def test_the_energy_of_the_last_month_is_added_up_for_each_site(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    registered = er.async_entries_for_config_entry(er.async_get(hass), sodata.entry_id)
    meters = [
        entity.entity_id for entity in registered if entity.original_device_class == "energy" and not entity.disabled
    ]
    for entity_id in meters:
        _put_statistics(hass, entity_id)
    await async_wait_recording_done(hass)
    notes = await _use(hass, "monthly_energy", meters=meters)
    await _until(hass, freezer, "2026-11-25T08:00:10")
    assert notes == []
    await _until(hass, freezer, "2026-12-01T08:00:10")
    await hass.async_block_till_done(wait_background_tasks=True)
    (note,) = notes
    title, _, message = note.partition(" | ")
    assert title == "The energy of November 2026"
    assert message.split("  ") == ["(FR) Usine de Sélestat: 40.0 kWh", "London Docklands: 80.0 kWh"]


def _put_statistics(hass: HomeAssistant, entity_id: str) -> None:
    """Import 20 kWh used in November, and 5 in October."""
    metadata = StatisticMetaData(
        has_sum=True,
        mean_type=StatisticMeanType.NONE,
        name=None,
        source="recorder",
        statistic_id=entity_id,
        unit_class="energy",
        unit_of_measurement="kWh",
    )
    rows = [
        StatisticData(start=datetime(*when, tzinfo=dt_util.UTC), state=total, sum=total)
        for when, total in (((2026, 10, 2), 0), ((2026, 10, 20), 5), ((2026, 11, 10), 15), ((2026, 11, 20), 25))
    ]
    async_import_statistics(hass, metadata, rows)
