"""What the name and the limits of a number say together: its unit and its class, where its vendor states no unit.

A name alone says too little: what one vendor counts in degrees, another counts in tenths of them. A rule here needs
limits in which only one unit makes sense, such as 5 to 35 for a room. It knows English names, the words of a few other
languages for temperature and power, and no product.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ..clouds.model import Datapoint, DataType
from ..profiles.model import UNREFINED, Refinement
from ..profiles.roles import Role, Source
from ..vocabulary import is_chinese

_FAHRENHEIT: Final = re.compile(r"華氏|华氏|℉|°\s?F\b|fahrenheit|(?<![a-z])f_?flag", re.IGNORECASE)
_FAHRENHEIT_OPTION: Final = re.compile(rf"{_FAHRENHEIT.pattern}|^F$", re.IGNORECASE)
_CELSIUS: Final = re.compile(r"攝氏|摄氏|℃|°\s?C|celsius|^C$", re.IGNORECASE)
_WARM_IN_CELSIUS: Final = 40
_WARM_IN_FAHRENHEIT: Final = 95
_HOT_IN_FAHRENHEIT: Final = 130
_CATEGORIES: Final = (
    (re.compile(r"\b(version|fault code|error code|serial number|signal strength)\b"), "diagnostic"),
    (re.compile(r"\b((child|key|panel) lock|key sound|temperature unit|time zone)\b"), "config"),
    (re.compile(r"^parameter \d+$"), "config"),
)
_UNITS_OF_TIME: Final = {"days": "d", "hours": "h", "minutes": "min", "seconds": "s"}
_TIME: Final = re.compile(r"\b(days|hours|minutes|seconds)(?: left)?$")
_COUNTDOWN: Final = re.compile(r"\b(countdown( time)?|timer( duration)?|delay(ed switch-off)?)$")
_UNITS_OF_A_DAY: Final[Mapping[float, str]] = {24: "h", 24 * 60: "min", 24 * 60 * 60: "s"}
_VOLUMES: Final = frozenset({"L", "m³"})
_CHARGE: Final = "Battery"
_FULL: Final = 100
_SAYS_BATTERY: Final = re.compile("电池|batt", re.IGNORECASE)
_UNITS_OF_ENERGY: Final = frozenset({None, "Wh", "kWh"})
_CLOCK: Final = frozenset({23, 59})  # the last hour and minute of a time of day


@dataclass(frozen=True, slots=True)
class _Rule:
    """A number with such a name has the unit if its limits lie within these and its greatest value is at least `top`.

    `is_fine` is for quantities of which only a number with decimals is known to be in the unit.
    """

    words: re.Pattern[str]
    unit: str | None
    device_class: str | None
    least: float
    most: float
    top: float = 0
    is_fine: bool = False


def _rule(
    words: str,
    unit: str | None,
    device_class: str | None,
    least: float,
    most: float,
    top: float = 0,
    *,
    is_fine: bool = False,
) -> _Rule:
    return _Rule(re.compile(words), unit, device_class, least, most, top, is_fine)


_NO_TEMPERATURE: Final = (
    r"(?!.*\b(difference|offset|compensation|calibration|hysteresis|colou?r|unit|time|sensor|fault|alarm|mode|level)\b)"
)
_SETPOINT: Final = "(water|heating|cooling|room|floor) setpoint"
_CHANNEL: Final = r"(royal |cool |warm |deep |light )?(white|blue|red|green|violet|uv|purple|moonlight)"
# Also in other European languages, whose words are written together, such as "Solltemperatur".
_TEMPERATURE_NAME: Final = re.compile(
    rf"^{_NO_TEMPERATURE}.*(\btemp(e?rature|érature)?\b|temperat(ura?|uur)\b|\b{_SETPOINT}\b)"
)
_TEMPERATURE_WORD: Final = re.compile(rf"温|temp|{_SETPOINT}", re.IGNORECASE)
_TEMPERATURE: Final = "temperature"
_RULES: Final = (
    _rule(r"\bsoil moisture\b", "%", "moisture", 0, 100),
    _rule(r"\b(humidity|humi)\b", "%", "humidity", 0, 100),
    _rule(r"^(battery|battery (level|charge|capacity|soc)|state of charge|.* battery)$", "%", "battery", 0, 100, 100),
    _rule(r"\bpm ?2[. ]?5\b", "μg/m³", "pm25", 0, 10_000),
    _rule(r"\bpm ?10\b", "μg/m³", "pm10", 0, 10_000),
    _rule(r"\bco2\b|\bcarbon dioxide\b", "ppm", "carbon_dioxide", 0, 65_535, 1_000),
    _rule(r"\bcarbon monoxide\b", "ppm", "carbon_monoxide", 0, 10_000, 100),
    _rule(r"\b(formaldehyde|hcho)\b", "mg/m³", None, 0, 10, is_fine=True),
    _rule(r"\btds\b", "ppm", None, 0, 65_535, 100),
    _rule(r"^ph( value)?$|\bph value\b", None, "ph", 0, 14, 9),
    _rule(r"\b(orp|redox)\b", "mV", "voltage", -2_000, 2_000, 500),
    _rule(r"^pulse$|\bheart rate$", "bpm", None, 0, 300, 150),
    _rule(r"\b(systolic|diastolic) pressure$", "mmHg", "pressure", 0, 300, 150),
    _rule(r"\bpower factor\b", None, "power_factor", -1, 1),
    _rule(r"\bvoltage$", "V", "voltage", 0, 6_553.5, is_fine=True),
    _rule(r"\bvoltage$", "V", "voltage", 0, 500, 220),
    _rule(r"(?<!over)(?<!under)\bcurrent$", "A", "current", 0, 1_000, is_fine=True),
    _rule(r"^(grid |mains |output |input )?frequency$", "Hz", "frequency", 0, 655.35, 45, is_fine=True),
    _rule(r"\bcompressor\b.*\bfrequency\b", "Hz", "frequency", 0, 200, 60),
    _rule(r"\b(energy|electricity)\b(?!.*\bmode)", "kWh", "energy", 0, 1e9, 100, is_fine=True),
    _rule(r"\bapparent power$", "VA", "apparent_power", 0, 30_000, 300),
    _rule(r"\breactive power$", "var", "reactive_power", -30_000, 30_000, 300),
    _rule(
        r"^(active |current |output |input |heating |rated |load |charging |total )?power$"
        r"|^(puissance|leistung|potencia|potenza|vermogen)$",
        "W",
        "power",
        -30_000,
        30_000,
        300,
    ),
    _rule(r"^rpm$|\b(fan|pump|motor|compressor|current) speed$", "rpm", None, 0, 30_000, 500),
    _rule(r"\bcolou?r temp(erature)?$", "K", None, 1_000, 20_000, 3_000),
    _rule(
        rf"\b(brightness|volume|intensity|opening|percent(age)?|life( left)?|saturation|humidity)$|^{_CHANNEL}$"
        r"|\b(fill level|modulation|backlight|dimming|body fat|body water|(food|hot water) left)$|^percent\b"
        r"|\b(fan|pump|motor|compressor) speed( setting)?$|^(power|speed|flow)$|\bsalt level( left)?$",
        "%",
        None,
        0,
        100,
        100,
    ),
)
_WHOLE_RANGES: Final = frozenset({255, 65_535, 4_294_967_295})  # of a number whose limits nobody thought about


@dataclass(frozen=True, slots=True)
class Temperatures:
    """In which unit a product counts its temperatures.

    A target shows that it is °C (`show_celsius`), or nothing mentions °F (`can_be_celsius`), or a setting of the
    product tells the unit.
    """

    show_celsius: bool
    can_be_celsius: bool
    unit: Role | None


def temperatures_of(datapoints: Collection[Datapoint]) -> Temperatures:
    """Return what the definition of a product says of the unit of its temperatures."""
    show_celsius = any(map(_is_target_in_celsius, datapoints))
    can_be_celsius = show_celsius or not any(map(_mentions_fahrenheit, datapoints))
    is_switched = not can_be_celsius and any(found.is_writable and _spans_both_scales(found) for found in datapoints)
    return Temperatures(show_celsius, can_be_celsius, _unit_setting(datapoints) if is_switched else None)


def _spans_both_scales(datapoint: Datapoint) -> bool:
    """Whether a temperature can be 40 °C or less, and also what is too hot in °C: its numbers change with the unit."""
    least, most = datapoint.minimum, datapoint.maximum
    return (
        _TEMPERATURE_WORD.search(datapoint.name + datapoint.key) is not None
        and least is not None
        and most is not None
        and least <= _WARM_IN_CELSIUS
        and _WARM_IN_FAHRENHEIT <= most <= _HOT_IN_FAHRENHEIT
    )


def _unit_setting(datapoints: Collection[Datapoint]) -> Role | None:
    """Return the one choice between °C and °F that a product has."""
    found = [source for datapoint in datapoints if (source := _unit_source(datapoint)) is not None]
    return Role((found[0],)) if len(found) == 1 else None


def _unit_source(datapoint: Datapoint) -> Source | None:
    celsius = [option for option in datapoint.options if _CELSIUS.search(option)]
    fahrenheit = [option for option in datapoint.options if _FAHRENHEIT_OPTION.search(option)]
    if len(celsius) != 1 or len(fahrenheit) != 1:
        return None
    return Source(keys=(datapoint.key,), meanings=((celsius[0], "°C"), (fahrenheit[0], "°F")))


def _mentions_fahrenheit(datapoint: Datapoint) -> bool:
    texts = (datapoint.key, datapoint.name, datapoint.desc or "", *datapoint.options)
    return any(_FAHRENHEIT.search(text) for text in texts)


def _is_target_in_celsius(datapoint: Datapoint) -> bool:
    """Whether a temperature can be set to what nobody would set in °F. Then a switch to °F changes the display only."""
    least, most = datapoint.minimum, datapoint.maximum
    return (
        datapoint.is_writable
        and least is not None
        and most is not None
        and 5 <= least < 32
        and 30 <= most <= 45
        and _TEMPERATURE_WORD.search(datapoint.name + datapoint.key) is not None
    )


def hint_of(datapoint: Datapoint, name: str, temperatures: Callable[[], Temperatures]) -> Refinement:
    """Return what the English name of a datapoint says beyond its definition.

    `temperatures` tells in which unit the product counts them.
    """
    limits = (datapoint.minimum, datapoint.maximum, datapoint.step or 1.0)
    is_number = datapoint.data_type is DataType.NUMBER
    is_temperature = is_number and _TEMPERATURE_NAME.search(name.lower()) is not None
    means_celsius = is_number and is_chinese(datapoint.name + (datapoint.desc or ""))
    hint = _hint(
        name.lower(),
        datapoint.unit,
        limits if is_number else None,
        is_writable=datapoint.is_writable,
        means_celsius=means_celsius or (is_temperature and temperatures().show_celsius),
    )
    if is_number and name == _CHARGE and _is_energy(datapoint):
        is_fine = datapoint.unit is None and (datapoint.step or 1) < 1
        hint = Refinement(name="Energy", unit="kWh" if is_fine else None, device_class="energy" if is_fine else None)
    if not is_temperature or datapoint.unit is not None:
        return hint
    if temperatures().unit is not None and (datapoint.maximum or 0) >= _WARM_IN_FAHRENHEIT:
        return replace(hint, unit=None, unit_role=temperatures().unit, device_class=_TEMPERATURE)
    return hint if temperatures().can_be_celsius else replace(hint, unit=None, device_class=None)


def _is_energy(datapoint: Datapoint) -> bool:
    """Whether what can be the charge of a battery is the energy of a meter: in Chinese, they are one word."""
    most = datapoint.maximum or 0
    return (
        most > _FULL
        and _has_limits(most, datapoint.step or 1)
        and datapoint.unit in _UNITS_OF_ENERGY
        and not _SAYS_BATTERY.search(datapoint.name + datapoint.key)
    )


@lru_cache(maxsize=4096)  # asked again whenever a device is described
def _hint(
    words: str,
    unit: str | None,
    limits: tuple[float | None, float | None, float] | None,
    *,
    is_writable: bool,
    means_celsius: bool,
) -> Refinement:
    category = next((category for rule, category in _CATEGORIES if rule.search(words)), None)
    if category == "config" and not is_writable:
        category = None
    measured = (None, None) if limits is None else _measure(words, unit, *limits, means_celsius=means_celsius)
    if category is None and measured == (None, None):
        return UNREFINED
    is_parameter = category == "config" and words.startswith("parameter")
    return Refinement(
        unit=measured[0], device_class=measured[1], category=category, is_enabled=False if is_parameter else None
    )


def _measure(
    words: str, unit: str | None, least: float | None, most: float | None, step: float, *, means_celsius: bool
) -> tuple[str | None, str | None]:
    """Return the unit and the class of a number; both None if they are not certain."""
    if least is None or most is None:
        return None, None
    if unit is None and (time := _unit_of_time(words, most)) is not None:
        return time, "duration"
    if not _has_limits(most, step):
        return None, None
    return _by_limits(words, unit, least, most, step, means_celsius=means_celsius)


def _has_limits(most: float, step: float) -> bool:
    return most not in _WHOLE_RANGES or step != 1


def _by_limits(
    words: str, unit: str | None, least: float, most: float, step: float, *, means_celsius: bool
) -> tuple[str | None, str | None]:
    """Return the unit and the class that fit the limits of a number; both None if no rule has them."""
    if words.endswith("water consumption") and unit in _VOLUMES:
        return unit, "water"
    if _is_celsius(words, least, most, means_celsius=means_celsius):
        return ("°C", _TEMPERATURE) if unit in {None, "°C"} else (None, None)
    for rule in _RULES:
        if (
            rule.words.search(words)
            and rule.least <= least
            and rule.top <= most <= rule.most
            and (step < 1 or not rule.is_fine)
        ):
            # A vendor who states another unit knows better.
            return (rule.unit, rule.device_class) if unit in {None, rule.unit} else (None, None)
    return None, None


def _unit_of_time(words: str, most: float) -> str | None:
    """Return the unit of a duration that is called by it, or that can last a day."""
    if _COUNTDOWN.search(words):
        return _UNITS_OF_A_DAY.get(most)
    return None if most in _CLOCK else _UNITS_OF_TIME.get(next(iter(_TIME.findall(words)), ""))


def _is_celsius(words: str, least: float, most: float, *, means_celsius: bool) -> bool:
    """Whether a temperature has limits that make no sense in °F, or that are possible where only °C is meant.

    Chinese vendors mean °C where nothing says °F.
    """
    if not _TEMPERATURE_NAME.search(words):
        return False
    warmest = (210 if least < 0 else 125) if means_celsius else 60
    # Of a refrigerator, a few degrees can be chosen.
    coldest = -40 if means_celsius and words.endswith("target temperature") else 20
    return -60 <= least < 45 and coldest <= most <= warmest
