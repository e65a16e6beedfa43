"""Corrects readings that are dated in the future: they count as taken when they arrived.

A reading that repeats its date is the same reading, even once that date has come; otherwise a silent device would seem
to report. Pure: time comes in as an argument.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..clouds.clock import arrived, is_ahead
from ..clouds.model import Reading, Snapshot


@dataclass(slots=True)
class FutureDates:
    """The future dates that the cloud gave for readings of one device, by datapoint."""

    dates: dict[str, datetime] = field(default_factory=dict)

    def correct(self, snapshot: Snapshot, known: Mapping[str, Reading], now: datetime) -> Snapshot:
        """Return the snapshot without future dates; the same object if it has none."""
        if not self.dates and not _has_future_date(snapshot, now):
            return snapshot
        readings = {
            key: self._corrected(key, reading, known.get(key), now) for key, reading in snapshot.readings.items()
        }
        return replace(snapshot, readings=readings, reported_at=_reported_at(snapshot, readings, now))

    def clamp(self, readings: Mapping[str, Reading], taken_at: datetime | None, now: datetime) -> dict[str, Reading]:
        """Return stored readings, those from the future as taken at `taken_at` (None: unknown)."""
        for key, reading in readings.items():
            if reading.taken_at is not None and is_ahead(reading.taken_at, now):
                self.dates[key] = reading.taken_at
        return {
            key: Reading(reading.value, taken_at) if is_ahead(reading.taken_at, now) else reading
            for key, reading in readings.items()
        }

    def _corrected(self, key: str, reading: Reading, known: Reading | None, now: datetime) -> Reading:
        if reading.taken_at is None:
            return reading
        if known is not None and known.value == reading.value and self.dates.get(key) == reading.taken_at:
            return known
        if not is_ahead(reading.taken_at, now):
            self.dates.pop(key, None)
            return reading
        self.dates[key] = reading.taken_at
        return Reading(reading.value, now)


def _has_future_date(snapshot: Snapshot, now: datetime) -> bool:
    # A device usually reported when its newest reading was taken, so that one comparison is enough.
    if snapshot.reported_at is not None:
        return is_ahead(snapshot.reported_at, now)
    return any(is_ahead(reading.taken_at, now) for reading in snapshot.readings.values())


def _reported_at(snapshot: Snapshot, readings: Mapping[str, Reading], now: datetime) -> datetime | None:
    if snapshot.reported_at is None or not readings:
        return None if snapshot.reported_at is None else arrived(snapshot.reported_at, now)
    return max(dates_of(readings), default=arrived(snapshot.reported_at, now))


def dates_of(readings: Mapping[str, Reading]) -> Iterator[datetime]:
    """When these readings were taken, for those that say so."""
    return (reading.taken_at for reading in readings.values() if reading.taken_at is not None)


def is_older(reading: Reading, known: Reading) -> bool:
    """Whether a reading was taken before a known one; False if either has no date."""
    if reading.taken_at is None or known.taken_at is None:
        return False
    if not reading.taken_at.microsecond:  # some clouds poll in whole seconds and push in fractions
        return reading.taken_at < known.taken_at.replace(microsecond=0)
    return reading.taken_at < known.taken_at
