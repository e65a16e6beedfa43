"""What Home Assistant itself recorded of an entity: long-term statistics, and states. It sends no request."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from homeassistant.components.recorder import history
from homeassistant.components.recorder.statistics import statistic_during_period, statistics_during_period
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util.json import JsonObjectType

from ..actions.time_range import TimeRange
from ..clouds.model import Value
from .devices import local
from .summaries import Sample, rounded

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_NAMES: Final = {"mean": "average", "min": "minimum", "max": "maximum", "change": "change"}

type _Measure = Literal["max", "mean", "min", "change"]
type Per = Literal["hour", "day", "week", "month"]


async def async_statistics(
    hass: HomeAssistant, entity_id: str, time_range: TimeRange, per: Per | None, *, is_meter: bool
) -> JsonObjectType | None:
    """Sum up the long-term statistics of a range; None unless there are some from its start on."""
    start, end = time_range
    types: set[_Measure] = {"change"} if is_meter else {"mean", "min", "max"}

    def read() -> JsonObjectType | None:
        has_begun = statistics_during_period(
            hass, start - _DAY, start + 2 * _HOUR, {entity_id}, "hour", None, {"state", "mean"}
        )
        if not has_begun:
            return None
        found = _renamed(statistic_during_period(hass, start, end, entity_id, types, None))
        if per is not None:
            rows = statistics_during_period(hass, start, end, {entity_id}, per, None, {*types})
            found["periods"] = [
                {"start": local(datetime.fromtimestamp(row["start"], UTC)), **_renamed(row)}
                for row in rows.get(entity_id, [])
                if row["start"] < end.timestamp()
            ]
        return found

    return await get_instance(hass).async_add_executor_job(read)


def _renamed(row: Any) -> JsonObjectType:
    return {word: rounded(row[name]) for name, word in _NAMES.items() if row.get(name) is not None}


async def async_states(hass: HomeAssistant, entity_id: str, time_range: TimeRange) -> list[Sample]:
    """Return the recorded states of a range, as of an earlier start if there is one; empty without any."""
    # A change at the very start belongs to the range, but the recorder would return only later ones.
    start = time_range.start - timedelta.resolution

    def read() -> list[Any]:
        found = history.state_changes_during_period(
            hass, start, time_range.end, entity_id, no_attributes=True, include_start_time_state=True
        )
        return found.get(entity_id, [])

    states = await get_instance(hass).async_add_executor_job(read)
    return [Sample(state.last_changed, _value(state.state)) for state in states]


def _value(state: str) -> Value | None:
    if state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
        return None
    try:
        return float(state)
    except ValueError:
        return state
