"""Keycloak's token endpoint for one realm, one client and one user.

It signs real tokens, rotates refresh tokens and returns the errors of a stock Keycloak. It also checks the tokens of
the API's requests, but knows no devices.
"""

import functools
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from simulator.server import Server

_REFRESH_KEY = "a key that only the simulated Keycloak has"
_FORM = "application/x-www-form-urlencoded"
_INVALID_CLIENT = "Invalid client or Invalid client credentials"

# this module compares the times itself, with the simulated clock
_SIGNATURE_ONLY: Options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}


@functools.cache
def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class _RefusedGrant(Exception):
    """The token endpoint refuses a grant with a status, `error` and `error_description`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description


@dataclass(slots=True)
class _Session:
    """The session of one login: its latest end, and the id of its only valid refresh token."""

    ends_at: float
    has_openid: bool
    refresh_id: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class KeycloakServer(Server):
    """One realm of a Keycloak with "revoke refresh token" switched on.

    Public attributes may be changed at any time. Lifetimes are in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a server that does not listen yet. `clock` returns epoch seconds."""
        super().__init__("keycloak")
        self.clock = clock
        self.realm = "Socomec"
        self.client_id = "building-monitor"
        self.client_secret = "s3cr&t+of=the%client"
        self.username = "facility@example.com"
        self.password = "Pass&wörd+100%é"
        self.subject = "0d5f6a3e-7c0b-4b6e-9a51-2f7f3b8f9c11"
        self.access_lifetime = 300
        self.refresh_lifetime = 1800
        """How long a refresh token lives; 0 for no end, as in an offline session."""
        self.session_lifetime = 36000
        """How long a session lasts, however often its tokens are refreshed."""
        self.allows_password_grant = True
        self.is_account_disabled = False
        self.is_account_set_up = True
        self.needs_consent = False
        """Whether the user still has to consent to the client."""
        self.refused_login_status = 401
        """The HTTP status for a wrong user name or password: 401, or 400 since Keycloak 26.6."""
        self.includes_subject = True
        self.grants: list[str] = []
        """The types of all granted requests, in order."""
        self._sessions: dict[str, _Session] = {}
        self.app.router.add_post("/realms/{realm}/protocol/openid-connect/token", self._answer_grant)
        self.app.router.add_get("/realms/{realm}/.well-known/openid-configuration", self._describe_realm)

    def revoke_sessions(self) -> None:
        """End all sessions: their access and refresh tokens are invalid at once."""
        self._sessions.clear()

    def accepts(self, access_token: str) -> bool:
        """Return whether an access token is genuine, unexpired and of a session that has not ended."""
        try:
            claims = jwt.decode(access_token, _signing_key().public_key(), ["RS256"], options=_SIGNATURE_ONLY)
        except jwt.InvalidTokenError:
            return False
        return claims["typ"] == "Bearer" and self.clock() < claims["exp"] and claims["sid"] in self._sessions

    async def _describe_realm(self, request: web.Request) -> web.Response:
        if request.match_info["realm"] != self.realm:
            return _realm_does_not_exist()
        issuer = self._issuer(request)
        return web.json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/protocol/openid-connect/auth",
                "token_endpoint": f"{issuer}/protocol/openid-connect/token",
                "jwks_uri": f"{issuer}/protocol/openid-connect/certs",
                "grant_types_supported": ["authorization_code", "refresh_token", "password"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    async def _answer_grant(self, request: web.Request) -> web.Response:
        if request.match_info["realm"] != self.realm:
            return _realm_does_not_exist()
        if request.content_type != _FORM:
            return web.json_response({"error": "HTTP 415 Unsupported Media Type"}, status=415)
        posted = [(name, value) for name, value in (await request.post()).items() if isinstance(value, str)]
        form = dict(posted)
        if len(form) != len(posted):
            return _refuse(400, "invalid_request", "duplicated parameter")
        try:
            answer = self._grant(form, self._issuer(request))
        except _RefusedGrant as refused:
            return _refuse(refused.status, refused.error, refused.description)
        self.grants.append(form["grant_type"])
        return web.json_response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _grant(self, form: Mapping[str, str], issuer: str) -> dict[str, Any]:
        match form.get("grant_type"):
            case None:
                raise _RefusedGrant(400, "invalid_request", "Missing form parameter: grant_type")
            case "password":
                self._check_client(form)
                session = self._log_in(form)
            case "refresh_token":
                self._check_client(form)
                session = self._resume(form)
            case _:
                raise _RefusedGrant(400, "unsupported_grant_type", "Unsupported grant_type")
        return self._tokens(session, issuer)

    def _check_client(self, form: Mapping[str, str]) -> None:
        if form.get("client_id") != self.client_id:
            raise _RefusedGrant(401, "invalid_client", _INVALID_CLIENT)
        if form.get("client_secret") != self.client_secret:
            raise _RefusedGrant(401, "unauthorized_client", _INVALID_CLIENT)

    def _log_in(self, form: Mapping[str, str]) -> _Session:
        if not self.allows_password_grant:
            raise _RefusedGrant(400, "unauthorized_client", "Client not allowed for direct access grants")
        if "username" not in form:
            raise _RefusedGrant(401, "invalid_request", "Missing parameter: username")
        if form["username"].lower() != self.username.lower():
            raise _RefusedGrant(self.refused_login_status, "invalid_grant", "Invalid user credentials")
        if self.is_account_disabled:
            raise _RefusedGrant(400, "invalid_grant", "Account disabled")
        if form.get("password") != self.password:
            raise _RefusedGrant(self.refused_login_status, "invalid_grant", "Invalid user credentials")
        if not self.is_account_set_up:
            raise _RefusedGrant(400, "invalid_grant", "Account is not fully set up")
        if self.needs_consent:
            raise _RefusedGrant(400, "invalid_client", "User consent required")
        session = _Session(self.clock() + self.session_lifetime, "openid" in form.get("scope", "").split())
        self._sessions[session.id] = session
        return session

    def _resume(self, form: Mapping[str, str]) -> _Session:
        if "refresh_token" not in form:
            raise _RefusedGrant(400, "invalid_request", "No refresh token")
        try:
            claims = jwt.decode(form["refresh_token"], _REFRESH_KEY, ["HS256"], options=_SIGNATURE_ONLY)
        except jwt.InvalidTokenError:
            raise _RefusedGrant(400, "invalid_grant", "Invalid refresh token") from None
        now = self.clock()
        if "exp" in claims and now >= claims["exp"]:
            raise _RefusedGrant(400, "invalid_grant", "Token is not active")
        session = self._sessions.get(claims["sid"])
        if session is None or now >= session.ends_at:
            raise _RefusedGrant(400, "invalid_grant", "Session not active")
        if self.is_account_disabled:
            raise _RefusedGrant(400, "invalid_grant", "User disabled")
        if claims["jti"] != session.refresh_id:
            del self._sessions[session.id]
            raise _RefusedGrant(400, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
        return session

    def _tokens(self, session: _Session, issuer: str) -> dict[str, Any]:
        now = self.clock()
        session_seconds_left = math.ceil(session.ends_at - now)
        expires_in = min(self.access_lifetime, session_seconds_left)
        refresh_expires_in = min(self.refresh_lifetime, session_seconds_left)
        session.refresh_id = str(uuid.uuid4())
        scope = "openid email profile" if session.has_openid else "email profile"
        common = {"iss": issuer, "sid": session.id, "session_state": session.id, "azp": self.client_id, "scope": scope}
        if self.includes_subject:
            common["sub"] = self.subject
        times = {"iat": int(now), "exp": int(now + expires_in)}
        identity = {"preferred_username": self.username, "email": self.username}
        access = common | times | identity | {"typ": "Bearer", "aud": "account", "jti": str(uuid.uuid4())}
        refresh = common | {"typ": "Refresh", "aud": issuer, "jti": session.refresh_id, "iat": int(now)}
        if refresh_expires_in > 0:
            refresh["exp"] = int(now + refresh_expires_in)
        answer = {
            "access_token": self._sign(access),
            "expires_in": expires_in,
            "refresh_expires_in": refresh_expires_in,
            "refresh_token": jwt.encode(refresh, _REFRESH_KEY, "HS256"),
            "token_type": "Bearer",
            "not-before-policy": 0,
            "session_state": session.id,
            "scope": scope,
        }
        if session.has_openid:
            answer["id_token"] = self._sign(common | times | identity | {"typ": "ID", "aud": self.client_id})
        return answer

    def _sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode(dict(claims), _signing_key(), "RS256", headers={"kid": "simulated"})

    def _issuer(self, request: web.Request) -> str:
        return f"{request.url.origin()}/realms/{self.realm}"


def _refuse(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)


def _realm_does_not_exist() -> web.Response:
    return web.json_response({"error": "Realm does not exist"}, status=404)
