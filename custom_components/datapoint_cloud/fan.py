"""Fans: pumps and fans that run at a speed or in one of several ways."""

import math
from typing import Any, override

from homeassistant.components.fan import FanEntity
from homeassistant.components.fan.const import FanEntityFeature
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .clouds.model import Value
from .composite import COMPOSITE, CompositeEntity, async_add_composites
from .profiles.roles import OFF
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device

_FULL = 100  # percent


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the fans of an account."""
    async_add_composites(entry, async_add_entities, Platform.FAN, DatapointFan)


class DatapointFan(CompositeEntity, FanEntity):
    """A device that moves air or water. It stands still at the speed 0."""

    _attr_translation_key = COMPOSITE
    _speed_before: float | None = None
    """The speed when it was last turned off from here, for a device that knows no other way than the speed 0."""

    @property
    @override
    def supported_features(self) -> FanEntityFeature:
        features = FanEntityFeature(0)
        if self._has_switch or self._has_speed or self._can_be_off_by_preset:
            features |= FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF
        if self._has_speed:
            features |= FanEntityFeature.SET_SPEED
        if self.preset_modes:
            features |= FanEntityFeature.PRESET_MODE
        if self.can_switch("oscillating"):
            features |= FanEntityFeature.OSCILLATE
        if self.options_of("direction"):
            features |= FanEntityFeature.DIRECTION
        return features

    # On and off

    @property
    def _has_switch(self) -> bool:
        return self.can_switch("on")

    @property
    def _can_be_off_by_preset(self) -> bool:
        return OFF in self.options_of("preset")

    @property
    @override
    def is_on(self) -> bool | None:
        speed = self.number_of("percentage")
        if self.has("on"):
            is_on = self.flag_of("on")
            return speed != 0 if is_on else is_on
        if self.has("percentage"):
            return None if speed is None else speed > 0
        preset = self.option_of("preset")
        return None if preset is None else preset != OFF

    @override
    async def async_turn_on(self, percentage: int | None = None, preset_mode: str | None = None, **kwargs: Any) -> None:
        if percentage == 0:
            await self.async_turn_off()
            return
        values = self.values_of_flag("on", is_on=True) if self._has_switch else {}
        if percentage is not None:
            values |= self._values_of_percentage(percentage)
        elif self._has_speed and (not self._has_switch or self.number_of("percentage") == 0):
            values |= self.values_of_number(self.composite.roles["percentage"], self._speed_before or self._least)
        if preset_mode is None and not values and self.preset_modes:
            preset_mode = self.preset_modes[0]
        if preset_mode is not None:
            values |= self.values_of_option("preset", preset_mode)
        await self.async_write(values)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        if self._has_switch:
            await self.async_write(self.values_of_flag("on", is_on=False))
        elif self._has_speed:
            self._speed_before = self.number_of("percentage")
            await self.async_write(self.composite.roles["percentage"].values_of_number(0))
        else:
            await self.async_write(self.values_of_option("preset", OFF))

    # Speed

    @property
    def _has_speed(self) -> bool:
        return self.can_write("percentage") and self._greatest > 0

    @property
    def _greatest(self) -> float:
        """The full speed, in the numbers of the device."""
        return self.composite.roles["percentage"].sources[0].maximum or 0.0

    @property
    def _step(self) -> float:
        return self.composite.roles["percentage"].sources[0].step or 1.0

    @property
    def _least(self) -> float:
        """The slowest speed at which it runs, in the numbers of the device."""
        least = self.composite.roles["percentage"].sources[0].minimum
        return least if least is not None and least > 0 else self._step

    @property
    @override
    def speed_count(self) -> int:
        return max(1, round(self._greatest / self._step)) if self._has_speed else _FULL

    @property
    @override
    def percentage(self) -> int | None:
        if self.is_on is False:
            return 0
        speed = self.number_of("percentage")
        return None if speed is None or not self._greatest else round(speed * _FULL / self._greatest)

    @override
    async def async_set_percentage(self, percentage: int) -> None:
        await self.async_turn_on(percentage)

    def _values_of_percentage(self, percentage: int) -> dict[str, Value]:
        """Return the values to write for a percentage of the full speed.

        Raises a translated error for one that the device cannot run at, if its own numbers are percentages.
        """
        speed: float = percentage
        if self._greatest != _FULL:
            steps = math.ceil(round(percentage * self._greatest / _FULL / self._step, 6))
            speed = max(self._least, min(steps * self._step, self._greatest))
        return self.values_of_number(self.composite.roles["percentage"], speed)

    # Presets, oscillation and direction

    @property
    @override
    def preset_mode(self) -> str | None:
        preset = self.option_of("preset")
        return None if preset == OFF else preset

    @property
    @override
    def preset_modes(self) -> list[str]:
        return [option for option in self.options_of("preset") if option != OFF]

    @override
    async def async_set_preset_mode(self, preset_mode: str) -> None:
        await self.async_write(self.values_of_option("preset", preset_mode))

    @property
    @override
    def oscillating(self) -> bool | None:
        return self.flag_of("oscillating")

    @override
    async def async_oscillate(self, oscillating: bool) -> None:
        await self.async_write(self.values_of_flag("oscillating", is_on=oscillating))

    @property
    @override
    def current_direction(self) -> str | None:
        return self.word_of("direction")

    @override
    async def async_set_direction(self, direction: str) -> None:
        await self.async_write(self.values_of_option("direction", direction))
