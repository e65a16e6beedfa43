"""Turns what a cloud returns for each hour into rows of Home Assistant's long-term statistics.

Pure: the rows that exist and the cloud's answers come in as arguments. It makes no request and writes nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from homeassistant.components.recorder.models import StatisticData

from ..clouds.history import Bucket, HistoryResult
from ..clouds.model import Reading
from .hours import HOUR, HourRange, floor

_RESET_BELOW = 0.9  # of the highest value so far: the recorder, too, treats a fall below it as a reset of the meter

type Convert = Callable[[float], float]
"""Converts the cloud's number to the unit of the statistics."""
type MeterValues = Sequence[tuple[datetime, Sequence[float]]]
"""For each hour, oldest first, the values that a meter showed."""


class NotHourly(Exception):
    """The cloud's buckets are not UTC hours, and their content cannot be split into hours."""


@dataclass(frozen=True, slots=True)
class ExistingRow:
    """A row that the recorder has. `state` and `sum` are None in the statistics of a measurement.

    `since` is when the period of a total began.
    """

    start: datetime
    state: float | None = None
    sum: float | None = None
    since: datetime | None = None


def neighbours(existing: Sequence[ExistingRow], hour_range: HourRange) -> tuple[ExistingRow | None, ExistingRow | None]:
    """Return the last row before a range and the first row after it; rows without a sum are skipped."""
    index = bisect_left(existing, hour_range[0], key=lambda row: row.start)
    before = next((row for row in reversed(existing[:index]) if row.sum is not None), None)
    after = next((row for row in existing[index:] if row.start >= hour_range[1] and row.sum is not None), None)
    return before, after


def add_rows(existing: Sequence[ExistingRow], new: Iterable[StatisticData]) -> list[ExistingRow]:
    """Return the existing rows together with new ones, oldest first."""
    added = [ExistingRow(row["start"], row.get("state"), row.get("sum"), row.get("last_reset")) for row in new]
    return sorted([*existing, *added], key=lambda row: row.start)


# Measurements


def measurements_from_buckets(
    means: HistoryResult[Bucket], minima: HistoryResult[Bucket], maxima: HistoryResult[Bucket], convert: Convert
) -> list[StatisticData]:
    """Make rows of the hours that have a mean, a minimum and a maximum. Raises `NotHourly`."""
    minimum_by_hour, maximum_by_hour = values_by_hour(minima), values_by_hour(maxima)
    return [
        StatisticData(
            start=hour, mean=convert(mean), min=convert(minimum_by_hour[hour]), max=convert(maximum_by_hour[hour])
        )
        for hour, mean in sorted(values_by_hour(means).items())
        if hour in minimum_by_hour and hour in maximum_by_hour
    ]


def values_by_hour(result: HistoryResult[Bucket]) -> Mapping[datetime, float]:
    """Return the values of the hours that lie wholly in the complete range of a result. Raises `NotHourly`."""
    values: dict[datetime, float] = {}
    for bucket in result.rows:
        # Convert to UTC first: Python subtracts two times of one zone on the wall clock.
        start, end = bucket.start.astimezone(UTC), bucket.end.astimezone(UTC)
        if end - start != HOUR or start != floor(start):
            raise NotHourly
        if result.start <= start and end <= result.end and math.isfinite(bucket.value):
            values[start] = bucket.value
    return values


def measurements_from_readings(result: HistoryResult[Reading], convert: Convert) -> list[StatisticData]:
    """Make rows as the recorder does, of the hours that have readings and lie wholly in the complete range.

    A value is valid until the next one: the mean is weighted by time, and the value at the start of the hour counts for
    mean, minimum and maximum. It is not carried over an hour without readings: the hour after starts with its first
    reading.
    """
    rows: list[StatisticData] = []
    last: tuple[datetime, float] | None = None
    for hour, samples in _samples_by_hour(result):
        values = [(at, convert(value)) for at, value in samples]
        if last is not None and hour - HOUR <= last[0] and hour < values[0][0]:
            values.insert(0, (hour, last[1]))
        last = values[-1]
        if result.start <= hour and hour + HOUR <= result.end:
            numbers = [value for _, value in values]
            mean = _mean_until(hour + HOUR, values)
            rows.append(StatisticData(start=hour, mean=mean, min=min(numbers), max=max(numbers)))
    return rows


def _mean_until(end: datetime, values: Sequence[tuple[datetime, float]]) -> float:
    start = values[0][0]
    until = [*(at for at, _ in values[1:]), end]
    area = sum(value * (next_at - at).total_seconds() for (at, value), next_at in zip(values, until, strict=True))
    return area / (end - start).total_seconds()


def _samples_by_hour(result: HistoryResult[Reading]) -> list[tuple[datetime, list[tuple[datetime, float]]]]:
    """Group the readings that are finite numbers and have a timestamp by their hour, oldest first."""
    samples: dict[datetime, list[tuple[datetime, float]]] = {}
    timed = [
        (reading.taken_at.astimezone(UTC), reading.value) for reading in result.rows if reading.taken_at is not None
    ]
    for at, value in sorted(timed, key=lambda sample: sample[0]):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            samples.setdefault(floor(at), []).append((at, value))
    return list(samples.items())


# Meters


def meter_values_from_buckets(maxima: HistoryResult[Bucket], convert: Convert) -> MeterValues:
    """Return the highest value of a meter in each hour. Raises `NotHourly`."""
    return [(hour, (convert(value),)) for hour, value in sorted(values_by_hour(maxima).items())]


def meter_values_from_readings(result: HistoryResult[Reading], convert: Convert) -> MeterValues:
    """Return all values of a meter in the hours that lie wholly in the complete range of a result."""
    return [
        (hour, [convert(value) for _, value in samples])
        for hour, samples in _samples_by_hour(result)
        if result.start <= hour and hour + HOUR <= result.end
    ]


def sum_rows(
    meter_values: MeterValues, before: ExistingRow | None, after: ExistingRow | None, *, is_increasing: bool
) -> list[StatisticData]:
    """Make rows of a meter whose running sum fits between two existing rows, either of which may be missing.

    The recorder's sum starts with 0 at its first row, and existing rows are never changed. Older rows are therefore
    numbered backwards from `after`, and their sums may be negative. Between two rows, the sums start at `before` and
    arrive at `after`: if the cloud's increase differs from the recorder's, the difference is spread in proportion to
    each hour's increase. `before` and `after` have a sum.
    """
    tracker = IncreaseTracker(None if before is None else before.state, is_increasing=is_increasing)
    counted: list[_Counted] = []
    total = movement = 0.0
    for hour, values in meter_values:
        valid = [value for value in values if value >= 0 or not is_increasing]
        for value in valid:
            increase = tracker.increase(value)
            total += increase
            movement += abs(increase)
        if valid:
            counted.append(_Counted(hour, valid[-1], total, movement))
    increase_until_after = 0.0 if after is None or after.state is None else tracker.increase(after.state)
    return _numbered(counted, before, after, increase_until_after)


def rows_of_totals(
    result: HistoryResult[Reading], convert: Convert, before: ExistingRow | None, after: ExistingRow | None
) -> list[StatisticData]:
    """Make rows of a total that begins anew with each period, like `sum_rows`, and with the beginning as last reset."""
    counted: list[_Counted] = []
    known, total, movement = before, 0.0, 0.0
    for reading in result.rows:
        if reading.taken_at is None or not isinstance(reading.value, (int, float)):
            continue
        hour, state = floor(reading.taken_at), convert(reading.value)
        increase = _increase_of_total(known, state, reading.since)
        total += increase
        movement += abs(increase)
        counted.append(_Counted(hour, state, total, movement, reading.since))
        known = ExistingRow(hour, state, since=reading.since)
    until_after = 0.0
    if after is not None and after.state is not None:
        until_after = _increase_of_total(known, after.state, after.since)
    return _numbered(counted, before, after, until_after)


def _increase_of_total(known: ExistingRow | None, state: float, since: datetime | None) -> float:
    """Return by how much a total has grown since it was last known: in a new period, it began with 0."""
    if known is None or known.state is None:
        return 0.0
    return state if since is not None and since != known.since else state - known.state


@dataclass(frozen=True, slots=True)
class _Counted:
    """The state of a meter in an hour, and how much it has counted and moved since the first of these hours."""

    hour: datetime
    state: float
    total: float
    movement: float
    since: datetime | None = None

    def row(self, sum_: float) -> StatisticData:
        """Return the row of the hour with this sum."""
        row = StatisticData(start=self.hour, state=self.state, sum=sum_)
        if self.since is not None:
            row["last_reset"] = self.since
        return row


def _numbered(
    counted: Sequence[_Counted], before: ExistingRow | None, after: ExistingRow | None, increase_until_after: float
) -> list[StatisticData]:
    if not counted:
        return []
    total, movement = counted[-1].total, counted[-1].movement
    sum_after = 0.0 if after is None else after.sum or 0.0
    if before is None:
        return [one.row(sum_after - increase_until_after - (total - one.total)) for one in counted]
    sum_before = before.sum or 0.0
    movement += abs(increase_until_after)
    correction = 0.0
    if after is not None and movement:
        correction = (sum_after - sum_before - total - increase_until_after) / movement
    return [one.row(sum_before + one.total + correction * one.movement) for one in counted]


class IncreaseTracker:
    """Computes by how much each value of a meter raises the sum, as the recorder does.

    A fall to less than 90 % of the highest value is a reset: the new cycle started at 0. A smaller dip is not, and the
    sum rises again only above the highest value. If the total may decrease, every fall lowers the sum.
    """

    def __init__(self, state: float | None, *, is_increasing: bool) -> None:
        self._state = state
        self._is_increasing = is_increasing

    def increase(self, value: float) -> float:
        """Return by how much a value raises the sum; the first one raises it by nothing."""
        state = self._state
        self._state = value
        if state is None:
            return 0.0
        if not self._is_increasing or value >= state:
            return value - state
        if value < _RESET_BELOW * state:
            return value
        self._state = state
        return 0.0
