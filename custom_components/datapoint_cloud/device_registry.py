"""Keeps the device registry in step with the fleet, and maps between the cloud's ids and the registry's.

It does not know entities.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import CONNECTION_NETWORK_MAC, ChildDeviceInfo, DeviceEntryType, DeviceInfo
from homeassistant.helpers.typing import UNDEFINED

from .clouds.model import Device, Part
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .entries import account_type_of, scopes_of, subentry_of, words_of_account
from .fleet.device_state import DeviceState
from .fleet.events import DeviceAdded, DeviceRemoved
from .fleet.loss_log import log_removed


def unique_id_of(coordinator: DatapointCoordinator, device_id: str, key: str) -> str:
    """Return the unique id of the entity that shows a datapoint or another fact of a device."""
    return f"{coordinator.account_id}_{device_id}_{key}"


def device_info(device_id: str) -> DeviceInfo:
    """Link an entity to a device that `async_sync_devices` has registered."""
    return DeviceInfo(identifiers={(DOMAIN, device_id)})


def place_device_id(coordinator: DatapointCoordinator, place_id: str) -> str:
    """Return the id of the device that represents a customer or a site."""
    return f"{coordinator.account_id}_{place_id}"


def scope_device_id(coordinator: DatapointCoordinator, scope_id: str) -> str:
    """Return the id of the device that represents a scope: the scope itself, if it is a device of the fleet."""
    return scope_id if scope_id in coordinator.fleet else f"{coordinator.account_id}_{scope_id}"


def holder_ids(coordinator: DatapointCoordinator, device: Device) -> set[str]:
    """Return the ids of the devices that represent what a device belongs to: its account, scope, customer and site."""
    places = (place_id for place_id in (device.site_id, device.customer_id) if place_id is not None)
    scope = set() if device.scope is None else {scope_device_id(coordinator, device.scope)}
    return {coordinator.account_id, *scope, *(place_device_id(coordinator, place_id) for place_id in places)}


@callback
def part_info(hass: HomeAssistant, entry: ConfigEntry, device_id: str, part: Part) -> ChildDeviceInfo:
    """Link an entity to a part of a device."""
    parent_id = dr.async_get_device_id_by_identifier(hass, (DOMAIN, device_id), config_entry_id=entry.entry_id)
    return ChildDeviceInfo(identifiers={(DOMAIN, f"{device_id}_{part.id}")}, name=part.name, parent_device_id=parent_id)


@callback
def known_device_ids(hass: HomeAssistant, entry: ConfigEntry) -> set[str]:
    """Return the cloud's ids of the registered devices, without usage queries that the user has removed."""
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    scopes = scopes_of(entry)
    return {
        device_id
        for device in registered
        for device_id in ids_of(device)
        if device.entry_type is not DeviceEntryType.SERVICE or device_id in scopes
    }


@callback
def async_sync_devices(hass: HomeAssistant, entry: ConfigEntry, coordinator: DatapointCoordinator) -> None:
    """Register the account, its scopes, customers, sites and devices, and remove the devices that are gone."""
    registry = dr.async_get(hass)
    is_known = registry.async_get_device_by_identifier((DOMAIN, coordinator.account_id), entry.entry_id) is not None
    _register_services(registry, entry, coordinator)
    _register_places(registry, entry, coordinator)
    devices = [state.device for state in coordinator.fleet.values()]
    macs = Counter(device.mac for device in devices)
    for device in _parents_first(devices):
        gateway = None
        if device.gateway_id is not None:
            gateway = registry.async_get_device_by_identifier((DOMAIN, device.gateway_id), entry.entry_id)
        # The registry would merge two devices with the same MAC address.
        has_own_mac = device.mac is not None and macs[device.mac] == 1
        # The first devices of an account are no news: the user has just added it.
        if is_known and not device.is_service:
            _mark_if_new(registry, entry, coordinator, device)
        registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=subentry_of(entry, device.scope),
            identifiers={(DOMAIN, device.id)},
            connections={(CONNECTION_NETWORK_MAC, device.mac)} if device.mac and has_own_mac else set(),
            entry_type=DeviceEntryType.SERVICE if device.is_service else None,
            name=device.name or device.serial_number or device.id,
            manufacturer=_maker(coordinator, device),
            model=device.model,
            model_id=device.model_id,
            serial_number=device.serial_number,
            sw_version=device.sw_version,
            hw_version=device.hw_version,
            suggested_area=device.site,
            via_device_id=gateway.id if gateway else None,
        )
    _remove_gone(registry, entry, coordinator)


def _mark_if_new(
    registry: dr.DeviceRegistry, entry: ConfigEntry, coordinator: DatapointCoordinator, device: Device
) -> None:
    if registry.async_get_device_by_identifier((DOMAIN, device.id), entry.entry_id) is None:
        coordinator.listeners.async_mark_events(device.id, [DeviceAdded()])


def _maker(coordinator: DatapointCoordinator, device: Device) -> str | None:
    profile = coordinator.fleet[device.id].profile
    return profile.manufacturer or device.manufacturer or account_type_of(coordinator.config_entry).maker


def _register_services(registry: dr.DeviceRegistry, entry: ConfigEntry, coordinator: DatapointCoordinator) -> None:
    maker, words = account_type_of(entry).maker, words_of_account(entry)
    registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, coordinator.account_id)},
        entry_type=DeviceEntryType.SERVICE,
        name=entry.title if words is None else UNDEFINED,
        translation_key=None if words is None else "account",
        translation_placeholders=words,
        manufacturer=maker,
    )
    for scope in coordinator.cloud.scopes:
        device_id = scope_device_id(coordinator, scope.id)
        if device_id in coordinator.fleet:
            continue
        registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=subentry_of(entry, scope.id),
            identifiers={(DOMAIN, device_id)},
            entry_type=DeviceEntryType.SERVICE,
            # A cloud that has not sent the name of a scope yet calls it by its id.
            name=coordinator.naming.text(scope.name) if scope.name != scope.id else coordinator.scope_name(scope.id),
            manufacturer=maker,
        )


def _register_places(registry: dr.DeviceRegistry, entry: ConfigEntry, coordinator: DatapointCoordinator) -> None:
    places = coordinator.inventory.places
    device_ids: dict[str, str] = {}  # of the registry, by place
    for place in places.values():  # customers come before their sites
        device = registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, place_device_id(coordinator, place.id))},
            entry_type=DeviceEntryType.SERVICE,
            translation_key=place.kind,
            translation_placeholders={"name": place.name},
            manufacturer=account_type_of(entry).maker,
            via_device_id=device_ids.get(place.customer_id or ""),
        )
        device_ids[place.id] = device.id


def _parents_first(devices: Iterable[Device]) -> Iterator[Device]:
    """Sort gateways before the devices behind them: a parent has to be registered before it is named."""
    waiting = {device.id: device for device in devices}
    while waiting:
        ready = [device for device in waiting.values() if device.gateway_id not in waiting]
        # If gateways name each other in a circle, none of them is first.
        for device in ready or list(waiting.values()):
            del waiting[device.id]
            yield device


def _remove_gone(registry: dr.DeviceRegistry, entry: ConfigEntry, coordinator: DatapointCoordinator) -> None:
    kept = {*_service_ids(coordinator), *coordinator.fleet, *coordinator.inventory.absent}
    registered = dr.async_entries_for_config_entry(registry, entry.entry_id)
    gone = [device for device in registered if not ids_of(device) & kept]
    if gone:
        log_removed(coordinator.name, [device.name_by_user or device.name or device.id for device in gone])
    for device in gone:
        registry.async_remove_device(device.id)
        if device.entry_type is not DeviceEntryType.SERVICE:
            removed = DeviceRemoved(device.id, device.name_by_user or device.name or device.id)
            coordinator.listeners.async_mark_events(next(iter(ids_of(device))), [removed])


def _service_ids(coordinator: DatapointCoordinator) -> set[str]:
    """Return the ids of the devices that represent the account, its scopes, customers and sites."""
    return {
        coordinator.account_id,
        *(scope_device_id(coordinator, scope.id) for scope in coordinator.cloud.scopes),
        *(place_device_id(coordinator, place_id) for place_id in coordinator.inventory.places),
    }


def ids_of(device: dr.AnyDeviceEntry) -> set[str]:
    """Return the cloud's ids of a registered device."""
    return {identifier for domain, identifier in device.identifiers if domain == DOMAIN}


@callback
def find_state(hass: HomeAssistant, coordinator: DatapointCoordinator, device: dr.AnyDeviceEntry) -> DeviceState | None:
    """Return the state of a registered device, or of the device that a part belongs to; None if the fleet lacks it."""
    if isinstance(device, dr.ChildDeviceEntry):
        parent = dr.async_get(hass).async_get(device.parent_device_id)
        return None if parent is None else find_state(hass, coordinator, parent)
    return next((state for device_id in ids_of(device) if (state := coordinator.fleet.get(device_id))), None)


@callback
def is_listed(device: dr.AnyDeviceEntry, coordinator: DatapointCoordinator) -> bool:
    """Whether the cloud still lists the device, so that it would be added again after its removal."""
    ids = ids_of(device)
    if isinstance(device, dr.ChildDeviceEntry):
        parts = {
            f"{device_id}_{part.id}"
            for device_id, state in coordinator.fleet.items()
            for description in state.descriptions.values()
            if (part := description.datapoint.part) is not None
        }
        return bool(ids & parts)
    listed = {device.id for device in coordinator.inventory.listed}
    return bool(ids & (listed | _service_ids(coordinator)))
