"""Reads a device's schedules, and the clock by which it follows them, from its datapoints.

It reads a device's state, and changes none of it.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from ..clouds.model import Value
from ..profiles.roles import CompositePlatform
from ..schedules.values import bytes_by_key, value_of_bytes
from .device_state import DeviceState


def schedule_bytes(state: DeviceState) -> dict[str, bytes]:
    """Return the bytes of all datapoints that hold a part of a schedule, with those of pending writes."""
    return bytes_by_key((key for schedule in state.presentation.schedules for key in schedule.keys), state.value)


def ignores_schedules(state: DeviceState) -> bool:
    """Whether the device is set to ignore its schedules, as far as its profile says."""
    composites = (
        found for found in state.presentation.composites.values() if found.platform is CompositePlatform.SCHEDULE
    )
    switches = (composite.roles["on"] for composite in composites if "on" in composite.roles)
    return any(switch.flag(state.value) is False for switch in switches)


def values_of_bytes(state: DeviceState, contents: Mapping[str, bytes]) -> dict[str, Value]:
    """Return the values of datapoints for their bytes."""
    return {key: value_of_bytes(content, state.datapoints[key].data_type) for key, content in contents.items()}


def clock_report(state: DeviceState, zone: tzinfo) -> tuple[datetime | None, datetime] | None:
    """Return what the clock showed in its last report (None: no time), and when that was, in the clock's zone."""
    clock = state.presentation.clock
    keys = () if clock is None else clock.keys
    dates = [state.readings[key].taken_at or state.pushed_at.get(key) for key in keys if key in state.readings]
    at = next((date for date in dates if date is not None), state.read_at)
    if clock is None or at is None or len(dates) < len(keys):
        return None
    at = at.astimezone(zone)
    reported = {key: state.readings[key].value for key in clock.keys}
    return clock.read(bytes_by_key(reported, reported.get), at.replace(tzinfo=None)), at


def values_of_clock(state: DeviceState, now: datetime) -> dict[str, Value]:
    """Return the values that set the clock to a local time."""
    clock = state.presentation.clock
    return {} if clock is None else values_of_bytes(state, clock.write(now, bytes_by_key(clock.keys, state.value)))
