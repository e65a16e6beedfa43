"""Signing in at Keycloak: password grant, refresh with rotation, and the way back when a session died.

It keeps the tokens in memory, since they live minutes, and knows nothing of what they open.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from .. import coerce
from ..errors import AuthFailed, CloudError, Forbidden, Reason, Rejected, TokenRefused, UnexpectedAnswer, Unreachable
from ..http import Answer, HttpClient
from ..tokens import Probe, Token, TokenKeeper

_LOGGER = logging.getLogger(__name__)

_TOKEN = "/realms/{realm}/protocol/openid-connect/token"
_SECONDS_IN_HAND = 30.0
_LIFE_IF_UNSAID = 60.0  # seconds

_INACTIVE = ("disabled", "not fully set up")  # in the description of an account that has to be mended first


@dataclass(frozen=True, slots=True)
class _Session:
    """One session at Keycloak, as its latest answer left it."""

    access: Token
    refresh_token: str | None = field(repr=False)
    refresh_ends_at: float | None  # on the monotonic clock; None where it has no end
    is_new_login: bool


class KeycloakLogin:
    """The access tokens of one user."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        auth_url: str,
        realm: str,
        client_id: str,
        client_secret: str,
        username: str,
        password: str,
    ) -> None:
        """Sign in at `auth_url`, which may end in the `/auth` of older servers, when a token is first needed."""
        self._login_client = HttpClient(session, auth_url, _judge_login)
        self._refresh_client = HttpClient(session, auth_url, _judge_refresh)
        self._realm = realm
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._user = {"username": username, "password": password}
        self.username = username
        self._session: _Session | None = None
        self._tokens = TokenKeeper(
            self._renew,
            time.monotonic,
            early=0,
            start_over=self._forget_session,
            is_renewal_cheap=True,
            one_sided_refusal=_refused_by_endpoint,
        )

    @property
    def subject(self) -> str | None:
        """Keycloak's id of the user, once signed in; None where the token does not tell it."""
        return None if self._session is None else coerce.subject_of_jwt(self._session.access.value)

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a session that can be gone on with."""
        session = self._session
        return session is not None and (session.refresh_ends_at or math.inf) > time.monotonic()

    async def ensure(self) -> None:
        """See to it that there is a token, as far as is known. Raises what the logins raise."""
        await self._tokens.get()

    async def use[T](self, call: Callable[[str], Awaitable[T]], probe: Probe | None = None) -> T:
        """Call with an access token; when it is refused, with a refreshed one, and at last with that of a new login.

        Raises what the logins raise, and what `TokenKeeper.use` raises. An endpoint that refuses tokens others accept
        raises `UnexpectedAnswer` (TOKEN_REFUSED).
        """
        return await self._tokens.use(call, probe)

    def _forget_session(self, token: Token) -> bool:
        """Let the next renewal log in, since a refresh does not heal every session; False if `token` is of a login."""
        if self._session is None or self._session.access is not token:
            return True  # another caller has renewed the token
        if self._session.is_new_login:
            return False
        self._session = None
        return True

    async def _renew(self) -> Token:
        refreshed = await self._refresh()
        if refreshed is None:
            refreshed = await self._log_in()
        # The new refresh token is kept before the access token is used: the old one is worth nothing now.
        self._session = refreshed
        return refreshed.access

    async def _refresh(self) -> _Session | None:
        """Refresh the session; None if there is none to refresh, or none any more."""
        session = self._session
        if session is None or session.refresh_token is None:
            return None
        if session.refresh_ends_at is not None and time.monotonic() >= session.refresh_ends_at:
            return None
        form = {"grant_type": "refresh_token", **self._client, "refresh_token": session.refresh_token}
        try:
            return await self._ask(self._refresh_client, form, is_new_login=False)
        except TokenRefused:
            _LOGGER.debug("The session ended, signing in again")
        except UnexpectedAnswer:
            _LOGGER.debug("The session was renewed by an answer that cannot be read, signing in again")
        except Unreachable as error:
            if error.status is not None and error.status >= 300:
                raise
            # Without its answer the refresh token may be spent, and spending it twice ends the session.
            _LOGGER.debug("The answer to a renewal was lost, signing in again")
        self._session = None
        return None

    async def _log_in(self) -> _Session:
        return await self._ask(
            self._login_client, {"grant_type": "password", **self._client, **self._user}, is_new_login=True
        )

    async def _ask(self, client: HttpClient, form: Mapping[str, str], *, is_new_login: bool) -> _Session:
        asked_at = time.monotonic()
        answer = await client.request("POST", _TOKEN, parts={"realm": self._realm}, form=form)
        grant = coerce.fields(answer.body)
        access_token = coerce.text(grant.get("access_token"))
        if access_token is None:
            raise answer.error(UnexpectedAnswer)
        life = coerce.number(grant.get("expires_in"))
        if life is None:
            life = _LIFE_IF_UNSAID
        in_hand = min(_SECONDS_IN_HAND, life / 2)  # where tokens live shorter than that
        return _Session(
            Token(access_token, asked_at + life - in_hand),
            coerce.text(grant.get("refresh_token")),
            asked_at + refresh_life if (refresh_life := coerce.number(grant.get("refresh_expires_in"))) else None,
            is_new_login,
        )


def _refused_by_endpoint(refused: TokenRefused) -> UnexpectedAnswer:
    return UnexpectedAnswer(Reason.TOKEN_REFUSED, endpoint=refused.endpoint, status=refused.status, code=refused.code)


def _judge_login(answer: Answer) -> CloudError | None:
    if (error := _judge_any(answer)) is not None or answer.status == 429:
        return error
    if answer.status == 404:
        return answer.error(Forbidden, Reason.WRONG_REALM)
    code = coerce.text(coerce.fields(answer.body).get("error")) or ""
    if (refusal := _refusal(answer, code)) is not None:
        return answer.error(*refusal, code=code)
    return None if answer.is_success else answer.error(Rejected, Reason.INVALID_REQUEST)


def _refusal(answer: Answer, code: str) -> tuple[type[CloudError], Reason] | None:
    """What Keycloak refuses a password grant for; None: it is our own fault, or no refusal.

    Its statuses change from version to version, so that the description decides.
    """
    if answer.status not in {400, 401}:
        return None
    said = (coerce.text(coerce.fields(answer.body).get("error_description")) or "").lower()
    match code:
        case "invalid_grant":
            is_inactive = any(words in said for words in _INACTIVE)
            return AuthFailed, Reason.ACCOUNT_DISABLED if is_inactive else Reason.WRONG_PASSWORD
        case "invalid_client" if "consent" in said:
            return Forbidden, Reason.CONSENT_REQUIRED
        case "unauthorized_client" if answer.status == 400 or "direct access" in said:
            return Forbidden, Reason.PASSWORD_LOGIN_NOT_ALLOWED
        case "invalid_client" | "unauthorized_client":
            return AuthFailed, Reason.WRONG_CLIENT
    return None


def _judge_refresh(answer: Answer) -> CloudError | None:
    if (error := _judge_any(answer)) is not None or answer.status == 429:
        return error
    # Whatever is wrong with the client or the user, the login that follows says it more exactly.
    return answer.error(TokenRefused) if 400 <= answer.status < 500 else None


def _judge_any(answer: Answer) -> CloudError | None:
    # Keycloak answers JSON. Anything else comes from what stands before it, and says nothing about credentials.
    if answer.status >= 500 or answer.status == 408 or (not answer.is_json and answer.status != 429):
        return answer.error(Unreachable, Reason.SERVER_ERROR)
    return None
