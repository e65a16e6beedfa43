"""Lenient reading of what Gizwits sends: the same field is a number here, text there, and a truth value elsewhere.

Each function answers None for what it cannot understand and never raises. It knows no field by name.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_LATEST_SECOND = 10**11  # a later moment is told in milliseconds


def number(value: Any) -> int | float | None:
    """A finite number, given as such or as text."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def _parsed(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def count(value: Any) -> int | None:
    """A whole number of zero or more, given as such or as text."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def flag(value: Any) -> bool | None:
    """A truth value, given as such, as 0 and 1, or as text."""
    if isinstance(value, str):
        return {"0": False, "false": False, "1": True, "true": True}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def text(value: Any) -> str | None:
    """A text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def epoch_seconds(value: Any) -> float | None:
    """A moment in epoch seconds; zero, which means that there is none, is None."""
    found = number(value)
    if found is None or found <= 0:
        return None
    return found / 1000 if found > _LATEST_SECOND else float(found)


def moment(value: Any) -> datetime | None:
    """A moment given in epoch seconds, as aware UTC."""
    seconds = epoch_seconds(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except ValueError, OverflowError, OSError:
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The JSON objects of a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
