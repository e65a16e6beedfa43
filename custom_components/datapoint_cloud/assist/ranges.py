"""The time range of a question to a tool: the parameters that the model fills in, and the range they mean."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from ..actions.time_range import NAMED_RANGES, RANGE_FIELDS, TimeRange, time_range_of
from .exposure import Unanswerable
from .tool import about

RANGE: Final[Mapping[vol.Marker, Any]] = {
    about(
        "range",
        "The range: last_… ends now; yesterday, last_week, last_month and last_year are whole periods that are over; "
        "today and this_… began with the period and end now. Leave it out if you give a start.",
    ): vol.In(NAMED_RANGES),
    about("start", "Start of a range of your own, ISO 8601, for example 2026-10-19 or 2026-10-19T06:00:00."): str,
    about("end", "End of a range of your own, ISO 8601; now if left out."): str,
}
_PARSED: Final = vol.Schema(RANGE_FIELDS)


def range_of(data: Mapping[str, Any], default: str) -> TimeRange:
    """Return the range of a question; `default` names the range if the question has none."""
    given = {name: data[name] for name in ("range", "start", "end") if name in data}
    if "start" in given:
        given.pop("range", None)
    try:
        parsed = _PARSED(given or {"range": default})
    except vol.Invalid as error:
        raise Unanswerable(f"The range is not valid: {error}") from error
    return time_range_of(parsed)
