"""Rules of history: what a cloud promises in its capabilities, and what it returns."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import CloudError, NotSupported, Rejected
from custom_components.datapoint_cloud.clouds.history import (
    EDGE,
    Aggregation,
    Bucket,
    HistoryResult,
    LogEntry,
    Period,
    Series,
    Usage,
)
from custom_components.datapoint_cloud.clouds.model import DataType, Device, Reading

from .bench import Bench, CannotTry
from .rule import rule

_LONG_AGO = timedelta(days=40)
_LONGEST_BUCKET = timedelta(days=31)
_TWO_KINDS_OF_BUCKETS = ((Period.HOUR, Aggregation.AVG), (Period.DAY, Aggregation.MAX))
_ALL_KINDS_OF_BUCKETS = (
    *((period, Aggregation.AVG) for period in Period),
    *((Period.HOUR, aggregation) for aggregation in Aggregation if aggregation is not Aggregation.AVG),
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the history. `retention`: how far back the cloud promises it; None: it does not promise it."""

    name: str
    read: Callable[[datetime, datetime], Awaitable[Any]]
    retention: timedelta | None


@rule()
async def history_answers_all_that_it_promises(bench: Bench) -> None:
    cloud = bench.cloud()
    end = datetime.now(UTC)
    for call in await _calls(cloud):
        if call.retention is not None:
            results = _results(await call.read(end - timedelta(hours=6), end))
            assert results, call.name
            for result in results:
                assert not isinstance(result.stopped_by, NotSupported | Rejected), (call.name, result.stopped_by)


@rule()
async def history_refuses_what_it_does_not_promise(bench: Bench) -> None:
    cloud = bench.cloud()
    calls = await _calls(cloud)
    bench.reset_counts()
    end = datetime.now(UTC)
    for call in calls:
        if call.retention is None:
            refusal = await _refusal_of(call.read(end - timedelta(hours=6), end))
            may_be_rejected = call.name.startswith("buckets") and cloud.history.capabilities.periods
            assert type(refusal) is (Rejected if may_be_rejected else NotSupported), call.name
    assert not bench.requests()


@rule()
async def the_range_of_a_history_is_honest(bench: Bench) -> None:
    """The range of a result lies within the requested one and within the retention of the cloud."""
    end = datetime.now(UTC)
    for call in await _calls(bench.cloud(), small=True):
        if call.retention is None:
            continue
        retention = min(call.retention, _LONG_AGO)
        start = end - retention - timedelta(days=2)
        for result in _results(await call.read(start, end)):
            assert start <= result.start <= result.end <= end, call.name
            assert call.retention > _LONG_AGO or result.start >= end - retention - EDGE, call.name


@rule()
async def the_rows_of_a_history_are_sorted_and_within_its_range(bench: Bench) -> None:
    end = datetime.now(UTC).replace(microsecond=0)  # the clouds count in seconds
    rows_seen = 0
    for call in await _calls(bench.cloud(), small=True):
        if call.retention is None:
            continue
        for result in _results(await call.read(end - timedelta(hours=30), end)):
            timestamps = [_timestamp(row) for row in result.rows]
            rows_seen += len(timestamps)
            assert all(before <= after for before, after in pairwise(timestamps)), call.name
            for row in result.rows:
                assert _is_within(row, result), (call.name, row)
    assert rows_seen


def _timestamp(row: Any) -> datetime:
    match row:
        case Reading(taken_at=datetime() as timestamp) | Usage(at=datetime() as timestamp):
            return timestamp
        case Bucket():
            return row.start
        case LogEntry():
            return row.at
    raise CannotTry(row)


def _is_within(row: Any, result: HistoryResult[Any]) -> bool:
    match row:
        case Bucket():
            # A bucket is whole, even if the range begins or ends in the middle of it.
            return row.end > result.start - _LONGEST_BUCKET and row.start < max(result.end, result.start)
        case Usage():
            return True  # The document does not say which time of a period its timestamp is.
    return result.start <= _timestamp(row) < result.end


async def _calls(cloud: Cloud, *, small: bool = False) -> list[_Call]:
    """Return every call, promised or not; for buckets each period and each aggregation once, or just two kinds."""
    device, series = await _numbers(cloud)
    history, promised = cloud.history, cloud.history.capabilities

    def has(is_so: bool, retention: timedelta = timedelta(days=7)) -> timedelta | None:
        return retention if is_so else None

    def buckets(period: Period, aggregation: Aggregation) -> _Call:
        is_promised = period in promised.periods and aggregation in promised.aggregations
        return _Call(
            f"buckets {period} {aggregation}",
            lambda start, end: history.buckets(series, start, end, period=period, aggregation=aggregation),
            promised.buckets_retention if is_promised else None,
        )

    scope = cloud.scopes[0].id if cloud.scopes else "scope"
    of_buckets = _TWO_KINDS_OF_BUCKETS if small else _ALL_KINDS_OF_BUCKETS
    return [
        _Call("readings", lambda start, end: history.readings(series, start, end), promised.readings_retention),
        *(buckets(*one) for one in of_buckets),
        _Call("totals", lambda start, end: history.totals(series, start, end), promised.totals_retention),
        _Call("online log", lambda start, end: history.online_log(device, start, end), has(promised.has_online_log)),
        _Call(
            "communication log",
            lambda start, end: history.communication_log(device, start, end),
            has(promised.has_communication_log),
        ),
        _Call(
            "usage",
            lambda start, end: history.usage(scope, start, end, period="day", group_by=None),
            has(promised.has_usage, timedelta(days=365)),
        ),
    ]


async def _numbers(cloud: Cloud) -> tuple[Device, Sequence[Series]]:
    """Return an online device of the account and two of its datapoints that are numbers."""
    listing = await cloud.devices()
    for device in listing.devices:
        if device.is_online is False:
            continue
        snapshot = (await cloud.readings([device])).snapshots.get(device.id)
        datapoints = [*(await cloud.schema(device)).datapoints, *(snapshot.described if snapshot else ())]
        numbers = [one.key for one in datapoints if one.data_type is DataType.NUMBER]
        values = snapshot.readings if snapshot else {}
        known = [key for key in dict.fromkeys(numbers) if key in values and values[key].value is not None]
        if known:
            return device, [Series(device, key) for key in known[:2]]
    raise CannotTry("the account has no device with a number")


def _results(answer: Any) -> list[HistoryResult[Any]]:
    return [answer] if isinstance(answer, HistoryResult) else list(answer.values())


async def _refusal_of(call: Awaitable[Any]) -> CloudError | None:
    try:
        await call
    except CloudError as error:
        return error
    return None
