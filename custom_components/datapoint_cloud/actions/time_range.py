"""Which time an action asks for: a range in words, or a start and an end.

Words are understood on Home Assistant's clock on the wall. It knows nothing of clouds but how long their periods are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import voluptuous as vol
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..clouds.history import Period
from ..clouds.windows import begin_of

_SPANS = {"last_hour": timedelta(hours=1), "last_24_hours": timedelta(hours=24)}
_DAYS = {"last_7_days": 7, "last_30_days": 30}
_RUNNING = {"today": Period.DAY, "this_week": Period.WEEK, "this_month": Period.MONTH, "this_year": Period.YEAR}
_OVER = {"yesterday": Period.DAY, "last_week": Period.WEEK, "last_month": Period.MONTH, "last_year": Period.YEAR}

WORDS = (*_SPANS, *_DAYS, *_RUNNING, *_OVER)


@dataclass(frozen=True, slots=True)
class Range:
    """What is asked for, in UTC and whole seconds: from `start` on, until before `end`, which is not in the future."""

    start: datetime
    end: datetime


def start_moment(value: Any) -> datetime:
    """Read when a range begins: the earlier one of a time that the clock on the wall shows twice."""
    return min(_moments(value))


def end_moment(value: Any) -> datetime:
    """Read when a range ends: the later one of a time that the clock on the wall shows twice."""
    return max(_moments(value))


def _moments(value: Any) -> tuple[datetime, datetime]:
    """A time, without an offset in Home Assistant's zone, or a date, which is its midnight."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    read = cv.datetime(value).replace(microsecond=0)
    try:
        first, second = (dt_util.as_utc(read.replace(fold=fold)) for fold in (0, 1))
    except OverflowError as error:
        raise vol.Invalid("Invalid datetime specified") from error
    return first, second


RANGE_FIELDS = {
    vol.Optional("range"): vol.In(WORDS),
    vol.Optional("start"): start_moment,
    vol.Optional("end"): end_moment,
}


def range_of(asked: Mapping[str, Any]) -> Range:
    """The range of a call. Raises a translated error for one that cannot be."""
    word, start, end = asked.get("range"), asked.get("start"), asked.get("end")
    now = dt_util.utcnow().replace(microsecond=0)
    if word is not None:
        if start is not None or end is not None:
            raise exceptions.of_call("range_twice")
        return _range_of_word(word, now)
    if start is None:
        raise exceptions.of_call("range_missing")
    if start >= now:
        raise exceptions.of_call("range_in_future", start=shown(start))
    if end is not None and start >= end:
        raise exceptions.of_call("range_empty", start=shown(start), end=shown(end))
    return Range(start, min(end or now, now))


def _range_of_word(word: str, now: datetime) -> Range:
    zone = dt_util.get_default_time_zone()
    if (span := _SPANS.get(word)) is not None:
        return Range(now - span, now)
    if (days := _DAYS.get(word)) is not None:
        # The same time of the day, whatever happened to the clock in between.
        return Range(dt_util.as_utc(now.astimezone(zone) - timedelta(days=days)), now)
    if (running := _RUNNING.get(word)) is not None:
        return Range(begin_of(running, now, zone), now)
    end = begin_of(_OVER[word], now, zone)
    return Range(begin_of(_OVER[word], end - timedelta.resolution, zone), end)


def shown(moment: datetime) -> str:
    """A time as actions answer it: ISO 8601, in Home Assistant's zone, with the offset."""
    return dt_util.as_local(moment).isoformat()
