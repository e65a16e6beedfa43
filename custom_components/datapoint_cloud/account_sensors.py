"""The sensors that show the figures of an account, its scopes, customers and sites.

It does not know how the figures come about.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.components.sensor import SensorEntity
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .clouds.model import Device
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import device_info, place_device_id, scope_device_id
from .entity import async_add_with_inventory
from .entries import subentry_of
from .figures import (
    ACCOUNT_FIGURES,
    LISTED_FIGURES,
    PLACE_FIGURES,
    REPORTED_FIGURES,
    FigureDescription,
    current_value,
    devices_of_scope,
    reported_value,
)
from .fleet.listeners import ACCOUNT
from .runtime import DatapointConfigEntry

_MOST_ENABLED_PLACES = 200
"""Of more customers, or more sites, all sensors are disabled when they are added."""


@callback
def async_add_account_sensors(entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensors of the account and its places, and of its scopes unless a scope is a device itself."""
    coordinator = entry.runtime_data.coordinator
    inventory = coordinator.inventory
    registry = er.async_get(coordinator.hass)
    added: set[tuple[str | None, str]] = set()  # place (None: the account) and key

    def exists(sensor: FigureDescription) -> bool:
        if sensor.exists_fn(coordinator):
            return True
        # Without devices, the account keeps the sensors it had: they count none.
        unique_id = _unique_id(coordinator.account_id, sensor)
        is_registered = registry.async_get_entity_id(SENSOR_DOMAIN, DOMAIN, unique_id) is not None
        return is_registered and not inventory.counted

    @callback
    def add_new() -> None:
        """Add the sensors that make sense by now: the account's first devices and its places may appear later."""
        existing = {sensor.key: sensor for sensor in ACCOUNT_FIGURES if exists(sensor)}
        of_places = existing.keys() & {sensor.key for sensor in PLACE_FIGURES}
        wanted = {(None, key) for key in existing} | {(place, key) for place in inventory.places for key in of_places}
        new = [
            _account_sensor(coordinator, existing[key])
            if place is None
            else _place_sensor(coordinator, existing[key], place)
            for place, key in wanted - added
        ]
        gone = {(place, key) for place, key in added if place is not None and place not in inventory.places}
        added.update(wanted)
        added.difference_update(gone)
        if new:
            async_add_entities(new)

    async_add_with_inventory(entry, add_new)
    async_add_with_inventory(entry, _adds_reported(entry, async_add_entities))
    for scope in coordinator.cloud.scopes:
        if scope.id not in coordinator.fleet:
            async_add_entities(
                [_scope_sensor(coordinator, description, scope.id) for description in LISTED_FIGURES],
                config_subentry_id=subentry_of(entry, scope.id),
            )


def _unique_id(device_id: str, description: FigureDescription) -> str:
    return f"{device_id}_{description.key}"


def _adds_reported(entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> CALLBACK_TYPE:
    """Return what adds the sensors of reports, each with its first value: many regions and products have none."""
    coordinator = entry.runtime_data.coordinator
    added: set[tuple[str, str]] = set()  # scopes and keys

    @callback
    def add_new() -> None:
        for scope in coordinator.cloud.scopes:
            new = [
                sensor
                for sensor in REPORTED_FIGURES
                if (scope.id, sensor.key) not in added and reported_value(coordinator, scope.id, sensor) is not None
            ]
            added.update((scope.id, sensor.key) for sensor in new)
            if new:
                sensors = [_scope_sensor(coordinator, sensor, scope.id) for sensor in new]
                async_add_entities(sensors, config_subentry_id=subentry_of(entry, scope.id))

    return add_new


def _account_sensor(coordinator: DatapointCoordinator, description: FigureDescription) -> AccountSensor:
    return AccountSensor(coordinator, description, coordinator.account_id, lambda: coordinator.inventory.counted)


def _scope_sensor(coordinator: DatapointCoordinator, description: FigureDescription, scope: str) -> AccountSensor:
    return AccountSensor(
        coordinator,
        description,
        scope_device_id(coordinator, scope),
        lambda: devices_of_scope(coordinator, scope),
        scope=scope,
    )


def _place_sensor(coordinator: DatapointCoordinator, description: FigureDescription, place_id: str) -> AccountSensor:
    places = coordinator.inventory.places

    def devices() -> Sequence[Device]:
        place = coordinator.inventory.places.get(place_id)
        return () if place is None else place.devices

    of_kind = sum(place.kind is places[place_id].kind for place in places.values())
    device_id = place_device_id(coordinator, place_id)
    return AccountSensor(coordinator, description, device_id, devices, is_enabled=of_kind <= _MOST_ENABLED_PLACES)


class AccountSensor(CoordinatorEntity[DatapointCoordinator], SensorEntity):
    """A sensor of the account, or of one of its scopes, customers or sites."""

    _attr_has_entity_name = True
    entity_description: FigureDescription

    def __init__(
        self,
        coordinator: DatapointCoordinator,
        description: FigureDescription,
        device_id: str,
        devices: Callable[[], Sequence[Device]],
        *,
        scope: str | None = None,
        is_enabled: bool = True,
    ) -> None:
        """Belong to the service device `device_id`, and count what `devices` returns or the reports about `scope`."""
        super().__init__(coordinator, ACCOUNT)
        self.entity_description = description
        self._devices = devices
        self._scope = scope
        self._attr_unique_id = _unique_id(device_id, description)
        self._attr_device_info = device_info(device_id)
        self._attr_entity_registry_enabled_default = is_enabled
        self._shown: tuple[object, ...] = ()
        self._value: StateType | datetime = None
        self._has_value = False

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        # Account sensors are notified after every round. Write the state only if it has changed.
        shown = (self.available, self.native_value, self.extra_state_attributes)
        if shown != self._shown:
            self._shown = shown
            super()._handle_coordinator_update()

    @property
    @override
    def native_value(self) -> StateType | datetime:
        value = self._current_value()
        if not self._has_value or self.entity_description.is_noticeable_fn(self._value, value):
            self._value, self._has_value = value, True
        return self._value

    def _current_value(self) -> StateType | datetime:
        return current_value(self.coordinator, self.entity_description, self._devices(), self._scope)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        return self.entity_description.attributes_fn(self.coordinator)
