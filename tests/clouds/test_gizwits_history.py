"""Tests the history of both Gizwits clients: reports and logs."""

import asyncio
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
from custom_components.datapoint_cloud.clouds.http import HttpClient
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
    """A client that has read the definition of the first product, so that only history sends requests."""
    cloud = enterprise_cloud(session, server)
    await cloud.schema(device_of(next(online(server))))
    server.reset_counts()
    return cloud


@pytest.fixture
def simulated(server: GizwitsEnterpriseServer) -> GizwitsDevice:
    device = next(online(server))
    device.report_seconds = 1800
    return device


@pytest.fixture
def device(simulated: GizwitsDevice) -> Device:
    return device_of(simulated)


@pytest.fixture
def consumer(session: aiohttp.ClientSession, open_server: GizwitsOpenServer) -> GizwitsOpenCloud:
    return open_cloud(session, open_server)


def now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)


def is_near(timestamp: datetime, other: datetime) -> bool:
    return abs(timestamp - other) <= timedelta(seconds=2)


def is_a_history(history: History) -> History:
    return history


def requests_to(server: GizwitsEnterpriseServer | GizwitsOpenServer, part: str) -> list[web.Request]:
    return [request for request in server.log if request.path.endswith(part)]


def at(part: str, nth: int = 0) -> Callable[[web.Request], bool]:
    """Match requests whose path ends with `part`, after the first `nth` ones."""
    count = 0

    def matches(request: web.Request) -> bool:
        nonlocal count
        count += request.path.endswith(part)
        return request.path.endswith(part) and count > nth

    return matches


def failing(matches: Callable[[web.Request], bool], code: int, status: int = 400) -> Fault:
    return Fault(matches=matches, status=status, body=json.dumps({"error_code": str(code), "error_message": "no"}))


class PagedRows:
    """Answers requests with these rows instead of those of the simulated device, by window and page."""

    def __init__(self, part: str, rows: list[dict[str, Any]], **behaviour: Any) -> None:
        self.rows = rows
        self.part = part
        self.has_total = behaviour.get("has_total", True)
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
        rows = [row for row in self.rows if start <= _timestamp_of(row) <= end]
        rows.sort(key=_timestamp_of, reverse=self.is_newest_first)
        skip, limit = 0 if self.ignores_skip else int(query["skip"]), min(int(query["limit"]), self.cut_at)
        meta = {"total": len(rows)} if self.has_total else {}
        self.answers.body = json.dumps({"meta": meta, "objects": rows[skip : skip + limit]})
        return True


def _timestamp_of(row: dict[str, Any]) -> float:
    return float(row.get("ts") or row["timestamp"])


# Reports


async def test_all_reports_of_a_range_are_returned_oldest_first(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    end = now()
    start = end - 6 * HOUR
    keys = ("switch", "mode", "room_temp", "schedule", "unknown")
    results = await is_a_history(cloud.history).readings([Series(device, key) for key in keys], start, end)
    timestamps = [
        timestamp for timestamp in simulated.reports(start.timestamp(), end.timestamp()) if timestamp < end.timestamp()
    ]
    assert len(timestamps) in (11, 12)
    for key in keys[:4]:
        result = results[Series(device, key)]
        assert (result.start, result.end, result.stopped_by) == (start, end, None)
        assert [row.taken_at for row in result.rows] == [
            datetime.fromtimestamp(timestamp, UTC) for timestamp in timestamps
        ]
        assert [row.value for row in result.rows] == [simulated.values_at(timestamp)[key] for timestamp in timestamps]
    assert results[Series(device, "switch")].rows[0].value is True
    assert results[Series(device, "unknown")].rows == ()
    assert server.requests == {DATA: 1}


@pytest.mark.parametrize(
    ("length", "windows"),
    [(HOUR, 1), (2 * DAY, 1), (2 * DAY + HOUR, 2), (4 * DAY, 2), (WEEK - HOUR, 4), (WEEK, 4), (30 * DAY, 4)],
)
async def test_a_range_is_cut_into_windows_of_two_days(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    simulated: GizwitsDevice,
    device: Device,
    length: timedelta,
    windows: int,
) -> None:
    end = now()
    result = (await cloud.history.readings([Series(device, "power")], end - length, end))[Series(device, "power")]
    assert server.requests == {DATA: windows}
    assert result.end == end
    assert is_near(result.start, max(end - length, end - WEEK + timedelta(minutes=1)))
    timestamps = simulated.reports(result.start.timestamp(), end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in result.rows if row.taken_at] == timestamps


@pytest.mark.parametrize(("start", "end"), [(-30 * DAY, -20 * DAY), (HOUR, 2 * HOUR), (-HOUR, -HOUR)])
async def test_a_range_beyond_the_retention_sends_no_request(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, start: timedelta, end: timedelta
) -> None:
    first, last = now() + start, now() + end
    result = (await cloud.history.readings([Series(device, "power")], first, last))[Series(device, "power")]
    assert (result.rows, result.stopped_by) == ((), None)
    assert first <= result.start == result.end <= last
    assert not server.requests


async def test_the_future_is_not_covered(cloud: GizwitsEnterpriseCloud, device: Device) -> None:
    result = await cloud.history.online_log(device, now() - HOUR, now() + DAY)
    assert is_near(result.end, now())


async def test_fractions_of_seconds_need_no_extra_window(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now() - timedelta(seconds=5) + timedelta(milliseconds=250)
    result = await cloud.history.online_log(device, end - 2 * DAY, end)
    assert result.start == end - 2 * DAY
    assert timedelta() <= end - result.end < timedelta(seconds=1)
    assert server.requests[ONLINE] == 1


async def test_all_pages_are_read(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    simulated.report_seconds = 60
    end = now() - HOUR
    start = end - timedelta(minutes=500)
    result = (await cloud.history.readings([Series(device, "power")], start, end))[Series(device, "power")]
    assert len(result.rows) == len(
        [m for m in simulated.reports(start.timestamp(), end.timestamp()) if m < end.timestamp()]
    )
    assert len(result.rows) > 400
    assert server.requests[DATA] == 1


async def test_the_client_keeps_using_shorter_pages_after_a_refusal(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    server.maximum_limit = 20
    client_store = ClientStore()
    end = now()
    for requests in (4, 2):
        server.requests.clear()
        cloud = enterprise_cloud(session, server, client_store)
        result = (await cloud.history.readings([Series(device, "power")], end - 18 * HOUR, end))[
            Series(device, "power")
        ]
        assert len(result.rows) in (35, 36)
        assert server.requests[DATA] == requests
    limits = [int(request.query["limit"]) for request in requests_to(server, "/data")]
    assert limits == [1000, 100, 20, 20, 20, 20]


@pytest.mark.parametrize("length", [HOUR, 5 * DAY])
async def test_the_client_finds_out_windows_in_milliseconds_once(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, length: timedelta
) -> None:
    server.windows_are_in_ms = True
    client_store = ClientStore()
    end = now()
    series = Series(device_of(simulated), "power")
    for first_ones in (3, 0):  # The first client tries windows in seconds with three lengths of pages.
        server.reset_counts()
        cloud = enterprise_cloud(session, server, client_store)
        result = (await cloud.history.readings([series], end - length, end))[series]
        timestamps = simulated.reports((end - length).timestamp(), end.timestamp() - 1)
        assert [row.taken_at.timestamp() for row in result.rows if row.taken_at] == timestamps
        in_seconds = [request for request in requests_to(server, "/data") if int(request.query["start_ts"]) < 10**11]
        assert len(in_seconds) == first_ones


async def test_the_client_tries_milliseconds_after_an_answer_without_rows_while_the_unit_is_unknown(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    # In milliseconds the server refuses pages of every length.
    silent = next(other for other in online(server) if other is not simulated)
    silent.is_forgotten = True
    series = [Series(device_of(silent), "power"), Series(device, "power")]
    for one, requests in ((series[0], 4), (series[1], 1), (series[0], 1)):
        server.reset_counts()
        result = (await cloud.history.readings([one], now() - HOUR, now()))[one]
        assert bool(result.rows) is (one is series[1])
        assert server.requests[DATA] == requests


async def test_a_window_refused_in_both_units_is_rejected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online"), 5002))
    with pytest.raises(Rejected) as refusal:
        await cloud.history.online_log(device, now() - DAY, now() - 2 * HOUR)
    assert refusal.value.code == 5002
    assert server.requests[ONLINE] == 6


@pytest.mark.parametrize("empties", [False, True])
async def test_refused_edges_do_not_count_as_the_wrong_unit(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, empties: bool
) -> None:
    expected = (await cloud.history.online_log(device, now() - 6 * DAY, now() - DAY)).rows
    server.clock = lambda: time.time() + 3600
    server.empties_distant_windows = empties
    end = now()
    async with aiohttp.ClientSession() as session:
        result = await enterprise_cloud(session, server).history.online_log(device, end - WEEK, end)
    assert result.stopped_by is None
    assert result.start - (end - WEEK) < timedelta(minutes=91)
    assert expected
    assert all(row in result.rows for row in expected)


async def test_a_window_refused_in_the_known_unit_is_rejected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    assert (await cloud.history.online_log(device, now() - 2 * DAY, now())).rows
    server.reset_counts()
    server.maximum_limit = 0
    with pytest.raises(Rejected):
        await cloud.history.online_log(device, now() - DAY, now() - 2 * HOUR)
    assert server.requests[ONLINE] == 3
    server.faults.append(failing(at("/online"), 5401))
    with pytest.raises(Rejected):
        await cloud.history.online_log(device, now() - DAY, now() - 2 * HOUR)
    assert server.requests[ONLINE] == 4


@pytest.mark.parametrize(
    ("rows", "behaviour", "requests"),
    [
        (0, {}, 2),  # The second request uses milliseconds.
        (100, {}, 1),
        (101, {}, 2),
        (250, {"has_total": False}, 4),
        (110, {"has_total": False}, 3),
        (35, {"has_total": False, "cut_at": 10}, 5),
        (250, {"has_total": False, "ignores_skip": True}, 2),
        (250, {"is_newest_first": True}, 3),
    ],
)
async def test_all_pages_are_read_with_and_without_a_total(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    device: Device,
    rows: int,
    behaviour: dict[str, Any],
    requests: int,
) -> None:
    end = now()
    first = int((end - HOUR).timestamp())
    pages = PagedRows("/data", [{"ts": first + n, "attrs": {"power": n}} for n in range(rows)], **behaviour)
    server.faults.append(pages.answers)
    result = (await cloud.history.readings([Series(device, "power")], end - HOUR, end))[Series(device, "power")]
    found = 100 if pages.ignores_skip else rows
    assert [row.value for row in result.rows] == list(range(found))
    assert server.requests[DATA] == requests


async def test_a_log_that_never_ends_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.datapoint_cloud.clouds.paging._MOST_PAGES", 2)
    end = now()
    first = int((end - HOUR).timestamp())
    server.faults.append(PagedRows("/data", [{"ts": first + n, "attrs": {"power": n}} for n in range(900)]).answers)
    result = (await cloud.history.readings([Series(device, "power")], end - HOUR, end))[Series(device, "power")]
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert [row.value for row in result.rows] == list(range(199))


async def test_rows_on_the_border_of_two_windows_are_returned_once(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now()
    seam = int((end - 3 * DAY).timestamp())
    rows = [{"ts": seam, "attrs": {"power": 1}}, {"ts": seam, "attrs": {"power": 2}}]
    outside = [{"ts": int((end - 5 * DAY).timestamp()) - 1, "attrs": {"power": 3}}]
    outside += [{"ts": int(end.timestamp()), "attrs": {"power": 4}}]
    server.faults.append(PagedRows("/data", rows + outside).answers)
    result = (await cloud.history.readings([Series(device, "power")], end - 5 * DAY, end))[Series(device, "power")]
    assert [row.value for row in result.rows] == [1, 2]


async def test_a_damaged_row_does_not_affect_the_others(
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
    results = await cloud.history.readings(series, now() - HOUR, now())
    values = [[row.value for row in results[one].rows] for one in series]
    assert values == [[5, 8], ["制热"], [False]]
    assert all(isinstance(results[one].stopped_by, UnexpectedAnswer) for one in series)


async def test_a_log_that_contradicts_its_total_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    row = {"ts": int(time.time()) - 60, "attrs": {"power": 5}}
    body = json.dumps({"meta": {"total": 3}, "objects": [row]})
    server.faults.append(Fault(matches=at("/data"), status=200, body=body))
    result = (await cloud.history.readings([Series(device, "power")], now() - HOUR, now()))[Series(device, "power")]
    assert isinstance(result.stopped_by, UnexpectedAnswer)


async def test_the_client_reads_all_datapoints_of_a_device_at_once(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    devices = [device_of(device) for device in list(online(server))[:3]]
    series = [Series(device, key) for key in ("power", "energy", "power") for device in devices]
    results = await cloud.history.readings(series, now() - HOUR, now())
    assert set(results) == set(series)
    assert all(result.rows for result in results.values())
    assert server.requests == {DATA: 3}


# Errors


async def test_an_exhausted_quota_keeps_the_rows_read_before(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    simulated.report_seconds = 60  # One window needs three pages.
    end = now()
    start = end - 4 * DAY
    others = [device_of(other) for other in list(online(server))[1:4]]
    # Another client uses up the quota, so that this one is surprised.
    server.faults.append(failing(lambda _: server.requests[DATA] > 5, 5013, 403))
    series = [Series(one, "power") for one in (device, *others)]
    results = await cloud.history.readings(series, start, end)
    result = results[series[0]]
    assert isinstance(result.stopped_by, RateLimited)
    assert result.stopped_by.retry_after
    assert result.start == start
    assert start + 3 * DAY < result.end < end
    timestamps = simulated.reports(start.timestamp(), result.end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in result.rows if row.taken_at] == timestamps
    assert all(results[one].stopped_by is result.stopped_by for one in series[1:])
    assert all((results[one].rows, results[one].start, results[one].end) == ((), start, start) for one in series[1:])
    assert server.requests[DATA] == 6
    # The next call continues where this one ended.
    server.faults.clear()
    rest = (await cloud.history.readings(series[:1], result.end, end))[series[0]]
    timestamps = simulated.reports(start.timestamp(), end.timestamp() - 1)
    assert [row.taken_at.timestamp() for row in result.rows + rest.rows if row.taken_at] == timestamps


async def test_an_interrupted_window_of_pages_newest_first_is_dropped(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    end = now()
    start = end - 3 * DAY
    first = int(start.timestamp())
    pages = PagedRows(
        "/data", [{"ts": first + 600 * n, "attrs": {"power": n}} for n in range(432)], is_newest_first=True
    )
    server.faults += [failing(at("/data", nth=4), 5013, 403), pages.answers]
    result = (await cloud.history.readings([Series(device, "power")], start, end))[Series(device, "power")]
    assert isinstance(result.stopped_by, RateLimited)
    assert result.end == start + 2 * DAY
    assert [row.value for row in result.rows] == list(range(288))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [(5013, 403, RateLimited), (5003, 404, AuthFailed), (None, 502, Unreachable)],
)
async def test_an_error_of_the_account_is_raised_if_nothing_was_read(
    cloud: GizwitsEnterpriseCloud,
    server: GizwitsEnterpriseServer,
    code: int | None,
    status: int,
    kind: type[Exception],
) -> None:
    fault = Fault(matches=at("/data"), status=status) if code is None else failing(at("/data"), code, status)
    if kind is AuthFailed:  # Authentication fails only if all endpoints refuse.
        fault.matches = lambda _: True
    server.faults.append(fault)
    series = [Series(device_of(device), "power") for device in list(online(server))[:5]]
    with pytest.raises(kind):
        await cloud.history.readings(series, now() - DAY, now())
    assert server.requests[DATA] == (2 if kind is Unreachable else 1)


@pytest.mark.parametrize(("code", "kind"), [(5301, DeviceGone), (5601, Unreachable), (5002, Rejected)])
async def test_a_failing_device_does_not_affect_the_others(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, code: int, kind: type[Exception]
) -> None:
    devices = [device_of(device) for device in list(online(server))[:3]]
    server.faults.append(failing(at(f"{devices[0].id}/data"), code))
    results = await cloud.history.readings([Series(device, "power") for device in devices], now() - HOUR, now())
    assert [type(result.stopped_by) for result in results.values()] == [kind, type(None), type(None)]
    assert [bool(result.rows) for result in results.values()] == [False, True, True]


async def test_a_forbidden_product_costs_one_request(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer
) -> None:
    product = next(iter(server.products.values()))
    server.faults.append(failing(lambda request: product.product_key in request.path, 5015, 404))
    series = [Series(device_of(device), "power") for device in online(server)]
    results = await cloud.history.readings(series, now() - HOUR, now())
    for one in series:
        is_of_product = one.device.schema_id == product.product_key
        assert isinstance(results[one].stopped_by, Forbidden) is is_of_product
    assert len([request for request in requests_to(server, "/data") if product.product_key in request.path]) == 1


@pytest.mark.parametrize("denial", [5018, 5024])
async def test_the_client_retries_ungranted_history_hourly_and_after_a_restart(
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
        result = (await cloud.history.readings([Series(device, "power")], now() - HOUR, now()))[Series(device, "power")]
        assert isinstance(result.stopped_by, Forbidden)
        assert result.stopped_by.reason is Reason.FEATURE_NOT_GRANTED
        for read_log in (cloud.history.online_log, cloud.history.communication_log):
            with pytest.raises(Forbidden) as refusal:
                await read_log(device, now() - HOUR, now())
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


async def test_an_ungranted_log_does_not_affect_last_values(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online"), 5018, 403))
    with pytest.raises(Forbidden):
        await cloud.history.online_log(device, now() - HOUR, now())
    assert (await cloud.readings([device])).snapshots[device.id].readings


async def test_windows_refused_in_both_units_do_not_affect_last_values(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    simulated.is_forgotten = True
    server.faults.append(failing(lambda request: "start_ts" in request.query, 5002))
    readings = await cloud.readings([device])
    assert (dict(readings.snapshots[device.id].readings), readings.failures) == ({}, {})


async def test_history_spends_the_budget_of_history(
    cloud: GizwitsEnterpriseCloud, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    purposes: list[Purpose] = []
    request = HttpClient.request

    async def spy(self: HttpClient, method: str, template: str, **options: Any) -> Any:
        purposes.append(options.get("purpose", Purpose.CONTROL))
        return await request(self, method, template, **options)

    monkeypatch.setattr(HttpClient, "request", spy)
    await cloud.history.readings([Series(device, "power")], now() - HOUR, now())
    await cloud.history.online_log(device, now() - HOUR, now())
    assert set(purposes) == {Purpose.HISTORY}


# Logs of the Enterprise API


async def test_the_online_log_has_reasons_and_their_details(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, simulated: GizwitsDevice, device: Device
) -> None:
    result = await cloud.history.online_log(device, now() - 2 * DAY, now())
    log = simulated.online_log()[1:]
    assert [(row.kind, row.reason) for row in result.rows] == [("dev_offline", "no_heartbeat"), ("dev_online", None)]
    assert [row.at.timestamp() for row in result.rows] == pytest.approx([row.timestamp for row in log], abs=0.001)
    assert result.rows[0].content == {name: log[0].payload[name] for name in ("duration", "heartbeat")}
    assert result.rows[1].content == {"keep_alive": 130}
    assert server.requests == {ONLINE: 1}  # One request is enough for the reason of the last disconnect.


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
async def test_payloads_can_be_objects_json_hex_or_base64(
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


async def test_the_communication_log_has_frames_in_hexadecimal(
    cloud: GizwitsEnterpriseCloud, simulated: GizwitsDevice, device: Device
) -> None:
    await cloud.write(device, {"switch": False})
    result = await cloud.history.communication_log(device, now() - HOUR, now() + DAY)
    while not result.rows:  # The log shows a command only after its second is over.
        await asyncio.sleep(0.1)  # without a pause, a second is long enough to spend the budget
        result = await cloud.history.communication_log(device, now() - HOUR, now() + DAY)
    [entry] = result.rows
    assert entry.kind == "app2dev"
    assert entry.content["payload"].startswith("00000003")
    assert entry.content["payload"].endswith(simulated.command_log()[0].payload.hex())


@pytest.mark.parametrize("body", [{}, [], {"objects": None}, {"objects": [1]}, {"objects": [{"type": "dev_online"}]}])
async def test_an_answer_without_rows_is_unexpected(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device, body: Any
) -> None:
    server.faults.append(Fault(matches=at("/online"), status=200, body=json.dumps(body)))
    with pytest.raises(UnexpectedAnswer):
        await cloud.history.online_log(device, now() - HOUR, now())


async def test_a_failing_second_window_keeps_the_rows_of_the_first(
    cloud: GizwitsEnterpriseCloud, server: GizwitsEnterpriseServer, device: Device
) -> None:
    server.faults.append(failing(at("/online", nth=1), 5013, 403))
    start = now() - 3 * DAY
    result = await cloud.history.online_log(device, start, now())
    assert isinstance(result.stopped_by, RateLimited)
    assert (result.start, result.end) == (start, start + 2 * DAY)


# Logs of the Open API


@pytest.mark.parametrize("has_documented_log", [False, True])
async def test_the_online_log_is_read_in_both_shapes(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, has_documented_log: bool
) -> None:
    open_server.has_documented_log = has_documented_log
    simulated = next(online(open_server))
    result = await consumer.history.online_log(device_of(simulated), now() - DAY - 20 * HOUR, now())
    assert [(row.kind, row.reason) for row in result.rows] == [("dev_offline", "no_heartbeat"), ("dev_online", None)]
    assert result.rows[1].content == {"ip": "203.0.113.7", "keep_alive": 130}
    assert result.stopped_by is None
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


async def test_the_log_of_a_server_with_a_slow_clock_ends_a_minute_ago(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    device = (await consumer.devices()).devices[0]
    open_server.clock = lambda: time.time() - 30
    open_server.reset_counts()
    end = now()
    result = await consumer.history.online_log(device, end - HOUR, end)
    assert result.stopped_by is None
    assert timedelta() < end - result.end <= timedelta(seconds=61)
    assert len(requests_to(open_server, "/raw_data")) == 2


@pytest.mark.parametrize("ahead", [-3600, 3600])
async def test_the_log_of_a_server_with_a_wrong_clock_lacks_only_its_edges(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, ahead: int
) -> None:
    device = device_of(next(online(open_server)))
    expected = (await consumer.history.online_log(device, now() - 5 * DAY, now() - DAY)).rows
    open_server.clock = lambda: time.time() + ahead
    end = now()
    result = await consumer.history.online_log(device, end - WEEK, end)
    assert result.stopped_by is None
    missing_at_start, missing_at_end = result.start - (end - WEEK), end - result.end
    assert max(missing_at_start, missing_at_end) <= timedelta(minutes=91)
    assert min(missing_at_start, missing_at_end) <= timedelta(minutes=2)
    assert all(row in result.rows for row in expected)


@pytest.mark.parametrize(("length", "windows"), [(HOUR, 1), (2 * DAY, 2), (WEEK, 4), (30 * DAY, 4)])
async def test_the_client_requests_windows_shorter_than_48_hours(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, length: timedelta, windows: int
) -> None:
    end = now()
    result = await consumer.history.online_log(device_of(next(online(open_server))), end - length, end)
    assert result.stopped_by is None
    assert is_near(result.start, max(end - length, end - WEEK + timedelta(minutes=1)))
    assert result.end == end
    assert open_server.requests[RAW] == windows
    for request in requests_to(open_server, "/raw_data"):
        assert int(request.query["end_time"]) - int(request.query["start_time"]) < 48 * 3600
        assert int(request.query["end_time"]) <= time.time()


@pytest.mark.parametrize(
    ("rows", "has_total", "requests"), [(1000, True, 1), (1001, True, 2), (5000, True, 5), (1000, False, 2)]
)
async def test_the_client_reads_pages_of_a_thousand_rows(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, rows: int, has_total: bool, requests: int
) -> None:
    end = now()
    first = int((end - DAY).timestamp())
    log = [{"timestamp": first + 10 * n, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(rows)]
    open_server.faults.append(PagedRows("/raw_data", log, has_total=has_total).answers)
    result = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert [int(row.content["payload"], 16) for row in result.rows] == list(range(rows))
    assert open_server.requests[RAW] == requests


@pytest.mark.parametrize("has_total", [True, False])
async def test_the_client_splits_a_window_with_too_many_rows(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, has_total: bool
) -> None:
    end = now()
    first = int((end - DAY).timestamp())
    log = [{"timestamp": first + 10 * n, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(8000)]
    open_server.faults.append(PagedRows("/raw_data", log, has_total=has_total).answers)
    result = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert [int(row.content["payload"], 16) for row in result.rows] == list(range(8000))
    assert result.stopped_by is None
    assert all(int(r.query["skip"]) + int(r.query["limit"]) <= 5000 for r in requests_to(open_server, "/raw_data"))


async def test_a_second_with_too_many_rows_is_unexpected(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    end = now()
    second = int((end - HOUR).timestamp())
    log = [{"timestamp": second, "type": "dev2app", "payload_bin": f"{n:08x}"} for n in range(6000)]
    open_server.faults.append(PagedRows("/raw_data", log).answers)
    result = await consumer.history.communication_log(device_of(next(online(open_server))), end - DAY, end)
    assert isinstance(result.stopped_by, UnexpectedAnswer)
    assert (result.rows, result.end <= end - HOUR) == ((), True)


async def test_a_failing_log_is_requested_once(consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer) -> None:
    with pytest.raises(Unreachable) as failure:
        await consumer.history.communication_log(device_of(next(online(open_server))), now() - DAY, now())
    assert failure.value.code == 9008
    assert open_server.requests[RAW] == 1


async def test_the_documented_communication_log_is_read(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer
) -> None:
    open_server.has_documented_log = True
    simulated = next(online(open_server))
    await consumer.write(device_of(simulated), {"switch": False})
    result = await consumer.history.communication_log(device_of(simulated), now() - HOUR, now() + DAY)
    while not result.rows:
        await asyncio.sleep(0.1)
        result = await consumer.history.communication_log(device_of(simulated), now() - HOUR, now() + DAY)
    [entry] = result.rows
    assert entry.content["source"] == "open_api"
    assert entry.content["payload"].endswith(simulated.command_log()[0].payload.hex())


async def test_an_unbound_device_is_gone(consumer: GizwitsOpenCloud) -> None:
    with pytest.raises(DeviceGone):
        await consumer.history.online_log(Device(id="x", name="x", schema_id="y"), now() - DAY, now())


@pytest.mark.parametrize("body", [{}, {"objects": {}}, {"objects": {"hits": {}}}])
async def test_a_log_of_the_open_api_without_rows_is_unexpected(
    consumer: GizwitsOpenCloud, open_server: GizwitsOpenServer, body: Any
) -> None:
    open_server.faults.append(Fault(matches=at("/raw_data"), status=200, body=json.dumps(body)))
    with pytest.raises(UnexpectedAnswer):
        await consumer.history.online_log(device_of(next(online(open_server))), now() - DAY, now())


async def test_capabilities_match_the_apis(cloud: GizwitsEnterpriseCloud, consumer: GizwitsOpenCloud) -> None:
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
