"""Finds the schedules of a device, by the layouts that its definition or a profile states, and names their parts.

It knows neither readings nor platforms.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..clouds.model import Datapoint, DataType
from ..clouds.records import HOUR, SLOT, WEEKDAY, ByteMeaning, Grid, Record, RecordByte
from ..fleet.description import DatapointDescription
from ..fleet.naming import Naming
from ..vocabulary import capitalized, is_chinese, readable
from .fields import layout_of
from .grid import GridSchedule
from .layout import Layout
from .schedule import Place, Schedule
from .slots import SlotSchedule
from .words import MINUTES_OF_A_DAY, WEEKDAYS

_HOURS_OF_A_DAY = 24
_MINUTES_OF_AN_HOUR = 60
_BITS_OF_A_BYTE = 8
_POSITIONS = (HOUR, SLOT, WEEKDAY)


@dataclass(frozen=True, slots=True)
class _Part:
    """A datapoint that holds a part of a schedule, and the numbers in its key."""

    description: DatapointDescription
    record: Record
    numbers: Mapping[str, int]

    @property
    def datapoint(self) -> Datapoint:
        return self.description.datapoint

    @property
    def weekday(self) -> str | None:
        number = self.numbers.get(WEEKDAY)
        return None if number is None else WEEKDAYS[number - 1]

    @property
    def order(self) -> tuple[int, int, int]:
        return (self.numbers.get(WEEKDAY, 0), self.numbers.get(HOUR, 0), self.numbers.get(SLOT, 0))


def record_of(description: DatapointDescription, records: Sequence[Record]) -> Record | None:
    """Return the layout of a datapoint: that of a profile (`records`), or else that of its definition."""
    key = description.datapoint.key
    known = (record for record in records if record.places_of(key) is not None)
    return next(known, None) or description.datapoint.record


def schedules_of(
    descriptions: Mapping[str, DatapointDescription], records: Sequence[Record], naming: Naming
) -> tuple[Schedule, ...]:
    """Return the schedules of a device, in the order of its datapoints."""
    parts: dict[str, list[_Part]] = defaultdict(list)
    for description in descriptions.values():
        record = record_of(description, records)
        numbers = None if record is None else record.places_of(description.datapoint.key)
        if record is None or numbers is None or record.is_clock or not _is_possible(numbers):
            continue
        parts[_key(record, numbers)].append(_Part(description, record, numbers))
    found = (
        _schedule(key, sorted(of_key, key=lambda part: part.order), descriptions, naming)
        for key, of_key in parts.items()
    )
    return tuple(schedule for schedule in found if schedule is not None)


def _is_possible(numbers: Mapping[str, int]) -> bool:
    return 1 <= numbers.get(WEEKDAY, 1) <= len(WEEKDAYS) and numbers.get(HOUR, 0) < _HOURS_OF_A_DAY


def _key(record: Record, numbers: Mapping[str, int]) -> str:
    """Return the key of the schedule that a datapoint belongs to: its own key without the number of the slot."""
    pattern = record.pattern
    for name in _POSITIONS:
        pattern = pattern.replace(f"{{{name}}}", "")
    return _filled(pattern, numbers).strip("_")


def _schedule(
    key: str, parts: Sequence[_Part], descriptions: Mapping[str, DatapointDescription], naming: Naming
) -> Schedule | None:
    record = parts[0].record
    name = naming.words_of(_filled(record.name, parts[0].numbers)) if record.name else _name(key, parts, naming)
    is_writable = all(part.datapoint.is_writable for part in parts)
    if record.grid is not None:
        minutes = record.grid.minutes
        places = tuple(place for part in parts for place in _grid_places(part, record.grid, naming))
    else:
        minutes = _MINUTES_OF_AN_HOUR
        places = tuple(_places(parts, descriptions, naming))
    if record.grid is not None or HOUR in record.places:
        steps = GridSchedule(key=key, name=name, is_writable=is_writable, places=places, minutes=minutes)
        return steps if _cover_their_days(places, minutes) else None
    slots = SlotSchedule(key=key, name=name, is_writable=is_writable, places=places, empty=record.empty)
    return slots if all(_has_slots(place.layout) for place in places) else None


def _cover_their_days(places: Iterable[Place], minutes: int) -> bool:
    """Whether steps of so many minutes fill each day that they are for."""
    steps = Counter(place.weekday for place in places)
    return all(number * minutes == MINUTES_OF_A_DAY for number in steps.values())


def _has_slots(layout: Layout) -> bool:
    """Whether a record can be a slot: it says when, and what or until when."""
    return len(layout.times) > 1 or bool(layout.times and layout.meanings)


def _filled(text: str, numbers: Mapping[str, int]) -> str:
    """Put the numbers of a key into the places of a text."""
    for name, number in numbers.items():
        text = text.replace(f"{{{name}}}", str(number))
    return text


def _name(key: str, parts: Sequence[_Part], naming: Naming) -> str:
    """Return what a schedule is called: the name of its datapoints without the numbers of the slots."""
    if len(parts) == 1:
        return parts[0].description.name
    names = [part.datapoint.name.strip() for part in parts]
    vendors = _stem("".join(_shared(names))) or "".join(_shared([name[::-1] for name in names]))[::-1].strip()
    name = naming.text(vendors)
    if vendors and (not is_chinese(name) or naming.words is None):
        return capitalized(name)
    return " ".join(_shared([part.description.name.split() for part in parts])) or capitalized(readable(key))


def _stem(prefix: str) -> str:
    """Remove the first digits of numbers: `Timer 1` of 10 to 19. In `Group1_` the number is of something else."""
    return prefix.rstrip("_- ") if prefix.endswith(("_", "-")) else prefix.rstrip("0123456789 ")


def _shared(texts: Iterable[Sequence[str]]) -> list[str]:
    """Return the letters or words that all texts begin with."""
    shared: list[str] = []
    for column in zip(*texts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared


def _places(
    parts: Iterable[_Part], descriptions: Mapping[str, DatapointDescription], naming: Naming
) -> Iterator[Place]:
    known: list[tuple[Record, Layout]] = []  # nearly always one for all slots
    for part in parts:
        layout = next((layout for record, layout in known if record.layout == part.record.layout), None)
        if layout is None:
            layout = layout_of(part.record, descriptions, naming)
            known.append((part.record, layout))
        for number in range(part.record.repeat):
            yield Place(key=part.datapoint.key, at=number * layout.size, layout=layout, weekday=part.weekday)


def _grid_places(part: _Part, grid: Grid, naming: Naming) -> Iterable[Place]:
    layout = layout_of(_step_of(grid), {}, naming)
    length = 1 if part.datapoint.data_type is DataType.NUMBER else part.datapoint.length or 0
    shifts = range(0, _BITS_OF_A_BYTE, grid.bits)
    for at in range(length):
        for shift in reversed(shifts) if grid.is_highest_first else shifts:
            yield Place(key=part.datapoint.key, at=at, layout=layout, weekday=part.weekday, shift=shift, bits=grid.bits)


def _step_of(grid: Grid) -> Record:
    """Return one step of a grid as a record of its own."""
    return Record(pattern="", layout=(RecordByte((ByteMeaning(name=grid.name, options=grid.options),)),))
