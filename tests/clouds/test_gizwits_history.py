"""What both Gizwits clients tell of the past: reports and logs."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds import http
from custom_components.datapoint_cloud.clouds.budget import Purpose
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    DeviceGone,
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
from custom_components.datapoint_cloud.clouds.history import History, Series
from custom_components.datapoint_cloud.clouds.model import Device
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .gizwits_clouds import device_of, enterprise_cloud, online, open_cloud

LOG = "GET /v1/products/{product_key}/devices/{did}/"
DATA, ONLINE, CMD = LOG + "data", LOG + "online", LOG + "cmd"
RAW = "GET /app/devices/{did}/raw_data"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = 7 * DAY

type MakeEnterprise = Callable[..., GizwitsEnterpriseCloud]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def server(simulation: Simulation) -> GizwitsEnterpriseServer:
    return simulation.gizwits_enterprise


@pytest.fixture
def open_server(simulation: Simulation) -> GizwitsOpenServer:
    return simulation.gizwits_open


@pytest.fixture
async def cloud(session: aiohttp.ClientSession, server: GizwitsEnterpriseServer) -> GizwitsEnterpriseCloud:
    """A client that knows the definition of the first product, so that only the past costs requests."""
    cloud = enterprise_cloud(session, server)
    await cloud.schema(device_of(next(online(server))))
    server.reset_counts()
    return cloud


@pytest.fixture
def there(server: GizwitsEnterpriseServer) -> GizwitsDevice:
    device = next(online(server))
    device.report_seconds = 1800
    return device


@pytest.fixture
def device(there: GizwitsDevice) -> Device:
    return device_of(there)


@pytest.fixture
def consumer(session: aiohttp.ClientSession, open_server: GizwitsOpenServer) -> GizwitsOpenCloud:
    return open_cloud(session, open_server)


def now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)


def is_near(moment: datetime, other: datetime) -> bool:
    return abs(moment - other) <= timedelta(seconds=2)


def is_a_history(history: History) -> History:
    return history


def asked(server: GizwitsEnterpriseServer | GizwitsOpenServer, part: str) -> list[web.Request]:
    return [request for request in server.log if request.path.endswith(part)]


def at(part: str, nth: int = 0) -> Callable[[web.Request], bool]:
    """Match requests to a path from the nth on."""
    seen = 0

    def matches(request: web.Request) -> bool:
        nonlocal seen
        seen += request.path.endswith(part)
        return request.path.endswith(part) and seen > nth

    return matches


def failing(matches: Callable[[web.Request], bool], code: int, status: int = 400) -> Fault:
    return Fault(matches=matches, status=status, body=json.dumps({"error_code": str(code), "error_message": "no"}))


class Shelf:
    """Rows a server answers whatever is in the simulated device, window by window and page by page."""

    def __init__(self, part: str, rows: list[dict[str, Any]], **behaviour: Any) -> None:
        self.rows = rows
        self.part = part
        self.tells_total = behaviour.get("tells_total", True)
        self.is_newest_first = behaviour.get("is_newest_first", False)
        self.ignores_skip = behaviour.get("ignores_skip", False)
        self.cut_at = behaviour.get("cut_at", 100 if part == "/data" else 1000)
        self.answers = Fault(matches=self._matches)

    def _matches(self, request: web.Request) -> bool:
        if not request.path.endswith(self.part):
            return False
        query = request.query
        start = int(query.get("start_ts") or query["start_time"])
        end = int(query.get("end_ts") or query["end_time"])
        rows = [row for row in self.rows if start <= _told_at(row) <= end]
        rows.sort(key=_told_at, reverse=self.is_newest_first)
        skip, limit = 0 if self.ignores_skip else int(query["skip"]), min(int(query["limit"]), self.cut_at)
        meta = {"total": len(rows)} if self.tells_total else {}
        self.answers.body = json.dumps({"meta": meta, "objects": rows[skip : skip + limit]})
        return True


def _told_at(row: dict[str, Any]) -> float:
    return float(row.get("ts") or row["timestamp"])


# Reports


async def test_every_report_of_a_range_is_told_oldest_first(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    end = now()
    start = end - 6 * HOUR
    keys = ("switch", "mode", "room_temp", "schedule", "unheard")
    pasts = await is_a_history(cloud.history).readings([Series(device, key) for key in keys], start, end)
    moments = [moment for moment in there.reports(start.timestamp(), end.timestamp()) if moment < end.timestamp()]
    assert len(moments) in (11, 12)
    for key in keys[:4]:
        past = pasts[Series(device, key)]
        assert (past.start, past.end, past.stopped_by) == (start, end, None)
        assert [row.taken_at for row in past.rows] == [datetime.fromtimestamp(moment, UTC) for moment in moments]
        assert [row.value for row in past.rows] == [there.values_at(moment)[key] for moment in moments]
    assert pasts[Series(device, "switch")].rows[0].value is True
    assert pasts[Series(device, "unheard")].rows == ()
    assert server.requests == {DATA: 1}


@pytest.mark.parametrize(
    ("length", "windows"),
    [(HOUR, 1), (2 * DAY, 1), (2 * DAY + HOUR, 2), (4 * DAY, 2), (WEEK - HOUR, 4), (WEEK, 4), (30 * DAY, 4)],
)
async def test_a_range_is_cut_into_windows_of_two_days(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    there: GizwitsDevice,
    device: Device,
    length: timedelta,
    windows: int,
) -> None:
    end = now()
    past = (await cloud.history.readings([Series(device, "power")], end - length, end))[Series(device, "power")]
    assert server.requests == {DATA: windows}
    assert past.end == end
    assert is_near(past.start, max(end - length, end - WEEK + timedelta(minutes=1)))
    moments = there.reports(past.start.timestamp(), end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in past.rows if row.taken_at] == moments


@pytest.mark.parametrize(("start", "end"), [(-30 * DAY, -20 * DAY), (HOUR, 2 * HOUR), (-HOUR, -HOUR)])
async def test_what_cannot_be_reached_costs_nothing(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, start: timedelta, end: timedelta
) -> None:
    first, last = now() + start, now() + end
    past = (await cloud.history.readings([Series(device, "power")], first, last))[Series(device, "power")]
    assert (past.rows, past.stopped_by) == ((), None)
    assert first <= past.start == past.end <= last
    assert not server.requests


async def test_the_future_is_not_covered(cloud: GizwitsEnterpriseCloud, device: Device) -> None:
    past = await cloud.history.online_log(device, now() - HOUR, now() + DAY)
    assert is_near(past.end, now())


async def test_fractions_of_seconds_cost_no_window(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now() - timedelta(seconds=5) + timedelta(milliseconds=250)
    past = await cloud.history.online_log(device, end - 2 * DAY, end)
    assert past.start == end - 2 * DAY
    assert timedelta() <= end - past.end < timedelta(seconds=1)
    assert server.requests[ONLINE] == 1


async def test_all_pages_are_turned(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    there.report_seconds = 60
    end = now() - HOUR
    start = end - timedelta(minutes=500)
    past = (await cloud.history.readings([Series(device, "power")], start, end))[Series(device, "power")]
    assert len(past.rows) == len([m for m in there.reports(start.timestamp(), end.timestamp()) if m < end.timestamp()])
    assert len(past.rows) > 400
    assert server.requests[DATA] == 1


async def test_a_page_that_is_too_long_is_asked_for_shorter_from_then_on(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    server.maximum_limit = 20
    client_store = ClientStore()
    end = now()
    for requests in (4, 2):
        server.requests.clear()
        cloud = enterprise_cloud(session, server, client_store)
        past = (await cloud.history.readings([Series(device, "power")], end - 18 * HOUR, end))[Series(device, "power")]
        assert len(past.rows) in (35, 36)
        assert server.requests[DATA] == requests
    limits = [int(request.query["limit"]) for request in asked(server, "/data")]
    assert limits == [1000, 100, 20, 20, 20, 20]


@pytest.mark.parametrize("length", [HOUR, 5 * DAY])
async def test_windows_in_milliseconds_are_found_out_once(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, there: GizwitsDevice, length: timedelta
) -> None:
    server.windows_are_in_ms = True
    client_store = ClientStore()
    end = now()
    series = Series(device_of(there), "power")
    for first_ones in (3, 0):  # in seconds, with ever shorter pages
        server.reset_counts()
        cloud = enterprise_cloud(session, server, client_store)
        past = (await cloud.history.readings([series], end - length, end))[series]
        moments = there.reports((end - length).timestamp(), end.timestamp() - 1)
        assert [row.taken_at.timestamp() for row in past.rows if row.taken_at] == moments
        in_seconds = [request for request in asked(server, "/data") if int(request.query["start_ts"]) < 10**11]
        assert len(in_seconds) == first_ones


async def test_an_answer_without_rows_is_asked_for_in_milliseconds_while_the_unit_is_unknown(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    # In milliseconds the server refuses pages of every length.
    silent = next(other for other in online(server) if other is not there)
    silent.is_forgotten = True
    series = [Series(device_of(silent), "power"), Series(device, "power")]
    for one, requests in ((series[0], 4), (series[1], 1), (series[0], 1)):
        server.reset_counts()
        past = (await cloud.history.readings([one], now() - HOUR, now()))[one]
        assert bool(past.rows) is (one is series[1])
        assert server.requests[DATA] == requests


async def test_windows_refused_in_either_unit_are_refused(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online"), 5002))
    with pytest.raises(Rejected) as refusal:
        await cloud.history.online_log(device, now() - DAY, now() - HOUR)
    assert refusal.value.code == 5002
    assert server.requests[ONLINE] == 6


async def test_what_is_refused_in_the_known_unit_is_refused(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    assert (await cloud.history.online_log(device, now() - 2 * DAY, now())).rows
    server.reset_counts()
    server.maximum_limit = 0
    with pytest.raises(Rejected):
        await cloud.history.online_log(device, now() - DAY, now() - HOUR)
    assert server.requests[ONLINE] == 3
    server.faults.append(failing(at("/online"), 5401))
    with pytest.raises(Rejected):
        await cloud.history.online_log(device, now() - DAY, now() - HOUR)
    assert server.requests[ONLINE] == 4


@pytest.mark.parametrize(
    ("rows", "behaviour", "requests"),
    [
        (0, {}, 2),  # the second in milliseconds
        (100, {}, 1),
        (101, {}, 2),
        (250, {"tells_total": False}, 4),
        (110, {"tells_total": False}, 3),
        (35, {"tells_total": False, "cut_at": 10}, 5),
        (250, {"tells_total": False, "ignores_skip": True}, 2),
        (250, {"is_newest_first": True}, 3),
    ],
)
async def test_pages_are_turned_whatever_the_server_tells(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    device: Device,
    rows: int,
    behaviour: dict[str, Any],
    requests: int,
) -> None:
    end = now()
    first = int((end - HOUR).timestamp())
    shelf = Shelf("/data", [{"ts": first + n, "attrs": {"power": n}} for n in range(rows)], **behaviour)
    server.faults.append(shelf.answers)
    past = (await cloud.history.readings([Series(device, "power")], end - HOUR, end))[Series(device, "power")]
    found = 100 if shelf.ignores_skip else rows
    assert [row.value for row in past.rows] == list(range(found))
    assert server.requests[DATA] == requests


async def test_a_log_without_an_end_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.paging._MOST_PAGES", 2)
    end = now()
    first = int((end - HOUR).timestamp())
    server.faults.append(Shelf("/data", [{"ts": first + n, "attrs": {"power": n}} for n in range(900)]).answers)
    past = (await cloud.history.readings([Series(device, "power")], end - HOUR, end))[Series(device, "power")]
    assert isinstance(past.stopped_by, UnexpectedAnswer)
    assert [row.value for row in past.rows] == list(range(199))


async def test_rows_at_the_seams_are_told_once(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now()
    seam = int((end - 3 * DAY).timestamp())
    rows = [{"ts": seam, "attrs": {"power": 1}}, {"ts": seam, "attrs": {"power": 2}}]
    outside = [{"ts": int((end - 5 * DAY).timestamp()) - 1, "attrs": {"power": 3}}]
    outside += [{"ts": int(end.timestamp()), "attrs": {"power": 4}}]
    server.faults.append(Shelf("/data", rows + outside).answers)
    past = (await cloud.history.readings([Series(device, "power")], end - 5 * DAY, end))[Series(device, "power")]
    assert [row.value for row in past.rows] == [1, 2]


async def test_a_broken_row_costs_itself_alone(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    ts = int(time.time()) - 60
    rows = [
        {"ts": ts, "attrs": {"power": 5, "mode": 1, "switch": "maybe"}},
        {"ts": ts + 1, "attrs": None},
        {"attrs": {"power": 6}},
        {"ts": "x", "attrs": {"power": 7}},
        {"ts": str(ts + 2), "attrs": {"power": "8", "switch": 0}},
        7,
    ]
    server.faults.append(Fault(matches=at("/data"), status=200, body=json.dumps({"objects": rows})))
    series = [Series(device, key) for key in ("power", "mode", "switch")]
    pasts = await cloud.history.readings(series, now() - HOUR, now())
    values = [[row.value for row in pasts[one].rows] for one in series]
    assert values == [[5, 8], ["制热"], [False]]
    assert all(isinstance(pasts[one].stopped_by, UnexpectedAnswer) for one in series)


async def test_a_log_that_contradicts_its_total_is_not_complete(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    row = {"ts": int(time.time()) - 60, "attrs": {"power": 5}}
    body = json.dumps({"meta": {"total": 3}, "objects": [row]})
    server.faults.append(Fault(matches=at("/data"), status=200, body=body))
    past = (await cloud.history.readings([Series(device, "power")], now() - HOUR, now()))[Series(device, "power")]
    assert isinstance(past.stopped_by, UnexpectedAnswer)


async def test_a_device_is_read_once_for_all_its_datapoints(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    devices = [device_of(device) for device in list(online(server))[:3]]
    series = [Series(device, key) for key in ("power", "energy", "power") for device in devices]
    pasts = await cloud.history.readings(series, now() - HOUR, now())
    assert set(pasts) == set(series)
    assert all(past.rows for past in pasts.values())
    assert server.requests == {DATA: 3}


# What goes wrong


async def test_a_spent_quota_leaves_what_was_read(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    there.report_seconds = 60  # three pages a window
    end = now()
    start = end - 4 * DAY
    others = [device_of(other) for other in list(online(server))[1:4]]
    # Somebody else spends what is left, so that the client does not see it coming.
    server.faults.append(failing(lambda _: server.requests[DATA] > 5, 5013, 403))
    series = [Series(one, "power") for one in (device, *others)]
    pasts = await cloud.history.readings(series, start, end)
    past = pasts[series[0]]
    assert isinstance(past.stopped_by, RateLimited)
    assert past.stopped_by.retry_after
    assert past.start == start
    assert start + 3 * DAY < past.end < end
    moments = there.reports(start.timestamp(), past.end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in past.rows if row.taken_at] == moments
    assert all(pasts[one].stopped_by is past.stopped_by for one in series[1:])
    assert all((pasts[one].rows, pasts[one].start, pasts[one].end) == ((), start, start) for one in series[1:])
    assert server.requests[DATA] == 6
    # What follows goes on where this ended.
    server.faults.clear()
    rest = (await cloud.history.readings(series[:1], past.end, end))[series[0]]
    moments = there.reports(start.timestamp(), end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in past.rows + rest.rows if row.taken_at] == moments


async def test_pages_that_came_newest_first_cover_nothing_of_their_window(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now()
    start = end - 3 * DAY
    first = int(start.timestamp())
    shelf = Shelf("/data", [{"ts": first + 600 * n, "attrs": {"power": n}} for n in range(432)], is_newest_first=True)
    server.faults += [failing(at("/data", nth=4), 5013, 403), shelf.answers]
    past = (await cloud.history.readings([Series(device, "power")], start, end))[Series(device, "power")]
    assert isinstance(past.stopped_by, RateLimited)
    assert past.end == start + 2 * DAY
    assert [row.value for row in past.rows] == list(range(288))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [(5013, 403, RateLimited), (5003, 404, AuthFailed), (None, 502, Unreachable)],
)
async def test_what_concerns_the_account_is_raised_before_anything_was_read(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    code: int | None,
    status: int,
    kind: type[Exception],
) -> None:
    fault = Fault(matches=at("/data"), status=status) if code is None else failing(at("/data"), code, status)
    if kind is AuthFailed:  # one endpoint alone does not refuse an account
        fault.matches = lambda _: True
    server.faults.append(fault)
    series = [Series(device_of(device), "power") for device in list(online(server))[:5]]
    with pytest.raises(kind):
        await cloud.history.readings(series, now() - DAY, now())
    assert server.requests[DATA] == (2 if kind is Unreachable else 1)


@pytest.mark.parametrize(("code", "kind"), [(5301, DeviceGone), (5601, Unreachable), (5002, Rejected)])
async def test_a_failing_device_costs_itself_alone(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int, kind: type[Exception]
) -> None:
    devices = [device_of(device) for device in list(online(server))[:3]]
    server.faults.append(failing(at(f"{devices[0].id}/data"), code))
    pasts = await cloud.history.readings([Series(device, "power") for device in devices], now() - HOUR, now())
    assert [type(past.stopped_by) for past in pasts.values()] == [kind, type(None), type(None)]
    assert [bool(past.rows) for past in pasts.values()] == [False, True, True]


async def test_what_is_forbidden_for_a_product_is_heard_once(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    product = next(iter(server.products.values()))
    server.faults.append(failing(lambda request: product.product_key in request.path, 5015, 404))
    series = [Series(device_of(device), "power") for device in online(server)]
    pasts = await cloud.history.readings(series, now() - HOUR, now())
    for one in series:
        is_of_product = one.device.schema_id == product.product_key
        assert isinstance(pasts[one].stopped_by, Forbidden) is is_of_product
    assert len([request for request in asked(server, "/data") if product.product_key in request.path]) == 1


@pytest.mark.parametrize("denial", [5018, 5024])
async def test_what_is_not_granted_is_asked_for_again_hourly_and_by_a_new_client(
    session: aiohttp.ClientSession,
    server: GizwitsEnterpriseServer,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
    denial: int,
) -> None:
    server.is_data_granted, server.data_denial = False, denial
    client_store = ClientStore()
    cloud = enterprise_cloud(session, server, client_store)
    for _ in range(2):
        past = (await cloud.history.readings([Series(device, "power")], now() - HOUR, now()))[Series(device, "power")]
        assert isinstance(past.stopped_by, Forbidden)
        assert past.stopped_by.reason is Reason.FEATURE_NOT_GRANTED
        for ask in (cloud.history.online_log, cloud.history.communication_log):
            with pytest.raises(Forbidden) as refusal:
                await ask(device, now() - HOUR, now())
            assert (refusal.value.reason, refusal.value.subject) == (Reason.FEATURE_NOT_GRANTED, device.schema_id)
    assert [server.requests[log] for log in (DATA, ONLINE, CMD)] == [1, 1, 1]
    server.is_data_granted = True
    reloaded = enterprise_cloud(session, server, client_store)
    assert (await reloaded.history.online_log(device, now() - HOUR, now())).stopped_by is None
    monkeypatch.setattr(
        "custom_components.datapoint_cloud.clouds.gizwits.missing_grants.time",
        type("Later", (), {"monotonic": staticmethod(lambda: time.monotonic() + 1.1 * HOUR.total_seconds())}),
    )
    assert (await cloud.history.online_log(device, now() - HOUR, now())).stopped_by is None


async def test_a_log_that_is_not_granted_costs_no_last_values(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online"), 5018, 403))
    with pytest.raises(Forbidden):
        await cloud.history.online_log(device, now() - HOUR, now())
    assert (await cloud.readings([device])).snapshots[device.id].readings


async def test_windows_refused_in_either_unit_cost_no_last_values(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    there.is_forgotten = True
    server.faults.append(failing(lambda request: "start_ts" in request.query, 5002))
    readings = await cloud.readings([device])
    assert (dict(readings.snapshots[device.id].readings), readings.failures) == ({}, {})


async def test_the_past_is_asked_for_as_history(
    cloud: GizwitsEnterpriseCloud, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    purposes: list[Purpose] = []
    request = http.HttpClient.request

    async def spy(self: http.HttpClient, method: str, template: str, **options: Any) -> Any:
        purposes.append(options.get("purpose", Purpose.CONTROL))
        return await request(self, method, template, **options)

    monkeypatch.setattr(http.HttpClient, "request", spy)
    await cloud.history.readings([Series(device, "power")], now() - HOUR, now())
    await cloud.history.online_log(device, now() - HOUR, now())
    assert set(purposes) == {Purpose.HISTORY}


# Logs of the enterprise


async def test_the_online_log_tells_reasons_and_what_came_with_them(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, there: GizwitsDevice, device: Device
) -> None:
    past = await cloud.history.online_log(device, now() - 2 * DAY, now())
    log = there.online_log()[1:]
    assert [(row.kind, row.reason) for row in past.rows] == [("dev_offline", "no_heartbeat"), ("dev_online", None)]
    assert [row.at.timestamp() for row in past.rows] == pytest.approx([row.timestamp for row in log], abs=0.001)
    assert past.rows[0].content == {name: log[0].payload[name] for name in ("duration", "heartbeat")}
    assert past.rows[1].content == {"keep_alive": 130}
    assert server.requests == {ONLINE: 1}  # which is all that the latest disconnect's reason costs


@pytest.mark.parametrize(
    ("payload", "reason", "content"),
    [
        ({"reason": "Tcp_closed"}, "tcp_closed", {}),
        ({"KeepAlive": 65}, None, {"keep_alive": 65}),
        ('{"reason": "ssl_closed", "duration": 5}', "ssl_closed", {"duration": 5}),
        ({"reason": None}, None, {}),
        ("", None, {}),
        (None, None, {}),
        (["x"], None, {}),
        ("!?", None, {}),
        ("0000000309000090010101000010", None, {"payload": "0000000309000090010101000010"}),
        ("00FF", None, {"payload": "00ff"}),
        (base64.b64encode(b"\x00\x00\x00\x03\x91").decode(), None, {"payload": "0000000391"}),
    ],
)
async def test_payloads_are_read_by_what_they_are(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    device: Device,
    payload: Any,
    reason: str | None,
    content: dict[str, Any],
) -> None:
    row = {"timestamp": time.time() - 60, "type": "dev_offline", "payload": payload}
    body = json.dumps({"meta": {"total": 1}, "objects": [row]})
    server.faults.append(Fault(matches=at("/online"), status=200, body=body))
    [entry] = (await cloud.history.online_log(device, now() - HOUR, now())).rows
    assert (entry.kind, entry.reason, entry.content) == ("dev_offline", reason, content)


async def test_the_communication_log_tells_frames_as_hexadecimal(
    cloud: GizwitsEnterpriseCloud, there: GizwitsDevice, device: Device
) -> None:
    await cloud.write(device, {"switch": False})
    past = await cloud.history.communication_log(device, now() - HOUR, now() + DAY)
    while not past.rows:  # the second it happened in has to be over
        past = await cloud.history.communication_log(device, now() - HOUR, now() + DAY)
    [entry] = past.rows
    assert entry.kind == "app2dev"
    assert entry.content["payload"].startswith("00000003")
    assert entry.content["payload"].endswith(there.command_log()[0].payload.hex())


@pytest.mark.parametrize("body", [{}, [], {"objects": None}, {"objects": [1]}])
async def test_an_answer_without_rows_in_it_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, body: Any
) -> None:
    server.faults.append(Fault(matches=at("/online"), status=200, body=json.dumps(body)))
    with pytest.raises(UnexpectedAnswer):
        await cloud.history.online_log(device, now() - HOUR, now())


async def test_a_second_window_that_fails_leaves_the_first(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online", nth=1), 5013, 403))
    start = now() - 3 * DAY
    past = await cloud.history.online_log(device, start, now())
    assert isinstance(past.stopped_by, RateLimited)
    assert (past.start, past.end) == (start, start + 2 * DAY)


# Logs of the consumer


@pytest.mark.parametrize("has_documented_log", [False, True])
async def test_the_online_log_is_read_in_both_shapes(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, has_documented_log: bool
) -> None:
    open_server.has_documented_log = has_documented_log
    there = next(online(open_server))
    past = await consumer.history.online_log(device_of(there), now() - DAY - 20 * HOUR, now())
    assert [(row.kind, row.reason) for row in past.rows] == [("dev_offline", "no_heartbeat"), ("dev_online", None)]
    assert past.rows[1].content == {"ip": "203.0.113.7", "keep_alive": 130}
    assert past.stopped_by is None
    assert open_server.requests[RAW] == 1


async def test_a_recorded_online_log_is_read(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, real_payloads: Path
) -> None:
    body = json.loads((real_payloads / "raw_data" / "online-log.json").read_text())
    at_seconds = int(time.time()) - 100
    body["objects"]["hits"]["objects"][0]["timestamp"] = at_seconds
    open_server.faults.append(Fault(matches=at("/raw_data"), status=200, body=json.dumps(body)))
    [entry] = (await consumer.history.online_log(device_of(next(online(open_server))), now() - HOUR, now())).rows
    assert entry.at.timestamp() == at_seconds
    assert (entry.kind, entry.content) == ("dev_online", {"ip": "203.0.113.7", "keep_alive": 130})


async def test_a_server_whose_clock_is_behind_tells_until_a_minute_ago(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    device = (await consumer.devices()).devices[0]
    open_server.clock = lambda: time.time() - 30
    open_server.reset_counts()
    end = now()
    past = await consumer.history.online_log(device, end - HOUR, end)
    assert past.stopped_by is None
    assert timedelta() < end - past.end <= timedelta(seconds=61)
    assert len(asked(open_server, "/raw_data")) == 2


@pytest.mark.parametrize(("length", "windows"), [(HOUR, 1), (2 * DAY, 2), (WEEK, 4), (30 * DAY, 4)])
async def test_windows_are_shorter_than_48_hours(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, length: timedelta, windows: int
) -> None:
    end = now()
    past = await consumer.history.online_log(device_of(next(online(open_server))), end - length, end)
    assert past.stopped_by is None
    assert is_near(past.start, max(end - length, end - WEEK + timedelta(minutes=1)))
    assert past.end == end
    assert open_server.requests[RAW] == windows
    for request in asked(open_server, "/raw_data"):
        assert int(request.query["end_time"]) - int(request.query["start_time"]) < 48 * 3600
        assert int(request.query["end_time"]) <= time.time()


@pytest.mark.parametrize(
    ("rows", "tells_total", "requests"), [(1000, True, 1), (1001, True, 2), (5000, True, 5), (1000, False, 2)]
)
async def test_pages_of_a_thousand_are_turned(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, rows: int, tells_total: bool, requests: int
) -> None:
    end = now()
    first = int((end - DAY).timestamp())
    log = [{"timestamp": first + 10 * n, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(rows)]
    open_server.faults.append(Shelf("/raw_data", log, tells_total=tells_total).answers)
    past = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert [int(row.content["payload"], 16) for row in past.rows] == list(range(rows))
    assert open_server.requests[RAW] == requests


@pytest.mark.parametrize("tells_total", [True, False])
async def test_a_busy_window_is_cut(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, tells_total: bool
) -> None:
    end = now()
    first = int((end - DAY).timestamp())
    log = [{"timestamp": first + 10 * n, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(8000)]
    open_server.faults.append(Shelf("/raw_data", log, tells_total=tells_total).answers)
    past = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert [int(row.content["payload"], 16) for row in past.rows] == list(range(8000))
    assert past.stopped_by is None
    assert all(int(r.query["skip"]) + int(r.query["limit"]) <= 5000 for r in asked(open_server, "/raw_data"))


async def test_a_second_that_cannot_be_cut_is_unexpected(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    end = now()
    second = int((end - HOUR).timestamp())
    log = [{"timestamp": second, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(6000)]
    open_server.faults.append(Shelf("/raw_data", log).answers)
    past = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert isinstance(past.stopped_by, UnexpectedAnswer)
    assert (past.rows, past.end <= end - HOUR) == ((), True)


async def test_a_log_the_service_fails_at_is_asked_once(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    with pytest.raises(Unreachable) as failure:
        await consumer.history.communication_log(device_of(next(online(open_server))), now() - DAY, now())
    assert failure.value.code == 9008
    assert open_server.requests[RAW] == 1


async def test_the_documented_communication_log_is_read(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    open_server.has_documented_log = True
    there = next(online(open_server))
    await consumer.write(device_of(there), {"switch": False})
    past = await consumer.history.communication_log(device_of(there), now() - HOUR, now() + DAY)
    while not past.rows:
        past = await consumer.history.communication_log(device_of(there), now() - HOUR, now() + DAY)
    [entry] = past.rows
    assert entry.content["source"] == "open_api"
    assert entry.content["payload"].endswith(there.command_log()[0].payload.hex())


async def test_an_unbound_device_is_gone(consumer: GizwitsOpenCloud) -> None:
    with pytest.raises(DeviceGone):
        await consumer.history.online_log(Device(id="x", name="x", schema_id="y"), now() - DAY, now())


@pytest.mark.parametrize("body", [{}, {"objects": {}}, {"objects": {"hits": {}}}])
async def test_a_consumers_log_without_rows_in_it_is_unexpected(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, body: Any
) -> None:
    open_server.faults.append(Fault(matches=at("/raw_data"), status=200, body=json.dumps(body)))
    with pytest.raises(UnexpectedAnswer):
        await consumer.history.online_log(device_of(next(online(open_server))), now() - DAY, now())


async def test_offers_are_true(cloud: GizwitsEnterpriseCloud, consumer: GizwitsOpenCloud) -> None:
    capabilities = is_a_history(consumer.history).capabilities
    assert capabilities.readings_retention is None
    assert capabilities.has_online_log
    assert capabilities.has_communication_log
    with pytest.raises(NotSupported):
        await consumer.history.readings([], now() - DAY, now())
    assert cloud.history.capabilities.readings_retention == WEEK
    for history in (consumer.history, cloud.history):
        assert history.capabilities.aggregates_need_grant
        assert not history.capabilities.has_usage
        with pytest.raises(NotSupported):
            await history.usage("x", now() - DAY, now(), period="day", group_by=None)
