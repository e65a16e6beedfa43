"""Arithmetic of time ranges: cut into what a vendor answers at once, and where periods begin and end on a wall clock.

Pure. Ranges include their start and exclude their end; the times that come out are aware UTC.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

from .history import Period


def split(start: datetime, end: datetime, longest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut a range into pieces that are not longer than `longest`, oldest first."""
    while start < end:
        piece_end = min(start + longest, end)
        yield start, piece_end
        start = piece_end


def begin_of(period: Period, moment: datetime, zone: tzinfo) -> datetime:
    """When the period that `moment` lies in began on the wall clock of `zone`. Weeks begin on Monday."""
    if period in {Period.MINUTE, Period.HOUR}:
        # An hour that the clock shows twice is two hours.
        offset = moment.astimezone(zone).utcoffset() or timedelta()
        length = timedelta(minutes=1) if period is Period.MINUTE else timedelta(hours=1)
        local = moment.astimezone(UTC).replace(tzinfo=None) + offset
        into = (local - datetime.min) % length  # noqa: DTZ901  # naive on purpose: what the clock on the wall shows
        return moment.astimezone(UTC) - into
    day = moment.astimezone(zone).date()
    match period:
        case Period.WEEK:
            day -= timedelta(days=day.weekday())
        case Period.MONTH:
            day = day.replace(day=1)
        case Period.YEAR:
            day = day.replace(month=1, day=1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of(period: Period, begin: datetime, zone: tzinfo) -> datetime:
    """When the period that began at `begin` ends, which is when the next one begins."""
    match period:
        case Period.MINUTE:
            return begin + timedelta(minutes=1)
        case Period.HOUR:
            return begin + timedelta(hours=1)
        case Period.DAY:
            day = begin.astimezone(zone).date() + timedelta(days=1)
        case Period.WEEK:
            day = begin.astimezone(zone).date() + timedelta(days=7)
        case Period.MONTH:
            day = (begin.astimezone(zone).date().replace(day=1) + timedelta(days=32)).replace(day=1)
        case Period.YEAR:
            day = begin.astimezone(zone).date().replace(month=1, day=1)
            day = day.replace(year=day.year + 1)
    return datetime.combine(day, time(), zone).astimezone(UTC)
