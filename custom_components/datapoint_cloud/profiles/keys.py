"""Patterns of datapoint keys: `Auto*` is every key that starts with `Auto`, `channe#` one that ends with a number."""

import re
from functools import cache
from typing import Final

_WILDCARDS: Final = {"*": "(.*)", "#": r"(\d+)"}
ANY: Final = "*"
"""The pattern of every key."""


def is_pattern(key: str) -> bool:
    """Whether a key of a profile stands for several keys."""
    return "*" in key or "#" in key


def matched(pattern: str, key: str) -> str | None:
    """Return the text that the first wildcard of a pattern stands for in a key; None if the key does not match.

    A pattern without a wildcard matches the key that is equal to it, and stands for nothing.
    """
    if not is_pattern(pattern):
        return "" if pattern == key else None
    found = _expression(pattern).fullmatch(key)
    return found[1] if found else None


def filled(text: str, part: str) -> str:
    """Put what a wildcard stands for into the wildcard of a name or key: `Head #` and `3` become `Head 3`."""
    for wildcard in _WILDCARDS:
        text = text.replace(wildcard, part)
    return text


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_WILDCARDS.get(letter) or re.escape(letter) for letter in pattern))
