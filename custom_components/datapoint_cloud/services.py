"""Registers all actions. Those that write are here: several datapoints of devices or groups at once, and raw payloads.

They check their input, pass it to the accounts' commands, and respond with a result for each device.
"""

import base64
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
from .actions.list_datapoints import async_setup_list_action
from .actions.profiles import async_setup_profile_actions
from .actions.record_account import async_setup_record_action
from .actions.results import commands_of, respond, respond_when_sent, write
from .actions.rights import Rights
from .actions.schedules import async_setup_schedule_actions
from .actions.targets import DeviceTarget, async_values_to_write, devices_to_control, group_values
from .const import DOMAIN
from .runtime import DatapointConfigEntry

SET_DATAPOINTS = "set_datapoints"
SET_GROUP_DATAPOINTS = "set_group_datapoints"
SEND_RAW = "send_raw"

_VALUE = vol.Any(bool, int, float, str)


def _chosen(value: Any) -> Any:
    """Return the value that the user entered in the control for it: the page says which control that is."""
    if isinstance(value, dict) and (choice := value.get("active_choice")) in value:
        return value[choice]
    raise vol.Invalid("expected a value")


_VALUES = vol.All({cv.string: _VALUE}, vol.Length(min=1))
_SETTINGS = vol.All(
    cv.ensure_list,
    [{vol.Required("entity_id"): cv.entity_id, vol.Required("value"): vol.Any(_VALUE, vol.All(_chosen, _VALUE))}],
    vol.Length(min=1),
)
_DEVICES = vol.All(cv.ensure_list, [cv.string], vol.Length(min=1), vol.Unique())
_SET_DATAPOINTS = vol.Schema(
    {
        vol.Optional("settings"): _SETTINGS,
        vol.Optional("device_id"): _DEVICES,
        vol.Optional("values"): _VALUES,
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
    async_setup_list_action(hass)
    async_setup_schedule_actions(hass)
    async_setup_history_actions(hass)
    async_setup_statistics_actions(hass)
    async_setup_administration_actions(hass)
    async_setup_record_action(hass)
    async_setup_profile_actions(hass)


async def _set_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to devices. All are checked before any of them is sent its one request."""
    checked = [
        (target, await commands_of(target).async_check(target.state.device.id, values))
        for target, values in await async_values_to_write(call)
    ]
    return await respond_when_sent(
        call, {target.registry_id: write(call, target, values) for target, values in checked}
    )


async def _send_raw(call: ServiceCall) -> ServiceResponse:
    """Send a frame's payload to devices."""
    payload = _payload(call)

    async def send(target: DeviceTarget) -> str:
        await commands_of(target).async_write_raw(target.state.device.id, payload)
        return "accepted"

    return await respond_when_sent(call, {target.registry_id: send(target) for target in devices_to_control(call)})


async def _set_group_datapoints(call: ServiceCall) -> ServiceResponse:
    """Write values to the devices of a group that the vendor keeps."""
    entry: DatapointConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data["config_entry_id"])
    # Only the cloud knows the group's devices, so the caller needs the permission on all of the account.
    (await Rights.async_of(call, POLICY_CONTROL)).require_account(entry.runtime_data.coordinator)
    values = group_values(call.hass, entry.runtime_data.coordinator, call.data["values"])
    results = await entry.runtime_data.commands.async_write_group(call.data["group_id"], values)
    registry = dr.async_get(call.hass)
    by_device: dict[str, HomeAssistantError | str] = {}
    for device_id, refusal in results.items():
        device = registry.async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
        # A group may have devices that the account does not show: those keep the cloud's id.
        by_device[device.id if device else device_id] = refusal or "accepted"
    return respond(call, by_device)


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
