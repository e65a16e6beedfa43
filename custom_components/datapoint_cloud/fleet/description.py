"""Which entity a datapoint becomes: tables and pure functions, no Home Assistant running.

The vendor's schema decides; a profile adds what a schema cannot say. Nothing is guessed from a name but that a long
numbered series is a time table, and even that only decides what is enabled at first.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, count
from typing import assert_never

from homeassistant.components.number import NumberDeviceClass, NumberMode
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES
from homeassistant.const import (
    PERCENTAGE,
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
    UnitOfVolumeFlowRate,
)

from ..clouds.model import Datapoint, DataType, Reading, Role, Value
from ..profiles import Hint, Profile

LONGEST_STATE = 255
"""The characters of the longest state that Home Assistant takes."""
_ENABLED_OF_A_PART = 12
_SERIES = 6  # so many numbered siblings are a time table or a row of counters
_SILENT = timedelta(days=1)
_STEPS_OF_A_SLIDER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """How a datapoint is shown. `scale` is what the cloud's number is multiplied with.

    `options` are the vendor's words for its values, by what is shown of each.
    """

    datapoint: Datapoint
    platform: Platform
    name: str
    device_class: str | None = None
    unit: str | None = None
    state_class: SensorStateClass | None = None
    category: EntityCategory | None = None
    mode: NumberMode = NumberMode.AUTO
    scale: float = 1.0
    is_enabled: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    def shown_option(self, value: Value) -> str:
        """What is shown of a value, which newer firmware may have where the schema does not."""
        shown = (shown for shown, option in self.options.items() if option == value)
        return next(shown, str(value).strip()[:LONGEST_STATE])


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a vendor's word for a unit means.

    Without a state class, and without a unit, each change of a number would stand in the log of activity: it is a
    measurement where nothing says that it counts, also where nothing says what it measures.
    """

    symbol: str
    device_class: SensorDeviceClass | None = None
    state_class: SensorStateClass = SensorStateClass.MEASUREMENT


_COUNTER = SensorStateClass.TOTAL_INCREASING

# Upper case, without blanks, hyphens and underscores. Vendors' words are not listed anywhere: the known spellings of
# the common units stand side by side, and an unknown word is shown as it is.
_UNITS: Mapping[str, _Unit] = {
    **dict.fromkeys(("AMPERE", "A"), _Unit(UnitOfElectricCurrent.AMPERE, SensorDeviceClass.CURRENT)),
    **dict.fromkeys(("MILLIAMPERE", "MA"), _Unit(UnitOfElectricCurrent.MILLIAMPERE, SensorDeviceClass.CURRENT)),
    **dict.fromkeys(("VOLT", "V"), _Unit(UnitOfElectricPotential.VOLT, SensorDeviceClass.VOLTAGE)),
    **dict.fromkeys(("MILLIVOLT", "MV"), _Unit(UnitOfElectricPotential.MILLIVOLT, SensorDeviceClass.VOLTAGE)),
    **dict.fromkeys(("WATT", "W"), _Unit(UnitOfPower.WATT, SensorDeviceClass.POWER)),
    **dict.fromkeys(("KILOWATT", "KW"), _Unit(UnitOfPower.KILO_WATT, SensorDeviceClass.POWER)),
    **dict.fromkeys(("MEGAWATT", "MW"), _Unit(UnitOfPower.MEGA_WATT, SensorDeviceClass.POWER)),
    **dict.fromkeys(("VOLTAMPERE", "VA"), _Unit(UnitOfApparentPower.VOLT_AMPERE, SensorDeviceClass.APPARENT_POWER)),
    **dict.fromkeys(
        ("KILOVOLTAMPERE", "KVA"), _Unit(UnitOfApparentPower.KILO_VOLT_AMPERE, SensorDeviceClass.APPARENT_POWER)
    ),
    **dict.fromkeys(
        ("VOLTAMPEREREACTIVE", "VAR"),
        _Unit(UnitOfReactivePower.VOLT_AMPERE_REACTIVE, SensorDeviceClass.REACTIVE_POWER),
    ),
    **dict.fromkeys(
        ("KILOVOLTAMPEREREACTIVE", "KVAR"),
        _Unit(UnitOfReactivePower.KILO_VOLT_AMPERE_REACTIVE, SensorDeviceClass.REACTIVE_POWER),
    ),
    **dict.fromkeys(("WATTHOUR", "WH"), _Unit(UnitOfEnergy.WATT_HOUR, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("KILOWATTHOUR", "KWH"), _Unit(UnitOfEnergy.KILO_WATT_HOUR, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("MEGAWATTHOUR", "MWH"), _Unit(UnitOfEnergy.MEGA_WATT_HOUR, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("GIGAWATTHOUR", "GWH"), _Unit(UnitOfEnergy.GIGA_WATT_HOUR, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("KILOJOULE", "KJ"), _Unit(UnitOfEnergy.KILO_JOULE, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("MEGAJOULE", "MJ"), _Unit(UnitOfEnergy.MEGA_JOULE, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(("GIGAJOULE", "GJ"), _Unit(UnitOfEnergy.GIGA_JOULE, SensorDeviceClass.ENERGY, _COUNTER)),
    **dict.fromkeys(
        ("KILOVOLTAMPEREREACTIVEHOUR", "KVARH"),
        _Unit(UnitOfReactiveEnergy.KILO_VOLT_AMPERE_REACTIVE_HOUR, SensorDeviceClass.REACTIVE_ENERGY, _COUNTER),
    ),
    **dict.fromkeys(("HERTZ", "HZ"), _Unit(UnitOfFrequency.HERTZ, SensorDeviceClass.FREQUENCY)),
    **dict.fromkeys(
        ("DEGREECELSIUS", "CELSIUS", "DEGREESCELSIUS", "°C", "℃"),
        _Unit(UnitOfTemperature.CELSIUS, SensorDeviceClass.TEMPERATURE),
    ),
    **dict.fromkeys(
        ("DEGREEFAHRENHEIT", "FAHRENHEIT", "°F"), _Unit(UnitOfTemperature.FAHRENHEIT, SensorDeviceClass.TEMPERATURE)
    ),
    **dict.fromkeys(("KELVIN", "K"), _Unit(UnitOfTemperature.KELVIN, SensorDeviceClass.TEMPERATURE)),
    **dict.fromkeys(("PERCENT", "PERCENTAGE", "%"), _Unit(PERCENTAGE)),
    **dict.fromkeys(("AMPEREHOUR", "AH"), _Unit("Ah")),
    **dict.fromkeys(("SECOND", "S"), _Unit(UnitOfTime.SECONDS, SensorDeviceClass.DURATION)),
    **dict.fromkeys(("MINUTE", "MIN"), _Unit(UnitOfTime.MINUTES, SensorDeviceClass.DURATION)),
    **dict.fromkeys(("HOUR", "H"), _Unit(UnitOfTime.HOURS, SensorDeviceClass.DURATION)),
    **dict.fromkeys(("DAY", "DAYS", "D"), _Unit(UnitOfTime.DAYS, SensorDeviceClass.DURATION)),
    **dict.fromkeys(("CUBICMETER", "CUBICMETRE", "M3", "M³"), _Unit(UnitOfVolume.CUBIC_METERS)),
    **dict.fromkeys(("LITER", "LITRE", "L"), _Unit(UnitOfVolume.LITERS)),
    **dict.fromkeys(("CUBICFOOT", "CUBICFEET", "FT3", "FT³"), _Unit(UnitOfVolume.CUBIC_FEET)),
    **dict.fromkeys(("GALLON", "GAL"), _Unit(UnitOfVolume.GALLONS)),
    **dict.fromkeys(
        ("CUBICMETERPERHOUR", "CUBICMETREPERHOUR", "M3/H", "M³/H"),
        _Unit(UnitOfVolumeFlowRate.CUBIC_METERS_PER_HOUR, SensorDeviceClass.VOLUME_FLOW_RATE),
    ),
    **dict.fromkeys(
        ("LITERPERMINUTE", "LITREPERMINUTE", "L/MIN"),
        _Unit(UnitOfVolumeFlowRate.LITERS_PER_MINUTE, SensorDeviceClass.VOLUME_FLOW_RATE),
    ),
}

# What only a meter counts: a profile that says so need not say that it never falls.
_METERED = frozenset({SensorDeviceClass.ENERGY, SensorDeviceClass.GAS, SensorDeviceClass.WATER})

# In upper case they would be a thousand million times as much.
_MILLI: Mapping[str, _Unit] = {
    "mW": _Unit(UnitOfPower.MILLIWATT, SensorDeviceClass.POWER),
    "mWh": _Unit(UnitOfEnergy.MILLIWATT_HOUR, SensorDeviceClass.ENERGY, _COUNTER),
    "mJ": _Unit("mJ"),
}


def describe(
    datapoints: Iterable[Datapoint], readings: Mapping[str, Reading], profile: Profile
) -> dict[str, Description]:
    """Describe all datapoints of one device, by key."""
    descriptions = {
        datapoint.key: _describe_one(datapoint, profile.hints.get(datapoint.key)) for datapoint in datapoints
    }
    enabled = _enabled(descriptions.values(), readings)
    return {
        key: description if key in enabled else replace(description, is_enabled=False)
        for key, description in descriptions.items()
    }


def _describe_one(datapoint: Datapoint, hint: Hint | None) -> Description:
    hint = hint or Hint()
    name = hint.name or datapoint.name.strip() or datapoint.key
    plain = Description(datapoint=datapoint, platform=Platform.SENSOR, name=name, scale=hint.scale)
    if datapoint.role is Role.ALARM:
        return replace(
            plain, platform=Platform.BINARY_SENSOR, device_class="problem", category=EntityCategory.DIAGNOSTIC
        )
    is_control = datapoint.is_writable and not hint.is_measurement
    match datapoint.data_type:
        case DataType.BOOL:
            platform = Platform.SWITCH if is_control else Platform.BINARY_SENSOR
            plain = replace(plain, platform=platform, device_class=hint.device_class)
        case DataType.ENUM if is_control:
            plain = replace(plain, platform=Platform.SELECT, options=_options(datapoint.options))
        case DataType.ENUM:
            plain = replace(plain, device_class=SensorDeviceClass.ENUM, options=_options(datapoint.options))
        case DataType.NUMBER if is_control and datapoint.minimum is not None and datapoint.maximum is not None:
            plain = _number(plain, hint, datapoint.maximum - datapoint.minimum)
        case DataType.NUMBER:
            plain = _sensor(plain, hint)
        case DataType.BINARY:
            plain = replace(plain, category=EntityCategory.DIAGNOSTIC)
        case DataType.TEXT:
            pass
        case _ as unreachable:
            assert_never(unreachable)
    return plain


def _options(labels: tuple[str, ...]) -> dict[str, str]:
    """The labels by what is shown of each: without blanks around it, as long as no other is the same then."""
    plain = Counter(map(_plain, set(labels)))
    options: dict[str, str] = {}
    for index, label in enumerate(dict.fromkeys(labels)):
        own = (_plain(label) if plain[_plain(label)] == 1 else "", label[:LONGEST_STATE])
        # What has nothing of its own to show has a number.
        ways = chain((way for way in own if way.strip()), map(str, count(index)))
        options[next(way for way in ways if way not in options)] = label
    return options


def _plain(label: str) -> str:
    return label.strip()[:LONGEST_STATE]


def _number(plain: Description, hint: Hint, span: float) -> Description:
    is_wide = span / (plain.datapoint.step or 1.0) > _STEPS_OF_A_SLIDER
    return replace(
        plain,
        platform=Platform.NUMBER,
        device_class=NumberDeviceClass(hint.device_class) if hint.device_class else None,
        unit=hint.unit or _unit(plain.datapoint.unit).symbol or None,
        mode=NumberMode.BOX if is_wide else NumberMode.AUTO,
    )


def _sensor(plain: Description, hint: Hint) -> Description:
    unit = _unit(plain.datapoint.unit)
    shown = hint.unit or unit.symbol or None
    if hint.state_class:
        state_class: SensorStateClass | None = SensorStateClass(hint.state_class)
    elif plain.datapoint.is_difference and shown is not None:
        state_class = None
    elif hint.unit or hint.device_class:
        state_class = _state_class_of(hint.device_class)
    else:
        state_class = unit.state_class
    if hint.unit or hint.device_class or hint.state_class:
        return replace(plain, device_class=hint.device_class, unit=shown, state_class=state_class)
    device_class = None if plain.datapoint.is_difference else unit.device_class
    return replace(plain, device_class=device_class, unit=shown, state_class=state_class)


def _state_class_of(device_class: str | None) -> SensorStateClass | None:
    """What is known of a number by its device class alone."""
    if device_class in _METERED:
        return _COUNTER
    if device_class is None:
        return SensorStateClass.MEASUREMENT
    allowed = DEVICE_CLASS_STATE_CLASSES[SensorDeviceClass(device_class)]
    return SensorStateClass.MEASUREMENT if SensorStateClass.MEASUREMENT in allowed else None


def _unit(word: str | None) -> _Unit:
    if not word:
        return _Unit("")
    if (milli := _MILLI.get(word)) is not None:
        return milli
    plain = re.sub(r"[\s_-]", "", word).upper()
    # Words have a plural, symbols have none.
    singular = plain.removesuffix("S") if len(plain) > 3 else plain
    return _UNITS.get(plain) or _UNITS.get(singular) or _Unit(word)


def _enabled(descriptions: Iterable[Description], readings: Mapping[str, Reading]) -> set[str]:
    """Which entities are enabled at first: enough to be useful, never all of a long list."""
    candidates = [
        description
        for description in descriptions
        if description.datapoint.role is Role.STATUS and description.datapoint.data_type is not DataType.BINARY
    ]
    series = Counter(_family(description.datapoint) for description in candidates)
    newest = max((reading.taken_at for reading in readings.values() if reading.taken_at), default=None)
    siblings = Counter((description.datapoint.part, _numbered(description.name)) for description in candidates)
    # Of a long list the totals say more than the phases, and the energy dashboard wants meters.
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
            # The vendor's schema names what the device is made for; only its long series are left out.
            if series[_family(datapoint)] < _SERIES:
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
        # Nothing but a series: the relays of a board, the contents that a usage is counted for.
        named = [description.datapoint.key for description in candidates if description.datapoint.service is None]
        enabled.update(named[:_ENABLED_OF_A_PART])
    return enabled


def _family(datapoint: Datapoint) -> str:
    shape = _numbered(datapoint.key)
    # A name without a number is a family of its own.
    return shape if "#" in shape else datapoint.key


def _numbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)
