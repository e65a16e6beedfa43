"""Who may spend the requests that a cloud allows: commands before polling before history.

It counts what is sent, heeds what the cloud says, and holds back what would trip a quota. It knows no endpoint and
sends nothing. It measures time with the monotonic clock, since the other one may be set at any time: that serves only
to read what the cloud says, and to remember across a restart.
"""

import time
from enum import StrEnum

from . import coerce
from .client_store import ClientStore
from .errors import RateLimited, Reason

_HOUR = 3600
_MINUTES = 61  # how long what was spent is remembered: an hour, wherever in a minute it begins
_RESERVE = 0.05  # of the limit, which commands alone may spend
_SAVED_UP = 900  # seconds of the pace, at most
_HISTORY_AT_LEAST = 0.02  # of the limit, so that the past is read at all where polling needs everything
_SLOWED_BY = 0.5
_SLOWEST = 0.05
_ONE_REFUSAL = 60  # seconds
_FORGIVEN_AFTER = 6 * _HOUR

_SPENT = "spent"
_SLOWED = "slowed"


class Purpose(StrEnum):
    """What a request is for. Only a command is never sent twice: it may have been carried out."""

    CONTROL = "control"  # commands, and the logins that everything needs
    POLLING = "polling"
    HISTORY = "history"

    @property
    def is_read(self) -> bool:
        """Whether the request changes nothing, so that it may be repeated."""
        return self is not Purpose.CONTROL


class Budget:
    """The requests of one account, in any hour.

    `share` is how much of the limit readings and history may spend; the rest is left to commands and to others.
    """

    def __init__(self, client_store: ClientStore, *, per_hour: int | None) -> None:
        """Start from the documented limit; None: the cloud names none, and only its refusals count."""
        self.documented = per_hour
        self.share = 0.7
        self.planned = 0.0
        """The requests an hour that polling is going to need; history leaves them alone."""
        self._client_store = client_store
        self._limit = per_hour
        self._remaining: int | None = None
        self._reserve_of_told = 0.0
        self._window_seconds = _HOUR
        self._resets_at = 0.0  # epoch seconds, as the cloud says
        self._told_until = 0.0
        self._spent = self._remembered()  # by minute: all, those beyond the pace, those for history
        self._slowed_by, self._slowed_at = self._remembered_slowness()
        self._filled_at = time.monotonic()
        self._saved_up = _SAVED_UP * self.pace

    # What may be spent

    @property
    def limit(self) -> int | None:
        """The requests an hour that the cloud allows; None where it names no limit."""
        return self._limit

    @property
    def remaining(self) -> int | None:
        """The requests left by the cloud's own count, which includes those of others; by ours where it tells none."""
        if self._limit is None:
            return None
        told = self._told_remaining()
        return max(0, self._limit - self._sum(0)) if told is None else told

    @property
    def pace(self) -> float:
        """The requests a second that polling may spend on and on; infinite without a limit."""
        if self._limit is None:
            return float("inf")
        pace = max(0.0, self._bearable() - self._sum(1)) / _HOUR
        told, left_seconds = self._told_remaining(), self._told_until - time.monotonic()
        # What is left of a minute says nothing of what comes after it.
        if told is not None and left_seconds > 0 and self._window_seconds >= _HOUR:
            pace = min(pace, max(0.0, told - self._reserve_of_told) / left_seconds)
        return pace

    def allowance(self) -> float:
        """The requests that polling may spend now without running ahead of its pace."""
        self._fill()
        return min(self._saved_up, self.left(Purpose.POLLING))

    def left(self, purpose: Purpose) -> float:
        """The requests that a purpose may spend now, whatever the pace; infinite without a limit."""
        if self._limit is None:
            return float("inf")
        told = self._told_remaining()
        own = self._limit - self._sum(0)
        if purpose is Purpose.CONTROL:
            return own if told is None else min(own, told)
        left = min(own - self._limit * _RESERVE, self._bearable() - self._sum(0))
        if told is not None:
            left = min(left, told - self._reserve_of_told)
        if purpose is Purpose.POLLING:
            return left
        of_polling = max(0.0, self.planned - (self._sum(0) - self._sum(1)))
        at_least = _HISTORY_AT_LEAST * self._limit - self._sum(2)
        return min(left, max(left - of_polling, at_least))

    def _bearable(self) -> float:
        return (self._limit or 0) * self.share * self._slowed()

    # What is spent

    def spend(self, purpose: Purpose) -> None:
        """Count a request that is about to be sent; raises `RateLimited` (BUDGET_SPENT) if it must not be.

        What the cloud refuses anyway it may refuse itself: commands are let through to the last.
        """
        if self._limit is None:
            return
        if purpose is not Purpose.CONTROL and self.left(purpose) < 1:
            refusal = RateLimited(Reason.BUDGET_SPENT)
            refusal.retry_after = self._seconds_until_more()
            raise refusal
        is_paced = purpose is Purpose.POLLING and self.allowance() >= 1
        if is_paced:
            self._saved_up -= 1
        minute = _minute()
        if minute not in self._spent:
            self._remember()
            self._spent[minute] = [0, 0, 0]
        counts = self._spent[minute]
        counts[0] += 1
        counts[1] += not is_paced
        counts[2] += purpose is Purpose.HISTORY

    def _fill(self) -> None:
        now, pace = time.monotonic(), self.pace
        elapsed = max(0.0, now - self._filled_at)
        self._filled_at = now
        if self._limit is not None:
            # What the past hour leaves no room for is not saved either: it would be spent at once when there is room,
            # and leave none an hour later.
            room = max(0.0, self.left(Purpose.POLLING))
            self._saved_up = min(self._saved_up + elapsed * pace, _SAVED_UP * pace, room)

    def _sum(self, index: int) -> int:
        oldest = _minute() - _MINUTES
        for minute in [minute for minute in self._spent if minute <= oldest]:
            del self._spent[minute]
        return sum(counts[index] for counts in self._spent.values())

    def _seconds_until_more(self) -> float:
        if (told := self._told_remaining()) is not None and told - self._reserve_of_told < 1:
            return self._told_until - time.monotonic()
        first = min(self._spent, default=_minute())
        return max(1.0, (first + _MINUTES) * 60 - time.monotonic())

    def _remember(self) -> None:
        ahead = int(time.time() // 60) - _minute()
        spent = {str(minute + ahead): list(counts) for minute, counts in self._spent.items()}
        self._client_store.put(_SPENT, spent, is_urgent=False)

    def _remembered(self) -> dict[int, list[int]]:
        now = _minute()
        ahead = int(time.time() // 60) - now
        spent: dict[int, list[int]] = {}
        for name, counts in coerce.fields(self._client_store.get(_SPENT)).items():
            kept_at = coerce.number(name)
            if kept_at is not None and isinstance(counts, list) and len(counts) == 3:
                # What lies ahead was kept under another clock, and counts from now on.
                minute = min(int(kept_at) - ahead, now)
                known = spent.get(minute, (0, 0, 0))
                spent[minute] = [was + int(coerce.number(count) or 0) for was, count in zip(known, counts, strict=True)]
        return spent

    # What the cloud says

    @property
    def resets_at(self) -> float | None:
        """When the cloud's own count begins anew, in epoch seconds; None where it does not say."""
        return None if self._told_remaining() is None else self._resets_at

    def heed(self, *, limit: int | None, window_seconds: int, remaining: int | None, resets_at: float | None) -> None:
        """Take what an answer says of the quota: so many in a window, so many of them left until `resets_at`.

        A window shorter than an hour can only lower the documented limit: what it allows need not be allowed again and
        again. `resets_at` is in epoch seconds.
        """
        if self._limit is None or self.documented is None:
            return
        if limit:
            of_an_hour = limit * _HOUR // window_seconds
            self._limit = of_an_hour if window_seconds >= _HOUR else min(self.documented, of_an_hour)
        self._reserve_of_told = _RESERVE * (limit or self._limit)
        self._window_seconds = window_seconds
        self._remaining, self._resets_at = remaining, resets_at or 0.0
        # No count lasts longer than its window: where it seems to, one of the two clocks is wrong.
        self._told_until = time.monotonic() + min(self._resets_at - time.time(), window_seconds)

    def slow_down(self) -> None:
        """Heed a refusal: the limit is lower than it was thought to be. Those that come together are one."""
        is_another = self._slowed_by is None or time.monotonic() - self._slowed_at > _ONE_REFUSAL
        if self._limit is not None and is_another:
            self._slowed_by = max(_SLOWEST, self._slowed() * _SLOWED_BY)
            self._slowed_at = time.monotonic()
            self._client_store.put(_SLOWED, {"by": self._slowed_by, "at": time.time()})

    def _slowed(self) -> float:
        """How much slower it goes after refusals, forgiven bit by bit."""
        if self._slowed_by is None:
            return 1.0
        forgiven = min(1.0, (time.monotonic() - self._slowed_at) / _FORGIVEN_AFTER)
        return self._slowed_by + (1 - self._slowed_by) * forgiven

    def _remembered_slowness(self) -> tuple[float | None, float]:
        record = coerce.fields(self._client_store.get(_SLOWED))
        by, at = coerce.number(record.get("by")), coerce.number(record.get("at"))
        if by is None or at is None:
            return None, 0.0
        return by, time.monotonic() - max(0.0, time.time() - at)

    def _told_remaining(self) -> int | None:
        return self._remaining if self._told_until > time.monotonic() else None


def _minute() -> int:
    return int(time.monotonic() // 60)
