"""Decodes the JSON of vendors and converts its values, whatever type they came in; None stands for unusable values.

It knows no vendor and no endpoint.
"""

import base64
import json
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import orjson

_FIRST_IN_MILLISECONDS = 100_000_000_000  # as seconds this lies in the year 5138, as milliseconds in 1973

_EARLIEST, _LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)

_LONGEST_INTEGER: Final = 19  # characters; longer ones may not fit into 64 bits
_LEAST_INTEGER, _GREATEST_INTEGER = -(2**63), 2**64 - 1  # orjson stores no others
_GREATEST_FLOAT: Final = sys.float_info.max
_NEVER_STORED: Final = re.compile("[\0\ud800-\udfff]")
_LEVELS_ABOVE: Final = 100  # how deep files and responses of actions may nest the values


def decode(text: bytes | str) -> Any:
    """Decode JSON from outside into values that can be stored. Raises `ValueError` if it is no JSON.

    Files and databases do not accept everything that JSON can express. One bad character in one name must not cost an
    answer about many devices, so it is repaired: half a surrogate pair, NUL and broken UTF-8 become U+FFFD, infinite
    numbers become null, integers beyond 64 bits are rounded. Only values nested too deeply to store count as no JSON.
    """
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    try:
        decoded = orjson.loads(content)
    except orjson.JSONDecodeError:
        decoded = _decode_leniently(content)
    _raise_if_too_deep(decoded)
    return _repaired(decoded) if b"\\u0000" in content else decoded


def _decode_leniently(content: bytes) -> Any:
    try:
        found = json.loads(
            content.decode("utf-8-sig", errors="replace"),
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INTEGER else _finite(digits),
            parse_float=_finite,
            parse_constant=lambda _: None,
        )
        return _repaired(found)
    except RecursionError as error:
        raise ValueError from error


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _NEVER_STORED.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_repaired(name): _repaired(member) for name, member in value.items()}
    return [_repaired(member) for member in value] if isinstance(value, list) else value


def _raise_if_too_deep(value: Any) -> None:
    for _ in range(_LEVELS_ABOVE):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError from error


def text(value: Any) -> str | None:
    """Return a text without surrounding blanks, None if nothing is left; whole numbers become text."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> int | float | None:
    """Return a finite number that can be stored, also one written as text (`"18"`, `"-0.5"`)."""
    if isinstance(value, str):
        value = _parsed(value)
    # `int | float` would be made anew for each of the thousands of values of a poll.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not abs(value) <= _GREATEST_FLOAT:
        return None
    return value if isinstance(value, float) or _LEAST_INTEGER <= value <= _GREATEST_INTEGER else float(value)


def _parsed(value: str) -> int | float | None:
    if "_" in value:  # valid in Python, not in JSON
        return None
    for parse in (int, float):
        try:
            return parse(value)
        except ValueError:
            continue
    return None


def fields(value: Any) -> Mapping[str, Any]:
    """Return the fields of an object; an empty mapping for anything else."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list, without its other items."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def coordinates(record: Mapping[str, Any]) -> tuple[float, float] | tuple[None, None]:
    """Return the `latitude` and `longitude` of a record in degrees, or two None if it has no place on earth.

    Devices without a fix report zero for both, which is a place in the sea.
    """
    latitude, longitude = number(record.get("latitude")), number(record.get("longitude"))
    if latitude is None or longitude is None or not (latitude or longitude):
        return None, None
    return (float(latitude), float(longitude)) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)


def timestamp(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Read ISO 8601 (in `zone` if it names none), or seconds or milliseconds since 1970, as aware UTC."""
    try:
        if (since_1970 := number(value)) is not None:
            seconds = since_1970 / 1000 if abs(since_1970) >= _FIRST_IN_MILLISECONDS else since_1970
            return since_epoch(seconds)
        parsed = datetime.fromisoformat(value)
        found = parsed.replace(tzinfo=parsed.tzinfo or zone).astimezone(UTC)
    except TypeError, ValueError, OverflowError:
        return None
    return found if _EARLIEST <= found <= _LATEST else None


def since_epoch(seconds: float) -> datetime | None:
    """Return aware UTC; None for times too near the ends of the calendar to be shown in every time zone."""
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except ValueError, OverflowError, OSError:
        return None
    return found if _EARLIEST <= found <= _LATEST else None


def subject_of_jwt(token: str) -> str | None:
    """Read the subject (`sub`) of a JSON Web Token. It is not verified: it distinguishes accounts, no more."""
    _, _, rest = token.partition(".")
    claims, _, _ = rest.partition(".")
    try:
        decoded = decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except ValueError:
        return None
    return text(fields(decoded).get("sub"))
