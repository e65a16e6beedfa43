"""A schedule of slots is read in words and written back exactly: what nobody changed keeps its bytes."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.schedules.words import ScheduleError, SlotWords

from .made_up import DOSER, DOSES, binary, boiler, only, schedules, stored, wavemaker

_SINE: SlotWords = {"start": "07:30", "end": "22:00", "mode": "sine_wave", "flow": 60, "pulse_or_tide": "tide"}
_VALUES = stored(
    {
        "AutoTime00": "071e 1600 01 3c 01 aa",
        "AutoTime01": "ee" * 8,
        "AutoTime02": "1600 161e 02 0a 00 bb",
        "AutoTime03": "ee" * 8,
    }
)


def _slots() -> list[dict[str, Any]]:
    return list(only(wavemaker()).read(_VALUES))


def _written(*slots: dict[str, Any]) -> dict[str, str]:
    changed = only(wavemaker()).write(slots, _VALUES)
    return {key: value.hex(" ") for key, value in changed.items()}


def test_used_slots_are_read_in_words() -> None:
    feeding = {"start": "22:00", "end": "22:30", "mode": "feeding", "feeding_time": 10, "pulse_or_tide": "pulse"}
    assert _slots() == [{"slot": 1, **_SINE}, {"slot": 3, **feeding}]


def test_a_schedule_that_is_written_as_it_was_read_changes_nothing() -> None:
    assert _written(*_slots()) == {}


def test_a_change_of_a_slot_keeps_its_unknown_byte_and_the_other_slots() -> None:
    first, second = _slots()
    assert _written({**first, "flow": 45}, second) == {"AutoTime00": "07 1e 16 00 01 2d 01 aa"}


def test_a_slot_that_is_left_out_is_filled_like_the_devices_own_unused_ones() -> None:
    first, _ = _slots()
    assert _written(first) == {"AutoTime02": "ee ee ee ee ee ee ee ee"}


def test_slots_without_a_number_take_the_first_free_places() -> None:
    first, second = _slots()
    assert _written(first, second, {**_SINE, "start": "01:00", "end": "02:00"}) == {
        "AutoTime01": "01 00 02 00 01 3c 01 00"
    }


def test_a_slot_that_moves_takes_all_its_bytes_along() -> None:
    slots = [{name: word for name, word in slot.items() if name != "slot"} for slot in _slots()]
    assert _written(*slots) == {"AutoTime01": "16 00 16 1e 02 0a 00 bb", "AutoTime02": "ee ee ee ee ee ee ee ee"}


def test_a_device_that_has_no_unused_slot_gets_zeros() -> None:
    values = dict.fromkeys(_VALUES, _VALUES["AutoTime00"])
    assert set(only(wavemaker()).write([], values).values()) == {bytes(8)}


def test_a_mode_in_which_the_device_stands_still_needs_nothing_else() -> None:
    stopped = {"slot": 2, "start": "02:00", "end": "24:00", "mode": "stopped"}
    assert _written(*_slots(), stopped) == {"AutoTime01": "02 00 18 00 00 00 00 00"}


@pytest.mark.parametrize(
    ("start", "end"), [("7:30", "22:00"), ("07:30:00", "22:00:00"), (450, 1320), (" 07:30 ", "22:00")]
)
def test_times_are_understood_in_every_way_that_yaml_reads_them(start: Any, end: Any) -> None:
    first, second = _slots()
    assert _written({**first, "start": start, "end": end}, second) == {}


@pytest.mark.parametrize("mode", ["sine_wave", "正弦造浪", "Sine wave", 1])
def test_options_are_understood_by_their_word_the_vendors_word_and_their_number(mode: Any) -> None:
    first, second = _slots()
    assert _written({**first, "mode": mode}, second) == {}


@pytest.mark.parametrize(
    ("changes", "key", "placeholders"),
    [
        ({"start": "25:00"}, "slot_time", {"field": "start", "value": "25:00", "latest": "23:59"}),
        ({"start": "24:00"}, "slot_time", {"field": "start", "value": "24:00", "latest": "23:59"}),
        ({"end": "24:01"}, "slot_time", {"field": "end", "value": "24:01", "latest": "24:00"}),
        ({"end": "soon"}, "slot_time", {"field": "end", "value": "soon", "latest": "24:00"}),
        ({"end": True}, "slot_time", {"field": "end", "value": "True", "latest": "24:00"}),
        ({"end": "07:30"}, "slot_without_length", {"value": "07:30"}),
        ({"mode": "fast"}, "slot_option", {"field": "mode", "options": "stopped, sine_wave, feeding"}),
        ({"mode": True}, "slot_option", {"field": "mode", "value": "True"}),
        ({"flow": 5}, "slot_number", {"field": "flow", "minimum": "10", "maximum": "100"}),
        ({"flow": 101}, "slot_number", {"field": "flow", "minimum": "10", "maximum": "100"}),
        ({"flow": 60.5}, "slot_number", {"field": "flow", "value": "60.5", "step": "1"}),
        ({"flow": "high"}, "slot_number", {"field": "flow", "value": "high"}),
        ({"flow": True}, "slot_number", {"field": "flow", "value": "True"}),
        ({"flow": None}, "slot_word_missing", {"words": "flow"}),
        ({"speed": 3}, "slot_word_unknown", {"words": "speed", "all_words": "start, end, mode, flow, pulse_or_tide"}),
        ({"mode": "feeding"}, "slot_word_missing", {"words": "feeding_time"}),
        ({"weekday": "monday"}, "slot_without_weekday", {}),
        ({"slot": 5}, "slot_number_unknown", {"value": "5", "places": "4"}),
        ({"slot": "two"}, "slot_number_unknown", {"value": "two", "places": "4"}),
        ({"slot": 3}, "slot_number_twice", {"value": "3"}),
    ],
)
def test_a_slot_that_the_device_cannot_have_is_refused_and_what_is_right_is_said(
    changes: dict[str, Any], key: str, placeholders: dict[str, str]
) -> None:
    first, second = _slots()
    changed = {name: word for name, word in {**first, **changes}.items() if word is not None}
    with pytest.raises(ScheduleError) as refused:
        _written(second, changed)
    assert refused.value.key == key
    assert refused.value.placeholders["slot"] == "2"
    assert placeholders.items() <= refused.value.placeholders.items()


def test_more_slots_than_the_device_has_room_for_are_refused() -> None:
    with pytest.raises(ScheduleError) as refused:
        _written(*[_SINE] * 5)
    assert (refused.value.key, refused.value.placeholders["places"]) == ("too_many_slots", "4")


def test_a_slot_that_the_device_would_take_for_unused_is_refused() -> None:
    attrs = [binary(f"Timer{slot}", "定时段", 4, "Byte1开始时，byte2开始分，byte3空，byte4喂食份量") for slot in (1, 2)]
    values = stored({"Timer1": "00000000", "Timer2": "00000000"})
    with pytest.raises(ScheduleError) as refused:
        only(attrs).write([{"start": "00:00", "feeding_portion": 0}], values)
    assert refused.value.key == "slot_means_unused"


def test_places_that_the_device_has_not_reported_are_left_out() -> None:
    schedule = only(wavemaker())
    values = {"AutoTime02": _VALUES["AutoTime02"], "AutoTime03": b"\xee"}
    assert [slot["slot"] for slot in schedule.read(values)] == [3]
    with pytest.raises(ScheduleError):
        schedule.write([{"slot": 1, **_SINE}], values)
    assert not schedule.is_in({})


def test_a_table_for_each_day_has_slots_with_a_weekday() -> None:
    schedule = only(boiler())
    values = {f"Heat{day}": bytes(8) for day in range(1, 8)} | stored({"Heat2": "0600 081e 1100 1600"})
    slots: list[SlotWords] = [
        {"slot": 3, "weekday": "tuesday", "start": "06:00", "end": "08:30"},
        {"slot": 4, "weekday": "tuesday", "start": "17:00", "end": "22:00"},
    ]
    assert (schedule.name, schedule.read(values)) == ("Heating schedule", slots)
    assert schedule.write(slots, values) == {}
    sunday: SlotWords = {"weekday": "sunday", "start": "09:00", "end": "10:00"}
    assert schedule.write([*slots, sunday], values) == stored({"Heat7": "09000a00 00000000"})
    wrong_slots: list[tuple[SlotWords, str]] = [
        ({"start": "09:00", "end": "10:00"}, "slot_weekday"),
        ({**sunday, "slot": 1}, "slot_of_other_weekday"),
    ]
    for wrong, key in wrong_slots:
        with pytest.raises(ScheduleError) as refused:
            schedule.write([wrong], values)
        assert refused.value.key == key


def test_a_profile_explains_a_table_that_the_definition_does_not() -> None:
    assert schedules(DOSER) == {}
    heads = schedules(DOSER, DOSES)
    assert [schedule.key for schedule in heads.values()] == ["CH1SWTime", "CH2SWTime"]
    assert [len(schedule.places) for schedule in heads.values()] == [24, 24]
    values = {"CH1SWTime": bytes.fromhex("081e0105 00000000 14000007").ljust(96, b"\0"), "CH2SWTime": bytes(96)}
    doses: list[SlotWords] = [{"slot": 1, "start": "08:30", "dose": 5}, {"slot": 3, "start": "20:00", "dose": 7}]
    assert heads["CH1SWTime"].read(values) == doses
    (changed,) = heads["CH1SWTime"].write([{**doses[0], "dose": 6}, doses[1]], values).values()
    assert changed == bytes.fromhex("081e0106 00000000 14000007").ljust(96, b"\0")


def test_names_are_in_the_users_language_and_words_are_not() -> None:
    (german,) = schedules(wavemaker(), language="de").values()
    assert german.name == "Zeitplan"
    assert german.read(_VALUES) == only(wavemaker()).read(_VALUES)
