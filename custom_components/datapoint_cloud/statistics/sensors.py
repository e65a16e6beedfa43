"""Finds the sensors of an account that have long-term statistics, and so can get rows from the cloud's history."""

from dataclasses import dataclass
from datetime import datetime

from homeassistant.components.sensor import SensorStateClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from ..clouds.history import Series
from ..clouds.model import DataType
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..device_registry import unique_id_of
from ..fleet.description import DatapointDescription
from ..fleet.device_state import DeviceState

_METERS = frozenset({SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING})
_WITH_STATISTICS = frozenset({SensorStateClass.MEASUREMENT}) | _METERS


@dataclass(frozen=True, slots=True)
class StatisticsSensor:
    """An enabled sensor with long-term statistics, and the series of the cloud that it shows."""

    entity_id: str
    unique_id: str
    series: Series
    description: DatapointDescription
    device_state: DeviceState

    @property
    def is_meter(self) -> bool:
        """Whether its statistics have a running sum instead of mean, minimum and maximum."""
        return self.description.state_class in _METERS

    @property
    def is_increasing(self) -> bool:
        """Whether a fall of the value is a reset of the meter."""
        return self.description.state_class is SensorStateClass.TOTAL_INCREASING

    @property
    def current_value(self) -> float | None:
        """The last value as the cloud sent it; None if there is none, or if it is not a number."""
        value = self.device_state.value(self.series.key)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def current_since(self) -> datetime | None:
        """When the period began of which the last value is the total; None if it is none."""
        reading = self.device_state.readings.get(self.series.key)
        return None if reading is None else reading.since


def statistics_sensors(hass: HomeAssistant, coordinator: DatapointCoordinator) -> list[StatisticsSensor]:
    """Return the enabled sensors of an account that have long-term statistics."""
    registry = er.async_get(hass)
    sensors: list[StatisticsSensor] = []
    for state in coordinator.fleet.values():
        for description in state.descriptions.values():
            if not _has_statistics(description):
                continue
            unique_id = unique_id_of(coordinator, state.device.id, description.datapoint.key)
            entity_id = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
            entry = registry.async_get(entity_id) if entity_id is not None else None
            if entry is not None and not entry.disabled:
                series = Series(state.device, description.datapoint.key)
                sensors.append(StatisticsSensor(entry.entity_id, unique_id, series, description, state))
    return sensors


def _has_statistics(description: DatapointDescription) -> bool:
    return (
        description.platform is Platform.SENSOR
        and description.datapoint.data_type is DataType.NUMBER
        and description.state_class in _WITH_STATISTICS
    )
