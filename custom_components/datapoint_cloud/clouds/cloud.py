"""The protocol that every cloud implements, whichever vendor it belongs to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from .administration import Administration
from .budget import Budget
from .errors import CloudError, NotSupported
from .history import History
from .model import Account, Device, Schema, Scope, Snapshot, Value
from .push import Push
from .turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All devices of the account, except those of the scopes in `failed`, which could not be listed."""

    devices: tuple[Device, ...]
    failed: Mapping[str, CloudError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The snapshots and errors of a list of devices, by device id.

    A device is in `snapshots` or in `failures`, or in neither if `stopped_by` ended the round before its turn.
    """

    snapshots: Mapping[str, Snapshot]
    failures: Mapping[str, CloudError] = field(default_factory=dict)
    stopped_by: CloudError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """What a group command did: the values as the devices will report them, and each device's error or None."""

    values: Mapping[str, Value]
    errors: Mapping[str, CloudError | None]  # by device id


type OnSnapshot = Callable[[str, Snapshot], None]
"""Receives the snapshot of a device (by id) as soon as it has arrived."""


def ignore_snapshot(device_id: str, snapshot: Snapshot) -> None:
    """Do nothing."""


class DeviceSelector(Protocol):
    """A cloud's own knowledge of which devices are worth reading. Without it, the device read longest ago is first."""

    @property
    def status(self) -> str:
        """How far the knowledge is used, for diagnostics."""

    async def refresh(self, online: int, now: datetime) -> Sequence[Device]:
        """Ask the cloud if that is due; return the devices that the answer lists, as they are now.

        `online` is the number of devices that are online and not covered by push. May raise any `CloudError`.
        """

    def select(self, due: Mapping[str, datetime | None], allowance: float) -> Sequence[str]:
        """Return the ids of the devices to read, the most urgent first.

        `due` holds when each device was last polled (None: never) by id, the most urgent first. About `allowance`
        devices can be read.
        """

    def learn(
        self, device_id: str, *, polled_before: datetime, reported_before: datetime | None, reported_at: datetime | None
    ) -> None:
        """Learn from a reading: when the device had last reported by the previous poll, and by this one."""


class Cloud(Protocol):
    """One account of one cloud.

    Every method may raise any `CloudError`; `AuthFailed` means that the credentials of the account were refused.
    """

    kind: ClassVar[str]
    """The slug of the cloud, the same as the step of the config flow: `gizwits_open`."""
    default_interval: ClassVar[timedelta]
    """How often to poll unless the user sets another interval."""
    shortest_interval: ClassVar[timedelta]
    """The shortest interval of polls that the user can set."""
    listing_interval: ClassVar[timedelta | None]
    """How often to list the devices; None if the list states who is online, so that each poll needs it."""

    budget: Budget
    """The requests that may be sent."""

    history: History
    """The history of its devices."""
    administration: Administration
    """What the cloud offers beyond values: reports, searches, groups, bindings, users and scenes."""
    push: Push | None
    """Its push connections; None if it has no push."""
    device_selector: DeviceSelector | None
    """Which devices are worth reading, in its own opinion; None if it has none."""

    @property
    def scopes(self) -> Sequence[Scope]:
        """The parts of the account that the user configured; empty if an account has no parts."""

    @property
    def requests_a_listing(self) -> int:
        """How many requests the last listing of devices took."""

    @property
    def devices_a_request(self) -> int:
        """How many devices one request reads."""

    async def account(self) -> Account:
        """Log in if necessary and identify the account."""

    async def groups(self) -> Mapping[str, str]:
        """Return the names of the groups by which the user can choose devices, by id; empty if there are none."""

    async def devices(self) -> Listing:
        """List all devices, with their online state if the cloud knows it."""

    async def schema(self, device: Device) -> Schema:
        """Return the datapoints of a device. Devices with the same `schema_id` have the same."""

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the last values of the devices, as many at a time as the cloud allows; call `on_snapshot` for each.

        Raises only `AuthFailed`. The error of one device is in `failures`; an exhausted quota or a lost connection ends
        the round and is in `stopped_by`.
        """

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return what `write` would return, without sending anything.

        Raises `Rejected` (SCHEMA_MISMATCH, with the datapoint's key) for a value that the device does not accept.
        """

    async def write(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Send values to a device in one request, which is never sent twice. Returns when the cloud accepts them.

        Returns the values as the device will report them: labels instead of indices, the nearest numbers. Raises
        `Rejected` as `check` does before anything is sent.
        """

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Send the payload of a frame in the format of the device's manufacturer, without the frame."""

    async def write_group(self, group_id: str, values: Mapping[str, Value], turns: Turns | None = None) -> GroupResult:
        """Send values to all devices of a group that the vendor keeps.

        Who passes `turns` sees how the devices get their turns, and may stop it. If the cloud limits requests when the
        command is under way, it waits and goes on.

        Raises `Rejected` before it sends anything: NOT_FOUND with the group's id, or SCHEMA_MISMATCH with the
        datapoint's key.
        """


class ReadOnlyCloud:
    """The part of a cloud that cannot be written to, and has neither groups nor a `DeviceSelector`."""

    device_selector: DeviceSelector | None = None

    administration = Administration()

    @property
    def devices_a_request(self) -> int:
        """One: each device takes a request of its own."""
        return 1

    async def groups(self) -> Mapping[str, str]:
        """Return no groups."""
        return {}

    async def check(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write(self, device: Device, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write_raw(self, device: Device, payload: bytes) -> None:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def write_group(self, group_id: str, values: Mapping[str, Value], turns: Turns | None = None) -> GroupResult:
        """Raise `NotSupported`."""
        raise NotSupported(subject=group_id)
