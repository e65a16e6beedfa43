"""The action that finds devices of an account, also those that Home Assistant does not show.

Clouds that can search are asked; the devices of others are found in the last list of the account.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import voluptuous as vol
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType, JsonValueType

from .. import exceptions
from ..clouds.administration import DeviceFinder, DeviceQuery, FoundDevice
from ..clouds.errors import Reason, Rejected
from ..clouds.model import Device
from . import words
from .account_action import PRODUCT_FIELD, TEXT, AccountAction, AccountCall
from .time_range import local_iso, start_time

_CONDITIONS: Final[Mapping[str, Any]] = {
    "mac": TEXT,
    "device_id": TEXT,
    "user_id": TEXT,
    "group_id": TEXT,
    "serial_number": TEXT,
    "country": TEXT,
    "region": TEXT,
    "city": TEXT,
    "customer": TEXT,
    "site": TEXT,
    "state": TEXT,
    "is_online": cv.boolean,
    "is_faulty": cv.boolean,
    "is_alerting": cv.boolean,
    "active_since": start_time,
}
_LISTED: Final[Mapping[str, Callable[[Device], Any]]] = {
    "mac": lambda device: device.mac,
    "device_id": lambda device: device.id,
    "serial_number": lambda device: device.serial_number,
    "site": lambda device: device.site,
    "is_online": lambda device: device.is_online,
    "is_faulty": lambda device: device.has_fault,
    "is_alerting": lambda device: device.has_alert,
    "active_since": lambda device: device.last_online,
}
"""What the list of an account can say about a device, by condition."""


class ListedDevices:
    """Finds devices in the last list of an account. Sends nothing."""

    def __init__(self, devices: Sequence[Device]) -> None:
        """Search among `devices`."""
        self._devices = devices

    async def find(self, query: DeviceQuery) -> Sequence[FoundDevice]:
        """Return at most `query.limit` devices. Raises `Rejected` for a condition about which the list says nothing."""
        devices = [
            device for device in self._devices if query.scope in (None, device.scope, device.model_id, device.model)
        ]
        for condition in sorted(query.conditions):
            value_of = _LISTED.get(condition)
            if value_of is None or (devices and all(value_of(device) is None for device in self._devices)):
                raise Rejected(Reason.INVALID_REQUEST, subject=condition)
            wanted = getattr(query, condition)
            devices = [device for device in devices if _fits(value_of(device), wanted)]
        return [FoundDevice(device=device) for device in devices[: query.limit]]


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, datetime):
        return value is not None and value >= wanted
    if isinstance(wanted, str):
        return value is not None and value.casefold() == wanted.casefold()
    return bool(value == wanted)


def finder_of(call: AccountCall) -> DeviceFinder:
    """Return what finds devices: the cloud or, if it cannot search, the last list."""
    coordinator = call.coordinator
    return coordinator.cloud.administration.finder or ListedDevices(coordinator.inventory.listed)


async def _find_devices(call: AccountCall, finder: DeviceFinder) -> JsonObjectType:
    """Return the devices that fit all conditions of the call."""
    # Without a product, all products are searched.
    scope = call.product() if "product" in call.data else None
    conditions = {name: call.data.get(name) for name in _CONDITIONS}
    if (mac := conditions["mac"]) is not None:
        listed = call.listed(mac)
        conditions["mac"] = listed if isinstance(listed, str) else listed.mac
    query = DeviceQuery(scope=scope, shows_disabled=call.data["show_disabled"], limit=call.data["limit"], **conditions)
    try:
        found = await finder.find(query)
    except Rejected as error:
        if error.code is not None or error.subject not in _CONDITIONS:
            raise
        condition = words.field_names(call.hass, "find_devices", [error.subject or ""])
        raise exceptions.of_call("condition_not_offered", account=call.account, condition=condition) from error
    return {"devices": [_row(call, device) for device in found]}


def _row(call: AccountCall, found: FoundDevice) -> JsonObjectType:
    device = call.coordinator.inventory.named(found.device)
    return {
        "id": device.id,
        "name": device.name,
        "mac": device.mac,
        "online": device.is_online,
        "fault": device.has_fault,
        "alert": device.has_alert,
        "type": found.kind,
        "disabled": found.is_disabled,
        "facts": {name: _json(value) for name, value in found.facts.items()},
        "home_assistant_device_id": call.registry_id(device.id),
    }


def _json(value: object) -> JsonValueType:
    """Return a fact as JSON has it."""
    if isinstance(value, datetime):
        return local_iso(value)
    return value if isinstance(value, (bool, int, float)) else str(value)


ACTIONS: Final = (
    AccountAction(
        name="find_devices",
        fields={
            **PRODUCT_FIELD,
            **{vol.Optional(name): validator for name, validator in _CONDITIONS.items()},
            vol.Optional("show_disabled", default=False): cv.boolean,
            vol.Optional("limit", default=100): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
        },
        part=finder_of,
        not_offered="not_supported",
        run=_find_devices,
    ),
)
