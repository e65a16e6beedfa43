"""Converts the events of SNoti to news, unless they arrive too late to be any.

It knows no connection. Events may arrive twice, out of order and days after they happened, but each has a timestamp.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Final

from ... import coerce
from ...clock import is_ahead
from ...errors import CloudError
from ...model import Device, Snapshot
from ...push import DevicesChanged, News, Position, Presence, Report, SchemaChanged
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
"""The names by which a login subscribes to events, and those in the events themselves."""

POSITION_EVENTS: Final[Mapping[str, str]] = {"device.gps.kv": "device_gps_kv", "device.lbs.kv": "device_lbs_kv"}
"""The same for the events that older servers do not know: a login that names them might be refused."""

_TYPES: Final = {**EVENTS, **POSITION_EVENTS}


class _Fact(Enum):
    """What events report of a device beside its datapoints."""

    PRESENCE = auto()
    POSITION = auto()


type _Subject = tuple[str, str | _Fact]
"""The id of a device, and the name of a datapoint or a fact."""


class EventConverter:
    """The events of the devices that an account follows."""

    def __init__(self, definitions: Definitions) -> None:
        """Read values with the help of `definitions`."""
        self._definitions = definitions
        self._followed: Mapping[str, Device] = {}
        self._is_selection = False
        self._newest: dict[_Subject, datetime] = {}
        self._strangers: set[str] = set()
        """The devices that came online and are not followed; most of them are deselected by the user."""
        self._unknown_types: set[str] = set()
        """The types of events that were logged as unknown."""

    def follow(self, devices: Sequence[Device], *, is_selection: bool) -> None:
        """Replace the devices whose news are wanted; with `is_selection`, those of others are dropped at once.

        Nothing is remembered of a device that is not followed then, however many there are.
        """
        self._is_selection = is_selection
        if is_selection:
            self._strangers.clear()
        self._followed = {device.id: device for device in devices}
        self._newest = {subject: at for subject, at in self._newest.items() if subject[0] in self._followed}
        self._strangers -= self._followed.keys()

    async def convert(self, product_key: str, event: Mapping[str, Any]) -> Sequence[News]:
        """Convert an event of a product; nothing if it holds nothing, or nothing new. Never raises."""
        if self._is_selection and (did := coerce.text(event.get("did"))) is not None and did not in self._followed:
            return ()
        kind = coerce.text(event.get("event_type")) or ""
        kind = _TYPES.get(kind, kind)  # an event may have the name of its subscription
        news = await self._news(kind, product_key, event), self._position(kind, event)
        return [one for one in news if one is not None]

    async def _news(self, kind: str, product_key: str, event: Mapping[str, Any]) -> News | None:
        match kind:
            case "device_status_kv" | "attr_fault" | "attr_alert":
                attrs = event.get("data") if kind == "device_status_kv" else _alarms(event.get("data"))
                if isinstance(attrs, dict):
                    return await self._report(event, attrs)
            case "device_online" | "device_offline":
                if (did := coerce.text(event.get("did"))) is not None:
                    return self._presence(did, _created_at(event), is_online=kind == "device_online")
            case "device_gps_kv" | "device_lbs_kv":
                return None  # they hold nothing but a position
            case "datapoints_changed":
                key = coerce.text(event.get("product_key")) or product_key
                self._definitions.outdate(key)
                return SchemaChanged(key)
            case "device_bind" | "device_unbind" | "device_reset" | "sub_device_added" | "sub_device_deleted":
                return DevicesChanged()
        if kind not in self._unknown_types:
            self._unknown_types.add(kind)
            _LOGGER.debug("Unknown event of type %s; further ones are not logged", kind)
        return None

    async def _report(self, event: Mapping[str, Any], attrs: Mapping[str, Any]) -> Report | None:
        device = self._followed.get(coerce.text(event.get("did")) or "")
        if device is None:
            return None
        at = _created_at(event)
        # A report may hold only some datapoints, so each one has its own newest timestamp.
        fresh = {name: value for name, value in attrs.items() if self._is_newest((device.id, name), at)}
        if not fresh:
            return None
        return Report(device_id=device.id, snapshot=await self._snapshot(device.schema_id, fresh, at))

    def _presence(self, did: str, at: datetime | None, *, is_online: bool) -> Presence | DevicesChanged | None:
        if did in self._followed:
            is_news = self._is_newest((did, _Fact.PRESENCE), at)
            return Presence(device_id=did, is_online=is_online, at=at) if is_news else None
        if not is_online or did in self._strangers:
            return None
        self._strangers.add(did)
        return DevicesChanged()

    def _position(self, kind: str, event: Mapping[str, Any]) -> Position | None:
        """Return where a device is. A device that uses NB-IoT reports it in the event that says it came online."""
        if kind not in {*POSITION_EVENTS.values(), "device_online"}:
            return None
        did = coerce.text(event.get("did"))
        latitude, longitude = coerce.coordinates(event if kind == "device_online" else coerce.fields(event.get("data")))
        if did is None or did not in self._followed or latitude is None or longitude is None:
            return None
        is_news = self._is_newest((did, _Fact.POSITION), _created_at(event))
        return Position(device_id=did, latitude=latitude, longitude=longitude) if is_news else None

    def _is_newest(self, subject: _Subject, at: datetime | None) -> bool:
        """Whether nothing newer is known about the subject; if so, remember `at` as its newest timestamp."""
        if at is None:
            return True  # pass it on twice rather than lose it
        if at < self._newest.get(subject, at):
            return False
        self._newest[subject] = at
        return True

    async def _snapshot(self, product_key: str, attrs: Mapping[str, Any], at: datetime | None) -> Snapshot:
        try:
            return await self._definitions.snapshot(product_key, attrs, at)
        except CloudError:
            # Polling meets and reports this error, too. Do not hold the values back for it.
            return (self._definitions.known(product_key) or Definition()).snapshot(attrs, at)


def _created_at(event: Mapping[str, Any]) -> datetime | None:
    at = wire_values.timestamp(event.get("created_at"))
    return None if is_ahead(at, datetime.now(UTC)) else at


def _alarms(data: Any) -> dict[str, Any] | None:
    """Return the values by name; the documents have one in an event, servers may list several."""
    return dict(_named(data if isinstance(data, list) else [data])) or None


def _named(alarms: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for alarm in coerce.records(alarms):
        if (name := coerce.text(alarm.get("attr_name"))) is not None and "value" in alarm:
            yield name, alarm["value"]
