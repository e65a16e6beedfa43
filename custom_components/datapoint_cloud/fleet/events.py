"""What can happen to a device of the fleet or to the account itself, as its listeners are told.

Pure values. It knows neither the texts that describe an event nor who listens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..clouds.errors import CloudError
from ..clouds.model import Datapoint, Value


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm that was raised or cleared."""

    datapoint: Datapoint
    is_raised: bool


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """A device that has gone offline, or one that has come back and was offline since `offline_since`."""

    is_connected: bool
    offline_since: datetime


@dataclass(frozen=True, slots=True)
class FreshnessChange:
    """A device that has not reported for too long since `reported_at`, or one that has reported again then."""

    is_fresh: bool
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A command that the cloud refused; `keys` are the datapoints that it would have set."""

    error: CloudError
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandUnconfirmed:
    """Values, by datapoint, that the cloud accepted and the device did not report in time."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class DeviceAdded:
    """A device that the account has not had before."""


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A device that Home Assistant has just removed, as its registry knew it."""

    registry_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ImportFinished:
    """An import of history that has written `rows` hours of `series` sensors."""

    series: int
    rows: int


type FleetEvent = (
    AlarmChange
    | ConnectionChange
    | FreshnessChange
    | CommandRefused
    | CommandUnconfirmed
    | DeviceAdded
    | DeviceRemoved
    | ImportFinished
)
