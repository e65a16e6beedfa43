"""The times that SoData gives its buckets: that they are the starts of periods, in UTC, is only read off an example.

Pure. So it is checked, and where it cannot be so, nobody guesses.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from ..history import Period
from ..model import Value
from ..windows import begin_of

_SKEW = timedelta(minutes=10)  # of the server's clock against ours

type Row = tuple[datetime, Value]


def starts(
    rows: Sequence[Row], period: Period, zone: tzinfo, asked: tuple[datetime, datetime], now: datetime
) -> Sequence[Row] | None:
    """Give buckets of `zone` the times at which their periods begin; None where their labels cannot mean that.

    A label may be such a time in UTC, or what the clock on the wall of the zone showed then.
    """
    on_the_wall = [(label.replace(tzinfo=zone).astimezone(label.tzinfo), value) for label, value in rows]
    for read in (rows, on_the_wall):
        if all(_begins(period, label, zone) for label, _ in read):
            return None if _may_be_ends([label for label, _ in read], asked, now) else read
    return None


def _begins(period: Period, label: datetime, zone: tzinfo) -> bool:
    # On which day weeks begin is nowhere said.
    try:
        return begin_of(Period.DAY if period is Period.WEEK else period, label, zone) == label
    except OverflowError:  # at the end of the calendar
        return False


def _may_be_ends(labels: Sequence[datetime], asked: tuple[datetime, datetime], now: datetime) -> bool:
    """Whether the labels may be the ends of periods: nothing begins in the future, nor after what was asked for."""
    if not labels:
        return False
    start, end = asked
    return max(labels) > now + _SKEW or (max(labels) >= end and min(labels) > start)
