"""A usage aggregate in terms of the model: the numbers in an answer, and the datapoints they belong to.

Pure, and lenient: the document does not show `data`, so every shape known from related services is tried in turn.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from .. import coerce
from ..model import Datapoint, DataType

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
class UsageNumber:
    """One number of an answer. `label` is None for the whole, `time` is None if the answer does not state it.

    `is_sum`: the answer also holds the parts of this number, by date.
    """

    label: str | None
    time: datetime | None
    value: int | float | None
    is_sum: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether neither a label nor a time belongs to the number."""
        return self.label is None and self.time is None


@dataclass(frozen=True, slots=True)
class UsageNumbers:
    """All numbers of one answer in its order, and the shapes of entries that could not be read."""

    all: tuple[UsageNumber, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[UsageNumber, ...]:
        """The numbers that are not the sum of others."""
        return tuple(number for number in self.all if not number.is_sum)


@dataclass(frozen=True, slots=True)
class NamedValue:
    """One field of an object whose field names are labels or dates."""

    name: str
    value: Any


def start_of_period(period: str, now: datetime, zone: tzinfo) -> datetime:
    """Return when the current hour, day, week (from Monday), month or year began in `zone`, or the day by default."""
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
    """Describe the datapoint of a key of `numbers_by_key`."""
    name = "Total" if key == TOTAL else key.removeprefix(_VALUE)
    return Datapoint(key=key, name=name, data_type=DataType.NUMBER, unit=unit, is_period_total=True)


def find_entries(data: Any) -> list[Any] | None:
    """Return the entries of `data`: rows, or `NamedValue`s. None if it holds a single value or row, or nothing."""
    if isinstance(data, list):
        return data
    fields = coerce.fields(data)
    lists = [value for value in fields.values() if isinstance(value, list)]
    if len(lists) == 1:
        return lists[0]
    containers = {name for name, value in fields.items() if isinstance(value, (dict, list))}
    if len(containers) == 1 and containers < fields.keys() and containers <= _CONTAINERS:
        return find_entries(fields[next(iter(containers))])
    has_numbers = all(value is None or coerce.number(value) is not None for value in fields.values())
    if not fields or fields.keys() == {"count"} or not (has_numbers or len(containers) == len(fields)):
        return None
    return [NamedValue(name, value) for name, value in fields.items()]


def parse_single(data: Any, labels: Iterable[str], zone: tzinfo) -> UsageNumbers:
    """Parse `data` without entries: nothing, a number, a count, or a single row."""
    if data is None or data == {}:
        return UsageNumbers()
    number = coerce.fields(data).get("count") if coerce.fields(data).keys() == {"count"} else data
    if number is None or coerce.number(number) is not None:
        return UsageNumbers((UsageNumber(None, None, coerce.number(number)),))
    return parse_entries([data], labels, zone)


def parse_entries(entries: Sequence[Any], labels: Iterable[str], zone: tzinfo) -> UsageNumbers:
    """Parse entries. `labels` are further columns that may hold the label of a row, known from the query."""
    parser = _Parser((*_LABELS, *labels), zone)
    found: list[UsageNumber] = []
    skipped: set[str] = set()
    for entry in entries:
        read = parser.parse(entry)
        if read is None or (len(entries) > 1 and any(number.is_bare for number in read)):
            skipped.add(describe_shape({entry.name: entry.value} if isinstance(entry, NamedValue) else entry))
        else:
            found += read
    if not found and all(isinstance(entry, NamedValue) for entry in entries):
        skipped = {describe_shape({entry.name: entry.value for entry in entries})} if entries else set()
    return UsageNumbers(tuple(found), tuple(sorted(skipped)))


def numbers_by_key(numbers: UsageNumbers) -> dict[str, int | float | None]:
    """Return one number per datapoint: the sum of a label if the answer holds it, otherwise its newest number."""
    best: dict[str, UsageNumber] = {}
    for number in numbers.all:
        key = TOTAL if number.label is None else _VALUE + number.label
        known = best.get(key)
        if known is None or number.is_sum or (not known.is_sum and _is_newer(number, known)):
            best[key] = number
    return {key: number.value for key, number in best.items()}


def _is_newer(number: UsageNumber, known: UsageNumber) -> bool:
    return number.time is not None and (known.time is None or number.time > known.time)


@dataclass(frozen=True, slots=True)
class _Parser:
    """Parses entries and everything nested in them. None means that an entry has no known shape."""

    columns: tuple[str, ...]
    zone: tzinfo

    def parse(self, entry: Any, above: UsageNumber | None = None, depth: int = 0) -> list[UsageNumber] | None:
        """Return the numbers of an entry, which inherit the label and the time of `above`."""
        above = above or UsageNumber(None, None, None)
        if isinstance(entry, NamedValue):
            return self._value(entry.value, self._below(above, entry.name), depth)
        return self._row(entry, above, depth) if isinstance(entry, dict) else None

    def _below(self, above: UsageNumber, name: str) -> UsageNumber:
        if _DATE.fullmatch(name) and (time := _time(name, self.zone)) is not None:
            return replace(above, time=time)
        return replace(above, label=_joined(above.label, name))

    def _value(self, value: Any, above: UsageNumber, depth: int) -> list[UsageNumber] | None:
        if value is None or coerce.number(value) is not None:
            return [replace(above, value=coerce.number(value))]
        if depth == _DEEPEST or not value:
            return None
        if isinstance(value, list):
            return _all(self.parse(entry, above, depth + 1) for entry in value)
        if not isinstance(value, dict):
            return None
        if any(name in value for name in (*self.columns, *_NUMBERS, *_TIMES)):
            return self._row(value, above, depth + 1)
        return _all(self.parse(NamedValue(name, one), above, depth + 1) for name, one in value.items())

    def _row(self, row: Mapping[str, Any], above: UsageNumber, depth: int) -> list[UsageNumber] | None:
        column = next((column for column in self.columns if coerce.text(row.get(column)) is not None), None)
        times = (_time(row.get(name), self.zone) for name in _TIMES)
        here = UsageNumber(
            _joined(above.label, None if column is None else coerce.text(row.get(column))),
            next((time for time in times if time is not None), above.time),
            None,
        )
        if column is None and here.time is not None and (columns := _wide(row)):
            return [replace(self._below(here, name), value=value) for name, value in columns.items()]
        if row and all(value is None for value in row.values()):
            return None  # a damaged row: which label it belongs to is lost
        number = _number_of(row, column)
        nested = [value for value in row.values() if isinstance(value, (dict, list)) and value]
        parts = _all(self._value(value, here, depth) for value in nested) if nested else None
        if number is None:
            return parts
        own = replace(here, value=number[0])
        if parts is not None and all(part.time is not None and part.time != here.time for part in parts):
            return [replace(own, is_sum=True), *parts]
        return [own]


def _time(value: Any, zone: tzinfo) -> datetime | None:
    is_month = isinstance(value, str) and _MONTH.fullmatch(value) is not None
    return coerce.timestamp(f"{value}-01" if is_month else value, zone)


def _number_of(row: Mapping[str, Any], label_column: str | None) -> tuple[int | float | None] | None:
    """Return the number of a row, which may be null, in a tuple; None if several columns may hold it, or none."""
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
    """Return the numbers of a row with one column per label; nothing if the row has any other column."""
    numbers = {name: coerce.number(value) for name, value in row.items() if name not in _TIMES}
    is_wide = len(numbers) > 1 and not numbers.keys() & {*_NUMBERS}
    found = {name: number for name, number in numbers.items() if number is not None}
    return found if is_wide and len(found) == len(numbers) else {}


def _joined(above: str | None, below: str | None) -> str | None:
    return " / ".join(label for label in (above, below) if label is not None) or None


def _all(read: Iterable[list[UsageNumber] | None]) -> list[UsageNumber] | None:
    numbers: list[UsageNumber] = []
    for some in read:
        if some is None:
            return None
        numbers += some
    return numbers


def describe_shape(data: Any, depth: int = 0) -> str:
    """Describe the structure of `data` by names and types, never by values."""
    if depth == _DEEPEST:
        return "…"
    if isinstance(data, dict):
        return "{" + _some(f"{name}: {describe_shape(value, depth + 1)}" for name, value in data.items()) + "}"
    if isinstance(data, list):
        return "[" + _some(dict.fromkeys(describe_shape(value, depth + 1) for value in data[:_WIDEST])) + "]"
    return type(data).__name__


def _some(parts: Iterable[str]) -> str:
    return ", ".join(part if number < _WIDEST else "…" for number, part in zip(range(_WIDEST + 1), parts, strict=False))
