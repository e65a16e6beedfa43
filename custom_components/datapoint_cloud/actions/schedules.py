"""The actions that read and write the schedules of devices in words.

All slots of a call are checked before anything is sent. Only the datapoints that change are written.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.model import Value
from ..const import DOMAIN
from ..fleet.device_schedules import schedule_bytes, values_of_bytes
from ..schedules.layout import ByteField, ChoiceField, Layout
from ..schedules.schedule import Schedule
from ..schedules.words import ScheduleError, SlotWords, listed
from .results import commands_of, respond_when_sent, write
from .rights import Rights
from .targets import DeviceTarget, devices_to_control

GET_SCHEDULE = "get_schedule"
SET_SCHEDULE = "set_schedule"

_DEVICES = vol.All(cv.ensure_list, [cv.string], vol.Length(min=1), vol.Unique())
_WORD = vol.Any(bool, int, float, str)
_GET = vol.Schema({vol.Required("device_id"): _DEVICES, vol.Optional("schedule"): cv.string})
_SET = vol.Schema(
    {
        vol.Required("device_id"): _DEVICES,
        vol.Optional("schedule"): cv.string,
        vol.Required("slots"): vol.All([{cv.string: _WORD}], vol.Length(max=1000)),
        vol.Optional("wait", default=False): cv.boolean,
    }
)


@callback
def async_setup_schedule_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(DOMAIN, GET_SCHEDULE, _get, _GET, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, SET_SCHEDULE, _set, _SET, supports_response=SupportsResponse.OPTIONAL)


async def _set(call: ServiceCall) -> ServiceResponse:
    """Write a schedule to devices. All are checked before any of them is sent its one request."""
    rights = await Rights.async_of(call, POLICY_CONTROL)
    targets = devices_to_control(call)
    changes: list[Mapping[str, Value]] = []
    for target in targets:
        schedule = _only_schedule(target, call.data.get("schedule"))
        rights.require_datapoints(target.coordinator, target.state.device.id, schedule.keys)
        values = _changes(target, schedule, call.data["slots"])
        changes.append(await commands_of(target).async_check(target.state.device.id, values) if values else {})
    return await respond_when_sent(
        call,
        {
            target.registry_id: write(call, target, values) if values else _unchanged()
            for target, values in zip(targets, changes, strict=True)
        },
    )


async def _unchanged() -> str:
    return "unchanged"


def _changes(target: DeviceTarget, schedule: Schedule, slots: Sequence[SlotWords]) -> dict[str, Value]:
    """Return the values that change. Raises a translated error if the device cannot have these slots."""
    state = target.state
    if not schedule.is_writable:
        raise exceptions.of_call("schedule_read_only", device=state.device.name)
    if not schedule.is_in(schedule_bytes(state)):
        raise exceptions.of_call("schedule_unread", device=state.device.name)
    try:
        return values_of_bytes(state, schedule.write(slots, schedule_bytes(state)))
    except ScheduleError as error:
        raise exceptions.of_call(error.key, **error.placeholders) from error


def _only_schedule(target: DeviceTarget, name: str | None) -> Schedule:
    schedules = _schedules(target, name)
    if len(schedules) > 1:
        keys = listed([schedule.key for schedule in schedules])
        raise exceptions.of_call("schedule_missing", device=target.state.device.name, schedules=keys)
    return schedules[0]


async def _get(call: ServiceCall) -> ServiceResponse:
    """Return the slots of schedules, and what each slot can consist of."""
    rights = await Rights.async_of(call, POLICY_READ)
    devices: dict[str, Any] = {}
    for target in devices_to_control(call):
        found = _schedules(target, call.data.get("schedule"))
        for schedule in found:
            rights.require_datapoints(target.coordinator, target.state.device.id, schedule.keys)
        devices[target.registry_id] = {
            "device": target.state.device.name,
            "schedules": [_response(schedule, schedule_bytes(target.state)) for schedule in found],
        }
    return {"devices": devices}


def _schedules(target: DeviceTarget, name: str | None) -> Sequence[Schedule]:
    """Return the schedules that a call means: the one with a key or name, or all. Raises a translated error."""
    schedules, device = target.state.presentation.schedules, target.state.device.name
    if not schedules:
        raise exceptions.of_call("no_schedule", device=device)
    if name is None:
        return schedules
    wanted = name.strip().casefold()
    named = [schedule for schedule in schedules if wanted in (schedule.key.casefold(), schedule.name.casefold())]
    if not named:
        keys = listed([schedule.key for schedule in schedules])
        raise exceptions.of_call("schedule_unknown", device=device, schedule=name, schedules=keys)
    return named


def _response(schedule: Schedule, values: Mapping[str, bytes]) -> JsonObjectType:
    layout = schedule.places[0].layout
    return {
        "schedule": schedule.key,
        "name": schedule.name,
        **schedule.limits,
        "fields": _fields(layout),
        "slots": [dict(slot) for slot in schedule.read(values)] if schedule.is_in(values) else None,
    }


def _fields(layout: Layout) -> JsonObjectType:
    """Return what the words of a slot can be, apart from its times."""
    fields = (meaning.says for meanings in layout.meanings.values() for meaning in meanings)
    return {found.key: _limits(found) for found in fields}


def _limits(found: ByteField) -> JsonObjectType:
    if isinstance(found, ChoiceField):
        return {"name": found.name, "options": [*found.options.values()]}
    return {"name": found.name, "minimum": found.minimum, "maximum": found.maximum, "unit": found.unit}
