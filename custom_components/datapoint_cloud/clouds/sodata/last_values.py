"""Last values, read with no more work than is new in them.

Most answers are the one before but for a few rows: only those are decoded then. Whatever is not that plain is decoded
as a whole, so that what comes out is always the same. It sends nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import orjson

from .. import coerce
from ..errors import UnexpectedAnswer
from ..http import Answer
from ..model import Reading, Snapshot
from . import mapping
from .mapping import Description, Unreadable

_FEW = 0.1  # of the rows: with more new ones, decoding all of them costs less

type _Row = Mapping[str, Any]


class _NotPlain(Exception):
    """The answer is more than the one before with other values."""


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer and what it was found to say.

    `is_plain`: each datapoint stands in it once, and its braces are those of rows, of their devices and of the whole.

    `pieces` are what the text is between closing braces, where it was cut already.
    """

    text: bytes
    descriptions: Mapping[str, Description | None]
    snapshots: Mapping[str, Snapshot]
    is_plain: bool
    pieces: list[bytes] = field(default_factory=list)


class LastValues:
    """The last values of one account ("Last values"). What stayed the same comes out as the same object."""

    def __init__(self, descriptions: Mapping[str, Description]) -> None:
        """Read values as the `descriptions` say, by device; they may change between two answers."""
        self._descriptions = descriptions
        self._before: dict[str, _Read] = {}  # by what was asked for

    def read(self, asked_for: str, answer: Answer) -> Mapping[str, Snapshot]:
        """What an answer says of each device in it; the answer before to what was `asked_for` saves work.

        Raises `UnexpectedAnswer` if it is no JSON, or holds no list, or a list in which nothing can be read.
        """
        before = self._before.get(asked_for)
        if before is None or any(self._descriptions.get(uuid) is not was for uuid, was in before.descriptions.items()):
            read = self._decoded(answer)
        elif answer.text == before.text:
            return before.snapshots
        else:
            try:
                read = _amended(before, answer.text)
            except _NotPlain:
                read = self._decoded(answer)
        self._before[asked_for] = read
        return read.snapshots

    def forget(self) -> None:
        """Keep no answers: what will be asked for may be something else."""
        self._before.clear()

    def _decoded(self, answer: Answer) -> _Read:
        listed, rows = mapping.listed(answer.body), mapping.rows(answer.body)
        if not isinstance(listed, list) or (listed and not rows):
            raise answer.error(UnexpectedAnswer)
        snapshots = mapping.snapshots(rows, self._descriptions)
        told = sum(map(len, rows.values()))
        # What stands where devices do and looks like a row is none.
        devices = sum("serviceId" not in record for record in mapping.records(answer.body))
        objects = told + devices + isinstance(answer.body, dict)
        return _Read(
            text=answer.text,
            descriptions={uuid: self._descriptions.get(uuid) for uuid in rows},
            snapshots=snapshots,
            is_plain=told == sum(len(snapshot.readings) for snapshot in snapshots.values())
            and answer.text.count(b"{") == answer.text.count(b"}") == objects,
        )


def _amended(before: _Read, text: bytes) -> _Read:
    """Read an answer as the one before with a few other values. Raises `_NotPlain` if it is anything else."""
    if not before.is_plain:
        raise _NotPlain
    changed: defaultdict[str, dict[str, Reading]] = defaultdict(dict)
    pieces = text.split(b"}")
    for new in _changed_rows(before.pieces or before.text.split(b"}"), pieces):
        uuid, key, reading = _reading(new, before.descriptions)
        was = before.snapshots[uuid].readings.get(key) if uuid in before.snapshots else None
        if was is None or _is_older(reading, was):
            raise _NotPlain
        changed[uuid][key] = reading
    snapshots = {uuid: _with(before.snapshots[uuid], readings) for uuid, readings in changed.items()}
    return replace(before, text=text, snapshots={**before.snapshots, **snapshots}, pieces=pieces)


def _is_older(reading: Reading, was: Reading) -> bool:
    return was.taken_at is not None and (reading.taken_at is None or reading.taken_at < was.taken_at)


def _with(snapshot: Snapshot, readings: Mapping[str, Reading]) -> Snapshot:
    times = chain([snapshot.reported_at], (reading.taken_at for reading in readings.values()))
    return replace(
        snapshot,
        readings={**snapshot.readings, **readings},
        skipped=tuple(key for key in snapshot.skipped if key not in readings),
        reported_at=max((time for time in times if time is not None), default=None),
    )


def _changed_rows(old: list[bytes], new: list[bytes]) -> Iterator[_Row]:
    """The new rows in which two answers differ. Raises `_NotPlain` unless only values and dates do."""
    if len(old) != len(new):
        raise _NotPlain
    changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    if len(changed) > _FEW * len(new):
        raise _NotPlain
    for old_piece, new_piece in changed:
        old_lead, old_row = _row(old_piece)
        new_lead, new_row = _row(new_piece)
        if old_lead != new_lead or _fixed(old_row) != _fixed(new_row):
            raise _NotPlain
        yield new_row


def _row(piece: bytes) -> tuple[bytes, _Row]:
    """What leads to a row, and the row, of a piece that ends before the brace that ends the row."""
    lead, brace, content = piece.rpartition(b"{")
    try:
        row = coerce.decode(brace + content + b"}")
    except ValueError:
        raise _NotPlain from None
    if not isinstance(row, dict):
        raise _NotPlain
    return lead, row


def _fixed(row: _Row) -> bytes:
    # As text: to Python 1 and true are the same.
    fixed = {name: value for name, value in row.items() if name not in {"value", "date"}}
    return orjson.dumps(fixed, option=orjson.OPT_SORT_KEYS)


def _reading(row: _Row, descriptions: Mapping[str, Description | None]) -> tuple[str, str, Reading]:
    try:
        uuid, key = mapping.identity(row)
        description = descriptions.get(uuid)
        return uuid, key, mapping.reading(key, row, description.types if description else {})
    except Unreadable:
        raise _NotPlain from None
