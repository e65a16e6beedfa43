"""The size of one request for history. The document names no limits, so refusals and timeouts teach them."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..history import Period

RETENTION = timedelta(days=10 * 365)
"""How far back history is offered and, at most, requested at once: the document names no end."""

_MOST_ROWS = 100_000
_ROWS_A_DAY: Mapping[Period | None, float] = {
    None: 720,  # two minutes is the shortest interval of the document's examples
    Period.MINUTE: 1440,
    Period.HOUR: 24,
    Period.DAY: 1,
    Period.WEEK: 1 / 7,
    Period.MONTH: 1 / 30,
    Period.YEAR: 1 / 365,
}
_LEARNED_FOR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class RequestSize:
    """The most series and the longest range of a request.

    `has_margins`: the range may also include the periods around it, see `Piece.requested_range`.
    """

    most_series: int = 50
    longest: timedelta = RETENTION
    has_margins: bool = True

    def longest_of(self, series: int, period: Period | None) -> timedelta:
        """Return the longest range for this number of series, whose rows should fit into one answer."""
        return min(self.longest, timedelta(days=_MOST_ROWS / (_ROWS_A_DAY[period] * series)))


class Limits:
    """The size of requests for one granularity. A smaller size that the server taught counts for an hour."""

    def __init__(self) -> None:
        """Begin with the largest size."""
        self._learned = RequestSize()
        self._learned_until = -math.inf  # on the monotonic clock

    @property
    def size(self) -> RequestSize:
        """The size to begin with."""
        return self._learned if time.monotonic() < self._learned_until else RequestSize()

    def learn(self, size: RequestSize) -> None:
        """Begin with this size during the next hour."""
        self._learned = size
        self._learned_until = time.monotonic() + _LEARNED_FOR_SECONDS
