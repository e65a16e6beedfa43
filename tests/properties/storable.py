"""Checks that a client's answers can be stored: as JSON, in files and databases, in any time zone."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from homeassistant.helpers.json import json_bytes

from custom_components.datapoint_cloud.clouds.errors import CloudError, RateLimited

_FURTHEST_EAST, _FURTHEST_WEST = ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Niue")
_LEVELS_AROUND = 10


def assert_storable(value: Any) -> None:
    """Fail if the value cannot be stored."""
    plain = _plain(value)
    for _ in range(_LEVELS_AROUND):
        plain = [plain]
    assert b"\\u0000" not in json_bytes(plain)
    orjson.dumps(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_name(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(member) for member in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return _plain_error(value) if isinstance(value, CloudError) else _plain_scalar(value)


def _plain_error(error: CloudError) -> Any:
    waits = error.retry_after if isinstance(error, RateLimited) else None
    assert waits is None or 0 <= waits <= 2 * 3600
    return [str(error), error.code, error.subject, waits]


def _plain_scalar(value: Any) -> Any:
    match value:
        case datetime():
            assert value.tzinfo is not None
            for zone in (_FURTHEST_EAST, _FURTHEST_WEST):
                value.astimezone(zone)
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case float():
            assert math.isfinite(value)
    assert value is None or isinstance(value, str | int | float), type(value)
    return value


def _name(name: Any) -> str:
    return name if isinstance(name, str) else json_bytes(_plain(name)).decode()
