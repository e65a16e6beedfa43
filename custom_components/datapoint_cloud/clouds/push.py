"""What a cloud says of its own accord: its news, and who listens to them.

It knows no vendor, no connection and nothing of what is done with the news.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .errors import CloudError
from .model import Device, Snapshot


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


type News = Report | Presence | DevicesChanged | SchemaChanged | CoverageChanged


class Push(Protocol):
    """The connections on which one account hears of its devices."""

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """The scopes whose own credentials for push are refused. `CoverageChanged` is told when that changes."""

    def follow(self, devices: Sequence[Device]) -> None:
        """Want to hear of these devices from now on, and of no others. May be called before and while it listens."""

    def hears(self, device: Device) -> bool:
        """Whether news of this device arrive now: its connection is logged in, answered, and is not silent."""

    async def listen(self, tell: Callable[[News], None]) -> None:
        """Connect, tell all news, connect again when a connection is lost; until cancelled.

        `tell` returns once the news are taken over; only then they are acknowledged. Raises `AuthFailed` alone, when
        the account's own credentials are refused.
        """
