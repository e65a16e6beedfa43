"""Values of the wire, whatever type they came in: None stands for everything that is not what it should be.

It knows no vendor and no endpoint.
"""

import base64
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

_FIRST_IN_MILLISECONDS = 100_000_000_000  # as seconds this lies in the year 5138, as milliseconds in 1973


def text(value: Any) -> str | None:
    """A text that is not blank, without blanks around it; whole numbers count as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else None


def number(value: Any) -> int | float | None:
    """A finite number, also when it is written as text (`"18"`, `"-0.5"`)."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= sys.float_info.max else None


def _parsed(value: str) -> int | float | None:
    if "_" in value:  # Python's, not JSON's
        return None
    for parse in (int, float):
        try:
            return parse(value)
        except ValueError:
            continue
    return None


def fields(value: Any) -> Mapping[str, Any]:
    """The fields of an object; none for anything else."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, without what else is in it."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """An aware time in UTC, from ISO 8601 or from seconds or milliseconds since 1970; `zone` is for those without."""
    try:
        if (since_1970 := number(value)) is not None:
            seconds = since_1970 / 1000 if abs(since_1970) >= _FIRST_IN_MILLISECONDS else since_1970
            return datetime.fromtimestamp(seconds, UTC)
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=parsed.tzinfo or zone).astimezone(UTC)
    except TypeError, ValueError, OverflowError, OSError:
        return None


def subject_of_jwt(token: str) -> str | None:
    """Whom a JSON Web Token is about (`sub`), unverified: it serves to tell accounts apart, not to trust them."""
    _, _, rest = token.partition(".")
    claims, _, _ = rest.partition(".")
    try:
        decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except ValueError, RecursionError:
        return None
    return text(fields(decoded).get("sub"))
