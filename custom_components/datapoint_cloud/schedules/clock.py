"""The clock that a device keeps for its schedules: what it shows, how to set it, and how far it is off.

It knows neither readings nor Home Assistant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from ..clouds.records import ClockField, Record
from ..fleet.description import DatapointDescription
from .resolve import record_of
from .schedule import Values

_DAY: Final = timedelta(days=1)
_DATE: Final = frozenset({ClockField.YEAR, ClockField.MONTH, ClockField.DAY})
_SLACK: Final = timedelta(minutes=2)
"""How far a clock may be from its report, and from the time that has passed, without being wrong."""


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A clock whose fields lie in the bytes of one datapoint or several; `places` has the datapoint and the byte."""

    places: Mapping[ClockField, tuple[str, int]]
    sizes: Mapping[str, int]

    @property
    def keys(self) -> tuple[str, ...]:
        """The datapoints that hold it."""
        return tuple(self.sizes)

    def read(self, values: Values, near: datetime) -> datetime | None:
        """Return the local time that the clock shows; None if it shows none.

        A clock without a date shows the time that is closest to `near`.
        """
        if any(len(values.get(key, b"")) < size for key, size in self.sizes.items()):
            return None
        found = {name: values[key][at] for name, (key, at) in self.places.items()}
        try:
            at = time(found[ClockField.HOUR], found[ClockField.MINUTE], found.get(ClockField.SECOND, 0))
            if not found.keys() >= _DATE:
                shown = (datetime.combine(near.date() + days * _DAY, at) for days in (-1, 0, 1))
                return min(shown, key=lambda moment: abs(moment - near))
            year = found.get(ClockField.CENTURY, 20) * 100 + found[ClockField.YEAR]
            return datetime.combine(date(year, found[ClockField.MONTH], found[ClockField.DAY]), at)
        except ValueError:
            return None

    def write(self, now: datetime, values: Values) -> dict[str, bytes]:
        """Return the values that set the clock to a local time; bytes without a meaning stay as they are."""
        parts = {
            ClockField.CENTURY: now.year // 100,
            ClockField.YEAR: now.year % 100,
            ClockField.MONTH: now.month,
            ClockField.DAY: now.day,
            ClockField.WEEKDAY: now.isoweekday(),
            ClockField.HOUR: now.hour,
            ClockField.MINUTE: now.minute,
            ClockField.SECOND: now.second,
        }
        written = {key: bytearray(values.get(key, b"")[:size].ljust(size, b"\0")) for key, size in self.sizes.items()}
        for name, (key, at) in self.places.items():
            written[key][at] = parts[name]
        return {key: bytes(content) for key, content in written.items()}


def clock_of(descriptions: Mapping[str, DatapointDescription], records: Sequence[Record]) -> DeviceClock | None:
    """Return the clock of a device that can be read and set; None if it has none."""
    places: dict[ClockField, tuple[str, int]] = {}
    sizes: dict[str, int] = {}
    for key, description in descriptions.items():
        record = record_of(description, records)
        if record is None or not record.is_clock or not description.datapoint.is_writable:
            continue
        sizes[key] = len(record.layout)
        for at, byte in enumerate(record.layout):
            for meaning in byte.meanings:
                places.setdefault(ClockField(meaning.name), (key, at))
    return DeviceClock(places, sizes) if {ClockField.HOUR, ClockField.MINUTE} <= places.keys() else None


class ClockWatch:
    """Compares what a clock shows with the time at which its device reported it.

    Some devices report the time that they were last set to instead of the time that it is. A deviation is known only
    once the clock was seen to run, or while it is right.
    """

    def __init__(self) -> None:
        self._shown: datetime | None = None
        self._reported_at: datetime | None = None
        self._deviation: timedelta | None = None

    def deviation(self, shown: datetime | None, reported_at: datetime) -> timedelta | None:
        """Return how much the clock is ahead; None if that is not known.

        `shown` is what it shows, and `reported_at` the same moment with a time zone, in that of the clock.
        """
        if shown is not None and shown == self._shown:
            return self._deviation
        ahead = None if shown is None else shown - reported_at.replace(tzinfo=None)
        is_known = ahead is not None and (abs(ahead) < _SLACK or self._has_run(shown, reported_at))
        self._shown, self._reported_at = shown, reported_at
        self._deviation = ahead if is_known else None
        return self._deviation

    def _has_run(self, shown: datetime | None, reported_at: datetime) -> bool:
        """Whether the clock has moved on by the time that has passed."""
        if shown is None or self._shown is None or self._reported_at is None:
            return False
        return abs((shown - self._shown) - (reported_at - self._reported_at)) < _SLACK
