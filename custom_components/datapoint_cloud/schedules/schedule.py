"""What all schedules of devices have in common: places for bytes, and words for them.

Values are bytes by the key of their datapoint. It does not know how a cloud writes them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .layout import Layout
from .words import SlotWords, Word

type Values = Mapping[str, bytes]

_WHOLE_BYTE = 8  # bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """When something of a schedule happens: every day, or on one `weekday` (0 is Monday).

    `start` and `end` are minutes from midnight; an end that is not later than its start is on the next day, and None
    is the moment of the start. `words` do not have the time.
    """

    weekday: int | None
    start: int
    end: int | None
    words: SlotWords
    layout: Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a slot is stored: `layout.size` bytes from `at` on, or `bits` bits of one byte, the lowest of them `shift`.

    `weekday` is the day of the slots that are stored here; None: every day.
    """

    key: str
    at: int
    layout: Layout
    weekday: str | None = None
    shift: int = 0
    bits: int = _WHOLE_BYTE

    def is_in(self, values: Values) -> bool:
        """Whether the device has reported this place."""
        return len(values.get(self.key, b"")) >= self.at + self.layout.size

    def get(self, values: Values) -> bytes:
        """Return the record that is stored here."""
        record = values[self.key][self.at : self.at + self.layout.size]
        return record if self.bits == _WHOLE_BYTE else bytes([record[0] >> self.shift & self._mask])

    def put(self, record: bytes, values: dict[str, bytes]) -> None:
        """Store a record here; all other bytes and bits stay as they are."""
        stored = bytearray(values[self.key])
        if self.bits == _WHOLE_BYTE:
            stored[self.at : self.at + self.layout.size] = record
        else:
            stored[self.at] = stored[self.at] & ~(self._mask << self.shift) | record[0] << self.shift
        values[self.key] = bytes(stored)

    @property
    def _mask(self) -> int:
        return (1 << self.bits) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(ABC):
    """One of the schedules of a device. Users call it by its `key`, and see its `name`."""

    key: str
    name: str
    is_writable: bool
    places: tuple[Place, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The datapoints that hold it."""
        return tuple(dict.fromkeys(place.key for place in self.places))

    @property
    @abstractmethod
    def limits(self) -> Mapping[str, int]:
        """How many slots it has at most (`most_slots`), or how long its shortest slot is (`minutes`)."""

    @abstractmethod
    def is_in(self, values: Values) -> bool:
        """Whether the device has reported the schedule."""

    @abstractmethod
    def read(self, values: Values) -> list[SlotWords]:
        """Return the slots that are used, in words."""

    @abstractmethod
    def occurrences(self, values: Values) -> Iterator[Occurrence]:
        """Return what happens on which days."""

    def write(self, slots: Sequence[Mapping[str, Word]], values: Values) -> dict[str, bytes]:
        """Return the values that change if the schedule consists of these slots alone.

        Slots that stay as they are keep their bytes. Raises `ScheduleError` if the device cannot have the slots.
        """
        written = {key: values[key] for key in self.keys if key in values}
        before = dict(written)
        self._write(slots, written)
        return {key: value for key, value in written.items() if value != before[key]}

    @abstractmethod
    def _write(self, slots: Sequence[Mapping[str, Word]], values: dict[str, bytes]) -> None:
        """Put the slots into the values."""
