"""What passes between a client and its servers, as an observer sees it: HTTP, WebSocket and lines over TLS.

It contains secrets. Nothing is observed unless a client is given an observer.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpExchange:
    """A request and its answer. `at` is in epoch seconds, `url` has the query, `sent` is the body.

    Without an answer, `status` is None and `failure` names the kind of failure.
    """

    at: float
    seconds: float
    method: str
    url: str
    sent_headers: Mapping[str, str] = field(repr=False)
    sent: bytes = field(repr=False)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: bytes = field(default=b"", repr=False)
    failure: str | None = None


class Event(StrEnum):
    """What happened on a connection that stays open."""

    OPENED = "opened"
    FAILED = "failed"  # it could not be opened
    SENT = "sent"
    RECEIVED = "received"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event on the connection `number` to `url`, which begins with wss, ws or snoti; `at` is in epoch seconds.

    `failure` says what prevented the connection, or with which code the other side closed it.
    """

    at: float
    number: int
    url: str
    event: Event
    content: bytes = field(default=b"", repr=False)
    failure: str | None = None


class Observer(Protocol):
    """Is told about everything that passes, after it has passed. It must not block, raise or change anything."""

    def on_exchange(self, exchange: HttpExchange) -> None:
        """Learn about a request."""

    def on_message(self, message: Message) -> None:
        """Learn about an event on a connection."""


_NUMBERS: Final = itertools.count(1)


class Line:
    """Tells an observer about one connection; it does nothing without an observer."""

    def __init__(self, observer: Observer | None, url: str) -> None:
        """Begin with an attempt to connect to `url`."""
        self._number = next(_NUMBERS)
        self._observer = observer
        self._url = url

    @asynccontextmanager
    async def opening(self, within: float) -> AsyncIterator[None]:
        """Connect inside of this, within some seconds: it tells whether that succeeded. Raises `TimeoutError`."""
        try:
            async with asyncio.timeout(within):
                yield
        except TimeoutError:
            self._tell(Event.FAILED, failure="timeout")
            raise
        except (OSError, aiohttp.ClientError) as error:
            self._tell(Event.FAILED, failure=_name_of(error))
            raise
        self._tell(Event.OPENED)

    def tell(self, event: Event, content: str | bytes = b"") -> None:
        """Tell the observer about an event."""
        self._tell(event, content.encode(errors="replace") if isinstance(content, str) else content)

    def close(self, code: int | None = None) -> None:
        """Tell the observer that the connection is over, with the code of the other side if it gave one."""
        self._tell(Event.CLOSED, failure=None if code is None else f"code {code}")

    def _tell(self, event: Event, content: bytes = b"", failure: str | None = None) -> None:
        if self._observer is not None:
            message = Message(
                at=time.time(), number=self._number, url=self._url, event=event, content=content, failure=failure
            )
            self._observer.on_message(message)


def _name_of(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"HTTP {error.status}"
    return type(error.__cause__ or error).__name__
