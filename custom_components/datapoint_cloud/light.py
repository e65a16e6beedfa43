"""Lights: lamps with a brightness, a color or effects, and lamps whose channels are dimmed together."""

from collections.abc import Sequence
from typing import Any, Final, override

from homeassistant.components.light import LightEntity
from homeassistant.components.light.const import (
    ATTR_BRIGHTNESS,
    ATTR_COLOR_TEMP_KELVIN,
    ATTR_EFFECT,
    ATTR_RGB_COLOR,
    ATTR_RGBW_COLOR,
    DEFAULT_MAX_KELVIN,
    DEFAULT_MIN_KELVIN,
    EFFECT_OFF,
    ColorMode,
    LightEntityFeature,
)
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .clouds.model import Value
from .composite import COMPOSITE, CompositeEntity, async_add_composites
from .light_mix import Mix, levels_of, mix_of
from .profiles.roles import Role
from .runtime import DatapointConfigEntry

PARALLEL_UPDATES = 0  # commands are put in order for each device

_FULL: Final = 255
_COLORS: Final = ("red", "green", "blue")
_COLORS_AND_WHITE: Final = (*_COLORS, "white")


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the lights of an account."""
    async_add_composites(entry, async_add_entities, Platform.LIGHT, DatapointLight)


class DatapointLight(CompositeEntity, LightEntity):
    """A lamp. If it has no brightness of its own, the one of its strongest channel is shown."""

    _attr_translation_key = COMPOSITE
    _mix: Mix | None = None
    """The mix of its channels when they were last dimmed from here."""
    _brightness_before: float = 1.0
    """The brightness when it was last turned off from here, for a lamp that has no switch."""

    @property
    @override
    def supported_features(self) -> LightEntityFeature:
        return LightEntityFeature.EFFECT if self.effect_list else LightEntityFeature(0)

    @property
    @override
    def supported_color_modes(self) -> set[ColorMode]:
        modes: set[ColorMode] = set()
        if (color := self._color_mode) is not None:
            modes.add(color)
        if self.has("color_temp"):
            modes.add(ColorMode.COLOR_TEMP)
        return modes or {ColorMode.BRIGHTNESS if self.has("brightness") or self._channels else ColorMode.ONOFF}

    @property
    @override
    def color_mode(self) -> ColorMode:
        modes = self.supported_color_modes
        if len(modes) == 1:
            return next(iter(modes))
        color = self._color_mode
        return color if color is not None and any(self._color(_COLORS)) else ColorMode.COLOR_TEMP

    @property
    def _color_mode(self) -> ColorMode | None:
        if not all(self.has(name) for name in _COLORS):
            return None
        return ColorMode.RGBW if self.has("white") else ColorMode.RGB

    # On and off

    @property
    @override
    def is_on(self) -> bool | None:
        if self.has("on"):
            return self.flag_of("on")
        brightness = self._brightness
        return None if brightness is None else brightness > 0

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        values = self.values_of_flag("on", is_on=True) if self.can_switch("on") else {}
        adjusted: dict[str, Value] = {}
        brightness = kwargs[ATTR_BRIGHTNESS] / _FULL if ATTR_BRIGHTNESS in kwargs else None
        color = kwargs.get(ATTR_RGBW_COLOR) or kwargs.get(ATTR_RGB_COLOR)
        if color is not None:
            adjusted |= self._values_of_color(color, brightness)
        elif brightness is not None:
            adjusted |= self._values_of_brightness(brightness)
        if ATTR_COLOR_TEMP_KELVIN in kwargs:
            adjusted |= self.values_of_number(self.composite.roles["color_temp"], kwargs[ATTR_COLOR_TEMP_KELVIN])
        if ATTR_EFFECT in kwargs:
            adjusted |= self.values_of_option("effect", kwargs[ATTR_EFFECT])
        elif adjusted and self._has_effect:
            adjusted |= self.values_of_option("effect", EFFECT_OFF)  # else the effect would dim it again
        if not values | adjusted and not self.is_on:
            adjusted = self._values_of_brightness(self._brightness_before)
        await self.async_write(values | adjusted)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        if self.can_switch("on"):
            await self.async_write(self.values_of_flag("on", is_on=False))
            return
        if brightness := self._brightness:
            self._brightness_before = brightness
        await self.async_write(self._values_of_brightness(0))

    # Brightness

    @property
    @override
    def brightness(self) -> int | None:
        brightness = self._brightness
        return None if brightness is None else min(_FULL, round(brightness * _FULL))

    @property
    def _brightness(self) -> float | None:
        """The brightness from 0 to 1; None while it is unknown."""
        if self.has("brightness"):
            return self._level(self.composite.roles["brightness"])
        levels = [self._level(channel) for channel in self._channels]
        return max((level for level in levels if level is not None), default=None)

    @property
    def _channels(self) -> list[Role]:
        """The channels that are dimmed together."""
        roles = self.composite.roles
        named = (roles[name] for name in _COLORS_AND_WHITE if name in roles)
        channels = {channel.keys: channel for channel in (*self.composite.levels, *named)}
        return [channel for channel in channels.values() if channel.is_writable and _greatest(channel) > 0]

    def _level(self, role: Role) -> float | None:
        """How much a channel gives of what it can give, from 0 to 1; None while it is unknown."""
        number = self.number(role)
        return None if number is None or not _greatest(role) else max(0.0, number / _greatest(role))

    def _values_of_brightness(self, brightness: float) -> dict[str, Value]:
        if self.has("brightness"):
            (level,) = levels_of((1.0,), brightness, [_step(self.composite.roles["brightness"])])
            return self._values_of_level(self.composite.roles["brightness"], level)
        channels = [channel for channel in self._channels if self._level(channel) is not None] or self._channels
        if not channels:  # it only tells whether it is on
            raise self.refusal(next(iter(self.composite.roles.values())).sources[0])
        levels = [self._level(channel) or 0.0 for channel in channels]
        self._mix = mix_of(levels, [_step(channel) for channel in channels], self._mix)
        return self._values_of_mix(channels, self._mix, brightness)

    def _values_of_mix(self, channels: Sequence[Role], mix: Mix, brightness: float) -> dict[str, Value]:
        values: dict[str, Value] = {}
        levels = levels_of(mix, brightness, [_step(channel) for channel in channels])
        for channel, level in zip(channels, levels, strict=True):
            values |= self._values_of_level(channel, level)
        return values

    def _values_of_level(self, role: Role, level: float) -> dict[str, Value]:
        number = round(level * _greatest(role), 6)
        return self.values_of_number(role, max(number, role.sources[0].minimum or 0.0))

    # Color

    @property
    @override
    def rgb_color(self) -> tuple[int, int, int] | None:
        red, green, blue = self._color(_COLORS) or (None, None, None)
        return None if red is None or green is None or blue is None else (red, green, blue)

    @property
    @override
    def rgbw_color(self) -> tuple[int, int, int, int] | None:
        red, green, blue, white = self._color(_COLORS_AND_WHITE) or (None, None, None, None)
        return None if red is None or green is None or blue is None or white is None else (red, green, blue, white)

    def _color(self, names: Sequence[str]) -> list[int]:
        """The levels of channels from 0 to 255; they are those at full brightness if nothing else dims them."""
        roles = self.composite.roles
        levels = [level for name in names if name in roles and (level := self._level(roles[name])) is not None]
        if len(levels) < len(names):
            return []
        top = 1.0 if self.has("brightness") else max(levels) or 1.0
        return [min(_FULL, round(level / top * _FULL)) for level in levels]

    def _values_of_color(self, color: Sequence[int], brightness: float | None) -> dict[str, Value]:
        channels = [self.composite.roles[name] for name in _COLORS_AND_WHITE[: len(color)]]
        if self.has("brightness"):
            mix = tuple(part / _FULL for part in color)
            values = {} if brightness is None else self._values_of_brightness(brightness)
            return values | self._values_of_mix(channels, mix, 1.0)
        top = max(color) or 1
        mix = tuple(part / top for part in color)
        return self._values_of_mix(channels, mix, self._brightness or 1.0 if brightness is None else brightness)

    # Color temperature

    @property
    @override
    def color_temp_kelvin(self) -> int | None:
        kelvin = self.number_of("color_temp")
        return None if kelvin is None else round(kelvin)

    @property
    @override
    def min_color_temp_kelvin(self) -> int:
        role = self.composite.roles.get("color_temp")
        return round((role and role.sources[0].minimum) or DEFAULT_MIN_KELVIN)

    @property
    @override
    def max_color_temp_kelvin(self) -> int:
        role = self.composite.roles.get("color_temp")
        return round((role and role.sources[0].maximum) or DEFAULT_MAX_KELVIN)

    # Effects

    @property
    @override
    def effect(self) -> str | None:
        return self.option_of("effect")

    @property
    @override
    def effect_list(self) -> list[str]:
        return self.options_of("effect")

    @property
    def _has_effect(self) -> bool:
        """Whether an effect is on that can be ended."""
        return EFFECT_OFF in self.effect_list and self.effect not in (None, EFFECT_OFF)


def _greatest(role: Role) -> float:
    """The number of a channel that gives all it can."""
    return role.sources[0].maximum or 0.0


def _step(role: Role) -> float:
    """The smallest difference between two levels of a channel."""
    return (role.sources[0].step or 1.0) / (_greatest(role) or 1.0)
