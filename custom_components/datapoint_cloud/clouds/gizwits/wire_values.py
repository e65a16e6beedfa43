"""The spellings of Gizwits: truth values, counts, moments and addresses, told one way here and another there.

Each function answers None for what it cannot understand and never raises. It knows no field by name.
"""

import re
from datetime import datetime
from typing import Any, Final

from ..coerce import number, since_epoch

_TRUTH: Final = {"0": False, "false": False, "1": True, "true": True}
_MAC: Final = re.compile(r"[0-9a-fA-F]{12}")
_COUNTLESS: Final = 2**63  # what is more cannot be stored, and no count
_LATEST_SECOND: Final = 10**11  # a later moment is told in milliseconds


def flag(value: Any) -> bool | None:
    """A truth value, given as such, as 0 and 1, or as text."""
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def count(value: Any) -> int | None:
    """A whole number of zero or more, given as such or as text."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < _COUNTLESS and found == int(found) else None


def epoch_seconds(value: Any) -> float | None:
    """A moment in epoch seconds; zero, which means that there is none, is None."""
    found = number(value)
    if found is None or found <= 0:
        return None
    return found / 1000 if found > _LATEST_SECOND else float(found)


def timestamp(value: Any) -> datetime | None:
    """A moment given in epoch seconds, as aware UTC."""
    seconds = epoch_seconds(value)
    return None if seconds is None else since_epoch(seconds)


def mac(value: Any) -> str | None:
    """A MAC address of twelve hexadecimal digits; a virtual device has another text in its place."""
    return value if isinstance(value, str) and _MAC.fullmatch(value) else None
