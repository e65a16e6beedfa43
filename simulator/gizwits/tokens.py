"""The tokens that an API has granted, each with its owner and its end. Knows neither users nor products."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .errors import Refused
from .identifiers import derive_hex


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a user or a product, valid until `expires_at` (epoch seconds)."""

    text: str
    owner: str
    expires_at: int


class TokenStore:
    """All tokens of one API. `lifetime`: seconds that new tokens live."""

    def __init__(self, clock: Callable[[], float], lifetime: int, *, invalid_code: int, expired_code: int) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._invalid_code = invalid_code
        self._expired_code = expired_code
        self._tokens: dict[str, Token] = {}
        self._granted = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the texts of all tokens."""
        return iter(self._tokens)

    def grant(self, owner: str) -> Token:
        """Make a token. Earlier tokens of the owner stay valid."""
        self._granted += 1
        text = derive_hex(f"token {self._granted} {owner}", 32)
        token = self._tokens[text] = Token(text, owner, int(self._clock()) + self.lifetime)
        return token

    def restore(self, token: Token) -> None:
        """Accept a token that an earlier run of the server granted."""
        self._tokens[token.text] = token

    def owner_of(self, text: str) -> str:
        """Return the owner of a token. Raises Refused if it is unknown or expired."""
        token = self._tokens.get(text)
        if token is None:
            raise Refused(self._invalid_code)
        if self._clock() >= token.expires_at:
            raise Refused(self._expired_code)
        return token.owner

    def revoke(self, text: str) -> None:
        """Forget one token."""
        del self._tokens[text]

    def revoke_all(self) -> None:
        """Forget all tokens: they are invalid from now on."""
        self._tokens.clear()

    def expire_all(self) -> None:
        """End all tokens now: they stay known, but have expired."""
        now = int(self._clock())
        self._tokens = {text: replace(token, expires_at=now) for text, token in self._tokens.items()}
