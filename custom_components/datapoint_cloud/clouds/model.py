"""What every cloud has in common: accounts, devices, datapoints and readings.

Values only. No I/O, no vendor's name, no word of how any of it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

type Value = bool | int | float | str


class DataType(StrEnum):
    """How the values of a datapoint look like."""

    BOOL = "bool"
    ENUM = "enum"  # the value is one of the datapoint's options
    NUMBER = "number"  # the value is in engineering units, never raw
    BINARY = "binary"  # the value is lower-case hex, two digits a byte
    TEXT = "text"


class Role(StrEnum):
    """What a datapoint is for."""

    STATUS = "status"
    ALARM = "alarm"  # an alert or a fault: true while it is active


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the credentials belong to.

    `id` survives a change of password and of address.
    """

    id: str
    name: str
    has_lasting_id: bool = True  # False where the cloud does not say who it is, and `id` only tells the credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as its cloud lists it.

    `id` is unique in its account. `schema_id` names what describes its datapoints: devices of one product share it.
    `scope` is the part of the account that lists it (a product, a query), None where an account has no parts.
    """

    id: str
    name: str
    schema_id: str
    scope: str | None = None
    is_service: bool = False  # something without hardware
    is_online: bool | None = None  # None where the cloud does not say
    has_alert: bool | None = None  # flags of the listing itself, None where it has none
    has_fault: bool | None = None
    last_online: datetime | None = None
    silent_after: timedelta | None = None  # how long the device may be silent before it counts as lost
    gateway_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    model_id: str | None = None
    serial_number: str | None = None
    mac: str | None = None  # twelve hexadecimal digits, or None
    sw_version: str | None = None
    hw_version: str | None = None
    site_id: str | None = None  # the place it stands at
    site: str | None = None
    time_zone: str | None = None

    @property
    def has_flags(self) -> bool:
        """Whether the listing itself says something of alerts and faults."""
        return self.has_alert is not None or self.has_fault is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a device that has datapoints of its own, such as the second load of a UPS."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datapoint:
    """One thing a device can say about itself.

    `key` is unique in its device and never changes; `name` is the cloud's own, in `names` by language ("en",
    "pt-br") where it has several. `minimum`, `maximum` and `step` are in engineering units. `unit` is the vendor's
    word. `part` is None for the device itself.
    """

    key: str
    name: str
    data_type: DataType
    role: Role = Role.STATUS
    is_writable: bool = False
    unit: str | None = None
    is_difference: bool = False  # what was counted since the last time, neither a meter nor a momentary value
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    length: int | None = None  # of a binary, in bytes
    part: Part | None = None
    group: str | None = None  # the vendor's word for what it belongs to
    service: str | None = None  # the vendor's type number of it, the same on every device
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The datapoints of a device, and the keys of those that could not be understood."""

    datapoints: tuple[Datapoint, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and the time the cloud took it (aware UTC; None where it does not say).

    `value` None: the cloud has no value for the datapoint.
    """

    value: Value | None
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one answer told of one device. It may be partial: datapoints it lacks keep what they had.

    `described` holds datapoints that no schema has and the answer itself describes.
    `skipped` names values that could not be understood.
    """

    readings: Mapping[str, Reading] = field(default_factory=dict)
    reported_at: datetime | None = None  # when the device last reported anything
    described: tuple[Datapoint, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A part of the account that the user named: a product, a usage query."""

    id: str
    name: str
