"""Logins at Keycloak: the password grant, refresh tokens with rotation, and a new login when a session has ended.

Tokens stay in memory, since they are valid for minutes only. It does not know the API that accepts them.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from .. import coerce
from ..errors import AuthFailed, CloudError, Forbidden, Reason, Rejected, TokenRefused, UnexpectedAnswer, Unreachable
from ..http import Answer, HttpClient
from ..tokens import Probe, Token, TokenKeeper
from ..transport import Transport

_LOGGER = logging.getLogger(__name__)

_TOKEN = "/realms/{realm}/protocol/openid-connect/token"
_MARGIN_SECONDS = 30.0
_DEFAULT_LIFE_SECONDS = 60.0

_INACTIVE = ("disabled", "not fully set up")  # parts of the error description for such an account


@dataclass(frozen=True, slots=True)
class _Session:
    """A session at Keycloak after its latest answer."""

    access: Token
    refresh_token: str | None = field(repr=False)
    refresh_ends_at: float | None  # on the monotonic clock; None if it has no end
    is_new_login: bool


class KeycloakLogin:
    """The access tokens of one user."""

    def __init__(
        self,
        transport: Transport,
        *,
        auth_url: str,
        realm: str,
        client_id: str,
        client_secret: str,
        username: str,
        password: str,
    ) -> None:
        """Log in at `auth_url` when a token is first needed. The address of older servers ends with `/auth`."""
        self._login_client = HttpClient(transport, auth_url, _find_login_error)
        self._refresh_client = HttpClient(transport, auth_url, _find_refresh_error)
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
        """Keycloak's id of the user; None before the login, or if the token does not contain it."""
        return None if self._session is None else coerce.subject_of_jwt(self._session.access.value)

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a session that has not ended."""
        session = self._session
        return session is not None and (session.refresh_ends_at or math.inf) > time.monotonic()

    async def ensure(self) -> None:
        """Log in unless there is a valid token. Raises the errors of a login."""
        await self._tokens.get()

    async def use[T](self, call: Callable[[str], Awaitable[T]], probe: Probe | None = None) -> T:
        """Call with an access token; if it is refused, with a refreshed one, and then with that of a new login.

        Raises the errors of a login and of `TokenKeeper.use`; `UnexpectedAnswer` (TOKEN_REFUSED) if only this endpoint
        refuses the token.
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
        # Store the new refresh token before the access token is used, since the old one is no longer valid.
        self._session = refreshed
        return refreshed.access

    async def _refresh(self) -> _Session | None:
        """Refresh the session; return None if there is no session, or if it has ended."""
        session = self._session
        if session is None or session.refresh_token is None:
            return None
        if session.refresh_ends_at is not None and time.monotonic() >= session.refresh_ends_at:
            return None
        form = {"grant_type": "refresh_token", **self._client, "refresh_token": session.refresh_token}
        try:
            return await self._request(self._refresh_client, form, is_new_login=False)
        except TokenRefused:
            _LOGGER.debug("The session has ended, logging in again")
        except UnexpectedAnswer:
            _LOGGER.debug("The answer to a refresh cannot be read, logging in again")
        except Unreachable as error:
            if error.status is not None and error.status >= 300:
                raise
            # The lost request may have used up the refresh token, and using it twice ends the session.
            _LOGGER.debug("The answer to a refresh was lost, logging in again")
        self._session = None
        return None

    async def _log_in(self) -> _Session:
        return await self._request(
            self._login_client, {"grant_type": "password", **self._client, **self._user}, is_new_login=True
        )

    async def _request(self, client: HttpClient, form: Mapping[str, str], *, is_new_login: bool) -> _Session:
        sent_at = time.monotonic()
        answer = await client.request("POST", _TOKEN, parts={"realm": self._realm}, form=form)
        grant = coerce.fields(answer.body)
        access_token = coerce.text(grant.get("access_token"))
        if access_token is None:
            raise answer.error(UnexpectedAnswer)
        life = coerce.number(grant.get("expires_in"))
        if life is None:
            life = _DEFAULT_LIFE_SECONDS
        margin = min(_MARGIN_SECONDS, life / 2)  # half of the life of very short tokens
        return _Session(
            Token(access_token, sent_at + life - margin),
            coerce.text(grant.get("refresh_token")),
            sent_at + refresh_life if (refresh_life := coerce.number(grant.get("refresh_expires_in"))) else None,
            is_new_login,
        )


def _refused_by_endpoint(refused: TokenRefused) -> UnexpectedAnswer:
    return UnexpectedAnswer(Reason.TOKEN_REFUSED, endpoint=refused.endpoint, status=refused.status, code=refused.code)


def _find_login_error(answer: Answer) -> CloudError | None:
    if (error := _find_server_error(answer)) is not None or answer.status == 429:
        return error
    if answer.status == 404:
        return answer.error(Forbidden, Reason.WRONG_REALM)
    code = coerce.text(coerce.fields(answer.body).get("error")) or ""
    if (refusal := _refusal(answer, code)) is not None:
        return answer.error(*refusal, code=code)
    return None if answer.is_success else answer.error(Rejected, Reason.INVALID_REQUEST)


def _refusal(answer: Answer, code: str) -> tuple[type[CloudError], Reason] | None:
    """Return why Keycloak refuses a password grant; None if it does not refuse, or the request itself is wrong.

    The status differs between versions of Keycloak, so the description decides.
    """
    if answer.status not in {400, 401}:
        return None
    description = (coerce.text(coerce.fields(answer.body).get("error_description")) or "").lower()
    match code:
        case "invalid_grant":
            is_inactive = any(words in description for words in _INACTIVE)
            return AuthFailed, Reason.ACCOUNT_DISABLED if is_inactive else Reason.WRONG_PASSWORD
        case "invalid_client" if "consent" in description:
            return Forbidden, Reason.CONSENT_REQUIRED
        case "unauthorized_client" if answer.status == 400 or "direct access" in description:
            return Forbidden, Reason.PASSWORD_LOGIN_NOT_ALLOWED
        case "invalid_client" | "unauthorized_client":
            return AuthFailed, Reason.WRONG_CLIENT
    return None


def _find_refresh_error(answer: Answer) -> CloudError | None:
    if (error := _find_server_error(answer)) is not None or answer.status == 429:
        return error
    # The login that follows finds out more exactly what is wrong with the client or the user.
    return answer.error(TokenRefused) if 400 <= answer.status < 500 else None


def _find_server_error(answer: Answer) -> CloudError | None:
    # Keycloak answers JSON. Anything else comes from a proxy and means nothing for the credentials.
    if answer.status >= 500 or answer.status == 408 or (not answer.is_json and answer.status != 429):
        return answer.error(Unreachable, Reason.SERVER_ERROR)
    return None
