"""The actions: writing several datapoints at once, to devices or groups, and frames of a maker's own.

It checks what it is given, hands it to the accounts' commands and answers for each device what became of it.
"""

import asyncio
import base64
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import service

from .actions.history import async_setup_history_actions
from .actions.import_statistics import async_setup_statistics_actions
from .actions.rights import Rights
from .clouds.model import Value
from .commands import Commands
from .const import DOMAIN
from .device_registry import ids_of
from .plain_text import plain

if TYPE_CHECKING:
    from .runtime import DatapointConfigEntry, Runtime

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

type _Target = tuple[str, Runtime, str]
"""A device: its id in the registry, its account, and its id in the cloud."""


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


async def _set_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to devices: first all are checked, then each gets one request."""
    targets = _targets(call)
    rights = await Rights.async_of(call, POLICY_CONTROL)
    for _, runtime, device_id in targets:
        rights.require_datapoints(runtime.coordinator, device_id, call.data["values"])
    checked = [await runtime.commands.async_check(device_id, call.data["values"]) for _, runtime, device_id in targets]

    async def write(commands: Commands, device_id: str, values: Mapping[str, Value]) -> str:
        if call.data["wait"]:
            return "confirmed" if await commands.async_write_and_wait(device_id, values) else "accepted"
        await commands.async_write(device_id, values)
        return "accepted"

    return await _each(
        call,
        {
            target: write(runtime.commands, device_id, values)
            for (target, runtime, device_id), values in zip(targets, checked, strict=True)
        },
    )


async def _send_raw(call: ServiceCall) -> ServiceResponse:
    """Send a frame's payload to devices."""
    payload = _payload(call)

    async def send(commands: Commands, device_id: str) -> str:
        await commands.async_write_raw(device_id, payload)
        return "accepted"

    return await _each(
        call, {target: send(runtime.commands, device_id) for target, runtime, device_id in _targets(call)}
    )


async def _set_group_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to the devices of a group that the vendor keeps."""
    entry: DatapointConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data["config_entry_id"])
    # Which devices are in the group, only the cloud knows.
    (await Rights.async_of(call, POLICY_CONTROL)).require_account(entry.runtime_data.coordinator)
    results = await entry.runtime_data.commands.async_write_group(call.data["group_id"], call.data["values"])
    registry = dr.async_get(call.hass)
    answers: dict[str, HomeAssistantError | str] = {}
    for device_id, refusal in results.items():
        device = registry.async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
        # A group may have devices that the account does not show.
        answers[device.id if device else device_id] = refusal or "accepted"
    return _answer(call, answers)


def _targets(call: ServiceCall) -> list[_Target]:
    targets: list[_Target] = []
    for target in call.data["device_id"]:
        device, entry = service.async_get_device_and_config_entry(call.hass, DOMAIN, target)
        runtime = entry.runtime_data
        device_id = next((found for found in ids_of(device) if found in runtime.coordinator.fleet), None)
        if device_id is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="no_device_of_a_cloud",
                translation_placeholders={"device": plain(device.name_by_user or device.name or target)},
            )
        targets.append((target, runtime, device_id))
    return targets


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


async def _each(call: ServiceCall, work: Mapping[str, Awaitable[str]]) -> ServiceResponse:
    results = await asyncio.gather(*work.values(), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, HomeAssistantError):
            raise result
    return _answer(call, dict(zip(work, results, strict=True)))


def _answer(call: ServiceCall, results: Mapping[str, Any]) -> ServiceResponse:
    """Answer for each device; a caller who does not want to know the answer is told of refusals by an error."""
    refusals = [result for result in results.values() if isinstance(result, HomeAssistantError)]
    if refusals and not call.return_response:
        raise refusals[0]
    return {
        "devices": {
            target: {"result": "refused", "reason": str(result)}
            if isinstance(result, HomeAssistantError)
            else {"result": result}
            for target, result in results.items()
        }
    }
