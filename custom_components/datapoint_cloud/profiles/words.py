"""The small pieces that a profile's file consists of, each with the check of its value."""

import math
from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from ..clouds.model import Value
from .values import as_word

OTHER: Final = "*"
"""Stands for all values that are not listed."""
_LONGEST: Final = 255


def _value(value: Any) -> Value:
    if not isinstance(value, (bool, int, float, str)):
        raise vol.Invalid("expected a value: a text, a number, true or false")
    return value


def _word(value: Any) -> str:
    """Read a word; YAML turns on, off, yes and no into true and false."""
    word = as_word(_value(value)).strip()
    if not 0 < len(word) <= _LONGEST:
        raise vol.Invalid("expected a word")
    return word


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _pair(value: Any) -> tuple[float, float]:
    least, greatest = vol.Schema([NUMBER])(value) if isinstance(value, list) and len(value) == 2 else (1.0, 0.0)
    if not least < greatest:
        raise vol.Invalid("expected [least, greatest]")
    return least, greatest


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise vol.Invalid("expected a number")
    return value


NUMBER: Final = vol.All(_no_boolean, vol.Any(int, float, msg="expected a number"))
POSITIVE: Final = vol.All(NUMBER, vol.Range(min=0, min_included=False))
SCALE: Final = vol.All(NUMBER, vol.NotIn([0], msg="a scale cannot be 0"))
COUNT: Final = vol.All(_no_boolean, int, vol.Range(min=1, max=1440))
BYTE: Final = vol.All(_no_boolean, int, vol.Range(min=0, max=255))
BIT: Final = vol.All(_no_boolean, int, vol.Range(min=0, max=31))
FLAG: Final = vol.Any(bool, msg="expected true or false")
TEXT: Final = vol.All(str, str.strip, vol.Length(min=1, max=_LONGEST))
KEY: Final = _word  # a datapoint may be called "on"
VALUE: Final = _value
WORD: Final = _word
LIST: Final = _listed
LIMITS: Final = _pair
CATEGORY: Final = vol.In(["config", "diagnostic"])


def one_entry(value: Any) -> tuple[str, Any]:
    """Read a mapping with one entry, such as `climate: {…}`."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise vol.Invalid("expected one word with a colon, and what belongs to it")
    ((name, content),) = value.items()
    return as_word(name), content


def worded(value: Any) -> Any:
    """Undo that YAML reads the word `on` as true where it is the name of a field."""
    return {as_word(name): content for name, content in value.items()} if isinstance(value, Mapping) else value
