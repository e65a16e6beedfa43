"""What the name and the limits of a number say together: its unit and its class, where its vendor states no unit.

A name alone says too little: what one vendor counts in degrees, another counts in tenths of them. A rule here needs
limits in which only one unit makes sense, such as 5 to 35 for a room. It knows English names, the words of a few other
languages for power, and no product.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ..clouds.model import Datapoint, DataType
from ..profiles.model import UNREFINED, Refinement
from ..vocabulary import is_chinese
from .temperature_units import WARM_IN_FAHRENHEIT, Temperatures, is_celsius, names_temperature

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


_CHANNEL: Final = r"(royal |cool |warm |deep |light )?(white|blue|red|green|violet|uv|purple|moonlight)"
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


def hint_of(datapoint: Datapoint, name: str, temperatures: Callable[[], Temperatures]) -> Refinement:
    """Return what the English name of a datapoint says beyond its definition.

    `temperatures` tells in which unit the product counts them.
    """
    limits = (datapoint.minimum, datapoint.maximum, datapoint.step or 1.0)
    is_number = datapoint.data_type is DataType.NUMBER
    is_temperature = is_number and names_temperature(name.lower())
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
    if temperatures().unit is not None and (datapoint.maximum or 0) >= WARM_IN_FAHRENHEIT:
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
    if is_celsius(words, least, most, means_celsius=means_celsius):
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
