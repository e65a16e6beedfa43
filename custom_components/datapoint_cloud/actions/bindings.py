"""The actions that bind devices to the account's own user, rename and unbind them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import voluptuous as vol
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.administration import BindingAdministration
from ..clouds.errors import CloudError
from .account_action import TEXT, TEXTS, AccountAction, AccountCall, item_results, offered

_LISTED_WITHIN: Final = 30.0  # seconds
_BY_MAC: Final = ("product_key", "product_secret", "mac")
_bindings = offered(lambda administration: administration.bindings)
_NOT_OFFERED: Final = "bindings_not_offered"


async def _bind_device(call: AccountCall, bindings: BindingAdministration) -> JsonObjectType:
    """Bind a device by its MAC address or its QR code, and return the ids of the devices that are new in the list."""
    data, listed = call.data, {device.id for device in call.coordinator.inventory.listed}
    given = [field for field in _BY_MAC if field in data]
    if "qr_content" in data:
        if given or "name" in data:
            raise exceptions.of_call("binding_twice")
        await bindings.bind_by_qr(data["qr_content"])
    elif len(given) == len(_BY_MAC):
        await bindings.bind_by_mac(*(data[field] for field in _BY_MAC), name=data.get("name"))
    else:
        raise exceptions.of_call("binding_incomplete")
    await _list_again(call, call.coordinator.async_refresh())
    new = [device.id for device in call.coordinator.inventory.listed if device.id not in listed]
    return {"devices": [{"id": one, "home_assistant_device_id": call.registry_id(one)} for one in new]}


async def _unbind_devices(call: AccountCall, bindings: BindingAdministration) -> JsonObjectType:
    """Unbind devices. Home Assistant removes them."""
    results = await bindings.unbind(call.device_ids("devices"))
    # The cloud has confirmed it, so no further lists have to.
    call.coordinator.inventory.async_forget(results.succeeded)
    await _list_again(call, call.coordinator.async_request_refresh())
    return item_results(call, results)


async def _rename_device(call: AccountCall, bindings: BindingAdministration) -> JsonObjectType:
    """Rename a device at the vendor and in Home Assistant."""
    (device_id,) = call.device_ids()
    try:
        await bindings.rename(device_id, call.data["name"])
    except CloudError as error:
        raise exceptions.of_administration(error, device_id, is_change=True) from error
    await _list_again(call, call.coordinator.async_request_refresh())
    return {"id": device_id, "home_assistant_device_id": call.registry_id(device_id)}


async def _list_again(call: AccountCall, refresh: Coroutine[Any, Any, None]) -> None:
    """List the devices with the round that `refresh` begins.

    The change is made by then, so a cloud that is slow at listing only delays the response.
    """
    coordinator = call.coordinator
    coordinator.inventory.listed_at = None
    name = f"{coordinator.name} list after a change"
    round_ = coordinator.config_entry.async_create_background_task(call.hass, refresh, name)
    await asyncio.wait({round_}, timeout=_LISTED_WITHIN)


ACTIONS: Final = (
    AccountAction(
        name="bind_device",
        fields={
            **{vol.Optional(field): TEXT for field in _BY_MAC},
            vol.Optional("qr_content"): TEXT,
            vol.Optional("name"): TEXT,
        },
        part=_bindings,
        not_offered=_NOT_OFFERED,
        run=_bind_device,
        subject="mac",
        is_change=True,
    ),
    AccountAction(
        name="unbind_devices",
        fields={vol.Optional("devices"): TEXTS, vol.Optional("device_id"): TEXTS},
        part=_bindings,
        not_offered=_NOT_OFFERED,
        run=_unbind_devices,
        is_change=True,
    ),
    AccountAction(
        name="rename_device",
        fields={vol.Required("device_id"): vol.All(TEXTS, vol.Length(max=1)), vol.Required("name"): TEXT},
        part=_bindings,
        not_offered=_NOT_OFFERED,
        run=_rename_device,
        is_change=True,
    ),
)
