"""SoData's past: what is asked, what is told, in which time zone, and what a refusal costs."""

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds import http
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
async def sodata(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoData]:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)
    async with aiohttp.ClientSession() as session:
        sodata = SoData(session)
        await sodata.start()
        yield sodata
        await sodata.stop()


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
    """What the device itself says it measured."""
    from_ms, to_ms = (int(time.timestamp() * 1000) for time in (start, end))
    return [
        (datetime.fromtimestamp(at_ms / 1000, UTC), float(str(value)))
        for at_ms, value in device.samples(device.variables[key], from_ms, to_ms)
    ]


def bucketed(
    device: SoDataDevice, key: str, bounds: Iterable[datetime], figure: Callable[[list[float]], float]
) -> list[tuple[datetime, datetime, Any]]:
    """What buckets between these bounds must say."""
    rows = []
    for start, end in pairwise(bounds):
        if values := [value for _, value in samples(device, key, start, end)]:
            rows.append((start, end, pytest.approx(figure(values))))
    return rows


def plain(past: HistoryResult[Bucket]) -> list[tuple[datetime, datetime, float]]:
    return [(bucket.start, bucket.end, bucket.value) for bucket in past.rows]


async def bodies(sodata: SoData) -> list[dict[str, Any]]:
    """What was asked of the past so far."""
    return [await request.json() for request in sodata.api.log if request.path.endswith("/datapoints")]


async def days(
    client: SoDataCloud, series: list[Series], start: str, end: str, period: Period = Period.DAY, **options: Any
) -> Any:
    return await client.history.buckets(
        series, utc(start), utc(end), period=period, aggregation=Aggregation.COUNT, **{"is_local": True} | options
    )


# What is asked


async def test_readings_are_asked_for_as_documented(sodata: SoData, client: SoDataCloud) -> None:
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


async def test_buckets_are_asked_for_as_documented(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    await days(client, series_of(ups, "Unit|0|144000"), "2026-08-31T18:30", "2026-09-02T18:30", Period.WEEK)
    (body,) = await bodies(sodata)
    assert body["series"] == [
        {"deviceUuid": ups.uuid, "itemType": "Unit", "itemIndex": "0", "serviceId": "144000", "aggregation": "count"}
    ]
    # Whole weeks, and one more on each side.
    assert (body["from"], body["to"]) == ("2026-08-24T00:00:00.000Z", "2026-09-14T00:00:00.000Z")
    assert body["useDeviceLocalTimezone"] is True
    assert (body["timezone"], body["granularity"]) == ("UTC", "week")


async def test_past_is_asked_for_while_polling_takes_every_place(sodata: SoData, client: SoDataCloud) -> None:
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


async def test_everything_is_offered(client: SoDataCloud) -> None:
    capabilities = client.history.capabilities
    assert capabilities.readings_retention is not None
    assert capabilities.buckets_retention is not None
    assert capabilities.buckets_retention >= timedelta(days=3650)
    assert (capabilities.periods, capabilities.aggregations) == (frozenset(Period), frozenset(Aggregation))


# What is told


async def test_readings_are_the_samples_of_the_devices(sodata: SoData, client: SoDataCloud) -> None:
    devices = [simulated(sodata, "UPS"), simulated(sodata, "UPS", "Asia/Kolkata"), simulated(sodata, "METER")]
    keys = [LOAD_RATE, LOAD_RATE, ENERGY]
    series = [series_of(device, key)[0] for device, key in zip(devices, keys, strict=True)]
    start, end = utc("2026-06-01T10:00:01"), utc("2026-06-03T11:11:11")
    told = await client.history.readings(series, start, end)
    assert sodata.api.requests[DATAPOINTS] == 1
    for one, device, key in zip(series, devices, keys, strict=True):
        expected = [(at.replace(microsecond=0), value) for at, value in samples(device, key, start, end)]
        assert len(expected) > 500
        assert [(row.taken_at, row.value) for row in told[one].rows] == expected
        assert (told[one].start, told[one].end, told[one].stopped_by) == (start, end, None)


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
async def test_buckets_are_figures_of_the_samples(
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
    start = (
        utc("2026-03-28T20:00") if period is Period.HOUR else utc("2026-03-28")
    )  # the clock is put forward in the night to the 29th
    told = await client.history.buckets([series], start, utc(end), period=period, aggregation=aggregation)
    bounds = [start + length * number for number in range((utc(end) - start) // length + 1)]
    assert plain(told[series]) == bucketed(ups, LOAD_RATE, bounds, figure)


@pytest.mark.parametrize("start", ["2026-03-28T22:00", "2025-10-25T20:00"])
@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kolkata"])
async def test_hours_are_those_of_utc_when_the_clock_changes(
    sodata: SoData, client: SoDataCloud, start: str, zone: str
) -> None:
    meter = simulated(sodata, "METER", zone)
    (series,) = series_of(meter, ENERGY)
    bounds = [utc(start) + timedelta(hours=hour) for hour in range(9)]
    told = await days(client, [series], start, bounds[-1].replace(tzinfo=None).isoformat(), Period.HOUR)
    assert plain(told[series]) == bucketed(meter, ENERGY, bounds, len)
    assert len(told[series].rows) == 8


@pytest.mark.parametrize(
    ("zone", "bounds"),
    [
        # 24, 23 and 24 hours
        ("Europe/Paris", ["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00", "2026-03-30T22:00"]),
        # 24, 25 and 24 hours
        ("Europe/Paris", ["2025-10-24T22:00", "2025-10-25T22:00", "2025-10-26T23:00", "2025-10-27T23:00"]),
        ("Asia/Kolkata", ["2026-03-27T18:30", "2026-03-28T18:30", "2026-03-29T18:30", "2026-03-30T18:30"]),
    ],
)
async def test_local_days(sodata: SoData, client: SoDataCloud, zone: str, bounds: list[str]) -> None:
    ups = simulated(sodata, "UPS", zone)
    (series,) = series_of(ups, LOAD_RATE)
    told = await days(client, [series], bounds[0], bounds[-1])
    assert plain(told[series]) == bucketed(ups, LOAD_RATE, map(utc, bounds), len)
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
async def test_local_days_are_proven(
    sodata: SoData, client: SoDataCloud, zone: str, labels: Any, reads_range_as_utc: bool, is_proven: bool
) -> None:
    sodata.api.history_rules.labels = labels
    sodata.api.history_rules.reads_range_as_utc = reads_range_as_utc
    ups = simulated(sodata, "UPS")
    ups.site.time_zone = zone
    (series,) = series_of(ups, LOAD_RATE)
    days_in = [datetime(2026, 3, day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in range(7, 12)]
    told = await client.history.buckets(
        [series], days_in[0], days_in[-1], period=Period.DAY, aggregation=Aggregation.COUNT, is_local=True
    )
    if is_proven:
        assert plain(told[series]) == bucketed(ups, LOAD_RATE, days_in, len)
        assert (told[series].end, told[series].stopped_by) == (days_in[-1], None)
    else:
        error = told[series].stopped_by
        assert isinstance(error, UnexpectedAnswer)
        assert error.reason is Reason.ZONE_UNPROVEN
        assert (told[series].rows, told[series].end) == ((), days_in[0])


@pytest.mark.parametrize("labels", ["end", "first"])
@pytest.mark.parametrize("period", [Period.HOUR, Period.DAY])
async def test_hours_and_days_of_utc_are_proven(
    sodata: SoData, client: SoDataCloud, labels: Any, period: Period
) -> None:
    sodata.api.history_rules.labels = labels
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    told = await days(client, [series], "2026-09-01", "2026-09-03", period, is_local=False)
    assert told[series].rows == ()
    assert told[series].stopped_by is not None
    assert told[series].stopped_by.reason is Reason.ZONE_UNPROVEN


async def test_today_is_not_taken_for_yesterday(sodata: SoData, client: SoDataCloud) -> None:
    tomorrow = (datetime.now(UTC) + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE, time_zone="UTC")
    named = {"deviceUuid": series.device.id, "serviceId": "140100", "deviceTimeZone": "UTC"}
    rows = [{"at": (tomorrow - number * DAY).isoformat(), "value": number} for number in range(3)]
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*rows, **named)]})]
    told = await client.history.buckets(
        [series], tomorrow - 3 * DAY, tomorrow, period=Period.DAY, aggregation=Aggregation.SUM, is_local=True
    )
    assert (told[series].rows, told[series].end) == ((), tomorrow - 3 * DAY)


@pytest.mark.parametrize("is_local", [True, False])
async def test_day_that_a_range_begins_or_ends_in_is_a_whole_one(
    sodata: SoData, client: SoDataCloud, is_local: bool
) -> None:
    ups = simulated(sodata, "UPS")
    (series,) = series_of(ups, LOAD_RATE)
    told = await days(client, [series], "2026-08-01T03:01", "2026-08-02T03:01", is_local=is_local)
    begin = utc("2026-07-31T22:00") if is_local else utc("2026-08-01")
    assert plain(told[series]) == bucketed(ups, LOAD_RATE, [begin + DAY * number for number in range(3)], len)


async def test_day_is_asked_for_alone_where_more_is_refused(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.history_rules.max_range = DAY
    ups = simulated(sodata, "UPS")
    (series,) = series_of(ups, LOAD_RATE)
    bounds = [utc("2026-07-31T22:00") + DAY * number for number in range(5)]
    told = await days(client, [series], "2026-07-31T22:00", "2026-08-04T22:00")
    assert plain(told[series]) == bucketed(ups, LOAD_RATE, bounds, len)


@pytest.mark.parametrize(
    ("period", "bounds"),
    [
        (Period.WEEK, ["2026-03-22T23:00", "2026-03-29T22:00", "2026-04-05T22:00"]),
        (Period.MONTH, ["2026-02-28T23:00", "2026-03-31T22:00", "2026-04-30T22:00"]),
        (Period.YEAR, ["2025-12-31T23:00", "2026-12-31T23:00"]),
    ],
)
async def test_longer_local_periods(sodata: SoData, client: SoDataCloud, period: Period, bounds: list[str]) -> None:
    meter = simulated(sodata, "METER")
    (series,) = series_of(meter, ENERGY)
    told = await days(client, [series], bounds[0], bounds[-1], period)
    assert plain(told[series]) == bucketed(meter, ENERGY, map(utc, bounds), len)
    assert len(told[series].rows) == len(bounds) - 1


async def test_devices_of_different_zones_go_in_different_requests(sodata: SoData, client: SoDataCloud) -> None:
    zones = ["Europe/Paris", "Asia/Kolkata", "Europe/Paris"]
    devices = [simulated(sodata, kind, zone) for kind, zone in zip(["UPS", "UPS", "METER"], zones, strict=True)]
    series = [series_of(device, key)[0] for device, key in zip(devices, [LOAD_RATE, CURRENT, ENERGY], strict=True)]
    told = await days(client, series, "2026-05-01", "2026-05-03")
    assert [(body["from"], len(body["series"])) for body in await bodies(sodata)] == [
        ("2026-04-30T00:00:00.000Z", 2),
        ("2026-04-30T00:00:00.000Z", 1),
    ]
    assert [row.start for row in told[series[1]].rows][1:] == [utc("2026-05-01T18:30"), utc("2026-05-02T18:30")]
    sodata.api.reset_counts()
    await days(client, series, "2026-05-01", "2026-05-03", is_local=False)
    assert sodata.api.requests[DATAPOINTS] == 1


@pytest.mark.parametrize("listed", [None, "Moon/Tranquility", "Europe/London"])
async def test_zone_is_learned_from_the_answer(sodata: SoData, client: SoDataCloud, listed: str | None) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    series = series_of(ups, LOAD_RATE, CURRENT, time_zone=listed)
    bounds = ["2026-03-27T18:30", "2026-03-28T18:30", "2026-03-29T18:30"]
    told = await days(client, series, bounds[0], bounds[-1])
    for one in series:
        assert plain(told[one]) == bucketed(ups, one.key, map(utc, bounds), len)
    assert sodata.api.requests[DATAPOINTS] == 2
    assert plain((await days(client, series, bounds[0], bounds[-1]))[series[0]]) == plain(told[series[0]])
    assert sodata.api.requests[DATAPOINTS] == 3


async def test_without_any_zone_days_are_those_of_utc(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    (series,) = series_of(ups, LOAD_RATE, time_zone=None)
    told_nothing = {"deviceUuid": ups.uuid, "itemType": "Global", "itemIndex": "0", "serviceId": "140100", "data": []}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [told_nothing]}, times=1)]
    told = await days(client, [series], "2026-03-27", "2026-03-29")
    assert plain(told[series]) == bucketed(ups, LOAD_RATE, map(utc, ["2026-03-27", "2026-03-28", "2026-03-29"]), len)
    assert (await sodata.api.log[-1].json())["useDeviceLocalTimezone"] is False


async def test_listed_zone_is_believed_when_the_answer_names_none(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    (series,) = series_of(ups, LOAD_RATE)
    named = {"deviceUuid": ups.uuid, "serviceId": "140100", "deviceTimeZone": None}
    sodata.api.faults = [
        answer(DATAPOINTS, {"series": [entry({"at": "2026-03-27T18:30:00Z", "value": 2}, **named)]}),
    ]
    told = await days(client, [series], "2026-03-27T18:30", "2026-03-28T18:30")
    assert plain(told[series]) == [(utc("2026-03-27T18:30"), utc("2026-03-28T18:30"), 2.0)]
    assert sodata.api.requests[DATAPOINTS] == 1


async def test_zone_is_learned_in_spite_of_limits(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.history_rules.max_range = 3 * DAY
    sodata.api.history_rules.max_series = 1
    ups = simulated(sodata, "UPS", "Asia/Kolkata")
    series = series_of(ups, LOAD_RATE, CURRENT, time_zone=None)
    bounds = [utc("2026-03-20T18:30") + DAY * number for number in range(9)]
    told = await days(client, series, "2026-03-20T18:30", "2026-03-28T18:30")
    for one in series:
        assert plain(told[one]) == bucketed(ups, one.key, bounds, len)


async def test_start_is_included_and_end_is_not(sodata: SoData, client: SoDataCloud) -> None:
    ups = simulated(sodata, "UPS")
    moment = datetime.fromtimestamp(sodata.now(), UTC)
    ups.set("Global", "0", "140406", "7")
    sodata.seconds += 60
    (series,) = series_of(ups, "Global|0|140406")
    until = await client.history.readings([series], moment - DAY, moment)
    assert Reading(7, moment) not in until[series].rows
    since = await client.history.readings([series], moment, moment + timedelta(seconds=1))
    assert since[series].rows == (Reading(7, moment),)


async def test_nothing_is_asked_of_an_empty_range(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    moment = utc("2026-09-01")
    for end in (moment, moment - DAY):
        told = await client.history.readings([series], moment, end)
        assert told[series] == HistoryResult(rows=(), start=moment, end=moment)
    assert await client.history.readings([], moment, moment + DAY) == {}
    assert not sodata.api.requests


@pytest.mark.parametrize("has_empty_buckets", [False, True])
@pytest.mark.parametrize("echoes_aggregation", [False, True])
async def test_empty_buckets_are_left_out(
    sodata: SoData, client: SoDataCloud, has_empty_buckets: bool, echoes_aggregation: bool
) -> None:
    sodata.api.history_rules.has_empty_buckets = has_empty_buckets
    sodata.api.history_rules.echoes_aggregation = echoes_aggregation
    silent = next(device for device in sodata.api.devices.values() if device.is_silent)
    (series,) = series_of(silent, LOAD_RATE)
    told = await days(client, [series], "2026-09-15", "2026-09-21", is_local=False)
    bounds = [utc("2026-09-15") + DAY * number for number in range(7)]
    expected = bucketed(silent, LOAD_RATE, bounds, len)
    assert plain(told[series]) == expected
    assert len(expected) == 4
    assert told[series].end == utc("2026-09-21")


async def test_unknown_variable_has_no_past(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), "Global|0|999999")
    told = await days(client, [series], "2026-09-15", "2026-09-21")
    assert told[series] == HistoryResult(rows=(), start=utc("2026-09-15"), end=utc("2026-09-21"))


@pytest.mark.parametrize("key", ["", "140100", "Global|140100", "Global|0|140100|x", "Global||140100", "Global|0| "])
async def test_malformed_key_costs_its_series(sodata: SoData, client: SoDataCloud, key: str) -> None:
    bad, good = series_of(simulated(sodata, "UPS"), key, LOAD_RATE)
    told = await client.history.readings([bad, good], utc("2026-09-01"), utc("2026-09-02"))
    error = told[bad].stopped_by
    assert isinstance(error, Rejected)
    assert (error.reason, error.subject) == (Reason.INVALID_REQUEST, key)
    assert told[bad].end == told[bad].start
    assert told[good].rows


# Strange answers

AT = "2026-09-01T00:05:05Z"


async def read_answer(sodata: SoData, entries: Any, *keys: str) -> list[list[tuple[str, Any]]]:
    """What the answer, which is whole, says of these keys of device "x": minute and second, value."""
    rows, damages = await read_damaged_answer(sodata, entries, *keys)
    assert damages == [None] * len(rows)
    return rows


async def read_damaged_answer(
    sodata: SoData, entries: Any, *keys: str
) -> tuple[list[list[tuple[str, Any]]], list[CloudError | None]]:
    """The same of any answer, and what is wrong with it, by key."""
    sodata.api.faults = [answer(DATAPOINTS, {"series": entries})]
    series = [Series(Device(id="x", name="x", schema_id="x"), key) for key in keys or ["Global|0|1"]]
    told = await sodata.client().history.readings(series, utc("2026-09-01"), utc("2026-09-02"))
    rows = [[(f"{row.taken_at:%M:%S}", row.value) for row in told[one].rows] for one in series]
    return rows, [told[one].stopped_by for one in series]


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
        # outside of what was asked
        ([{"at": "2026-09-02T00:00:00Z", "value": 1}, {"at": "2026-08-31T23:59:59Z", "value": 1}], []),
        (None, []),
    ],
)
async def test_rows_are_read_leniently(sodata: SoData, data: Any, rows: list[tuple[str, Any]]) -> None:
    assert await read_answer(sodata, [entry() | {"data": data}]) == [rows]


@pytest.mark.parametrize(
    "damaged", [{"at": None, "value": 1}, {"value": 1}, {"at": "?", "value": 1}, 7, {"at": AT, "value": {}}, {"at": AT}]
)
async def test_a_row_that_cannot_be_read_costs_itself_and_is_told(sodata: SoData, damaged: Any) -> None:
    rows, damages = await read_damaged_answer(sodata, [entry({"at": AT, "value": 4}, damaged)])
    assert rows == [[("05:05", 4)]]
    assert isinstance(damages[0], UnexpectedAnswer)
    assert isinstance((await read_damaged_answer(sodata, [entry() | {"data": {}}]))[1][0], UnexpectedAnswer)


async def test_series_are_told_apart_by_their_names(sodata: SoData) -> None:
    one, two = {"at": AT, "value": 1}, {"at": AT, "value": 2}
    told = await read_answer(
        sodata,
        [entry(two, serviceId=2, itemIndex=0), entry(one), entry(deviceUuid="y"), None, "?"],
        "Global|0|1",
        "Global|0|2",
    )
    assert told == [[("05:05", 1)], [("05:05", 2)]]


async def test_series_told_in_two_parts_are_one(sodata: SoData) -> None:
    parts = [entry({"at": "2026-09-01T00:10:00Z", "value": 2}), entry({"at": AT, "value": 1})]
    assert await read_answer(sodata, parts) == [[("05:05", 1), ("10:00", 2)]]


async def test_order_tells_series_apart_that_have_no_names(sodata: SoData) -> None:
    parts = [{"data": [{"at": AT, "value": value}]} for value in (1, 2)]
    assert await read_answer(sodata, parts, "Global|0|1", "Global|0|2") == [[("05:05", 1)], [("05:05", 2)]]
    assert await read_answer(sodata, parts[:1], "Global|0|1", "Global|0|2") == [[], []]


async def test_other_aggregations_are_not_taken_for_the_one_asked_for(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    parts = [
        entry({"at": "2026-09-01T00:00:00Z", "value": number}, aggregation=aggregation, **named)
        for aggregation, number in (("min", 1), ("COUNT", 2), ("max", 3))
    ]
    sodata.api.faults = [answer(DATAPOINTS, {"series": parts})]
    told = await days(client, [series], "2026-09-01", "2026-09-02", is_local=False)
    assert plain(told[series]) == [(utc("2026-09-01"), utc("2026-09-02"), 2.0)]


async def test_weeks_may_begin_on_sunday(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    data = [
        {"at": f"{day}T00:00:00Z", "value": value}
        for value, day in enumerate(("2026-08-23", "2026-08-30", "2026-09-06"))
    ]
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*data, **named)]})]
    told = await days(client, [series], "2026-09-02", "2026-09-10", Period.WEEK, is_local=False)
    assert plain(told[series]) == [
        (utc("2026-08-30"), utc("2026-09-06"), 1.0),
        (utc("2026-09-06"), utc("2026-09-13"), 2.0),
    ]


@pytest.mark.parametrize("label", ["0001-01-03T00:00:00Z", "9999-12-29T00:00:00Z"])
@pytest.mark.parametrize("period", list(Period))
@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
async def test_a_label_at_the_end_of_all_calendars_proves_nothing(
    sodata: SoData, client: SoDataCloud, label: str, period: Period, zone: str
) -> None:
    ups = simulated(sodata, "UPS")
    ups.site.time_zone = zone
    (series,) = series_of(ups, LOAD_RATE)
    named = {"deviceUuid": series.device.id, "serviceId": "140100", "deviceTimeZone": zone}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry({"at": label, "value": 1}, **named)]})]
    assert (await days(client, [series], "2026-09-01", "2026-09-02", period))[series].rows == ()


async def test_the_last_of_two_figures_of_a_bucket_counts(sodata: SoData, client: SoDataCloud) -> None:
    (series,) = series_of(simulated(sodata, "UPS"), LOAD_RATE)
    data = [{"at": "2026-09-01T00:00:00Z", "value": value} for value in (1, "2")]
    named = {"deviceUuid": series.device.id, "serviceId": "140100"}
    sodata.api.faults = [answer(DATAPOINTS, {"series": [entry(*data, **named)]})]
    told = await days(client, [series], "2026-09-01", "2026-09-02", is_local=False)
    assert [bucket.value for bucket in told[series].rows] == [2.0]


@pytest.mark.parametrize("body", [{}, [], {"series": None}, {"series": {}}, "?"])
async def test_answer_without_series_is_unexpected(sodata: SoData, client: SoDataCloud, body: Any) -> None:
    sodata.api.faults = [answer(DATAPOINTS, body)]
    with pytest.raises(UnexpectedAnswer):
        await client.history.readings(
            series_of(simulated(sodata, "UPS"), LOAD_RATE, CURRENT), utc("2026-09-01"), utc("2026-09-02")
        )


# How much at once


def many(sodata: SoData, count: int) -> list[Series]:
    keys = numeric_keys(simulated(sodata, "UPS"))
    ups = [device for device in sodata.api.devices.values() if device.kind == "UPS"]
    return [one for device in ups for one in series_of(device, *keys[: -(-count // len(ups))])][:count]


async def counts(client: SoDataCloud, series: list[Series], hours: int = 24) -> Mapping[Series, HistoryResult[Bucket]]:
    start = utc("2026-08-01")
    end = start + timedelta(hours=hours)
    return await client.history.buckets(series, start, end, period=Period.HOUR, aggregation=Aggregation.COUNT)


async def test_many_series_go_in_one_request(sodata: SoData, client: SoDataCloud) -> None:
    series = many(sodata, 50)
    told = await counts(client, series)
    assert sodata.api.requests[DATAPOINTS] == 1
    bounds = [utc("2026-08-01") + timedelta(hours=hour) for hour in range(25)]
    for one in series:
        assert plain(told[one]) == bucketed(sodata.api.devices[one.device.id], one.key, bounds, len)
    sodata.api.reset_counts()
    assert len(await counts(client, many(sodata, 120), 1)) == 120
    assert sodata.api.requests[DATAPOINTS] == 3


@pytest.mark.slow
async def test_range_is_cut_by_the_rows_to_be_expected(sodata: SoData, client: SoDataCloud) -> None:
    meter = simulated(sodata, "METER")
    (series,) = series_of(meter, ENERGY)
    start, end = utc("2026-04-01"), utc("2026-09-01")
    told = await client.history.readings([series], start, end)
    assert sodata.api.requests[DATAPOINTS] == 2
    assert [row.value for row in told[series].rows] == [value for _, value in samples(meter, ENERGY, start, end)]
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
async def test_server_with_limits_tells_all_the_same(
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


async def test_smaller_requests_are_forgotten_after_an_hour(
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


async def test_slow_server_is_asked_for_less_next_time(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.account()
    monkeypatch.setattr(http, "_TIME_LIMIT_OF_HISTORY", aiohttp.ClientTimeout(total=0.3))
    gate = asyncio.Event()

    def is_much(request: web.Request) -> bool:
        return request.path.endswith("/datapoints") and (request.content_length or 0) > 2000

    sodata.api.faults = [Fault(matches=is_much, gate=gate, status=500)]
    with pytest.raises(Unreachable):
        await counts(client, many(sodata, 20), 1)
    told = await counts(client, many(sodata, 20), 1)
    gate.set()
    assert all(len(past.rows) == 1 and past.stopped_by is None for past in told.values())
    assert not [key for key in sodata.client_store.content if key.startswith("datapoints:")]


async def test_hanging_server_is_waited_for_once(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_ROWS", 3000)
    await client.account()
    monkeypatch.setattr(http, "_TIME_LIMIT_OF_HISTORY", aiohttp.ClientTimeout(total=0.3))
    gate = asyncio.Event()
    start, end = utc("2026-01-01"), utc("2026-01-09")

    def is_later(request: web.Request) -> bool:
        return sodata.api.requests[DATAPOINTS] > 1 and request.path.endswith("/datapoints")

    sodata.api.faults = [Fault(matches=is_later, gate=gate)]
    told = await client.history.readings(many(sodata, 4), start, end)
    gate.set()
    assert sodata.api.requests[DATAPOINTS] <= 3
    (until,) = {past.end for past in told.values()}
    assert start < until < end
    assert {past.stopped_by.reason for past in told.values() if past.stopped_by} == {Reason.TIMEOUT}
    assert all(past.rows and past.stopped_by is not None for past in told.values())


async def test_slow_answers_are_not_waited_for_without_end(
    sodata: SoData, client: SoDataCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MOST_ROWS", 1500)
    monkeypatch.setattr(history_reader, "time", SimpleNamespace(monotonic=sodata.now))

    def takes_long(request: web.Request) -> bool:
        sodata.seconds += 25 if request.path.endswith("/datapoints") else 0
        return False

    sodata.api.faults = [Fault(matches=takes_long)]
    start, end = utc("2026-01-01"), utc("2026-01-09")
    told = await client.history.readings(many(sodata, 4), start, end)
    assert sodata.api.requests[DATAPOINTS] == 3
    assert all(start < past.end < end and past.stopped_by is not None for past in told.values())


# Refusals


@pytest.mark.parametrize("position", [0, 2, -1])
@pytest.mark.parametrize("is_gone", [False, True])
async def test_refused_device_costs_only_itself(
    sodata: SoData, client: SoDataCloud, is_gone: bool, position: int
) -> None:
    series = many(sodata, 40)
    refused = list(dict.fromkeys(one.device for one in series))[position]
    if is_gone:
        del sodata.api.devices[refused.id]
    else:
        sodata.api.forbidden.add(refused.id)
    told = await counts(client, series)
    for one, past in told.items():
        if one.device == refused:
            assert isinstance(past.stopped_by, DeviceGone if is_gone else Forbidden)
            assert past.stopped_by.reason is (Reason.NOT_FOUND if is_gone else Reason.RIGHT_MISSING)
            assert (past.rows, past.end) == ((), past.start)
        else:
            assert past.stopped_by is None
            assert past.rows
    assert sodata.api.requests[DATAPOINTS] <= 16


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
@pytest.mark.parametrize("position", [0, 17, 39])
async def test_refused_series_costs_only_itself(
    sodata: SoData, client: SoDataCloud, status: int, position: int
) -> None:
    series = many(sodata, 40)
    refused = series[position]
    sodata.api.history_rules.refused[f"{refused.device.id}|{refused.key}"] = status
    told = await counts(client, series, 6)
    assert [one for one, past in told.items() if past.stopped_by is not None] == [refused]
    assert sum(bool(past.rows) for past in told.values()) >= 30
    assert sodata.api.requests[DATAPOINTS] <= 30
    assert not [key for key in sodata.client_store.content if key.startswith("datapoints:")]


async def test_devices_that_are_all_refused_are_each_told(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.forbidden |= sodata.api.devices.keys()
    told = await counts(client, many(sodata, 40))
    assert all(isinstance(past.stopped_by, Forbidden) for past in told.values())
    assert sodata.api.requests[DATAPOINTS] <= 30


async def test_server_that_refuses_everything_is_not_asked_for_long(sodata: SoData, client: SoDataCloud) -> None:
    sodata.api.faults = [route(DATAPOINTS, status=400)]
    told = await counts(client, many(sodata, 40))
    assert all(isinstance(past.stopped_by, Rejected) for past in told.values())
    assert sodata.api.requests[DATAPOINTS] <= 8


@pytest.mark.parametrize("count", [1, 40])
async def test_server_that_is_down_is_not_asked_for_long(sodata: SoData, client: SoDataCloud, count: int) -> None:
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
async def test_what_stops_half_way_leaves_what_was_read(
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
    told = await client.history.readings(series, start, end)
    covered = {past.end for past in told.values()}
    assert all(isinstance(past.stopped_by, kind) for past in told.values())
    (until,) = covered
    assert start < until < end
    for one, past in told.items():
        device = sodata.api.devices[one.device.id]
        assert [row.value for row in past.rows] == [value for _, value in samples(device, one.key, start, until)]
    if kind is RateLimited:
        assert {getattr(past.stopped_by, "retry_after", None) for past in told.values()} == {7.0}


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (401, UnexpectedAnswer)])
async def test_what_stops_at_once_is_raised(
    sodata: SoData, client: SoDataCloud, status: int, kind: type[CloudError]
) -> None:
    sodata.api.faults = [route(DATAPOINTS, status=status)]
    with pytest.raises(kind):
        await counts(client, many(sodata, 4))


async def test_lost_token_server_ends_it(sodata: SoData, client: SoDataCloud) -> None:
    sodata.keycloak.faults = [route(TOKEN, status=503)]
    with pytest.raises(Unreachable):
        await counts(client, many(sodata, 4))
    assert sodata.keycloak.requests[TOKEN] == 1
