"""Whose past can be imported: the sensors that have statistics, and the clouds that tell enough for them."""

from dataclasses import dataclass

from homeassistant.components.sensor import SensorStateClass
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from ..clouds.history import Series
from ..clouds.model import DataType
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..entity import unique_id_of
from ..fleet.description import Description
from ..fleet.device_state import DeviceState

_COUNTERS = frozenset({SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING})
_WANTED = frozenset({SensorStateClass.MEASUREMENT}) | _COUNTERS


@dataclass(frozen=True, slots=True)
class Target:
    """A sensor whose past is wanted."""

    entity_id: str
    unique_id: str
    series: Series
    description: Description
    device: DeviceState

    @property
    def is_counter(self) -> bool:
        """Whether its statistics are a running sum."""
        return self.description.state_class in _COUNTERS


def targets_of(hass: HomeAssistant, coordinator: DatapointCoordinator) -> list[Target]:
    """The enabled sensors of an account that have statistics."""
    registry = er.async_get(hass)
    targets: list[Target] = []
    for state in coordinator.fleet.values():
        for description in state.descriptions.values():
            if not _has_statistics(description):
                continue
            unique_id = unique_id_of(coordinator, state.device.id, description.datapoint.key)
            entity_id = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
            entry = registry.async_get(entity_id) if entity_id is not None else None
            if entry is not None and not entry.disabled:
                series = Series(state.device, description.datapoint.key)
                targets.append(Target(entry.entity_id, unique_id, series, description, state))
    return targets


def _has_statistics(description: Description) -> bool:
    return (
        description.platform is Platform.SENSOR
        and description.datapoint.data_type is DataType.NUMBER
        and description.state_class in _WANTED
    )
