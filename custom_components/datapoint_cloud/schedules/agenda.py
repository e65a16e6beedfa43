"""Lays out what schedules do as events between two moments, in the local time of the device."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from .schedule import Occurrence, Schedule, Values
from .words import MINUTES_OF_A_DAY

_MOMENT = timedelta(minutes=1)
"""How long an event is shown that has no end, such as a dose."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a schedule does once."""

    start: datetime
    end: datetime
    schedule: Schedule
    occurrence: Occurrence


@dataclass(frozen=True, slots=True)
class Agenda:
    """Everything that the schedules of a device do in a week."""

    schedules: tuple[Schedule, ...] = ()
    occurrences: tuple[tuple[Schedule, Occurrence], ...] = ()

    @classmethod
    def of(cls, schedules: Iterable[Schedule], values: Values) -> Agenda:
        """Read the schedules that the device has reported."""
        reported = tuple(schedule for schedule in schedules if schedule.is_in(values))
        return cls(
            reported, tuple((schedule, found) for schedule in reported for found in schedule.occurrences(values))
        )

    def between(self, start: datetime, end: datetime, zone: tzinfo) -> list[Event]:
        """Return the events that overlap a range, the earliest first."""
        # An event of the day before may last until after midnight.
        day, last = start.astimezone(zone).date() - timedelta(days=1), end.astimezone(zone).date()
        events: list[Event] = []
        while day <= last:
            events += (event for event in self._on(day, zone) if event.start < end and event.end > start)
            day += timedelta(days=1)
        return sorted(events, key=lambda event: (event.start, event.end))

    def next(self, now: datetime, zone: tzinfo) -> Event | None:
        """Return the event that goes on now, or else the next one."""
        soon = self.between(now, now + timedelta(days=1), zone)
        events = soon or self.between(now, now + timedelta(days=8), zone)
        return events[0] if events else None

    def _on(self, day: date, zone: tzinfo) -> Iterator[Event]:
        """The events that start on a day."""
        for schedule, occurrence in self.occurrences:
            if occurrence.weekday in (None, day.weekday()):
                start = _moment(day, occurrence.start, zone)
                yield Event(start, _end(day, occurrence, start, zone), schedule, occurrence)


def _end(day: date, occurrence: Occurrence, start: datetime, zone: tzinfo) -> datetime:
    end = occurrence.end
    if end is None or end == occurrence.start:
        return start + _MOMENT
    return _moment(day, end if end > occurrence.start else end + MINUTES_OF_A_DAY, zone)


def _moment(day: date, minutes: int, zone: tzinfo) -> datetime:
    """Return a time of the day, as a clock on the wall shows it."""
    days, minutes = divmod(minutes, MINUTES_OF_A_DAY)
    return datetime.combine(day + timedelta(days=days), time(*divmod(minutes, 60)), zone)
