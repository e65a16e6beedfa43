"""The bytes of a datapoint that holds a part of a schedule, or the time of a device's clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final

SLOT: Final = "slot"
"""The place in a key where the number of a slot stands; it only orders the slots."""
HOUR: Final = "hour"
"""The place in a key where the hour stands at which a slot starts."""
WEEKDAY: Final = "weekday"
"""The place in a key where the day stands, 1 for Monday to 7 for Sunday."""
UNUSED: Final = (0x00, 0xEE)
"""What the bytes of a slot without a program usually are."""
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


class TimeField(StrEnum):
    """The bytes of a slot that say when it is; a slot without an end is a moment."""

    START_HOUR = "start.hour"
    START_MINUTE = "start.minute"
    END_HOUR = "end.hour"
    END_MINUTE = "end.minute"


class ClockField(StrEnum):
    """The bytes of a clock."""

    CENTURY = "century"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    WEEKDAY = "weekday"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteMeaning:
    """What a byte, or some bits of it, means.

    `name` is one of `TimeField` or `ClockField`, or any name of a parameter such as `flow`. `options` are the words for
    its numbers, by number. `when` maps the names of other fields of the record to the words for which it has this
    meaning: the same byte is a flow in one mode and a pause in another. `like` is the key of a datapoint with the same
    unit and limits.
    """

    name: str
    options: Mapping[int, str] = field(default_factory=dict)
    unit: str | None = None
    scale: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    like: str | None = None


@dataclass(frozen=True, slots=True)
class RecordByte:
    """One byte of a record. The first meaning whose `when` holds counts; without meanings the byte is kept as it is."""

    meanings: tuple[ByteMeaning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Slots of equal length that follow each other from midnight, packed into the bytes of one datapoint or several.

    The first slot is in the lowest bits of the first byte unless `is_highest_first`.
    """

    minutes: int
    bits: int
    options: Mapping[int, str]
    name: str = "mode"
    is_highest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The layout of the datapoints whose keys match a pattern such as `AutoTime{slot}` or `CH{channel}Timer{slot}`.

    Each place in braces stands for digits. `slot`, `hour` and `weekday` have a meaning; the value of any other place
    names a schedule of its own. The layout is repeated `repeat` times in each datapoint. A slot all of whose bytes are
    one of `empty` is unused. Either `layout` or `grid` is given, or `is_clock` says that `layout` is the device's time.
    """

    pattern: str
    layout: tuple[RecordByte, ...] = ()
    grid: Grid | None = None
    repeat: int = 1
    empty: tuple[int, ...] = UNUSED
    is_clock: bool = False
    name: str | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the places in the pattern."""
        return tuple(_PLACE.findall(self.pattern))

    @property
    def length(self) -> int:
        """The bytes of one datapoint."""
        return len(self.layout) * self.repeat

    def places_of(self, key: str) -> Mapping[str, int] | None:
        """Return the numbers that stand in the places of a key; None if the key does not match."""
        found = _expression(self.pattern).fullmatch(key)
        return {name: int(digits) for name, digits in found.groupdict().items()} if found else None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = _PLACE.split(pattern)  # text and names of places take turns
    return re.compile(
        "".join(rf"(?P<{piece}>\d+)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    )
