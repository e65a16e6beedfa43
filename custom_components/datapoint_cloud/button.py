"""Buttons: writable datapoints that make a device do something once, such as feed or restart."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, override

from homeassistant.components.button import ButtonEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DatapointCoordinator
from .entity import DatapointEntity, async_add_entities_of_devices, descriptions_for
from .fleet.device_state import DeviceState

if TYPE_CHECKING:
    from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _buttons_of)


def _buttons_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DatapointButton]:
    return (
        DatapointButton(coordinator, state.device.id, description)
        for description in descriptions_for(state, Platform.BUTTON)
    )


class DatapointButton(DatapointEntity, ButtonEntity):
    """A datapoint that the user triggers; the device clears it by itself."""

    @override
    async def async_press(self) -> None:
        await self.async_write(True)
