"""Recognizes copies from before a report that the cloud did not date, among readings that it does date.

A report of the push arrives when it is made, so it is newer than all that came before. What a cloud answers soon after
may still be a copy from before. The cloud's clock may be wrong by any time: its dates are compared with each other, and
with our clock only as long as there can be copies. Pure: time comes in as an argument.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..clouds.clock import is_ahead
from ..clouds.model import Reading

_OLDEST_COPY: Final = timedelta(minutes=1)
_RESOLUTION: Final = timedelta.resolution


class _Undated(NamedTuple):
    """The last reading of a datapoint without a date."""

    earliest: datetime | None  # an older date of the cloud is one of before
    reported_at: datetime | None  # by our clock; None if it was no report


@dataclass(slots=True)
class UndatedReadings:
    """The datapoints of one device whose last readings have no date."""

    _last: dict[str, _Undated] = field(default_factory=dict)

    def note(self, key: str, reading: Reading, before: Reading | None, reported_at: datetime | None) -> None:
        """Remember that a reading has replaced another one, if it has no date.

        `reported_at` is when the device's own report arrived; None if the reading is the answer to a read.
        """
        if reading.taken_at is not None:
            self._last.pop(key, None)
            return
        earliest, last_report = self._last.get(key) or _Undated(before.taken_at if before else None, None)
        if earliest is not None and reported_at is not None and last_report is None:
            earliest += _RESOLUTION  # what has the date of the reading before is that reading
        self._last[key] = _Undated(earliest, reported_at or last_report)

    def is_copy(self, key: str, reading: Reading, requested_at: datetime) -> bool:
        """Whether a reading was taken before the last one without a date."""
        last = self._last.get(key)
        if last is None or reading.taken_at is None:
            return False
        if last.earliest is not None and reading.taken_at < last.earliest:
            return True
        at = last.reported_at
        return at is not None and requested_at < at + _OLDEST_COPY and reading.taken_at < at.replace(microsecond=0)

    def clamp(self, now: datetime) -> None:
        """Forget what lies in the future."""
        self._last = {
            key: last
            for key, last in self._last.items()
            if not is_ahead(last.earliest, now) and not is_ahead(last.reported_at, now)
        }
