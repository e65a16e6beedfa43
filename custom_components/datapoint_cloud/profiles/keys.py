"""Patterns of datapoint keys: `Auto*` stands for all keys that start with `Auto`."""

import re
from functools import cache
from typing import Final

WILDCARD: Final = "*"


def matched(pattern: str, key: str) -> str | None:
    """Return the text that the wildcard of a pattern stands for in a key; None if the key does not match.

    A pattern without a wildcard matches the key that is equal to it, and its wildcard stands for nothing.
    """
    if WILDCARD not in pattern:
        return "" if pattern == key else None
    found = _expression(pattern).fullmatch(key)
    return found[1] if found else None


def filled(text: str, part: str) -> str:
    """Put what a wildcard stands for into the wildcard of a name or key: `Head *` and `3` become `Head 3`."""
    return text.replace(WILDCARD, part)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(map(re.escape, pattern.split(WILDCARD))))
