"""Tools about devices as they are now: which there are, their values, their alarms, and which are offline.

They answer from what the polls have read and send no request.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, override

import voluptuous as vol
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import LLMContext
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..clouds.model import DataType
from ..const import DOMAIN
from ..datapoint_names import normalized
from ..disconnect_reasons import text_of_reason
from ..fleet.description import DatapointDescription
from ..fleet.device_state import DeviceState, holds_free_text
from .exposure import View, VisibleDevice
from .tool import CloudTool, about

_MOST_DEVICES: Final = 40
_MOST_VALUES: Final = 40
_OPTION: Final = f"component.{DOMAIN}.entity.select.option.state."
_ANY, _ONLINE, _OFFLINE, _ALARM = "any", "online", "offline", "alarm"

DEVICE: Final = "Name of the device, as list_devices returns it. A part of an entity's name works too."
_AREA: Final = "Only devices in this area, at this site or of this customer."


class ListDevices(CloudTool):
    """Which devices there are."""

    name = "datapoint_cloud__list_devices"
    title = "List cloud devices"
    description = (
        "Lists the devices of the vendor clouds (heaters, spas, pumps, chillers, UPS systems, meters, gateways), with "
        "their area, model, connection and active alarms. Use it to find the exact name of a device, or to see which "
        "devices are online, offline or in alarm."
    )
    parameters = vol.Schema(
        {
            about("area", _AREA): str,
            about("name", "Only devices whose name or model contains this text."): str,
            about("status", "Only devices with this status; any by default."): vol.In(
                [_ANY, _ONLINE, _OFFLINE, _ALARM]
            ),
        }
    )

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        wanted, status = normalized(data.get("name", "")), data.get("status", _ANY)
        found = [
            device
            for device in view.in_area(data.get("area"))
            if wanted in normalized(f"{device.label} {device.state.device.model or ''}") and _has_status(device, status)
        ]
        return _cut("devices", [_row(device) for device in found], _MOST_DEVICES)


class GetDevice(CloudTool):
    """How one device is."""

    name = "datapoint_cloud__get_device"
    title = "Get the state of a cloud device"
    description = (
        "Tells how one device is now: whether it is online, since when and why it is offline, its active alarms, when "
        "it last reported, and the current value of each of its exposed datapoints with its unit. Use it for any "
        "question about the present state of a device."
    )
    parameters = vol.Schema({about("device", DEVICE, is_required=True): str})

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        device = view.device(data["device"])
        options = await async_texts_of_options(hass)
        values: list[JsonValueType] = []
        for key in device.exposed_keys:
            description = device.state.descriptions[key]
            if holds_free_text(description.datapoint) and description.datapoint.data_type is DataType.BINARY:
                continue  # a model can do nothing with bytes
            unit: JsonObjectType = {"unit": description.unit} if description.unit else {}
            value = in_words(description, device.state.shown(key), options)
            values.append({"name": device.names.labels[key], "value": value} | unit)
        offline: JsonObjectType = {}
        if device.state.is_connected is False:
            offline = {"offline": async_offline(hass, device)}
        return {**_row(device), **offline, **_last_report(device.state), **_cut("values", values, _MOST_VALUES)}


class ListAlarms(CloudTool):
    """Which alarms are on."""

    name = "datapoint_cloud__list_alarms"
    title = "List active alarms"
    description = (
        "Lists the alarms, alerts and faults that are active now, with their devices. An empty list means that no "
        "alarm is active. Use it for questions such as: is there any alarm, what is wrong with a device, is the "
        "filter due."
    )
    parameters = vol.Schema({about("area", _AREA): str, about("device", f"Only of this device. {DEVICE}"): str})

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        devices = [view.device(data["device"])] if "device" in data else view.in_area(data.get("area"))
        alarms: list[JsonValueType] = [
            {"device": device.label, **_place(device), "alarm": alarm, **_if_offline(device)}
            for device in devices
            for alarm in alarms_of(device)
        ]
        unknown = sum(device.state.has_problem is None and not device.state.device.is_service for device in devices)
        return {
            **_cut("alarms", alarms, _MOST_DEVICES),
            "devices_checked": len(devices) - unknown,
            "devices_without_alarm_data": unknown,
        }


class ListOfflineDevices(CloudTool):
    """Which devices are offline."""

    name = "datapoint_cloud__list_offline_devices"
    title = "List offline devices"
    description = (
        "Lists the devices that are offline now, with the time since when, and the reason where it is known. "
        "For the reason and the past outages of one device, use get_outages."
    )
    parameters = vol.Schema({about("area", _AREA): str})

    @override
    async def answer(
        self, hass: HomeAssistant, data: dict[str, Any], view: View, llm_context: LLMContext
    ) -> JsonObjectType:
        devices = [device for device in view.in_area(data.get("area")) if not device.state.device.is_service]
        offline: list[JsonValueType] = [
            {"device": device.label, **_place(device), **async_offline(hass, device)}
            for device in devices
            if device.state.is_connected is False
        ]
        return {
            **_cut("offline", offline, _MOST_DEVICES),
            "online": sum(device.state.is_connected is True for device in devices),
            "unknown": sum(device.state.is_connected is None for device in devices),
        }


def connection_of(state: DeviceState) -> str:
    """Return whether a device is connected to its cloud, in a word."""
    if state.is_connected is None:
        return "unknown"
    return _ONLINE if state.is_connected else _OFFLINE


def alarms_of(device: VisibleDevice) -> list[str]:
    """Return the names of the active alarms; the cloud may flag an alarm without naming it."""
    state = device.state
    named = [device.names.labels[alarm.key] for alarm in state.active_alarms]
    flags = {"alert": state.device.has_alert, "fault": state.device.has_fault}
    return named or [f"{flag} (the cloud gives no name)" for flag, is_on in flags.items() if is_on]


@callback
def async_offline(hass: HomeAssistant, device: VisibleDevice) -> JsonObjectType:
    """Return since when a device is offline and why, as far as that is known without a request."""
    state = device.state
    since = state.device.last_online or state.reported_at
    reason = state.disconnect_reason
    return {
        "since": None if since is None else local(since),
        "reason": None if reason is None else text_of_reason(hass, reason) or reason,
    }


async def async_texts_of_options(hass: HomeAssistant) -> Mapping[str, str]:
    """Return the words for the options of datapoints in Home Assistant's language, by their keys."""
    texts = await async_get_translations(hass, hass.config.language, "entity", {DOMAIN})
    return {key.removeprefix(_OPTION): text for key, text in texts.items() if key.startswith(_OPTION)}


def in_words(description: DatapointDescription, value: Any, options: Mapping[str, str]) -> JsonValueType:
    """Return a value as a person says it: on, off, an option's name, or a number."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if description.datapoint.data_type is DataType.ENUM and isinstance(value, str):
        return options.get(value, value)
    return round(value, 3) if isinstance(value, float) else value


def local(timestamp: datetime) -> str:
    """Return a time to the minute, in Home Assistant's time zone."""
    return dt_util.as_local(timestamp).isoformat(timespec="minutes")


def _row(device: VisibleDevice) -> JsonObjectType:
    model = device.state.device.model
    row: JsonObjectType = {"device": device.label, **_place(device), **({"model": model} if model else {})}
    if device.state.device.is_service:  # a usage query, for example
        return row
    return row | {"connection": connection_of(device.state), "alarms": list(alarms_of(device))}


def _place(device: VisibleDevice) -> JsonObjectType:
    place = device.area or device.state.device.site
    return {"area": place} if place else {}


def _if_offline(device: VisibleDevice) -> JsonObjectType:
    return {"device_is_offline": True} if device.state.is_connected is False else {}


def _last_report(state: DeviceState) -> JsonObjectType:
    at = state.reported_at or state.read_at
    return {} if at is None else {"last_report": local(at)}


def _has_status(device: VisibleDevice, status: str) -> bool:
    match status:
        case "online":
            return device.state.is_connected is True
        case "offline":
            return device.state.is_connected is False
        case "alarm":
            return bool(alarms_of(device))
        case _:
            return True


def _cut(name: str, rows: Iterable[JsonValueType], most: int) -> JsonObjectType:
    """Return at most so many rows, and how many there are if that is more."""
    found = list(rows)
    return {name: found[:most]} | ({"total": len(found)} if len(found) > most else {})
