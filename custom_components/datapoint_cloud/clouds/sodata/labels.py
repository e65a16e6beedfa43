"""The labels (`at`) of SoData's buckets. Pure.

Only an example of the document suggests that they are the starts of periods in UTC, so each answer is checked; buckets
with other labels are refused, since guessing would assign numbers to wrong days.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from ..history import Period
from ..model import Value
from ..windows import begin_of

_SKEW = timedelta(minutes=10)  # of the server's clock against ours

type Row = tuple[datetime, Value]


def with_starts(
    rows: Sequence[Row], period: Period, zone: tzinfo, requested: tuple[datetime, datetime], now: datetime
) -> Sequence[Row] | None:
    """Replace the labels of buckets by the starts of their periods; None if the labels cannot mean these.

    A label may be the start in UTC, or the local time of `zone` at the start.
    """
    local = [(label.replace(tzinfo=zone).astimezone(label.tzinfo), value) for label, value in rows]
    for candidate in (rows, local):
        if all(_begins(period, label, zone) for label, _ in candidate):
            return None if _may_be_ends([label for label, _ in candidate], requested, now) else candidate
    return None


def _begins(period: Period, label: datetime, zone: tzinfo) -> bool:
    # The document does not say on which day weeks begin.
    try:
        return begin_of(Period.DAY if period is Period.WEEK else period, label, zone) == label
    except OverflowError:  # at the end of the calendar
        return False


def _may_be_ends(labels: Sequence[datetime], requested: tuple[datetime, datetime], now: datetime) -> bool:
    """Whether the labels may be ends: no period with values starts in the future or after the requested range."""
    if not labels:
        return False
    start, end = requested
    return max(labels) > now + _SKEW or (max(labels) >= end and min(labels) > start)
