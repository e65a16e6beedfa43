"""Water heaters: boilers and tanks that keep water at a temperature."""

from typing import Any, override

from homeassistant.components.water_heater import WaterHeaterEntity
from homeassistant.components.water_heater.const import ATTR_OPERATION_MODE, WaterHeaterEntityFeature
from homeassistant.const import ATTR_TEMPERATURE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .clouds.model import Value
from .composite import COMPOSITE, async_add_composites
from .profiles.roles import OFF, ON
from .runtime import DatapointConfigEntry
from .temperatures import TemperatureEntity

PARALLEL_UPDATES = 0  # commands are put in order for each device


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the water heaters of an account."""
    async_add_composites(entry, async_add_entities, Platform.WATER_HEATER, DatapointWaterHeater)


class DatapointWaterHeater(TemperatureEntity, WaterHeaterEntity):
    """A device that heats water. One without modes is on or off."""

    _attr_translation_key = COMPOSITE
    _usual_limits = (43, 60)

    @property
    @override
    def supported_features(self) -> WaterHeaterEntityFeature:
        features = WaterHeaterEntityFeature(0)
        if self.can_write("target"):
            features |= WaterHeaterEntityFeature.TARGET_TEMPERATURE
        if self.can_be_off:
            features |= WaterHeaterEntityFeature.ON_OFF
        if len(self.operation_list) > 1:
            features |= WaterHeaterEntityFeature.OPERATION_MODE
        return features

    @property
    @override
    def operation_list(self) -> list[str]:
        on = [mode for mode in self.options_of("mode") if mode != OFF] or [ON]
        return [OFF, *on] if self.can_be_off else on

    @property
    @override
    def current_operation(self) -> str | None:
        return self.mode_in_force(ON)

    @override
    async def async_set_operation_mode(self, operation_mode: str) -> None:
        await self.async_write(self.values_of_mode(operation_mode))

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.async_write(self.values_of_turning_on())

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.async_write(self.values_of_mode(OFF))

    @override
    async def async_set_temperature(self, **kwargs: Any) -> None:
        values: dict[str, Value] = {}
        if (mode := kwargs.get(ATTR_OPERATION_MODE)) is not None:
            values = self.values_of_mode(mode)
        await self.async_write(values | self.values_of_temperatures({"target": kwargs.get(ATTR_TEMPERATURE)}))
