"""The action that lists the datapoints of devices: what each is called, and which values it takes."""

from typing import Any

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.util.json import JsonObjectType

from ..const import DOMAIN
from ..datapoint_names import DatapointNames
from ..device_registry import unique_id_of
from .rights import Rights
from .targets import DeviceTarget, devices_with_datapoints

LIST_DATAPOINTS = "list_datapoints"

_SCHEMA = vol.Schema(
    {
        vol.Required("device_id"): vol.All(cv.ensure_list, [cv.string], vol.Length(min=1), vol.Unique()),
        vol.Optional("only_writable", default=False): cv.boolean,
    }
)


@callback
def async_setup_list_action(hass: HomeAssistant) -> None:
    """Register the action."""
    hass.services.async_register(DOMAIN, LIST_DATAPOINTS, _list, _SCHEMA, supports_response=SupportsResponse.ONLY)


async def _list(call: ServiceCall) -> ServiceResponse:
    """Return the datapoints of each device, sorted by their names."""
    targets = devices_with_datapoints(call)
    rights = await Rights.async_of(call, POLICY_READ)
    for target in targets:
        rights.require_device(target.coordinator, target.state.device.id)
    return {
        "devices": [
            {
                "device_id": target.registry_id,
                "device": target.state.device.name,
                "datapoints": _datapoints(call.hass, target, only_writable=call.data["only_writable"]),
            }
            for target in targets
        ]
    }


def _datapoints(hass: HomeAssistant, target: DeviceTarget, *, only_writable: bool) -> list[Any]:
    labels = DatapointNames.of(hass, target.coordinator, target.state).labels
    keys = sorted(labels, key=lambda key: labels[key].casefold())
    datapoints = target.state.datapoints
    return [
        _datapoint(hass, target, key, labels[key]) for key in keys if datapoints[key].is_writable or not only_writable
    ]


def _datapoint(hass: HomeAssistant, target: DeviceTarget, key: str, name: str) -> JsonObjectType:
    """Describe a datapoint; the limits are there only if it is a number that can be set."""
    description = target.state.descriptions[key]
    datapoint = description.datapoint
    unique_id = unique_id_of(target.coordinator, target.state.device.id, key)
    limits = {"minimum": datapoint.minimum, "maximum": datapoint.maximum, "step": datapoint.step}
    return {
        "datapoint": key,
        "name": name,
        "entity_id": er.async_get(hass).async_get_entity_id(description.platform, DOMAIN, unique_id),
        "type": str(datapoint.data_type),
        "writable": datapoint.is_writable,
        "unit": description.unit,
        **{limit: number for limit, number in limits.items() if number is not None and datapoint.is_writable},
        **({"options": list(description.options)} if description.options else {}),
        "value": target.state.shown(key),
    }
