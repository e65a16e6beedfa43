"""Device trackers: the place of each device whose cloud states one, disabled at first. They put devices on the map."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.device_tracker.entity import TrackerEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DatapointCoordinator
from .entity import DeviceEntity, async_add_entities_of_devices
from .fleet.device_state import DeviceState
from .fleet.presentation import PLACE
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the device trackers of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _trackers_of)


def _trackers_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[Place]:
    if state.device.latitude is not None:
        yield Place(coordinator, state.device.id)


class Place(DeviceEntity, TrackerEntity):
    """The place of a device as it reports it or its cloud states it, also while the device is offline."""

    _attr_translation_key = "place"
    _attr_entity_registry_enabled_default = False

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, PLACE)
        self._update()

    @property
    @override
    def available(self) -> bool:
        return self.state_of_device is not None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._update()
        super()._handle_coordinator_update()

    def _update(self) -> None:
        state = self.state_of_device
        self._attr_latitude = None if state is None else state.device.latitude
        self._attr_longitude = None if state is None else state.device.longitude
