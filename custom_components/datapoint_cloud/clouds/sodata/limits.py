"""How much of the past is asked for at once: the server's limits are described nowhere, so they are found out.

It asks nothing itself.
"""

import math
import time
from collections.abc import Mapping
from datetime import timedelta

from .. import coerce
from ..client_store import ClientStore
from ..history import Period

LONGEST = timedelta(days=10 * 365)
LEAST = timedelta(seconds=1)

_MOST_SERIES = 50
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

_LIMITS = "datapoints:"
_LIMITS_LIFE_SECONDS = 24 * 3600
_CAUTIOUS_SECONDS = 3600
_LEAST_CAUTIOUS = timedelta(days=1)


class Caution:
    """How much less is asked for, for an hour after the server was too slow to answer."""

    def __init__(self) -> None:
        """Begin with none."""
        self._until = -math.inf  # on the monotonic clock
        self._most_series, self._longest = _MOST_SERIES, LONGEST

    def note_timeout(self, series: int, length: timedelta) -> None:
        """Ask for half of that next time: of the series, or of the range of a single one."""
        self._most_series, self._longest = self.most_series, self.longest
        self._until = time.monotonic() + _CAUTIOUS_SECONDS
        if series > 1:
            self._most_series = series // 2
        else:
            self._longest = max(length / 2, _LEAST_CAUTIOUS)

    @property
    def most_series(self) -> int:
        """How many series are asked for at once."""
        return self._most_series if time.monotonic() < self._until else _MOST_SERIES

    @property
    def longest(self) -> timedelta:
        """The longest range that is asked for."""
        return self._longest if time.monotonic() < self._until else LONGEST


class Limits:
    """How much is asked for at once. What the server was seen to refuse is remembered for a while."""

    def __init__(self, client_store: ClientStore, period: Period | None, caution: Caution) -> None:
        """Start from what `client_store` holds of this granularity, and ask for no more than caution bids."""
        self._client_store = client_store
        self._key = _LIMITS + (period or "raw")
        self._rows_a_day = _ROWS_A_DAY[period]
        remembered = coerce.fields(client_store.get(self._key))
        learned_at = coerce.number(remembered.get("learned_at_seconds"))
        is_fresh = learned_at is not None and 0 <= time.time() - learned_at < _LIMITS_LIFE_SECONDS
        series = coerce.number(remembered.get("series")) if is_fresh else None
        seconds = coerce.number(remembered.get("seconds")) if is_fresh else None
        self.most_series = caution.most_series if series is None else max(1, min(int(series), caution.most_series))
        self._longest = LONGEST if seconds is None else max(LEAST, timedelta(seconds=min(seconds, 10**9)))
        self._longest = min(self._longest, caution.longest)
        self.caution = caution
        self._known = (self.most_series, self._longest)

    def longest(self, series: int) -> timedelta:
        """The longest range that is asked for of so many series."""
        return min(self._longest, timedelta(days=_MOST_ROWS / (self._rows_a_day * series)))

    def shorten(self, refused: timedelta) -> None:
        """Ask for half of a range that was refused."""
        self._longest = max(refused / 2, LEAST)

    def widen(self) -> None:
        """Ask for as many series as before: it was not their number."""
        self.most_series = self._known[0]

    def remember(self) -> None:
        """Keep what was learned."""
        if (self.most_series, self._longest) != self._known:
            learned = {"series": self.most_series, "seconds": int(self._longest.total_seconds())}
            self._client_store.put(self._key, {**learned, "learned_at_seconds": int(time.time())})
