"""What a cloud offers beyond values: reports, searches, groups, users, scenes and more, in words of no vendor.

Values and protocols only. A cloud fills in the parts of `Administration` that its vendor documents. Every method may
raise any `CloudError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from .errors import CloudError
from .model import Device
from .reporting import Reporting


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceQuery:
    """Which devices to find; None leaves a condition out. A cloud raises `Rejected` for a condition it lacks.

    `scope` is a product. `active_since` is aware UTC. `customer` and `site` are names or ids; `state` is a
    word of the vendor. `limit` is the largest number of devices to return.
    """

    scope: str | None = None
    device_id: str | None = None
    mac: str | None = None
    serial_number: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    customer: str | None = None
    site: str | None = None
    state: str | None = None
    is_online: bool | None = None
    is_faulty: bool | None = None
    is_alerting: bool | None = None
    shows_disabled: bool = False
    active_since: datetime | None = None
    limit: int = 100

    @property
    def conditions(self) -> frozenset[str]:
        """The names of the conditions that the query has."""
        plain = {"scope", "limit", "shows_disabled"}
        return frozenset(
            name for name in self.__dataclass_fields__ if name not in plain and getattr(self, name) is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """A device that a query found, with facts that the device list of an account leaves out.

    `kind` is the vendor's type of the device. `facts` holds the place, versions and dates that the vendor knows, by
    plain names; times are aware UTC.
    """

    device: Device
    kind: str | None = None
    is_disabled: bool | None = None
    facts: Mapping[str, str | int | float | bool | datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGroup:
    """A group of devices that the vendor's cloud keeps. `name` and `devices` are None where the cloud has none."""

    id: str
    name: str | None = None
    devices: int | None = None
    groups: tuple[DeviceGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResults:
    """The outcome of a change, item by item. `failed` holds the error of each failure, None without a reason."""

    succeeded: tuple[str, ...] = ()
    failed: Mapping[str, CloudError | None] = field(default_factory=dict)


class DeviceFinder(Protocol):
    """Finds devices of an account, also those that Home Assistant does not show."""

    async def find(self, query: DeviceQuery) -> Sequence[FoundDevice]:
        """Return at most `query.limit` devices.

        Raises `Rejected` (INVALID_REQUEST, with the condition as its subject) for a condition that the cloud does not
        know, and any `CloudError` that the request raises.
        """


class GroupAdministration(Protocol):
    """Keeps the groups of an account. A group's id is unique in its scope; accounts without scopes pass None."""

    has_names: ClassVar[bool]
    """Whether groups have names. If not, `name` must be None, and a group cannot be renamed."""

    def member_id(self, device: Device) -> str | None:
        """Return the id of a device as a member of groups; None if it can be in none."""

    async def list_groups(self, scope: str | None) -> Sequence[DeviceGroup]:
        """Return the groups as trees, with the number of their own devices."""

    async def create_group(self, scope: str | None, *, name: str | None = None, parent: str | None = None) -> str:
        """Create a group and return its id."""

    async def rename_group(self, scope: str | None, group_id: str, name: str) -> None:
        """Rename a group."""

    async def delete_group(self, scope: str | None, group_id: str) -> None:
        """Delete a group."""

    async def members(self, scope: str | None, group_id: str) -> Sequence[str]:
        """Return the members of a group, by the id that the vendor uses for members: MAC address or device id."""

    async def assign(self, scope: str | None, group_id: str, members: Sequence[str], *, reassign: bool) -> ItemResults:
        """Add members to a group; with `reassign` also those that another group has."""

    async def unassign(self, scope: str | None, group_id: str, members: Sequence[str]) -> ItemResults:
        """Remove members from a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a vendor's app. `personal` is empty unless it was asked for."""

    id: str
    is_anonymous: bool | None = None
    is_owner: bool | None = None
    personal: Mapping[str, str] = field(default_factory=dict, repr=False)


class UserAdministration(Protocol):
    """Finds the users of a product and binds devices to them."""

    async def bound(
        self,
        scope: str,
        *,
        by: str | None = None,
        value: str | None = None,
        group_id: str | None = None,
        limit: int = 100,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Return users that have bound a device.

        `by` is `user_id`, `username`, `phone`, `email`, `device_id`, `mac` or `serial_number`. Raises `Rejected`
        (INVALID_REQUEST, subject: `by`) for one that the vendor does not know.
        """

    async def registered(
        self,
        scope: str,
        *,
        by: str | None = None,
        value: str | None = None,
        app_id: str | None = None,
        limit: int = 100,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Return users that have registered in an app. `by` is as above."""

    async def bind(self, scope: str, user_id: str, app_id: str, device_ids: Sequence[str]) -> ItemResults:
        """Bind devices to a user of an app."""

    async def unbind(self, scope: str, user_id: str, app_id: str, device_ids: Sequence[str]) -> ItemResults:
        """Unbind devices from a user of an app."""


class BindingAdministration(Protocol):
    """Binds devices to the account's own user."""

    async def bind_by_mac(self, product_key: str, product_secret: str, mac: str, *, name: str | None = None) -> None:
        """Bind the device with a MAC address."""

    async def bind_by_qr(self, content: str) -> None:
        """Bind the device of a QR code, given as its text."""

    async def unbind(self, device_ids: Sequence[str]) -> ItemResults:
        """Unbind devices."""

    async def rename(self, device_id: str, name: str) -> None:
        """Rename a device at the vendor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A list of commands that the vendor's cloud carries out together."""

    id: str
    name: str


class SceneAdministration(Protocol):
    """Runs the scenes of an account."""

    async def list_scenes(self) -> Sequence[Scene]:
        """Return all scenes."""

    async def run(self, scene_id: str) -> None:
        """Carry out a scene."""


class DeviceAction(StrEnum):
    """Something that the vendor's cloud does with a device as a whole."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    REPAIR = "repair"
    PUSH_PROFILE = "push_profile"  # send the device the profile that the cloud keeps for it


class DeviceActions(Protocol):
    """Carries out actions on devices."""

    @property
    def offered(self) -> Sequence[DeviceAction]:
        """The actions that the cloud offers."""

    async def run(self, device_id: str, action: DeviceAction) -> None:
        """Carry out an action. Returns when the cloud has accepted it."""

    async def read(self, device_id: str) -> Device:
        """Return the device as the cloud lists it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The parts that a cloud offers; None where its vendor documents nothing of the kind."""

    reports: Reporting | None = None
    finder: DeviceFinder | None = None
    groups: GroupAdministration | None = None
    users: UserAdministration | None = None
    bindings: BindingAdministration | None = None
    scenes: SceneAdministration | None = None
    device_actions: DeviceActions | None = None
