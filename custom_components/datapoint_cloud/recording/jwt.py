"""JSON Web Tokens in a recording: their claims are masked like any other JSON, so that a client can still read them."""

import base64
import json
from collections.abc import Callable
from typing import Any, Final

SHAPE: Final = {
    **dict.fromkeys(("exp", "iat", "nbf", "auth_time", "typ", "scope", "acr", "aud"), "plain"),
    **dict.fromkeys(("sub", "jti", "sid", "session_state", "nonce", "azp", "client_id"), "id"),
    **dict.fromkeys(("preferred_username", "email", "upn"), "id"),
    **dict.fromkeys(("name", "given_name", "family_name"), "name"),
}
"""What the standard says about the claims; all others are unknown."""


def claims_of(token: str) -> dict[str, Any] | None:
    """Return the claims of a token; None for any other text."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
    except ValueError:
        return None
    return claims if isinstance(header, dict) and isinstance(claims, dict) else None


def replaced(token: str, mask: Callable[[Any], Any], make_up: Callable[[str], str]) -> str:
    """Return a token with masked claims and a made-up signature."""
    header, claims, signature = token.split(".")
    masked = json.dumps(mask(json.loads(_decoded(claims))), separators=(",", ":"), ensure_ascii=False)
    return f"{header}.{base64.urlsafe_b64encode(masked.encode()).decode().rstrip('=')}.{make_up(signature)}"


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
