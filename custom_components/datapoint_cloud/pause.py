"""How long a cloud wants to be left alone: kept over a restart, bounded, and safe against a clock that was wrong.

It asks nothing and knows nothing of who asks.
"""

from datetime import UTC, datetime, timedelta

from .clouds import coerce
from .clouds.client_store import ClientStore

LONG = timedelta(hours=1)
"""A pause that is longer than this is told to the user."""

_LONGEST = timedelta(days=1).total_seconds()  # what asks for more is a slip, or was kept under another clock
_ANOTHER_CLOCK = 60.0  # seconds that a clock may be put back without being another one
_SINCE = "paused since"  # epoch seconds, in the memory
_UNTIL = "paused until"


class Pause:
    """The pause of one account, kept in the memory of its client."""

    def __init__(self, client_store: ClientStore) -> None:
        self._client_store = client_store

    def begin(self, seconds: float, now: datetime) -> None:
        """Pause for so long from now on. Pauses that follow each other without an answer between are one."""
        since, until = self._kept()
        moment = now.timestamp()
        is_one = since is not None and until is not None and since <= moment <= until + LONG.total_seconds()
        self._put(since if is_one and since is not None else moment, moment + min(seconds, _LONGEST))

    def end(self) -> None:
        """The cloud has answered."""
        self._client_store.put(_SINCE, None)
        self._client_store.put(_UNTIL, None)

    def left(self, now: datetime) -> float:
        """The seconds that are left of it; 0 when it is over, or there was none."""
        since, until = self._kept()
        moment = now.timestamp()
        if until is None or until <= moment:
            return 0.0
        is_kept_otherwise = since is None or since > moment + _ANOTHER_CLOCK
        if is_kept_otherwise or until - moment > _LONGEST:
            # Only its length can be believed, from now on: nobody knows when it began on the clock of today.
            length = until - (moment if since is None else since)
            self._put(moment, moment + min(max(length, 0.0), _LONGEST))
        _, until = self._kept()
        return (until or moment) - moment

    def until(self, now: datetime) -> datetime | None:
        """When it ends; None when it is over, or there was none."""
        left = self.left(now)
        return now + timedelta(seconds=left) if left else None

    def began(self, now: datetime) -> datetime | None:
        """When it began; None when it is over, or there was none."""
        since, _ = self._kept() if self.left(now) else (None, None)
        return None if since is None else datetime.fromtimestamp(since, UTC)

    def is_long(self, now: datetime) -> bool:
        """Whether it goes on, and is long enough as a whole for the user to be told of it."""
        began, until = self.began(now), self.until(now)
        return began is not None and until is not None and until - began > LONG

    def _put(self, since: float, until: float) -> None:
        self._client_store.put(_SINCE, since)
        self._client_store.put(_UNTIL, until)

    def _kept(self) -> tuple[float | None, float | None]:
        return coerce.number(self._client_store.get(_SINCE)), coerce.number(self._client_store.get(_UNTIL))
