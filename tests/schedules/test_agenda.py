"""What schedules do becomes events in local time, also where the clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

from custom_components.datapoint_cloud.schedules.agenda import Agenda, Event

from .made_up import DOSER, DOSES, boiler, light, only, schedules, stored, wavemaker

_BERLIN = ZoneInfo("Europe/Berlin")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=_BERLIN)


def _shown(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.start.strftime("%a %H:%M"), event.end.strftime("%a %H:%M")) for event in events]


def test_a_slot_of_a_weekday_occurs_on_that_day_alone() -> None:
    values = {f"Heat{day}": bytes(8) for day in range(1, 8)} | stored({"Heat2": "0600081e00000000"})
    agenda = Agenda.of([only(boiler())], values)
    assert _shown(agenda.between(_at("2026-03-02"), _at("2026-03-16"), _BERLIN)) == [("Tue 06:00", "Tue 08:30")] * 2
    following = agenda.next(_at("2026-03-03T09:00"), _BERLIN)
    assert following is not None
    assert following.start == _at("2026-03-10T06:00")


def test_times_are_those_of_a_clock_on_the_wall_when_summer_time_begins() -> None:
    agenda = Agenda.of([only(wavemaker())], stored({"AutoTime00": "0100 0600 013c0000"}))
    events = agenda.between(_at("2026-03-28T12:00"), _at("2026-03-30T12:00"), _BERLIN)
    assert [(event.start.isoformat(), event.end.isoformat()) for event in events] == [
        ("2026-03-29T01:00:00+01:00", "2026-03-29T06:00:00+02:00"),
        ("2026-03-30T01:00:00+02:00", "2026-03-30T06:00:00+02:00"),
    ]


def test_hours_with_the_same_levels_are_one_event() -> None:
    levels = {f"Clock{hour:02}": bytes([80, 60] if 8 <= hour < 20 else [0, 5]) for hour in range(24)}
    events = Agenda.of([only(light())], levels).between(_at("2026-03-02"), _at("2026-03-03"), _BERLIN)
    assert _shown(events) == [("Mon 00:00", "Mon 08:00"), ("Mon 08:00", "Mon 20:00"), ("Mon 20:00", "Tue 00:00")]


def test_a_dose_is_a_moment_and_an_impossible_time_is_no_event() -> None:
    values = {"CH1SWTime": bytes.fromhex("081e0005 ff630005").ljust(96, b"\0")}
    agenda = Agenda.of(schedules(DOSER, DOSES).values(), values)
    assert _shown(agenda.between(_at("2026-03-02"), _at("2026-03-03"), _BERLIN)) == [("Mon 08:30", "Mon 08:31")]


def test_nothing_is_next_if_no_slot_is_used() -> None:
    assert Agenda.of([only(wavemaker())], stored({"AutoTime00": "ee" * 8})).next(_at("2026-03-02"), _BERLIN) is None
