"""History as `PUT datapoints` answers it: raw samples, or one figure for each hour, day and so on.

It reads requests strictly and raises `BadRequest` with the reason; it knows nothing of HTTP.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .fleet import SoDataDevice, Value
from .shapes import Json, date_with_seconds

_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": statistics.fmean,
    "min": min,
    "max": max,
    "count": len,
    "sum": sum,
    "var": statistics.pvariance,
    "stdev": statistics.pstdev,
}
_GRANULARITIES = ("raw", "minute", "hour", "day", "week", "month", "year")
_ECHOED = ("from", "to", "timezone", "useDeviceLocalTimezone", "granularity")


class BadRequest(Exception):
    """The request is not what the document describes."""


def read_history(body: Any, find_device: Callable[[str], SoDataDevice]) -> Json:
    """Return the answer to a request for history; `find_device` raises what an unknown device deserves."""
    if not isinstance(body, dict) or not isinstance(body.get("series"), list) or not body["series"]:
        raise BadRequest("series is missing")
    if not isinstance(body.get("useDeviceLocalTimezone"), bool):
        raise BadRequest("useDeviceLocalTimezone must be a boolean")
    if body.get("granularity") not in _GRANULARITIES:
        raise BadRequest("granularity is unknown")
    return {name: body[name] for name in _ECHOED if name in body} | {
        "series": [_read_series(body, series, find_device) for series in body["series"]]
    }


def _read_series(body: Json, series: Any, find_device: Callable[[str], SoDataDevice]) -> Json:
    names = ("itemType", "itemIndex", "serviceId", "deviceUuid")
    if not isinstance(series, dict) or not all(isinstance(series.get(name), str) for name in names):
        raise BadRequest("each of the series needs deviceUuid, itemType, itemIndex and serviceId as texts")
    is_raw = body["granularity"] == "raw"
    if is_raw and "aggregation" in series:
        raise BadRequest("raw data have no aggregation")
    if not is_raw and series.get("aggregation") not in _AGGREGATIONS:
        raise BadRequest("aggregation is missing or unknown")
    device = find_device(series["deviceUuid"])
    zone = ZoneInfo(device.site.time_zone) if body["useDeviceLocalTimezone"] else None
    from_ms, to_ms = (_read_time(body, name, zone) for name in ("from", "to"))
    variable = device.variables.get("{itemType}|{itemIndex}|{serviceId}".format_map(series))
    samples = _numbers(device.samples(variable, from_ms, to_ms)) if variable else []
    if not is_raw:
        samples = _aggregate(samples, body["granularity"], zone or UTC, _AGGREGATIONS[series["aggregation"]])
    return {name: series[name] for name in names} | {
        "dataType": "number",
        "deviceTimeZone": device.site.time_zone if zone else "UTC",
        "data": [{"at": date_with_seconds(at_ms), "value": value} for at_ms, value in samples],
    }


def _read_time(body: Json, name: str, device_zone: ZoneInfo | None) -> int:
    try:
        time = datetime.fromisoformat(body[name])
        if device_zone is not None:
            # as the vendor's example shows: the Z is ignored and the wall clock read in the device's zone
            time = time.replace(tzinfo=device_zone)
        elif time.tzinfo is None:
            time = time.replace(tzinfo=ZoneInfo(body["timezone"]))
    except KeyError, TypeError, ValueError, ZoneInfoNotFoundError:
        raise BadRequest(f"{name} or timezone is missing or invalid") from None
    return int(time.timestamp() * 1000)


def _numbers(samples: Sequence[tuple[int, Value]]) -> list[tuple[int, float]]:
    numbers: list[tuple[int, float]] = []
    for at_ms, value in samples:
        try:
            number = float(value or "")
        except ValueError:
            continue
        numbers.append((at_ms, int(number) if number.is_integer() else number))
    return numbers


def _aggregate(
    samples: Sequence[tuple[int, float]],
    granularity: str,
    zone: tzinfo,
    aggregation: Callable[[Sequence[float]], float],
) -> list[tuple[int, float]]:
    def begin_of(sample: tuple[int, float]) -> int:
        return int(_begin(datetime.fromtimestamp(sample[0] / 1000, zone), granularity).timestamp() * 1000)

    return [(begin_ms, aggregation([value for _, value in bucket])) for begin_ms, bucket in groupby(samples, begin_of)]


def _begin(time: datetime, granularity: str) -> datetime:
    """Return the start of the bucket that a time falls in, on the wall clock."""
    minute = time.replace(second=0, microsecond=0)
    day = minute.replace(hour=0, minute=0, fold=0)
    match granularity:
        case "minute":
            return minute
        case "hour":
            return minute.replace(minute=0)
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day.replace(month=1, day=1)
