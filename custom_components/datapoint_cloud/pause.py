"""How long a cloud wants to receive no requests: kept over a restart, bounded, and safe against a wrong clock.

It sends no requests.
"""

from datetime import UTC, datetime, timedelta

from .clouds import coerce
from .clouds.client_store import ClientStore

LONG = timedelta(hours=1)
"""Pauses longer than this are reported to the user."""

_MAX_SECONDS = timedelta(days=1).total_seconds()  # more is an error of the cloud, or was stored under another clock
_CLOCK_TOLERANCE = 60.0  # seconds that a clock may be corrected without invalidating timestamps
_SINCE = "paused since"  # epoch seconds, in the `ClientStore`
_UNTIL = "paused until"


class Pause:
    """The pause of one account, kept in its `ClientStore`."""

    def __init__(self, client_store: ClientStore) -> None:
        self._client_store = client_store

    def begin(self, seconds: float, now: datetime) -> None:
        """Pause from now on. A pause that follows another before the cloud has answered continues it."""
        since, until = self._stored()
        timestamp = now.timestamp()
        is_same = since is not None and until is not None and since <= timestamp <= until + LONG.total_seconds()
        began = since if is_same and since is not None else timestamp
        self._store(began, timestamp + min(seconds, _MAX_SECONDS))

    def end(self) -> None:
        """End the pause: the cloud has answered."""
        self._client_store.put(_SINCE, None)
        self._client_store.put(_UNTIL, None)

    def left(self, now: datetime) -> float:
        """The seconds that are left; 0 without a pause."""
        since, until = self._stored()
        timestamp = now.timestamp()
        if until is None or until <= timestamp:
            return 0.0
        is_other_clock = since is None or since > timestamp + _CLOCK_TOLERANCE
        if is_other_clock or until - timestamp > _MAX_SECONDS:
            # Another clock stored it, so only its length is known: let it begin now.
            length = until - (timestamp if since is None else since)
            until = timestamp + min(max(length, 0.0), _MAX_SECONDS)
            self._store(timestamp, until)
        return until - timestamp

    def until(self, now: datetime) -> datetime | None:
        """When the pause ends; None without a pause."""
        left = self.left(now)
        return now + timedelta(seconds=left) if left else None

    def began(self, now: datetime) -> datetime | None:
        """When the pause began; None without a pause."""
        since, _ = self._stored() if self.left(now) else (None, None)
        return None if since is None else datetime.fromtimestamp(since, UTC)

    def is_long(self, now: datetime) -> bool:
        """Whether there is a pause that is long enough as a whole to be reported to the user."""
        began, until = self.began(now), self.until(now)
        return began is not None and until is not None and until - began > LONG

    def _store(self, since: float, until: float) -> None:
        self._client_store.put(_SINCE, since)
        self._client_store.put(_UNTIL, until)

    def _stored(self) -> tuple[float | None, float | None]:
        return coerce.number(self._client_store.get(_SINCE)), coerce.number(self._client_store.get(_UNTIL))
