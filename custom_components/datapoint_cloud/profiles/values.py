"""Compares and converts the values that profiles name with those that clouds send."""

import re
from typing import Final

from ..clouds.model import Value

_RANGE: Final = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_NO_ID: Final = re.compile(r"[^a-z0-9]+")
_PLACES: Final = 10


def scaled(value: float, scale: float, offset: float = 0.0) -> float:
    """Multiply and add without the noise of binary fractions: 185 × 0.1 is 18.5."""
    return value if (scale, offset) == (1.0, 0.0) else round(value * scale + offset, _PLACES)


def as_word(value: Value) -> str:
    """Return a value as a word. YAML reads the words `on` and `off` as booleans."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def is_same(named: Value, value: Value) -> bool:
    """Whether a cloud's value is the one that a profile names: `1`, `true` and `on` are the same for a flag."""
    if isinstance(value, bool):
        return named == value or as_word(named) == as_word(value)
    if isinstance(value, str):
        return as_word(named).strip() == value.strip()
    if isinstance(named, str):
        found = _RANGE.fullmatch(named)
        return found is not None and float(found[1]) <= value <= float(found[2])
    return named == value


def is_range(named: Value) -> bool:
    """Whether a profile names a range of numbers, such as `0..45`."""
    return isinstance(named, str) and _RANGE.fullmatch(named) is not None


def number_of(value: Value | None) -> float | None:
    """Return a value as a number, the bytes of a binary as one number; None for any other text."""
    if isinstance(value, str):
        return int(value, 16) if _HEX.fullmatch(value) else None
    return value


def slug(words: str) -> str:
    """Return words as a part of an id: `Head 1` becomes `head_1`."""
    return _NO_ID.sub("_", words.lower()).strip("_")
