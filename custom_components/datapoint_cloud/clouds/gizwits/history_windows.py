"""How a look back is put together: the part of a range that can be reached, window by window, device by device.

It knows no endpoint and nothing of what is in a row but its time.
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
from .paging import Row
from .wire_values import row_timestamp

_MARGIN: Final = timedelta(minutes=1)  # between our clock and the server's

type Dated = tuple[datetime, Row]
type Pages = Callable[[int, int], AsyncIterator[list[Row]]]
"""The rows of a window of whole epoch seconds, page by page, oldest first."""


def present() -> datetime:
    """Now, in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def reach_back(reach: timedelta) -> datetime:
    """The oldest moment that is asked for of what is kept so long, in whole seconds."""
    return datetime.fromtimestamp(math.ceil((present() - reach + _MARGIN).timestamp()), UTC)


def reachable(start: datetime, end: datetime, reach: timedelta) -> tuple[datetime, datetime]:
    """The part of a range that lies within the reach and not in the future; without length where there is none."""
    now, oldest = present(), reach_back(reach)
    first, last = max(start.astimezone(UTC), oldest), min(end.astimezone(UTC), now)
    if first < last:
        return first, last
    nothing = min(first, end.astimezone(UTC))
    return nothing, nothing


async def look_back(
    start: datetime, end: datetime, pages: Pages, *, longest: timedelta, reach: timedelta
) -> HistoryResult[Dated]:
    """Read the rows of a range, oldest first, in windows of at most `longest` (whole seconds).

    Raises what fails before anything was read.
    """
    first, last = reachable(start, end, reach)
    last = max(first, last.replace(microsecond=0))  # the vendor counts in whole seconds
    gathered = _Gathered()
    covered = first
    stopped_by: CloudError | None = None
    try:
        for window_start, window_end in split(first.replace(microsecond=0), last, longest):
            covered = await _read_window(window_start, window_end, pages, gathered)
            gathered.begin_window()
    except CloudError as error:
        if covered == first and not gathered.has_rows:
            raise
        stopped_by = error
        covered = max(covered, min(gathered.complete_until or covered, last))
    if stopped_by is None and gathered.is_damaged:
        stopped_by = UnexpectedAnswer()
    return HistoryResult(rows=gathered.between(first, covered), start=first, end=covered, stopped_by=stopped_by)


async def _read_window(start: datetime, end: datetime, pages: Pages, gathered: _Gathered) -> datetime:
    """Read a window; answers up to when. A server whose clock is behind refuses an end that lies in its future."""
    now = present()
    ends = [end]
    if start < (earlier := (now - _MARGIN).replace(microsecond=0)) < end:
        ends.append(earlier)
    for until in ends:
        try:
            async for page in pages(int(start.timestamp()), int(until.timestamp())):
                gathered.add(page)
        except Rejected:
            if gathered.has_window or until is ends[-1]:
                raise
        else:
            return until
    return end


class _Gathered:
    """Rows by their times; a row that two pages or two windows share is one row."""

    def __init__(self) -> None:
        self._rows: dict[datetime, list[Row]] = {}
        self._in_window: list[datetime] = []
        self.is_damaged = False
        """Whether there were rows without a time, which is all that can be said of them."""

    @property
    def has_rows(self) -> bool:
        return bool(self._rows)

    @property
    def has_window(self) -> bool:
        """Whether the window that is being read has rows already."""
        return bool(self._in_window)

    def begin_window(self) -> None:
        self._in_window = []

    def add(self, page: Sequence[Row]) -> None:
        for row in page:
            if (at := row_timestamp(row)) is None:
                self.is_damaged = True
                continue
            self._in_window.append(at)
            same = self._rows.setdefault(at, [])
            if row not in same:
                same.append(row)

    @property
    def complete_until(self) -> datetime | None:
        """Up to when the rows of a window are complete that was not read to its end; None if they came unordered."""
        moments = self._in_window
        return moments[-1] if moments and moments == sorted(moments) else None

    def between(self, start: datetime, end: datetime) -> tuple[Dated, ...]:
        return tuple((at, row) for at in sorted(self._rows) if start <= at < end for row in self._rows[at])


async def by_device[Row](
    series: Sequence[Series],
    start: datetime,
    read: Callable[[Device, Sequence[str]], Awaitable[Mapping[str, HistoryResult[Row]]]],
) -> dict[Series, HistoryResult[Row]]:
    """Read each device once for all its datapoints; one after the other, for the past is in no hurry.

    Raises what concerns the account before anything was read; what concerns one device or its product costs only
    them.
    """
    pasts: dict[str, Mapping[str, HistoryResult[Row]]] = {}
    refused: dict[str, CloudError] = {}
    has_read = False
    ended_by: CloudError | None = None
    for device, wanted in _keys_by_device(series):
        error = ended_by or refused.get(device.schema_id)
        if error is None:
            try:
                found = await read(device, wanted)
            except CloudError as failure:
                if not has_read and _concerns_all(failure):
                    raise
                error = failure
            else:
                has_read = True
                pasts[device.id] = found
                error = next((past.stopped_by for past in found.values() if past.stopped_by is not None), None)
        if device.id not in pasts and error is not None:
            nothing = HistoryResult[Row](rows=(), start=start, end=start, stopped_by=error)
            pasts[device.id] = dict.fromkeys(wanted, nothing)
        if error is not None and _concerns_all(error):
            ended_by = error
        elif isinstance(error, Forbidden | NotSupported):
            refused[device.schema_id] = error
    return {one: pasts[one.device.id][one.key] for one in series}


def _keys_by_device(series: Sequence[Series]) -> Iterable[tuple[Device, list[str]]]:
    found: dict[str, tuple[Device, list[str]]] = {}
    for one in series:
        _, keys = found.setdefault(one.device.id, (one.device, []))
        if one.key not in keys:
            keys.append(one.key)
    return found.values()


def _concerns_all(error: CloudError) -> bool:
    """Whether asking about another device would fail the same way."""
    is_way_lost = isinstance(error, Unreachable) and error.code is None
    return is_way_lost or isinstance(error, AuthFailed | RateLimited)
