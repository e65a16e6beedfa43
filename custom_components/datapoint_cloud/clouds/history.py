"""The protocol of a cloud's history, whichever vendor it belongs to.

Times are aware UTC; ranges include their start and exclude their end. All requests have the purpose `HISTORY`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from .errors import CloudError, NotSupported
from .model import Device, Reading

EDGE = timedelta(minutes=2)
"""A range counts as complete if it lacks no more than this at its ends, because the cloud's clock may differ."""


class Period(StrEnum):
    """The length of a bucket."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Aggregation(StrEnum):
    """How the readings in a bucket are aggregated."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    SUM = "sum"
    VAR = "var"
    STDEV = "stdev"


@dataclass(frozen=True, slots=True)
class Series:
    """One datapoint of one device, which need not be in the schema of the device."""

    device: Device
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The aggregate of the readings between `start` and `end`."""

    start: datetime
    end: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A line of a log. `kind` and `reason` are spelled as the vendor does; `content` has the other fields."""

    at: datetime
    kind: str
    reason: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A usage value; `label` is None for the sum of all, `at` is None if the cloud does not state a time."""

    value: float
    label: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryResult[Row]:
    """The rows of one series or log, oldest first, and the range for which they are complete.

    The range may be shorter than the requested one, because the cloud keeps no more or because of `stopped_by`.
    """

    rows: tuple[Row, ...]
    start: datetime
    end: datetime
    stopped_by: CloudError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCapabilities:
    """What history a cloud can return.

    A retention is how far back the data goes; None: the cloud has no such data. `periods` and `aggregations` are empty
    if the cloud does not aggregate. `aggregates_need_grant`: accounts get aggregates only after the vendor has granted
    them. `aggregates_numbers_only`: the cloud refuses to aggregate datapoints that are not numbers; others count an
    alarm as 0 and 1. `totals_retention` is that of `totals`.
    """

    readings_retention: timedelta | None = None
    buckets_retention: timedelta | None = None
    totals_retention: timedelta | None = None
    periods: frozenset[Period] = frozenset()
    aggregations: frozenset[Aggregation] = frozenset()
    aggregates_need_grant: bool = False
    aggregates_numbers_only: bool = False
    has_online_log: bool = False
    has_communication_log: bool = False
    has_usage: bool = False

    @property
    def hours_retention(self) -> timedelta | None:
        """How far back statistics can be made, from totals, buckets or readings; None: not at all."""
        if self.totals_retention is not None:
            return self.totals_retention
        if self.makes_hours_from_readings:
            return self.readings_retention
        return self.buckets_retention if self._has_hourly_buckets else None

    @property
    def makes_hours_from_readings(self) -> bool:
        """Whether hourly statistics are computed from readings instead of requested as buckets."""
        # Most accounts lack the grant for aggregates, so readings are preferred to buckets that need one.
        return self.readings_retention is not None and (self.aggregates_need_grant or not self._has_hourly_buckets)

    @property
    def _has_hourly_buckets(self) -> bool:
        return (
            self.buckets_retention is not None
            and Period.HOUR in self.periods
            and self.aggregations >= {Aggregation.AVG, Aggregation.MIN, Aggregation.MAX}
        )


class History(Protocol):
    """The history of one account.

    An error that concerns the account (`AuthFailed`, `RateLimited`, `Unreachable`) is raised if it happens before
    anything was read. A later error, or one that concerns a single series, is the `stopped_by` of its result.
    `Rejected` (INVALID_REQUEST) means that a period or an aggregation is not offered, `NotSupported` that this kind of
    history is not.
    """

    capabilities: HistoryCapabilities

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Read all readings of these series, with their timestamps."""

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
        """Read one bucket for each period that the range touches and that has readings.

        A bucket covers its whole period, or the part that is over; periods that began before the retention are left
        out. Days and longer periods begin at midnight in the device's time zone if `is_local`, otherwise in UTC.
        """

    async def totals(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        """Read what the totals of periods had reached at the end of each day, or hour if their period is one.

        The last reading is of the end of the range. Each counts as taken just before the end that it describes.
        """

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read when the device came online and went offline, and for what reason."""

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read the messages sent to the device and by it."""

    async def usage(
        self, scope_id: str, start: datetime, end: datetime, *, period: str, group_by: str | None
    ) -> HistoryResult[Usage]:
        """Read the usage that the query of a scope describes."""


class NoHistory:
    """The history of a cloud that keeps none; clouds that keep only some kinds inherit the rest."""

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

    async def totals(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
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
