"""A schedule that sets each hour or half hour is read as changes, and written back exactly."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.schedules.words import WEEKDAYS, ScheduleError, SlotWords

from .made_up import HALF_HOURS, HEATER, Attr, light, only, schedules

_NIGHT: SlotWords = {"start": "00:00", "white_light": 0, "blue_light": 5}
_DAY: SlotWords = {"start": "08:00", "white_light": 80, "blue_light": 60}
_EVENING: SlotWords = {"start": "20:00", "white_light": 0, "blue_light": 5}
_LEVELS = {f"Clock{hour:02}": bytes([80, 60] if 8 <= hour < 20 else [0, 5]) for hour in range(24)}


def _eco_but(*spans: tuple[int, int]) -> dict[str, bytes]:
    """Half hours of eco on every day, but comfort in these spans; the first of four is in the lowest bits."""
    steps = [0 if any(start <= step < end for start, end in spans) else 1 for step in range(48)]
    stored = [sum(mode << 2 * index for index, mode in enumerate(steps[at : at + 4])) for at in range(0, 48, 4)]
    return {f"p{day}_data{part}": bytes([byte]) for day in range(1, 8) for part, byte in enumerate(stored, 1)}


def test_hours_with_the_same_levels_are_one_slot() -> None:
    schedule = only(light())
    assert (schedule.name, schedule.read(_LEVELS)) == ("Hourly levels", [_NIGHT, _DAY, _EVENING])
    assert schedule.write([_NIGHT, _DAY, _EVENING], _LEVELS) == {}


def test_a_level_lasts_until_the_next_slot() -> None:
    changed = only(light()).write([_NIGHT, {**_DAY, "start": "9:00"}, {**_EVENING, "start": 1260}], _LEVELS)
    assert changed == {"Clock08": bytes([0, 5]), "Clock20": bytes([80, 60])}


def test_half_hours_are_packed_into_bytes_with_the_first_in_the_lowest_bits() -> None:
    schedule = only(HEATER, HALF_HOURS)
    values = _eco_but((9, 14))
    assert values["p1_data3"] == bytes([0b00000001])
    assert values["p1_data4"] == bytes([0b01010000])
    week = [
        {"weekday": day, "start": start, "mode": mode}
        for day in WEEKDAYS
        for start, mode in (("00:00", "eco"), ("04:30", "comfort"), ("07:00", "eco"))
    ]
    assert schedule.read(values) == week
    assert schedule.write(week, values) == {}


def test_only_the_bytes_that_change_are_written() -> None:
    schedule = only(HEATER, HALF_HOURS)
    values = _eco_but((9, 14))
    week = schedule.read(values)
    week[4] = {**week[4], "start": "05:00", "mode": "frost_protection"}
    assert schedule.write(week, values) == {"p2_data3": bytes([0b10100101]), "p2_data4": bytes([0b01011010])}


def test_a_mode_that_nobody_knows_is_kept() -> None:
    schedule = only(HEATER, HALF_HOURS)
    values = _eco_but() | {"p1_data5": bytes([0b11110101])}
    week = schedule.read(values)
    assert week[1] == {"weekday": "monday", "start": "09:00", "mode": 3}
    assert schedule.write(week, values) == {}
    week[0] = {**week[0], "mode": "comfort"}
    assert schedule.write(week, values)["p1_data5"] == bytes([0b11110000])


@pytest.mark.parametrize(
    ("slots", "key", "placeholders"),
    [
        ([_DAY], "no_slot_at_midnight", {"schedule": "Hourly levels"}),
        ([_NIGHT, {**_DAY, "start": "08:30"}], "slot_off_grid", {"value": "08:30", "minutes": "60", "slot": "2"}),
        ([_NIGHT, {**_DAY, "start": "24:00"}], "slot_off_grid", {"slot": "2"}),
        ([_NIGHT, _DAY, _DAY], "slot_start_twice", {"value": "08:00", "slot": "3"}),
        ([_NIGHT, {**_DAY, "white_light": 101}], "slot_number", {"maximum": "100", "slot": "2"}),
        ([_NIGHT, {**_DAY, "weekday": "monday"}], "slot_without_weekday", {"slot": "2"}),
        ([_NIGHT, {"start": "08:00", "white_light": 1}], "slot_word_missing", {"words": "blue_light"}),
    ],
)
def test_a_slot_that_the_device_cannot_have_is_refused(
    slots: list[dict[str, Any]], key: str, placeholders: dict[str, str]
) -> None:
    with pytest.raises(ScheduleError) as refused:
        only(light()).write(slots, _LEVELS)
    assert refused.value.key == key
    assert placeholders.items() <= refused.value.placeholders.items()


def test_every_day_of_a_week_needs_a_slot_at_midnight() -> None:
    schedule = only(HEATER, HALF_HOURS)
    week = [{"weekday": day, "start": "00:00", "mode": "eco"} for day in WEEKDAYS]
    with pytest.raises(ScheduleError) as refused:
        schedule.write(week[:-1], _eco_but())
    assert (refused.value.key, refused.value.placeholders["weekday"]) == ("no_slot_at_midnight_of_day", "sunday")
    with pytest.raises(ScheduleError) as refused:
        schedule.write([*week, {"start": "00:00", "mode": "eco"}], _eco_but())
    assert refused.value.key == "slot_weekday"


def test_a_schedule_that_is_not_reported_in_full_is_not_read() -> None:
    schedule = only(light())
    assert schedule.is_in(_LEVELS)
    assert not schedule.is_in({key: value for key, value in _LEVELS.items() if key != "Clock07"})


@pytest.mark.parametrize("attrs", [light()[:-1], HEATER[1:], [*light(), *light()[-1:], HEATER[0]]])
def test_steps_that_do_not_fill_their_days_are_no_schedule(attrs: list[Attr]) -> None:
    whole = [schedule for schedule in schedules(attrs, HALF_HOURS).values() if schedule.key != "Clock"]
    assert whole == []
