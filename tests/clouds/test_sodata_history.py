"""Tests the history of SoData: requests, results, time zones, limits and refusals."""

import asyncio
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    DeviceGone,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.history import Aggregation, Bucket, HistoryResult, Period, Series
from custom_components.datapoint_cloud.clouds.model import Device, Reading
from custom_components.datapoint_cloud.clouds.sodata import history_reader, limits
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from simulator.server import Fault
from simulator.sodata import SoDataDevice

from .sodata_server import SINGLE, TOKEN, SoData, answer, route

DATAPOINTS = "PUT /api/v1/ca/{ca}/datapoints"
LOAD_RATE = "Global|0|140100"
CURRENT = "Global|0|140108"
ENERGY = "Global|0|150100"
DAY = timedelta(days=1)

type Samples = list[tuple[datetime, float]]


@pytest.fixture
def client(sodata: SoData) -> SoDataCloud:
    return sodata.client()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def simulated(sodata: SoData, kind: str, zone: str = "Europe/Paris") -> SoDataDevice:
    return next(
        device for device in sodata.api.devices.values() if (device.kind, device.site.time_zone) == (kind, zone)
    )


def series_of(device: SoDataDevice, *keys: str, **changes: Any) -> list[Series]:
    listed = Device(id=device.uuid, name=device.name, schema_id=device.uuid, time_zone=device.site.time_zone)
    return [Series(replace(listed, **changes), key) for key in keys]


def numeric_keys(device: SoDataDevice) -> list[str]:
    return [key for key, variable in device.variables.items() if variable.service.type == "Measure"]


def samples(device: SoDataDevice, key: str, start: datetime, end: datetime) -> Samples:
    """Return the samples of the simulated device between `start` and `end`."""
    from_ms, to_ms = (int(time.timestamp() * 1000) for time in (start, end))
    return [
        (datetime.fromtimestamp(at_ms / 1000, UTC), float(str(value)))
        for at_ms, value in device.samples(device.variables[key], from_ms, to_ms)
    ]


def bucketed(
    device: SoDataDevice, key: str, bounds: Iterable[datetime], figure: Callable[[list[float]], float]
) -> list[tuple[datetime, datetime, Any]]:
    """Return the buckets expected between these bounds: start, end and figure."""
    rows = []
    for start, end in pairwise(bounds):
        if values := [value for _, value in samples(device, key, start, end)]:
            rows.append((start, end, pytest.approx(figure(values))))
    return rows


def plain(result: HistoryResult[Bucket]) -> list[tuple[datetime, datetime, float]]:
    return [(bucket.start, bucket.end, bucket.value) for bucket in result.rows]


async def bodies(sodata: SoData) -> list[dict[str, Any]]:
    """Return the bodies of the history requests so far."""
    return [await request.json() for request in sodata.api.log if request.path.endswith("/datapoints")]


async def days(
    client: SoDataCloud, series: list[Series], start: str, end: str, period: Period = Period.DAY, **options: Any
) -> Any:
    return await client.history.buckets(
        series, utc(start), utc(end), period=period, aggregation=Aggregation.COUNT, **{"is_local": True} | options
    )


# Requests


async def test_client_requests_readings_as_documented(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS")
    await client.history.readings(series_of(ups, LOAD_RATE), utc("2026-09-01"), utc("2026-09-01T06:30:00.5"))
    assert await bodies(sodata) == [
        {
            "from": "2026-09-01T00:00:00.000Z",
            "to": "2026-09-01T06:30:00.500Z",
            "timezone": "UTC",
            "useDeviceLocalTimezone": False,
            "granularity": "raw",
            "series": [{"deviceUuid": ups.uuid, "itemType": "Global", "itemIndex": "0", "serviceId": "140100"}],
        }
    ]


async def test_client_requests_buckets_as_documented(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    await days(client, series_of(ups, "Unit|0|144000"), "2026-08-31T18:30", "2026-09-02T18:30", Period.WEEK)
    (body,) = await bodies(sodata)
    assert body["series"] == [
        {"deviceUuid": ups.uuid, "itemType": "Unit", "itemIndex": "0", "serviceId": "144000", "aggregation": "count"}
    ]
    # The client requests whole weeks and one more week on each side.
    assert (body["from"], body["to"]) == ("2026-08-24T00:00:00.000Z", "2026-09-14T00:00:00.000Z")
    assert body["useDeviceLocalTimezone"] is True
    assert (body["timezone"], body["granularity"]) == ("UTC", "week")


async def test_history_can_be_read_while_polls_use_all_parallel_requests(sodata: SoData, client: SoDataCloud) -> None:
    await client.account()
    gate = asyncio.Event()
    sodata.api.bulk_body = None
    sodata.api.faults = [route(SINGLE, gate=gate)]
    polling = asyncio.create_task(client.readings((await client.devices()).devices))
    while sodata.api.requests[SINGLE] < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    series = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    read = await asyncio.wait_for(client.history.readings(series, utc("2026-09-01"), utc("2026-09-02")), 5)
    assert read[series[0]].rows
    assert not polling.done()
    gate.set()
    await polling


async def test_capabilities_include_everything(client: SoDataCloud) -> None:
    capabilities = client.history.capabilities
    assert capabilities.readings_retention is not None
    assert capabilities.buckets_retention is not None
    assert capabilities.buckets_retention >= timedelta(days=3650)
    assert (capabilities.periods, capabilities.aggregations) == (frozenset(Period), frozenset(Aggregation))


# Results


async def test_readings_are_the_samples_of_the_devices(sodata: SoData, client: SoDataCloud) -> None:
    devices = [simulated(sodata, "UPS"), simulated(sodata, "UPS", "Asia/Kolkata"), simulated(sodata, "METER")]
    keys = [LOAD_RATE, LOAD_RATE, ENERGY]
    series = [series_of(device, key)[0] for device, key in zip(devices, keys, strict=True)]
    start, end = utc("2026-06-01T10:00:01"), utc("2026-06-03T11:11:11")
    results = await client.history.readings(series, start, end)
    assert sodata.api.requests[DATAPOINTS] == 1
    for one, device, key in zip(series, devices, keys, strict=True):
        expected = [(at.replace(microsecond=0), value) for at, value in samples(device, key, start, end)]
        assert len(expected) > 500
        assert [(row.taken_at, row.value) for row in results[one].rows] == expected
        assert (results[one].start, results[one].end, results[one].stopped_by) == (start, end, None)


@pytest.mark.parametrize(
    ("aggregation", "figure"),
    [
        (Aggregation.AVG, statistics.fmean),
        (Aggregation.MIN, min),
        (Aggregation.MAX, max),
        (Aggregation.COUNT, len),
        (Aggregation.SUM, sum),
        (Aggregation.VAR, statistics.pvariance),
        (Aggregation.STDEV, statistics.pstdev),
    ],
)
@pytest.mark.parametrize(
    ("period", "length", "end"),
    [
        (Period.HOUR, timedelta(hours=1), "2026-03-29T06:00"),
        (Period.MINUTE, timedelta(minutes=1), "2026-03-28T02:00"),
        (Period.DAY, DAY, "2026-03-31"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kolkata"])
async def test_buckets_aggregate_the_samples(
    sodata: SoData,
    client: SoDataCloud,
    aggregation: Aggregation,
    figure: Callable[[list[float]], float],
    period: Period,
    length: timedelta,
    end: str,
    zone: str,
) -> None:
    ups = simulated(sodata, "UPS", zone)
    (series,) = series_of(ups, LOAD_RATE)
    # The clock changes to daylight saving time in the night to the 29th.
    start = utc("2026-03-28T20:00") if period is Period.HOUR else utc("2026-03-28")
    results = await client.history.buckets([series], start, utc(end), period=period, aggregation=aggregation)
    bounds = [start + length * number for number in range((utc(end) - start) // length + 1)]
    assert plain(results[series]) == bucketed(ups, LOAD_RATE, bounds, figure)


@pytest.mark.parametrize("start", ["2026-03-28T22:00", "2025-10-25T20:00"])
@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kolkata"])
async def test_hours_are_those_of_utc_across_a_clock_change(
    sodata: SoData, client: SoDataCloud, start: str, zone: str
) -> None:
    meter = simulated(sodata, "METER", zone)
    (series,) = series_of(meter, ENERGY)
    bounds = [utc(start) + timedelta(hours=hour) for hour in range(9)]
    results = await days(client, [series], start, bounds[-1].replace(tzinfo=None).isoformat(), Period.HOUR)
    assert plain(results[series]) == bucketed(meter, ENERGY, bounds, len)
    assert len(results[series].rows) == 8


@pytest.mark.parametrize(
    ("zone", "bounds"),
    [
        # days of 24, 23 and 24 hours
        ("Europe/Paris", ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00", "2026-03-30T22:00"]),
        # days of 24, 25 and 24 hours
        ("Europe/Paris", ["2025-10-24T22:00", "2025-10-25T22:00", "2025-10-26T23:00", "2025-10-27T23:00"]),
        ("Asia/Kolkata", ["2026-03-27T18:30", "2026-03-28T18:30", "2026-03-29T18:30", "2026-03-30T18:30"]),
    ],
)
async def test_local_days_begin_at_local_midnight(
    sodata: SoData, client: SoDataCloud, zone: str, bounds: list[str]
) -> None:
    ups = simulated(sodata, "UPS", zone)
    (series,) = series_of(ups, LOAD_RATE)
    results = await days(client, [series], bounds[0], bounds[-1])
    assert plain(results[series]) == bucketed(ups, LOAD_RATE, map(utc, bounds), len)
    (body,) = await bodies(sodata)
    assert body["from"].endswith("T00:00:00.000Z")
    assert body["to"].endswith("T00:00:00.000Z")


@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize(
    ("labels", "reads_range_as_utc", "is_proven"),
    [
        ("start", True, True),
        ("wall", False, True),
        ("wall", True, True),
        ("end", False, False),
        ("first", False, False),
    ],
)
async def test_local_days_are_returned_only_if_their_time_zone_is_proven(
    sodata: SoData, client: SoDataCloud, zone: str, labels: Any, reads_range_as_utc: bool, is_proven: bool
) -> None:
    sodata.api.history_rules.labels = labels
    sodata.api.history_rules.reads_range_as_utc = reads_range_as_utc
    ups = simulated(sodata, "UPS")
    ups.site.time_zone = zone
    (series,) = series_of(ups, LOAD_RATE)
    days_in = [datetime(2026, 3, day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in range(7, 12)]
    results = await client.history.buckets(
        [series], days_in[0], days_in[-1], period=Period.DAY, aggregation=Aggregation.COUNT, is_local=True
    )
    if is_proven:
        assert plain(results[series]) == bucketed(ups, LOAD_RATE, days_in, len)
        assert (results[series].end, results[series].stopped_by) == (days_in[-1], None)
    else:
        error = results[series].stopped_by
        assert isinstance(error, UnexpectedAnswer)
        assert error.reason is Reason.ZONE_UNPROVEN
        assert (results[series].rows, results[series].end) == ((), days_in[0])


@pytest.mark.parametrize("labels", ["end", "first"])
@pytest.mark.parametrize("period", [Period.HOUR, Period.DAY])
async def test_hours_and_days_of_utc_are_returned_only_if_their_time_zone_is_proven(
    sodata: SoData, client: SoDataCloud, labels: Any, period: Period
) -> None:
    sodata.api.history_rules.labels = labels
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    results = await days(client, [series], "2026-09-01", "2026-09-03", period, is_local=False)
    assert results[series].rows == ()
    assert results[series].stopped_by is not None
    assert results[series].stopped_by.reason is Reason.ZONE_UNPROVEN


async def test_labels_at_the_end_of_days_are_not_taken_for_their_start(sodata: SoData, client: SoDataCloud) -> None:
    tomorrow = (datetime.now(UTC) + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE, time_zone="UTC")
    named = {"deviceUuid": series.device.id, "serviceId": "140100", "deviceTimeZone": "UTC"}
    rows = [{"at": (tomorrow - number * DAY).isoformat(), "value": number} for number in range(3)]
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*rows, **named)]})]
    results = await client.history.buckets(
        [series], tomorrow - 3 * DAY, tomorrow, period=Period.DAY, aggregation=Aggregation.SUM, is_local=True
    )
    assert (results[series].rows, results[series].end) == ((), tomorrow - 3 * DAY)


@pytest.mark.parametrize("is_local", [True, False])
async def test_days_at_both_ends_of_a_range_are_whole(sodata: SoData, client: SoDataCloud, is_local: bool) -> None:
    ups = simulated(sodata, "UPS")
    (series,) = series_of(ups, LOAD_RATE)
    results = await days(client, [series], "2026-08-01T03:01", "2026-08-02T03:01", is_local=is_local)
    begin = utc("2026-07-31T22:00") if is_local else utc("2026-08-01")
    assert plain(results[series]) == bucketed(ups, LOAD_RATE, [begin + DAY * number for number in range(3)], len)


async def test_client_requests_single_days_if_longer_ranges_are_refused(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.history_rules.max_range = DAY
    ups = simulated(sodata, "UPS")
    (series,) = series_of(ups, LOAD_RATE)
    bounds = [utc("2026-07-31T22:00") + DAY * number for number in range(5)]
    results = await days(client, [series], "2026-07-31T22:00", "2026-08-04T22:00")
    assert plain(results[series]) == bucketed(ups, LOAD_RATE, bounds, len)


@pytest.mark.parametrize(
    ("period", "bounds"),
    [
        (Period.WEEK, ["2026-03-22T23:00", "2026-03-29T22:00", "2026-04-05T22:00"]),
        (Period.MONTH, ["2026-02-28T23:00", "2026-03-31T22:00", "2026-04-30T22:00"]),
        (Period.YEAR, ["2025-12-31T23:00", "2026-12-31T23:00"]),
    ],
)
async def test_local_weeks_months_and_years_begin_at_local_midnight(
    sodata: SoData, client: SoDataCloud, period: Period, bounds: list[str]
) -> None:
    meter = simulated(sodata, "METER")
    (series,) = series_of(meter, ENERGY)
    results = await days(client, [series], bounds[0], bounds[-1], period)
    assert plain(results[series]) == bucketed(meter, ENERGY, map(utc, bounds), len)
    assert len(results[series].rows) == len(bounds) - 1


async def test_client_sends_one_request_per_time_zone(sodata: SoData, client: SoDataCloud) -> None:
    zones = ["Europe/Paris", "Asia/Kolkata", "Europe/Paris"]
    devices = [simulated(sodata, kind, zone) for kind, zone in zip(["UPS", "UPS", "METER"], zones, strict=True)]
    series = [series_of(device, key)[0] for device, key in zip(devices, [LOAD_RATE, CURRENT, ENERGY], strict=True)]
    results = await days(client, series, "2026-05-01", "2026-05-03")
    assert [(body["from"], len(body["series"])) for body in await bodies(sodata)] == [
        ("2026-04-30T00:00:00.000Z", 2),
        ("2026-04-30T00:00:00.000Z", 1),
    ]
    assert [row.start for row in results[series[1]].rows][1:] == [utc("2026-05-01T18:30"), utc("2026-05-02T18:30")]
    sodata.api.reset_counts()
    await days(client, series, "2026-05-01", "2026-05-03", is_local=False)
    assert sodata.api.requests[DATAPOINTS] == 1


@pytest.mark.parametrize("listed", [None, "Moon/Tranquility", "Europe/London"])
async def test_client_learns_the_time_zone_from_the_answer(
    sodata: SoData, client: SoDataCloud, listed: str | None
) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    series = series_of(ups, LOAD_RATE, CURRENT, time_zone=listed)
    bounds = ["2026-03-27T18:30", "2026-03-28T18:30", "2026-03-29T18:30"]
    results = await days(client, series, bounds[0], bounds[-1])
    for one in series:
        assert plain(results[one]) == bucketed(ups, one.key, map(utc, bounds), len)
    assert sodata.api.requests[DATAPOINTS] == 2
    assert plain((await days(client, series, bounds[0], bounds[-1]))[series[0]]) == plain(results[series[0]])
    assert sodata.api.requests[DATAPOINTS] == 3


async def test_days_are_those_of_utc_without_any_time_zone(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    (series,) = series_of(ups, LOAD_RATE, time_zone=None)
    empty_series = {"deviceUuid": ups.uuid, "itemType": "Global", "itemIndex": "0", "serviceId": "140100", "data": []}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [empty_series]}, times=1)]
    results = await days(client, [series], "2026-03-27", "2026-03-29")
    assert plain(results[series]) == bucketed(ups, LOAD_RATE, map(utc, ["2026-03-27", "2026-03-28", "2026-03-29"]), len)
    assert (await sodata.api.log[-1].json())["useDeviceLocalTimezone"] is False


async def test_client_uses_the_listed_time_zone_if_the_answer_has_none(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    (series,) = series_of(ups, LOAD_RATE)
    named = {"deviceUuid": ups.uuid, "serviceId": "140100", "deviceTimeZone": None}
    sodata.api.faults = [
        answer(DATAPOINTS, {"series": [entry({"at": "2026-03-27T18:30:00Z", "value": 2}, **named)]}),
    ]
    results = await days(client, [series], "2026-03-27T18:30", "2026-03-28T18:30")
    assert plain(results[series]) == [(utc("2026-03-27T18:30"), utc("2026-03-28T18:30"), 2.0)]
    assert sodata.api.requests[DATAPOINTS] == 1


async def test_client_learns_the_time_zone_despite_limits_of_the_server(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.history_rules.max_range = 3 * DAY
    sodata.api.history_rules.max_series = 1
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    series = series_of(ups, LOAD_RATE, CURRENT, time_zone=None)
    bounds = [utc("2026-03-20T18:30") + DAY * number for number in range(9)]
    results = await days(client, series, "2026-03-20T18:30", "2026-03-28T18:30")
    for one in series:
        assert plain(results[one]) == bucketed(ups, one.key, bounds, len)


async def test_start_of_a_range_is_included_and_end_is_not(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS")
    now = datetime.fromtimestamp(sodata.now(), UTC)
    ups.set("Global", "0", "140406", "7")
    sodata.seconds += 60
    (series,) = series_of(ups, "Global|0|140406")
    until = await client.history.readings([series], now - DAY, now)
    assert Reading(7, now) not in until[series].rows
    since = await client.history.readings([series], now, now + timedelta(seconds=1))
    assert since[series].rows == (Reading(7, now),)


async def test_empty_range_sends_no_request(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    start = utc("2026-09-01")
    for end in (start, start - DAY):
        results = await client.history.readings([series], start, end)
        assert results[series] == HistoryResult(rows=(), start=start, end=start)
    assert await client.history.readings([], start, start + DAY) == {}
    assert not sodata.api.requests


@pytest.mark.parametrize("empty_bucket", ["left out", "null", "without value"])
@pytest.mark.parametrize("echoes_aggregation", [False, True])
async def test_empty_buckets_are_left_out(
    sodata: SoData, client: SoDataCloud, empty_bucket: Any, echoes_aggregation: bool
) -> None:
    sodata.api.history_rules.empty_bucket = empty_bucket
    sodata.api.history_rules.echoes_aggregation = echoes_aggregation
    silent = next(device for device in sodata.api.devices.values() if device.is_silent)
    (series,) = series_of(silent, LOAD_RATE)
    results = await days(client, [series], "2026-09-15", "2026-09-21", is_local=False)
    bounds = [utc("2026-09-15") + DAY * number for number in range(7)]
    expected = bucketed(silent, LOAD_RATE, bounds, len)
    assert plain(results[series]) == expected
    assert len(expected) == 4
    assert results[series].end == utc("2026-09-21")
    assert results[series].stopped_by is None


async def test_unknown_variable_has_an_empty_history(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), "Global|0|999999")
    results = await days(client, [series], "2026-09-15", "2026-09-21")
    assert results[series] == HistoryResult(rows=(), start=utc("2026-09-15"), end=utc("2026-09-21"))


@pytest.mark.parametrize("key", ["", "140100", "Global|140100", "Global|0|140100|x", "Global||140100", "Global|0| "])
async def test_malformed_key_fails_only_its_series(sodata: SoData, client: SoDataCloud, key: str) -> None:
    bad, good = series_of(simulated(sodata, "UPS"), key, LOAD_RATE)
    results = await client.history.readings([bad, good], utc("2026-09-01"), utc("2026-09-02"))
    error = results[bad].stopped_by
    assert isinstance(error, Rejected)
    assert (error.reason, error.subject) == (Reason.INVALID_REQUEST, key)
    assert results[bad].end == results[bad].start
    assert results[good].rows


# Unusual answers

AT = "2026-09-01T00:05:05Z"


async def read_answer(sodata: SoData, entries: Any, *keys: str) -> list[list[tuple[str, Any]]]:
    """Return the rows that the client reads from an intact answer, by key: minute and second, value."""
    rows, damages = await read_damaged_answer(sodata, entries, *keys)
    assert damages == [None] * len(rows)
    return rows


async def read_damaged_answer(
    sodata: SoData, entries: Any, *keys: str
) -> tuple[list[list[tuple[str, Any]]], list[CloudError | None]]:
    """Return the rows that the client reads from any answer, and the errors, both by key."""
    sodata.api.faults = [answer(DATAPOINTS, {"series": entries})]
    series = [Series(Device(id="x", name="x", schema_id="x"), key) for key in keys or ["Global|0|1"]]
    results = await sodata.client().history.readings(series, utc("2026-09-01"), utc("2026-09-02"))
    rows = [[(f"{row.taken_at:%M:%S}", row.value) for row in results[one].rows] for one in series]
    return rows, [results[one].stopped_by for one in series]


def entry(*data: Any, **changes: Any) -> dict[str, Any]:
    return {"deviceUuid": "x", "itemType": "Global", "itemIndex": "0", "serviceId": "1", "data": data} | changes


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ([{"at": AT, "value": 4}], [("05:05", 4)]),
        ([{"at": AT, "value": "4.5"}], [("05:05", 4.5)]),
        ([{"at": AT, "value": "ON_BATTERY"}, {"at": AT, "value": True}], [("05:05", "ON_BATTERY"), ("05:05", True)]),
        ([{"at": AT, "value": None}], []),
        ([{"at": AT, "value": 4}, {"at": AT, "value": 4}], [("05:05", 4)]),
        (
            [
                {"at": "2026-09-01T00:15:23Z", "value": 3},
                {"at": AT, "value": 1},
                {"at": "2026-09-01T00:10Z", "value": 2},
            ],
            [("05:05", 1), ("10:00", 2), ("15:23", 3)],
        ),
        # outside the requested range
        ([{"at": "2026-09-02T00:00:00Z", "value": 1}, {"at": "2026-08-31T23:59:59Z", "value": 1}], []),
        (None, []),
    ],
)
async def test_rows_can_have_values_of_several_types_and_any_order(
    sodata: SoData, data: Any, rows: list[tuple[str, Any]]
) -> None:
    assert await read_answer(sodata, [entry() | {"data": data}]) == [rows]


@pytest.mark.parametrize(
    "damaged", [{"at": None, "value": 1}, {"value": 1}, {"at": "?", "value": 1}, 7, {"at": AT, "value": {}}, {"at": AT}]
)
async def test_an_unreadable_row_is_dropped_and_reported(sodata: SoData, damaged: Any) -> None:
    rows, damages = await read_damaged_answer(sodata, [entry({"at": AT, "value": 4}, damaged)])
    assert rows == [[("05:05", 4)]]
    assert isinstance(damages[0], UnexpectedAnswer)
    assert isinstance((await read_damaged_answer(sodata, [entry() | {"data": {}}]))[1][0], UnexpectedAnswer)


async def test_series_are_matched_by_their_names(sodata: SoData) -> None:
    one, two = {"at": AT, "value": 1}, {"at": AT, "value": 2}
    results = await read_answer(
        sodata,
        [entry(two, serviceId=2, itemIndex=0), entry(one), entry(deviceUuid="y"), None, "?"],
        "Global|0|1",
        "Global|0|2",
    )
    assert results == [[("05:05", 1)], [("05:05", 2)]]


async def test_parts_of_a_series_are_merged(sodata: SoData) -> None:
    parts = [entry({"at": "2026-09-01T00:10:00Z", "value": 2}), entry({"at": AT, "value": 1})]
    assert await read_answer(sodata, parts) == [[("05:05", 1), ("10:00", 2)]]


async def test_series_without_names_are_matched_by_order(sodata: SoData) -> None:
    parts = [{"data": [{"at": AT, "value": value}]} for value in (1, 2)]
    assert await read_answer(sodata, parts, "Global|0|1", "Global|0|2") == [[("05:05", 1)], [("05:05", 2)]]
    assert await read_answer(sodata, parts[:1], "Global|0|1", "Global|0|2") == [[], []]


async def test_series_of_other_aggregations_are_ignored(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    parts = [
        entry({"at": "2026-09-01T00:00:00Z", "value": number}, aggregation=aggregation, **named)
        for aggregation, number in (("min", 1), ("COUNT", 2), ("max", 3))
    ]
    sodata.api.faults = [answer(DATAPOINTS, {"series": parts})]
    results = await days(client, [series], "2026-09-01", "2026-09-02", is_local=False)
    assert plain(results[series]) == [(utc("2026-09-01"), utc("2026-09-02"), 2.0)]


async def test_weeks_can_begin_on_sunday(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    data = [
        {"at": f"{day}T00:00:00Z", "value": value}
        for value, day in enumerate(("2026-08-23", "2026-08-30", "2026-09-06"))
    ]
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*data, **named)]})]
    results = await days(client, [series], "2026-09-02", "2026-09-10", Period.WEEK, is_local=False)
    assert plain(results[series]) == [
        (utc("2026-08-30"), utc("2026-09-06"), 1.0),
        (utc("2026-09-06"), utc("2026-09-13"), 2.0),
    ]


@pytest.mark.parametrize("label", ["0001-01-03T00:00:00Z", "9999-12-29T00:00:00Z"])
@pytest.mark.parametrize("period", list(Period))
@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
async def test_a_label_at_the_limits_of_the_calendar_proves_no_time_zone(
    sodata: SoData, client: SoDataCloud, label: str, period: Period, zone: str
) -> None:
    ups = simulated(sodata, "UPS")
    ups.site.time_zone = zone
    (series,) = series_of(ups, LOAD_RATE)
    named = {"deviceUuid": series.device.id, "serviceId": "140100", "deviceTimeZone": zone}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry({"at": label, "value": 1}, **named)]})]
    assert (await days(client, [series], "2026-09-01", "2026-09-02", period))[series].rows == ()


async def test_the_last_of_two_values_of_a_bucket_is_used(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    data = [{"at": "2026-09-01T00:00:00Z", "value": value} for value in (1, "2")]
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*data, **named)]})]
    results = await days(client, [series], "2026-09-01", "2026-09-02", is_local=False)
    assert [bucket.value for bucket in results[series].rows] == [2.0]


@pytest.mark.parametrize("body", [{}, [], {"series": None}, {"series": {}}, "?"])
async def test_answer_without_series_is_unexpected(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(DATAPOINTS, body)]
    with pytest.raises(UnexpectedAnswer):
        await client.history.readings(
            series_of(simulated(sodata, "UPS"), LOAD_RATE, CURRENT), utc("2026-09-01"), utc("2026-09-02")
        )


# Size of requests


def many(sodata: SoData, count: int) -> list[Series]:
    keys = numeric_keys(simulated(sodata, "UPS"))
    ups = [device for device in sodata.api.devices.values() if device.kind == "UPS"]
    return [one for device in ups for one in series_of(device, *keys[: -(-count // len(ups))])][:count]


async def counts(client: SoDataCloud, series: list[Series], hours: int = 24) -> Mapping[Series, HistoryResult[Bucket]]:
    start = utc("2026-08-01")
    end = start + timedelta(hours=hours)
    return await client.history.buckets(series, start, end, period=Period.HOUR, aggregation=Aggregation.COUNT)


async def test_client_requests_many_series_at_once(sodata: SoData, client: SoDataCloud) -> None:
    series = many(sodata, 50)
    results = await counts(client, series)
    assert sodata.api.requests[DATAPOINTS] == 1
    bounds = [utc("2026-08-01") + timedelta(hours=hour) for hour in range(25)]
    for one in series:
        assert plain(results[one]) == bucketed(sodata.api.devices[one.device.id], one.key, bounds, len)
    sodata.api.reset_counts()
    assert len(await counts(client, many(sodata, 120), 1)) == 120
    assert sodata.api.requests[DATAPOINTS] == 3


@pytest.mark.slow
async def test_client_splits_a_range_by_the_number_of_expected_rows(sodata: SoData, client: SoDataCloud) -> None:
    meter = simulated(sodata, "METER")
    (series,) = series_of(meter, ENERGY)
    start, end = utc("2026-04-01"), utc("2026-09-01")
    results = await client.history.readings([series], start, end)
    assert sodata.api.requests[DATAPOINTS] == 2
    assert [row.value for row in results[series].rows] == [value for _, value in samples(meter, ENERGY, start, end)]
    first, second = await bodies(sodata)
    assert first["to"] == second["from"]


@pytest.mark.parametrize("status", [400, 413, 422, 500, 503])
@pytest.mark.parametrize(
    "rules",
    [
        {"max_series": 12},
        {"max_range": timedelta(hours=5)},
        {"max_series": 20, "max_range": timedelta(hours=7)},
        {"max_answered": 7},
    ],
)
async def test_client_reads_everything_from_a_server_with_limits(
    sodata: SoData, client: SoDataCloud, rules: dict[str, Any], status: int
) -> None:
    series = many(sodata, 40)
    expected = await counts(client, series, 12)
    for name, value in {"limit_status": status, **rules}.items():
        setattr(sodata.api.history_rules, name, value)
    sodata.api.reset_counts()
    assert await counts(client, series, 12) == expected
    assert sodata.api.requests[DATAPOINTS] <= 16
    sodata.api.reset_counts()
    assert await counts(client, series, 12) == expected
    assert sodata.api.requests[DATAPOINTS] <= 6
    for body in await bodies(sodata):
        assert len(body["series"]) <= rules.get("max_series", 40)
        length = datetime.fromisoformat(body["to"]) - datetime.fromisoformat(body["from"])
        assert length <= rules.get("max_range", DAY)


async def test_client_returns_to_large_requests_after_an_hour(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 1000.0
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: seconds))
    sodata.api.history_rules.max_series = 12
    await counts(client, many(sodata, 40), 1)
    sodata.api.history_rules.max_series = None
    sodata.api.reset_counts()
    await counts(client, many(sodata, 40), 1)
    assert sodata.api.requests[DATAPOINTS] == 4
    seconds += 3601
    sodata.api.reset_counts()
    await counts(client, many(sodata, 40), 1)
    assert sodata.api.requests[DATAPOINTS] == 1


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 413}, {"body": "<html>"}, {"body": "{}"}])
async def test_refusal_of_a_moment_does_not_make_requests_smaller(
    sodata: SoData, client: SoDataCloud, fault: dict[str, Any]
) -> None:
    series = many(sodata, 40)
    expected = await counts(client, series, 12)
    sodata.api.faults = [route(DATAPOINTS, times=2, **fault)]
    assert await counts(client, series, 12) == expected
    sodata.api.reset_counts()
    assert await counts(client, series, 12) == expected
    assert sodata.api.requests[DATAPOINTS] == 1


async def test_client_requests_less_after_a_timeout(sodata: SoData, client: SoDataCloud) -> None:
    await client.account()
    sodata.transport.timings.limit_of_history = aiohttp.ClientTimeout(total=0.3)
    gate = asyncio.Event()

    def is_much(request: web.Request) -> bool:
        return request.path.endswith("/datapoints") and (request.content_length or 0) > 2000

    sodata.api.faults = [Fault(matches=is_much, gate=gate, status=500)]
    with pytest.raises(Unreachable):
        await counts(client, many(sodata, 20), 1)
    results = await counts(client, many(sodata, 20), 1)
    gate.set()
    assert all(len(result.rows) == 1 and result.stopped_by is None for result in results.values())
    assert not [key for key in sodata.client_store.content if key.startswith("datapoints:")]


async def test_client_waits_for_a_hanging_server_once(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_ROWS", 3000)
    await client.account()
    sodata.transport.timings.limit_of_history = aiohttp.ClientTimeout(total=0.3)
    gate = asyncio.Event()
    start, end = utc("2026-01-01"), utc("2026-01-09")

    def is_later(request: web.Request) -> bool:
        return sodata.api.requests[DATAPOINTS] > 1 and request.path.endswith("/datapoints")

    sodata.api.faults = [Fault(matches=is_later, gate=gate)]
    results = await client.history.readings(many(sodata, 4), start, end)
    gate.set()
    assert sodata.api.requests[DATAPOINTS] <= 3
    (until,) = {result.end for result in results.values()}
    assert start < until < end
    assert {result.stopped_by.reason for result in results.values() if result.stopped_by} == {Reason.TIMEOUT}
    assert all(result.rows and result.stopped_by is not None for result in results.values())


async def test_client_stops_after_several_slow_answers(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_ROWS", 1500)
    monkeypatch.setattr(history_reader, "time", SimpleNamespace(monotonic=sodata.now))

    def takes_long(request: web.Request) -> bool:
        sodata.seconds += 25 if request.path.endswith("/datapoints") else 0
        return False

    sodata.api.faults = [Fault(matches=takes_long)]
    start, end = utc("2026-01-01"), utc("2026-01-09")
    results = await client.history.readings(many(sodata, 4), start, end)
    assert sodata.api.requests[DATAPOINTS] == 3
    assert all(start < result.end < end and result.stopped_by is not None for result in results.values())


# Refusals


@pytest.mark.parametrize("position", [0, 2, -1])
@pytest.mark.parametrize("is_gone", [False, True])
async def test_refused_device_does_not_affect_the_others(
    sodata: SoData, client: SoDataCloud, is_gone: bool, position: int
) -> None:
    series = many(sodata, 40)
    refused = list(dict.fromkeys(one.device for one in series))[position]
    if is_gone:
        del sodata.api.devices[refused.id]
    else:
        sodata.api.forbidden.add(refused.id)
    results = await counts(client, series)
    for one, result in results.items():
        if one.device == refused:
            assert isinstance(result.stopped_by, DeviceGone if is_gone else Forbidden)
            assert result.stopped_by.reason is (Reason.NOT_FOUND if is_gone else Reason.RIGHT_MISSING)
            assert (result.rows, result.end) == ((), result.start)
        else:
            assert result.stopped_by is None
            assert result.rows
    assert sodata.api.requests[DATAPOINTS] <= 16


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
@pytest.mark.parametrize("position", [0, 17, 39])
async def test_refused_series_does_not_affect_the_others(
    sodata: SoData, client: SoDataCloud, status: int, position: int
) -> None:
    series = many(sodata, 40)
    refused = series[position]
    sodata.api.history_rules.refused[f"{refused.device.id}|{refused.key}"] = status
    results = await counts(client, series, 6)
    assert [one for one, result in results.items() if result.stopped_by is not None] == [refused]
    assert sum(bool(result.rows) for result in results.values()) >= 30
    assert sodata.api.requests[DATAPOINTS] <= 30
    assert not [key for key in sodata.client_store.content if key.startswith("datapoints:")]


async def test_each_device_gets_its_error_if_all_are_refused(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.forbidden |= sodata.api.devices.keys()
    results = await counts(client, many(sodata, 40))
    assert all(isinstance(result.stopped_by, Forbidden) for result in results.values())
    assert sodata.api.requests[DATAPOINTS] <= 30


async def test_client_stops_early_if_the_server_refuses_everything(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [route(DATAPOINTS, status=400)]
    results = await counts(client, many(sodata, 40))
    assert all(isinstance(result.stopped_by, Rejected) for result in results.values())
    assert sodata.api.requests[DATAPOINTS] <= 8


@pytest.mark.parametrize("count", [1, 40])
async def test_client_stops_early_if_the_server_is_down(sodata: SoData, client: SoDataCloud, count: int) -> None:
    sodata.api.faults = [route(DATAPOINTS, status=503)]
    with pytest.raises(Unreachable):
        await counts(client, many(sodata, count))
    assert sodata.api.requests[DATAPOINTS] <= 6


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimited),
        ({"status": 401}, UnexpectedAnswer),
        ({"drops": True}, Unreachable),
        ({"status": 200, "body": "<html>"}, UnexpectedAnswer),
    ],
)
async def test_error_in_the_middle_keeps_the_rows_read_before(
    sodata: SoData,
    client: SoDataCloud,
    fault: dict[str, Any],
    kind: type[CloudError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MOST_ROWS", 3000)
    series = many(sodata, 4)
    start, end = utc("2026-01-01"), utc("2026-01-04")

    def is_later(request: web.Request) -> bool:
        return sodata.api.requests[DATAPOINTS] > 1 and request.path.endswith("/datapoints")

    sodata.api.faults = [Fault(matches=is_later, **fault)]
    results = await client.history.readings(series, start, end)
    covered = {result.end for result in results.values()}
    assert all(isinstance(result.stopped_by, kind) for result in results.values())
    (until,) = covered
    assert start < until < end
    for one, result in results.items():
        device = sodata.api.devices[one.device.id]
        assert [row.value for row in result.rows] == [value for _, value in samples(device, one.key, start, until)]
    if kind is RateLimited:
        assert {getattr(result.stopped_by, "retry_after", None) for result in results.values()} == {7.0}


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (401, UnexpectedAnswer)])
async def test_error_at_the_beginning_is_raised(
    sodata: SoData, client: SoDataCloud, status: int, kind: type[CloudError]
) -> None:
    sodata.api.faults = [route(DATAPOINTS, status=status)]
    with pytest.raises(kind):
        await counts(client, many(sodata, 4))


async def test_failing_token_server_is_raised(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.faults = [route(TOKEN, status=503)]
    with pytest.raises(Unreachable):
        await counts(client, many(sodata, 4))
    assert sodata.keycloak.requests[TOKEN] == 1
