"""A token and its renewal: early, by one caller at a time, and once more when a server refuses it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .errors import AuthFailed, CloudError, Reason, TokenRefused, Unreachable


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
        self._failure: CloudError | None = None

    async def get(self) -> Token:
        """A token that is valid as far as is known. Raises what the renewal raises."""
        if (token := self._valid()) is not None:
            return token
        known_failure = self._failure
        async with self._lock:
            if (token := self._valid()) is not None:  # another caller may have renewed it meanwhile
                return token
            if self._failure is not None and self._failure is not known_failure:
                raise self._failure  # of the renewal this caller waited for: asking again would refuse it again
            try:
                self._token = await self._renew()
            except CloudError as error:
                if isinstance(error, Unreachable) and self._token is not None and not self._is_over(self._token):
                    return self._token  # it was to be renewed early, and that can wait
                self._failure = error
                raise
            self._failure = None
            return self._token

    def _valid(self) -> Token | None:
        return None if self._token is None or self._is_over(self._token, early=self._early) else self._token

    def _is_over(self, token: Token, *, early: float = 0) -> bool:
        return self._clock() >= token.expires_at - early

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
