"""Schedules that divide the day into steps of equal length, each with its own setting, such as the hours of a light.

Words have only the changes: each lasts until the next one, and the first of a day is at midnight.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import override

from .layout import Layout
from .schedule import Occurrence, Place, Schedule, Values
from .words import (
    MINUTES_OF_A_DAY,
    START,
    WEEKDAY,
    WEEKDAYS,
    ScheduleError,
    SlotWords,
    Word,
    listed,
    minutes_of,
    of_slot,
    without,
    word_of_minutes,
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Steps one after the other with the same setting."""

    weekday: str | None
    start: int
    end: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSchedule(Schedule):
    """A schedule whose places follow each other from midnight in steps of `minutes`, for every day that it has."""

    minutes: int

    @property
    @override
    def limits(self) -> Mapping[str, int]:
        return {"minutes": self.minutes}

    @override
    def is_in(self, values: Values) -> bool:
        return all(place.is_in(values) for place in self.places)

    @override
    def read(self, values: Values) -> list[SlotWords]:
        slots: list[SlotWords] = []
        for run in self._runs(values):
            weekday: SlotWords = {} if run.weekday is None else {WEEKDAY: run.weekday}
            slots.append(weekday | {START: word_of_minutes(run.start)} | run.place.layout.read(run.place.get(values)))
        return slots

    @override
    def occurrences(self, values: Values) -> Iterator[Occurrence]:
        for run in self._runs(values):
            yield Occurrence(
                weekday=None if run.weekday is None else WEEKDAYS.index(run.weekday),
                start=run.start,
                end=run.end,
                words=run.place.layout.read(run.place.get(values)),
                layout=run.place.layout,
            )

    @override
    def _write(self, slots: Sequence[Mapping[str, Word]], values: dict[str, bytes]) -> None:
        days = self._days()
        known = [*dict.fromkeys(place.get(values) for place in self.places)]
        changes: dict[str | None, dict[int, bytes]] = defaultdict(dict)
        for position, words in enumerate(slots, start=1):
            with of_slot(position):
                weekday, start = self._time(words, days)
                if start in changes[weekday]:
                    raise ScheduleError("slot_start_twice", value=word_of_minutes(start))
                place = days[weekday][start // self.minutes]
                records = (place.get(values), *known)
                changes[weekday][start] = _record(without(words, START, WEEKDAY), place.layout, records)
        for weekday, places in days.items():
            of_day = changes[weekday]
            if 0 not in of_day and weekday is None:
                raise ScheduleError("no_slot_at_midnight", schedule=self.name)
            if 0 not in of_day:
                raise ScheduleError("no_slot_at_midnight_of_day", weekday=str(weekday), schedule=self.name)
            record = b""
            for number, place in enumerate(places):
                record = of_day.get(number * self.minutes, record)
                place.put(record, values)

    def _days(self) -> Mapping[str | None, Sequence[Place]]:
        days: dict[str | None, list[Place]] = defaultdict(list)
        for place in self.places:
            days[place.weekday].append(place)
        return days

    def _runs(self, values: Values) -> Iterator[_Run]:
        for weekday, places in self._days().items():
            steps = enumerate(places)
            for _, run in groupby(steps, key=lambda step: step[1].get(values)):
                (first, place), *rest = run
                yield _Run(weekday, first * self.minutes, (first + len(rest) + 1) * self.minutes, place)

    def _time(self, words: Mapping[str, Word], days: Mapping[str | None, Sequence[Place]]) -> tuple[str | None, int]:
        """Return the weekday and the start of a slot. Raises `ScheduleError` if the schedule has no such step."""
        weekday = words.get(WEEKDAY)
        if weekday not in days:
            if None in days:
                raise ScheduleError("slot_without_weekday")
            raise ScheduleError("slot_weekday", value=str(weekday or ""), options=listed([*filter(None, days)]))
        start = minutes_of(words.get(START), latest=MINUTES_OF_A_DAY - 1)
        if start is None or start % self.minutes:
            raise ScheduleError("slot_off_grid", value=str(words.get(START, "")), minutes=str(self.minutes))
        return None if weekday is None else str(weekday), start


def _record(words: Mapping[str, Word], layout: Layout, records: Sequence[bytes]) -> bytes:
    """Return the bytes of a setting: those of the first of the device's own records that means the same."""
    words = layout.normalized(words)
    same = next((record for record in records if layout.read(record) == words), None)
    return layout.write(words, records[0]) if same is None else same
