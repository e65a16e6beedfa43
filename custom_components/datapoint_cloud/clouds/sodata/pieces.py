"""Work through a question about the past piece by piece, each as large as the server bears, oldest first.

The server's limits are described nowhere. This owns what is asked for at once and what is made of refusals; it knows
neither how a question is written nor what for it is asked.
"""

import math
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
from ..history import Period, Series
from ..model import Value
from ..windows import begin_of, end_of
from . import datapoints, labels
from .datapoints import Question, Told
from .limits import LEAST, Limits
from .zones import Zones

ENDPOINT = "/ca/{ca}/datapoints"

_LEAST_RAW = timedelta(hours=1)
_REFUSED_AFTER = 4  # series, when none was answered
_MOST_SECONDS = 60  # that one question takes before nothing more is asked


type Ask = Callable[[Any], Awaitable[Any]]
"""Sends the body of a `PUT datapoints` and returns that of its answer."""


@dataclass(slots=True)
class Progress:
    """What was read of one series. `zone` is that of its device, None where exact instants are asked for."""

    until: datetime
    zone: tzinfo | None
    rows: dict[tuple[datetime, Value], None] = field(default_factory=dict)
    is_answered: bool = False
    is_started_over: bool = False
    stopped_by: CloudError | None = None
    is_damaged: bool = False  # some of the rows could not be read


@dataclass(frozen=True, slots=True)
class _Piece:
    """Series of one zone, and a range. Series that have moved to another zone are no longer part of it."""

    series: tuple[Series, ...]
    start: datetime
    end: datetime
    zone: tzinfo | None

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Work:
    """One question about several series, until each is answered or was given up."""

    def __init__(
        self,
        ask: Ask,
        question: Question,
        progress: Mapping[Series, Progress],
        start: datetime,
        end: datetime,
        *,
        limits: Limits,
        zones: Zones,
    ) -> None:
        """Note in `progress` what is read. Series that are stopped there already are not asked for."""
        self._ask = ask
        self._question = question
        self._progress = progress
        self._start = start
        self._end = end
        self._limits = limits
        self._zones = zones
        self._pieces: list[_Piece] = []  # the next one last
        self._ends_at = math.inf  # on the monotonic clock
        self._longest_borne = timedelta()  # of a single series
        # Of local days nobody proves how their range is read, and of weeks on which day they begin: with a period
        # more on each side, those that were asked for are whole all the same.
        self._asks_around = True
        self._leaves_out_what_is_empty = False

    async def do(self) -> None:
        """Ask. Raises what ended it before anything was answered; what ends it later stops all that is left."""
        self._ends_at = time.monotonic() + _MOST_SECONDS
        self._put_back(self._progress)
        try:
            while (piece := self._next()) is not None:
                if (error := await self._try(piece)) is None:
                    continue
                if isinstance(error, Forbidden | NotSupported):
                    self._halve(piece, error)
                else:
                    await self._ask_for_less(piece, error)
        except CloudError as error:
            if not self._is_anything_answered:
                raise
            self._stop(self._progress, error)
        for series, progress in self._progress.items():
            if progress.is_damaged and progress.stopped_by is None:
                progress.stopped_by = UnexpectedAnswer(endpoint=ENDPOINT, subject=series.device.name)
        self._limits.remember()

    @property
    def _is_anything_answered(self) -> bool:
        return any(progress.is_answered for progress in self._progress.values())

    def _stop(self, series: Iterable[Series], error: CloudError) -> None:
        for one in series:
            progress = self._progress[one]
            if progress.until < self._end and progress.stopped_by is None:
                progress.stopped_by = error

    # Pieces

    def _put_back(self, series: Iterable[Series]) -> None:
        by_zone: dict[tzinfo | None, list[Series]] = {}
        for one in series:
            by_zone.setdefault(self._progress[one].zone, []).append(one)
        self._pieces += [
            _Piece(tuple(group), self._start, self._end, zone) for zone, group in reversed(by_zone.items())
        ]

    def _next(self) -> _Piece | None:
        """Cut off as much of the work as may be asked for at once; None when all is done."""
        while self._pieces:
            piece = self._pieces.pop()
            series = tuple(one for one in piece.series if self._is_part(one, piece))
            if not series or piece.start >= piece.end:
                continue
            if rest := series[self._limits.most_series :]:
                self._pieces.append(replace(piece, series=rest))
            piece = replace(piece, series=series[: self._limits.most_series])
            if piece.length > (longest := self._limits.longest(len(piece.series))):
                cut = self._cut(piece, longest)
                self._pieces.append(replace(piece, start=cut))
                piece = replace(piece, end=cut)
            return piece
        return None

    def _is_part(self, series: Series, piece: _Piece) -> bool:
        progress = self._progress[series]
        return progress.stopped_by is None and progress.zone == piece.zone

    def _cut(self, piece: _Piece, longest: timedelta) -> datetime:
        """Where a piece of about this length ends: at a whole second or between two buckets."""
        period = self._question.period
        cut = min(piece.start + longest, piece.end)
        if period is None:
            return min(max(cut.replace(microsecond=0), piece.start + LEAST), piece.end)
        zone = piece.zone or UTC
        if (cut := begin_of(period, cut, zone)) <= piece.start:
            cut = end_of(period, begin_of(period, piece.start, zone), zone)
        return min(cut, piece.end)

    def _least(self, series: Series, piece: _Piece) -> _Piece:
        """The beginning of a piece that shows whether a series is answered at all: one bucket, or an hour."""
        least = replace(piece, series=(series,))
        return replace(least, end=self._cut(least, timedelta() if self._question.period else _LEAST_RAW))

    # Answers

    async def _try(self, piece: _Piece) -> CloudError | None:
        """Read a piece, or say why it was refused. Raises what does not depend on the piece.

        Whoever waits for the past waits no longer than for one answer that does not come.
        """
        if time.monotonic() >= self._ends_at:
            raise Unreachable(Reason.TIMEOUT, endpoint=ENDPOINT)
        try:
            await self._read(piece)
        except AuthFailed, RateLimited:
            raise
        except CloudError as error:
            if error.endpoint != ENDPOINT:
                raise
            if error.reason is Reason.TIMEOUT:
                self._limits.caution.note_timeout(len(piece.series), piece.length)
                raise
            if self._is_asked_around(piece) and piece == self._least(piece.series[0], piece):
                self._asks_around = False  # perhaps it is too long a range only for what is not wanted of it
                return await self._try(piece)
            return error
        return None

    def _is_asked_around(self, piece: _Piece) -> bool:
        is_doubtful = piece.zone is not None or self._question.period is Period.WEEK
        return self._question.period is not None and is_doubtful and self._asks_around

    def _asked(self, piece: _Piece) -> tuple[datetime, datetime]:
        """The range to ask for: whole periods, so that none is told by a part of it."""
        period, zone = self._question.period, piece.zone or UTC
        if period is None:
            return piece.start, piece.end
        start, end = begin_of(period, piece.start, zone), begin_of(period, piece.end, zone)
        if end < piece.end:
            end = end_of(period, end, zone)
        if self._is_asked_around(piece):
            start, end = begin_of(period, start - LEAST, zone), end_of(period, end, zone)
        return start, end

    async def _read(self, piece: _Piece) -> None:
        asked = self._asked(piece)
        body = datapoints.body(self._question, piece.series, *asked, piece.zone)
        told = datapoints.told(await self._ask(body), piece.series, self._question)
        if told is None:
            raise UnexpectedAnswer(endpoint=ENDPOINT)
        if len(piece.series) == 1:
            self._longest_borne = max(self._longest_borne, piece.length)
        missing = tuple(one for one in piece.series if one not in told)
        if missing and told and not self._leaves_out_what_is_empty:
            # Either they were too many or there is nothing to say of them: asking for them alone shows which.
            self._pieces.append(replace(piece, series=missing))
        else:
            self._leaves_out_what_is_empty |= bool(missing)
            told |= dict.fromkeys(missing, Told((), None))
        moved = [one for one, of_one in told.items() if piece.zone and await self._is_elsewhere(one, of_one.time_zone)]
        for one in told.keys() - set(moved):
            self._progress[one].is_damaged |= told[one].is_damaged
            self._take(one, piece, asked, told[one].rows)
        self._put_back(moved)

    def _take(
        self, series: Series, piece: _Piece, asked: tuple[datetime, datetime], rows: Sequence[tuple[datetime, Value]]
    ) -> None:
        progress, period, zone = self._progress[series], self._question.period, piece.zone or UTC
        progress.is_answered = True
        if period is None:
            # Answers have whole seconds.
            first = piece.start.replace(microsecond=0)
            taken = [row for row in rows if first <= row[0] < piece.end]
        else:
            begun = labels.starts(rows, period, zone, asked, datetime.now(UTC))
            if begun is None:
                refusal = UnexpectedAnswer(Reason.ZONE_UNPROVEN, endpoint=ENDPOINT, subject=series.device.name)
                self._stop([series], refusal)
                return
            taken = [row for row in begun if row[0] < piece.end and end_of(period, row[0], zone) > piece.start]
        progress.rows.update(dict.fromkeys(taken))
        progress.until = max(progress.until, piece.end)

    async def _is_elsewhere(self, series: Series, told_zone: str | None) -> bool:
        """Whether the device counts in another zone than it was asked in: its clock showed another range then.

        It is to start over in that zone, once.
        """
        progress = self._progress[series]
        if progress.is_started_over or told_zone == str(progress.zone):
            return False
        if (zone := await self._zones.called(told_zone)) is not None:
            self._zones.learn(series.device, zone)
        elif await self._zones.of(series.device) is not None:
            return False
        progress.zone = zone  # None: nobody says which, which leaves exact instants
        progress.rows.clear()
        progress.until = self._start
        progress.is_started_over = True
        return True

    # Refusals

    def _halve(self, piece: _Piece, error: CloudError) -> None:
        """Look for the series that may not be read, or are gone, until they stand alone."""
        if half := len(piece.series) // 2:
            self._pieces += [replace(piece, series=piece.series[half:]), replace(piece, series=piece.series[:half])]
            return
        device = piece.series[0].device
        if isinstance(error, NotSupported):
            error = DeviceGone(Reason.NOT_FOUND, endpoint=ENDPOINT, status=error.status, subject=device.name)
        self._stop(piece.series, error)
        siblings = [one for one in self._progress if one.device.id == device.id]
        refused = sum(self._progress[one].stopped_by is not None for one in siblings)
        if refused > 1 and not any(self._progress[one].is_answered for one in siblings):
            self._stop(siblings, error)  # it is the device

    async def _ask_for_less(self, piece: _Piece, error: CloudError) -> None:
        """Find out whether there were too many series, too long a range, or one series that is never answered."""
        first, *others = piece.series
        least = self._least(first, piece)
        # A refusal says something of the request, every other failure perhaps only of the server.
        if piece == least or not (self._progress[first].is_answered and isinstance(error, Rejected)):
            refusal = error if piece == least else await self._try(least)
            if refusal is not None:
                await self._give_up(first, refusal)
                self._pieces.append(replace(piece, series=tuple(others)))
                return
        if not others:
            self._limits.shorten(piece.length)
        elif piece.length <= self._longest_borne:
            self._limits.most_series = max(1, len(piece.series) // 2)
        elif await self._try(replace(piece, series=(first,))) is None:
            self._limits.most_series = max(1, len(piece.series) // 2)
            piece = replace(piece, series=tuple(others))
        else:
            self._limits.shorten(piece.length)
        self._pieces.append(piece)

    async def _give_up(self, series: Series, error: CloudError) -> None:
        """Leave out a series of which nothing is answered; raises if that goes for every series."""
        self._limits.widen()
        if isinstance(error, Unreachable | UnexpectedAnswer):
            # A series that the server stumbles over, or a server that is down: another one shows which.
            others = [one for one, progress in self._progress.items() if one != series and progress.stopped_by is None]
            if not others:
                raise error
            other = others[-1]
            if await self._try(self._least(other, _Piece((), self._start, self._end, self._progress[other].zone))):
                raise error
        self._stop([series], error)
        refused = sum(progress.stopped_by is not None for progress in self._progress.values())
        if refused >= _REFUSED_AFTER and not self._is_anything_answered:
            self._stop(self._progress, error)
