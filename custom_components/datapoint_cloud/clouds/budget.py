"""Distributes the requests that a cloud allows: commands come first, then groups, then polling, then history.

It counts requests, reads the quota that the cloud states, and refuses requests that would exceed it. It knows no
endpoint and sends nothing. It measures time with the monotonic clock, because the wall clock may be set at any time;
it needs the wall clock only for the times that the cloud states and to store counts across a restart.
"""

import time
from enum import StrEnum
from itertools import zip_longest

from . import coerce
from .client_store import ClientStore
from .errors import RateLimited, Reason

_HOUR = 3600
_MINUTES = 61  # how long requests are counted: an hour, whatever the second in which it begins
_RESERVE = 0.05  # share of the limit that only commands may spend
_BUCKET_SECONDS = 900  # polling may save up the requests of this many seconds
_GROUPS_AT_MOST = 0.5  # share of the limit for commands to groups: the devices must still be read
_HISTORY_AT_LEAST = 0.02  # share of the limit for history even if polling needs everything
_SLOW_STEP = 0.5  # the factor of the usable limit after each refusal
_SLOWEST = 0.05
_ONE_REFUSAL = 60  # seconds within which refusals count as one
_RECOVERED_AFTER = 6 * _HOUR  # after the last refusal, the full limit is usable again

_ALL, _UNPACED, _FOR_HISTORY, _FOR_GROUPS = range(4)  # counted by minute; unpaced requests were not saved up

_SPENT_SLOT = "spent"
_SLOW_SLOT = "slowed"


class Purpose(StrEnum):
    """What a request is for. Commands are never retried, because the server may have executed them."""

    CONTROL = "control"  # commands, and logins
    GROUP = "group"  # a command to one of the many devices of a group
    POLLING = "polling"
    HISTORY = "history"

    @property
    def is_read(self) -> bool:
        """Whether the request changes nothing, so that it may be retried."""
        return self in {Purpose.POLLING, Purpose.HISTORY}


class Budget:
    """The requests of one account within any hour.

    Polling and history may spend the `share` of the limit; the rest is for commands and for other clients.
    """

    def __init__(self, client_store: ClientStore, *, per_hour: int | None) -> None:
        """Start from the documented limit; None if the cloud has none."""
        self.documented = per_hour
        self.share = 0.7
        self.planned = 0.0
        """How many requests an hour polling needs; history leaves them to it."""
        self._client_store = client_store
        self._limit = per_hour
        self._remaining: int | None = None
        self._quota = per_hour  # of the window that the cloud counts
        self._cloud_reserve = 0.0
        self._window_seconds = _HOUR
        self._resets_at = 0.0  # epoch seconds, as the cloud states
        self._quota_ends_at = 0.0  # on the monotonic clock; until then `_remaining` is valid
        self._spent = self._load_spent()  # by minute
        self._slow_factor, self._slowed_down_at = self._load_slow_factor()
        self._filled_at = time.monotonic()
        self._bucket = _BUCKET_SECONDS * self.pace

    # What is left

    @property
    def limit(self) -> int | None:
        """The requests an hour that the cloud allows; None if it has no limit."""
        return self._limit

    @property
    def remaining(self) -> int | None:
        """The requests left by the cloud's count, which includes other clients, or by ours if it states none."""
        if self._limit is None:
            return None
        remaining = self._cloud_remaining()
        return max(0, self._limit - self._sum(_ALL)) if remaining is None else remaining

    @property
    def share_left(self) -> float | None:
        """The share of an hour's requests that is left; None without a limit.

        A window shorter than an hour is spent again and again, so only our own count matters then.
        """
        if self._limit is None:
            return None
        remaining = self._cloud_remaining()
        if remaining is None or self._window_seconds < _HOUR:
            return max(0.0, 1 - self._sum(_ALL) / self._limit)
        return remaining / (self._quota or self._limit)

    @property
    def pace(self) -> float:
        """The requests a second that polling may sustain; infinite without a limit."""
        if self._limit is None:
            return float("inf")
        pace = max(0.0, self._usable_limit() - self._sum(_UNPACED)) / _HOUR
        remaining, left_seconds = self._cloud_remaining(), self._quota_ends_at - time.monotonic()
        # The rest of a window shorter than an hour does not predict the windows after it.
        if remaining is not None and left_seconds > 0 and self._window_seconds >= _HOUR:
            pace = min(pace, max(0.0, remaining - self._cloud_reserve) / left_seconds)
        return pace

    def allowance(self) -> float:
        """Return how many requests polling may spend now without exceeding its pace."""
        self._fill()
        return min(self._bucket, self.left(Purpose.POLLING))

    def left(self, purpose: Purpose) -> float:
        """Return how many requests a purpose may spend now, whatever the pace; infinite without a limit."""
        if self._limit is None:
            return float("inf")
        remaining = self._cloud_remaining()
        own = self._limit - self._sum(_ALL)
        if purpose is Purpose.CONTROL:
            return own if remaining is None else min(own, remaining)
        left = own - self._limit * _RESERVE
        if remaining is not None:
            left = min(left, remaining - self._cloud_reserve)
        if purpose is Purpose.GROUP:
            return min(left, self._limit * _GROUPS_AT_MOST - self._sum(_FOR_GROUPS))
        left = min(left, self._usable_limit() - self._sum(_ALL))
        if purpose is Purpose.POLLING:
            return left
        for_polling = max(0.0, self.planned - (self._sum(_ALL) - self._sum(_UNPACED)))
        at_least = _HISTORY_AT_LEAST * self._limit - self._sum(_FOR_HISTORY)
        return min(left, max(left - for_polling, at_least))

    def _usable_limit(self) -> float:
        return (self._limit or 0) * self.share * self._current_slow_factor()

    # Spending

    def spend(self, purpose: Purpose) -> None:
        """Count a request before it is sent. Raises `RateLimited` (BUDGET_SPENT) if it must not be sent.

        Commands are never refused here: if the quota is exhausted, the cloud refuses them itself.
        """
        if self._limit is None:
            return
        if purpose is not Purpose.CONTROL and self.left(purpose) < 1:
            refusal = RateLimited(Reason.BUDGET_SPENT)
            refusal.retry_after = self._seconds_until_more()
            raise refusal
        is_paced = purpose is Purpose.POLLING and self.allowance() >= 1
        if is_paced:
            self._bucket -= 1
        minute = _minute()
        if minute not in self._spent:
            self._store_spent()
            self._spent[minute] = [0, 0, 0, 0]
        counts = self._spent[minute]
        counts[_ALL] += 1
        counts[_UNPACED] += not is_paced
        counts[_FOR_HISTORY] += purpose is Purpose.HISTORY
        counts[_FOR_GROUPS] += purpose is Purpose.GROUP

    def _fill(self) -> None:
        now, pace = time.monotonic(), self.pace
        elapsed = max(0.0, now - self._filled_at)
        self._filled_at = now
        if self._limit is not None:
            # Cap the bucket at what the sliding hour allows, or a burst starves the next hour.
            room = max(0.0, self.left(Purpose.POLLING))
            self._bucket = min(self._bucket + elapsed * pace, _BUCKET_SECONDS * pace, room)

    def _sum(self, index: int) -> int:
        oldest = _minute() - _MINUTES
        for minute in [minute for minute in self._spent if minute <= oldest]:
            del self._spent[minute]
        return sum(counts[index] for counts in self._spent.values())

    def _seconds_until_more(self) -> float:
        if (remaining := self._cloud_remaining()) is not None and remaining - self._cloud_reserve < 1:
            return self._quota_ends_at - time.monotonic()
        first = min(self._spent, default=_minute())
        return max(1.0, (first + _MINUTES) * 60 - time.monotonic())

    def _store_spent(self) -> None:
        ahead = int(time.time() // 60) - _minute()
        spent = {str(minute + ahead): list(counts) for minute, counts in self._spent.items()}
        self._client_store.put(_SPENT_SLOT, spent, is_urgent=False)

    def _load_spent(self) -> dict[int, list[int]]:
        now = _minute()
        ahead = int(time.time() // 60) - now
        spent: dict[int, list[int]] = {}
        for name, counts in coerce.fields(self._client_store.get(_SPENT_SLOT)).items():
            kept_at = coerce.number(name)
            if kept_at is not None and isinstance(counts, list) and 3 <= len(counts) <= 4:  # earlier versions stored 3
                # A minute in the future was stored while the clock was wrong; count it as now.
                minute = min(int(kept_at) - ahead, now)
                known = spent.get(minute, (0, 0, 0, 0))
                spent[minute] = [was + int(coerce.number(n) or 0) for was, n in zip_longest(known, counts, fillvalue=0)]
        return spent

    # The cloud's quota

    @property
    def resets_at(self) -> float | None:
        """When the cloud resets its count, in epoch seconds; None if it does not state it."""
        return None if self._cloud_remaining() is None else self._resets_at

    def update_quota(
        self, *, limit: int | None, window_seconds: int, remaining: int | None, resets_at: float | None
    ) -> None:
        """Adopt the quota of an answer: `limit` requests in a window, `remaining` of them until `resets_at`.

        `resets_at` is in epoch seconds. A window shorter than an hour can only lower the documented limit, because an
        hour of full windows may not be allowed.
        """
        if self._limit is None or self.documented is None:
            return
        if limit:
            per_hour = limit * _HOUR // window_seconds
            self._limit = per_hour if window_seconds >= _HOUR else min(self.documented, per_hour)
        self._quota = limit
        self._cloud_reserve = _RESERVE * (limit or self._limit)
        self._window_seconds = window_seconds
        self._remaining, self._resets_at = remaining, resets_at or 0.0
        # A quota that seems to outlast its window comes from a clock that is wrong, ours or the server's.
        self._quota_ends_at = time.monotonic() + min(self._resets_at - time.time(), window_seconds)

    def slow_down(self) -> None:
        """Lower the usable limit after the cloud refused a request. Refusals within a minute count as one."""
        is_another = self._slow_factor is None or time.monotonic() - self._slowed_down_at > _ONE_REFUSAL
        if self._limit is not None and is_another:
            self._slow_factor = max(_SLOWEST, self._current_slow_factor() * _SLOW_STEP)
            self._slowed_down_at = time.monotonic()
            self._client_store.put(_SLOW_SLOT, {"by": self._slow_factor, "at": time.time()})

    def _current_slow_factor(self) -> float:
        """The usable share of the limit after refusals, which recovers with time."""
        if self._slow_factor is None:
            return 1.0
        recovered = min(1.0, (time.monotonic() - self._slowed_down_at) / _RECOVERED_AFTER)
        return self._slow_factor + (1 - self._slow_factor) * recovered

    def _load_slow_factor(self) -> tuple[float | None, float]:
        record = coerce.fields(self._client_store.get(_SLOW_SLOT))
        by, at = coerce.number(record.get("by")), coerce.number(record.get("at"))
        if by is None or at is None:
            return None, 0.0
        return by, time.monotonic() - max(0.0, time.time() - at)

    def _cloud_remaining(self) -> int | None:
        return self._remaining if self._quota_ends_at > time.monotonic() else None


def _minute() -> int:
    return int(time.monotonic() // 60)
