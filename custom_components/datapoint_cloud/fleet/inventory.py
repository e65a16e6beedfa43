"""The devices of an account: it lists them, chooses which are shown, and describes them by their schemas.

It owns the fleet. It reads no values, and others decide when it lists.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds.cloud import Cloud, Listing
from ..clouds.errors import CloudError
from ..clouds.model import Datapoint, Device, Schema
from ..profiles import Profiles
from ..storage import AccountStorage
from .availability import MIN_PATIENCE, Availability
from .device_changes import async_mark_device_changes
from .device_filter import DeviceFilter
from .device_state import DeviceState
from .listeners import ListenerRegistry
from .naming import Naming
from .places import Place, places_of
from .schemas import Schemas
from .selection import Guests, LookUp
from .stored_devices import StoredDevice, StoredDevices
from .stored_state import restore, stored_form

LARGE_FLEET = 500
"""Beyond this many devices, none are added unless the user says so: an account would get 10,000 entities."""

MOST_LISTED = 10_000
"""Beyond this many devices, none are listed unless the user wants to see them: one list takes 100 requests and more."""

_REMOVE_AFTER = 3  # complete lists in a row without the device
_LISTED_GROUPS = "listed groups"  # in the `ClientStore`


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
        finder = cloud.administration.finder
        self._look_up = None if finder is None else LookUp(finder, len(cloud.scopes))
        self.guests = Guests(storage.client_store)
        """The devices that are shown for a while, whatever the user has chosen."""
        self._visitors: set[str] = set()
        """The devices that are shown only because they are guests."""
        self.reported_size: int | None = None
        """How many devices there are according to reports, if those take the place of the list."""
        self._storage = storage
        self._profiles = profiles
        self._naming = naming
        self._listeners = listeners
        self._device_filter = device_filter
        self._schemas = Schemas(cloud)
        self._restored: dict[str, tuple[Datapoint, ...]] = {}
        """The datapoints of stored schemas, by device, until the cloud has sent its own."""
        self._last_list_at: datetime | None = None
        """When the devices of `listed` were listed, which may be before a restart."""
        storage.collect_readings_with(self._collect_readings)
        storage.collect_devices_with(self._collect_devices)

    @property
    def is_too_large(self) -> bool:
        """Whether the devices are hidden because there are more than `LARGE_FLEET`, not because the user chose so."""
        return self._device_filter.shows_devices is None and self.size > LARGE_FLEET

    @property
    def size(self) -> int:
        """How many devices there are that pass the filter, shown or not."""
        return len(self.counted) if self.reported_size is None else self.reported_size

    @property
    def is_figures_only(self) -> bool:
        """Whether the user wants to see counts of all devices, and no device."""
        return self._device_filter.is_figures_only

    @property
    def is_selection(self) -> bool:
        """Whether the devices that the user wants to see are looked up one by one, so that no list is needed."""
        return self._device_filter.is_selection and self._look_up is not None

    @property
    def waits_for_choice(self) -> bool:
        """Whether the user has not said what to show, and nothing is shown."""
        return self._device_filter.is_open and not self.fleet and not self.absent

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
        if self._look_up is not None:
            self._look_up.mark_known(known, listed_at)
        # After a change of groups, the old list does not say which devices belong to them: show those shown before.
        is_certain = not self._are_groups_new
        self._show((device for device in self.listed if is_certain or device.id in self.absent), listed_at)
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
        schema = self._schemas.of(device)
        datapoints = self._restored.get(device.id, ()) if schema is None else schema.datapoints
        keys = {datapoint.key for datapoint in datapoints}
        described = tuple(datapoint for key, datapoint in state.datapoints.items() if key not in keys)
        missed_polls = state.availability.missed_polls
        return StoredDevice(device=state.device, missed_polls=missed_polls, datapoints=datapoints, described=described)

    def named(self, device: Device) -> Device:
        """Return a device that the cloud has found with the names under which it is shown."""
        return self._naming.device(device)

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
        self._show(listing.devices, requested_at)
        self._count_absent(listing)
        self._update_places()
        self._storage.readings_changed()

    def _show(self, devices: Iterable[Device], requested_at: datetime) -> None:
        guests, is_too_large = self.guests.until(dt_util.utcnow()), self.is_too_large
        shows_devices, includes = self._device_filter.shows_devices is not False, self._device_filter.includes
        for device in devices:
            # A fleet that outgrows the limit keeps the devices that were shown.
            if shows_devices and includes(device) and (not is_too_large or device.id in self.absent):
                self._show_one(device, requested_at)
            elif device.id in self.fleet:
                self.update_device(device, requested_at)
            elif device.id in guests:
                self._visitors.add(device.id)
                self._show_one(device, requested_at)

    def _show_one(self, device: Device, requested_at: datetime) -> None:
        if device.id in self.fleet:
            self.update_device(device, requested_at)
            return
        self.fleet[device.id] = self._new_state(device)
        self.fleet[device.id].update_device(device, requested_at)
        self._listeners.async_mark_inventory_changed()

    @callback
    def update_device(self, device: Device, requested_at: datetime) -> None:
        """Update a device of the fleet from a list that was requested at a time, and mark what changed."""
        state = self.fleet[device.id]
        before, had_problem = state.device, state.has_problem
        state.update_device(self._naming.device(device), requested_at)
        async_mark_device_changes(self._listeners, state, before, had_problem=had_problem)

    @callback
    def update_position(self, device_id: str, latitude: float, longitude: float) -> None:
        """Update where a device of the fleet reported to be, and mark what changed."""
        if (state := self.fleet.get(device_id)) is not None:
            before, had_problem = state.device, state.has_problem
            state.update_position(latitude, longitude)
            async_mark_device_changes(self._listeners, state, before, had_problem=had_problem)
            self._storage.readings_changed()

    def _new_state(self, device: Device) -> DeviceState:
        availability = Availability(is_list_rare=self._cloud.listing_interval is not None)
        state = DeviceState(device, self._profiles, self._naming, availability)
        if (stored := self._storage.readings.get(device.id)) is not None:
            restore(state, stored, dt_util.utcnow())
        return state

    def _collect_readings(self) -> dict[str, Any]:
        # Devices that are not listed yet keep their stored readings.
        stored = {device_id: stored for device_id, stored in self._storage.readings.items() if device_id in self.absent}
        return stored | {device_id: stored_form(state) for device_id, state in self.fleet.items()}

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
            self._count_missing(device_id)

    def _count_missing(self, device_id: str) -> None:
        """Count that the cloud did not have a device when asked, and remove the device when that was often enough."""
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

    # Without a list

    async def async_look_up(self, allowance: float) -> None:
        """Look the chosen devices and the guests up instead of listing all, those that are due and `allowance` at most.

        Raises any `CloudError`.
        """
        now = dt_util.utcnow()
        wanted = {*self._device_filter.devices, *self.guests.until(now)}
        self.async_forget([device_id for device_id in (*self.fleet, *self.absent) if device_id not in wanted])
        self._keep_listed({device.id: device for device in self.listed if device.id in wanted})
        scopes = {device.id: device.scope for device in self.listed}
        if self._look_up is not None and (due := self._look_up.due(wanted, scopes, now, allowance)):
            self._storage.readings_changed()
            await self._look_up.async_look_up(due, scopes, now, self._on_answer)
        await self.async_describe()

    def _on_answer(self, device_id: str, device: Device | None) -> None:
        if device is not None:
            self.absent.pop(device_id, None)
            self.async_remember([device])
            self._show([self._naming.device(device)], dt_util.utcnow())
        elif device_id in self.fleet:
            self._count_missing(device_id)

    @callback
    def async_remember(self, devices: Iterable[Device]) -> None:
        """Add devices to those that were listed, without showing them."""
        named = {device.id: self._naming.device(device) for device in devices}
        self._keep_listed({device.id: device for device in self.listed} | named)
        self._last_list_at = self._last_list_at or dt_util.utcnow()
        if self._look_up is not None:
            self._look_up.mark_known(named, dt_util.utcnow())

    def _keep_listed(self, devices: Mapping[str, Device]) -> None:
        self.listed = tuple(devices.values())
        self.counted = tuple(filter(self._device_filter.includes, self.listed))

    # Guests

    @callback
    def async_show_guest(self, device: Device, until: datetime) -> None:
        """Show a device until a time."""
        now = dt_util.utcnow()
        self.guests.add(device.id, until, now)
        self.async_remember([device])
        self._show([self._naming.device(device)], now)

    @callback
    def async_end_visits(self) -> None:
        """Remove the guests whose time is over, unless the user has chosen them meanwhile."""
        over = self._visitors - self.guests.until(dt_util.utcnow()).keys()
        self._visitors -= over
        self.async_forget(over)

    @callback
    def async_forget(self, device_ids: Iterable[str]) -> None:
        """Remove devices that the user has removed, until the next list contains them again."""
        gone = set(device_ids)
        self._keep_listed({device.id: device for device in self.listed if device.id not in gone})
        for device_id in gone:
            was_absent = self.absent.pop(device_id, None) is not None
            if self.fleet.pop(device_id, None) is not None or was_absent:
                self._listeners.async_mark_inventory_changed()

    # Schemas

    @callback
    def forget_schema(self, schema_id: str) -> None:
        """Fetch a schema again when the devices are described next."""
        self._schemas.forget(schema_id)

    async def async_describe(self) -> None:
        """Describe the devices by their schemas, and fetch those first that are missing or due.

        Raises `AuthFailed` and `RateLimited`.
        """
        await self._schemas.async_fetch([state.device for state in self.fleet.values()])
        for state in self.fleet.values():
            if (schema := self._schemas.of(state.device)) is not None:
                self._describe(state, schema)

    def _describe(self, state: DeviceState, schema: Schema) -> None:
        keys = {datapoint.key for datapoint in schema.datapoints}
        for datapoint in self._restored.pop(state.device.id, ()):
            if datapoint.key not in keys:  # the vendor has removed it since
                state.datapoints.pop(datapoint.key, None)
        if changed := state.describe(schema):
            self._listeners.async_mark_inventory_changed()
            self._listeners.async_mark_values_changed(state, changed)


def _names(places: Mapping[str, Place]) -> dict[str, str]:
    return {place.id: place.name for place in places.values()}
