"""The base classes of all entities of devices, and how a platform adds them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import override

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import ATTR_RESTORED, Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .clouds.model import Datapoint, Device, Value
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import device_info, part_info, unique_id_of
from .entries import subentry_of
from .fleet.description import DatapointDescription
from .fleet.device_state import DeviceState
from .fleet.listeners import EntityKey

_PLATFORMS = frozenset(
    {Platform.BINARY_SENSOR, Platform.BUTTON, Platform.NUMBER, Platform.SELECT, Platform.SENSOR, Platform.SWITCH}
)
"""The platforms that can show a datapoint."""


class DeviceEntity(CoordinatorEntity[DatapointCoordinator]):
    """An entity of one device. It is notified only when the fact that it shows has changed."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, key: str) -> None:
        super().__init__(coordinator, EntityKey(device_id, key))
        self._device_id = device_id
        self._key = key
        self._attr_unique_id = unique_id_of(coordinator, device_id, key)
        self._attr_device_info = device_info(device_id)

    @property
    def state_of_device(self) -> DeviceState | None:
        """The state of the device; None once the device is gone."""
        return self.coordinator.fleet.get(self._device_id)

    @property
    @override
    def available(self) -> bool:
        state = self.state_of_device
        return state is not None and state.is_available

    def name_of(self, datapoint: Datapoint) -> str:
        """The name of a datapoint in the user's language."""
        state = self.state_of_device
        description = None if state is None else state.descriptions.get(datapoint.key)
        return self.coordinator.naming.name(datapoint) if description is None else description.name


class DatapointEntity(DeviceEntity):
    """An entity that shows one datapoint."""

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, description: DatapointDescription) -> None:
        super().__init__(coordinator, device_id, description.datapoint.key)
        self._first_description = description
        self._attr_name = description.name
        self._attr_entity_category = description.category
        self._attr_entity_registry_enabled_default = description.is_enabled
        if (part := description.datapoint.part) is not None:
            self._attr_device_info = part_info(coordinator.hass, coordinator.config_entry, device_id, part)

    @property
    @override
    def suggested_object_id(self) -> str | None:
        return self._first_description.object_name

    @property
    def description(self) -> DatapointDescription:
        """The current description: the vendor may change limits, options and units while the entity exists."""
        return self._description_now or self._first_description

    @property
    def _description_now(self) -> DatapointDescription | None:
        """None if the datapoint or its device is gone, or if another platform shows the datapoint by now."""
        state = self.state_of_device
        now = None if state is None else state.descriptions.get(self._key)
        return now if now is not None and now.platform is self._first_description.platform else None

    @property
    @override
    def available(self) -> bool:
        return super().available and self._description_now is not None

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        registry = er.async_get(self.hass)
        for platform in _PLATFORMS - {self.platform.domain}:
            entity_id = registry.async_get_entity_id(platform, DOMAIN, self._attr_unique_id or "")
            state = None if entity_id is None else self.hass.states.get(entity_id)
            # An earlier version showed the datapoint on another platform, where nothing provides it any more.
            if entity_id is not None and state is not None and state.attributes.get(ATTR_RESTORED):
                registry.async_remove(entity_id)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        entry = self.registry_entry
        # Home Assistant itself writes the unit to the registry only when it adds the entity.
        if entry is not None and entry.unit_of_measurement != self.unit_of_measurement:
            registry = er.async_get(self.hass)
            registry.async_update_entity(self.entity_id, unit_of_measurement=self.unit_of_measurement)
        super()._handle_coordinator_update()

    @property
    def shown_value(self) -> Value | None:
        """The value as it is shown: a number in the unit, the key of an option; None while it is unknown."""
        state = self.state_of_device
        return None if state is None else self.description.shown(state.value(self._key))

    @property
    def shown_number(self) -> float | None:
        """The value if it is a number, else None."""
        value = self.shown_value
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def native_unit_of_measurement(self) -> str | None:
        """The unit that sensors and numbers show."""
        return self.description.unit

    async def async_write(self, value: Value) -> None:
        """Send a value to the device. Raises a translated error if its cloud does not accept it."""
        await self.coordinator.config_entry.runtime_data.commands.async_write(self._device_id, {self._key: value})


@dataclass(frozen=True, slots=True)
class _AddedEntities:
    """The entities of one device that a platform has added, and what they were created from."""

    device: Device
    descriptions: Mapping[str, DatapointDescription]
    unique_ids: frozenset[str | None]


type _CreateEntities = Callable[[DatapointCoordinator, DeviceState], Iterable[DeviceEntity]]


@callback
def async_add_entities_of_devices(
    entry: ConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback, create: _CreateEntities
) -> None:
    """Add the entities that `create` returns for each device, now and whenever new devices or datapoints appear.

    If a device disappears and comes back, its entities are added again.
    """
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    added: dict[str, _AddedEntities] = {}  # by device id

    @callback
    def add_new() -> None:
        of_subentry: dict[str | None, list[Entity]] = defaultdict(list)
        ready = {state.device.id: state for state in coordinator.ready()}
        for gone in added.keys() - ready.keys():
            del added[gone]
        for device_id, state in ready.items():
            before = added.get(device_id)
            if before is not None and before.device is state.device and before.descriptions is state.descriptions:
                continue
            entities = {entity.unique_id: entity for entity in create(coordinator, state)}
            known = before.unique_ids if before is not None else frozenset()
            # Keep ids of entities that are not created now: while another platform shows its datapoint, an entity is
            # unavailable, but still there.
            added[device_id] = _AddedEntities(state.device, state.descriptions, known | frozenset(entities))
            if new := [entity for unique_id, entity in entities.items() if unique_id not in known]:
                of_subentry[subentry_of(entry, state.device.scope)] += new
        for subentry_id, entities_of_subentry in of_subentry.items():
            async_add_entities(entities_of_subentry, config_subentry_id=subentry_id)

    async_add_with_inventory(entry, add_new)


@callback
def async_add_with_inventory(entry: ConfigEntry, add: CALLBACK_TYPE) -> None:
    """Call `add` now and whenever new devices or datapoints appear."""

    @callback
    def add_new() -> None:
        # An entity added during unloading would outlive its platform and collide with the next set-up.
        if entry.state is not ConfigEntryState.UNLOAD_IN_PROGRESS:
            add()

    add()
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    entry.async_on_unload(coordinator.listeners.async_add_for_inventory(add_new))


@callback
def async_remove_entities(
    hass: HomeAssistant, entry: ConfigEntry, platform: Platform, is_removed: Callable[[str], bool]
) -> None:
    """Remove the entities of a platform whose unique id passes `is_removed`, also those that are not loaded."""
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.domain == platform and is_removed(entity.unique_id):
            registry.async_remove(entity.entity_id)


def descriptions_for(state: DeviceState, platform: Platform) -> Iterable[DatapointDescription]:
    """The descriptions of the datapoints that this platform shows."""
    return (description for description in state.descriptions.values() if description.platform is platform)
