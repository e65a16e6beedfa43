"""The temperatures of a device that heats or cools: their unit, their limits, and how they are set.

It does not know as what Home Assistant shows the device.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from homeassistant.const import UnitOfTemperature
from homeassistant.util.unit_conversion import TemperatureConverter

from .clouds.model import Value
from .composite import CompositeEntity
from .profiles.roles import Source

_TARGETS = ("target", "high", "low")
_UNITS = frozenset(UnitOfTemperature)


class TemperatureEntity(CompositeEntity):
    """An entity with a current and a target temperature."""

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
        steps = (abs(source.scale) if source.step is None else source.step for source in self._targets)
        return self.composite.step or next(steps, None)

    @property
    def min_temp(self) -> float:
        """The lowest target."""
        return self._limits[0]

    @property
    def max_temp(self) -> float:
        """The highest target."""
        return self._limits[1]

    def values_of_temperatures(self, temperatures: Mapping[str, float | None]) -> dict[str, Value]:
        """Return the values to write for targets by their roles. Raises a translated error for an impossible one."""
        values: dict[str, Value] = {}
        for name, temperature in temperatures.items():
            if temperature is not None:
                values |= self.values_of_number(self.composite.roles[name], temperature)
        return values

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

    @property
    def _limits(self) -> tuple[float, float]:
        """The narrowest limits that the profile, the schema and the device itself give."""
        limits = self.composite.limits
        known = [limits[unit] for unit in (None, self._unit) if unit in limits]
        known += [
            (source.minimum, source.maximum)
            for source in self._targets
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
    def _targets(self) -> list[Source]:
        return list(self._sources(*_TARGETS))

    def _sources(self, *names: str) -> Iterator[Source]:
        roles = self.composite.roles
        return (roles[name].sources[0] for name in names if name in roles)
