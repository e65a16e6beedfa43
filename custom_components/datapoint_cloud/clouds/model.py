"""The data model of all clouds: accounts, devices, datapoints and readings.

Values without I/O. It knows no vendor and not how values are displayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .records import Record

type Value = bool | int | float | str


class DataType(StrEnum):
    """The type of a datapoint's values."""

    BOOL = "bool"
    ENUM = "enum"  # the value is one of the datapoint's options
    NUMBER = "number"  # the value is in engineering units, never raw
    BINARY = "binary"  # the value is lower-case hex, two digits a byte
    TEXT = "text"


class Role(StrEnum):
    """The purpose of a datapoint."""

    STATUS = "status"
    ALARM = "alarm"  # an alert or a fault: true while it is active
    ACTION = "action"  # writing true makes the device do something once
    MAINTENANCE = "maintenance"  # the same, but it resets, restarts, updates or calibrates the device
    INTERNAL = "internal"  # spare, or a message between the device and its app


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account that the credentials belong to. `id` survives a change of the password and the server's address."""

    id: str
    name: str | None = None  # None if the cloud gives the account no name
    has_lasting_id: bool = True  # False if the cloud does not identify the user: then `id` depends on the credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as its cloud lists it.

    `id` is unique in its account. Devices with the same `schema_id` (of one product) have the same datapoints. `scope`
    is the part of the account that lists the device (a product, a query), None if accounts have no parts.
    """

    id: str
    name: str
    schema_id: str
    scope: str | None = None
    is_service: bool = False  # something without hardware
    is_online: bool | None = None  # None if the cloud does not state it
    has_alert: bool | None = None  # flags of the listing, None if it has none
    has_fault: bool | None = None
    last_online: datetime | None = None
    silent_after: timedelta | None = None  # after this long without a report it counts as unavailable
    gateway_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    product_name: str | None = None  # what the vendor calls its product, if `model` is a translation of it
    model_id: str | None = None
    serial_number: str | None = None
    mac: str | None = None  # twelve hexadecimal digits, or None
    sw_version: str | None = None
    hw_version: str | None = None
    site_id: str | None = None  # the place where it is installed
    site: str | None = None
    customer_id: str | None = None  # the customer that the site belongs to
    customer: str | None = None
    is_profile_current: bool | None = None  # whether it has the newest profile that its cloud keeps for it
    time_zone: str | None = None
    latitude: float | None = None  # in degrees; with `longitude`, or both are None
    longitude: float | None = None

    @property
    def has_flags(self) -> bool:
        """Whether the listing states alerts or faults."""
        return self.has_alert is not None or self.has_fault is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a device that has datapoints of its own, such as the second load of a UPS."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoint:
    """One value that a device reports or accepts.

    `key` is unique in its device and never changes; `name` is from the cloud, and `names` has it by language ("en",
    "pt-br") if the cloud is multilingual. `minimum`, `maximum` and `step` are in engineering units. `unit` is spelled
    as the vendor does. `part` is None for the device itself.
    """

    key: str
    name: str
    data_type: DataType
    role: Role = Role.STATUS
    severity: str | None = None  # of an alarm: the vendor's word in lower case, such as "fault" or "minor"
    is_writable: bool = False
    unit: str | None = None
    is_counter: bool = False  # the vendor says that it counts, and so never falls
    is_difference: bool = False  # the amount since the previous reading, neither a meter nor a momentary value
    is_period_total: bool = False  # the amount since the current period began; it begins anew with the next
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    length: int | None = None  # of a binary, in bytes
    part: Part | None = None
    group: str | None = None  # the vendor's name for a set of related datapoints
    service: str | None = None  # the vendor's type number of the datapoint, the same on every device
    names: Mapping[str, str] = field(default_factory=dict)
    desc: str | None = None  # what the vendor writes about it
    record: Record | None = None  # the layout of a binary that holds a part of a schedule or of a clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The datapoints of a device, and the keys of those whose description could not be understood."""

    datapoints: tuple[Datapoint, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and its timestamp (aware UTC; None if the cloud does not state it).

    A `value` of None means that the cloud has no value for the datapoint. `since` is when the period of a period's
    total began; None for other datapoints.
    """

    value: Value | None
    taken_at: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The readings of one device in one answer. It may be partial: datapoints that it lacks keep their readings.

    `described` holds datapoints that the answer itself describes because the schema lacks them. `skipped` has the keys
    of values that could not be understood.
    """

    readings: Mapping[str, Reading] = field(default_factory=dict)
    reported_at: datetime | None = None  # when the device last reported anything
    described: tuple[Datapoint, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A part of the account that the user configured: a product, a usage query."""

    id: str
    name: str
