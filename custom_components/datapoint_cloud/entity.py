"""What all entities share: one datapoint or one fact of a device, told by the coordinator when it changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .accounts import subentry_of
from .clouds.model import Datapoint, Device, Value
from .coordinator import DatapointCoordinator
from .device_registry import device_info, part_info
from .fleet.description import Description
from .fleet.device_state import DeviceState
from .fleet.listeners import EntityKey

if TYPE_CHECKING:
    from .runtime import DatapointConfigEntry


class DeviceEntity(CoordinatorEntity[DatapointCoordinator]):
    """A fact of one device."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, key: str) -> None:
        super().__init__(coordinator, EntityKey(device_id, key))
        self._device_id = device_id
        self._key = key
        self._attr_unique_id = unique_id_of(coordinator, device_id, key)
        self._attr_device_info = device_info(device_id)

    @property
    def state_of_device(self) -> DeviceState | None:
        """What is known of the device; None once it is gone."""
        return self.coordinator.fleet.get(self._device_id)

    @property
    @override
    def available(self) -> bool:
        state = self.state_of_device
        return state is not None and state.is_available

    def name_of(self, datapoint: Datapoint) -> str:
        """The cloud's name of a datapoint, in the language of the installation where the cloud speaks it."""
        return self._name_in_language(datapoint) or datapoint.name

    def _name_in_language(self, datapoint: Datapoint) -> str | None:
        language = self.coordinator.hass.config.language.lower()
        return datapoint.names.get(language) or datapoint.names.get(language.partition("-")[0])


def unique_id_of(coordinator: DatapointCoordinator, device_id: str, key: str) -> str:
    """The unique id of the entity that shows a datapoint or a fact of a device."""
    return f"{coordinator.account_id}_{device_id}_{key}"


class DatapointEntity(DeviceEntity):
    """One datapoint."""

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, description: Description) -> None:
        super().__init__(coordinator, device_id, description.datapoint.key)
        self._first_description = description
        self._attr_name = self._name_in_language(description.datapoint) or description.name
        self._attr_entity_category = description.category
        self._attr_entity_registry_enabled_default = description.is_enabled
        if (part := description.datapoint.part) is not None:
            self._attr_device_info = part_info(coordinator.hass, coordinator.config_entry, device_id, part)

    @property
    def description(self) -> Description:
        """How the datapoint is described now: limits, options and units may change while it is shown."""
        return self._description_now or self._first_description

    @property
    def _description_now(self) -> Description | None:
        """None where the datapoint, or its device, is gone or has become what another platform shows."""
        state = self.state_of_device
        now = None if state is None else state.descriptions.get(self._key)
        return now if now is not None and now.platform is self._first_description.platform else None

    @property
    @override
    def available(self) -> bool:
        return super().available and self._description_now is not None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        entry = self.registry_entry
        # Else what Home Assistant remembers of the unit is what it was when the entity was added.
        if entry is not None and entry.unit_of_measurement != self.unit_of_measurement:
            registry = er.async_get(self.hass)
            registry.async_update_entity(self.entity_id, unit_of_measurement=self.unit_of_measurement)
        super()._handle_coordinator_update()

    @property
    def shown_value(self) -> Value | None:
        """The value in the unit shown; None while it is unknown."""
        state = self.state_of_device
        value = None if state is None else state.value(self._key)
        return value if isinstance(value, bool | str | None) else scaled(value, self.description.scale)

    async def async_write(self, value: Value) -> None:
        """Ask the device for another value."""
        await self.coordinator.config_entry.runtime_data.commands.async_write(self._device_id, {self._key: value})


def scaled(value: float, scale: float) -> float:
    """Multiply without the noise of binary fractions: 185 × 0.1 is 18.5."""
    return value if scale == 1.0 else round(value * scale, 10)


@dataclass(frozen=True, slots=True)
class _Made:
    """The entities of a device that a platform has, and what they were made of."""

    device: Device
    descriptions: Mapping[str, Description]
    unique_ids: frozenset[str | None]


type _Make = Callable[[DatapointCoordinator, DeviceState], Iterable[DeviceEntity]]


@callback
def async_add_entities_of_devices(
    entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback, make: _Make
) -> None:
    """Add the entities that `make` finds for each device, now and whenever devices or datapoints come.

    Entities of devices that are gone are forgotten, so that they are added again should the device come back.
    """
    coordinator = entry.runtime_data.coordinator
    made: dict[str, _Made] = {}  # by device id

    @callback
    def add_new() -> None:
        of_subentry: dict[str | None, list[Entity]] = defaultdict(list)
        ready = {state.device.id: state for state in coordinator.ready()}
        for gone in made.keys() - ready.keys():
            del made[gone]
        for device_id, state in ready.items():
            before = made.get(device_id)
            if before is not None and before.device is state.device and before.descriptions is state.descriptions:
                continue
            entities = {entity.unique_id: entity for entity in make(coordinator, state)}
            known = before.unique_ids if before is not None else frozenset()
            # An entity whose datapoint another platform shows for a while is unavailable, but not gone.
            made[device_id] = _Made(state.device, state.descriptions, known | frozenset(entities))
            if new := [entity for unique_id, entity in entities.items() if unique_id not in known]:
                of_subentry[subentry_of(entry, state.device.scope)] += new
        for subentry_id, entities_of_subentry in of_subentry.items():
            async_add_entities(entities_of_subentry, config_subentry_id=subentry_id)

    async_add_with_inventory(entry, add_new)


@callback
def async_add_with_inventory(entry: DatapointConfigEntry, add: CALLBACK_TYPE) -> None:
    """Call `add` now and whenever devices or datapoints come."""

    @callback
    def add_new() -> None:
        # What came while the account is unloaded would outlive its platform, and be in the way of the next set-up.
        if entry.state is not ConfigEntryState.UNLOAD_IN_PROGRESS:
            add()

    add()
    entry.async_on_unload(entry.runtime_data.coordinator.listeners.async_add_for_inventory(add_new))


def descriptions_for(state: DeviceState, platform: Platform) -> Iterable[Description]:
    """The datapoints of the device that this platform shows."""
    return (description for description in state.descriptions.values() if description.platform is platform)
