"""The schedules that devices keep: calendars show them, actions read and write them, and clocks are set."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.aquarium import WAVEMAKER, Wavemaker
from simulator.gizwits.behaviours import OFF, steady
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import WRITABLE, Attribute, Product
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import pass_time

_BERLIN = ZoneInfo("Europe/Berlin")
_WEDNESDAY_10_00 = "2026-03-04 09:00:00+00:00"
_SINE = {
    "slot": 1,
    "start": "07:00",
    "end": "20:00",
    "mode": "sine_wave",
    "flow": 60,
    "frequency": 30,
    "pulse_or_tide": "tide",
}
_CLASSIC = _SINE | {"slot": 2, "start": "20:00", "end": "22:00", "mode": "classic_wave", "flow": 40, "frequency": 20}
_BREAK = {
    "slot": 3,
    "start": "22:00",
    "end": "22:30",
    "mode": "feeding",
    "feeding_time": 10,
    "frequency": 0,
    "pulse_or_tide": "pulse",
}
_NIGHT = {
    "start": "22:30",
    "end": "07:00",
    "mode": "constant_flow",
    "flow": 25,
    "frequency": 5,
    "pulse_or_tide": "pulse",
}
_SLOTS = [_SINE, _CLASSIC, _BREAK]
_DOSER = Product(
    key="fa4ed05e0000000000000000000000a8",
    name="滴定泵",
    attributes=(
        *(
            Attribute(name=name, title=name, type=WRITABLE, data_type="bool", behaviour=OFF)
            for name in ("switch", "CALSW", "channe1", "channe2")
        ),
        Attribute(
            name="Calib1",
            title="校准量",
            type=WRITABLE,
            data_type="uint8",
            behaviour=steady(50),
            minimum=10,
            maximum=100,
        ),
        *(
            Attribute(
                name=f"CH{head}SWTime",
                title=f"CH{head}SWTime",
                type=WRITABLE,
                data_type="binary",
                behaviour=steady(("081e0105" if head == 1 else "").ljust(192, "0")),
                length=96,
                desc=f"通道{head}定时时间和流量",
            )
            for head in (1, 2)
        ),
    ),
)


@pytest.fixture
async def wavemaker(hass: HomeAssistant, simulation: Simulation, our_profiles: None) -> Wavemaker:
    await hass.config.async_set_time_zone("Europe/Berlin")
    server = simulation.gizwits_open
    wavemaker = server.add_wavemaker(_BERLIN)
    server.devices = {wavemaker.did: wavemaker}
    return wavemaker


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation, wavemaker: Wavemaker) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


def _registry_id(hass: HomeAssistant, entry: MockConfigEntry, device: GizwitsDevice) -> str:
    found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device.did), entry.entry_id)
    assert found is not None
    return found.id


@pytest.fixture
def act(hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker) -> Callable[..., Any]:
    async def call(name: str, *, device: GizwitsDevice = wavemaker, **data: Any) -> dict[str, Any]:
        registry_id = _registry_id(hass, entry, device)
        response = await hass.services.async_call(
            DOMAIN, name, {"device_id": registry_id, **data}, blocking=True, return_response=True
        )
        assert isinstance(response, dict)
        devices: Any = response["devices"]
        result: dict[str, Any] = devices[registry_id]
        return result

    return call


# The calendar


@pytest.fixture
def now(freezer: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    """It is a Wednesday, ten o'clock in Berlin."""
    freezer.move_to(_WEDNESDAY_10_00)
    return freezer


async def _events(
    hass: HomeAssistant, entity_id: str, start: str | datetime, end: str | datetime
) -> list[tuple[str, str, str]]:
    response: Any = await hass.services.async_call(
        "calendar",
        "get_events",
        {"entity_id": entity_id, "start_date_time": start, "end_date_time": end},
        blocking=True,
        return_response=True,
    )
    events = response[entity_id]["events"]
    return [(event["start"][:16], event["end"][:16], event["summary"]) for event in events]


async def test_the_calendar_shows_what_the_device_does_now_in_words(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    state = state_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert (state.state, state.attributes["message"]) == ("on", "Sine wave")
    assert state.attributes["start_time"] == "2026-03-04 07:00:00"
    assert state.attributes["end_time"] == "2026-03-04 20:00:00"
    assert state.attributes["description"] == "Mode: Sine wave\nFlow: 60 %\nFrequency: 30 %\nPulse or tide: Tide"
    assert state.attributes["friendly_name"] == "Reef wavemaker Schedule"
    now.move_to("2026-03-04 22:00:00+00:00")
    await pass_time(hass, now, 1)
    state = state_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert (state.state, state.attributes["start_time"]) == ("off", "2026-03-05 07:00:00")


async def test_a_schedule_repeats_and_says_nothing_of_past_weeks(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    entity_id = entity_id_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert await _events(hass, entity_id, "2026-03-09 00:00:00", "2026-03-10 00:00:00") == [
        ("2026-03-09T07:00", "2026-03-09T20:00", "Sine wave"),
        ("2026-03-09T20:00", "2026-03-09T22:00", "Classic wave"),
        ("2026-03-09T22:00", "2026-03-09T22:30", "Feeding"),
    ]
    of_two_weeks = await _events(hass, entity_id, "2026-02-23 00:00:00", "2026-03-09 00:00:00")
    assert len(of_two_weeks) == 7 * 3
    assert min(of_two_weeks)[0] == "2026-03-02T07:00"


async def test_an_event_may_last_until_the_next_day(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    wavemaker.set(AutoTime00="1600060002323200", AutoTime01="00" * 8, AutoTime02="1700180002323200")
    await poll(hass, entry)
    entity_id = entity_id_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert await _events(hass, entity_id, "2026-03-05 01:00:00", "2026-03-05 23:30:00") == [
        ("2026-03-04T22:00", "2026-03-05T06:00", "Sine wave"),
        ("2026-03-05T22:00", "2026-03-06T06:00", "Sine wave"),
        ("2026-03-05T23:00", "2026-03-06T00:00", "Sine wave"),
    ]


async def test_the_calendar_is_empty_while_the_device_ignores_its_schedule(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    wavemaker.set(TimerON=False)
    await poll(hass, entry)
    state = state_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert (state.state, state.attributes.get("message")) == ("off", None)
    wavemaker.set(TimerON=True)
    await poll(hass, entry)
    assert state_of(hass, "calendar", entry, wavemaker.did, "$schedule").state == "on"


async def test_events_are_in_the_users_language(
    now: FrozenDateTimeFactory, hass: HomeAssistant, simulation: Simulation, wavemaker: Wavemaker
) -> None:
    hass.config.language = "de"
    entry = await add_account(hass, simulation, "gizwits_open")
    state = state_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    assert state.attributes["message"] == "Sinuswelle"
    assert "Durchfluss: 60 %" in state.attributes["description"]


async def test_raw_slots_stay_disabled_sensors(
    hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    raw = er.async_get(hass).async_get(entity_id_of(hass, "sensor", entry, wavemaker.did, "AutoTime00"))
    assert raw is not None
    assert raw.disabled_by is er.RegistryEntryDisabler.INTEGRATION


# Reading and writing


async def test_a_schedule_is_returned_in_words_with_what_a_slot_can_be(act: Callable[..., Any]) -> None:
    (schedule,) = (await act("get_schedule"))["schedules"]
    assert schedule["slots"] == _SLOTS
    assert (schedule["schedule"], schedule["name"], schedule["most_slots"]) == ("AutoTime", "Schedule", 12)
    assert schedule["fields"]["flow"] == {"name": "Flow", "minimum": 0, "maximum": 100, "unit": "%"}
    assert schedule["fields"]["mode"]["options"] == ["stopped", "classic_wave", "sine_wave", "constant_flow", "feeding"]


async def test_a_schedule_that_is_written_is_read_back_byte_for_byte(
    hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker, act: Callable[..., Any]
) -> None:
    before = {key: value for key, value in wavemaker.attrs.items() if key.startswith("AutoTime")}
    result = await act("set_schedule", slots=[_SINE | {"flow": 75}, _BREAK, _NIGHT], wait=True)
    assert result == {"result": "confirmed"}
    changed = {"AutoTime00": "07001400024b1e01", "AutoTime01": "161e070003190500"}
    assert wavemaker.received == [{"attrs": changed}]
    after = {key: value for key, value in wavemaker.attrs.items() if key.startswith("AutoTime")}
    assert after == before | changed
    (schedule,) = (await act("get_schedule"))["schedules"]
    assert schedule["slots"] == [_SINE | {"flow": 75}, {"slot": 2, **_NIGHT}, _BREAK]
    entity_id = entity_id_of(hass, "calendar", entry, wavemaker.did, "$schedule")
    tomorrow = dt_util.start_of_local_day() + timedelta(days=1)
    summaries = [event[2] for event in await _events(hass, entity_id, tomorrow, tomorrow + timedelta(hours=23))]
    assert summaries == ["Constant flow", "Sine wave", "Feeding", "Constant flow"]


async def test_a_slot_that_is_left_out_is_cleared_as_the_device_does_it(
    wavemaker: Wavemaker, act: Callable[..., Any]
) -> None:
    assert await act("set_schedule", slots=[_SINE]) == {"result": "accepted"}
    assert wavemaker.received == [{"attrs": {"AutoTime01": "ee" * 8, "AutoTime02": "ee" * 8}}]


async def test_a_schedule_that_does_not_change_is_not_sent(wavemaker: Wavemaker, act: Callable[..., Any]) -> None:
    assert await act("set_schedule", slots=_SLOTS) == {"result": "unchanged"}
    assert wavemaker.received == []


_CHOOSE = 'Slot 2: enter one of these options for mode instead of "turbo": '
_COMPLETE = "Slot 1 lacks feeding_time, frequency, pulse_or_tide. Enter all of these: "


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ([_SINE, _CLASSIC | {"mode": "turbo"}], _CHOOSE + "stopped, classic_wave, sine_wave, constant_flow, feeding"),
        ([_SINE | {"flow": 101}], 'Slot 1: enter a number from 0 to 100 in steps of 1 for flow instead of "101"'),
        (
            [_SINE | {"end": "25:00"}],
            'Slot 1: enter a time such as "07:30" for end instead of "25:00", at the latest 24:00',
        ),
        (
            [{"start": "07:00", "end": "08:00", "mode": "feeding", "flow": 5}],
            _COMPLETE + "start, end, mode, feeding_time, frequency, pulse_or_tide",
        ),
        ([_SINE, _SINE], "Slot 2: another slot has the number 1. Enter each number once"),
        ([_NIGHT] * 13, "Schedule has room for 12 slots. Enter fewer"),
    ],
    ids=["option", "number", "time", "missing", "twice", "too many"],
)
async def test_a_wrong_slot_is_refused_before_anything_is_sent(
    wavemaker: Wavemaker, act: Callable[..., Any], slots: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await act("set_schedule", slots=slots)
    assert str(refused.value) == message
    assert wavemaker.received == []


async def test_a_refusal_of_the_cloud_is_told(wavemaker: Wavemaker, act: Callable[..., Any]) -> None:
    wavemaker.fails_commands = True
    result = await act("set_schedule", slots=[_SINE])
    assert result["result"] == "refused"


async def test_the_rights_of_the_caller_are_checked(
    hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker, hass_read_only_user: MockUser
) -> None:
    registry_id = _registry_id(hass, entry, wavemaker)
    context = Context(user_id=hass_read_only_user.id)
    response = await hass.services.async_call(
        DOMAIN, "get_schedule", {"device_id": registry_id}, blocking=True, return_response=True, context=context
    )
    assert response is not None
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "set_schedule", {"device_id": registry_id, "slots": []}, blocking=True, context=context
        )
    assert wavemaker.received == []


# Several schedules, and none


@pytest.fixture
def doser(simulation: Simulation, wavemaker: Wavemaker) -> GizwitsDevice:
    server = simulation.gizwits_open
    doser = device_of(server.clock, 7, server.uid, _DOSER, "Doser")
    doser.did = "newDoser0000000000002"
    server.devices[doser.did] = doser
    server.products[_DOSER.key] = _DOSER
    return doser


async def test_one_of_several_schedules_has_to_be_named(
    now: FrozenDateTimeFactory,
    hass: HomeAssistant,
    doser: GizwitsDevice,
    entry: MockConfigEntry,
    act: Callable[..., Any],
) -> None:
    found = (await act("get_schedule", device=doser))["schedules"]
    assert [(schedule["schedule"], schedule["name"], schedule["slots"]) for schedule in found] == [
        ("CH1SWTime", "Head 1 doses", [{"slot": 1, "start": "08:30", "dose": 5}]),
        ("CH2SWTime", "Head 2 doses", []),
    ]
    with pytest.raises(ServiceValidationError) as refused:
        await act("set_schedule", device=doser, slots=[])
    assert str(refused.value) == "Doser has several schedules. Enter one of them: CH1SWTime, CH2SWTime"
    with pytest.raises(ServiceValidationError) as refused:
        await act("set_schedule", device=doser, schedule="CH3", slots=[])
    assert str(refused.value) == 'Enter one of the schedules of Doser instead of "CH3": CH1SWTime, CH2SWTime'
    await act("set_schedule", device=doser, schedule="ch2swtime", slots=[{"start": "20:00", "dose": 12}])
    assert doser.received == [{"attrs": {"CH2SWTime": "1400000c".ljust(192, "0")}}]
    state = state_of(hass, "calendar", entry, doser.did, "$schedule")
    assert (state.state, state.attributes["message"]) == ("off", "Head 2 doses: 12 mL")
    assert (state.attributes["start_time"], state.attributes["end_time"]) == (
        "2026-03-04 20:00:00",
        "2026-03-04 20:01:00",
    )


async def test_a_device_without_a_schedule_says_so(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    device = next(iter(simulation.gizwits_open.devices.values()))
    with pytest.raises(ServiceValidationError, match="has no schedule that can be read"):
        await hass.services.async_call(
            DOMAIN,
            "get_schedule",
            {"device_id": _registry_id(hass, entry, device)},
            blocking=True,
            return_response=True,
        )


async def test_a_schedule_that_was_never_reported_is_not_written(
    hass: HomeAssistant, simulation: Simulation, wavemaker: Wavemaker
) -> None:
    wavemaker.silent |= {attribute.name for attribute in WAVEMAKER.attributes if attribute.name.startswith("AutoTime")}
    entry = await add_account(hass, simulation, "gizwits_open")
    registry_id = _registry_id(hass, entry, wavemaker)
    response: Any = await hass.services.async_call(
        DOMAIN, "get_schedule", {"device_id": registry_id}, blocking=True, return_response=True
    )
    assert response["devices"][registry_id]["schedules"][0]["slots"] is None
    with pytest.raises(HomeAssistantError, match="has not reported its schedule yet"):
        await hass.services.async_call(DOMAIN, "set_schedule", {"device_id": registry_id, "slots": []}, blocking=True)
    assert state_of(hass, "calendar", entry, wavemaker.did, "$schedule").state == "off"


# The clock


async def test_a_clock_that_is_wrong_is_told_and_set(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    def deviation() -> str:
        return state_of(hass, "sensor", entry, wavemaker.did, "$clock").state

    assert deviation() == "unknown"
    now.tick(timedelta(minutes=10))
    await poll(hass, entry)
    assert deviation() == "-60"
    entity_id = entity_id_of(hass, "button", entry, wavemaker.did, "$set_clock")
    await hass.services.async_call("button", "press", {"entity_id": entity_id}, blocking=True)
    assert wavemaker.received == [{"attrs": {"YMDData": "141a0304", "HMSData": "000a0a00"}}]
    now.tick(timedelta(minutes=10))
    await poll(hass, entry)
    assert deviation() == "0"


async def test_a_clock_that_was_never_reported_shows_no_deviation(
    now: FrozenDateTimeFactory, hass: HomeAssistant, simulation: Simulation, wavemaker: Wavemaker
) -> None:
    wavemaker.silent |= {"HMSData"}
    entry = await add_account(hass, simulation, "gizwits_open")
    for _ in range(2):
        now.tick(timedelta(minutes=10))
        await poll(hass, entry)
        assert state_of(hass, "sensor", entry, wavemaker.did, "$clock").state == "unknown"


async def test_a_clock_that_does_not_run_says_nothing(
    now: FrozenDateTimeFactory, hass: HomeAssistant, entry: MockConfigEntry, wavemaker: Wavemaker
) -> None:
    for minutes in (10, 20):
        now.tick(timedelta(minutes=10))
        wavemaker.ahead = timedelta(minutes=-60 - minutes)
        await poll(hass, entry)
        assert state_of(hass, "sensor", entry, wavemaker.did, "$clock").state == "unknown"
