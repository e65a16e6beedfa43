"""Sensors of an account, its scopes, customers and sites: counts from lists and reports, the oldest reading."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfTime
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
from .fleet import reports
from .fleet.listeners import ACCOUNT
from .fleet.places import Place
from .runtime import DatapointConfigEntry
from .statistics.schedule import ImportStatus

_NOTICEABLE_DELAY = timedelta(minutes=15)
_NOTICEABLE_SHARE = 0.02
_MOST_ENABLED_PLACES = 200
"""Of more customers, or more sites, all sensors are disabled when they are added."""


@dataclass(frozen=True, kw_only=True)
class AccountSensorDescription(SensorEntityDescription):
    """A sensor of an account, or of a scope, a customer or a site.

    `value_fn` gets the devices that belong to it. `reported` is the report that has the value, and the count's name in
    it: for a sensor without `value_fn`, and for the others where reports take the place of the list of devices.
    """

    value_fn: Callable[[DatapointCoordinator, Sequence[Device]], StateType | datetime] | None = None
    reported: tuple[str, str] | None = None
    exists_fn: Callable[[DatapointCoordinator], bool] = lambda _: True
    is_noticeable_fn: Callable[[Any, Any], bool] = operator.ne
    """Whether a user would notice the difference between the shown and the current value."""
    attributes_fn: Callable[[DatapointCoordinator], Mapping[str, Any] | None] = lambda _: None


def _oldest_reading(coordinator: DatapointCoordinator, _: Sequence[Device]) -> datetime | None:
    states = coordinator.fleet.values()
    return min(
        (state.read_at for state in states if state.device.is_online is not False and state.read_at), default=None
    )


def _has_moved(shown: datetime | None, now: datetime | None) -> bool:
    """Whether the time went back, or ahead by a quarter of an hour: with every poll it moves a little."""
    if shown is None or now is None or now < shown:
        return shown != now
    return now - shown >= _NOTICEABLE_DELAY


def _is_other_interval(shown: int, now: int) -> bool:
    return abs(now - shown) > shown * _NOTICEABLE_SHARE


def _requests_left(coordinator: DatapointCoordinator, _: Sequence[Device]) -> int | None:
    return coordinator.cloud.budget.remaining


def _interval_in_force(coordinator: DatapointCoordinator, _: Sequence[Device]) -> int:
    return round(coordinator.interval_in_force.total_seconds())


def _count(
    is_counted: Callable[[Device], bool | None],
) -> Callable[[DatapointCoordinator, Sequence[Device]], int]:
    return lambda _, devices: sum(bool(is_counted(device)) for device in devices)


def _devices_online(coordinator: DatapointCoordinator, devices: Sequence[Device]) -> int | None:
    """Count the devices that are online; None if that is not known of any device."""
    known = [is_online for device in devices if (is_online := _is_online(coordinator, device)) is not None]
    return sum(known) if known or not devices else None


def _is_online(coordinator: DatapointCoordinator, device: Device) -> bool | None:
    # The connectivity entity is more current than the cloud's list of devices.
    state = coordinator.fleet.get(device.id)
    return device.is_online if state is None or state.is_connected is None else state.is_connected


def _devices_with_alarm(coordinator: DatapointCoordinator, devices: Sequence[Device]) -> int | None:
    """Count the devices with a raised alarm; None if that is not known of any device."""
    states = (coordinator.fleet.get(device.id) for device in devices)
    known = [has_problem for state in states if state is not None and (has_problem := state.has_problem) is not None]
    return sum(known) if known or not devices else None


def _has_only_alarms(coordinator: DatapointCoordinator) -> bool:
    """Whether devices have alarms, but no flags that already count them."""
    return not _has_flags(coordinator) and any(state.alarms for state in coordinator.fleet.values())


def _has_flags(coordinator: DatapointCoordinator) -> bool:
    return coordinator.stands_on_reports or any(device.has_flags for device in coordinator.inventory.counted)


def _has_devices(coordinator: DatapointCoordinator) -> bool:
    return coordinator.stands_on_reports or any(not device.is_service for device in coordinator.inventory.counted)


_ACCOUNT_OR_SCOPE_SENSORS = (
    AccountSensorDescription(
        key="$devices",
        translation_key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda _: True),
        reported=(reports.OVERVIEW, "devices"),
    ),
    AccountSensorDescription(
        key="$online",
        translation_key="devices_online",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_devices_online,
        reported=(reports.OVERVIEW, "online"),
        exists_fn=_has_devices,
    ),
    AccountSensorDescription(
        key="$faulty",
        translation_key="devices_faulty",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda device: device.has_fault),
        reported=(reports.STATUS, "faulty"),
        exists_fn=_has_flags,
    ),
    AccountSensorDescription(
        key="$alerting",
        translation_key="devices_alerting",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_count(lambda device: device.has_alert),
        reported=(reports.STATUS, "alerting"),
        exists_fn=_has_flags,
    ),
)
_REPORTED: Mapping[str, tuple[str, str]] = {
    "devices_activated": (reports.OVERVIEW, "devices"),
    "new_today": (reports.OVERVIEW, "new_today"),
    "new_yesterday": (reports.OVERVIEW, "new_yesterday"),
    "new_7_days": (reports.OVERVIEW, "new_7_days"),
    "new_30_days": (reports.OVERVIEW, "new_30_days"),
    "active_yesterday": (reports.OVERVIEW, "active_yesterday"),
    "active_7_days": (reports.OVERVIEW, "active_7_days"),
    "users": (reports.USERS, "users"),
}
_SCOPE_SENSORS = tuple(
    AccountSensorDescription(
        key=f"${name}", translation_key=name, state_class=SensorStateClass.MEASUREMENT, reported=reported
    )
    for name, reported in _REPORTED.items()
)
"""The sensors of a scope that only reports have."""
_ALARM_SENSOR = AccountSensorDescription(
    key="$with_alarm",
    translation_key="devices_with_alarm",
    state_class=SensorStateClass.MEASUREMENT,
    value_fn=_devices_with_alarm,
    exists_fn=_has_only_alarms,
)
_PLACE_SENSORS = (*_ACCOUNT_OR_SCOPE_SENSORS, _ALARM_SENSOR)
_ACCOUNT_SENSORS = (
    *_PLACE_SENSORS,
    AccountSensorDescription(
        key="$requests_left",
        translation_key="requests_left",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_requests_left,
        exists_fn=lambda coordinator: coordinator.cloud.budget.limit is not None,
    ),
    AccountSensorDescription(
        key="$interval",
        translation_key="interval_in_force",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_interval_in_force,
        is_noticeable_fn=_is_other_interval,
    ),
    AccountSensorDescription(
        key="$oldest_reading",
        translation_key="oldest_reading",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_oldest_reading,
        is_noticeable_fn=_has_moved,
    ),
    AccountSensorDescription(
        key="$history_import",
        translation_key="history_import",
        device_class=SensorDeviceClass.ENUM,
        options=list(ImportStatus),
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda coordinator, _: coordinator.config_entry.runtime_data.imports.status,
        attributes_fn=lambda coordinator: coordinator.config_entry.runtime_data.imports.attributes,
        exists_fn=lambda coordinator: coordinator.cloud.history.capabilities.hours_retention is not None,
    ),
)


@callback
def async_add_account_sensors(entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensors of the account and its places, and of its scopes unless a scope is a device itself."""
    coordinator = entry.runtime_data.coordinator
    inventory = coordinator.inventory
    registry = er.async_get(coordinator.hass)
    added: set[tuple[str | None, str]] = set()  # place (None: the account) and key

    def exists(sensor: AccountSensorDescription) -> bool:
        if sensor.exists_fn(coordinator):
            return True
        # Without devices, the account keeps the sensors it had: they count none.
        unique_id = _unique_id(coordinator.account_id, sensor)
        is_registered = registry.async_get_entity_id(SENSOR_DOMAIN, DOMAIN, unique_id) is not None
        return is_registered and not inventory.counted

    @callback
    def add_new() -> None:
        """Add the sensors that make sense by now: the account's first devices and its places may appear later."""
        existing = {sensor.key: sensor for sensor in _ACCOUNT_SENSORS if exists(sensor)}
        of_places = existing.keys() & {sensor.key for sensor in _PLACE_SENSORS}
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
                [_scope_sensor(coordinator, description, scope.id) for description in _ACCOUNT_OR_SCOPE_SENSORS],
                config_subentry_id=subentry_of(entry, scope.id),
            )


def _unique_id(device_id: str, description: AccountSensorDescription) -> str:
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
                for sensor in _SCOPE_SENSORS
                if (scope.id, sensor.key) not in added and _reported_value(coordinator, scope.id, sensor) is not None
            ]
            added.update((scope.id, sensor.key) for sensor in new)
            if new:
                sensors = [_scope_sensor(coordinator, sensor, scope.id) for sensor in new]
                async_add_entities(sensors, config_subentry_id=subentry_of(entry, scope.id))

    return add_new


def _reported_value(
    coordinator: DatapointCoordinator, scope: str | None, description: AccountSensorDescription
) -> int | None:
    if coordinator.reports is None or description.reported is None:
        return None
    return coordinator.reports.count(scope, *description.reported)


def _current_value(
    coordinator: DatapointCoordinator,
    description: AccountSensorDescription,
    devices: Sequence[Device],
    scope: str | None = None,
) -> StateType | datetime:
    is_reported = description.reported is not None and coordinator.stands_on_reports
    if description.value_fn is None or is_reported:
        return _reported_value(coordinator, scope, description)
    return description.value_fn(coordinator, devices)


def account_figures(coordinator: DatapointCoordinator) -> dict[str, StateType | datetime]:
    """Return what the sensors of an account show, by their translation keys; those without a value are left out."""
    return _figures(coordinator, _ACCOUNT_SENSORS, coordinator.inventory.counted)


def scope_figures(coordinator: DatapointCoordinator, scope: str) -> dict[str, StateType | datetime]:
    """Return the counts of a scope, from lists and reports, by the translation keys of its sensors."""
    devices = [device for device in coordinator.inventory.counted if device.scope == scope]
    return _figures(coordinator, (*_ACCOUNT_OR_SCOPE_SENSORS, *_SCOPE_SENSORS), devices, scope)


def place_figures(coordinator: DatapointCoordinator, place: Place) -> dict[str, StateType | datetime]:
    """Return the counts of a customer or a site, by the translation keys of its sensors."""
    return _figures(coordinator, _PLACE_SENSORS, place.devices)


def _figures(
    coordinator: DatapointCoordinator,
    descriptions: Sequence[AccountSensorDescription],
    devices: Sequence[Device],
    scope: str | None = None,
) -> dict[str, StateType | datetime]:
    values = {
        str(description.translation_key): _current_value(coordinator, description, devices, scope)
        for description in descriptions
        if description.exists_fn(coordinator)
    }
    return {key: value for key, value in values.items() if value is not None}


def _account_sensor(coordinator: DatapointCoordinator, description: AccountSensorDescription) -> AccountSensor:
    return AccountSensor(coordinator, description, coordinator.account_id, lambda: coordinator.inventory.counted)


def _scope_sensor(
    coordinator: DatapointCoordinator, description: AccountSensorDescription, scope: str
) -> AccountSensor:
    def devices() -> list[Device]:
        return [device for device in coordinator.inventory.counted if device.scope == scope]

    return AccountSensor(coordinator, description, scope_device_id(coordinator, scope), devices, scope=scope)


def _place_sensor(
    coordinator: DatapointCoordinator, description: AccountSensorDescription, place_id: str
) -> AccountSensor:
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
    entity_description: AccountSensorDescription

    def __init__(
        self,
        coordinator: DatapointCoordinator,
        description: AccountSensorDescription,
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
        return _current_value(self.coordinator, self.entity_description, self._devices(), self._scope)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        return self.entity_description.attributes_fn(self.coordinator)
