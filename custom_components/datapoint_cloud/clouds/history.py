"""What a cloud can tell of the past, whichever vendor's it is.

Times are aware UTC; ranges include their start and exclude their end. Every request for the past is made for the
purpose `HISTORY`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from .errors import CloudError, NotSupported
from .model import Device, Reading

EDGE = timedelta(minutes=2)
"""What a range may lack at its ends and count as complete: a cloud keeps what it keeps until now, by its own clock."""


class Period(StrEnum):
    """How long a bucket is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Aggregation(StrEnum):
    """What is said of the readings in a bucket."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    SUM = "sum"
    VAR = "var"
    STDEV = "stdev"


@dataclass(frozen=True, slots=True)
class Series:
    """One datapoint of one device. The datapoint need not be one the device is known to have."""

    device: Device
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What the cloud says of the readings between `start` and `end`."""

    start: datetime
    end: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A line of a log. `kind` and `reason` are the vendor's words, `content` what else came with it."""

    at: datetime
    kind: str
    reason: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much something was used; `label` is None for the whole, `at` where the cloud does not say when."""

    value: float
    label: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryResult[Row]:
    """What was told of one thing: rows, oldest first, and the range they are complete for.

    `start` and `end` may lie within what was asked for: because the cloud keeps no more, or because of `stopped_by`.
    """

    rows: tuple[Row, ...]
    start: datetime
    end: datetime
    stopped_by: CloudError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCapabilities:
    """What a cloud can tell of the past.

    A reach is how far back it goes; None: not at all. `periods` and `aggregations` are empty where nothing is
    aggregated. `is_to_be_granted`: the vendor aggregates only for those who applied for it. What has no numbers by its
    definition, such as an alarm, may still be counted as 0 and 1, unless `aggregates_numbers_only`.
    """

    readings_retention: timedelta | None = None
    buckets_retention: timedelta | None = None
    periods: frozenset[Period] = frozenset()
    aggregations: frozenset[Aggregation] = frozenset()
    is_to_be_granted: bool = False
    aggregates_numbers_only: bool = False
    has_online_log: bool = False
    has_communication_log: bool = False
    has_usage: bool = False


class History(Protocol):
    """The past of one account.

    Every method may raise any `CloudError` that concerns the account (`AuthFailed`, `RateLimited`, `Unreachable`)
    before anything was read; what fails later, or concerns one series, is the `stopped_by` of what was read until then.
    `Rejected` (INVALID_REQUEST) says that a period or an aggregation is not offered, `NotSupported` that nothing is.
    """

    capabilities: HistoryCapabilities

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Every reading of these series, with the time it was taken."""

    async def buckets(
        self,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        *,
        period: Period,
        aggregation: Aggregation,
        is_local: bool = False,
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """One number for each period that the range touches and in which there were readings.

        Each is of the whole period, or of what is over of it; one that began before the cloud kept anything is left
        out. Days and longer periods begin at midnight of the device's own zone if `is_local`, else of UTC.
        """

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """When the device came online and went, and for what reason."""

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """What was sent to the device and by it."""

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        """How much was used, of what a scope asks for."""


class NoHistory:
    """The part of a cloud that tells nothing of the past, and the answers of one that tells only some of it."""

    capabilities: HistoryCapabilities = HistoryCapabilities()

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Raise `NotSupported`."""
        raise NotSupported

    async def buckets(
        self,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        *,
        period: Period,
        aggregation: Aggregation,
        is_local: bool = False,
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """Raise `NotSupported`."""
        raise NotSupported

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=device.name)

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        """Raise `NotSupported`."""
        raise NotSupported(subject=scope_id)
