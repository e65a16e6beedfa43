"""What passes between a client and its servers, as an observer sees it: HTTP, WebSocket and lines over TLS.

It contains secrets. Nothing is observed unless a client is given an observer.
"""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol


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
    SENT = "sent"
    RECEIVED = "received"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event on the connection `number` to `url`, which begins with wss, ws or snoti; `at` is in epoch seconds."""

    at: float
    number: int
    url: str
    event: Event
    content: bytes = field(default=b"", repr=False)


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
        """Begin with a connection to `url` that has just been opened."""
        self._number = next(_NUMBERS)
        self._observer = observer
        self._url = url
        self.tell(Event.OPENED)

    def tell(self, event: Event, content: str | bytes = b"") -> None:
        """Tell the observer about an event."""
        if self._observer is not None:
            content = content.encode(errors="replace") if isinstance(content, str) else content
            self._observer.on_message(
                Message(at=time.time(), number=self._number, url=self._url, event=event, content=content)
            )
