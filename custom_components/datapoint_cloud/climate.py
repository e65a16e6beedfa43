"""Thermostats: devices that heat or cool to a temperature, or by presets."""

from typing import Any, override

from homeassistant.components.climate import DEFAULT_MAX_TEMP, DEFAULT_MIN_TEMP, ClimateEntity
from homeassistant.components.climate.const import (
    ATTR_HVAC_MODE,
    ATTR_TARGET_TEMP_HIGH,
    ATTR_TARGET_TEMP_LOW,
    DOMAIN,
    ClimateEntityFeature,
    HVACAction,
    HVACMode,
)
from homeassistant.const import ATTR_TEMPERATURE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .clouds.model import Value
from .composite import COMPOSITE, async_add_composites
from .fleet.naming import key_of
from .runtime import DatapointConfigEntry
from .temperatures import TemperatureEntity

PARALLEL_UPDATES = 0  # commands are put in order for each device


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the thermostats of an account."""
    async_add_composites(entry, async_add_entities, Platform.CLIMATE, DatapointClimate)


class DatapointClimate(TemperatureEntity, ClimateEntity):
    """A device that heats or cools."""

    _attr_translation_key = COMPOSITE
    _usual_limits = (DEFAULT_MIN_TEMP, DEFAULT_MAX_TEMP)

    @property
    @override
    def supported_features(self) -> ClimateEntityFeature:
        offered = {
            ClimateEntityFeature.TARGET_TEMPERATURE: self.can_write(self._target),
            ClimateEntityFeature.TARGET_TEMPERATURE_RANGE: self.can_write("high") and self.can_write("low"),
            ClimateEntityFeature.PRESET_MODE: bool(self.preset_modes),
            ClimateEntityFeature.FAN_MODE: bool(self.fan_modes),
            ClimateEntityFeature.SWING_MODE: bool(self.swing_modes),
            ClimateEntityFeature.TURN_ON | ClimateEntityFeature.TURN_OFF: self.can_be_off,
        }
        features = ClimateEntityFeature(0)
        for feature, is_offered in offered.items():
            features |= feature if is_offered else ClimateEntityFeature(0)
        return features

    # Modes

    @property
    @override
    def hvac_modes(self) -> list[HVACMode]:
        words = self.options_of("mode")
        on: list[HVACMode] = [mode for mode in HVACMode if mode in words and mode is not HVACMode.OFF]
        if not on:  # it only tells its mode, or has none
            mode = self.hvac_mode
            on = [HVACMode.HEAT if mode in (None, HVACMode.OFF) else mode]
        return [HVACMode.OFF, *on] if self.can_be_off else on

    @property
    @override
    def hvac_mode(self) -> HVACMode | None:
        mode = self.mode_in_force(HVACMode.HEAT)
        return None if mode is None else HVACMode(mode)

    @property
    @override
    def hvac_action(self) -> HVACAction | None:
        if not self.has("action"):
            return None
        if self.hvac_mode is HVACMode.OFF:
            return HVACAction.OFF
        return None if (word := self.word_of("action")) is None else HVACAction(word)

    @override
    async def async_set_hvac_mode(self, hvac_mode: HVACMode) -> None:
        await self.async_write(self.values_of_mode(hvac_mode))

    @override
    async def async_turn_on(self) -> None:
        await self.async_write(self.values_of_turning_on(HVACMode.HEAT_COOL, HVACMode.HEAT, HVACMode.COOL))

    @override
    async def async_turn_off(self) -> None:
        await self.async_write(self.values_of_mode(HVACMode.OFF))

    # Temperatures

    @property
    def _target(self) -> str:
        """The role of the target that counts: of two, it may be the one of the chosen preset or of the mode."""
        # Also while it is off: the mode that it keeps says what it will be set to.
        return self._target_in(self.word_of("mode") if self.has("mode") else None)

    def _target_in(self, mode: str | None) -> str:
        """Return the role of the target that counts in a mode."""
        if self.has("target") or not self.composite.in_force:
            return "target"
        by_word = {key_of(word): role for word, role in self.composite.in_force.items()}
        return next((by_word[word] for word in (self.preset_mode, mode) if word in by_word), "target")

    @property
    @override
    def _targets(self) -> tuple[str, ...]:
        return super()._targets if self._target == "target" else (self._target,)

    @property
    @override
    def target_temperature(self) -> float | None:
        return self._temperature(self._target)

    @property
    @override
    def target_temperature_high(self) -> float | None:
        return self._temperature_beside("high")

    @property
    @override
    def target_temperature_low(self) -> float | None:
        return self._temperature_beside("low")

    def _temperature_beside(self, role: str) -> float | None:
        """Return one of two targets. While one of them counts alone, both would be taken for a range it keeps to."""
        return self._temperature(role) if self._target == "target" else None

    @property
    @override
    def current_humidity(self) -> float | None:
        return self.number_of("humidity")

    @override
    async def async_set_temperature(self, **kwargs: Any) -> None:
        values: dict[str, Value] = {}
        target = self._target
        if (mode := kwargs.get(ATTR_HVAC_MODE)) is not None:
            self._valid_mode_or_raise("hvac", mode, self.hvac_modes)
            values = self.values_of_mode(mode)
            target = self._target_in(mode)
            if kwargs.get(ATTR_TEMPERATURE) is not None and not self.has(target):
                # None of the two targets counts alone in this mode.
                raise ServiceValidationError(
                    translation_domain=DOMAIN, translation_key="missing_target_temperature_entity_feature"
                )
        targets = {ATTR_TEMPERATURE: target, ATTR_TARGET_TEMP_HIGH: "high", ATTR_TARGET_TEMP_LOW: "low"}
        temperatures = {role: kwargs[key] for key, role in targets.items() if kwargs.get(key) is not None}
        await self.async_write(values | self.values_of_temperatures(temperatures))

    # Presets, fan and swing

    @property
    @override
    def preset_mode(self) -> str | None:
        return self.option_of("preset")

    @property
    @override
    def preset_modes(self) -> list[str]:
        return self.options_of("preset")

    @override
    async def async_set_preset_mode(self, preset_mode: str) -> None:
        await self.async_write(self.values_of_option("preset", preset_mode))

    @property
    @override
    def fan_mode(self) -> str | None:
        return self.option_of("fan")

    @property
    @override
    def fan_modes(self) -> list[str]:
        return self.options_of("fan")

    @override
    async def async_set_fan_mode(self, fan_mode: str) -> None:
        await self.async_write(self.values_of_option("fan", fan_mode))

    @property
    @override
    def swing_mode(self) -> str | None:
        return self.option_of("swing")

    @property
    @override
    def swing_modes(self) -> list[str]:
        return self.options_of("swing")

    @override
    async def async_set_swing_mode(self, swing_mode: str) -> None:
        await self.async_write(self.values_of_option("swing", swing_mode))
