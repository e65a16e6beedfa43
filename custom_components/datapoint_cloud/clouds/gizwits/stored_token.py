"""A token that survives a restart: stored, renewed before it expires, and still used when an early renewal fails.

It knows when to request a token, not how. It measures time with the monotonic clock, which is never set.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import RateLimited, UnexpectedAnswer, Unreachable
from ..tokens import Token, TokenKeeper
from . import wire_values

_HOUR: Final = 3600
_DAY: Final = 86_400
_DEFAULT_LIFE: Final = 6 * _DAY  # the documents promise at least seven days
_LONGEST_LIFE: Final = 400 * _DAY  # twice the longest life seen; a longer one comes from a clock that is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token that a cloud granted; `expires_at` is in epoch seconds, `uid` is the id of the user, if any."""

    token: str = field(repr=False)
    expires_at: float
    uid: str | None = None


class StoredToken:
    """The token of one owner, under one key of the client store."""

    def __init__(
        self,
        client_store: ClientStore,
        slot: str,
        *,
        owner: str,
        days_ahead: float,
        request: Callable[[], Awaitable[Grant]],
    ) -> None:
        """Renew with `request` that many days before the token expires, but not in the first half of its life."""
        self._client_store = client_store
        self._slot = slot
        self._owner = owner
        self._days_ahead = days_ahead
        self._request = request
        self._renew_at = self._ends_at = 0.0  # on the monotonic clock
        self.keeper = TokenKeeper(self._renew, time.monotonic, early=0, token=self._load())

    @property
    def uid(self) -> str | None:
        """The id of the user that came with the token."""
        return coerce.text(self._record().get("uid"))

    async def _renew(self) -> Token:
        try:
            grant = await self._request()
        except Unreachable, RateLimited, UnexpectedAnswer:
            if (token := self._postponed()) is None:
                raise
            return token
        now = time.time()
        expires_at = min(grant.expires_at, now + _LONGEST_LIFE)
        renew_at = max(expires_at - self._days_ahead * _DAY, now + (expires_at - now) / 2)
        record = {"owner": self._owner, "token": grant.token, "uid": grant.uid, "granted_at": now}
        self._client_store.put(self._slot, {**record, "expires_at": expires_at, "renew_at": renew_at})
        return self._token(grant.token, renew_at - now, expires_at - now)

    def _postponed(self) -> Token | None:
        """Return the token whose early renewal failed; None if it was refused or has expired."""
        now, record = time.monotonic(), self._record()
        if not self._renew_at <= now < self._ends_at:
            return None
        left = self._ends_at - now
        wait = min(_HOUR, left)
        self._client_store.put(self._slot, {**record, "renew_at": time.time() + wait})
        return self._token(record["token"], wait, left)

    def _load(self) -> Token | None:
        """Return the token in the client store. If our clock was set back since, assume that its life begins now."""
        record = self._record()
        token, renew_at = coerce.text(record.get("token")), coerce.number(record.get("renew_at"))
        if token is None or renew_at is None:
            return None
        expires_at, now = coerce.number(record.get("expires_at")) or renew_at, time.time()
        since = max(now, coerce.number(record.get("granted_at")) or 0)
        return self._token(token, min(renew_at - since, _LONGEST_LIFE), min(expires_at - since, _LONGEST_LIFE))

    def _token(self, token: str, wait: float, life: float) -> Token:
        now = time.monotonic()
        self._renew_at, self._ends_at = now + wait, now + life
        return Token(token, self._renew_at)

    def _record(self) -> Mapping[str, Any]:
        record = coerce.fields(self._client_store.get(self._slot))
        return record if record.get("owner") == self._owner else {}


def token_end(fields: Mapping[str, Any], *names: str) -> float:
    """Return when a token expires, in epoch seconds; a cautious guess if no field has a time in the future."""
    now = time.time()
    ends = (wire_values.epoch_seconds(fields.get(name)) for name in names)
    return next((end for end in ends if end is not None and end > now), now + _DEFAULT_LIFE)
