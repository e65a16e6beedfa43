"""A token and its renewal: early, by one caller at a time, and once more when a server refuses it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .errors import AuthFailed, Reason, TokenRefused


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the moment it ends, on the clock of its `TokenKeeper`."""

    value: str = field(repr=False)
    expires_at: float


class TokenKeeper:
    """Keeps one token valid."""

    def __init__(
        self,
        renew: Callable[[], Awaitable[Token]],
        clock: Callable[[], float],
        *,
        early: float,
        token: Token | None = None,
    ) -> None:
        """Renew with `renew` when the token has less than `early` seconds to live on `clock`."""
        self._renew = renew
        self._clock = clock
        self._early = early
        self._token = token
        self._lock = asyncio.Lock()

    async def get(self) -> Token:
        """A token that is valid as far as is known. Raises what the renewal raises."""
        async with self._lock:
            if self._token is None or self._clock() >= self._token.expires_at - self._early:
                self._token = await self._renew()
            return self._token

    def drop(self, token: Token) -> None:
        """Forget `token`, unless another caller has already replaced it."""
        if self._token is token:
            self._token = None

    async def use[T](self, call: Callable[[str], Awaitable[T]]) -> T:
        """Call with a valid token; when it is refused, renew it and call once more.

        Raises `AuthFailed` when a fresh token is refused too.
        """
        token = await self.get()
        try:
            return await call(token.value)
        except TokenRefused:
            self.drop(token)
        token = await self.get()
        try:
            return await call(token.value)
        except TokenRefused as error:
            self.drop(token)
            raise AuthFailed(
                Reason.TOKEN_REFUSED, endpoint=error.endpoint, status=error.status, code=error.code
            ) from error
