"""What the events of SNoti mean: which are asked for, which are news, and which come too late to be any.

It knows no connection. Events are delivered again, out of order, and days after they happened: each says when it did.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ... import coerce
from ...clock import is_ahead
from ...errors import CloudError
from ...model import Device, Snapshot
from ...push import DevicesChanged, News, Presence, Report, SchemaChanged
from .. import wire_values
from ..definitions import Definitions
from ..schema import Definition

_LOGGER = logging.getLogger(__name__)

EVENTS: Final[Mapping[str, str]] = {
    "device.online": "device_online",
    "device.offline": "device_offline",
    "device.status.kv": "device_status_kv",
    "device.attr_fault": "attr_fault",
    "device.attr_alert": "attr_alert",
    "datapoints.changed": "datapoints_changed",
    "device.bind": "device_bind",
    "device.unbind": "device_unbind",
    "device.reset": "device_reset",
    "center_control.sub_device_added": "sub_device_added",
    "center_control.sub_device_deleted": "sub_device_deleted",
}
"""The names that events are asked for by, and those that they come with."""

_PRESENCE: Final = None  # stands beside the names of datapoints

type _Subject = tuple[str, str | None]
"""A device, and what of it: a datapoint or its presence."""


class Events:
    """The events of an account's devices. Nothing is taken of a device that is not followed."""

    def __init__(self, definitions: Definitions) -> None:
        """Understand values with `definitions`."""
        self._definitions = definitions
        self._followed: Mapping[str, Device] = {}
        self._newest: dict[_Subject, datetime] = {}
        self._strangers: set[str] = set()
        """The devices that came online without being followed: most are known, and not wanted."""
        self._odd: set[str] = set()
        """The types of events that could not be understood."""

    def follow(self, devices: Sequence[Device]) -> None:
        """Take news of these devices from now on."""
        self._followed = {device.id: device for device in devices}
        self._newest = {subject: at for subject, at in self._newest.items() if subject[0] in self._followed}
        self._strangers -= self._followed.keys()

    async def news(self, product_key: str, event: Mapping[str, Any]) -> News | None:
        """What an event that came for a product tells; None where that is nothing, or nothing new. Never raises."""
        kind = coerce.text(event.get("event_type")) or ""
        kind = EVENTS.get(kind, kind)  # should one come with the name it is asked for by
        match kind:
            case "device_status_kv" | "attr_fault" | "attr_alert":
                attrs = event.get("data") if kind == "device_status_kv" else _alarms(event.get("data"))
                if isinstance(attrs, dict):
                    return await self._report(event, attrs)
            case "device_online" | "device_offline":
                if (did := coerce.text(event.get("did"))) is not None:
                    return self._presence(did, _created_at(event), is_online=kind == "device_online")
            case "datapoints_changed":
                key = coerce.text(event.get("product_key")) or product_key
                self._definitions.outdate(key)
                return SchemaChanged(key)
            case "device_bind" | "device_unbind" | "device_reset" | "sub_device_added" | "sub_device_deleted":
                return DevicesChanged()
        if kind not in self._odd:
            self._odd.add(kind)
            _LOGGER.debug("An event of type %s cannot be understood; no other of its kind is logged", kind)
        return None

    async def _report(self, event: Mapping[str, Any], attrs: Mapping[str, Any]) -> Report | None:
        device = self._followed.get(coerce.text(event.get("did")) or "")
        if device is None:
            return None
        at = _created_at(event)
        # A report may hold but a part of the datapoints: each has its own newest.
        fresh = {name: value for name, value in attrs.items() if self._is_newest((device.id, name), at)}
        if not fresh:
            return None
        return Report(device_id=device.id, snapshot=await self._snapshot(device.schema_id, fresh, at))

    def _presence(self, did: str, at: datetime | None, *, is_online: bool) -> Presence | DevicesChanged | None:
        if did in self._followed:
            is_news = self._is_newest((did, _PRESENCE), at)
            return Presence(device_id=did, is_online=is_online, at=at) if is_news else None
        if not is_online or did in self._strangers:
            return None
        self._strangers.add(did)
        return DevicesChanged()

    def _is_newest(self, subject: _Subject, at: datetime | None) -> bool:
        """Whether nothing later is known of the subject; if so, this is the latest from now on."""
        if at is None:
            return True  # better told twice than lost
        if at < self._newest.get(subject, at):
            return False
        self._newest[subject] = at
        return True

    async def _snapshot(self, product_key: str, attrs: Mapping[str, Any], at: datetime | None) -> Snapshot:
        try:
            return await self._definitions.snapshot(product_key, attrs, at)
        except CloudError:
            # Polling hears of it too and tells it; the values need not wait.
            return (self._definitions.known(product_key) or Definition()).snapshot(attrs, at)


def _created_at(event: Mapping[str, Any]) -> datetime | None:
    at = wire_values.timestamp(event.get("created_at"))
    return None if is_ahead(at, datetime.now(UTC)) else at


def _alarms(data: Any) -> dict[str, Any] | None:
    """The values by name; one by the document, several where a server lists them."""
    return dict(_named(data if isinstance(data, list) else [data])) or None


def _named(alarms: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for alarm in coerce.records(alarms):
        if (name := coerce.text(alarm.get("attr_name"))) is not None and "value" in alarm:
            yield name, alarm["value"]
