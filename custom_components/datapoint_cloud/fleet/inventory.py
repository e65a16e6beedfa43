"""The devices of an account: it lists them, chooses which are shown, and fetches their schemas.

It owns the fleet. It reads no values, and others decide when it lists.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds.clock import is_due
from ..clouds.cloud import Cloud, Listing
from ..clouds.errors import AuthFailed, CloudError, RateLimited
from ..clouds.model import Datapoint, Device, Schema
from ..const import FIGURES_ONLY, OPTION_DEVICES, OPTION_FLEET, OPTION_SITES
from ..profiles import Profiles
from ..storage import AccountStorage
from .availability import MIN_PATIENCE, Availability
from .device_state import PLACE, PROBLEM, PROFILE, DeviceState
from .listeners import EntityKey, ListenerRegistry
from .naming import Naming
from .places import Place, places_of
from .stored_devices import StoredDevice, StoredDevices

_LOGGER = logging.getLogger(__name__)

LARGE_FLEET = 500
"""Beyond this many devices, none are added unless the user says so: an account would get 10,000 entities."""

_SCHEMAS_EVERY = timedelta(days=1)
_REMOVE_AFTER = 3  # complete lists in a row without the device
_LISTED_GROUPS = "listed groups"  # in the `ClientStore`


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Which devices the user wants to see. `shows_devices` None: the size of the fleet decides."""

    sites: frozenset[str]
    devices: frozenset[str]
    shows_devices: bool | None
    groups: tuple[str, ...]
    """The cloud lists only devices of these groups."""

    @classmethod
    def of(cls, options: Mapping[str, Any], groups: Iterable[str]) -> Self:
        """Build the filter from the options of an entry and the groups of its scopes."""
        fleet = options.get(OPTION_FLEET)
        return cls(
            sites=frozenset(options.get(OPTION_SITES, ())),
            devices=frozenset(options.get(OPTION_DEVICES, ())),
            shows_devices=None if fleet is None else fleet != FIGURES_ONLY,
            groups=tuple(sorted(groups)),
        )

    @property
    def is_figures_only(self) -> bool:
        """Whether the user wants to see counts of all devices, and no device."""
        return self.shows_devices is False and not (self.sites or self.devices or self.groups)

    def includes(self, device: Device) -> bool:
        """Whether the device passes the filter by site and device."""
        return (not self.sites or device.site_id in self.sites) and (not self.devices or device.id in self.devices)


class Inventory:
    """The devices of one account."""

    def __init__(
        self,
        cloud: Cloud,
        storage: AccountStorage,
        profiles: Profiles,
        naming: Naming,
        listeners: ListenerRegistry,
        device_filter: DeviceFilter,
    ) -> None:
        self.fleet: dict[str, DeviceState] = {}
        """The devices that are shown, by id."""
        self.listed: tuple[Device, ...] = ()
        """All devices that the cloud lists."""
        self.counted: tuple[Device, ...] = ()
        """The listed devices that pass the filter, shown or not."""
        self.places: Mapping[str, Place] = {}
        """The customers and sites of these devices, by id."""
        self.listed_at: datetime | None = None
        """When the devices were last listed; None: they have to be listed in the next poll."""
        self.failed_scopes: Mapping[str, CloudError] = {}
        self.failed_lists: Counter[str] = Counter()
        """How many lists in a row failed for a scope."""
        self.absent: Counter[str] = Counter()
        """How many complete lists in a row lacked a known device."""
        self._cloud = cloud
        self._storage = storage
        self._profiles = profiles
        self._naming = naming
        self._listeners = listeners
        self._device_filter = device_filter
        self._schemas: dict[str, Schema] = {}
        self._schemas_at: datetime | None = None
        self._restored: dict[str, tuple[Datapoint, ...]] = {}
        """The datapoints of stored schemas, by device, until the cloud has sent its own."""
        self._last_list_at: datetime | None = None
        """When the devices of `listed` were listed, which may be before a restart."""
        storage.collect_readings_with(self._collect_readings)
        storage.collect_devices_with(self._collect_devices)

    @property
    def is_too_large(self) -> bool:
        """Whether the devices are hidden because there are more than `LARGE_FLEET`, not because the user chose so."""
        return self._device_filter.shows_devices is None and len(self.counted) > LARGE_FLEET

    @property
    def is_figures_only(self) -> bool:
        """Whether the user wants to see counts of all devices, and no device."""
        return self._device_filter.is_figures_only

    @callback
    def expect_devices(self, device_ids: Iterable[str]) -> None:
        """Count devices that Home Assistant knows as absent until they are listed.

        If the user has chosen other groups, the next list decides at once which of them are removed.
        """
        self.absent.update(dict.fromkeys(device_ids, _REMOVE_AFTER - 1 if self._are_groups_new else 0))

    @property
    def _are_groups_new(self) -> bool:
        """Whether other groups were chosen since the last complete list."""
        listed = self._storage.client_store.get(_LISTED_GROUPS)
        return listed is not None and listed != list(self._device_filter.groups)

    # Before the first list

    @callback
    def async_restore(self, interval: timedelta) -> datetime | None:
        """Set the fleet up from the stored device list; return when that list was read, or None if none is stored.

        Devices that the cloud answered for within the last few intervals keep their availability.
        """
        stored = StoredDevices.of(self._storage.devices)
        if stored is None:
            return None
        now = dt_util.utcnow()
        # A wrong clock may have stored the list with a date in the future.
        self._last_list_at = listed_at = min(stored.listed_at, now)
        scopes = {None, *(scope.id for scope in self._cloud.scopes)}
        known = {device.device.id: device for device in stored.devices if device.device.scope in scopes}
        self.listed = tuple(device.device for device in known.values())
        self.counted = tuple(filter(self._device_filter.includes, self.listed))
        self._update_places()
        # After a change of groups, the old list does not say which devices belong to them: show those shown before.
        is_certain = not self._are_groups_new
        self._show((device for device in self.counted if is_certain or device.id in self.absent), listed_at)
        for device_id, state in self.fleet.items():
            device = known[device_id]
            state.describe(Schema(datapoints=device.datapoints), device.described)
            self._restored[device_id] = device.datapoints
            if is_certain:
                del self.absent[device_id]  # so that it can be read before the next list
            if now - max(listed_at, state.read_at or listed_at) <= max(3 * interval, MIN_PATIENCE):
                state.availability.restore(device.missed_polls)
            else:
                state.availability.mark_lost()
        return listed_at

    def _collect_devices(self) -> Mapping[str, Any] | None:
        if self._last_list_at is None:
            return self._storage.devices
        devices = tuple(map(self._stored_device, self.listed))
        return StoredDevices(listed_at=self._last_list_at, devices=devices).as_json()

    def _stored_device(self, device: Device) -> StoredDevice:
        if (state := self.fleet.get(device.id)) is None:
            return StoredDevice(device=device, missed_polls=0)
        schema = self._schemas.get(device.schema_id)
        datapoints = self._restored.get(device.id, ()) if schema is None else schema.datapoints
        keys = {datapoint.key for datapoint in datapoints}
        described = tuple(datapoint for key, datapoint in state.datapoints.items() if key not in keys)
        missed_polls = state.availability.missed_polls
        return StoredDevice(device=state.device, missed_polls=missed_polls, datapoints=datapoints, described=described)

    # Listing

    async def async_list(self) -> None:
        """List the devices and update the fleet. Raises any `CloudError`, that of a scope only if all scopes failed."""
        requested_at = dt_util.utcnow()
        listing = await self._cloud.devices()
        listing = replace(listing, devices=tuple(map(self._naming.device, listing.devices)))
        self.failed_scopes = listing.failed
        self.failed_lists = Counter({scope: self.failed_lists[scope] + 1 for scope in listing.failed})
        if listing.failed and listing.failed.keys() >= {scope.id for scope in self._cloud.scopes}:
            raise next(iter(listing.failed.values()))
        self.listed_at = self._last_list_at = dt_util.utcnow()
        # Keep the devices of scopes that could not be listed.
        listed = {device.id for device in listing.devices}
        kept = [device for device in self.listed if device.scope in listing.failed and device.id not in listed]
        self.listed = (*listing.devices, *kept)
        self.counted = tuple(filter(self._device_filter.includes, self.listed))
        self._show(filter(self._device_filter.includes, listing.devices), requested_at)
        self._count_absent(listing)
        self._update_places()
        self._storage.readings_changed()

    def _show(self, devices: Iterable[Device], requested_at: datetime) -> None:
        if self._device_filter.shows_devices is False:
            return
        for device in devices:
            if device.id in self.fleet:
                self.update_device(device, requested_at)
            # A fleet that outgrows the limit keeps the devices that were shown.
            elif not self.is_too_large or device.id in self.absent:
                self.fleet[device.id] = self._new_state(device)
                self.fleet[device.id].update_device(device, requested_at)
                self._listeners.async_mark_inventory_changed()

    @callback
    def update_device(self, device: Device, requested_at: datetime) -> None:
        """Update a device of the fleet from a list that was requested at a time, and mark what changed."""
        state = self.fleet[device.id]
        before, had_problem = state.device, state.has_problem
        device = self._naming.device(device)
        state.update_device(device, requested_at)
        if _has_other_page(before, device):
            self._listeners.async_mark_inventory_changed()
        if state.has_problem != had_problem:
            self._listeners.async_mark_changed([EntityKey(device.id, PROBLEM)])
        if (before.latitude, before.longitude) != (device.latitude, device.longitude):
            self._listeners.async_mark_changed([EntityKey(device.id, PLACE)])
            if before.latitude is None:
                self._listeners.async_mark_inventory_changed()
        if device.is_profile_current is not before.is_profile_current:
            self._listeners.async_mark_changed([EntityKey(device.id, PROFILE)])

    def _new_state(self, device: Device) -> DeviceState:
        availability = Availability(is_list_rare=self._cloud.listing_interval is not None)
        state = DeviceState(device, self._profiles, self._naming, availability)
        if (stored := self._storage.readings.get(device.id)) is not None:
            state.restore(stored, dt_util.utcnow())
        return state

    def _collect_readings(self) -> dict[str, Any]:
        # Devices that are not listed yet keep their stored readings.
        stored = {device_id: stored for device_id, stored in self._storage.readings.items() if device_id in self.absent}
        return stored | {device_id: state.as_dict() for device_id, state in self.fleet.items()}

    def _count_absent(self, listing: Listing) -> None:
        """Count the complete lists that lacked a known device, and remove the device when there were enough."""
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
            if self.absent[device_id] >= _REMOVE_AFTER:
                del self.absent[device_id]
                self.fleet.pop(device_id, None)
                self._listeners.async_mark_inventory_changed()

    def _update_places(self) -> None:
        before, self.places = self.places, places_of(self.counted)
        if self.absent:  # the missing devices may be those of a missing place
            emptied = {place.id: replace(place, devices=()) for place in before.values()}
            self.places = {**emptied, **self.places}
        if _names(self.places) != _names(before):
            self._listeners.async_mark_inventory_changed()

    @callback
    def async_forget_absent(self) -> None:
        """Remove the devices that Home Assistant knows from before, if reports take the place of the list."""
        if self.absent:
            self.absent.clear()
            self._listeners.async_mark_inventory_changed()

    @callback
    def async_forget(self, device_ids: Iterable[str]) -> None:
        """Remove devices that the user has removed, until a list contains them again."""
        for device_id in device_ids:
            self.absent.pop(device_id, None)
            if self.fleet.pop(device_id, None) is not None:
                self._listeners.async_mark_inventory_changed()

    # Schemas

    @callback
    def forget_schema(self, schema_id: str) -> None:
        """Fetch a schema again when the devices are described next."""
        self._schemas.pop(schema_id, None)

    async def async_describe(self) -> None:
        """Fetch the missing schemas, and all of them once a day.

        Raises `AuthFailed` and `RateLimited`; any other error of a schema leaves only its devices undescribed until
        the next list.
        """
        now = dt_util.utcnow()
        if self._schemas_at is None or is_due(self._schemas_at, _SCHEMAS_EVERY, now):
            self._schemas_at = now
            known: set[str] = set()
        else:
            known = set(self._schemas)
        missing = {state.device.schema_id: state.device for state in self.fleet.values()}
        missing = {schema_id: device for schema_id, device in missing.items() if schema_id not in known}
        results = await asyncio.gather(*map(self._cloud.schema, missing.values()), return_exceptions=True)
        for schema_id, result in zip(missing, results, strict=True):
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
            if datapoint.key not in keys:  # the vendor has removed it since
                state.datapoints.pop(datapoint.key, None)
                state.descriptions.pop(datapoint.key, None)
        if changed := state.describe(schema):
            self._listeners.async_mark_inventory_changed()
            self._listeners.async_mark_values_changed(state, changed)


def _names(places: Mapping[str, Place]) -> dict[str, str]:
    return {place.id: place.name for place in places.values()}


def _has_other_page(before: Device, after: Device) -> bool:
    """Whether the page of the device in Home Assistant shows something else, beside its entities."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("name", "model", "sw_version", "hw_version", "gateway_id", "serial_number", "schema_id")
    )
