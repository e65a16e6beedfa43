"""The users of one app and their tokens. Knows nothing of devices and of HTTP."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import Refused

_DAY = 86400


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the app. Only those with `logs_in_at_front` False are known to the Open API's own login."""

    uid: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    phone_id: str | None = field(default=None, repr=False)
    logs_in_at_front: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """Who a token is for and when it ends, epoch seconds."""

    uid: str
    expires_at: int


class Accounts:
    """The users of an app, their logins, throttled, and the tokens these gave."""

    def __init__(self, clock: Callable[[], float], users: list[User]) -> None:
        self.clock = clock
        self.users = {user.uid: user for user in users}
        self.tokens: dict[str, Token] = {}
        self.token_lifetime = 180 * _DAY
        self.logins_per_minute = 30
        self._logins: list[float] = []
        self._serial = 0

    def log_in(self, username: str, password: str) -> tuple[str, Token]:
        """Give a new token; older ones go on."""
        self._throttle()
        user = self.find(username, at_front=False)
        if user is None:
            raise Refused(9005)
        if password != user.password:
            raise Refused(9020)
        return self.new_token(user)

    def log_in_anonymously(self, phone_id: str) -> tuple[str, Token]:
        """Give a new token of the user that belongs to this text, who is made if there is none."""
        self._throttle()
        user = next((user for user in self.users.values() if user.phone_id == phone_id), None)
        if user is None:
            user = User(uid=hashlib.md5(f"uid {phone_id}".encode()).hexdigest(), phone_id=phone_id)
            self.users[user.uid] = user
        return self.new_token(user)

    def find(self, username: str, *, at_front: bool) -> User | None:
        """Give the user of this name who logs in this way."""
        known = (user for user in self.users.values() if user.logs_in_at_front == at_front)
        return next((user for user in known if user.username == username), None)

    def new_token(self, user: User) -> tuple[str, Token]:
        """Make a token."""
        self._serial += 1
        text = hashlib.md5(f"token {self._serial} {user.uid}".encode()).hexdigest()
        token = self.tokens[text] = Token(user.uid, int(self.clock()) + self.token_lifetime)
        return text, token

    def user_of(self, text: str | None) -> User:
        """Give the user of a token, or refuse it."""
        token = self.tokens.get(text or "")
        if token is None:
            raise Refused(9004)
        if self.clock() >= token.expires_at:
            raise Refused(9006)
        return self.users[token.uid]

    def _throttle(self) -> None:
        now = self.clock()
        self._logins = [at for at in self._logins if at > now - 60]
        if len(self._logins) >= self.logins_per_minute:
            raise Refused(9041)
        self._logins.append(now)
