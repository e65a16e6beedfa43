"""What a cloud can do, whichever vendor's it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from .budget import Budget
from .errors import CloudError, NotSupported
from .history import History
from .model import Account, Device, Schema, Scope, Snapshot, Value
from .push import Push


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All devices of the account. `failed` holds the scopes that could not be listed: of them nothing is known."""

    devices: tuple[Device, ...]
    failed: Mapping[str, CloudError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The answers for a list of devices, by device id.

    A device is in `snapshots` or in `failures`, or in neither if `stopped_by` ended the round before its turn.
    """

    snapshots: Mapping[str, Snapshot]
    failures: Mapping[str, CloudError] = field(default_factory=dict)
    stopped_by: CloudError | None = None


type OnSnapshot = Callable[[str, Snapshot], None]
"""Hears of the last values of a device, by its id, as soon as they are here."""


def ignore_snapshot(device_id: str, snapshot: Snapshot) -> None:
    """Tell nobody."""


class Cloud(Protocol):
    """One account of one cloud.

    Every method may raise any `CloudError`; `AuthFailed` means that the account's credentials were refused.
    """

    kind: ClassVar[str]
    """The slug of the cloud, the same as the step of the config flow: `gizwits_open`."""
    default_interval: ClassVar[timedelta]
    """How often last values are worth asking for."""
    shortest_interval: ClassVar[timedelta]
    """More often than this it is not worth asking, whatever the user wishes."""
    listing_interval: ClassVar[timedelta | None]
    """How often the list of devices is worth asking for; None where it tells who is online and goes with each poll."""

    budget: Budget
    """The requests it may be sent."""

    history: History
    """What it can tell of the past."""
    push: Push | None
    """How it speaks of its own accord; None where it does not."""

    @property
    def scopes(self) -> Sequence[Scope]:
        """The parts of the account that the user named; empty where it has none."""

    @property
    def requests_a_listing(self) -> int:
        """How many requests the list of devices took last."""

    @property
    def devices_a_request(self) -> int:
        """How many devices one request for last values reads."""

    async def account(self) -> Account:
        """Log in if need be and say whose account it is."""

    async def groups(self) -> Mapping[str, str]:
        """The names of the groups that devices can be chosen by, by id; empty where there are none."""

    async def devices(self) -> Listing:
        """List all devices, page by page, with their online state where the cloud knows it."""

    async def schema(self, device: Device) -> Schema:
        """Describe the datapoints of a device. Devices with the same `schema_id` share one answer."""

    async def active_since(self, moment: datetime) -> tuple[Device, ...] | None:
        """The devices that the cloud calls active since a moment (aware UTC), as it lists them now.

        None where it cannot tell. What "active" means need not be documented: it is for the caller to find out.
        """

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the last values of the devices, as many at a time as the cloud allows; call `on_snapshot` for each.

        Raises only what concerns the account (`AuthFailed`); a failing device is a failure of its own, and a spent
        quota or a lost connection ends the round with `stopped_by`.
        """

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Give values the way the device will report them: labels for indices, the nearest numbers. Sends nothing.

        Raises `Rejected` (INVALID_VALUE, with the datapoint's key) for what the device never takes.
        """

    async def write(self, device: Device, values: Mapping[str, Value]) -> None:
        """Send values to a device in one request. Returns when the cloud accepts; never repeated by itself."""

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Send the payload of a frame of the maker's own, without the frame."""

    async def write_group(self, group_id: str, values: Mapping[str, Value]) -> Mapping[str, CloudError | None]:
        """Send values to all devices of a group the vendor keeps; answers the error, or None, by device id.

        Raises `Rejected` with the group's id (NOT_FOUND) or a datapoint's key (INVALID_VALUE) before anything is sent.
        """


class ReadOnlyCloud:
    """The part of a cloud that cannot be written to, and tells of neither groups nor activity."""

    @property
    def devices_a_request(self) -> int:
        """One: each device is asked for alone."""
        return 1

    async def groups(self) -> Mapping[str, str]:
        """None at all."""
        return {}

    async def active_since(self, moment: datetime) -> tuple[Device, ...] | None:
        """None: it cannot tell."""
        return None

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write(self, device: Device, values: Mapping[str, Value]) -> None:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write_group(self, group_id: str, values: Mapping[str, Value]) -> Mapping[str, CloudError | None]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=group_id)
