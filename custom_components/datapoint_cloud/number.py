"""Numbers: writable datapoints with a range, in engineering units."""

from collections.abc import Iterable
from typing import override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberMode
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DatapointCoordinator
from .entity import DatapointEntity, async_add_entities_of_devices, descriptions_for
from .fleet.device_state import DeviceState
from .profiles.values import scaled
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the numbers of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _numbers_of)


def _numbers_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DatapointNumber]:
    return (
        DatapointNumber(coordinator, state.device.id, description)
        for description in descriptions_for(state, Platform.NUMBER)
    )


class DatapointNumber(DatapointEntity, NumberEntity):
    """A datapoint that the user sets to a number."""

    @property
    @override
    def device_class(self) -> NumberDeviceClass | None:
        device_class = self.description.device_class
        return None if device_class is None else NumberDeviceClass(device_class)

    @property
    @override
    def native_min_value(self) -> float:
        return scaled(self.description.datapoint.minimum or 0.0, self.description.scale)

    @property
    @override
    def native_max_value(self) -> float:
        return scaled(self.description.datapoint.maximum or 0.0, self.description.scale)

    @property
    @override
    def native_step(self) -> float:
        return scaled(self.description.datapoint.step or 1.0, self.description.scale)

    @property
    @override
    def mode(self) -> NumberMode:
        return self.description.mode

    @property
    @override
    def native_value(self) -> float | None:
        return self.shown_number

    @override
    async def async_set_native_value(self, value: float) -> None:
        await self.async_write(scaled(value, 1 / self.description.scale))
