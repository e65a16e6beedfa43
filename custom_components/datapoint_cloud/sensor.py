"""Sensors: read-only datapoints, and the figures of the account and its products."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .clouds.model import DataType
from .coordinator import DatapointCoordinator
from .describe import Description
from .entity import DatapointEntity, async_add_entities_of_devices, descriptions_for
from .figures import async_add_figures
from .fleet import DeviceState

if TYPE_CHECKING:
    from . import DatapointConfigEntry

PARALLEL_UPDATES = 0

_LONGEST_STATE = 255


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of an account."""
    async_add_figures(entry, async_add_entities)
    async_add_entities_of_devices(entry, async_add_entities, _sensors_of)


def _sensors_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DatapointSensor]:
    return (
        DatapointSensor(coordinator, state.device.id, description)
        for description in descriptions_for(state, Platform.SENSOR)
    )


class DatapointSensor(DatapointEntity, SensorEntity):
    """A datapoint that is only read."""

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, description: Description) -> None:
        super().__init__(coordinator, device_id, description)
        self._attr_native_unit_of_measurement = description.unit
        self._attr_state_class = description.state_class
        if description.device_class is not None:
            self._attr_device_class = SensorDeviceClass(description.device_class)

    @property
    @override
    def native_value(self) -> StateType:
        value = self.shown_value
        if self._description.datapoint.data_type is DataType.NUMBER:
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        return None if value is None else str(value)[:_LONGEST_STATE]

    @property
    @override
    def options(self) -> list[str] | None:
        datapoint = self._description.datapoint
        if datapoint.data_type is not DataType.ENUM:
            return None
        # Newer firmware knows values that the schema does not: they are shown, not lost.
        value = self.native_value
        return [*datapoint.options, *([str(value)] if value is not None and value not in datapoint.options else [])]
