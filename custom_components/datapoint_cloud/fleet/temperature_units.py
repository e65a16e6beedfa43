"""In which unit a product counts its temperatures, where its vendor states none.

It knows the words for temperatures in a few languages, and no product.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ..clouds.model import Datapoint
from ..profiles.roles import Role, Source

_FAHRENHEIT: Final = re.compile(r"華氏|华氏|℉|°\s?F\b|fahrenheit|(?<![a-z])f_?flag", re.IGNORECASE)
_FAHRENHEIT_OPTION: Final = re.compile(rf"{_FAHRENHEIT.pattern}|^F$", re.IGNORECASE)
_CELSIUS: Final = re.compile(r"攝氏|摄氏|℃|°\s?C|celsius|^C$", re.IGNORECASE)
_WARM_IN_CELSIUS: Final = 40
WARM_IN_FAHRENHEIT: Final = 95
"""What is warm in °F, and hotter than anyone wants it in °C."""
_HOT_IN_FAHRENHEIT: Final = 130

_NO_TEMPERATURE: Final = (
    r"(?!.*\b(difference|offset|compensation|calibration|hysteresis|colou?r|unit|time|sensor|fault|alarm|mode|level)\b)"
)
_SETPOINT: Final = "(water|heating|cooling|room|floor) setpoint"
# Also in other European languages, whose words are written together, such as "Solltemperatur".
_TEMPERATURE_NAME: Final = re.compile(
    rf"^{_NO_TEMPERATURE}.*(\btemp(e?rature|érature)?\b|temperat(ura?|uur)\b|\b{_SETPOINT}\b)"
)
_TEMPERATURE_WORD: Final = re.compile(rf"温|temp|{_SETPOINT}", re.IGNORECASE)


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
        and WARM_IN_FAHRENHEIT <= most <= _HOT_IN_FAHRENHEIT
    )


def _unit_setting(datapoints: Collection[Datapoint]) -> Role | None:
    """Return the setting by which a product changes between °C and °F; None if it has none, or several."""
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


def names_temperature(words: str) -> bool:
    """Whether a name in small letters is that of a temperature."""
    return _TEMPERATURE_NAME.search(words) is not None


def is_celsius(words: str, least: float, most: float, *, means_celsius: bool) -> bool:
    """Whether a temperature has limits that make no sense in °F, or that are possible where only °C is meant.

    Chinese vendors mean °C where nothing says °F.
    """
    if not names_temperature(words):
        return False
    warmest = (210 if least < 0 else 125) if means_celsius else 60
    # Of a refrigerator, a few degrees can be chosen.
    coldest = -40 if means_celsius and words.endswith("target temperature") else 20
    return -60 <= least < 45 and coldest <= most <= warmest
