"""What both Gizwits clients tell of aggregates: their numbers, and above all their times."""

import json
import statistics
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds import http
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


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


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
def there(server: Server) -> GizwitsDevice:
    return next(device for device in online(server) if "power" in device.product.by_name)


@pytest.fixture
def series(there: GizwitsDevice) -> Series:
    return Series(device_of(there), "power")


def hour() -> datetime:
    """The beginning of this hour."""
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


def true_average(there: GizwitsDevice, start: datetime, end: datetime, key: str = "power") -> float | None:
    """What the simulated server would say of its samples of every ten minutes."""
    first = -(-int(start.timestamp()) // 600) * 600
    moments = [at for at in range(first, int(end.timestamp()), 600) if there.was_online(at)]
    return round(statistics.fmean(there.values_at(at)[key] for at in moments), 4) if moments else None


def aggregate_requests(server: Server) -> list[web.Request]:
    return [request for request in server.log if request.path.endswith("/agg_data")]


def unproven(past: HistoryResult[Bucket]) -> bool:
    error = past.stopped_by
    is_unproven = isinstance(error, UnexpectedAnswer) and error.reason is Reason.ZONE_UNPROVEN
    return is_unproven and past.rows == () and past.start == past.end


class Answers:
    """A server of aggregates of its own making: `rows` gives labels and values of a range of epoch seconds."""

    def __init__(self, rows: Callable[[float, float, str], list[dict[str, Any]]]) -> None:
        self.rows = rows
        self.fault = Fault(matches=self._matches)

    def _matches(self, request: web.Request) -> bool:
        if not request.path.endswith("/agg_data"):
            return False
        start, end = (int(request.query[name]) / 1000 for name in ("start_ts", "end_ts"))
        self.fault.body = json.dumps({"data": self.rows(start, end, request.query["unit"])})
        return True


def hours_at(*moments: datetime, zone: tzinfo = CHINA, **row: Any) -> Answers:
    """Readings at these moments only."""

    def rows(start: float, end: float, unit: str) -> list[dict[str, Any]]:
        layout = {"HOURS": "%Y%m%d%H", "DAYS": "%Y%m%d"}[unit]
        found = [moment for moment in moments if start <= moment.timestamp() <= end]
        labels = dict.fromkeys(moment.astimezone(zone).strftime(layout) for moment in found)
        return [{"datetime": label, "attrs": {"power": 1}} | row for label in labels]

    return Answers(rows)


# Numbers and times


@pytest.mark.parametrize("zone", [UTC, CHINA, INDIA, *(timezone(hours * HOUR) for hours in (-8, -3.5, 5.75, 6.25))])
async def test_hours_are_those_the_readings_were_taken_in(
    cloud: AnyCloud, server: Server, there: GizwitsDevice, series: Series, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    offset = datetime.now(zone).utcoffset() or timedelta()
    start = hour() - 30 * HOUR - offset % HOUR
    past = await buckets(cloud, series, start, start + 26 * HOUR)
    assert past.stopped_by is None
    assert (past.start, past.end) == (start, start + 26 * HOUR)
    expected = [(at, true_average(there, at, at + HOUR)) for at in (start + n * HOUR for n in range(26))]
    assert [(row.start, row.value) for row in past.rows] == [(at, value) for at, value in expected if value is not None]
    assert all(row.end - row.start == HOUR for row in past.rows)


@pytest.mark.parametrize("zone", [UTC, CHINA, INDIA, timezone(-8 * HOUR)])
async def test_days_begin_at_midnight_of_the_zone_of_the_labels(
    cloud: AnyCloud, server: Server, series: Series, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    past = await buckets(cloud, series, midnight(3, zone), midnight(1, zone), Period.DAY)
    assert [(row.start, row.end) for row in past.rows] == [
        (midnight(3, zone), midnight(2, zone)),
        (midnight(2, zone), midnight(1, zone)),
    ]
    day_requests = [request.query for request in aggregate_requests(server) if request.query["unit"] == "DAYS"]
    assert [int(query["start_ts"]) for query in day_requests] == [midnight(3, zone).timestamp() * 1000]
    assert [int(query["end_ts"]) for query in day_requests] == [midnight(1, zone).timestamp() * 1000 - 1]


@pytest.mark.parametrize("period", [Period.WEEK, Period.MONTH])
async def test_weeks_and_months_begin_where_their_labels_say(
    cloud: AnyCloud, server: Server, series: Series, period: Period
) -> None:
    server.aggregation.label_zone = CHINA
    end = datetime.now(UTC)
    past = await buckets(cloud, series, end - 30 * DAY, end, period)
    assert past.stopped_by is None
    for row in past.rows:
        local = row.start.astimezone(CHINA)
        assert (local.hour, local.minute) == (0, 0)
        assert local.day == 1 if period is Period.MONTH else local.weekday() == 0
    assert past.rows or period is Period.MONTH  # a month of 31 days has to begin within the reach
    if past.rows:
        assert past.rows[-1].start < end


@pytest.mark.parametrize(
    ("label", "monday"),
    [("202601", "2025-12-29"), ("202653", "2026-12-28"), ("202652", "2026-12-21")],
)
async def test_weeks_are_those_of_iso_8601(
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
    past = await buckets(cloud, series, begin, begin + 7 * DAY, Period.WEEK)
    assert [(row.start, row.end, row.value) for row in past.rows] == [(begin, begin + 7 * DAY, 2)]


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.AVG, Aggregation.MAX, Aggregation.MIN])
async def test_what_is_said_of_the_readings_is_what_was_asked_for(
    cloud: AnyCloud, there: GizwitsDevice, series: Series, aggregation: Aggregation
) -> None:
    start = hour() - 3 * HOUR
    past = await buckets(cloud, series, start, start + 2 * HOUR, aggregation=aggregation)
    functions: dict[str, Callable[[list[float]], float]] = {"sum": sum, "avg": statistics.fmean, "max": max, "min": min}
    say = functions[aggregation]
    samples = [there.values_at(start.timestamp() + n * 600)["power"] for n in range(6)]
    assert past.rows[0].value == pytest.approx(say(samples), abs=0.001)


async def test_every_period_that_the_range_touches_is_told_whole_and_the_last_may_be_growing(
    cloud: AnyCloud, there: GizwitsDevice, series: Series
) -> None:
    now = datetime.now(UTC)
    past = await buckets(cloud, series, hour() - 3.5 * HOUR, now + DAY)
    assert [row.start for row in past.rows] == [hour() - n * HOUR for n in (4, 3, 2, 1, 0)]
    assert past.rows[-1].end == hour() + HOUR > past.end
    assert abs(past.end - now) < timedelta(seconds=5)
    inner = await buckets(cloud, series, hour() - HOUR + timedelta(minutes=5), hour() - timedelta(minutes=5))
    begin = hour() - HOUR
    assert [(row.start, row.value) for row in inner.rows] == [(begin, true_average(there, begin, hour()))]
    assert inner.stopped_by is None


async def test_the_past_month_is_one_request(cloud: AnyCloud, server: Server, series: Series) -> None:
    start = hour() - DAY
    await buckets(cloud, series, hour() - 31 * DAY, hour(), Period.DAY)
    server.reset_counts()
    past = await buckets(cloud, series, hour() - 90 * DAY, datetime.now(UTC), Period.DAY)
    assert len(aggregate_requests(server)) == 1
    # The day that the cloud has forgotten the beginning of is not told.
    assert timedelta() < past.start - (datetime.now(UTC) - 31 * DAY) < DAY + timedelta(minutes=2)
    assert past.rows[0].start == past.start
    assert len(past.rows) == 31
    assert past.end > start
    server.reset_counts()
    for first, last in ((hour() - 90 * DAY, hour() - 60 * DAY), (hour() + DAY, hour() + 2 * DAY), (hour(), hour())):
        nothing = await buckets(cloud, series, first, last)
        assert (nothing.rows, nothing.stopped_by, nothing.start == nothing.end) == ((), None, True)
    assert not aggregate_requests(server)


async def test_datapoints_of_a_device_share_a_request(cloud: AnyCloud, server: Server, there: GizwitsDevice) -> None:
    device = device_of(there)
    numbers = [Series(device, key) for key in ("power", "energy", "room_temp")]
    others = [Series(device, key) for key in ("switch", "mode", "unheard")]
    start = hour() - 26 * HOUR
    for requests in (3, 1):  # with the proof of the zone, and without
        server.reset_counts()
        pasts = await cloud.history.buckets(
            [*numbers, *others], start, hour(), period=Period.HOUR, aggregation=Aggregation.AVG
        )
        assert len(aggregate_requests(server)) == requests
        for one in numbers:
            assert pasts[one].rows[3].value == true_average(there, start + 3 * HOUR, start + 4 * HOUR, one.key)
        for one in others:
            assert isinstance(error := pasts[one].stopped_by, Rejected)
            assert (error.reason, error.subject, pasts[one].rows) == (Reason.INVALID_VALUE, one.key, ())
    assert {request.query["attrs"] for request in aggregate_requests(server)} == {"power,energy,room_temp"}


async def test_five_hundred_rows_of_a_device_are_told(cloud: AnyCloud, series: Series) -> None:
    past = await buckets(cloud, series, hour() - 500 * HOUR, hour())
    assert len(past.rows) >= 499


@pytest.mark.parametrize(
    ("period", "aggregation"),
    [(Period.MINUTE, Aggregation.AVG), (Period.YEAR, Aggregation.AVG), (Period.HOUR, Aggregation.COUNT)],
)
async def test_what_is_not_offered_is_rejected(
    cloud: AnyCloud, server: Server, series: Series, period: Period, aggregation: Aggregation
) -> None:
    assert (
        period not in cloud.history.capabilities.periods or aggregation not in cloud.history.capabilities.aggregations
    )
    with pytest.raises(Rejected) as refusal:
        await buckets(cloud, series, hour() - DAY, hour(), period, aggregation)
    assert refusal.value.reason is Reason.INVALID_REQUEST
    assert not server.requests


async def test_numbers_are_read_leniently_and_rows_without_a_label_dropped(
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
    past = await buckets(cloud, series, start, start + 26 * HOUR)
    values = {0: 12.5, 1: 3, 5: -0.5}
    expected = [(start + n * HOUR, values[n % 6]) for n in range(26) if n % 6 in values]
    assert [(row.start, row.value) for row in past.rows] == expected
    assert isinstance(past.stopped_by, UnexpectedAnswer)


# How the server wants to be asked


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_method_is_found_out_once(
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


async def test_a_server_without_aggregates_is_asked_once_by_each_method(
    cloud: AnyCloud, server: Server, there: GizwitsDevice
) -> None:
    server.aggregation.methods = frozenset()
    same = [Series(device_of(device), "power") for device in online(server) if device.product is there.product]
    pasts = await cloud.history.buckets(same, hour() - DAY, hour(), period=Period.HOUR, aggregation=Aggregation.AVG)
    assert all(isinstance(past.stopped_by, NotSupported) for past in pasts.values())
    assert [request.method for request in aggregate_requests(server)] == ["GET", "PUT"]


async def test_lower_case_units_are_found_out_once(make_cloud: MakeCloud, server: Server, series: Series) -> None:
    server.aggregation.has_lower_case_units = True
    client_store = ClientStore()
    start = hour() - 26 * HOUR
    assert (await buckets(make_cloud(client_store), series, start, hour())).rows
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["HOURS", "hours", "hours", "hours"]
    server.reset_counts()
    assert (await buckets(make_cloud(client_store), series, start, hour())).rows
    assert [request.query["unit"] for request in aggregate_requests(server)] == ["hours"]


@pytest.mark.parametrize(("reach", "reached"), [(30.5, 30), (29, 28)])
async def test_a_shorter_month_is_found_out_once(
    make_cloud: MakeCloud, server: Server, series: Series, reach: float, reached: int
) -> None:
    def is_too_early(request: web.Request) -> bool:
        return "start_ts" in request.query and int(request.query["start_ts"]) / 1000 < time.time() - reach * 86_400

    code = 5002 if isinstance(server, GizwitsEnterpriseServer) else 9015
    server.faults.append(Fault(matches=is_too_early, status=400, body=json.dumps({"error_code": code})))
    client_store = ClientStore()
    for refused in (True, False):
        server.reset_counts()
        past = await buckets(make_cloud(client_store), series, hour() - 40 * DAY, hour())
        assert past.stopped_by is None
        assert timedelta() < past.start - (datetime.now(UTC) - reached * DAY) < HOUR + timedelta(minutes=1)
        assert past.rows[0].start == past.start
        assert any(is_too_early(request) for request in aggregate_requests(server)) is refused
    recent = await buckets(make_cloud(client_store), series, hour() - 2 * DAY, hour())
    assert (recent.start, recent.stopped_by) == (hour() - 2 * DAY, None)


async def test_a_refusal_in_either_case_is_one(cloud: AnyCloud, server: Server, series: Series) -> None:
    code = 5002 if isinstance(server, GizwitsEnterpriseServer) else 9015
    refusal = json.dumps({"error_code": code})
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=400, body=refusal))
    past = await buckets(cloud, series, hour() - DAY, hour())
    assert isinstance(past.stopped_by, Rejected)
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
async def test_what_is_refused_says_why(
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
        past = await buckets(cloud, series, hour() - DAY, hour())
        errors.append(past.stopped_by)
        assert (past.rows, past.start == past.end) == ((), True)
    assert all(isinstance(error, kind) for error in errors)
    if code in (5018, 5024):
        assert {error.reason for error in errors if error} == {Reason.FEATURE_NOT_GRANTED}
        assert len(aggregate_requests(server)) == 1  # and no more that day


async def test_a_spent_quota_ends_the_round(cloud: AnyCloud, server: Server, there: GizwitsDevice) -> None:
    same = [Series(device_of(device), "power") for device in online(server) if device.product is there.product][:4]
    await buckets(cloud, same[0], hour() - DAY, hour())
    code = 5013 if isinstance(server, GizwitsEnterpriseServer) else 9041
    body = json.dumps({"error_code": code})
    seen = 0

    def after_one(request: web.Request) -> bool:
        nonlocal seen
        seen += request.path.endswith("/agg_data")
        return seen > 1

    if len(same) < 2:
        same.append(Series(Device(id="another", name="x", schema_id=there.product.key), "power"))
    server.faults.append(Fault(matches=after_one, status=403, body=body))
    pasts = await cloud.history.buckets(same, hour() - DAY, hour(), period=Period.HOUR, aggregation=Aggregation.AVG)
    assert [isinstance(past.stopped_by, RateLimited) for past in pasts.values()] == [False, *[True] * (len(same) - 1)]
    assert seen == 2


@pytest.mark.parametrize("body", [{}, [], {"data": None}, {"data": {}}])
async def test_an_answer_without_rows_in_it_is_unexpected(
    cloud: AnyCloud, server: Server, series: Series, body: Any
) -> None:
    text = json.dumps(body)
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/agg_data"), status=200, body=text))
    assert isinstance((await buckets(cloud, series, hour() - DAY, hour())).stopped_by, UnexpectedAnswer)


async def test_no_readings_are_no_buckets(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at().fault)
    past = await buckets(cloud, series, hour() - DAY, hour())
    assert (past.rows, past.stopped_by, past.start, past.end) == ((), None, hour() - DAY, hour())
    assert len(aggregate_requests(server)) == 1


# The zone of the labels


async def test_the_zone_is_proven_once_a_day(
    make_cloud: MakeCloud, server: Server, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.aggregation.label_zone = CHINA
    client_store = ClientStore()
    start = hour() - 26 * HOUR
    first = await buckets(make_cloud(client_store), series, start, hour())
    assert len(aggregate_requests(server)) == 3  # all hours, and one hour at either end
    [proof] = [value for key, value in client_store.content.items() if key.startswith("zone of labels at ")]
    assert proof["minutes"] == 480
    assert proof["proven_at"] == pytest.approx(time.time(), abs=10)
    again = make_cloud(ClientStore(json.loads(json.dumps(client_store.content))))
    server.reset_counts()
    assert await buckets(again, series, start, hour()) == first
    assert (await buckets(again, series, start, hour(), Period.DAY)).stopped_by is None
    assert len(aggregate_requests(server)) == 2
    # What lies further back than a day before the proof is not covered by it.
    server.reset_counts()
    await buckets(again, series, start - 5 * DAY, hour())
    assert len(aggregate_requests(server)) == 3
    # Nor is anything, once the proof is a month old.
    real = time.time
    later = type("Later", (), {"time": staticmethod(lambda: real() + 32 * 86400)})
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.label_offset.time", later)
    server.reset_counts()
    await buckets(again, series, start, hour())
    assert len(aggregate_requests(server)) == 3


async def test_another_device_needs_no_proof_of_its_own(cloud: AnyCloud, server: Server, there: GizwitsDevice) -> None:
    devices = [device_of(device) for device in online(server)][:4]
    keys = {
        device.schema_id: next(a.name for a in product.attributes if a.is_number)
        for device, product in zip(devices, [d.product for d in online(server)][:4], strict=True)
    }
    series = [Series(device, keys[device.schema_id]) for device in devices]
    pasts = await cloud.history.buckets(
        series, hour() - 26 * HOUR, hour(), period=Period.HOUR, aggregation=Aggregation.AVG
    )
    assert all(past.rows for past in pasts.values())
    assert len(aggregate_requests(server)) == len(series) + 2


async def test_a_short_range_is_proven_with_the_day_before_it(
    cloud: AnyCloud, server: Server, there: GizwitsDevice, series: Series
) -> None:
    server.aggregation.label_zone = CHINA
    start = hour() - 3 * HOUR
    past = await buckets(cloud, series, start, start + HOUR)
    assert [(row.start, row.value) for row in past.rows] == [(start, true_average(there, start, start + HOUR))]
    assert len(aggregate_requests(server)) == 3  # the hour that was asked for is one of the two that prove


@pytest.mark.parametrize("zone", [CHINA, timezone(-5 * HOUR), INDIA])
async def test_a_device_that_reports_seldom_proves_the_zone(
    cloud: AnyCloud, server: Server, series: Series, zone: tzinfo
) -> None:
    moments = [hour() - n * HOUR + minute * timedelta(minutes=10) for n in (4, 5, 40, 41) for minute in range(6)]
    server.faults.append(hours_at(*moments, zone=zone).fault)
    past = await buckets(cloud, series, hour() - 3 * DAY, hour() - DAY)
    if zone is CHINA:
        assert [row.start for row in past.rows] == [hour() - 41 * HOUR, hour() - 40 * HOUR]
    else:
        assert unproven(past)  # no hour with readings was found: nothing is claimed


async def test_a_single_hour_proves_nothing(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at(hour() - 5 * HOUR).fault)
    assert unproven(await buckets(cloud, series, hour() - 2 * DAY, hour()))
    assert unproven(await buckets(cloud, series, hour() - 2 * DAY, hour(), Period.DAY))


@pytest.mark.parametrize("hours", [15, -13])
async def test_labels_of_no_zone_prove_nothing(cloud: AnyCloud, server: Server, series: Series, hours: int) -> None:
    moments = [hour() - n * HOUR for n in range(1, 48)]
    server.faults.append(hours_at(*moments, zone=timezone(hours * HOUR)).fault)
    past = await buckets(cloud, series, hour() - 2 * DAY, hour())
    assert unproven(past)


async def test_labels_that_are_all_empty_prove_nothing(cloud: AnyCloud, server: Server, series: Series) -> None:
    server.faults.append(hours_at(*(hour() - n * HOUR for n in range(1, 48)), datetime="").fault)
    assert unproven(await buckets(cloud, series, hour() - DAY, hour()))


@pytest.mark.parametrize("label", ["0001010100", "9999123123"])
async def test_labels_at_the_ends_of_all_calendars_prove_nothing(
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
async def test_a_label_at_the_end_of_all_calendars_is_no_time(
    cloud: AnyCloud, server: Server, series: Series, period: Period, label: str, zone: tzinfo
) -> None:
    server.aggregation.label_zone = zone
    await buckets(cloud, series, hour() - 2 * DAY, hour())
    unit = f"{period}S".upper()
    body = json.dumps({"data": [{"datetime": label, "attrs": {"power": 1}}]})
    server.faults.append(Fault(matches=lambda request: request.query.get("unit") == unit, body=body))
    past = await buckets(cloud, series, hour() - 2 * DAY, hour(), period)
    assert past.rows == ()


class Summer(tzinfo):
    """A zone that is an hour ahead until a moment and in line with UTC from then on, or the other way round."""

    def __init__(self, changes_at: datetime, before: timedelta, after: timedelta) -> None:
        self.changes_at, self.before, self.after = changes_at, before, after

    def fromutc(self, moment: datetime) -> datetime:
        is_before = moment.replace(tzinfo=UTC) < self.changes_at
        return moment + (self.before if is_before else self.after)

    def utcoffset(self, _: datetime | None) -> timedelta:
        return self.after

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta()

    def tzname(self, _: datetime | None) -> str:
        return "summer"


@pytest.mark.parametrize(("before", "after"), [(HOUR, 0 * HOUR), (0 * HOUR, HOUR)])
async def test_a_clock_that_is_changed_within_the_range_proves_nothing(
    cloud: AnyCloud, server: Server, series: Series, there: GizwitsDevice, before: timedelta, after: timedelta
) -> None:
    changes_at = hour() - 40 * HOUR
    server.aggregation.label_zone = Summer(changes_at, before, after)
    assert unproven(await buckets(cloud, series, hour() - 70 * HOUR, hour()))
    # On either side of the change all is clear.
    for start, end in ((hour() - 70 * HOUR, changes_at), (changes_at + DAY, hour())):
        past = await buckets(cloud, series, start, end)
        expected = ((at, true_average(there, at, at + HOUR)) for at in _hours(start, end))
        assert [(row.start, row.value) for row in past.rows] == [
            (at, value) for at, value in expected if value is not None
        ]


@pytest.mark.parametrize(("before", "after"), [(HOUR, 0 * HOUR), (0 * HOUR, HOUR)])
async def test_a_label_outside_the_window_asks_for_another_proof(
    cloud: AnyCloud, server: Server, series: Series, there: GizwitsDevice, before: timedelta, after: timedelta
) -> None:
    server.aggregation.label_zone = timezone(before)
    start = hour() - 26 * HOUR
    before_it = await buckets(cloud, series, start, hour())
    server.aggregation.label_zone = timezone(after)
    assert await buckets(cloud, series, start, hour()) == before_it


async def test_labels_that_contradict_every_proof_are_not_told(cloud: AnyCloud, server: Server, series: Series) -> None:
    honest = hours_at(*(hour() - n * HOUR for n in range(1, 48)))

    def rows(start: float, end: float, unit: str) -> list[dict[str, Any]]:
        if unit == "DAYS":
            return [{"datetime": "20200101", "attrs": {"power": 1}}]
        return honest.rows(start, end, unit)

    server.faults.append(Answers(rows).fault)
    assert unproven(await buckets(cloud, series, midnight(2), hour(), Period.DAY))
    past = await buckets(cloud, series, midnight(2), hour())
    assert past.rows


def _hours(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * HOUR for n in range(int((end - start) / HOUR))]
