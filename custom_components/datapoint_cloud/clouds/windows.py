"""Time ranges: cuts them into windows that a vendor accepts, and finds where periods begin and end on a wall clock.

Pure functions. Ranges include their start and exclude their end; returned times are aware UTC.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

from .history import Period


def split(start: datetime, end: datetime, longest: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut a range into windows of at most `longest`, oldest first."""
    while start < end:
        window_end = min(start + longest, end)
        yield start, window_end
        start = window_end


def begin_of(period: Period, at: datetime, zone: tzinfo) -> datetime:
    """Return when the period that contains `at` began on the wall clock of `zone`. Weeks begin on Monday."""
    if period in {Period.MINUTE, Period.HOUR}:
        # An hour that the clock shows twice, when summer time ends, is two periods.
        offset = at.astimezone(zone).utcoffset() or timedelta()
        length = timedelta(minutes=1) if period is Period.MINUTE else timedelta(hours=1)
        local = at.astimezone(UTC).replace(tzinfo=None) + offset
        into = (local - datetime.min) % length  # noqa: DTZ901  # naive on purpose: the time on the wall clock
        return at.astimezone(UTC) - into
    day = at.astimezone(zone).date()
    match period:
        case Period.WEEK:
            day -= timedelta(days=day.weekday())
        case Period.MONTH:
            day = day.replace(day=1)
        case Period.YEAR:
            day = day.replace(month=1, day=1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of(period: Period, begin: datetime, zone: tzinfo) -> datetime:
    """Return when the period that began at `begin` ends and the next one begins."""
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
