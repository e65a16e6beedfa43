"""Events: one for each device with alarms, triggered when an alarm is raised or cleared."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DatapointCoordinator
from .entity import DeviceEntity, async_add_entities_of_devices
from .fleet.device_state import DeviceState
from .fleet.events import AlarmChange, FleetEvent
from .fleet.presentation import ALARM
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _events_of)


def _events_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[AlarmEvent]:
    if state.presentation.alarms:
        yield AlarmEvent(coordinator, state.device.id)


class AlarmEvent(DeviceEntity, EventEntity):
    """The alarms of a device. The event data names the alarm that was raised or cleared."""

    _attr_translation_key = "alarm"

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, ALARM)
        self._attr_event_types = ["raised", "cleared"]

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.listeners.async_add_for_events(self._async_trigger, self._device_id))

    @callback
    def _async_trigger(self, _: str, event: FleetEvent) -> None:
        if not isinstance(event, AlarmChange):
            return
        datapoint = event.datapoint
        self._trigger_event(
            "raised" if event.is_raised else "cleared", {"key": datapoint.key, "name": self.name_of(datapoint)}
        )
        self.async_write_ha_state()
