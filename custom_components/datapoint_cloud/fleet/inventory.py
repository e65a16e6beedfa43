"""Which devices an account has, which of them are shown, and what describes their datapoints.

It owns the fleet and asks for lists and schemas when told to. It reads no values and knows nothing of when.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds.clock import is_due
from ..clouds.cloud import Cloud, Listing
from ..clouds.errors import AuthFailed, CloudError, RateLimited
from ..clouds.model import Datapoint, Device, Schema
from ..const import FIGURES_ONLY, OPTION_DEVICES, OPTION_FLEET, OPTION_SITES
from ..profiles import NO_PROFILE, Profile
from ..storage import AccountStorage
from .device_state import LEAST_PATIENCE, PROBLEM, DeviceState
from .listeners import EntityKey, ListenerRegistry
from .stored_devices import StoredDevice, StoredDevices

_LOGGER = logging.getLogger(__name__)

LARGE_FLEET = 500
"""More devices than this are shown only if the user says so: Home Assistant takes 10 000 entities of an account."""

_DESCRIBE_EVERY = timedelta(days=1)
_ABSENT_FROM_LISTINGS = 3
_LISTED_GROUPS = "listed groups"  # in the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """What the user wants to see. `shows_devices` is None where the user has not said so, and the size decides."""

    sites: frozenset[str]
    devices: frozenset[str]
    shows_devices: bool | None
    groups: tuple[str, ...]
    """The cloud itself lists nothing outside of them."""

    @classmethod
    def of(cls, options: Mapping[str, Any], groups: Iterable[str]) -> Self:
        """Read it from the options of an entry, and the groups it is seen through."""
        fleet = options.get(OPTION_FLEET)
        return cls(
            sites=frozenset(options.get(OPTION_SITES, ())),
            devices=frozenset(options.get(OPTION_DEVICES, ())),
            shows_devices=None if fleet is None else fleet != FIGURES_ONLY,
            groups=tuple(sorted(groups)),
        )

    def includes(self, device: Device) -> bool:
        """Whether the device is of interest."""
        return (not self.sites or device.site_id in self.sites) and (not self.devices or device.id in self.devices)


class Inventory:
    """The devices of one account."""

    def __init__(
        self,
        cloud: Cloud,
        storage: AccountStorage,
        profiles: Mapping[str, Profile],
        listeners: ListenerRegistry,
        choice: DeviceFilter,
    ) -> None:
        self.fleet: dict[str, DeviceState] = {}
        """The devices that are shown, by id."""
        self.listed: tuple[Device, ...] = ()
        """All devices that the cloud lists."""
        self.counted: tuple[Device, ...] = ()
        """The devices of interest, shown or not."""
        self.listed_at: datetime | None = None
        self.failed_scopes: Mapping[str, CloudError] = {}
        self.failed_lists: Counter[str] = Counter()
        """How many lists in a row a scope was missing from."""
        self.absent: Counter[str] = Counter()
        """How many complete listings in a row lacked a device that was known."""
        self._cloud = cloud
        self._storage = storage
        self._profiles = profiles
        self._listeners = listeners
        self._device_filter = choice
        self._schemas: dict[str, Schema] = {}
        self._described_at: datetime | None = None
        self._restored: dict[str, tuple[Datapoint, ...]] = {}
        """What stored schemas named, by device, until the cloud's own are here."""
        self._listed_once_at: datetime | None = None
        """As of when the list is that is shown; `listed_at` is forgotten where a new one is wanted."""
        storage.collect_readings_with(self._collect_readings)
        storage.collect_devices_with(self._collect_devices)

    @property
    def is_too_large(self) -> bool:
        """Whether nothing but figures is shown, and the user has not asked for that."""
        return self._device_filter.shows_devices is None and len(self.counted) > LARGE_FLEET

    @callback
    def expect_devices(self, device_ids: Iterable[str]) -> None:
        """Count these as absent until they are listed: they were there before.

        Where other groups were chosen since, a single listing says which of them are not wanted any more.
        """
        self.absent.update(dict.fromkeys(device_ids, _ABSENT_FROM_LISTINGS - 1 if self._are_groups_new else 0))

    @property
    def _are_groups_new(self) -> bool:
        """Whether other groups were chosen since the last complete list."""
        listed = self._storage.client_store.get(_LISTED_GROUPS)
        return listed is not None and listed != list(self._device_filter.groups)

    # What is known before the cloud is asked

    @callback
    def async_restore(self, interval: timedelta) -> datetime | None:
        """Set the fleet up from the stored device list; return when that list was read, or None if none is stored.

        Devices that the cloud answered for within the last few intervals keep their availability.
        """
        stored = StoredDevices.of(self._storage.devices)
        if stored is None:
            return None
        now = dt_util.utcnow()
        # A list of the future was stored under a wrong clock.
        self._listed_once_at = listed_at = min(stored.listed_at, now)
        scopes = {None, *(scope.id for scope in self._cloud.scopes)}
        known = {device.device.id: device for device in stored.devices if device.device.scope in scopes}
        self.listed = tuple(device.device for device in known.values())
        self.counted = tuple(filter(self._device_filter.includes, self.listed))
        # Of devices that were not shown before nobody knows whether they are in a group that is newly chosen.
        is_certain = not self._are_groups_new
        self._show((device for device in self.counted if is_certain or device.id in self.absent), listed_at)
        for device_id, state in self.fleet.items():
            device = known[device_id]
            state.describe(Schema(datapoints=device.datapoints), device.described)
            self._restored[device_id] = device.datapoints
            if is_certain:
                del self.absent[device_id]  # it was in the last list, and may be read before the next one
            if now - max(listed_at, state.read_at or listed_at) <= max(3 * interval, LEAST_PATIENCE):
                state.negative_reads, state.unlisted_rounds = device.missed_rounds, 0
            else:
                state.lose()
        return listed_at

    def _collect_devices(self) -> Mapping[str, Any] | None:
        if self._listed_once_at is None:
            return self._storage.devices  # nothing new is known
        devices = tuple(map(self._stored_device, self.listed))
        return StoredDevices(listed_at=self._listed_once_at, devices=devices).as_json()

    def _stored_device(self, device: Device) -> StoredDevice:
        if (state := self.fleet.get(device.id)) is None:
            return StoredDevice(device=device, missed_rounds=0)
        schema = self._schemas.get(device.schema_id)
        datapoints = self._restored.get(device.id, ()) if schema is None else schema.datapoints
        keys = {datapoint.key for datapoint in datapoints}
        described = tuple(datapoint for key, datapoint in state.datapoints.items() if key not in keys)
        return StoredDevice(
            device=state.device, missed_rounds=state.negative_reads, datapoints=datapoints, described=described
        )

    # The list

    async def async_list(self) -> None:
        """Ask for the list of devices and take it over. Raises any `CloudError`."""
        asked_at = dt_util.utcnow()
        listing = await self._cloud.devices()
        self.failed_scopes = listing.failed
        self.failed_lists = Counter({scope: self.failed_lists[scope] + 1 for scope in listing.failed})
        if listing.failed and listing.failed.keys() >= {scope.id for scope in self._cloud.scopes}:
            raise next(iter(listing.failed.values()))
        self.listed_at = self._listed_once_at = dt_util.utcnow()
        # Of a scope that could not be listed nothing new is known.
        listed = {device.id for device in listing.devices}
        kept = [device for device in self.listed if device.scope in listing.failed and device.id not in listed]
        self.listed = (*listing.devices, *kept)
        self.counted = tuple(filter(self._device_filter.includes, self.listed))
        self._show(filter(self._device_filter.includes, listing.devices), asked_at)
        self._count_absent(listing)
        self._storage.readings_changed()

    def _show(self, devices: Iterable[Device], asked_at: datetime) -> None:
        if self._device_filter.shows_devices is False:
            return
        for device in devices:
            if device.id in self.fleet:
                self.take_device(device, asked_at)
            # A fleet that outgrows the limit keeps what was shown of it.
            elif not self.is_too_large or device.id in self.absent:
                self.fleet[device.id] = self._new_state(device)
                self.fleet[device.id].take_device(device, asked_at)
                self._listeners.async_mark_inventory_changed()

    @callback
    def take_device(self, device: Device, asked_at: datetime) -> None:
        """Take over what a list says, as of when it was asked for, of a device that is shown."""
        state = self.fleet[device.id]
        before, had_problem = state.device, state.has_problem
        state.take_device(device, asked_at)
        if _is_described_otherwise(before, device):
            self._listeners.async_mark_inventory_changed()
        if state.has_problem != had_problem:
            self._listeners.async_mark_changed([EntityKey(device.id, PROBLEM)])

    def _new_state(self, device: Device) -> DeviceState:
        profile = self._profiles.get(device.schema_id, NO_PROFILE)
        state = DeviceState(device, profile, is_list_rare=self._cloud.listing_interval is not None)
        if (stored := self._storage.readings.get(device.id)) is not None:
            state.restore(stored, dt_util.utcnow())
        return state

    def _collect_readings(self) -> dict[str, Any]:
        # Of a device that was not listed so far the store knows more.
        stored = {device_id: stored for device_id, stored in self._storage.readings.items() if device_id in self.absent}
        return stored | {device_id: state.as_dict() for device_id, state in self.fleet.items()}

    def _count_absent(self, listing: Listing) -> None:
        """Count the listings that lacked a known device, and give it up when they are too many."""
        for device in listing.devices:
            self.absent.pop(device.id, None)
        if not listing.failed:
            self._storage.client_store.put(_LISTED_GROUPS, list(self._device_filter.groups))
        listed = {device.id for device in listing.devices}
        for device_id in {*self.fleet, *self.absent} - listed:
            state = self.fleet.get(device_id)
            if listing.failed and (state is None or state.device.scope in listing.failed):
                continue
            self.absent[device_id] += 1
            if self.absent[device_id] >= _ABSENT_FROM_LISTINGS:
                del self.absent[device_id]
                self.fleet.pop(device_id, None)
                self._listeners.async_mark_inventory_changed()

    @callback
    def async_forget(self, device_ids: Iterable[str]) -> None:
        """Know these devices no more, until a list has them again: the user has removed them."""
        for device_id in device_ids:
            self.absent.pop(device_id, None)
            if self.fleet.pop(device_id, None) is not None:
                self._listeners.async_mark_inventory_changed()

    # What describes the devices

    @callback
    def forget_schema(self, schema_id: str) -> None:
        """Ask for a schema again when next the devices are described."""
        self._schemas.pop(schema_id, None)

    async def async_describe(self) -> None:
        """Ask for the schemas; a failing one costs only its own devices, until the next listing."""
        now = dt_util.utcnow()
        if self._described_at is None or is_due(self._described_at, _DESCRIBE_EVERY, now):
            self._described_at = now
            known: set[str] = set()
        else:
            known = set(self._schemas)
        asked = {state.device.schema_id: state.device for state in self.fleet.values()}
        asked = {schema_id: device for schema_id, device in asked.items() if schema_id not in known}
        results = await asyncio.gather(*map(self._cloud.schema, asked.values()), return_exceptions=True)
        for schema_id, result in zip(asked, results, strict=True):
            if isinstance(result, Schema):
                self._schemas[schema_id] = result
            elif isinstance(result, AuthFailed | RateLimited) or not isinstance(result, CloudError):
                raise result
            else:
                _LOGGER.debug("The datapoints of a product are unknown for now: %s", result)
        for state in self.fleet.values():
            schema = self._schemas.get(state.device.schema_id)
            if schema is not None:
                self._describe(state, schema)

    def _describe(self, state: DeviceState, schema: Schema) -> None:
        keys = {datapoint.key for datapoint in schema.datapoints}
        for datapoint in self._restored.pop(state.device.id, ()):
            if datapoint.key not in keys:  # the vendor has given it up meanwhile
                state.datapoints.pop(datapoint.key, None)
                state.descriptions.pop(datapoint.key, None)
        if changed := state.describe(schema):
            self._listeners.async_mark_inventory_changed()
            self._listeners.async_mark_values_changed(state, changed)


def _is_described_otherwise(before: Device, after: Device) -> bool:
    """Whether the device's page has to change, more than its online state."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("name", "model", "sw_version", "hw_version", "gateway_id", "serial_number", "schema_id")
    )
