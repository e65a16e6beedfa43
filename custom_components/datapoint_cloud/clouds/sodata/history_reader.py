"""Reads a range of history in as many requests as the server's limits need, the oldest range of each series first.

The limits are documented nowhere. When a request is refused, the reader requests a shorter range, then fewer series,
and gives up a series that is refused alone. It does not know how a request is written nor what the rows are for.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from ..errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from ..history import Series
from ..model import Value
from ..windows import end_of
from . import datapoints, labels
from .datapoints import ENDPOINT, Query, SeriesAnswer
from .limits import Limits
from .pieces import Piece
from .zones import DeviceZones

_MOST_SECONDS = 60  # after which no further request is sent
_SHORTEST_AFTER_TIMEOUT = timedelta(days=1)
_MOST_PROBES = 4

type SendDatapoints = Callable[[Any], Awaitable[Any]]
"""Sends the body of a `PUT datapoints` and returns the decoded answer."""


@dataclass(slots=True)
class SeriesProgress:
    """The rows read of one series, complete up to `until`. `zone` is the device's, or None for exact instants.

    `is_damaged`: an answer held rows that could not be read, so the series is not complete.
    """

    until: datetime
    zone: tzinfo | None
    rows: dict[tuple[datetime, Value], None] = field(default_factory=dict)
    stopped_by: CloudError | None = None
    is_damaged: bool = False
    is_restarted: bool = False


class HistoryReader:
    """Reads one range of several series."""

    def __init__(
        self,
        send: SendDatapoints,
        query: Query,
        progress: Mapping[Series, SeriesProgress],
        start: datetime,
        end: datetime,
        *,
        limits: Limits,
        zones: DeviceZones,
    ) -> None:
        """Write into `progress`. Series that are stopped there already are not requested."""
        self._send = send
        self._query = query
        self._progress = progress
        self._start = start
        self._end = end
        self._limits = limits
        self._zones = zones
        self._size = self._first_size = limits.size
        self._pieces: list[Piece] = []  # the next one last
        self._deadline = time.monotonic() + _MOST_SECONDS
        self._is_anything_answered = False
        self._does_server_answer = False
        self._may_be_momentary = True

    async def run(self) -> None:
        """Read the whole range.

        Raises an error that comes before any answer, unless it is a refusal (`Rejected`). Every other error becomes
        the `stopped_by` of the series that are not finished.
        """
        self._queue(self._progress)
        try:
            while (piece := self._next_piece()) is not None:
                answer = await self._request(piece, has_margins=self._size.has_margins)
                if isinstance(answer, CloudError):
                    await self._handle_refusal(piece, answer)
                else:
                    self._does_server_answer = False  # the next refusal probes again
                    await self._add(piece, answer)
        except CloudError as error:
            if not self._is_anything_answered and not isinstance(error, Rejected):
                raise
            self._stop(self._progress, error)
        for series, progress in self._progress.items():
            if progress.is_damaged and progress.stopped_by is None:
                progress.stopped_by = UnexpectedAnswer(endpoint=ENDPOINT, subject=series.device.name)
        if self._size != self._first_size:
            self._limits.learn(self._size)

    # Pieces

    def _queue(self, series: Iterable[Series]) -> None:
        by_zone: dict[tzinfo | None, list[Series]] = {}
        for one in series:
            by_zone.setdefault(self._progress[one].zone, []).append(one)
        self._pieces += [
            Piece(tuple(group), self._start, self._end, zone, self._query.period)
            for zone, group in reversed(by_zone.items())
        ]

    def _next_piece(self) -> Piece | None:
        """Take as much from the queue as one request may cover; None when the queue is empty."""
        while self._pieces:
            piece = self._pieces.pop()
            # A series leaves its pieces when it is stopped or starts over in another zone.
            piece = replace(piece, series=tuple(one for one in piece.series if self._is_open(one, piece.zone)))
            if piece.is_empty:
                continue
            piece, others = piece.split_series(self._size.most_series)
            piece, later = piece.split(self._size.longest_of(len(piece.series), piece.period))
            self._pieces += [others, later]
            return piece
        return None

    def _is_open(self, series: Series, zone: tzinfo | None) -> bool:
        progress = self._progress[series]
        return progress.stopped_by is None and progress.zone == zone

    def _stop(self, series: Iterable[Series], error: CloudError) -> None:
        for one in series:
            progress = self._progress[one]
            if progress.until < self._end and progress.stopped_by is None:
                progress.stopped_by = error

    # Requests and answers

    async def _request(self, piece: Piece, *, has_margins: bool) -> Mapping[Series, SeriesAnswer] | CloudError:
        """Send the request for a piece. Return an error that a smaller request may avoid, raise every other one."""
        if time.monotonic() >= self._deadline:
            raise Unreachable(Reason.TIMEOUT, endpoint=ENDPOINT)
        body = datapoints.body(self._query, piece.series, *piece.requested_range(has_margins=has_margins), piece.zone)
        try:
            answer = datapoints.read(await self._send(body), piece.series, self._query)
        except CloudError as error:
            if error.endpoint != ENDPOINT or isinstance(error, AuthFailed | RateLimited):
                raise
            if error.reason is Reason.TIMEOUT:
                self._learn_timeout(piece)
            if error.reason in {Reason.TIMEOUT, Reason.NO_CONNECTION}:
                raise
            return error
        self._is_anything_answered = True
        return answer

    def _learn_timeout(self, piece: Piece) -> None:
        """Begin with half of the series next time, or with half of the range of a single one."""
        if len(piece.series) > 1:
            size = replace(self._first_size, most_series=len(piece.series) // 2)
        else:
            size = replace(self._first_size, longest=max((piece.end - piece.start) / 2, _SHORTEST_AFTER_TIMEOUT))
        self._size = self._first_size = size
        self._limits.learn(size)

    async def _add(self, piece: Piece, answer: Mapping[Series, SeriesAnswer]) -> None:
        missing = tuple(one for one in piece.series if one not in answer)
        if missing and answer:
            # Missing series: too many requested, or no data. Retry them alone; without any answer they have no data.
            self._pieces.append(replace(piece, series=missing))
            missing = ()
        moved: list[Series] = []
        for series, of_series in (dict.fromkeys(missing, SeriesAnswer((), None)) | dict(answer)).items():
            if piece.zone is not None and await self._starts_over(series, of_series.time_zone):
                moved.append(series)
            else:
                self._progress[series].is_damaged |= of_series.is_damaged
                self._add_rows(series, piece, of_series.rows)
        self._queue(moved)

    def _add_rows(self, series: Series, piece: Piece, rows: Sequence[tuple[datetime, Value]]) -> None:
        if piece.period is None:
            # Answers have whole seconds.
            first = piece.start.replace(microsecond=0)
            taken = [row for row in rows if first <= row[0] < piece.end]
        else:
            zone = piece.zone or UTC
            requested = piece.requested_range(has_margins=self._size.has_margins)
            buckets = labels.with_starts(rows, piece.period, zone, requested, datetime.now(UTC))
            if buckets is None:
                error = UnexpectedAnswer(Reason.ZONE_UNPROVEN, endpoint=ENDPOINT, subject=series.device.name)
                self._stop([series], error)
                return
            taken = [row for row in buckets if row[0] < piece.end and end_of(piece.period, row[0], zone) > piece.start]
        progress = self._progress[series]
        progress.rows.update(dict.fromkeys(taken))
        progress.until = max(progress.until, piece.end)

    async def _starts_over(self, series: Series, zone_name: str | None) -> bool:
        """Let a series start over, once, if its device is in another zone than requested.

        The server read the local times in the device's own zone, so the answer covers another range.
        """
        progress = self._progress[series]
        if progress.is_restarted or zone_name == str(progress.zone):
            return False
        if (zone := await self._zones.named(zone_name)) is not None:
            self._zones.learn(series.device, zone)
        elif await self._zones.of(series.device) is not None:
            return False
        progress.zone = zone  # without any zone the series is read by exact instants
        progress.rows.clear()
        progress.until = self._start
        progress.is_restarted = True
        return True

    # Refusals

    async def _handle_refusal(self, piece: Piece, error: CloudError) -> None:
        """Queue the piece again in smaller parts, or give up its only series."""
        is_size_possible = not isinstance(error, Forbidden | NotSupported)
        if is_size_possible and not self._does_server_answer:
            await self._probe(error)
            if self._may_be_momentary and not isinstance(error, Unreachable):  # which was sent twice already
                # A size learned from a moment's refusal would cost more requests for an hour.
                self._may_be_momentary = False
                self._pieces.append(piece)
                return
        shortest, later = piece.split_shortest()
        half = len(piece.series) // 2
        if is_size_possible and not later.is_empty:
            self._size = replace(self._size, longest=(piece.end - piece.start) / 2)
            self._pieces += [later, shortest]
        elif is_size_possible and piece.needs_margins and self._size.has_margins:
            # Perhaps only the periods around the shortest range make it too long.
            self._size = replace(self._size, has_margins=False)
            self._pieces.append(piece)
        elif half:
            if is_size_possible:
                self._size = replace(self._first_size, most_series=half)  # the range was short enough
            self._pieces += reversed(piece.split_series(half))
        else:
            self._give_up(piece.series[0], error)

    async def _probe(self, error: CloudError) -> None:
        """Raise `error` if the server refuses even the shortest range of single series.

        Without this, a server that is down or refuses everything would get requests for every single series. A
        refusal is more likely to concern only some series than a failure is, so it takes more probes.
        """
        open_series = [one for one, progress in self._progress.items() if progress.stopped_by is None]
        most = _MOST_PROBES if isinstance(error, Rejected) else _MOST_PROBES // 2
        for one in open_series[:: -(-len(open_series) // most)]:
            piece = Piece((one,), self._start, self._end, self._progress[one].zone, self._query.period)
            answer = await self._request(piece.split_shortest()[0], has_margins=False)
            if not isinstance(answer, CloudError):
                self._does_server_answer = True
                return
        raise error

    def _give_up(self, series: Series, error: CloudError) -> None:
        self._size = self._first_size  # the series was refused, not the size
        self._does_server_answer = False
        if isinstance(error, NotSupported):
            error = DeviceGone(Reason.NOT_FOUND, endpoint=ENDPOINT, status=error.status, subject=series.device.name)
        self._stop([series], error)
        if isinstance(error, Forbidden | DeviceGone):
            siblings = {one: of_one for one, of_one in self._progress.items() if one.device.id == series.device.id}
            refused = sum(progress.stopped_by is not None for progress in siblings.values())
            if refused > 1 and all(progress.until == self._start for progress in siblings.values()):
                self._stop(siblings, error)  # the device is refused, not its series
