"""What a client sends through: an HTTP session, how long a request may take, and who is told what passes."""

from dataclasses import dataclass, field

import aiohttp

from .traffic import Observer

# A server that hangs costs 10 or 15 seconds, a slow one may take 30. Servers need longer to look up history.
_LIMIT = aiohttp.ClientTimeout(total=30, sock_connect=10, sock_read=15)
_LIMIT_OF_HISTORY = aiohttp.ClientTimeout(total=30, sock_connect=10, sock_read=20)


@dataclass(slots=True, kw_only=True)
class HttpTimings:
    """How long requests may take, and how soon one that failed is sent again.

    It is not frozen because tests shorten a limit after a client has connected.
    """

    limit: aiohttp.ClientTimeout = _LIMIT
    limit_of_history: aiohttp.ClientTimeout = _LIMIT_OF_HISTORY
    longest_pause: float = 1.0  # seconds before the second try, at the most


@dataclass(frozen=True, slots=True)
class Transport:
    """The session, the timings and the observer of one account's client. All its requests share them."""

    session: aiohttp.ClientSession
    timings: HttpTimings = field(default_factory=HttpTimings, kw_only=True)
    observer: Observer | None = field(default=None, kw_only=True)
