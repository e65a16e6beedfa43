"""When readings that are dated in the future were really taken: when they arrived.

The same date told again is the same reading, also when that date has come: a device that is silent does not speak.
Pure: time comes in as an argument.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..clouds.clock import arrived, is_ahead
from ..clouds.model import Reading, Snapshot


@dataclass(slots=True)
class Arrivals:
    """The readings of one device that were dated in the future. `told` are their dates, by datapoint."""

    told: dict[str, datetime] = field(default_factory=dict)

    def believed(self, snapshot: Snapshot, known: Mapping[str, Reading], now: datetime) -> Snapshot:
        """The answer with dates that can be believed; the same object where all of them can be."""
        if not self.told and not self._is_ahead(snapshot, now):
            return snapshot
        readings = {
            key: self._believed(key, reading, known.get(key), now) for key, reading in snapshot.readings.items()
        }
        return replace(snapshot, readings=readings, reported_at=_reported_at(snapshot, readings, now))

    def bring_back(
        self, readings: Mapping[str, Reading], taken_at: datetime | None, now: datetime
    ) -> dict[str, Reading]:
        """The readings that are kept, those from the future as taken at a time that is believed, or at none."""
        for key, reading in readings.items():
            if reading.taken_at is not None and is_ahead(reading.taken_at, now):
                self.told[key] = reading.taken_at
        return {
            key: Reading(reading.value, taken_at) if is_ahead(reading.taken_at, now) else reading
            for key, reading in readings.items()
        }

    @staticmethod
    def _is_ahead(snapshot: Snapshot, now: datetime) -> bool:
        # As a rule the device reported when its newest reading was taken.
        if snapshot.reported_at is not None:
            return is_ahead(snapshot.reported_at, now)
        return any(is_ahead(reading.taken_at, now) for reading in snapshot.readings.values())

    def _believed(self, key: str, reading: Reading, known: Reading | None, now: datetime) -> Reading:
        if reading.taken_at is None:
            return reading
        if known is not None and known.value == reading.value and self.told.get(key) == reading.taken_at:
            return known
        if not is_ahead(reading.taken_at, now):
            self.told.pop(key, None)
            return reading
        self.told[key] = reading.taken_at
        return Reading(reading.value, now)


def _reported_at(snapshot: Snapshot, readings: Mapping[str, Reading], now: datetime) -> datetime | None:
    if snapshot.reported_at is None or not readings:
        return None if snapshot.reported_at is None else arrived(snapshot.reported_at, now)
    return max(times(readings), default=None)


def times(readings: Mapping[str, Reading]) -> Iterator[datetime]:
    """When those were taken of which that is known."""
    return (reading.taken_at for reading in readings.values() if reading.taken_at is not None)


def is_older(reading: Reading, known: Reading) -> bool:
    """Whether a reading was taken before the one that is known, so far as both say when."""
    if reading.taken_at is None or known.taken_at is None:
        return False
    if not reading.taken_at.microsecond:  # some clouds count in whole seconds, and push in finer ones
        return reading.taken_at < known.taken_at.replace(microsecond=0)
    return reading.taken_at < known.taken_at
