"""What of a cloud's past goes into Home Assistant's long-term statistics: which hours, and the rows they become.

Pure: what is there already and what the cloud told come in as arguments. It asks nobody and writes nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from homeassistant.components.recorder.models import StatisticData

from ..clouds.history import Bucket, HistoryResult
from ..clouds.model import Reading

HOUR = timedelta(hours=1)
_LEAST_OF_A_CYCLE = 0.9  # of the highest value so far: below it the recorder, too, takes a meter for reset
# The recorder compiles an hour ten seconds after its end. It has to be done with it before anyone else writes rows of
# that hour: two rows for one hour cost all sensors their next ones. Whoever asks after these minutes, and after the
# recorder has emptied its queue, finds the hour compiled or skipped for good.
_COMPILED_WITHIN = timedelta(minutes=5)

type Window = tuple[datetime, datetime]
"""Whole hours in UTC, without the end."""
type Convert = Callable[[float], float]
"""From the cloud's number to the unit of the statistics."""
type Counts = Sequence[tuple[datetime, Sequence[float]]]
"""What a meter showed in each hour, oldest first."""


class NotHourly(Exception):
    """The cloud's periods are no hours of UTC, and what they hold cannot be told apart by the hour."""


@dataclass(frozen=True, slots=True)
class Known:
    """A row that is there already. `state` and `sum` are None where nothing is counted."""

    start: datetime
    state: float | None = None
    sum: float | None = None


# Which hours


def last_end(now: datetime) -> datetime:
    """When the last hour ended that the recorder has compiled for certain."""
    return floor(now - _COMPILED_WITHIN)


def compiled_at(moment: datetime) -> datetime:
    """When the recorder has compiled the hour of this moment for certain."""
    return floor(moment) + HOUR + _COMPILED_WITHIN


def floor(moment: datetime) -> datetime:
    """When the hour began, in UTC, whatever the zone: there are zones whose hours begin at half past."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ceil(moment: datetime) -> datetime:
    """When the next hour begins, if none begins right now."""
    return floor(moment + HOUR - datetime.resolution)


def hours_of(window: Window) -> Iterator[datetime]:
    """The beginnings of the hours in a window."""
    start, end = window
    while start < end:
        yield start
        start += HOUR


def missing(known: Sequence[Known], window: Window, answered: Collection[Window] = ()) -> list[Window]:
    """Those hours without a row that come before the newest row: before the sensor was there, or while it was away.

    What comes after is the recorder's to write. `answered` are windows that the cloud need not be asked for again.
    """
    start, end = window
    if known:
        end = min(end, known[-1].start)
    there = {row.start for row in known}
    for answer in answered:
        there.update(hours_of((max(start, answer[0]), min(end, answer[1]))))
    absent = [hour for hour in hours_of((start, end)) if hour not in there]
    return runs(absent)


def runs(hours: Sequence[datetime]) -> list[Window]:
    """The windows that these hours, oldest first, make up."""
    if not hours:
        return []
    breaks = [(before, after) for before, after in pairwise(hours) if after - before != HOUR]
    starts = [hours[0], *(after for _, after in breaks)]
    ends = [*(before + HOUR for before, _ in breaks), hours[-1] + HOUR]
    return list(zip(starts, ends, strict=True))


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same hours in as few windows as possible."""
    result: list[Window] = []
    for start, end in sorted(windows):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


def neighbours(known: Sequence[Known], window: Window) -> tuple[Known | None, Known | None]:
    """The rows between which a window lies, as far as they count anything."""
    index = bisect_left(known, window[0], key=lambda row: row.start)
    before = next((row for row in reversed(known[:index]) if row.sum is not None), None)
    after = next((row for row in known[index:] if row.start >= window[1] and row.sum is not None), None)
    return before, after


def with_rows(known: Sequence[Known], rows: Iterable[StatisticData]) -> list[Known]:
    """What is there once these rows are, too."""
    new = [Known(row["start"], row.get("state"), row.get("sum")) for row in rows]
    return sorted([*known, *new], key=lambda row: row.start)


# Measurements


def measured_in_buckets(
    means: HistoryResult[Bucket], minima: HistoryResult[Bucket], maxima: HistoryResult[Bucket], convert: Convert
) -> list[StatisticData]:
    """Rows of the hours for which the cloud tells all three. Raises `NotHourly`."""
    of_minimum, of_maximum = by_hour(minima), by_hour(maxima)
    return [
        StatisticData(start=hour, mean=convert(mean), min=convert(of_minimum[hour]), max=convert(of_maximum[hour]))
        for hour, mean in sorted(by_hour(means).items())
        if hour in of_minimum and hour in of_maximum
    ]


def by_hour(past: HistoryResult[Bucket]) -> Mapping[datetime, float]:
    """The values of the hours that the past is complete for. Raises `NotHourly`."""
    values: dict[datetime, float] = {}
    for bucket in past.rows:
        # In UTC first: between two times of one zone Python counts what the clock on the wall shows.
        start, end = bucket.start.astimezone(UTC), bucket.end.astimezone(UTC)
        if end - start != HOUR or start != floor(start):
            raise NotHourly
        if past.start <= start and end <= past.end and math.isfinite(bucket.value):
            values[start] = bucket.value
    return values


def measured_in_readings(past: HistoryResult[Reading], convert: Convert) -> list[StatisticData]:
    """Rows of the hours that have readings and that the past is complete for, as the recorder makes them.

    A value holds until the next one, so the mean is weighted with time, and what held when the hour began counts for
    all three. A silence is not bridged: after an hour without readings, the next one begins with its first reading.
    """
    rows: list[StatisticData] = []
    held: tuple[datetime, float] | None = None
    for hour, samples in _samples(past):
        values = [(at, convert(value)) for at, value in samples]
        if held is not None and hour - HOUR <= held[0] and hour < values[0][0]:
            values.insert(0, (hour, held[1]))
        held = values[-1]
        if past.start <= hour and hour + HOUR <= past.end:
            bare = [value for _, value in values]
            rows.append(StatisticData(start=hour, mean=_mean_until(hour + HOUR, values), min=min(bare), max=max(bare)))
    return rows


def _mean_until(end: datetime, values: Sequence[tuple[datetime, float]]) -> float:
    begin = values[0][0]
    until = [*(at for at, _ in values[1:]), end]
    area = sum(value * (next_at - at).total_seconds() for (at, value), next_at in zip(values, until, strict=True))
    return area / (end - begin).total_seconds()


def _samples(past: HistoryResult[Reading]) -> list[tuple[datetime, list[tuple[datetime, float]]]]:
    """The numbers among the readings, by the hour, oldest first."""
    samples: dict[datetime, list[tuple[datetime, float]]] = {}
    timed = [(reading.taken_at.astimezone(UTC), reading.value) for reading in past.rows if reading.taken_at is not None]
    for at, value in sorted(timed, key=lambda sample: sample[0]):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            samples.setdefault(floor(at), []).append((at, value))
    return list(samples.items())


# Meters


def counts_in_buckets(maxima: HistoryResult[Bucket], convert: Convert) -> Counts:
    """What a meter showed at most in each hour. Raises `NotHourly`."""
    return [(hour, (convert(value),)) for hour, value in sorted(by_hour(maxima).items())]


def counts_in_readings(past: HistoryResult[Reading], convert: Convert) -> Counts:
    """All that a meter showed, in the hours that the past is complete for."""
    return [
        (hour, [convert(value) for _, value in samples])
        for hour, samples in _samples(past)
        if past.start <= hour and hour + HOUR <= past.end
    ]


def counted(counts: Counts, before: Known | None, after: Known | None, *, is_increasing: bool) -> list[StatisticData]:
    """Rows with a running sum that meets what is there.

    The recorder's own sums begin with 0 at its first row and are never changed; so what is older is numbered backwards
    from `after` and may be negative. Between two rows the sums start from the one and arrive at the other: where the
    cloud counted more or less in between than the recorder, the difference is spread over what was counted. `before`
    and `after` have a sum and are None where nothing is there.
    """
    meter = _Meter(None if before is None else before.state, is_increasing=is_increasing)
    states: list[tuple[datetime, float, float, float]] = []  # hour, state, counted so far, moved so far
    total = moved = 0.0
    for hour, values in counts:
        shown = [value for value in values if value >= 0 or not is_increasing]
        for value in shown:
            rise = meter.rise(value)
            total += rise
            moved += abs(rise)
        if shown:
            states.append((hour, shown[-1], total, moved))
    if not states:
        return []
    rest = 0.0 if after is None or after.state is None else meter.rise(after.state)
    sum_after = 0.0 if after is None else after.sum or 0.0
    if before is None:
        return [
            StatisticData(start=hour, state=state, sum=sum_after - rest - (total - so_far))
            for hour, state, so_far, _ in states
        ]
    sum_before = before.sum or 0.0
    moved += abs(rest)
    lacking = 0.0 if after is None or not moved else (sum_after - sum_before - total - rest) / moved
    return [
        StatisticData(start=hour, state=state, sum=sum_before + so_far + lacking * moved_so_far)
        for hour, state, so_far, moved_so_far in states
    ]


class _Meter:
    """Says by how much each value raises the sum, as the recorder counts it.

    A value far below the highest is a reset: the new cycle began at 0. A small dip is none, and is made up for before
    the sum rises again. A total that may fall as well simply does.
    """

    def __init__(self, state: float | None, *, is_increasing: bool) -> None:
        self._state = state
        self._is_increasing = is_increasing

    def rise(self, value: float) -> float:
        state = self._state
        self._state = value
        if state is None:
            return 0.0
        if not self._is_increasing or value >= state:
            return value - state
        if value < _LEAST_OF_A_CYCLE * state:
            return value
        self._state = state
        return 0.0
