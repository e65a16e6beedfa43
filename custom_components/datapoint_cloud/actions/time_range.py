"""Reads the time range of a call of an action: a named range, or a start and an end.

Named ranges follow the wall clock of Home Assistant's time zone. The module knows nothing of clouds but how long their
periods are.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import voluptuous as vol
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..clouds.history import Period
from ..clouds.windows import begin_of

_HOURS_BACK = {"last_hour": timedelta(hours=1), "last_24_hours": timedelta(hours=24)}
_DAYS_BACK = {"last_7_days": 7, "last_30_days": 30}
_CURRENT_PERIOD = {"today": Period.DAY, "this_week": Period.WEEK, "this_month": Period.MONTH, "this_year": Period.YEAR}
_LAST_PERIOD = {
    "yesterday": Period.DAY,
    "last_week": Period.WEEK,
    "last_month": Period.MONTH,
    "last_year": Period.YEAR,
}

NAMED_RANGES = (*_HOURS_BACK, *_DAYS_BACK, *_CURRENT_PERIOD, *_LAST_PERIOD)


class TimeRange(NamedTuple):
    """A range in UTC and whole seconds, from `start` until before `end`, which is not in the future."""

    start: datetime
    end: datetime


def start_time(value: Any) -> datetime:
    """Validate the start of a range. Of a time that the wall clock shows twice, it is the earlier one."""
    return min(_instants(value))


def end_time(value: Any) -> datetime:
    """Validate the end of a range. Of a time that the wall clock shows twice, it is the later one."""
    return max(_instants(value))


def _instants(value: Any) -> tuple[datetime, datetime]:
    """Return both instants at which the wall clock shows a time; mostly they are the same.

    A time without an offset is in Home Assistant's time zone, a date is its midnight. Raises `vol.Invalid`.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    parsed = cv.datetime(value).replace(microsecond=0)
    try:
        first, second = (dt_util.as_utc(parsed.replace(fold=fold)) for fold in (0, 1))
    except OverflowError as error:
        raise vol.Invalid("Invalid datetime specified") from error
    return first, second


RANGE_FIELDS = {
    vol.Optional("range"): vol.In(NAMED_RANGES),
    vol.Optional("start"): start_time,
    vol.Optional("end"): end_time,
}


def time_range_of(data: Mapping[str, Any]) -> TimeRange:
    """Return the range that the data of a call gives. Raises a translated error if it gives none, or an invalid one."""
    name, start, end = data.get("range"), data.get("start"), data.get("end")
    now = dt_util.utcnow().replace(microsecond=0)
    if name is not None:
        if start is not None or end is not None:
            raise exceptions.of_call("range_twice")
        return _named_range(name, now)
    if start is None:
        raise exceptions.of_call("range_missing")
    if start >= now:
        raise exceptions.of_call("range_in_future", start=local_iso(start))
    if end is not None and start >= end:
        raise exceptions.of_call("range_empty", start=local_iso(start), end=local_iso(end))
    return TimeRange(start, min(end or now, now))


def _named_range(name: str, now: datetime) -> TimeRange:
    zone = dt_util.get_default_time_zone()
    if (length := _HOURS_BACK.get(name)) is not None:
        return TimeRange(now - length, now)
    if (days := _DAYS_BACK.get(name)) is not None:
        # Subtract on the wall clock, so that the range starts at the same time of day across a change of summer time.
        return TimeRange(dt_util.as_utc(now.astimezone(zone) - timedelta(days=days)), now)
    if (period := _CURRENT_PERIOD.get(name)) is not None:
        return TimeRange(begin_of(period, now, zone), now)
    period = _LAST_PERIOD[name]
    end = begin_of(period, now, zone)
    return TimeRange(begin_of(period, end - timedelta.resolution, zone), end)


def local_iso(timestamp: datetime) -> str:
    """Format a timestamp as actions return it: ISO 8601, in Home Assistant's time zone, with the offset."""
    return dt_util.as_local(timestamp).isoformat()
