"""A usage aggregate in terms of the model: which numbers an undocumented `data` holds, and what they are called.

Pure, and lenient: the document shows no `data`, so that every shape its family uses is tried in turn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from .. import wire
from ..model import Datapoint, DataType, Value

TOTAL = "total"
_VALUE = "value:"

_LABELS = ("name", "key", "n", "id")
_NUMBERS = ("value", "total", "count", "v")
_TIMES = ("date", "ut", "from")

_DEEPEST = 3
_WIDEST = 12


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers of one answer by datapoint key, and the shapes of what could not be understood."""

    numbers: Mapping[str, Value | None] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an answer: `label` None is the whole, `time` None where the answer does not say when."""

    label: str | None
    time: datetime | None
    number: int | float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All numbers of one answer in its order, and the shapes of what could not be understood."""

    found: tuple[Figure, ...] = ()
    skipped: tuple[str, ...] = ()


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


def rows_of(data: Any) -> list[Any] | None:
    """The rows of `data`: a list, or the only list in an object. None where there are no rows."""
    if isinstance(data, list):
        return data
    lists = [value for value in wire.fields(data).values() if isinstance(value, list)]
    return lists[0] if len(lists) == 1 else None


def figures_of_object(data: Any, labels: Iterable[str]) -> Figures:
    """Read `data` without rows: nothing, a number, a count, numbers by name, or a single row."""
    if data is None or data == {}:
        return Figures()
    if (number := wire.number(data)) is not None:
        return Figures((Figure(None, None, number),))
    fields = wire.fields(data)
    numbers = {name: wire.number(value) for name, value in fields.items()}
    if fields and all(number is not None or fields[name] is None for name, number in numbers.items()):
        if len(numbers) == 1 and "count" in numbers:
            return Figures((Figure(None, None, numbers["count"]),))
        return Figures(tuple(Figure(name, None, number) for name, number in numbers.items()))
    return figures_of_rows([data], labels, None)


def figures_of_rows(rows: Sequence[Any], labels: Iterable[str], zone: tzinfo | None) -> Figures:
    """Read rows. `labels` are the columns that the query itself makes likely to name a row."""
    columns = (*_LABELS, *labels)
    found: list[Figure] = []
    skipped: set[str] = set()
    for row in rows:
        read = _read(wire.fields(row), columns, zone)
        if read is None or (read.label is None and read.time is None and len(rows) > 1):
            skipped.add(shape(row))
        else:
            found.append(read)
    return Figures(tuple(found), tuple(sorted(skipped)))


def usage(figures: Figures) -> Usage:
    """One number a label: the newest where a label has several."""
    newest: dict[str, Figure] = {}
    for figure in figures.found:
        key = TOTAL if figure.label is None else _VALUE + figure.label
        known = newest.get(key)
        if known is None or (figure.time is not None and (known.time is None or figure.time > known.time)):
            newest[key] = figure
    return Usage({key: figure.number for key, figure in newest.items()}, figures.skipped)


def _read(row: Mapping[str, Any], columns: Iterable[str], zone: tzinfo | None) -> Figure | None:
    label_column = next((column for column in columns if wire.text(row.get(column)) is not None), None)
    label = None if label_column is None else wire.text(row.get(label_column))
    times = (wire.moment(row.get(column), *(() if zone is None else (zone,))) for column in _TIMES)
    time = next((time for time in times if time is not None), None)
    for column in _NUMBERS:
        if column in row and (row[column] is None or wire.number(row[column]) is not None):
            return Figure(label, time, wire.number(row[column]))
    numbers = [
        value
        for column, value in row.items()
        if column not in {label_column, *_TIMES} and not isinstance(value, str) and wire.number(value) is not None
    ]
    return Figure(label, time, numbers[0]) if len(numbers) == 1 else None


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
