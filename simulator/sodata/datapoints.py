"""History as `PUT datapoints` returns it: raw samples, or an aggregate for each hour, day and so on.

Requests are parsed strictly; an invalid one raises Refused. What the document leaves open is a rule.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import Refused
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


@dataclass(slots=True)
class Rules:
    """What the document leaves open about `PUT datapoints`."""

    echoes_aggregation: bool = False
    empty_bucket: Literal["left out", "null", "without value"] = "left out"
    """What stands for a bucket without a sample: nothing, a row with null, or a row that has only its time."""
    max_series: int | None = None
    max_range: timedelta | None = None
    limit_status: int = 400
    """The HTTP status of a request with more series or a longer range."""
    max_answered: int | None = None
    """The largest number of series in a response. It leaves out any further ones silently."""
    labels: Literal["start", "wall", "end", "first"] = "start"
    """The `at` of a bucket: its start, its start in local time but written as UTC, its end, or its first sample."""
    reads_range_as_utc: bool = False
    """Whether a range with Z is in UTC, also when the request asks for the device's time zone."""
    refused: dict[str, int] = field(default_factory=dict)
    """HTTP statuses by "device uuid|item type|item index|service id": a request for such a series fails."""


def read_history(body: Any, find_device: Callable[[str], SoDataDevice], rules: Rules) -> Json:
    """Return the response to a request for history. `find_device` raises Refused for an unknown device."""
    if not isinstance(body, dict) or not isinstance(body.get("series"), list) or not body["series"]:
        raise Refused(400, "series is missing")
    if not isinstance(body.get("useDeviceLocalTimezone"), bool):
        raise Refused(400, "useDeviceLocalTimezone must be a boolean")
    if body.get("granularity") not in _GRANULARITIES:
        raise Refused(400, "granularity is unknown")
    if rules.max_series is not None and len(body["series"]) > rules.max_series:
        raise Refused(rules.limit_status, "too many series")
    answered = body["series"][: rules.max_answered]
    return {name: body[name] for name in _ECHOED if name in body} | {
        "series": [_read_series(body, series, find_device, rules) for series in answered]
    }


def _read_series(body: Json, series: Any, find_device: Callable[[str], SoDataDevice], rules: Rules) -> Json:
    names = ("itemType", "itemIndex", "serviceId", "deviceUuid")
    if not isinstance(series, dict) or not all(isinstance(series.get(name), str) for name in names):
        raise Refused(400, "each series needs deviceUuid, itemType, itemIndex and serviceId as texts")
    is_raw = body["granularity"] == "raw"
    if is_raw and "aggregation" in series:
        raise Refused(400, "raw data have no aggregation")
    if not is_raw and series.get("aggregation") not in _AGGREGATIONS:
        raise Refused(400, "aggregation is missing or unknown")
    device = find_device(series["deviceUuid"])
    key = "{itemType}|{itemIndex}|{serviceId}".format_map(series)
    if (status := rules.refused.get(f"{device.uuid}|{key}")) is not None:
        raise Refused(status, "one of the series is refused")
    zone = ZoneInfo(device.site.time_zone) if body["useDeviceLocalTimezone"] else None
    zone_of_range = None if rules.reads_range_as_utc else zone
    from_ms, to_ms = (_read_time(body, name, zone_of_range) for name in ("from", "to"))
    if rules.max_range is not None and to_ms - from_ms > rules.max_range.total_seconds() * 1000:
        raise Refused(rules.limit_status, "the range is too long")
    variable = device.variables.get(key)
    samples = _numbers(device.samples(variable, from_ms, to_ms)) if variable else []
    data: list[tuple[int, float | None]] = [*samples]
    if not is_raw:
        granularity = body["granularity"]
        figures: dict[int, float | None] = dict(
            _aggregate(samples, granularity, zone or UTC, _AGGREGATIONS[series["aggregation"]])
        )
        if rules.empty_bucket != "left out":
            figures = dict.fromkeys(_begins(from_ms, to_ms, granularity, zone or UTC)) | figures
        data = [
            (_label(begin_ms, samples, granularity, zone or UTC, rules), figure) for begin_ms, figure in figures.items()
        ]
    echoed = (*names, "aggregation") if rules.echoes_aggregation and not is_raw else names
    return {name: series[name] for name in echoed} | {
        "dataType": "number",
        "deviceTimeZone": device.site.time_zone if zone else "UTC",
        "data": [_point(at_ms, value, rules) for at_ms, value in data],
    }


def _point(at_ms: int, value: float | None, rules: Rules) -> Json:
    at: Json = {"at": date_with_seconds(at_ms)}
    return at if value is None and rules.empty_bucket == "without value" else at | {"value": value}


def _read_time(body: Json, name: str, device_zone: ZoneInfo | None) -> int:
    try:
        time = datetime.fromisoformat(body[name])
        if device_zone is not None:
            # as in the vendor's example: the Z is ignored, and the time is local time of the device
            time = time.replace(tzinfo=device_zone)
        elif time.tzinfo is None:
            time = time.replace(tzinfo=ZoneInfo(body["timezone"]))
    except KeyError, TypeError, ValueError, ZoneInfoNotFoundError:
        raise Refused(400, f"{name} or timezone is missing or invalid") from None
    return int(time.timestamp() * 1000)


def _numbers(samples: Sequence[tuple[int, Value]]) -> list[tuple[int, float]]:
    numbers: list[tuple[int, float]] = []
    for at_ms, value in samples:
        try:
            number = float("" if value is None else value)
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
    buckets = groupby(samples, lambda sample: _begin_ms(sample[0], granularity, zone))
    return [(begin_ms, aggregation([value for _, value in bucket])) for begin_ms, bucket in buckets]


def _label(begin_ms: int, samples: Sequence[tuple[int, float]], granularity: str, zone: tzinfo, rules: Rules) -> int:
    match rules.labels:
        case "wall":
            shown = datetime.fromtimestamp(begin_ms / 1000, zone).replace(tzinfo=UTC)
            return int(shown.timestamp() * 1000)
        case "end":
            return _end_ms(begin_ms, granularity, zone)
        case "first":
            return next(at_ms for at_ms, _ in samples if at_ms >= begin_ms)
        case _:
            return begin_ms


def _begins(from_ms: int, to_ms: int, granularity: str, zone: tzinfo) -> Iterator[int]:
    """Yield the starts of all buckets of a time range, also of empty ones."""
    begin_ms = _begin_ms(from_ms, granularity, zone)
    while begin_ms < to_ms:
        yield begin_ms
        begin_ms = _end_ms(begin_ms, granularity, zone)


def _end_ms(begin_ms: int, granularity: str, zone: tzinfo) -> int:
    later_ms = begin_ms
    while (following_ms := _begin_ms(later_ms, granularity, zone)) == begin_ms:
        later_ms += 60_000 if granularity in {"minute", "hour"} else 3_600_000
    return following_ms


def _begin_ms(at_ms: int, granularity: str, zone: tzinfo) -> int:
    return int(_begin(datetime.fromtimestamp(at_ms / 1000, zone), granularity).timestamp() * 1000)


def _begin(time: datetime, granularity: str) -> datetime:
    """Return the start of the bucket of a time, in the same time zone."""
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
