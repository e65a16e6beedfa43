"""Decides which entity shows a datapoint, with tables and pure functions.

The vendor's schema decides, and a profile adds what a schema cannot say. Keys are used for one guess alone: a long
numbered series is a time table, whose entities are disabled at first, unless its members are switches.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import assert_never

from homeassistant.components.number import NumberDeviceClass, NumberMode
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import (
    EntityCategory,
    Platform,
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

from ..clouds.model import Datapoint, DataType, Reading, Role, Value
from ..profiles.model import Profile, Refinement, ShownAs
from .naming import Naming, key_of

LONGEST_STATE = 255
"""Characters: Home Assistant rejects a longer state."""
_ENABLED_OF_A_PART = 12
_SERIES = 6  # from this number of siblings on, a numbered series is a time table or a row of counters
_MOST_SWITCHES = 16  # of a series: the outlets of a board or the heads of a pump, and no time table
_LEAST_COLOR_TEMPERATURE = 1_000  # kelvin
_SILENT = timedelta(days=1)
_STEPS_OF_A_SLIDER = 200
_READ_ONLY = frozenset({ShownAs.SENSOR, ShownAs.BINARY_SENSOR})
_USEFUL = frozenset({Role.STATUS, Role.ACTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatapointDescription:
    """How a datapoint is shown. The cloud's number is multiplied by `scale` for this.

    `options` maps the key of each option to the vendor's word for it. New entity ids are made from `object_name`.
    """

    datapoint: Datapoint
    platform: Platform
    name: str
    object_name: str
    naming: Naming = field(repr=False, compare=False)
    device_class: str | None = None
    unit: str | None = None
    state_class: SensorStateClass | None = None
    category: EntityCategory | None = None
    mode: NumberMode = NumberMode.AUTO
    scale: float = 1.0
    is_enabled: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    def shown_option(self, value: Value) -> str:
        """Return the key of a value. Newer firmware may report values that the schema lacks."""
        key = next((key for key, option in self.options.items() if option == value), None)
        if key is not None:
            return key
        return self.naming.unknown_option_key(value) if isinstance(value, str) else str(value)

    def vendors_value(self, value: Value) -> Value:
        """Return the vendor's word for an option. Any other value stays as it is: the cloud checks it."""
        key = self.key_of_option(value) if isinstance(value, str) else None
        return value if key is None else self.options[key]

    def key_of_option(self, word: str) -> str | None:
        """Return the key of an option that a user calls by its key, its English name or the vendor's word."""
        for key, option in self.options.items():
            if word in (key, option):
                return key
        plain = word.strip()
        spelled = (key for key, option in self.options.items() if plain in (key, option.strip()))
        return next(spelled, None) or next((key for key in self.options if key == key_of(plain) != ""), None)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a vendor's word for a unit means.

    A number is a measurement unless its unit says that it counts, even if it has no unit at all: without a state class
    and a unit, Home Assistant's activity log would list every change.
    """

    symbol: str
    device_class: SensorDeviceClass | None = None
    state_class: SensorStateClass = SensorStateClass.MEASUREMENT


_COUNTER = SensorStateClass.TOTAL_INCREASING
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
        *(SensorDeviceClass.DURATION, SensorDeviceClass.VOLUME_FLOW_RATE),
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
)
_OTHER_WORDS = {
    "°C": ("DEGREE CELSIUS", "DEGREES CELSIUS", "℃"),
    "°F": ("DEGREE FAHRENHEIT",),
    "%": ("PERCENT", "PERCENTAGE"),
    "Ah": ("AMPERE HOUR",),
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
# Upper case would make them a thousand million times as much.
_MILLI = frozenset({"mW", "mWh", "mJ"})


def describe(
    datapoints: Iterable[Datapoint], readings: Mapping[str, Reading], profile: Profile, naming: Naming
) -> dict[str, DatapointDescription]:
    """Describe all datapoints of one device, by key."""
    descriptions = {
        datapoint.key: _describe_one(datapoint, profile.refinement(datapoint.key), naming) for datapoint in datapoints
    }
    enabled = _enabled(descriptions.values(), readings)
    return {
        key: description if key in enabled else replace(description, is_enabled=False)
        for key, description in descriptions.items()
    }


def _describe_one(datapoint: Datapoint, refined: Refinement, naming: Naming) -> DatapointDescription:
    plain = DatapointDescription(
        datapoint=datapoint,
        platform=Platform.SENSOR,
        name=refined.name or naming.name(datapoint),
        object_name=refined.name or naming.object_name(datapoint),
        naming=naming,
        scale=refined.scale or 1.0,
    )
    is_control = datapoint.is_writable and refined.shown_as not in _READ_ONLY
    match datapoint.role:
        case Role.ALARM:
            return replace(
                plain, platform=Platform.BINARY_SENSOR, device_class="problem", category=EntityCategory.DIAGNOSTIC
            )
        case Role.ACTION if is_control:
            return replace(plain, platform=Platform.BUTTON)
        case Role.MAINTENANCE if is_control:
            return replace(plain, platform=Platform.BUTTON, category=EntityCategory.CONFIG)
        case Role.INTERNAL:
            return replace(_of_type(plain, refined, is_control=is_control), category=EntityCategory.DIAGNOSTIC)
        case _:
            return _of_type(plain, refined, is_control=is_control)


def _of_type(plain: DatapointDescription, refined: Refinement, *, is_control: bool) -> DatapointDescription:
    datapoint = plain.datapoint
    match datapoint.data_type:
        case DataType.BOOL:
            platform = Platform.SWITCH if is_control else Platform.BINARY_SENSOR
            plain = replace(plain, platform=platform, device_class=refined.device_class)
        case DataType.ENUM:
            platform, device_class = (
                (Platform.SELECT, None) if is_control else (Platform.SENSOR, SensorDeviceClass.ENUM)
            )
            options = plain.naming.option_keys(datapoint.options)
            plain = replace(plain, platform=platform, device_class=device_class, options=options)
        case DataType.NUMBER if is_control and datapoint.minimum is not None and datapoint.maximum is not None:
            plain = _number(plain, refined, datapoint.maximum - datapoint.minimum)
        case DataType.NUMBER:
            plain = _sensor(plain, refined)
        case DataType.BINARY:
            plain = replace(plain, category=EntityCategory.DIAGNOSTIC)
        case DataType.TEXT:
            pass
        case _ as unreachable:
            assert_never(unreachable)
    return plain


def _number(plain: DatapointDescription, refined: Refinement, span: float) -> DatapointDescription:
    is_wide = span / (plain.datapoint.step or 1.0) > _STEPS_OF_A_SLIDER
    unit = _unit_of(plain.datapoint)
    device_class = refined.device_class or (None if refined.unit else unit.device_class)
    return replace(
        plain,
        platform=Platform.NUMBER,
        device_class=NumberDeviceClass(device_class) if device_class else None,
        unit=refined.unit or unit.symbol or None,
        mode=NumberMode.BOX if is_wide else NumberMode.AUTO,
    )


def _sensor(plain: DatapointDescription, refined: Refinement) -> DatapointDescription:
    unit = _unit_of(plain.datapoint)
    shown = refined.unit or unit.symbol or None
    if refined.state_class:
        state_class: SensorStateClass | None = SensorStateClass(refined.state_class)
    elif plain.datapoint.is_difference and shown is not None:
        state_class = None
    elif refined.unit or refined.device_class:
        state_class = _state_class_of(refined.device_class)
    else:
        state_class = unit.state_class
    if refined.unit or refined.device_class or refined.state_class:
        return replace(plain, device_class=refined.device_class, unit=shown, state_class=state_class)
    device_class = None if plain.datapoint.is_difference else unit.device_class
    return replace(plain, device_class=device_class, unit=shown, state_class=state_class)


def _state_class_of(device_class: str | None) -> SensorStateClass | None:
    """Return the state class of a number whose device class a profile gives."""
    if device_class in _METERED:
        return _COUNTER
    if device_class is None:
        return SensorStateClass.MEASUREMENT
    allowed = DEVICE_CLASS_STATE_CLASSES[SensorDeviceClass(device_class)]
    return SensorStateClass.MEASUREMENT if SensorStateClass.MEASUREMENT in allowed else None


def _unit_of(datapoint: Datapoint) -> _Unit:
    unit = _unit(datapoint.unit)
    # The color of a light is no temperature that Home Assistant may convert.
    is_color = unit.symbol == UnitOfTemperature.KELVIN and (datapoint.maximum or 0) >= _LEAST_COLOR_TEMPERATURE
    return replace(unit, device_class=None) if is_color else unit


def _unit(word: str | None) -> _Unit:
    symbol = word if word in _MILLI else _SYMBOL_OF_WORD.get(_normalized(word or ""))
    if symbol is None:
        return _Unit(word or "")  # an unknown word is shown as it is
    device_class = _DEVICE_CLASSES.get(symbol)
    return _Unit(symbol, device_class, _COUNTER if device_class in _COUNTED else SensorStateClass.MEASUREMENT)


def _enabled(descriptions: Iterable[DatapointDescription], readings: Mapping[str, Reading]) -> set[str]:
    """Choose the datapoints whose entities are enabled at first: the useful ones, never all of a long list."""
    candidates = [
        description
        for description in descriptions
        if description.datapoint.role in _USEFUL and description.datapoint.data_type is not DataType.BINARY
    ]
    series = Counter(_family(description.datapoint) for description in candidates)
    others = {_family(found.datapoint) for found in candidates if found.platform is not Platform.SWITCH}
    newest = max((reading.taken_at for reading in readings.values() if reading.taken_at), default=None)
    siblings = Counter((description.datapoint.part, _numbered(description.name)) for description in candidates)
    # Meters come first for the energy dashboard, and totals before the phases that they add up.
    candidates.sort(
        key=lambda description: (
            description.state_class is not _COUNTER,
            siblings[description.datapoint.part, _numbered(description.name)] > 1,
            description.state_class is None,
        )
    )
    enabled: set[str] = set()
    of_part: Counter[str | None] = Counter()
    for description in candidates:
        datapoint = description.datapoint
        part = datapoint.part.id if datapoint.part else None
        if datapoint.service is None:
            # A product's schema lists what its device is for. Only its long series stay disabled.
            family = _family(datapoint)
            if series[family] < _SERIES or (series[family] <= _MOST_SWITCHES and family not in others):
                enabled.add(datapoint.key)
            continue
        if description.unit is None or of_part[part] >= _ENABLED_OF_A_PART:
            continue
        reading = readings.get(datapoint.key)
        taken_at = reading.taken_at if reading else None
        if newest is not None and (taken_at is None or newest - taken_at > _SILENT):
            continue
        of_part[part] += 1
        enabled.add(datapoint.key)
    if not enabled:
        # All datapoints are one series: the relays of a board, or the contents of a usage query.
        named = [description.datapoint.key for description in candidates if description.datapoint.service is None]
        enabled.update(named[:_ENABLED_OF_A_PART])
    return enabled


def _family(datapoint: Datapoint) -> str:
    shape = _numbered(datapoint.key)
    # A key without a number is a family of its own.
    return shape if "#" in shape else datapoint.key


def _numbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)
