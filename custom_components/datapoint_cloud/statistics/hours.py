"""Arithmetic of whole UTC hours: which of them the recorder has compiled, and which have no row yet. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

HOUR = timedelta(hours=1)
# The recorder compiles an hour ten seconds after the hour ends, and has to finish before anyone else writes a row of
# that hour: a second row for the same hour makes it skip the next rows of all sensors. After this margin, and once the
# recorder has emptied its queue, the hour is either compiled or skipped for good.
_COMPILE_MARGIN = timedelta(minutes=5)

type HourRange = tuple[datetime, datetime]
"""Whole hours in UTC: from the start until before the end."""


def compiled_until(now: datetime) -> datetime:
    """Return the end of the last hour that the recorder has certainly compiled."""
    return floor(now - _COMPILE_MARGIN)


def hour_compiled_at(timestamp: datetime) -> datetime:
    """Return when the recorder has certainly compiled the hour that contains `timestamp`."""
    return floor(timestamp) + HOUR + _COMPILE_MARGIN


def floor(timestamp: datetime) -> datetime:
    """Return the start of the UTC hour that contains `timestamp`; in some zones, hours start at half past."""
    return timestamp.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ceil(timestamp: datetime) -> datetime:
    """Return the start of the first UTC hour that does not start before `timestamp`."""
    return floor(timestamp + HOUR - datetime.resolution)


def hours_in(hour_range: HourRange) -> Iterator[datetime]:
    """Yield the start of each hour in a range."""
    start, end = hour_range
    while start < end:
        yield start
        start += HOUR


def missing_ranges(
    existing: Sequence[datetime], hour_range: HourRange, answered: Collection[HourRange] = ()
) -> list[HourRange]:
    """Return the hours of a range that have no row and come before the newest row.

    These are the hours before the sensor existed or while it was unavailable; the recorder itself writes the hours
    after the newest row. `existing` are the hours that have a row, oldest first. `answered` are ranges that the cloud
    has answered before, so requesting them again would bring nothing new.
    """
    start, end = hour_range
    if existing:
        end = min(end, existing[-1])
    present = set(existing)
    for answered_start, answered_end in answered:
        present.update(hours_in((max(start, answered_start), min(end, answered_end))))
    return contiguous_ranges([hour for hour in hours_in((start, end)) if hour not in present])


def contiguous_ranges(hours: Sequence[datetime]) -> list[HourRange]:
    """Join hours, given oldest first, to ranges without gaps."""
    if not hours:
        return []
    gaps = [(before, after) for before, after in pairwise(hours) if after - before != HOUR]
    starts = [hours[0], *(after for _, after in gaps)]
    ends = [*(before + HOUR for before, _ in gaps), hours[-1] + HOUR]
    return list(zip(starts, ends, strict=True))


def merge_ranges(ranges: Iterable[HourRange]) -> list[HourRange]:
    """Join ranges that overlap or touch, drop empty ones, and return them oldest first."""
    result: list[HourRange] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result
