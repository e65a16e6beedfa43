"""Push: the news a cloud sends without a request, and the protocol of the connections that receive them.

It knows no vendor, no connection and not what becomes of the news.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from .errors import CloudError
from .model import Device, Snapshot

_LONG_OUTAGE_SECONDS: Final = 900.0  # shorter outages are not reported
_STEADY_SECONDS: Final = 60.0  # an outage is over when the connection has been up for this long


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A device reported some or all of its datapoints."""

    device_id: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A device came online or went offline; `at` (aware UTC) is None if the cloud does not state when."""

    device_id: str
    is_online: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A device reported where it is, in degrees."""

    device_id: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class DevicesChanged:
    """Devices were bound, unbound or added, so the list of devices has to be read again."""


@dataclass(frozen=True, slots=True)
class SchemaChanged:
    """The vendor changed the datapoints of a product."""

    schema_id: str


@dataclass(frozen=True, slots=True)
class CoverageChanged:
    """The set of devices whose news arrive has changed: a connection came up or was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The connection to `server` has been down for long, or after a long outage is back or no longer needed."""

    server: str
    is_over: bool


type News = Report | Presence | Position | DevicesChanged | SchemaChanged | CoverageChanged | Outage


class OutageMonitor:
    """Reports when one connection has been down for long, and when it is back after that.

    A connection that comes up and is lost again within a minute counts as down all the time.
    """

    def __init__(self, server: str, on_news: Callable[[News], None]) -> None:
        """Begin with a connection that is down."""
        self._server = server
        self._on_news = on_news
        self._down_since: float | None = asyncio.get_running_loop().time()
        self._up_since: float | None = None
        self._is_reported = False

    def mark_alive(self) -> None:
        """Register a sign of life."""
        now = asyncio.get_running_loop().time()
        if self._up_since is None:
            self._up_since = now
        if now - self._up_since < _STEADY_SECONDS:
            return
        self._down_since = None
        self.end()

    def mark_lost(self) -> None:
        """Register the loss of the connection, or an attempt to connect that failed."""
        now = asyncio.get_running_loop().time()
        self._up_since = None
        if self._down_since is None:
            self._down_since = now
        if now - self._down_since >= _LONG_OUTAGE_SECONDS and not self._is_reported:
            self._is_reported = True
            self._on_news(Outage(server=self._server, is_over=False))

    def end(self) -> None:
        """Report that the outage is over, if one was reported: the connection is back, or no longer needed."""
        if self._is_reported:
            self._is_reported = False
            self._on_news(Outage(server=self._server, is_over=True))


class Push(Protocol):
    """The push connections of one account."""

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """The scopes whose own push credentials are refused. `CoverageChanged` is sent when this changes."""

    def follow(self, devices: Sequence[Device], *, is_selection: bool = False) -> None:
        """Replace the devices whose news are wanted. May be called before and during `listen`.

        With `is_selection`, no other device is ever wanted: what becomes of them is no `DevicesChanged`.
        """

    def hears(self, device: Device) -> bool:
        """Whether news of this device arrive now: its connection is logged in, has been answered and is not silent."""

    async def listen(self, on_news: Callable[[News], None]) -> None:
        """Connect, pass all news to `on_news` and reconnect after losses, until cancelled.

        News are acknowledged to the cloud after `on_news` has returned. Raises only `AuthFailed`, when the account's
        own credentials are refused.
        """
