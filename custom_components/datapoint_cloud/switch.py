"""Switches: writable datapoints that are on or off."""

from collections.abc import Iterable
from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DatapointCoordinator
from .entity import DatapointEntity, async_add_entities_of_devices, descriptions_for
from .fleet.device_state import DeviceState
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switches of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _switches_of)


def _switches_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DatapointSwitch]:
    return (
        DatapointSwitch(coordinator, state.device.id, description)
        for description in descriptions_for(state, Platform.SWITCH)
    )


class DatapointSwitch(DatapointEntity, SwitchEntity):
    """A datapoint that the user turns on and off."""

    @property
    @override
    def is_on(self) -> bool | None:
        value = self.shown_value
        return value if isinstance(value, bool) else None

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.async_write(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.async_write(False)
