"""The users of one app and their logins. Knows nothing of devices and of HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import Refused
from .identifiers import derive_hex
from .tokens import Token, TokenStore

_DAY = 86400


@dataclass(slots=True, kw_only=True)
class User:
    """A user of the app. With `logs_in_at_front`, only the login front knows the user, not the Open API's own login."""

    uid: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    phone_id: str | None = field(default=None, repr=False)
    logs_in_at_front: bool = False


class Accounts:
    """The users of an app, their throttled logins and their tokens."""

    def __init__(self, clock: Callable[[], float], users: list[User]) -> None:
        self.users = {user.uid: user for user in users}
        self.tokens = TokenStore(clock, 180 * _DAY, invalid_code=9004, expired_code=9006)
        self.logins_per_minute = 30
        self._clock = clock
        self._login_times: list[float] = []

    def log_in(self, username: str, password: str) -> Token:
        """Grant a token. Raises Refused for an unknown user, a wrong password or too many logins."""
        self._throttle()
        user = self.find(username, at_front=False)
        if user is None:
            raise Refused(9005)
        if password != user.password:
            raise Refused(9020)
        return self.tokens.grant(user.uid)

    def log_in_anonymously(self, phone_id: str) -> Token:
        """Grant a token to the user with this phone id, and create the user at the first login."""
        self._throttle()
        user = next((user for user in self.users.values() if user.phone_id == phone_id), None)
        if user is None:
            user = User(uid=derive_hex(f"uid {phone_id}", 32), phone_id=phone_id)
            self.users[user.uid] = user
        return self.tokens.grant(user.uid)

    def find(self, username: str, *, at_front: bool) -> User | None:
        """Return the user of this name who logs in at the login front, or at the Open API."""
        known = (user for user in self.users.values() if user.logs_in_at_front == at_front)
        return next((user for user in known if user.username == username), None)

    def user_of(self, token: str | None) -> User:
        """Return the user of a token. Raises Refused if it is missing, unknown or expired."""
        return self.users[self.tokens.owner_of(token or "")]

    def _throttle(self) -> None:
        now = self._clock()
        self._login_times = [at for at in self._login_times if at > now - 60]
        if len(self._login_times) >= self.logins_per_minute:
            raise Refused(9041)
        self._login_times.append(now)
