"""What a cloud says of its own accord: its news, and who listens to them.

It knows no vendor, no connection and nothing of what is done with the news.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from .errors import CloudError
from .model import Device, Snapshot

_LONG_SECONDS: Final = 900.0  # an outage that is worth a word
_STEADY_SECONDS: Final = 60.0  # up for so long, a connection is back


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A device told of some or all of its datapoints."""

    device_id: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A device came online or went; `at` (aware UTC) is None where the cloud does not say when."""

    device_id: str
    is_online: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DevicesChanged:
    """Devices were bound, unbound or added: the list of devices is another one now."""


@dataclass(frozen=True, slots=True)
class SchemaChanged:
    """The vendor described a product anew."""

    schema_id: str


@dataclass(frozen=True, slots=True)
class CoverageChanged:
    """A connection came to life or died: other devices are heard now than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The connection to `server` has been down for long, or is back after that."""

    server: str
    is_over: bool


type News = Report | Presence | DevicesChanged | SchemaChanged | CoverageChanged | Outage


class OutageWatch:
    """Tells of an outage of one connection once it is long, and once more when it is over.

    A connection that is lost again and again within a minute is down all the while.
    """

    def __init__(self, server: str, on_news: Callable[[News], None]) -> None:
        """Begin with a connection that is down."""
        self._server = server
        self._on_news = on_news
        self._down_since: float | None = asyncio.get_running_loop().time()
        self._up_since: float | None = None
        self._is_told = False

    def note_life(self) -> None:
        """Take notice of a sign of life."""
        now = asyncio.get_running_loop().time()
        if self._up_since is None:
            self._up_since = now
        if now - self._up_since < _STEADY_SECONDS:
            return
        self._down_since = None
        if self._is_told:
            self._is_told = False
            self._on_news(Outage(server=self._server, is_over=True))

    def note_loss(self) -> None:
        """Take notice of the end of a connection, or of one that did not come about."""
        now = asyncio.get_running_loop().time()
        self._up_since = None
        if self._down_since is None:
            self._down_since = now
        if now - self._down_since >= _LONG_SECONDS and not self._is_told:
            self._is_told = True
            self._on_news(Outage(server=self._server, is_over=False))


class Push(Protocol):
    """The connections on which one account hears of its devices."""

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """The scopes whose own credentials for push are refused. `CoverageChanged` is told when that changes."""

    def follow(self, devices: Sequence[Device]) -> None:
        """Want to hear of these devices from now on, and of no others. May be called before and while it listens."""

    def hears(self, device: Device) -> bool:
        """Whether news of this device arrive now: its connection is logged in, answered, and is not silent."""

    async def listen(self, on_news: Callable[[News], None]) -> None:
        """Connect, tell all news, connect again when a connection is lost; until cancelled.

        `on_news` returns once the news are taken over; only then they are acknowledged. Raises `AuthFailed` alone, when
        the account's own credentials are refused.
        """
