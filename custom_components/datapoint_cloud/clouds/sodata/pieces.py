"""Pieces of a history range, each small enough for one request. Pure: it neither sends nor decides what is refused."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from ..history import Period, Series
from ..windows import begin_of, end_of

_SECOND = timedelta(seconds=1)
_SHORTEST_RAW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some series of one time zone, and a range. `zone` is None for exact instants, `period` is None for raw values."""

    series: tuple[Series, ...]
    start: datetime
    end: datetime
    zone: tzinfo | None
    period: Period | None

    def split(self, longest: timedelta) -> tuple[Self, Self]:
        """Split off a beginning of about this length; the second part may be empty.

        The parts meet at a whole second of raw values, or where one bucket ends and the next one begins.
        """
        cut = self.start + longest
        if cut < self.end:
            if self.period is None:
                cut = max(cut.replace(microsecond=0), self.start + _SECOND)
            else:
                zone = self.zone or UTC
                begin = begin_of(self.period, self.start, zone)
                cut = max(begin_of(self.period, cut, zone), end_of(self.period, begin, zone))
        cut = min(cut, self.end)
        return replace(self, end=cut), replace(self, start=cut)

    def split_shortest(self) -> tuple[Self, Self]:
        """Split off the shortest range that is requested alone: an hour of raw values, or one bucket."""
        return self.split(_SHORTEST_RAW if self.period is None else timedelta())

    def split_series(self, count: int) -> tuple[Self, Self]:
        """Split off the first `count` series; the second part may be empty."""
        return replace(self, series=self.series[:count]), replace(self, series=self.series[count:])

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to request."""
        return not self.series or self.start >= self.end

    @property
    def needs_margins(self) -> bool:
        """Whether the server may read the range in another way than we mean it.

        Nothing proves how it reads local times, nor on which day its weeks begin.
        """
        return self.period is not None and (self.zone is not None or self.period is Period.WEEK)

    def requested_range(self, *, has_margins: bool) -> tuple[datetime, datetime]:
        """Return the range to request: whole periods, or a bucket would be computed from a part of its period.

        `has_margins` adds a period on each side where `needs_margins`: then the periods of the piece are whole however
        the server reads the range.
        """
        period, zone = self.period, self.zone or UTC
        if period is None:
            return self.start, self.end
        start, end = begin_of(period, self.start, zone), begin_of(period, self.end, zone)
        if end < self.end:
            end = end_of(period, end, zone)
        if has_margins and self.needs_margins:
            start, end = begin_of(period, start - _SECOND, zone), end_of(period, end, zone)
        return start, end
