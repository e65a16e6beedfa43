"""Times of day that a device keeps as an hour and a minute."""

from datetime import time
from typing import override

from homeassistant.components.time import TimeEntity
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .clouds.model import Value
from .composite import CompositeEntity, async_add_composites
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device

_PARTS = ("hour", "minute", "second")


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the times of day of an account."""
    async_add_composites(entry, async_add_entities, Platform.TIME, DatapointTime)


class DatapointTime(CompositeEntity, TimeEntity):
    """A time of day, in the device's own clock."""

    @property
    @override
    def native_value(self) -> time | None:
        hour, minute, second = (self.number_of(name) if self.has(name) else 0 for name in _PARTS)
        if hour is None or minute is None or second is None:
            return None
        try:
            return time(int(hour), int(minute), int(second))
        except ValueError, OverflowError:  # such as 24:60, which some devices report for "never"
            return None

    @override
    async def async_set_value(self, value: time) -> None:
        values: dict[str, Value] = {}
        for name in _PARTS:
            if self.has(name):
                values |= self.values_of_number(self.composite.roles[name], getattr(value, name))
        await self.async_write(values)
