"""Finds devices of a corporate account by customer, site, serial number and state ("Devices")."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .. import coerce
from ..administration import DeviceQuery, FoundDevice
from ..errors import Reason, Rejected
from ..model import Device
from . import mapping
from .lists import DEVICES, Lists

_TAKES: Final = frozenset({"device_id", "customer", "site", "serial_number", "state", "is_online"})
_FACTS: Final[Mapping[str, tuple[str, Callable[[Any], str | float | datetime | None]]]] = {
    "state": ("status", coerce.text),
    "connection_state": ("connectionStatus", coerce.text),
    "location": ("location", coerce.text),
    "latitude": ("latitude", coerce.number),
    "longitude": ("longitude", coerce.number),
    "created_at": ("createdAt", coerce.timestamp),
}


class SoDataDeviceFinder:
    """Finds devices among all that the user may see. The document has a filter for the site only."""

    def __init__(self, lists: Lists) -> None:
        """Search the lists of an account."""
        self._lists = lists

    async def find(self, query: DeviceQuery) -> Sequence[FoundDevice]:
        """Return at most `query.limit` devices; texts match in upper and lower case, places by name or uuid.

        Raises `Rejected` (INVALID_REQUEST, subject: the condition) for a condition that the vendor lacks, and any
        other `CloudError`.
        """
        if unknown := query.conditions - _TAKES:
            raise Rejected(Reason.INVALID_REQUEST, endpoint=DEVICES, subject=min(unknown))
        sites = await self._lists.sites()
        at = [uuid for uuid, site in sites.items() if query.site is None or _is_one_of(query.site, uuid, site.name)]
        if query.site is not None and not at:
            return []
        filters = {"siteUuid": at[0]} if query.site is not None and len(at) == 1 else None
        records = await self._lists.all(DEVICES, filters)
        # A gateway may be at another site, so that it is missing from these records.
        gateways = {gateway for record in records if (gateway := coerce.text(record.get("gatewayUuid")))}
        devices = ((mapping.device(record, sites, gateways), record) for record in records)
        found = [
            FoundDevice(device=device, facts=_facts(record))
            for device, record in devices
            if (query.site is None or device.site_id in at) and _matches(query, device, record)
        ]
        return found[: query.limit]


def _matches(query: DeviceQuery, device: Device, record: Mapping[str, Any]) -> bool:
    states = (coerce.text(record.get("status")), coerce.text(record.get("connectionStatus")))
    return (
        (query.device_id is None or _is_one_of(query.device_id, device.id))
        and (query.customer is None or _is_one_of(query.customer, device.customer_id, device.customer))
        and (query.serial_number is None or _is_one_of(query.serial_number, device.serial_number))
        and (query.state is None or _is_one_of(query.state, *states))
        and (query.is_online is None or device.is_online is query.is_online)
    )


def _is_one_of(text: str, *names: str | None) -> bool:
    wanted = text.strip().casefold()
    return any(name is not None and name.casefold() == wanted for name in names)


def _facts(record: Mapping[str, Any]) -> dict[str, str | int | float | bool | datetime]:
    return {name: value for name, (key, read) in _FACTS.items() if (value := read(record.get(key))) is not None}
