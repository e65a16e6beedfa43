"""Selects: writable datapoints with a list of values, each with a key that Home Assistant translates."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.select import SelectEntity
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
    """Add the selects of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _selects_of)


def _selects_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DatapointSelect]:
    return (
        DatapointSelect(coordinator, state.device.id, description)
        for description in descriptions_for(state, Platform.SELECT)
    )


class DatapointSelect(DatapointEntity, SelectEntity):
    """A datapoint that the user sets to one of its values."""

    _attr_translation_key = "option"

    @property
    @override
    def options(self) -> list[str]:
        return list(self.description.options)

    @property
    @override
    def current_option(self) -> str | None:
        shown = self.shown_value
        return shown if isinstance(shown, str) and shown in self.description.options else None

    @override  # type: ignore[misc]
    async def async_handle_select_option(self, option: str) -> None:
        # Automations may call an option by the vendor's word for it, which was its name in earlier versions.
        await super().async_handle_select_option(self.description.key_of_option(option) or option)

    @override
    async def async_select_option(self, option: str) -> None:
        await self.async_write(self.description.options[option])
