"""Devices that keep a temperature: its unit and limits, the modes, and how both are set.

It does not know as what Home Assistant shows the device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from homeassistant.const import UnitOfTemperature
from homeassistant.util.unit_conversion import TemperatureConverter

from .clouds.model import Value
from .composite import CompositeEntity
from .profiles.roles import OFF, ON, Source

_TARGETS = ("target", "high", "low")
_UNITS = frozenset(UnitOfTemperature)
_PLACES = 6  # of a temperature that Home Assistant has converted


class TemperatureEntity(CompositeEntity):
    """An entity with a current and a target temperature, and perhaps with modes.

    It is off if the datapoint that turns it on says so, or if its mode is "off".
    """

    _usual_limits: ClassVar[tuple[float, float]]
    """The limits in °C that Home Assistant has if nothing is known about those of the device."""

    @property
    def temperature_unit(self) -> str:
        """The unit of all temperatures; where nothing tells it, the one of Home Assistant, which changes no number."""
        return self._unit or self.hass.config.units.temperature_unit

    @property
    def current_temperature(self) -> float | None:
        """The measured temperature."""
        return self._temperature("current")

    @property
    def target_temperature(self) -> float | None:
        """The temperature that the device keeps."""
        return self._temperature("target")

    @property
    def target_temperature_step(self) -> float | None:
        """The smallest difference between two targets."""
        steps = (abs(source.scale) if source.step is None else source.step for source in self._sources(*_TARGETS))
        return self.composite.step or next(steps, None)

    @property
    def min_temp(self) -> float:
        """The lowest target."""
        return self._limits_of(*self._targets)[0]

    @property
    def max_temp(self) -> float:
        """The highest target."""
        return self._limits_of(*self._targets)[1]

    def values_of_temperatures(self, temperatures: Mapping[str, float | None]) -> dict[str, Value]:
        """Return the values to write for targets by their roles. Raises a translated error for an impossible one."""
        values: dict[str, Value] = {}
        for name, temperature in temperatures.items():
            if temperature is not None:
                values |= self._values_of_temperature(name, round(temperature, _PLACES))
        return values

    def _values_of_temperature(self, name: str, temperature: float) -> dict[str, Value]:
        role, (least, greatest) = self.composite.roles[name], self._limits_of(name)
        if least <= temperature <= greatest:
            return self.values_of_number(role, temperature)
        step = self.target_temperature_step
        raise self.refusal(replace(role.sources[0], minimum=least, maximum=greatest, step=step))

    # Modes

    @property
    def can_be_off(self) -> bool:
        """Whether it can be turned off."""
        return self.can_switch("on") or OFF in self.options_of("mode")

    def mode_in_force(self, usual: str) -> str | None:
        """Return the mode, or `usual` for a device without modes that is on; None while it is unknown."""
        is_on = self.flag_of("on") if self.has("on") else True
        if not is_on:
            return None if is_on is None else OFF
        return self.word_of("mode") if self.has("mode") else usual

    def values_of_mode(self, mode: str) -> dict[str, Value]:
        """Return the values to write for a mode. Raises a translated error if it cannot be set.

        A device that has the mode "off" and a switch is turned off by its mode: the switch may be that of a whole spa.
        """
        own_modes = self.options_of("mode")
        is_own = mode in own_modes or (bool(own_modes) and mode != OFF)
        own = self.values_of_option("mode", mode) if is_own else {}
        if mode == OFF:
            return own or self.values_of_flag("on", is_on=False)
        return (self.values_of_flag("on", is_on=True) if self.can_switch("on") else {}) | own

    def values_of_turning_on(self, *modes: str) -> dict[str, Value]:
        """Return the values to turn it on: in the mode that it kept, or in the first of these that it has."""
        own = self.options_of("mode")
        if OFF not in own:
            return self.values_of_flag("on", is_on=True)
        others = [mode for mode in (*modes, *own) if mode in own and mode != OFF]
        return self.values_of_mode(others[0] if others else ON)

    # Limits

    @property
    def _unit(self) -> str | None:
        """None if it is unknown, or not known yet."""
        if self.has("unit"):
            return self.word_of("unit")
        state = self.state_of_device
        descriptions = {} if state is None else state.descriptions
        keys = (key for source in self._sources(*_TARGETS, "current") for key in source.keys)
        units = (descriptions[key].unit for key in keys if key in descriptions)
        return next((unit for unit in units if unit in _UNITS), None)

    def _temperature(self, name: str) -> float | None:
        # A number whose unit is not known yet would be shown converted from the wrong one.
        return None if self.has("unit") and self._unit is None else self.number_of(name)

    def _limits_of(self, *targets: str) -> tuple[float, float]:
        """Return the narrowest limits that the profile, the schema and the device itself give for targets."""
        limits = self.composite.limits
        known = [limits[unit] for unit in (None, self._unit) if unit in limits]
        known += [
            (source.minimum, source.maximum)
            for source in self._sources(*targets)
            if source.minimum is not None and source.maximum is not None
        ]
        if not known:
            known = [self._usual]
        least, greatest = max(low for low, _ in known), min(high for _, high in known)
        own_least, own_greatest = self._temperature("minimum"), self._temperature("maximum")
        low = least if own_least is None else max(least, own_least)
        high = greatest if own_greatest is None else min(greatest, own_greatest)
        return (low, high) if low < high else (least, greatest)  # a device may report limits that exclude each other

    @property
    def _usual(self) -> tuple[float, float]:
        low, high = (
            TemperatureConverter.convert(limit, UnitOfTemperature.CELSIUS, self.temperature_unit)
            for limit in self._usual_limits
        )
        return low, high

    @property
    def _targets(self) -> tuple[str, ...]:
        """The roles of the targets that count now."""
        return _TARGETS

    def _sources(self, *names: str) -> Iterator[Source]:
        roles = self.composite.roles
        return (roles[name].sources[0] for name in names if name in roles)
