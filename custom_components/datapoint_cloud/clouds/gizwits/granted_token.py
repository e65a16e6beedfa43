"""A token that outlives a restart: remembered, renewed ahead of its end, and used on while an early renewal fails.

It knows when to ask for a token, not how that is done.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .. import wire
from ..errors import RateLimited, UnexpectedAnswer, Unreachable
from ..memory import Memory
from ..tokens import Token, TokenKeeper
from . import spellings

_HOUR: Final = 3600
_DAY: Final = 86_400
_LIFE_IF_UNTOLD: Final = 6 * _DAY  # the documents promise seven days at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token as a cloud granted it, with its end in epoch seconds; `uid` is the user's, where there is one."""

    token: str = field(repr=False)
    expires_at: float
    uid: str | None = None


class GrantedToken:
    """The token of one owner under one slot of the memory."""

    def __init__(
        self, memory: Memory, slot: str, *, owner: str, days_ahead: float, ask: Callable[[], Awaitable[Grant]]
    ) -> None:
        """Renew with `ask`, that many days ahead of the end, but never before half of the token's life."""
        self._memory = memory
        self._slot = slot
        self._owner = owner
        self._days_ahead = days_ahead
        self._ask = ask
        record = self._record()
        token, renew_at = wire.text(record.get("token")), wire.number(record.get("renew_at"))
        remembered = Token(token, renew_at) if token is not None and renew_at is not None else None
        self.keeper = TokenKeeper(self._renew, time.time, early=0, token=remembered)

    @property
    def uid(self) -> str | None:
        """The user's id that came with the token."""
        return wire.text(self._record().get("uid"))

    async def _renew(self) -> Token:
        try:
            grant = await self._ask()
        except Unreachable, RateLimited, UnexpectedAnswer:
            if (token := self._postponed()) is None:
                raise
            return token
        now = time.time()
        half_life = now + (grant.expires_at - now) / 2
        record = {"owner": self._owner, "token": grant.token, "uid": grant.uid, "expires_at": grant.expires_at}
        return self._remember(record, max(grant.expires_at - self._days_ahead * _DAY, half_life))

    def _postponed(self) -> Token | None:
        """The token that was to be renewed early; None where it was refused instead, or has ended."""
        record = self._record()
        renew_at, expires_at = wire.number(record.get("renew_at")) or 0, wire.number(record.get("expires_at")) or 0
        now = time.time()
        return self._remember(record, min(now + _HOUR, expires_at)) if renew_at <= now < expires_at else None

    def _remember(self, record: Mapping[str, Any], renew_at: float) -> Token:
        self._memory.put(self._slot, {**record, "renew_at": renew_at})
        return Token(record["token"], renew_at)

    def _record(self) -> Mapping[str, Any]:
        record = wire.fields(self._memory.get(self._slot))
        return record if record.get("owner") == self._owner else {}


def token_end(fields: Mapping[str, Any], *names: str) -> float:
    """When a token ends, in epoch seconds; a guess on the safe side where no future moment is told."""
    now = time.time()
    ends = (spellings.epoch_seconds(fields.get(name)) for name in names)
    return next((end for end in ends if end is not None and end > now), now + _LIFE_IF_UNTOLD)
