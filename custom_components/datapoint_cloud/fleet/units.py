"""What a vendor's word for a unit means to Home Assistant: its symbol, and the class of the number that has it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import (
    PERCENTAGE,
    UnitOfApparentPower,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfFrequency,
    UnitOfPower,
    UnitOfReactiveEnergy,
    UnitOfReactivePower,
    UnitOfTemperature,
    UnitOfTime,
    UnitOfVolume,
)

from ..clouds.model import Datapoint

COUNTER: Final = SensorStateClass.TOTAL_INCREASING
_LEAST_COLOR_TEMPERATURE: Final = 1_000  # kelvin


@dataclass(frozen=True, slots=True)
class Unit:
    """What a vendor's word for a unit means.

    A number is a measurement unless its unit says that it counts, even if it has no unit at all: without a state class
    and a unit, Home Assistant's activity log would list every change.
    """

    symbol: str
    device_class: SensorDeviceClass | None = None
    state_class: SensorStateClass = SensorStateClass.MEASUREMENT


_COUNTED = frozenset({SensorDeviceClass.ENERGY, SensorDeviceClass.REACTIVE_ENERGY})
# Counted by meters alone: a profile that names one of these classes need not add that the number never falls.
_METERED = frozenset({SensorDeviceClass.ENERGY, SensorDeviceClass.GAS, SensorDeviceClass.WATER})

# Volumes and percentages have none: several device classes share their units.
_DEVICE_CLASSES = {
    symbol: device_class
    for device_class in (
        *(SensorDeviceClass.CURRENT, SensorDeviceClass.VOLTAGE, SensorDeviceClass.FREQUENCY),
        *(SensorDeviceClass.POWER, SensorDeviceClass.APPARENT_POWER, SensorDeviceClass.REACTIVE_POWER),
        *(SensorDeviceClass.ENERGY, SensorDeviceClass.REACTIVE_ENERGY, SensorDeviceClass.TEMPERATURE),
        *(SensorDeviceClass.DURATION, SensorDeviceClass.VOLUME_FLOW_RATE, SensorDeviceClass.PRESSURE),
        SensorDeviceClass.SIGNAL_STRENGTH,
    )
    for symbol in DEVICE_CLASS_UNITS[device_class]
}
_NAMES: Mapping[str, str] = {
    unit.value: unit.name
    for units in (
        *(UnitOfElectricCurrent, UnitOfElectricPotential, UnitOfFrequency, UnitOfTemperature, UnitOfTime, UnitOfVolume),
        *(UnitOfPower, UnitOfApparentPower, UnitOfReactivePower, UnitOfEnergy, UnitOfReactiveEnergy),
    )
    for unit in units
}
_SYMBOLS = (
    *("A", "mA", "V", "mV", "W", "kW", "MW", "VA", "kVA", "var", "kvar", "Hz", "°C", "°F", "K", "s", "min", "h", "d"),
    *("Wh", "kWh", "MWh", "GWh", "kJ", "MJ", "GJ", "kvarh", "%", "Ah", "m³", "L", "ft³", "gal", "m³/h", "L/min"),
    *("varh", "bar", "mbar", "Pa", "kPa", "hPa", "psi", "dBm"),
)
_OTHER_WORDS = {
    "°C": ("DEGREE CELSIUS", "DEGREES CELSIUS", "℃"),
    "°F": ("DEGREE FAHRENHEIT",),
    "%": ("PERCENT", "PERCENTAGE"),
    "Ah": ("AMPERE HOUR",),
    "kvar": ("KILOVAR",),
    "varh": ("VAR HOUR",),
    "kvarh": ("KILOVAR HOUR",),
    "dBm": ("DECIBEL MILLIWATT",),
    "m³": ("CUBIC METRE", "M3"),
    "L": ("LITRE",),
    "ft³": ("CUBIC FOOT", "FT3"),
    "m³/h": ("CUBIC METER PER HOUR", "CUBIC METRE PER HOUR", "M3/H"),
    "L/min": ("LITER PER MINUTE", "LITRE PER MINUTE"),
}


def _normalized(word: str) -> str:
    plain = re.sub(r"[\s_-]", "", word).upper()
    # Words have a plural, symbols have none.
    return plain.removesuffix("S") if len(plain) > 3 else plain


# No vendor lists its words. Symbols and Home Assistant's own names cover most of them.
_SYMBOL_OF_WORD: Mapping[str, str] = {
    _normalized(word): symbol
    for symbol in _SYMBOLS
    for word in (symbol, _NAMES.get(symbol, symbol), *_OTHER_WORDS.get(symbol, ()))
}
_NO_UNITS: Final = frozenset({"KFACTOR", "POWERFACTOR", "NONE", "UNITLESS"})
# Upper case would make them a thousand million times as much.
_MILLI = frozenset({"mW", "mWh", "mJ"})


def unit_of(datapoint: Datapoint) -> Unit:
    """Return what the unit of a datapoint means. An unknown word is shown as it is."""
    unit = _unit(datapoint.unit)
    # The color of a light is no temperature that Home Assistant may convert.
    if datapoint.is_counter:
        unit = replace(unit, state_class=COUNTER)
    if (
        unit.symbol == PERCENTAGE
        and (datapoint.group or "").lower() == "battery"
        and "charge" in datapoint.name.lower()
    ):
        unit = replace(unit, device_class=SensorDeviceClass.BATTERY)
    if datapoint.is_period_total:
        has_totals = SensorStateClass.TOTAL in allowed_state_classes(unit.device_class)
        unit = replace(unit, device_class=unit.device_class if has_totals else None, state_class=SensorStateClass.TOTAL)
    is_color = unit.symbol == UnitOfTemperature.KELVIN and (datapoint.maximum or 0) >= _LEAST_COLOR_TEMPERATURE
    return replace(unit, device_class=None) if is_color else unit


def _unit(word: str | None) -> Unit:
    symbol = word if word in _MILLI else _SYMBOL_OF_WORD.get(_normalized(word or ""))
    if symbol is None:
        return Unit("" if _normalized(word or "") in _NO_UNITS else word or "")
    device_class = _DEVICE_CLASSES.get(symbol)
    return Unit(symbol, device_class, COUNTER if device_class in _COUNTED else SensorStateClass.MEASUREMENT)


def allowed_state_classes(device_class: str | None) -> Collection[SensorStateClass]:
    """Return the state classes that a number of a device class may have."""
    if device_class is None:
        return frozenset(SensorStateClass)
    return DEVICE_CLASS_STATE_CLASSES[SensorDeviceClass(device_class)]


def state_class_of(device_class: str | None) -> SensorStateClass | None:
    """Return the state class of a number whose device class a profile gives."""
    if device_class in _METERED:
        return COUNTER
    has_measurements = SensorStateClass.MEASUREMENT in allowed_state_classes(device_class)
    return SensorStateClass.MEASUREMENT if has_measurements else None


def fitting_class(device_class: str | None, unit: str | None, units: Mapping[Any, Collection[Any]]) -> str | None:
    """Return a class that a profile gives if the entity can have it: it is one of numbers, and its unit is known."""
    if device_class not in units:
        return None
    return device_class if not units[device_class] or unit in units[device_class] else None
