"""A usage aggregate in terms of the model: which numbers an undocumented `data` holds, and what they are called.

Pure, and lenient: the document shows no `data`, so that every shape its family uses is tried in turn.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from .. import coerce
from ..model import Datapoint, DataType, Value

TOTAL = "total"
_VALUE = "value:"

_LABELS = ("name", "key", "n", "id")
_NUMBERS = ("value", "total", "count", "v")
_TIMES = ("date", "ut", "from", "timestamp")
_CONTAINERS = frozenset({"groups", "items", "values", "rows", "data", "series", "results", "content", "list", "dates"})
_MONTH = re.compile(r"\d{4}-\d{2}")
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?")

_DEEPEST = 3
_WIDEST = 12


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers of one answer by datapoint key, and the shapes of what could not be understood."""

    numbers: Mapping[str, Value | None] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an answer: `label` None is the whole, `time` None where the answer does not say when.

    `is_sum`: the answer has its parts by date as well.
    """

    label: str | None
    time: datetime | None
    number: int | float | None
    is_sum: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether nothing says what it is the number of."""
        return self.label is None and self.time is None


@dataclass(frozen=True, slots=True)
class Figures:
    """All numbers of one answer in its order, and the shapes of what could not be understood."""

    found: tuple[Figure, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Figure, ...]:
        """The numbers without the sums of others among them."""
        return tuple(figure for figure in self.found if not figure.is_sum)


@dataclass(frozen=True, slots=True)
class Named:
    """One value of an object whose names are labels or dates."""

    name: str
    value: Any


def start_of_period(period: str, now: datetime, zone: tzinfo) -> datetime:
    """When the running hour, day, week (from Monday), month or year began in `zone`; the day for any other word."""
    local = now.astimezone(zone)
    hour = local.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return hour
    day = hour.replace(hour=0, fold=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    if period == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if period == "year" else day


def datapoint(key: str, unit: str | None) -> Datapoint:
    """Describe what a key of `Usage` stands for."""
    name = "Total" if key == TOTAL else key.removeprefix(_VALUE)
    return Datapoint(key=key, name=name, data_type=DataType.NUMBER, unit=unit)


def entries_of(data: Any) -> list[Any] | None:
    """What pages of `data` are made of: rows, or `Named` values. None where there is but one thing, or nothing."""
    if isinstance(data, list):
        return data
    fields = coerce.fields(data)
    lists = [value for value in fields.values() if isinstance(value, list)]
    if len(lists) == 1:
        return lists[0]
    containers = {name for name, value in fields.items() if isinstance(value, dict | list)}
    if len(containers) == 1 and containers < fields.keys() and containers <= _CONTAINERS:
        return entries_of(fields[next(iter(containers))])
    has_numbers = all(value is None or coerce.number(value) is not None for value in fields.values())
    if not fields or fields.keys() == {"count"} or not (has_numbers or len(containers) == len(fields)):
        return None
    return [Named(name, value) for name, value in fields.items()]


def figures_of(data: Any, labels: Iterable[str], zone: tzinfo) -> Figures:
    """Read `data` that has no entries: nothing, a number, a count, or a single row."""
    if data is None or data == {}:
        return Figures()
    number = coerce.fields(data).get("count") if coerce.fields(data).keys() == {"count"} else data
    if number is None or coerce.number(number) is not None:
        return Figures((Figure(None, None, coerce.number(number)),))
    return figures_of_entries([data], labels, zone)


def figures_of_entries(entries: Sequence[Any], labels: Iterable[str], zone: tzinfo) -> Figures:
    """Read entries. `labels` are the columns that the query itself makes likely to name a row."""
    reader = _Reader((*_LABELS, *labels), zone)
    found: list[Figure] = []
    skipped: set[str] = set()
    for entry in entries:
        read = reader.read(entry)
        if read is None or (len(entries) > 1 and any(figure.is_bare for figure in read)):
            skipped.add(shape({entry.name: entry.value} if isinstance(entry, Named) else entry))
        else:
            found += read
    if not found and all(isinstance(entry, Named) for entry in entries):
        skipped = {shape({entry.name: entry.value for entry in entries})} if entries else set()
    return Figures(tuple(found), tuple(sorted(skipped)))


def usage(figures: Figures) -> Usage:
    """One number a label: the newest where a label has several, and their sum where the answer tells it."""
    best: dict[str, Figure] = {}
    for figure in figures.found:
        key = TOTAL if figure.label is None else _VALUE + figure.label
        known = best.get(key)
        if known is None or figure.is_sum or (not known.is_sum and _is_newer(figure, known)):
            best[key] = figure
    return Usage({key: figure.number for key, figure in best.items()}, figures.skipped)


def _is_newer(figure: Figure, known: Figure) -> bool:
    return figure.time is not None and (known.time is None or figure.time > known.time)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads entries, and what is nested in them. None stands for what could not be understood."""

    columns: tuple[str, ...]
    zone: tzinfo

    def read(self, entry: Any, above: Figure | None = None, depth: int = 0) -> list[Figure] | None:
        """The figures of an entry; it belongs to the label and the time of `above`."""
        above = above or Figure(None, None, None)
        if isinstance(entry, Named):
            return self._value(entry.value, self._below(above, entry.name), depth)
        return self._row(entry, above, depth) if isinstance(entry, dict) else None

    def _below(self, above: Figure, name: str) -> Figure:
        if _DATE.fullmatch(name) and (time := _moment(name, self.zone)) is not None:
            return replace(above, time=time)
        return replace(above, label=_joined(above.label, name))

    def _value(self, value: Any, above: Figure, depth: int) -> list[Figure] | None:
        if value is None or coerce.number(value) is not None:
            return [replace(above, number=coerce.number(value))]
        if depth == _DEEPEST or not value:
            return None
        if isinstance(value, list):
            return _all(self.read(entry, above, depth + 1) for entry in value)
        if not isinstance(value, dict):
            return None
        if any(name in value for name in (*self.columns, *_NUMBERS, *_TIMES)):
            return self._row(value, above, depth + 1)
        return _all(self.read(Named(name, one), above, depth + 1) for name, one in value.items())

    def _row(self, row: Mapping[str, Any], above: Figure, depth: int) -> list[Figure] | None:
        column = next((column for column in self.columns if coerce.text(row.get(column)) is not None), None)
        times = (_moment(row.get(name), self.zone) for name in _TIMES)
        here = Figure(
            _joined(above.label, None if column is None else coerce.text(row.get(column))),
            next((time for time in times if time is not None), above.time),
            None,
        )
        if column is None and here.time is not None and (columns := _wide(row)):
            return [replace(self._below(here, name), number=number) for name, number in columns.items()]
        if row and all(value is None for value in row.values()):
            return None  # a damaged row: nobody can tell what it was of
        number = _number_of(row, column)
        nested = [value for value in row.values() if isinstance(value, dict | list) and value]
        parts = _all(self._value(value, here, depth) for value in nested) if nested else None
        if number is None:
            return parts
        own = replace(here, number=number[0])
        if parts is not None and all(part.time is not None and part.time != here.time for part in parts):
            return [replace(own, is_sum=True), *parts]
        return [own]


def _moment(value: Any, zone: tzinfo) -> datetime | None:
    is_month = isinstance(value, str) and _MONTH.fullmatch(value) is not None
    return coerce.timestamp(f"{value}-01" if is_month else value, zone)


def _number_of(row: Mapping[str, Any], label_column: str | None) -> tuple[int | float | None] | None:
    """The number of a row, which may be null; None where it cannot be told."""
    for column in _NUMBERS:
        if column in row and (row[column] is None or coerce.number(row[column]) is not None):
            return (coerce.number(row[column]),)
    numbers = [
        value
        for column, value in row.items()
        if column not in {label_column, *_TIMES} and not isinstance(value, str) and coerce.number(value) is not None
    ]
    return (numbers[0],) if len(numbers) == 1 else None


def _wide(row: Mapping[str, Any]) -> Mapping[str, float]:
    """The numbers of a row with a column for each label; none where the row has anything else."""
    numbers = {name: coerce.number(value) for name, value in row.items() if name not in _TIMES}
    is_wide = len(numbers) > 1 and not numbers.keys() & {*_NUMBERS}
    found = {name: number for name, number in numbers.items() if number is not None}
    return found if is_wide and len(found) == len(numbers) else {}


def _joined(above: str | None, below: str | None) -> str | None:
    return " / ".join(label for label in (above, below) if label is not None) or None


def _all(read: Iterable[list[Figure] | None]) -> list[Figure] | None:
    figures: list[Figure] = []
    for some in read:
        if some is None:
            return None
        figures += some
    return figures


def shape(data: Any, depth: int = 0) -> str:
    """The structure of `data`: names and types, never values."""
    if depth == _DEEPEST:
        return "…"
    if isinstance(data, dict):
        return "{" + _some(f"{name}: {shape(value, depth + 1)}" for name, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + _some(dict.fromkeys(shape(value, depth + 1) for value in data[:_WIDEST])) + "]"
    return type(data).__name__


def _some(parts: Iterable[str]) -> str:
    return ", ".join(part if number < _WIDEST else "…" for number, part in zip(range(_WIDEST + 1), parts, strict=False))
