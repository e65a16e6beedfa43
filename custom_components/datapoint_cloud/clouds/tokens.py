"""A token and its renewal: early, by one caller at a time, and once more when a server refuses it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .errors import AuthFailed, CloudError, Reason, TokenRefused, Unreachable

_VERDICT_SECONDS = 600.0  # how long the word of a second endpoint on a token counts

type Probe = Callable[[str, str], Awaitable[object]]
"""Asks with a token at another endpoint than the one that refused it."""


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
        self._doubtful: set[str] = set()  # endpoints that refused even a fresh token
        self._probing = asyncio.Lock()
        self._verdict: _Verdict | None = None

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

    async def use[T](self, call: Callable[[str], Awaitable[T]], probe: Probe) -> T:
        """Call with a valid token; when it is refused, renew it and call once more.

        One endpoint alone does not end a token, unless it does so by a code of the vendor's and for the first time: a
        proxy refuses, too. Else `probe` has the last word. Raises `AuthFailed` when both refuse a fresh token, and
        `Unreachable` when they do not agree.
        """
        token = await self.get()
        try:
            return await call(token.value)
        except TokenRefused as refusal:
            is_word_enough = refusal.code is not None and refusal.endpoint not in self._doubtful
            if not is_word_enough and not await self._is_refused_elsewhere(token, refusal, probe):
                raise _of_endpoint(refusal) from refusal
            self.drop(token)
        token = await self.get()
        try:
            return await call(token.value)
        except TokenRefused as refusal:
            self._doubtful.add(refusal.endpoint)
            if not await self._is_refused_elsewhere(token, refusal, probe):
                raise _of_endpoint(refusal) from refusal
            self.drop(token)
            raise AuthFailed(
                refusal.reason or Reason.TOKEN_REFUSED,
                endpoint=refusal.endpoint,
                status=refusal.status,
                code=refusal.code,
            ) from refusal

    async def _is_refused_elsewhere(self, token: Token, refusal: TokenRefused, probe: Probe) -> bool:
        """Whether another endpoint refuses the token as well; asked once for all that wait, and seldom."""
        async with self._probing:
            if self._verdict is None or not self._verdict.is_on(token):
                is_refused = False
                try:
                    await probe(token.value, refusal.endpoint)
                except TokenRefused:
                    is_refused = True
                except CloudError:
                    pass  # it says nothing, and without a second word nobody is to blame
                self._verdict = _Verdict(token, time.monotonic(), is_refused)
            return self._verdict.is_refused


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a second endpoint said of a token."""

    token: Token
    told_at: float  # on the monotonic clock
    is_refused: bool

    def is_on(self, token: Token) -> bool:
        """Whether it is still the word on this token."""
        return self.token is token and time.monotonic() - self.told_at < _VERDICT_SECONDS


def _of_endpoint(refusal: TokenRefused) -> Unreachable:
    return Unreachable(
        Reason.SERVER_ERROR,
        endpoint=refusal.endpoint,
        status=refusal.status,
        code=refusal.code,
        subject=refusal.subject,
    )
