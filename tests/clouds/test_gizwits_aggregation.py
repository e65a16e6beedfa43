"""Tests the aggregates of both Gizwits clients: their numbers, and above all their times."""

import json
import statistics
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.history import Aggregation, Bucket, HistoryResult, Period, Series
from custom_components.datapoint_cloud.clouds.model import Device
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .gizwits_clouds import device_of, enterprise_cloud, online, open_cloud

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHINA = timezone(8 * HOUR)
INDIA = timezone(5.5 * HOUR)

type Server = GizwitsEnterpriseServer | GizwitsOpenServer
type AnyCloud = GizwitsEnterpriseCloud | GizwitsOpenCloud
type MakeCloud = Callable[..., AnyCloud]


@pytest.fixture(params=["enterprise", "open"])
def server(simulation: Simulation, request: pytest.FixtureRequest) -> Server:
    return simulation.gizwits_enterprise if request.param == "enterprise" else simulation.gizwits_open


@pytest.fixture
async def make_cloud(server: Server) -> AsyncIterator[MakeCloud]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        def make(client_store: ClientStore | None = None) -> AnyCloud:
            if isinstance(server, GizwitsEnterpriseServer):
                return enterprise_cloud(session, server, client_store)
            return open_cloud(session, server, client_store)

        yield make


@pytest.fixture
def cloud(make_cloud: MakeCloud) -> AnyCloud:
    return make_cloud()


@pytest.fixture
def simulated(server: Server) -> GizwitsDevice:
    return next(device for device in online(server) if "power" in device.product.by_name)


@pytest.fixture
def series(simulated: GizwitsDevice) -> Series:
    return Series(device_of(simulated), "power")


def hour() -> datetime:
    """Return the beginning of the current hour."""
    return datetime.fromtimestamp(int(time.time()) // 3600 * 3600, UTC)


def midnight(days_ago: float, zone: tzinfo = UTC) -> datetime:
    day = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day - days_ago * DAY).astimezone(UTC)


async def buckets(
    cloud: AnyCloud,
    series: Series,
    start: datetime,
    end: datetime,
    period: Period = Period.HOUR,
    aggregation: Aggregation = Aggregation.AVG,
) -> HistoryResult[Bucket]:
    return (await cloud.history.buckets([series], start, end, period=period, aggregation=aggregation))[series]


def true_average(simulated: GizwitsDevice, start: datetime, end: datetime, key: str = "power") -> float | None:
    """Return the average that the simulated server computes from its samples every ten minutes."""
    first = -(-int(start.timestamp()) // 600) * 600
    times = [at for at in range(first, int(end.timestamp()), 600) if simulated.was_online(at)]
    return round(statistics.fmean(simulated.values_at(at)[key] for at in times), 4) if times else None


def aggregate_requests(server: Server) -> list[web.Request]:
    return [request for request in server.log if request.path.endswith("/agg_data")]


def unproven(result: HistoryResult[Bucket]) -> bool:
    error = result.stopped_by
    is_unproven = isinstance(error, UnexpectedAnswer) and error.reason is Reason.ZONE_UNPROVEN
    return is_unproven and result.rows == () and result.start == result.end


class Answers:
    """Answers requests for aggregates with the labels and values that `rows` returns for a range of epoch seconds."""

    def __init__(self, rows: Callable[[float, float, str], list[dict[str, Any]]]) -> None:
        self.rows = rows
        self.fault = Fault(matches=self._matches)

    def _matches(self, request: web.Request) -> bool:
        if not request.path.endswith("/agg_data"):
            return False
        start, end = (int(request.query[name]) / 1000 for name in ("start_ts", "end_ts"))
        self.fault.body = json.dumps({"data": self.rows(start, end, request.query["unit"])})
        return True


def hours_at(*times: datetime, zone: tzinfo = CHINA, **row: Any) -> Answers:
    """Return answers with readings at these times only."""

    def rows(start: float, end: float, unit: str) -> list[dict[str, Any]]:
        layout = {"HOURS": "%Y%m%d%H", "DAYS": "%Y%m%d"}[unit]
        found = [at for at in times if start <= at.timestamp() <= end]
        labels = dict.fromkeys(at.astimezone(zone).strftime(layout) for at in found)
        return [{"datetime": label, "attrs": {"power": 1}} | row for label in labels]

    return Answers(rows)


# Numbers and times


@pytest.mark.parametrize("zone", [UTC, CHINA, INDIA, *(timezone(hours * HOUR) for hours in (-8, -3.5, 5.75, 6.25))])
async def test_readings_belong_to_the_hour_they_were_taken_in(
    cloud: AnyCloud, server: Server, simulated: GizwitsDevice, series: Series, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    offset = datetime.now(zone).utcoffset() or timedelta()
    start = hour() - 30 * HOUR - offset % HOUR
    result = await buckets(cloud, series, start, start + 26 * HOUR)
    assert result.stopped_by is None
    assert (result.start, result.end) == (start, start + 26 * HOUR)
    expected = [(at, true_average(simulated, at, at + HOUR)) for at in (start + n * HOUR for n in range(26))]
    assert [(row.start, row.value) for row in result.rows] == [
        (at, value) for at, value in expected if value is not None
    ]
    assert all(row.end - row.start == HOUR for row in result.rows)


@pytest.mark.parametrize("zone", [UTC, CHINA, INDIA, timezone(-8 * HOUR)])
async def test_days_begin_at_midnight_in_the_time_zone_of_the_labels(
    cloud: AnyCloud, server: Server, series: Series, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    result = await buckets(cloud, series, midnight(3, zone), midnight(1, zone), Period.DAY)
    assert [(row.start, row.end) for row in result.rows] == [
        (midnight(3, zone), midnight(2, zone)),
        (midnight(2, zone), midnight(1, zone)),
    ]
    day_requests = [request.query for request in aggregate_requests(server) if request.query["unit"] == "DAYS"]
    assert [int(query["start_ts"]) for query in day_requests] == [midnight(3, zone).timestamp() * 1000]
    assert [int(query["end_ts"]) for query in day_requests] == [midnight(1, zone).timestamp() * 1000 - 1]


@pytest.mark.parametrize("period", [Period.WEEK, Period.MONTH])
async def test_weeks_begin_on_monday_and_months_on_the_first(
    cloud: AnyCloud, server: Server, series: Series, period: Period
) -> None:
    server.aggregation.label_zone = CHINA
    end = datetime.now(UTC)
    result = await buckets(cloud, series, end - 30 * DAY, end, period)
    assert result.stopped_by is None
    for row in result.rows:
        local = row.start.astimezone(CHINA)
        assert (local.hour, local.minute) == (0, 0)
        assert local.day == 1 if period is Period.MONTH else local.weekday() == 0
    # A month of 31 days can begin before the retention.
    assert result.rows or period is Period.MONTH
    if result.rows:
        assert result.rows[-1].start < end


@pytest.mark.parametrize(
    ("label", "monday"),
    [("202601", "2025-12-29"), ("202653", "2026-12-28"), ("202652", "2026-12-21")],
)
async def test_labels_of_weeks_follow_iso_8601(
    cloud: AnyCloud,
    server: Server,
    series: Series,
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    monday: str,
) -> None:
    begin = datetime.fromisoformat(monday).replace(tzinfo=UTC)
    ahead = begin.timestamp() + 8 * 86400 - time.time()
    real = time.time
    await cloud.devices()
    later = type("Later", (), {"time": staticmethod(lambda: real() + ahead)})
    for module in ("history_windows", "label_offset"):
        monkeypatch.setattr(f"custom_components.datapoint_cloud.clouds.gizwits.{module}.time", later)

    def rows(start: float, end: float, unit: str) -> list[dict[str, Any]]:
        if unit == "WEEKS":
            return [{"datetime": label, "attrs": {"power": 2}}]
        hours = range(int(-(-start // 3600)) * 3600, int(end) + 1, 3600)
        names = (datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H") for at in hours)
        return [{"datetime": name, "attrs": {"power": 1}} for name in names]

    server.faults.append(Answers(rows).fault)
    result = await buckets(cloud, series, begin, begin + 7 * DAY, Period.WEEK)
    assert [(row.start, row.end, row.value) for row in result.rows] == [(begin, begin + 7 * DAY, 2)]


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.AVG, Aggregation.MAX, Aggregation.MIN])
async def test_buckets_have_the_requested_aggregation(
    cloud: AnyCloud, simulated: GizwitsDevice, series: Series, aggregation: Aggregation
) -> None:
    start = hour() - 3 * HOUR
    result = await buckets(cloud, series, start, start + 2 * HOUR, aggregation=aggregation)
    functions: dict[str, Callable[[list[float]], float]] = {"sum": sum, "avg": statistics.fmean, "max": max, "min": min}
    aggregate = functions[aggregation]
    samples = [simulated.values_at(start.timestamp() + n * 600)["power"] for n in range(6)]
    assert result.rows[0].value == pytest.approx(aggregate(samples), abs=0.001)


async def test_every_period_in_the_range_is_whole_except_the_current_one(
    cloud: AnyCloud, simulated: GizwitsDevice, series: Series
) -> None:
    now = datetime.now(UTC)
    result = await buckets(cloud, series, hour() - 3.5 * HOUR, now + DAY)
    assert [row.start for row in result.rows] == [hour() - n * HOUR for n in (4, 3, 2, 1, 0)]
    assert result.rows[-1].end == hour() + HOUR > result.end
    assert abs(result.end - now) < timedelta(seconds=5)
    inner = await buckets(cloud, series, hour() - HOUR + timedelta(minutes=5), hour() - timedelta(minutes=5))
    begin = hour() - HOUR
    assert [(row.start, row.value) for row in inner.rows] == [(begin, true_average(simulated, begin, hour()))]
    assert inner.stopped_by is None


async def test_a_month_of_days_is_one_request(cloud: AnyCloud, server: Server, series: Series) -> None:
    start = hour() - DAY
    await buckets(cloud, series, hour() - 31 * DAY, hour(), Period.DAY)
    server.reset_counts()
    result = await buckets(cloud, series, hour() - 90 * DAY, datetime.now(UTC), Period.DAY)
    assert len(aggregate_requests(server)) == 1
    # The client leaves out a day whose beginning the cloud no longer keeps.
    assert timedelta() < result.start - (datetime.now(UTC) - 31 * DAY) < DAY + timedelta(minutes=2)
    assert result.rows[0].start == result.start
    assert len(result.rows) == 31
    assert result.end > start
    server.reset_counts()
    for first, last in ((hour() - 90 * DAY, hour() - 60 * DAY), (hour() + DAY, hour() + 2 * DAY), (hour(), hour())):
        nothing = await buckets(cloud, series, first, last)
        assert (nothing.rows, nothing.stopped_by, nothing.start == nothing.end) == ((), None, True)
    assert not aggregate_requests(server)


async def test_datapoints_of_a_device_share_a_request(
    cloud: AnyCloud, server: Server, simulated: GizwitsDevice
) -> None:
    device = device_of(simulated)
    numbers = [Series(device, key) for key in ("power", "energy", "room_temp")]
    others = [Series(device, key) for key in ("switch", "mode", "unknown")]
    start = hour() - 26 * HOUR
    for requests in (3, 1):  # The first call also proves the time zone of the labels.
        server.reset_counts()
        results = await cloud.history.buckets(
            [*numbers, *others], start, hour(), period=Period.HOUR, aggregation=Aggregation.AVG
        )
        assert len(aggregate_requests(server)) == requests
        for one in numbers:
            assert results[one].rows[3].value == true_average(simulated, start + 3 * HOUR, start + 4 * HOUR, one.key)
        for one in others:
            assert isinstance(error := results[one].stopped_by, Rejected)
            assert (error.reason, error.subject, results[one].rows) == (Reason.INVALID_VALUE, one.key, ())
    assert {request.query["attrs"] for request in aggregate_requests(server)} == {"power,energy,room_temp"}


async def test_five_hundred_rows_of_a_device_are_returned(cloud: AnyCloud, series: Series) -> None:
    result = await buckets(cloud, series, hour() - 500 * HOUR, hour())
    assert len(result.rows) >= 499


@pytest.mark.parametrize(
    ("period", "aggregation"),
    [(Period.MINUTE, Aggregation.AVG), (Period.YEAR, Aggregation.AVG), (Period.HOUR, Aggregation.COUNT)],
)
async def test_periods_and_aggregations_beyond_the_capabilities_are_rejected(
    cloud: AnyCloud, server: Server, series: Series, period: Period, aggregation: Aggregation
) -> None:
    assert (
        period not in cloud.history.capabilities.periods or aggregation not in cloud.history.capabilities.aggregations
    )
    with pytest.raises(Rejected) as refusal:
        await buckets(cloud, series, hour() - DAY, hour(), period, aggregation)
    assert refusal.value.reason is Reason.INVALID_REQUEST
    assert not server.requests


async def test_numbers_can_be_text_and_rows_without_a_label_are_dropped(
    cloud: AnyCloud, server: Server, series: Series
) -> None:
    start = hour() - 30 * HOUR

    def rows(first: float, last: float, _unit: str) -> list[Any]:
        found: list[Any] = [
            {"datetime": "", "attrs": {"power": 1}},
            {"datatime": "junk"},
            5,
            {"datetime": "2026139925"},
        ]
        for at in range(int(first), int(last) + 1, 3600):
            label = datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H")
            value = ["12.5", 3, None, "x", True, "-0.5"][(at // 3600 - int(start.timestamp()) // 3600) % 6]
            name = "datatime" if at % 7200 else "datetime"
            found += [{name: label if at % 10800 else int(label), "attrs": {"power": value, "other": 9}}] * 2
        return found

    server.faults.append(Answers(rows).fault)
    result = await buckets(cloud, series, start, start + 26 * HOUR)
    values = {0: 12.5, 1: 3, 5: -0.5}
    expected = [(start + n * HOUR, values[n % 6]) for n in range(26) if n % 6 in values]
    assert [(row.start, row.value) for row in result.rows] == expected
    assert isinstance(result.stopped_by, UnexpectedAnswer)


# Variants of requests


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_client_finds_out_the_method_once(
    make_cloud: MakeCloud, server: Server, series: Series, method: str, status: int
) -> None:
    server.aggregation.methods = frozenset({method})
    server.aggregation.no_method_status = status
    client_store = ClientStore()
    start = hour() - 26 * HOUR
    first = await buckets(make_cloud(client_store), series, start, hour())
    assert first.rows
    methods = [request.method for request in aggregate_requests(server)]
    assert methods == ["GET"] * 3 if method == "GET" else ["GET", "PUT", "PUT", "PUT"]
    server.reset_counts()
    assert (
        await buckets(make_cloud(ClientStore(json.loads(json.dumps(client_store.content)))), series, start, hour())
        == first
    )
    assert [request.method for request in aggregate_requests(server)] == [method]


async def test_the_client_tries_each_method_once_on_a_server_without_aggregates(
    cloud: AnyCloud, server: Server, simulated: GizwitsDevice
) -> None:
    server.aggregation.methods = frozenset()
    same = [Series(device_of(device), "power") for device in online(server) if device.product is simulated.product]
    results = await cloud.history.buckets(same, hour() - DAY, hour(), period=Period.HOUR, aggregation=Aggregation.AVG)
    assert all(isinstance(result.stopped_by, NotSupported) for result in results.values())
    assert [request.method for request in aggregate_requests(server)] == ["GET", "PUT"]


async def test_the_client_finds_out_lower_case_units_once(
    make_cloud: MakeCloud, server: Server, series: Series
) -> None:
    server.aggregation.has_lower_case_units = True
    client_store = ClientStore()
    start = hour() - 26 * HOUR
    assert (await buckets(make_cloud(client_store), series, start, hour())).rows
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["HOURS", "hours", "hours", "hours"]
    server.reset_counts()
    assert (await buckets(make_cloud(client_store), series, start, hour())).rows
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["hours"]


@pytest.mark.parametrize(("retention_days", "found_days"), [(30.5, 30), (29, 28)])
async def test_the_client_finds_out_a_shorter_retention_once(
    make_cloud: MakeCloud, server: Server, series: Series, retention_days: float, found_days: int
) -> None:
    def is_too_early(request: web.Request) -> bool:
        return (
            "start_ts" in request.query
            and int(request.query["start_ts"]) / 1000 < time.time() - retention_days * 86_400
        )

    code = 5002 if isinstance(server, GizwitsEnterpriseServer) else 9015
    server.faults.append(Fault(matches=is_too_early, status=400, body=json.dumps({"error_code": code})))
    client_store = ClientStore()
    for refused in (True, False):
        server.reset_counts()
        result = await buckets(make_cloud(client_store), series, hour() - 40 * DAY, hour())
        assert result.stopped_by is None
        assert timedelta() < result.start - (datetime.now(UTC) - found_days * DAY) < HOUR + timedelta(minutes=1)
        assert result.rows[0].start == result.start
        assert any(is_too_early(request) for request in aggregate_requests(server)) is refused
    recent = await buckets(make_cloud(client_store), series, hour() - 2 * DAY, hour())
    assert (recent.start, recent.stopped_by) == (hour() - 2 * DAY, None)


async def test_a_unit_refused_in_both_cases_is_rejected(cloud: AnyCloud, server: Server, series: Series) -> None:
    code = 5002 if isinstance(server, GizwitsEnterpriseServer) else 9015
    refusal = json.dumps({"error_code": code})
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=400, body=refusal))
    result = await buckets(cloud, series, hour() - DAY, hour())
    assert isinstance(result.stopped_by, Rejected)
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["HOURS", "hours"]
    server.faults.clear()
    await buckets(cloud, series, hour() - DAY, hour())
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=400, body=refusal))
    server.reset_counts()
    await buckets(cloud, series, hour() - DAY, hour())
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["HOURS"]


@pytest.mark.parametrize(
    ("enterprise_code", "open_code", "kind"),
    [
        (5018, 9039, (Forbidden, NotSupported)),
        (5024, 9045, (Forbidden, NotSupported)),
        (5402, 9029, Forbidden),
        (5601, 9035, Unreachable),
    ],
)
async def test_a_refusal_has_its_reason(
    cloud: AnyCloud,
    server: Server,
    series: Series,
    enterprise_code: int,
    open_code: int,
    kind: type[CloudError] | tuple[type[CloudError], ...],
) -> None:
    code = enterprise_code if isinstance(server, GizwitsEnterpriseServer) else open_code
    body = json.dumps({"error_code": code})
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=400, body=body))
    errors: list[CloudError | None] = []
    for _ in range(2):
        result = await buckets(cloud, series, hour() - DAY, hour())
        errors.append(result.stopped_by)
        assert (result.rows, result.start == result.end) == ((), True)
    assert all(isinstance(error, kind) for error in errors)
    if code in (5018, 5024):
        assert {error.reason for error in errors if error} == {Reason.FEATURE_NOT_GRANTED}
        assert len(aggregate_requests(server)) == 1  # The client does not try again that day.


async def test_an_exhausted_quota_ends_the_call(cloud: AnyCloud, server: Server, simulated: GizwitsDevice) -> None:
    same = [Series(device_of(device), "power") for device in online(server) if device.product is simulated.product][:4]
    await buckets(cloud, same[0], hour() - DAY, hour())
    code = 5013 if isinstance(server, GizwitsEnterpriseServer) else 9041
    body = json.dumps({"error_code": code})
    requests = 0

    def after_one(request: web.Request) -> bool:
        nonlocal requests
        requests += request.path.endswith("/agg_data")
        return requests > 1

    if len(same) < 2:
        same.append(Series(Device(id="another", name="x", schema_id=simulated.product.key), "power"))
    server.faults.append(Fault(matches=after_one, status=403, body=body))
    results = await cloud.history.buckets(same, hour() - DAY, hour(), period=Period.HOUR, aggregation=Aggregation.AVG)
    assert [isinstance(result.stopped_by, RateLimited) for result in results.values()] == [
        False,
        *[True] * (len(same) - 1),
    ]
    assert requests == 2


@pytest.mark.parametrize("body", [{}, [], {"data": None}, {"data": {}}])
async def test_an_answer_without_rows_is_unexpected(cloud: AnyCloud, server: Server, series: Series, body: Any) -> None:
    text = json.dumps(body)
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=200, body=text))
    assert isinstance((await buckets(cloud, series, hour() - DAY, hour())).stopped_by, UnexpectedAnswer)


async def test_a_range_without_readings_has_no_buckets(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at().fault)
    result = await buckets(cloud, series, hour() - DAY, hour())
    assert (result.rows, result.stopped_by, result.start, result.end) == ((), None, hour() - DAY, hour())
    assert len(aggregate_requests(server)) == 1


# The time zone of the labels


async def test_the_client_proves_the_time_zone_once_a_day(
    make_cloud: MakeCloud, server: Server, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.aggregation.label_zone = CHINA
    client_store = ClientStore()
    start = hour() - 26 * HOUR
    first = await buckets(make_cloud(client_store), series, start, hour())
    assert len(aggregate_requests(server)) == 3  # all hours, and one hour at each end
    [proof] = [value for key, value in client_store.content.items() if key.startswith("zone of labels at ")]
    assert proof["minutes"] == 480
    assert proof["proven_at"] == pytest.approx(time.time(), abs=10)
    again = make_cloud(ClientStore(json.loads(json.dumps(client_store.content))))
    server.reset_counts()
    assert await buckets(again, series, start, hour()) == first
    assert (await buckets(again, series, start, hour(), Period.DAY)).stopped_by is None
    assert len(aggregate_requests(server)) == 2
    # The proof does not cover buckets more than a day before it.
    server.reset_counts()
    await buckets(again, series, start - 5 * DAY, hour())
    assert len(aggregate_requests(server)) == 3
    # A proof is no longer valid after a month.
    real = time.time
    later = type("Later", (), {"time": staticmethod(lambda: real() + 32 * 86400)})
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.label_offset.time", later)
    server.reset_counts()
    await buckets(again, series, start, hour())
    assert len(aggregate_requests(server)) == 3


async def test_all_devices_share_the_proof_of_the_time_zone(
    cloud: AnyCloud, server: Server, simulated: GizwitsDevice
) -> None:
    devices = [device_of(device) for device in online(server)][:4]
    keys = {
        device.schema_id: next(a.name for a in product.attributes if a.is_number)
        for device, product in zip(devices, [d.product for d in online(server)][:4], strict=True)
    }
    series = [Series(device, keys[device.schema_id]) for device in devices]
    results = await cloud.history.buckets(
        series, hour() - 26 * HOUR, hour(), period=Period.HOUR, aggregation=Aggregation.AVG
    )
    assert all(result.rows for result in results.values())
    assert len(aggregate_requests(server)) == len(series) + 2


async def test_the_client_proves_a_short_range_with_the_day_before_it(
    cloud: AnyCloud, server: Server, simulated: GizwitsDevice, series: Series
) -> None:
    server.aggregation.label_zone = CHINA
    start = hour() - 3 * HOUR
    result = await buckets(cloud, series, start, start + HOUR)
    assert [(row.start, row.value) for row in result.rows] == [(start, true_average(simulated, start, start + HOUR))]
    assert len(aggregate_requests(server)) == 3  # The requested hour is one of the two that prove.


@pytest.mark.parametrize("zone", [CHINA, timezone(-5 * HOUR), INDIA])
async def test_readings_in_few_hours_can_prove_the_time_zone(
    cloud: AnyCloud, server: Server, series: Series, zone: tzinfo
) -> None:
    times = [hour() - n * HOUR + minute * timedelta(minutes=10) for n in (4, 5, 40, 41) for minute in range(6)]
    server.faults.append(hours_at(*times, zone=zone).fault)
    result = await buckets(cloud, series, hour() - 3 * DAY, hour() - DAY)
    if zone is CHINA:
        assert [row.start for row in result.rows] == [hour() - 41 * HOUR, hour() - 40 * HOUR]
    else:
        assert unproven(result)  # The client found no hour with readings.


async def test_a_single_hour_proves_no_time_zone(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at(hour() - 5 * HOUR).fault)
    assert unproven(await buckets(cloud, series, hour() - 2 * DAY, hour()))
    assert unproven(await buckets(cloud, series, hour() - 2 * DAY, hour(), Period.DAY))


@pytest.mark.parametrize("hours", [15, -13])
async def test_labels_with_an_impossible_offset_prove_no_time_zone(
    cloud: AnyCloud, server: Server, series: Series, hours: int
) -> None:
    times = [hour() - n * HOUR for n in range(1, 48)]
    server.faults.append(hours_at(*times, zone=timezone(hours * HOUR)).fault)
    result = await buckets(cloud, series, hour() - 2 * DAY, hour())
    assert unproven(result)


async def test_empty_labels_prove_no_time_zone(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at(*(hour() - n * HOUR for n in range(1, 48)), datetime="").fault)
    assert unproven(await buckets(cloud, series, hour() - DAY, hour()))


@pytest.mark.parametrize("label", ["0001010100", "9999123123"])
async def test_labels_at_the_limits_of_the_calendar_prove_no_time_zone(
    cloud: AnyCloud, server: Server, series: Series, label: str
) -> None:
    server.faults.append(hours_at(*(hour() - n * HOUR for n in range(1, 48)), datetime=label).fault)
    assert unproven(await buckets(cloud, series, hour() - DAY, hour()))


@pytest.mark.parametrize(
    ("period", "label"),
    [
        (Period.HOUR, "0001010100"),
        (Period.DAY, "00010101"),
        (Period.DAY, "99991231"),
        (Period.WEEK, "000101"),
        (Period.WEEK, "999952"),
        (Period.MONTH, "999912"),
    ],
)
@pytest.mark.parametrize("zone", [CHINA, timezone(-5 * HOUR)])
async def test_a_label_at_the_limits_of_the_calendar_is_dropped(
    cloud: AnyCloud, server: Server, series: Series, period: Period, label: str, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    await buckets(cloud, series, hour() - 2 * DAY, hour())
    unit = f"{period}S".upper()
    body = json.dumps({"data": [{"datetime": label, "attrs": {"power": 1}}]})
    server.faults.append(Fault(matches=lambda request: request.query.get("unit") == unit, body=body))
    result = await buckets(cloud, series, hour() - 2 * DAY, hour(), period)
    assert result.rows == ()


class ChangingZone(tzinfo):
    """A time zone whose offset changes from `before` to `after` at one time."""

    def __init__(self, changes_at: datetime, before: timedelta, after: timedelta) -> None:
        self.changes_at, self.before, self.after = changes_at, before, after

    def fromutc(self, at: datetime) -> datetime:
        is_before = at.replace(tzinfo=UTC) < self.changes_at
        return at + (self.before if is_before else self.after)

    def utcoffset(self, _: datetime | None) -> timedelta:
        return self.after

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta()

    def tzname(self, _: datetime | None) -> str:
        return "changing"


@pytest.mark.parametrize(("before", "after"), [(HOUR, 0 * HOUR), (0 * HOUR, HOUR)])
async def test_a_clock_change_within_the_range_proves_no_time_zone(
    cloud: AnyCloud, server: Server, series: Series, simulated: GizwitsDevice, before: timedelta, after: timedelta
) -> None:
    changes_at = hour() - 40 * HOUR
    server.aggregation.label_zone = ChangingZone(changes_at, before, after)
    assert unproven(await buckets(cloud, series, hour() - 70 * HOUR, hour()))
    # A range on one side of the change is proven.
    for start, end in ((hour() - 70 * HOUR, changes_at), (changes_at + DAY, hour())):
        result = await buckets(cloud, series, start, end)
        expected = ((at, true_average(simulated, at, at + HOUR)) for at in _hours(start, end))
        assert [(row.start, row.value) for row in result.rows] == [
            (at, value) for at, value in expected if value is not None
        ]


@pytest.mark.parametrize(("before", "after"), [(HOUR, 0 * HOUR), (0 * HOUR, HOUR)])
async def test_a_label_outside_the_window_makes_the_client_prove_the_time_zone_again(
    cloud: AnyCloud, server: Server, series: Series, simulated: GizwitsDevice, before: timedelta, after: timedelta
) -> None:
    server.aggregation.label_zone = timezone(before)
    start = hour() - 26 * HOUR
    first = await buckets(cloud, series, start, hour())
    server.aggregation.label_zone = timezone(after)
    assert await buckets(cloud, series, start, hour()) == first


async def test_labels_that_contradict_every_proof_are_dropped(cloud: AnyCloud, server: Server, series: Series) -> None:
    correct = hours_at(*(hour() - n * HOUR for n in range(1, 48)))

    def rows(start: float, end: float, unit: str) -> list[dict[str, Any]]:
        if unit == "DAYS":
            return [{"datetime": "20200101", "attrs": {"power": 1}}]
        return correct.rows(start, end, unit)

    server.faults.append(Answers(rows).fault)
    assert unproven(await buckets(cloud, series, midnight(2), hour(), Period.DAY))
    result = await buckets(cloud, series, midnight(2), hour())
    assert result.rows


def _hours(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * HOUR for n in range(int((end - start) / HOUR))]
