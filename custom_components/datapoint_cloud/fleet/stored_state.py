"""What is stored of a device's state, so that a restart loses nothing: its readings, alarms and outages, as JSON.

An earlier version may have stored less. Nothing here reads or writes a file.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clouds.clock import is_ahead
from ..clouds.model import Reading
from .alarm_states import AlarmStates
from .device_state import DeviceState


def stored_form(state: DeviceState) -> dict[str, Any]:
    """Return what is stored of a device."""
    return {
        "read_at": _as_text(state.read_at),
        "reported_at": _as_text(state.reported_at),
        "connected": state.availability.was_connected,
        "disconnected_at": _as_text(state.availability.disconnected_at),
        "has_been_online": state.availability.has_been_online,
        "position": state.reported_position,
        "raised": sorted(key for key, is_raised in state.alarm_states.is_raised.items() if is_raised),
        "alarm_changed_at": {key: _as_text(at) for key, at in state.alarm_states.changed_at.items()},
        "readings": {key: [reading.value, _as_text(reading.taken_at)] for key, reading in state.readings.items()},
        "since": {key: _as_text(reading.since) for key, reading in state.readings.items() if reading.since},
        "told": {key: _as_text(date) for key, date in state.future_dates.dates.items()},
    }


def restore(state: DeviceState, stored: Mapping[str, Any], now: datetime) -> None:
    """Put into a new state what `stored_form` returned; its dates may come from a wrong clock."""
    state.read_at = state.polled_at = _as_time(stored["read_at"])
    state.reported_at = _as_time(stored["reported_at"])
    state.availability.was_connected = stored.get("connected")
    state.availability.disconnected_at = _as_time(stored.get("disconnected_at"))
    state.availability.has_been_online = stored.get("has_been_online", False)
    if (position := stored.get("position")) is not None:
        state.reported_position = position[0], position[1]
    cleared = (key for key, (value, _) in stored["readings"].items() if value is False)
    changed_at = _as_times(stored.get("alarm_changed_at", {}))
    state.alarm_states = AlarmStates(
        is_raised=dict.fromkeys((*cleared, *changed_at), False) | dict.fromkeys(stored["raised"], True),
        changed_at=changed_at,
    )
    since = _as_times(stored.get("since", {}))
    state.readings = {
        key: Reading(value, _as_time(taken_at), since.get(key)) for key, (value, taken_at) in stored["readings"].items()
    }
    state.future_dates.dates = _as_times(stored.get("told", {}))
    state.clamp(now, None if is_ahead(state.read_at, now) else state.read_at)


def _as_text(timestamp: datetime | None) -> str | None:
    return None if timestamp is None else timestamp.isoformat()


def _as_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _as_times(stored: Mapping[str, str | None]) -> dict[str, datetime]:
    return {key: time for key, text in stored.items() if (time := _as_time(text)) is not None}
