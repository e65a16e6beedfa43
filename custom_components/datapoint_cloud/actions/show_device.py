"""The action that shows a device for a while: for support, where the account shows few of its devices or none."""

from datetime import timedelta
from typing import Final

import voluptuous as vol
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.administration import DeviceFinder, DeviceQuery
from ..clouds.model import Device
from .account_action import PRODUCT_FIELD, TEXT, AccountAction, AccountCall
from .find_devices import finder_of
from .time_range import local_iso

_LONGEST_MINUTES: Final = 24 * 60


async def _show_device(call: AccountCall, finder: DeviceFinder) -> JsonObjectType:
    """Show the device, unless it is shown anyway; return its id in Home Assistant and until when it is shown."""
    coordinator, now = call.coordinator, dt_util.utcnow()
    device = coordinator.inventory.named(await _find(call, finder))
    is_guest = device.id in coordinator.inventory.guests.until(now)
    until = None
    if is_guest or device.id not in coordinator.fleet:
        until = now + timedelta(minutes=call.data["minutes"])
        await coordinator.async_show_guest(device, until)
    return {
        "name": device.name,
        "home_assistant_device_id": call.registry_id(device.id),
        "until": None if until is None else local_iso(until),
    }


async def _find(call: AccountCall, finder: DeviceFinder) -> Device:
    listed = call.listed(call.data["device"])
    if isinstance(listed, Device):
        return listed
    scope = call.product() if "product" in call.data else None
    queries = (
        DeviceQuery(scope=scope, device_id=listed, limit=1),
        DeviceQuery(scope=scope, mac=listed, limit=1),
    )
    for query in queries:
        if found := await finder.find(query):
            return found[0].device
    raise exceptions.of_call("device_not_found", device=listed, account=call.account)


ACTIONS: Final = (
    AccountAction(
        name="show_device",
        fields={
            **PRODUCT_FIELD,
            vol.Required("device"): TEXT,
            vol.Optional("minutes", default=60): vol.All(vol.Coerce(int), vol.Range(min=1, max=_LONGEST_MINUTES)),
        },
        part=finder_of,
        not_offered="not_supported",
        run=_show_device,
        is_for_administrators=True,
    ),
)
