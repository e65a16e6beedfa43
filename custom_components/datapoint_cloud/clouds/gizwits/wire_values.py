"""The values of Gizwits, which its APIs write in several ways: booleans, counts, timestamps and MAC addresses.

A function that reads returns None for a value it cannot understand. None raises.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..coerce import number, since_epoch

_TRUTH: Final = {"0": False, "false": False, "1": True, "true": True}
_MAC: Final = re.compile(r"[0-9a-fA-F]{12}")
_COUNT_LIMIT: Final = 2**63  # larger numbers cannot be stored and count nothing
_LATEST_SECOND: Final = 10**11  # a greater number of seconds must be milliseconds


def flag(value: Any) -> bool | None:
    """Read a boolean, also one written as 0 or 1 or as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else None


def count(value: Any) -> int | None:
    """Read a whole number of zero or more, also one written as text."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < _COUNT_LIMIT and found == int(found) else None


def epoch_seconds(value: Any) -> float | None:
    """Read a timestamp as epoch seconds, also one in milliseconds. Gizwits writes 0 for no timestamp."""
    found = number(value)
    if found is None or found <= 0:
        return None
    return found / 1000 if found > _LATEST_SECOND else float(found)


def timestamp(value: Any) -> datetime | None:
    """Read a timestamp as aware UTC."""
    seconds = epoch_seconds(value)
    return None if seconds is None else since_epoch(seconds)


def row_timestamp(row: Mapping[str, Any]) -> datetime | None:
    """Read when a row of a log or of history data was written; the field is `ts` or `timestamp`."""
    return timestamp(row.get("ts")) or timestamp(row.get("timestamp"))


def mac(value: Any) -> str | None:
    """Read a MAC address of twelve hexadecimal digits; a virtual device has some other text there."""
    return value if isinstance(value, str) and _MAC.fullmatch(value) else None


def bare_mac(text: str) -> str:
    """Return a MAC address as the vendor writes it, without separators and in lower case; other texts stay."""
    bare = re.sub("[:-]", "", text)
    return text if mac(bare) is None else bare.lower()
