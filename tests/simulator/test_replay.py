"""The replay of a recording over HTTP, WebSocket and TLS."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import jwt
import pytest
from yarl import URL

from simulator.gizwits.certificate import self_signed
from simulator.replay import Replay
from simulator.replay.recording import NotReadable, Recording

_LATE = 3600.0  # when a recorded message would come that no test waits for
_NOW = 1_800_000_000.0  # the time of the recordings
_DID, _KEY, _APP = "SNITfsRwCkF4HAOpvfWycy", "a" * 32, "b" * 32
_DEFINITION = {
    "name": "Spa",
    "product_key": _KEY,
    "protocolType": "standard",
    "new": "unknown to the simulator",
    "entities": [
        {
            "attrs": [
                {"name": "heat", "display_name": "加热", "type": "status_writable", "data_type": "bool", "id": 0},
                {
                    "name": "temp",
                    "type": "status_writable",
                    "data_type": "uint8",
                    "uint_spec": {"min": 20, "max": 40, "ratio": 1, "addition": 0},
                },
            ]
        }
    ],
}
_ROW = {"did": _DID, "product_key": _KEY, "mac": "80600f0096b3", "is_online": True, "host": "m2m.gizwits.com"}
_ROW |= {"ws_port": 8080, "wss_port": 8880, "state_last_timestamp": int(_NOW) - 60}


def _header(cloud: str, account: dict[str, Any], scopes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "format": "datapoint-cloud-recording",
        "version": 1,
        "cloud": cloud,
        "started_at": "2027-01-15T08:00:00.000+00:00",
        "is_complete": True,
        "account": account,
        "scopes": scopes or [],
    }


def _http(at: float, method: str, url: str, answer: Any, *, status: int | None = 200, **more: Any) -> dict[str, Any]:
    line = {"at": at, "method": method, "url": f"https://cloud.example{url}", "headers": {}, **more}
    return line | ({"failure": "timeout"} if status is None else {"status": status, "answer": {"json": answer}})


def _latest(at: float, temp: int) -> dict[str, Any]:
    values = {"did": _DID, "updated_at": int(_NOW + at), "attr": {"heat": 1, "temp": temp, "epoch": int(_NOW)}}
    return _http(at, "GET", f"/app/devdata/{_DID}/latest", values)


def _event(
    at: float, event: str, content: Any = None, *, url: str = "wss://m2m.gizwits.com/ws/app/v1"
) -> dict[str, Any]:
    line = {"at": at, "connection": 1, "url": url, "event": event}
    return line if content is None else line | {"json": content}


_OPEN = [
    _header("gizwits_open", {"region": "eu", "app_id": _APP, "username": "user", "password": "secret"}),
    _http(0, "POST", "/app/login", {"token": "c" * 32, "uid": "d" * 32, "expire_at": 1}),
    _http(0.1, "GET", "/app/bindings?limit=100&skip=0", {"devices": [_ROW]}),
    _http(0.2, "GET", f"/app/datapoint?product_key={_KEY}", _DEFINITION),
    _latest(0.3, 30),
    _latest(60, 31),
    _http(61, "GET", "/app/scene", None, status=None),
    _event(1, "opened"),
    _event(1.01, "received", {"cmd": "login_res", "data": {"success": True}}),
    _event(1.02, "received", {"cmd": "s2c_noti", "data": {"did": _DID, "attrs": {"temp": 1}, "res_sn": 1}}),
    _event(1.03, "received", {"cmd": "s2c_noti", "data": {"did": _DID, "attrs": {"temp": 33}}}),
    _event(_LATE, "received", {"cmd": "s2c_noti", "data": {"did": _DID, "attrs": {"temp": 34}}}),
]

type Ask = Callable[..., Coroutine[Any, Any, tuple[int, Any]]]


@pytest.fixture
async def start(socket_enabled: None) -> AsyncIterator[Callable[..., Coroutine[Any, Any, Replay]]]:
    """Start the replay of a recording, some seconds later than it was recorded."""
    started: list[Replay] = []

    async def start(lines: list[dict[str, Any]], later: float = 0.0) -> Replay:
        replay = Replay(Recording.parse([json.dumps(line) for line in lines]), clock=lambda: _NOW + later)
        await replay.start()
        started.append(replay)
        return replay

    yield start
    for replay in started:
        await replay.stop()
    loop = asyncio.get_running_loop()
    timers = getattr(loop, "_scheduled", ())
    assert [timer for timer in timers if not timer.cancelled() and timer.when() > loop.time() + _LATE / 2] == []


async def _ask(replay: Replay, method: str, path: str, *, field: str = "api_url", **options: Any) -> tuple[int, Any]:
    headers = {"X-Gizwits-Application-Id": _APP, **options.pop("headers", {})}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, replay.account[field] + path, headers=headers, **options) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def _token(replay: Replay) -> dict[str, str]:
    body = {"username": "user", "password": "secret"}
    status, granted = await _ask(replay, "POST", "/app/login", json=body)
    assert (status, granted["uid"]) == (200, "d" * 32)
    assert granted["expire_at"] > _NOW
    return {"X-Gizwits-User-token": granted["token"]}


async def test_a_recorded_account_is_served(start: Any) -> None:
    replay = await start(_OPEN)
    assert replay.account["username"] == "user"
    headers = await _token(replay)
    refused, _ = await _ask(replay, "POST", "/app/login", json={"username": "user", "password": "wrong"})
    assert refused == 400
    _, listed = await _ask(replay, "GET", "/app/bindings?skip=0&limit=100", headers=headers)
    address = URL(replay.account["api_url"])
    assert listed == {"devices": [_ROW | {"host": "127.0.0.1", "ws_port": address.port}]}
    assert (await _ask(replay, "GET", f"/app/datapoint?product_key={_KEY}"))[1] == _DEFINITION


async def test_answers_come_in_the_recorded_order_and_the_last_one_stays(start: Any) -> None:
    replay = await start(_OPEN)
    path = f"/app/devdata/{_DID}/latest"
    temperatures = [(await _ask(replay, "GET", path))[1]["attr"]["temp"] for _ in range(4)]
    assert temperatures == [30, 31, 31, 31]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await _ask(replay, "GET", "/app/scene")


async def test_times_move_with_the_replay_but_values_do_not(start: Any) -> None:
    week = 7 * 86400
    replay = await start(_OPEN, week)
    _, latest = await _ask(replay, "GET", f"/app/devdata/{_DID}/latest")
    assert latest["updated_at"] == int(_NOW) + week
    assert latest["attr"]["epoch"] == int(_NOW)
    _, listed = await _ask(replay, "GET", "/app/bindings?limit=100&skip=0")
    assert listed["devices"][0]["state_last_timestamp"] == int(_NOW) - 60 + week


async def test_what_was_not_recorded_is_answered_from_the_documents_or_refused(start: Any) -> None:
    replay = await start(_OPEN)
    headers = await _token(replay)
    _, device = await _ask(replay, "GET", f"/app/devices/{_DID}", headers=headers)
    assert (device["mac"], device["product_name"]) == ("80600f0096b3", "Spa")
    _, page = await _ask(replay, "GET", "/app/bindings?limit=20&skip=0", headers=headers)
    assert [row["did"] for row in page["devices"]] == [_DID]
    assert (await _ask(replay, "GET", "/app/group", headers=headers))[1] == []
    status, error = await _ask(replay, "GET", "/app/nowhere")
    assert (status, error) == (404, {"error": "not in this recording: GET /app/nowhere"})


async def test_a_commanded_device_reports_what_it_was_sent(start: Any) -> None:
    replay = await start(_OPEN)
    headers = await _token(replay)
    control = f"/app/control/{_DID}"
    assert (await _ask(replay, "POST", control, json={"attrs": {"temp": 25}}, headers=headers))[0] == 200
    _, refused = await _ask(replay, "POST", control, json={"attrs": {"nothing": 25}}, headers=headers)
    assert refused["error_code"] == 9025
    _, latest = await _ask(replay, "GET", f"/app/devdata/{_DID}/latest", headers=headers)
    assert latest["attr"] == {"heat": 1, "temp": 25, "epoch": int(_NOW)}


async def test_pushed_frames_are_pushed_again(start: Any) -> None:
    replay = await start(_OPEN)
    token = (await _token(replay))["X-Gizwits-User-token"]
    login: dict[str, Any] = {"appid": _APP, "uid": "d" * 32, "token": token, "p0_type": "attrs_v4"}
    login |= {"heartbeat_interval": 180, "auto_subscribe": True}
    url = replay.account["api_url"].replace("http", "ws") + "/ws/app/v1"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_json({"cmd": "login_req", "data": login})
        frames = [await socket.receive_json(timeout=5) for _ in range(2)]
    assert frames[0] == {"cmd": "login_res", "data": {"success": True}}
    assert frames[1] == {"cmd": "s2c_noti", "data": {"did": _DID, "attrs": {"temp": 33}}}


_PRODUCT = {"product_key": _KEY, "product_secret": "e" * 32, "auth_id": "push", "auth_secret": "secret"}


def _enterprise() -> list[dict[str, Any]]:
    event = {
        "cmd": "event_push",
        "delivery_id": "7",
        "event_type": "device_status_kv",
        "product_key": _KEY,
        "did": _DID,
    }
    row = {
        "did": _DID,
        "mac": "80600f0096b3",
        "is_online": True,
        "country": "Nowhere",
        "longitude": 1.5,
        "latitude": 2.5,
    }
    path = f"/v1/products/{_KEY}"
    meta = {"total": 1, "limit": 100, "skip": 0, "previous": None, "next": None}
    return [
        _header("gizwits_enterprise", {"enterprise_id": "f" * 32, "enterprise_secret": "0" * 32}, [_PRODUCT]),
        _http(0, "POST", f"{path}/access_token", {"token": "1" * 32, "expired_at": 1}, status=201),
        _http(1, "GET", f"{path}/datapoint", _DEFINITION),
        _http(2, "GET", f"{path}/devices/search?limit=100&skip=0", {"meta": meta, "objects": [row]}),
        _event(3, "opened", url="snoti://snoti.gizwits.com:2017"),
        _event(
            3.1, "received", event | {"created_at": _NOW, "data": {"temp": 29}}, url="snoti://snoti.gizwits.com:2017"
        ),
    ]


async def test_events_of_snoti_are_pushed_again_over_tls(start: Any) -> None:
    replay = await start(_enterprise(), 60.0)
    host, _, port = replay.account["snoti_host"].partition(":")
    tls = ssl.create_default_context(cadata=self_signed()[1].decode())
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    item = {name: _PRODUCT[name] for name in ("product_key", "auth_id", "auth_secret")}
    login = {"cmd": "login_req", "data": [item | {"subkey": "x", "events": ["device.status.kv"]}]}
    writer.write(json.dumps(login).encode() + b"\n")
    lines = [json.loads(await asyncio.wait_for(reader.readline(), 5)) for _ in range(2)]
    assert lines[0]["data"]["result"] is True
    assert (lines[1]["data"], lines[1]["created_at"]) == ({"temp": 29}, _NOW + 60)
    writer.close()


async def test_an_enterprise_is_known_beyond_what_was_recorded(start: Any) -> None:
    replay = await start(_enterprise())
    secrets = {"enterprise_id": "f" * 32, "enterprise_secret": "0" * 32, "product_secret": "e" * 32}
    _, granted = await _ask(replay, "POST", f"/v1/products/{_KEY}/access_token", json=secrets)
    headers = {"Authorization": f"token {granted['token']}"}
    _, places = await _ask(replay, "GET", f"/v1/products/{_KEY}/devices/locations", headers=headers)
    assert places["location"].keys() == {"Nowhere"}


def _sodata() -> list[dict[str, Any]]:
    account = {"username": "user", "password": "secret", "client_id": "client", "client_secret": "s", "realm": "R"}
    access = jwt.encode({"sub": "the subject"}, "a key for this test, long enough", "HS256")
    uuids = ["11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"]
    value = {"value": "1", "date": "2027-01-15T07:59:00.000Z", "itemType": "Unit", "itemIndex": "1", "serviceId": "7"}
    values = [{"deviceUuid": uuid, "values": [value]} for uuid in uuids]
    rows = [
        {"uuid": uuids[0], "timeZone": "Europe/Paris"},
        {"uuid": uuids[1], "gatewayUuid": uuids[0], "siteUuid": "s"},
    ]
    ca = "/api/v1/ca/33333333-0000-0000-0000-000000000000"
    return [
        _header("sodata", account),
        _http(0, "POST", "/realms/R/protocol/openid-connect/token", {"access_token": access}),
        _http(1, "GET", f"{ca}/devices?take=100&skip=0", {"total": 2, "results": rows}),
        _http(2, "PUT", f"{ca}/last-values", {"devices": values}, sent={"json": {"deviceUuids": uuids}}),
    ]


async def test_last_values_are_known_one_by_one_and_all_together(start: Any) -> None:
    replay = await start(_sodata(), 3600.0)
    lines = _sodata()
    uuids, path = lines[3]["sent"]["json"]["deviceUuids"], lines[3]["url"].removeprefix("https://cloud.example")
    for wanted in (uuids, uuids[::-1], uuids[1:]):
        _, answer = await _ask(replay, "PUT", path, json={"deviceUuids": wanted})
        assert {entry["deviceUuid"] for entry in answer["devices"]} == set(wanted)
        value = answer["devices"][0]["values"][0]
        assert (value["value"], value["date"]) == ("1", "2027-01-15T08:59:00.000Z")
    one = path.replace("last-values", f"devices/{uuids[0]}")
    assert (await _ask(replay, "GET", one))[1] == {"uuid": uuids[0], "timeZone": "Europe/Paris"}
    assert len((await _ask(replay, "GET", f"{one}/last-values"))[1]["devices"]) == 1
    assert (await _ask(replay, "GET", f"{one}/variables"))[0] == 404
    form = {"grant_type": "password", "client_id": "client", "client_secret": "s", "username": "user"}
    token = "/realms/R/protocol/openid-connect/token"
    _, grant = await _ask(replay, "POST", token, field="auth_url", data=form | {"password": "secret"})
    assert jwt.decode(grant["access_token"], options={"verify_signature": False})["sub"] == "the subject"
    assert (await _ask(replay, "POST", token, field="auth_url", data=form | {"password": "wrong"}))[0] == 401


async def test_sodata_that_was_not_recorded_is_answered_from_what_was(start: Any) -> None:
    replay = await start(_sodata(), 3600.0)
    ca = "/api/v1/ca/33333333-0000-0000-0000-000000000000"
    uuids = ["11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"]
    _, page = await _ask(replay, "GET", f"{ca}/devices?take=1&skip=1")
    assert (page["total"], [row["uuid"] for row in page["results"]]) == (2, uuids[1:])
    assert (await _ask(replay, "GET", f"{ca}/devices?siteUuid=other"))[1]["results"] == []
    assert (await _ask(replay, "GET", f"{ca}/devices/{uuids[1]}/gateway"))[1]["uuid"] == uuids[0]
    assert (await _ask(replay, "GET", f"{ca}/sites"))[0] == 404
    assert (await _ask(replay, "PUT", f"{ca}/devices/{uuids[0]}/activate"))[0] == 204
    series = {"deviceUuid": uuids[0], "itemType": "Unit", "itemIndex": "1", "serviceId": "7"}
    wanted: dict[str, Any] = {
        "from": "2027-01-15T06:00:00Z",
        "to": "2027-01-15T09:00:00Z",
        "timezone": "UTC",
        "series": [series],
    }
    wanted |= {"useDeviceLocalTimezone": False, "granularity": "raw"}
    _, raw = await _ask(replay, "PUT", f"{ca}/datapoints", json=wanted)
    assert len(raw["series"][0]["data"]) > 30
    assert {point["value"] for point in raw["series"][0]["data"]} == {1}
    hours = wanted | {"granularity": "hour", "series": [series | {"aggregation": "max"}]}
    _, buckets = await _ask(replay, "PUT", f"{ca}/datapoints", json=hours)
    assert [point["at"][11:13] for point in buckets["series"][0]["data"]] == ["06", "07", "08"]
    unknown = wanted | {"series": [series | {"deviceUuid": "44444444-0000-0000-0000-000000000000"}]}
    assert (await _ask(replay, "PUT", f"{ca}/datapoints", json=unknown))[0] == 404


async def test_usage_is_served_for_any_range_but_not_without_its_tokens(start: Any) -> None:
    path = "/user/usage/aggregate/content/genre?period=day&pageNumber=1"
    lines = [
        _header("firstlight", {"authorization_token": "app", "user_token": "user"}),
        _http(0, "GET", f"{path}&fromDate=2027-01-15T00:00:00Z&toDate=2027-01-15T08:00:00Z", {"data": {"Drama": 5}}),
    ]
    days = {"fromDate": "2027-01-13T08:00:00Z", "toDate": "2027-01-15T08:00:00Z"}
    lines.append(_http(1, "GET", f"{path}&{urlencode(days)}", {"data": {"Drama": 50}}))
    replay = await start(lines, 50_000.0)
    headers = {"Authorization": "Bearer app", "X-Authorization": "user"}
    wanted = f"{path}&fromDate=2027-01-15T00:00:00Z&toDate=2027-01-15T21:53:20Z"
    for _ in range(3):  # the answer about two days is another one
        assert (await _ask(replay, "GET", wanted, headers=headers)) == (200, {"data": {"Drama": 5}})
    for recorded, other in (("period=day", "period=week"), ("period=day", "period=day&groupBy=genre")):
        status, answer = await _ask(replay, "GET", wanted.replace(recorded, other), headers=headers)
        assert (status, answer["header"]["code"], answer["data"][0]["name"]) == (200, 0, "Drama")
    status, error = await _ask(replay, "GET", wanted.replace("genre", "network"), headers=headers)
    assert (status, error["error"][:21]) == (404, "not in this recording")
    async with aiohttp.ClientSession() as session, session.get(replay.account["api_url"] + wanted) as refused:
        assert refused.status == 401


async def test_history_is_served_only_for_about_the_recorded_range(start: Any) -> None:
    path = f"/app/devices/{_DID}/raw_data?type=online&start_time={{}}&end_time={{}}"
    start_time, end_time = int(_NOW) - 7200, int(_NOW)
    lines = [*_OPEN, _http(70, "GET", path.format(start_time, end_time), {"recorded": True})]
    replay = await start(lines, 100.0)
    headers = await _token(replay)
    close = path.format(start_time + 160, end_time + 100)
    assert (await _ask(replay, "GET", close, headers=headers))[1] == {"recorded": True}
    other = path.format(start_time - 9000, end_time - 9000)
    assert "meta" in (await _ask(replay, "GET", other, headers=headers))[1]


def test_other_files_are_refused(tmp_path: Path) -> None:
    for text in ("", "{", "[]", "{}", json.dumps(_header("gizwits_open", {}) | {"version": 2})):
        path = tmp_path / "file"
        path.write_text(text)
        with pytest.raises(NotReadable):
            Recording.load(path)
    with pytest.raises(NotReadable):
        Recording.load(tmp_path / "missing")
    with pytest.raises(NotReadable):
        Replay(Recording.parse([json.dumps(_header("another_cloud", {}))]))
