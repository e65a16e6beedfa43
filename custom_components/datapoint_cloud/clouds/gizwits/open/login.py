"""The login of a consumer: with a password at the Open API or at the login front of newer apps, or anonymously.

It returns a token and does not know what the token is used for.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ... import coerce
from ...backoff import Backoff
from ...client_store import ClientStore
from ...errors import AuthFailed, CloudError, Forbidden, RateLimited, Reason, UnexpectedAnswer, Unreachable
from ...http import Answer, HttpClient
from ...transport import Transport
from ..errors import find_front_error, find_open_error
from ..stored_token import Grant, token_end


@dataclass(frozen=True, slots=True)
class Region:
    """The servers of the users in one part of the world: the Open API and the login front of newer apps."""

    api_url: str
    front_url: str


REGIONS: Final[Mapping[str, Region]] = {
    "cn": Region("https://api.gizwits.com", "https://aep-app.gizwits.com"),
    "us": Region("https://usapi.gizwits.com", "https://usaepapp.gizwits.com"),
    "eu": Region("https://euapi.gizwits.com", "https://euaepapp.gizwits.com"),
}

# App ids are public in the vendors' apps.
KNOWN_APPS: Final[Mapping[str, str]] = {
    "07452c4f036a4be3acedf8dbeef38320": "Aqua Medic",
    "98754e684ec045528b073876c34c7348": "Bestway",
    "5c42414e51aa49cdbbe5466c27e33e40": "Clearlight",
    "c70a66ff039d41b4a220e198b0fcc8b3": "Heatzy",
    "50b40b4e57114e6ba87bd46b9abe71d8": "HY09RF",
    "c3703c4888ec4736a3a0d9425c321604": "Jebao",
    "b59fcef4de7a4d2ab7f4c26eb81a0537": "Maxspect",
    "68bb8ff791a2487ba9d015e11fe72d7b": "PH-803W",
    "f11cd9dd1ea24f8d9a9164a1ebbe4200": "VaySunic",
    "78a879318939402b9c70819d918ef8ed": "Wave Spa",
}

# The apps whose users the front is known to log in ("Newer vendor logins"). It is sent no passwords of other users.
FRONT_APPS: Final = frozenset({"c3703c4888ec4736a3a0d9425c321604"})

# Logins are throttled far harder than reads, and a throttled login was also seen to fail with HTTP 400 and no code.
_TOLERATED: Final = 3  # failures in a row without a pause, since single ones happen several times a day
_FIRST_PAUSE_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 900.0
_ONE_FAILURE_SECONDS: Final = 1.0  # failures within this time count as one
_LONGEST_OUTAGE_PAUSE_SECONDS: Final = 100.0  # so that a server that is back is found within two polls

_FRONT_MAY_KNOW: Final = (9005, 9020)  # the codes of the Open API for users that only the front can log in


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLogin:
    """A user with a name, email or phone, and a password. `front_url` replaces the login front of the region."""

    username: str
    password: str = field(repr=False)
    front_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousLogin:
    """An anonymous user, identified by a text alone."""

    phone_id: str = field(repr=False)


class LoginClient:
    """Logs one user in at the Open API or at the front, wherever the user exists."""

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        app_id: str,
        login: PasswordLogin | AnonymousLogin,
        client_store: ClientStore,
    ) -> None:
        """Log in at `api_url`, or at a front if that worked before, which `client_store` remembers."""
        self._app_id = app_id
        self._login = login
        self._client_store = client_store
        self._api = HttpClient(transport, api_url, find_open_error)
        front_url = login.front_url if isinstance(login, PasswordLogin) else None
        self._front = HttpClient(transport, front_url or _front_of(api_url), find_front_error)
        self._has_front = front_url is not None or app_id in FRONT_APPS
        self._failure: CloudError | None = None
        self._failures = 0  # in a row
        self._backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._failed_at = float("-inf")  # on the monotonic clock, as is
        self._again_at = 0.0

    async def log_in(self) -> Grant:
        """Log in once ("Open API, User login" and "Anonymous login").

        Raises `AuthFailed` for a refused user, `Forbidden` for an unknown app, `RateLimited` when logins are
        throttled, `Unreachable` or `UnexpectedAnswer`. After a failed login the server is given growing pauses, during
        which the last error is raised again. A login without any answer starts no pause: it cost the server nothing.
        """
        if self._failure is not None and (left := self._again_at - time.monotonic()) > 0:
            if isinstance(self._failure, RateLimited):
                self._failure.retry_after = left
            raise self._failure.with_traceback(None)
        try:
            grant = await self._log_in_anywhere()
        except CloudError as failure:
            if failure.status is not None:
                self._start_pause(failure)
            raise
        self._failure, self._failures = None, 0
        self._backoff.reset()
        return grant

    def _start_pause(self, failure: CloudError) -> None:
        self._failure = failure
        if (now := time.monotonic()) - self._failed_at > _ONE_FAILURE_SECONDS:
            self._failures += 1
            self._failed_at = now
        # Without a code a proxy may have answered, but a bare 400 was seen to come from the vendor.
        is_bare = failure.code is None and failure.status != 400 and not isinstance(failure, RateLimited)
        is_broken = is_bare or (failure.status or 0) >= 500
        pause = 0.0
        if isinstance(failure, RateLimited):
            pause = failure.retry_after or _LONGEST_PAUSE_SECONDS
        elif self._failures > (0 if isinstance(failure, Forbidden) else _TOLERATED):
            pause = self._backoff.next()
            pause = min(pause, _LONGEST_OUTAGE_PAUSE_SECONDS) if is_broken else pause
        self._again_at = time.monotonic() + pause

    async def _log_in_anywhere(self) -> Grant:
        if isinstance(self._login, AnonymousLogin):
            return await self._at_api("/app/users", {"phone_id": self._login.phone_id})
        if self._client_store.get("login front"):
            return await self._at_front(self._login)
        try:
            return await self._at_api(
                "/app/login", {"username": self._login.username, "password": self._login.password}
            )
        except AuthFailed as refusal:
            if refusal.code not in _FRONT_MAY_KNOW or not self._has_front:
                raise
            user = await self._at_front_after(refusal, self._login)
        self._client_store.put("login front", value=True)
        return user

    async def _at_front_after(self, refusal: AuthFailed, login: PasswordLogin) -> Grant:
        try:
            return await self._at_front(login)
        except CloudError as error:
            # The error of the front is more exact if it knows the user and the Open API does not. If the front does
            # not answer, it may still know the user.
            is_silent = isinstance(error, RateLimited) or (isinstance(error, Unreachable) and error.code is None)
            may_know = is_silent and refusal.reason is Reason.UNKNOWN_USER
            raise error if may_know or error.reason is Reason.WRONG_PASSWORD else refusal from None

    async def _at_api(self, template: str, body: Mapping[str, str]) -> Grant:
        answer = await self._api.request("POST", template, headers=self._headers, json_body=body)
        return _grant(answer, answer.body, token="token", end=("expire_at", "expired_at"))

    async def _at_front(self, login: PasswordLogin) -> Grant:
        data = {"account": login.username, "password": login.password, "lang": "en", "refreshToken": True}
        answer = await self._front.request(
            "POST",
            "/app/smart_home/login/pwd",
            headers=self._headers,
            json_body={"appKey": self._app_id, "data": data, "version": "1.0"},
        )
        return _grant(answer, coerce.fields(answer.body).get("data"), token="userToken", end=("expiredAt",))

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Gizwits-Application-Id": self._app_id}


def _front_of(api_url: str) -> str:
    host = urlsplit(api_url).hostname
    regions = (region for region in REGIONS.values() if urlsplit(region.api_url).hostname == host)
    return next((region.front_url for region in regions), api_url)


def _grant(answer: Answer, found: Any, *, token: str, end: tuple[str, ...]) -> Grant:
    fields = coerce.fields(found)
    value, uid = coerce.text(fields.get(token)), coerce.text(fields.get("uid"))
    if value is None or uid is None:
        raise answer.error(UnexpectedAnswer)
    return Grant(token=value, expires_at=token_end(fields, *end), uid=uid)
