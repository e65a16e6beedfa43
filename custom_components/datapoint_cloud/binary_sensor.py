"""Binary sensors: read-only switches, alarms, and each device's connectivity, problem and profile."""

from collections.abc import Iterable, Mapping
from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .composite import CompositeEntity, composites_for
from .coordinator import DatapointCoordinator
from .disconnect_reasons import LAST_DISCONNECT_REASON
from .entity import DatapointEntity, DeviceEntity, async_add_entities_of_devices, descriptions_for
from .fleet.device_state import DeviceState
from .fleet.presentation import CONNECTIVITY, PROBLEM, PROFILE
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0

_LAST_ONLINE = "last_online"


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _binary_sensors_of)


def _binary_sensors_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DeviceEntity]:
    if not state.device.is_service:
        yield Connectivity(coordinator, state.device.id)
    if state.device.is_profile_current is not None:
        yield Profile(coordinator, state.device.id)
    if state.presentation.alarms or state.device.has_flags:
        yield Problem(coordinator, state.device.id)
    for description in descriptions_for(state, Platform.BINARY_SENSOR):
        yield DatapointBinarySensor(coordinator, state.device.id, description)
    for composite in composites_for(state, Platform.BINARY_SENSOR):
        yield CompositeBinarySensor(coordinator, state.device.id, composite)


class DatapointBinarySensor(DatapointEntity, BinarySensorEntity):
    """A read-only datapoint that is on or off, such as an alarm."""

    @property
    @override
    def device_class(self) -> BinarySensorDeviceClass | None:
        device_class = self.description.device_class
        return None if device_class is None else BinarySensorDeviceClass(device_class)

    @property
    @override
    def is_on(self) -> bool | None:
        value = self.shown_value
        return value if isinstance(value, bool) else None


class CompositeBinarySensor(CompositeEntity, BinarySensorEntity):
    """A fact that a datapoint tells in one of its bits, or several datapoints together."""

    @property
    @override
    def device_class(self) -> BinarySensorDeviceClass | None:
        device_class = self.composite.device_class
        return None if device_class is None else BinarySensorDeviceClass(device_class)

    @property
    @override
    def is_on(self) -> bool | None:
        return self.flag_of("on")


class Connectivity(DeviceEntity, BinarySensorEntity):
    """Whether the device is connected to its cloud. Attributes: when it was last online, why it last went offline."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_translation_key = "connectivity"
    _unrecorded_attributes = frozenset({LAST_DISCONNECT_REASON, _LAST_ONLINE})

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, CONNECTIVITY)

    @property
    @override
    def available(self) -> bool:
        return self.state_of_device is not None

    @property
    @override
    def is_on(self) -> bool | None:
        state = self.state_of_device
        return None if state is None else state.is_connected

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        state = self.state_of_device
        attributes: dict[str, Any] = {}
        if self.coordinator.cloud.history.capabilities.has_online_log:
            attributes[LAST_DISCONNECT_REASON] = None if state is None else state.disconnect_reason
        if state is not None and state.is_connected is False and state.device.last_online is not None:
            attributes[_LAST_ONLINE] = state.device.last_online
        return attributes


class Profile(DeviceEntity, BinarySensorEntity):
    """Whether its cloud keeps a newer profile for the device than the device has."""

    _attr_device_class = BinarySensorDeviceClass.UPDATE
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False
    _attr_translation_key = "profile"

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, PROFILE)

    @property
    @override
    def available(self) -> bool:
        # The cloud knows it, whether the device reports or not.
        return self.state_of_device is not None

    @property
    @override
    def is_on(self) -> bool | None:
        state = self.state_of_device
        is_current = None if state is None else state.device.is_profile_current
        return None if is_current is None else not is_current


class Problem(DeviceEntity, BinarySensorEntity):
    """Whether any alarm of the device is raised. The attribute lists the raised alarms."""

    _attr_device_class = BinarySensorDeviceClass.PROBLEM
    _unrecorded_attributes = frozenset({"active"})

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, PROBLEM)

    @property
    @override
    def is_on(self) -> bool | None:
        state = self.state_of_device
        return None if state is None else state.has_problem

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        state = self.state_of_device
        return {"active": [] if state is None else [self.name_of(alarm) for alarm in state.active_alarms]}
