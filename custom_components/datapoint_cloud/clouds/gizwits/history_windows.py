"""Reads history: the part of a range that is still kept, window by window, device by device.

It knows no endpoint, and of a row only its timestamp.
"""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ..errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from ..history import HistoryResult, Series
from ..model import Device
from ..windows import split
from .paging import FORM_INVALID, Row
from .wire_values import row_timestamp

_MARGIN: Final = timedelta(minutes=1)  # how far our clock and the server's usually differ
_MARGINS: Final = (_MARGIN, timedelta(minutes=10), timedelta(minutes=90))  # an hour is what a wrong zone makes

type TimedRow = tuple[datetime, Row]
type ReadPages = Callable[[int, int], AsyncIterator[list[Row]]]
"""Yields the rows of a window of whole epoch seconds, page by page, oldest first."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def oldest_kept(retention: timedelta) -> datetime:
    """Return the oldest time worth requesting of history with this retention, in whole seconds."""
    return datetime.fromtimestamp(math.ceil((utc_now() - retention + _MARGIN).timestamp()), UTC)


def clamp(start: datetime, end: datetime, retention: timedelta) -> tuple[datetime, datetime]:
    """Return the part of a range within the retention and not in the future; an empty range if there is none."""
    now, oldest = utc_now(), oldest_kept(retention)
    first, last = max(start.astimezone(UTC), oldest), min(end.astimezone(UTC), now)
    if first < last:
        return first, last
    nowhere = min(first, end.astimezone(UTC))
    return nowhere, nowhere


async def read_windows(
    start: datetime, end: datetime, read: ReadPages, *, longest: timedelta, retention: timedelta
) -> HistoryResult[TimedRow]:
    """Read the rows of a range, oldest first, in windows of at most `longest` (whole seconds).

    Raises an error only if nothing was read before it.
    """
    first, last = clamp(start, end, retention)
    last = max(first, last.replace(microsecond=0))  # the vendor counts in whole seconds
    rows = _RowsByTime()
    covered = first
    stopped_by: CloudError | None = None
    try:
        for window_start, window_end in split(first.replace(microsecond=0), last, longest):
            begin, covered = await _read_window(window_start, window_end, read, rows, retention=retention)
            first = max(first, begin) if window_start <= first else first
            rows.begin_window()
    except CloudError as error:
        if covered == first and not rows.has_rows:
            raise
        stopped_by = error
        covered = max(covered, min(rows.complete_until or covered, last))
    if stopped_by is None and rows.has_unreadable:
        stopped_by = UnexpectedAnswer()
    return HistoryResult(rows=rows.between(first, covered), start=first, end=covered, stopped_by=stopped_by)


async def _read_window(
    start: datetime, end: datetime, read: ReadPages, rows: _RowsByTime, *, retention: timedelta
) -> tuple[datetime, datetime]:
    """Read a window and return which part of it was read.

    A server whose clock is behind ours refuses an end in its future, and one whose clock is ahead a start that it does
    not keep any more; then the window is read without its edges.
    """
    now = utc_now().replace(microsecond=0)
    inner = [(max(start, now - retention + margin), min(end, now - margin)) for margin in _MARGINS]
    windows = list(dict.fromkeys([(start, end), *(window for window in inner if window[0] < window[1])]))
    for window in windows:
        try:
            async for page in read(*(int(edge.timestamp()) for edge in window)):
                rows.add(page)
        except Rejected as error:
            if rows.has_window_rows or window is windows[-1] or error.code not in FORM_INVALID:
                raise
        else:
            return window
    return start, end


class _RowsByTime:
    """Collects rows by time; a row that two pages or two windows share is kept once."""

    def __init__(self) -> None:
        self._rows: dict[datetime, list[Row]] = {}
        self._in_window: list[datetime] = []
        self.has_unreadable = False
        """Whether there were rows without a timestamp."""

    @property
    def has_rows(self) -> bool:
        return bool(self._rows)

    @property
    def has_window_rows(self) -> bool:
        """Whether the current window has rows already."""
        return bool(self._in_window)

    def begin_window(self) -> None:
        self._in_window = []

    def add(self, page: Sequence[Row]) -> None:
        for row in page:
            if (at := row_timestamp(row)) is None:
                self.has_unreadable = True
                continue
            self._in_window.append(at)
            same = self._rows.setdefault(at, [])
            if row not in same:
                same.append(row)

    @property
    def complete_until(self) -> datetime | None:
        """Until when the rows of an unfinished window are complete; None if they did not come in order."""
        times = self._in_window
        return times[-1] if times and times == sorted(times) else None

    def between(self, start: datetime, end: datetime) -> tuple[TimedRow, ...]:
        return tuple((at, row) for at in sorted(self._rows) if start <= at < end for row in self._rows[at])


async def by_device[T](
    series: Sequence[Series],
    start: datetime,
    read: Callable[[Device, Sequence[str]], Awaitable[Mapping[str, HistoryResult[T]]]],
) -> dict[Series, HistoryResult[T]]:
    """Read one device after the other, each once for all its datapoints.

    Raises an error that concerns the account only if nothing was read before it. An error that concerns a device or its
    product stops only their series.
    """
    results: dict[str, Mapping[str, HistoryResult[T]]] = {}
    refused: dict[str, CloudError] = {}
    has_result = False
    ended_by: CloudError | None = None
    for device, keys in _keys_by_device(series):
        error = ended_by or refused.get(device.schema_id)
        if error is None:
            try:
                found = await read(device, keys)
            except CloudError as failure:
                if not has_result and _concerns_all(failure):
                    raise
                error = failure
            else:
                has_result = True
                results[device.id] = found
                error = next((result.stopped_by for result in found.values() if result.stopped_by is not None), None)
        if device.id not in results and error is not None:
            empty = HistoryResult[T](rows=(), start=start, end=start, stopped_by=error)
            results[device.id] = dict.fromkeys(keys, empty)
        if error is not None and _concerns_all(error):
            ended_by = error
        elif isinstance(error, Forbidden | NotSupported):
            refused[device.schema_id] = error
    return {one: results[one.device.id][one.key] for one in series}


def _keys_by_device(series: Sequence[Series]) -> Iterable[tuple[Device, list[str]]]:
    found: dict[str, tuple[Device, list[str]]] = {}
    for one in series:
        _, keys = found.setdefault(one.device.id, (one.device, []))
        if one.key not in keys:
            keys.append(one.key)
    return found.values()


def _concerns_all(error: CloudError) -> bool:
    """Whether a request about another device would fail in the same way."""
    is_unreachable = isinstance(error, Unreachable) and error.code is None
    return is_unreachable or isinstance(error, AuthFailed | RateLimited)
