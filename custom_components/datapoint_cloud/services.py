"""Registers all actions. Those that write are here: several datapoints of devices or groups at once, and raw payloads.

They check their input, pass it to the accounts' commands, and respond with a result for each device.
"""

import asyncio
import base64
from collections.abc import Awaitable, Mapping
from typing import Any

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import service

from .actions.administration import async_setup_administration_actions
from .actions.history import async_setup_history_actions
from .actions.import_statistics import async_setup_statistics_actions
from .actions.profiles import async_setup_profile_actions
from .actions.rights import Rights
from .actions.targets import DeviceTarget, devices_to_control
from .clouds.model import Value
from .commands import Commands
from .const import DOMAIN
from .runtime import DatapointConfigEntry

SET_DATAPOINTS = "set_datapoints"
SET_GROUP_DATAPOINTS = "set_group_datapoints"
SEND_RAW = "send_raw"

_VALUES = vol.All({cv.string: vol.Any(bool, int, float, str)}, vol.Length(min=1))
_DEVICES = vol.All(cv.ensure_list, [cv.string], vol.Length(min=1), vol.Unique())
_SET_DATAPOINTS = vol.Schema(
    {
        vol.Required("device_id"): _DEVICES,
        vol.Required("values"): _VALUES,
        vol.Optional("wait", default=False): cv.boolean,
    }
)
_SET_GROUP_DATAPOINTS = vol.Schema(
    {vol.Required("config_entry_id"): cv.string, vol.Required("group_id"): cv.string, vol.Required("values"): _VALUES}
)
_SEND_RAW = vol.Schema(
    {
        vol.Required("device_id"): _DEVICES,
        vol.Required("payload"): vol.Any([vol.All(vol.Coerce(int), vol.Range(min=0, max=255))], cv.string),
        vol.Optional("encoding", default="hex"): vol.In(["hex", "base64"]),
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN, SET_DATAPOINTS, _set_datapoints, _SET_DATAPOINTS, supports_response=SupportsResponse.OPTIONAL
    )
    hass.services.async_register(
        DOMAIN,
        SET_GROUP_DATAPOINTS,
        _set_group_datapoints,
        _SET_GROUP_DATAPOINTS,
        supports_response=SupportsResponse.OPTIONAL,
    )
    service.async_register_admin_service(
        hass, DOMAIN, SEND_RAW, _send_raw, _SEND_RAW, supports_response=SupportsResponse.OPTIONAL
    )
    async_setup_history_actions(hass)
    async_setup_statistics_actions(hass)
    async_setup_administration_actions(hass)
    async_setup_profile_actions(hass)


async def _set_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to devices. All are checked before any of them is sent its one request."""
    targets, values = devices_to_control(call), call.data["values"]
    rights = await Rights.async_of(call, POLICY_CONTROL)
    for target in targets:
        rights.require_datapoints(target.coordinator, target.state.device.id, values)
    checked = [await _commands(target).async_check(target.state.device.id, values) for target in targets]

    async def write(target: DeviceTarget, values: Mapping[str, Value]) -> str:
        commands, device_id = _commands(target), target.state.device.id
        if call.data["wait"]:
            return "confirmed" if await commands.async_write_and_wait(device_id, values) else "accepted"
        await commands.async_write(device_id, values)
        return "accepted"

    return await _respond_when_sent(
        call, {target.registry_id: write(target, values) for target, values in zip(targets, checked, strict=True)}
    )


async def _send_raw(call: ServiceCall) -> ServiceResponse:
    """Send a frame's payload to devices."""
    payload = _payload(call)

    async def send(target: DeviceTarget) -> str:
        await _commands(target).async_write_raw(target.state.device.id, payload)
        return "accepted"

    return await _respond_when_sent(call, {target.registry_id: send(target) for target in devices_to_control(call)})


async def _set_group_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to the devices of a group that the vendor keeps."""
    entry: DatapointConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data["config_entry_id"])
    # Only the cloud knows the group's devices, so the caller needs the permission on all of the account.
    (await Rights.async_of(call, POLICY_CONTROL)).require_account(entry.runtime_data.coordinator)
    results = await entry.runtime_data.commands.async_write_group(call.data["group_id"], call.data["values"])
    registry = dr.async_get(call.hass)
    by_device: dict[str, HomeAssistantError | str] = {}
    for device_id, refusal in results.items():
        device = registry.async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
        # A group may have devices that the account does not show: those keep the cloud's id.
        by_device[device.id if device else device_id] = refusal or "accepted"
    return _response(call, by_device)


def _commands(target: DeviceTarget) -> Commands:
    commands: Commands = target.coordinator.config_entry.runtime_data.commands
    return commands


def _payload(call: ServiceCall) -> bytes:
    payload, encoding = call.data["payload"], call.data["encoding"]
    try:
        if isinstance(payload, list):
            content = bytes(payload)
        else:
            content = bytes.fromhex(payload) if encoding == "hex" else base64.b64decode(payload, validate=True)
    except ValueError:
        content = b""
    if not content:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="payload_unreadable",
            translation_placeholders={"encoding": encoding},
        )
    return content


async def _respond_when_sent(call: ServiceCall, work: Mapping[str, Awaitable[str]]) -> ServiceResponse:
    """Send to all devices at the same time; `work` is by registry id. A device that refuses stops no other."""
    results = await asyncio.gather(*work.values(), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, HomeAssistantError):
            raise result
    return _response(call, dict(zip(work, results, strict=True)))


def _response(call: ServiceCall, results: Mapping[str, Any]) -> ServiceResponse:
    """Return each device's result. Raises the first refusal if the caller wants no response."""
    refusals = [result for result in results.values() if isinstance(result, HomeAssistantError)]
    if refusals and not call.return_response:
        raise refusals[0]
    return {
        "devices": {
            registry_id: {"result": "refused", "reason": str(result)}
            if isinstance(result, HomeAssistantError)
            else {"result": result}
            for registry_id, result in results.items()
        }
    }
