"""Renews a token before it ends, by one caller at a time, and again when a server refuses it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .errors import AuthFailed, CloudError, Reason, TokenRefused, Unreachable

_VERDICT_SECONDS = 600.0  # how long the result of a probe counts

type Probe = Callable[[str, str], Awaitable[object]]
"""Tries a token at another endpoint than the one that refused it. Raises `TokenRefused` or any other `CloudError`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it expires, on the clock of its `TokenKeeper`."""

    value: str = field(repr=False)
    expires_at: float


class TokenKeeper:
    """Keeps one token valid, and judges whether a refusal is about the account or about one endpoint alone."""

    def __init__(
        self,
        renew: Callable[[], Awaitable[Token]],
        clock: Callable[[], float],
        *,
        early: float,
        token: Token | None = None,
        start_over: Callable[[Token], bool] | None = None,
        is_renewal_cheap: bool = False,
        one_sided_refusal: Callable[[TokenRefused], CloudError] | None = None,
    ) -> None:
        """Renew with `renew` when the token has less than `early` seconds left on `clock`.

        `start_over` is called when a renewed token is refused, too: it makes the next renewal start from the
        credentials, and returns False if this one did. `is_renewal_cheap`: a renewal costs no more than a probe.
        `one_sided_refusal` makes the error for an endpoint that refuses a token others accept.
        """
        self._renew = renew
        self._clock = clock
        self._early = early
        self._token = token
        self._start_over = start_over or (lambda _: False)
        self._is_renewal_cheap = is_renewal_cheap
        self._one_sided_refusal = one_sided_refusal or _server_error
        self._lock = asyncio.Lock()
        self._failure: CloudError | None = None
        self._doubtful: set[str] = set()  # endpoints that refused even a fresh token
        self._probing = asyncio.Lock()
        self._verdict: _Verdict | None = None

    async def get(self) -> Token:
        """Return a token that has not expired; renew it first if needed. Raises what the renewal raises."""
        if (token := self._valid()) is not None:
            return token
        known_failure = self._failure
        async with self._lock:
            if (token := self._valid()) is not None:  # another caller may have renewed it while we waited
                return token
            if self._failure is not None and self._failure is not known_failure:
                raise self._failure  # the renewal we waited for failed, and ours would fail the same way
            try:
                self._token = await self._renew()
            except CloudError as error:
                if isinstance(error, Unreachable) and self._token is not None and not self._is_over(self._token):
                    return self._token  # the early renewal can wait
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

    async def use[T](self, call: Callable[[str], Awaitable[T]], probe: Probe | None = None) -> T:
        """Call with a valid token; when it is refused, renew it and call again.

        One endpoint alone says nothing about the account, since a proxy may refuse, too. So a token is only given up
        when `probe` is refused as well. A renewal is tried without a probe after the first refusal by an endpoint, if
        the refusal carries a vendor's code or the renewal is cheap.

        Raises `AuthFailed` when fresh tokens are refused here and by `probe`, and the one-sided refusal when only this
        endpoint refuses; without a probe each refusal counts.
        """
        for renewals in range(3):
            token = self._valid() or await self.get()
            try:
                return await call(token.value)
            except TokenRefused as error:
                refusal = error
            if renewals:
                self._doubtful.add(refusal.endpoint)
            if not self._is_trusted(refusal) and not await self._is_refused_elsewhere(token, refusal, probe):
                raise self._one_sided_refusal(refusal) from refusal
            self.drop(token)
            if renewals and not self._start_over(token):
                break
        raise AuthFailed(
            refusal.reason or Reason.TOKEN_REFUSED,
            endpoint=refusal.endpoint,
            status=refusal.status,
            code=refusal.code,
        ) from refusal

    def _is_trusted(self, refusal: TokenRefused) -> bool:
        return (self._is_renewal_cheap or refusal.code is not None) and refusal.endpoint not in self._doubtful

    async def _is_refused_elsewhere(self, token: Token, refusal: TokenRefused, probe: Probe | None) -> bool:
        """Whether another endpoint refuses the token as well; one probe serves all callers for a while."""
        if probe is None:
            return True
        async with self._probing:
            if self._verdict is None or not self._verdict.is_valid_for(token):
                is_refused = False
                try:
                    await probe(token.value, refusal.endpoint)
                except TokenRefused:
                    is_refused = True
                except CloudError:
                    pass  # the probe proved nothing, so the account is not to blame
                self._verdict = _Verdict(token, time.monotonic(), is_refused)
            return self._verdict.is_refused


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a second endpoint refused a token."""

    token: Token
    found_at: float  # on the monotonic clock
    is_refused: bool

    def is_valid_for(self, token: Token) -> bool:
        """Whether this is about `token` and still recent."""
        return self.token is token and time.monotonic() - self.found_at < _VERDICT_SECONDS


def _server_error(refusal: TokenRefused) -> Unreachable:
    return Unreachable(
        Reason.SERVER_ERROR,
        endpoint=refusal.endpoint,
        status=refusal.status,
        code=refusal.code,
        subject=refusal.subject,
    )
