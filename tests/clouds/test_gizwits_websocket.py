"""Tests the push of the Open API against the simulated cloud and against a server that sends what a test wants."""

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import AuthFailed, Reason
from custom_components.datapoint_cloud.clouds.gizwits.open import login, websocket, websocket_session
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.timings import PushTimings, websocket_timings
from custom_components.datapoint_cloud.clouds.push import CoverageChanged, DevicesChanged, News, Presence, Report
from simulator.gizwits import GizwitsOpenServer
from simulator.gizwits.household import device_of
from simulator.gizwits.products import LAMP
from simulator.server import Fault
from simulator.simulation import Simulation
from tests.waiting import until

from .websocket_push import (
    REFUSED,
    PushListener,
    ScriptedServer,
    called,
    cloud_at,
    quick_timings,
    spa_of,
    watched_pauses,
)

LOGIN, CONNECT = "POST /app/login", "GET /ws/app/v1"


@pytest.fixture
def timings() -> PushTimings:
    return quick_timings()


@pytest.fixture
def server(simulation: Simulation) -> GizwitsOpenServer:
    return simulation.gizwits_open


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def client_store() -> ClientStore:
    return ClientStore()


@pytest.fixture
def cloud(
    session: aiohttp.ClientSession, server: GizwitsOpenServer, client_store: ClientStore, timings: PushTimings
) -> GizwitsOpenCloud:
    return cloud_at(server.url, session, server, client_store, timings)


@pytest.fixture
async def listener(cloud: GizwitsOpenCloud) -> AsyncIterator[PushListener]:
    listener = PushListener(cloud)
    yield listener
    await listener.stop()


@pytest.fixture
async def scripted_server(server: GizwitsOpenServer) -> AsyncIterator[ScriptedServer]:
    scripted_server = ScriptedServer()
    await scripted_server.start()
    for device in server.devices.values():
        device.ws_port = scripted_server.port
    yield scripted_server
    await scripted_server.stop()


# Connections


async def test_push_covers_devices_once_the_server_has_answered(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    await listener.refresh()
    assert listener.covers_none()
    await listener.listen()
    await until(listener.covers_all)
    assert len(listener.devices) == 6
    assert server.requests[CONNECT] == 1
    assert server.requests[LOGIN] == 1
    assert listener.count(CoverageChanged) == 1


async def test_the_login_matches_the_document(listener: PushListener, server: GizwitsOpenServer) -> None:
    await listener.listen()
    await until(listener.covers_all)
    assert server.push.received[0] == {
        "cmd": "login_req",
        "data": {
            "appid": server.app_id,
            "uid": server.uid,
            "token": next(iter(server.accounts.tokens)),
            "p0_type": "attrs_v4",
            "heartbeat_interval": 180,
            "auto_subscribe": True,
        },
    }


async def test_push_reads_each_device_once_after_login(listener: PushListener, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.reports(spa.did) and len(server.push.commands("c2s_read")) == 6)
    assert sorted(content["did"] for content in server.push.commands("c2s_read")) == sorted(listener.devices)
    assert listener.values(spa.did).keys() == spa.attrs.keys()


async def test_push_spaces_its_reads(listener: PushListener, server: GizwitsOpenServer, timings: PushTimings) -> None:
    timings.read = 0.02
    for number in range(50):
        lamp = device_of(server.clock, 1, f"{server.uid}{number}", LAMP, "")
        lamp.uid = server.uid
        server.devices[lamp.did] = lamp
    await listener.listen()
    await until(listener.covers_all)
    await asyncio.sleep(0.05)
    assert 1 <= len(server.push.commands("c2s_read")) < 10


async def test_push_opens_one_connection_per_host(
    listener: PushListener, server: GizwitsOpenServer, scripted_server: ScriptedServer
) -> None:
    spa = spa_of(server)
    spa.ws_port = None  # This device uses the simulated cloud's own push server.
    await listener.listen()
    await until(listener.covers_all)
    assert server.requests[CONNECT] == 1
    assert len(scripted_server.sockets) == 1
    assert [content["did"] for content in server.push.commands("c2s_read")] == [spa.did]
    await scripted_server.sockets[0].close()
    scripted_server.login_answers = [None] * 100
    await until(lambda: not listener.covers(called(server, "鱼缸水泵").did))
    assert listener.covers(spa.did)


async def test_push_closes_a_connection_without_devices_and_connects_to_a_new_host(
    listener: PushListener, server: GizwitsOpenServer, scripted_server: ScriptedServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    for device in server.devices.values():
        device.ws_port = None
    before = listener.count(CoverageChanged)
    await listener.refresh()
    await until(lambda: scripted_server.sockets[0].closed)
    await until(listener.covers_all)
    assert listener.count(CoverageChanged) >= before + 2  # one for the lost host, one for the new one
    listener.push.follow([])
    await until(lambda: not server.push.connections)
    assert listener.covers_none()
    listener.push.follow([*listener.devices.values()])
    await until(listener.covers_all)


@pytest.mark.parametrize(
    "binding",
    [
        {"host": None},
        {"host": ""},
        {"host": "a host"},
        {"host": "xn--a"},
        {"host": "xn--a.gizwits.com"},
        {"host": "a..b"},
        {"host": "."},
        {"host": "127.0.0.1:80"},
        {"host": "user@localhost"},
        {"host": "[::1]"},
        {"host": "10.0.0.1"},
        {"host": "a" * 300},
        {"host": 7, "ws_port": "x"},
        {"ws_port": None},
        {"ws_port": 0},
        {"ws_port": 70000},
        {"ws_port": "no"},
    ],
)
async def test_push_does_not_cover_a_binding_without_a_valid_host_and_port(
    listener: PushListener, server: GizwitsOpenServer, binding: dict[str, Any], session: aiohttp.ClientSession
) -> None:
    await listener.refresh()
    async with session.get(
        f"{server.url}/app/bindings",
        headers={
            "X-Gizwits-Application-Id": server.app_id,
            "X-Gizwits-User-token": next(iter(server.accounts.tokens)),
        },
    ) as response:
        rows = (await response.json(content_type=None))["devices"]
    rows[0] |= binding
    body = json.dumps({"devices": rows})
    server.faults.append(Fault(matches=lambda request: request.path == "/app/bindings", body=body))
    await listener.listen()
    await until(lambda: sum(map(listener.push.hears, listener.devices.values())) == 5)
    assert not listener.covers(rows[0]["did"])
    assert server.requests[CONNECT] == 1


@pytest.mark.parametrize(
    ("api_url", "is_connected"), [("http://127.0.0.1:80", False), ("https://euapi.gizwits.com", True)]
)
async def test_push_does_not_send_the_token_of_a_local_server_to_another_host(
    listener: PushListener, api_url: str, *, is_connected: bool
) -> None:
    assert isinstance(listener.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(listener.push._access, api_url=api_url)
    push.set_bindings([{"did": "d", "host": "usm2m.gizwits.com", "ws_port": 8080, "wss_port": 8880}])
    assert bool(push._addresses) is is_connected


@pytest.mark.parametrize(
    ("api_url", "host", "address"),
    [
        ("https://euapi.gizwits.com", " USm2m.gizwits.com ", "wss://usm2m.gizwits.com:8880"),
        ("http://euapi.gizwits.com", "usm2m.gizwits.com", "wss://usm2m.gizwits.com:8880"),
        ("HTTP://192.168.1.2:80", "usm2m.gizwits.com", "wss://usm2m.gizwits.com:8880"),
        ("http://192.168.1.2:80", "192.168.1.3", "ws://192.168.1.3:8080"),
        ("http://127.0.0.1:80", "::1", "ws://[::1]:8080"),
        ("https://127.0.0.1:80", "127.0.0.1", "wss://127.0.0.1:8880"),
    ],
)
async def test_push_is_encrypted_unless_the_api_is_local_and_unencrypted(
    listener: PushListener, api_url: str, host: str, address: str
) -> None:
    assert isinstance(listener.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(listener.push._access, api_url=api_url)
    push.set_bindings([{"did": "d", "host": host, "ws_port": 8080, "wss_port": "8880"}])
    assert str(push._addresses["d"]) == f"{address}/ws/app/v1"


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        ("eum2m.gizwits.com", True),
        ("1.1.1.1", True),
        ("bücher.example", True),
        ("localhost", False),
        ("push.localhost", False),
        ("homeassistant", False),
        ("homeassistant.local", False),
        ("router.home.arpa.", False),
        ("router.lan", False),
        ("nas.home", False),
        ("127.0.0.1", False),
        ("127.1", False),
        ("2130706433", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
async def test_a_public_cloud_cannot_point_push_to_a_host_in_the_users_network(
    listener: PushListener, host: str, is_public: bool
) -> None:
    assert isinstance(listener.push, websocket.WebSocketPush)
    row = {"did": "d", "host": host, "ws_port": 8080, "wss_port": 8880}
    public = websocket.WebSocketPush(listener.push._access, api_url="https://euapi.gizwits.com")
    public.set_bindings([row])
    private = websocket.WebSocketPush(listener.push._access, api_url="https://192.168.1.2")
    private.set_bindings([row])
    assert ("d" in public._addresses) is is_public
    assert "d" in private._addresses


@pytest.mark.parametrize(
    "host", ["fe80::1%eth0", "fe80::1%[", "fe80::1%a/b", "xn--a", "xn--ls8h\ud83c", "a\x00b", "a。。b", "-a", "*"]
)
async def test_an_invalid_host_does_not_affect_the_push_of_other_devices(listener: PushListener, host: str) -> None:
    assert isinstance(listener.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(listener.push._access, api_url="http://192.168.1.2")
    ports = {"ws_port": 8080, "wss_port": 8880}
    push.set_bindings([{"did": "invalid", "host": host, **ports}, {"did": "valid", "host": "192.168.1.3", **ports}])
    assert push._addresses.keys() == {"valid"}


async def test_push_uses_tls_if_the_api_does(
    session: aiohttp.ClientSession,
    server: GizwitsOpenServer,
    scripted_server: ScriptedServer,
    client_store: ClientStore,
) -> None:
    greetings: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greetings.append(await reader.read(3))
        writer.close()

    tls_server = await asyncio.start_server(greet, "127.0.0.1", 0)
    listing = await cloud_at(server.url, session, server, client_store).devices()
    # This client finds the token of the other one in the store, since it could not log in at this address.
    secure = cloud_at("https://127.0.0.1:9", session, server, client_store)
    assert isinstance(secure.push, websocket.WebSocketPush)
    port = tls_server.sockets[0].getsockname()[1]
    secure.push.set_bindings(
        [{"did": listing.devices[0].id, "host": "127.0.0.1", "wss_port": port, "ws_port": scripted_server.port}]
    )
    secure.push.follow(listing.devices)
    task = asyncio.create_task(secure.push.listen(list[News]().append))
    await until(lambda: greetings)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    tls_server.close()
    assert greetings[0][:2] == b"\x16\x03"  # a TLS handshake
    assert not scripted_server.sockets


# News


async def test_a_report_contains_only_the_datapoints_that_changed(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.reports(spa.did))
    listener.news.clear()
    before = datetime.now(UTC)
    spa.set(bit7=1, bubble_minutes=12)
    await until(lambda: listener.reports(spa.did))
    (report,) = listener.reports(spa.did)
    assert {key: reading.value for key, reading in report.snapshot.readings.items()} == {
        "bit7": 1,
        "bubble_minutes": 12,
    }
    assert report.snapshot.reported_at is not None
    assert before <= report.snapshot.reported_at <= datetime.now(UTC)
    # No field says when a value was taken, and our clock need not be that of the cloud.
    assert all(reading.taken_at is None for reading in report.snapshot.readings.values())


async def test_push_reports_the_value_of_a_command(listener: PushListener, server: GizwitsOpenServer) -> None:
    conditioner = called(server, "客厅空调")
    await listener.listen()
    await until(lambda: listener.covers_all() and listener.reports(conditioner.did))
    switch = next(key for key, value in conditioner.attrs.items() if value is True or value is False)
    switch = next(a.name for a in conditioner.product.attributes if a.type == "status_writable" and a.name == switch)
    value = not conditioner.attrs[switch]
    listener.news.clear()
    await listener.cloud.write(listener.devices[conditioner.did], {switch: value})
    await until(lambda: listener.reports(conditioner.did))
    assert listener.values(conditioner.did) == {switch: value}


async def test_pushed_values_have_the_types_of_their_datapoints(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    conditioner = called(server, "客厅空调")
    by_type = {attribute.data_type: attribute for attribute in conditioner.product.attributes}
    everything = [attribute for device in server.devices.values() for attribute in device.product.attributes]
    binary = next(attribute for attribute in everything if attribute.data_type == "binary")
    owner = next(device for device in server.devices.values() if binary in device.product.attributes)
    await listener.listen()
    await until(listener.covers_all)
    labels = by_type["enum"].labels
    for value, expected in ((True, True), (False, False), (1, True), (0, False)):
        attrs = {by_type["bool"].name: value, by_type["enum"].name: 1}
        listener.news.clear()
        await scripted_server.send({"cmd": "s2c_noti", "data": {"did": conditioner.did, "attrs": attrs}})
        await until(lambda: listener.reports(conditioner.did))
        values = listener.values(conditioner.did)
        assert values[by_type["bool"].name] is expected
        assert values[by_type["enum"].name] == labels[1]
    others = {binary.name: [0, 171, 255], "not defined": "x"}
    await scripted_server.send({"cmd": "s2c_noti", "data": {"did": owner.did, "attrs": others}})
    await until(lambda: binary.name in listener.values(owner.did))
    assert listener.values(owner.did)[binary.name] == "00abff"
    assert listener.values(owner.did)["not defined"] == "x"
    await scripted_server.send(
        {"cmd": "s2c_noti", "data": {"did": conditioner.did, "attrs": {by_type["enum"].name: labels[0]}}}
    )
    await until(lambda: listener.values(conditioner.did)[by_type["enum"].name] == labels[0])


async def test_a_recorded_report_keeps_all_its_values(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer, real_payloads: Path
) -> None:
    frame = json.loads((real_payloads / "websocket" / "s2c-noti-heatzy-glow.json").read_text())
    spa = spa_of(server)
    frame["data"]["did"] = spa.did
    await listener.listen()
    await until(listener.covers_all)
    await scripted_server.send(frame)
    await until(lambda: listener.reports(spa.did))
    assert listener.values(spa.did) == frame["data"]["attrs"]
    assert listener.values(spa.did)["on_off"] is True
    assert listener.reports(spa.did)[0].snapshot.skipped == ()


async def test_push_acknowledges_a_report_after_handing_it_over(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spa = spa_of(server)
    acks_at_report: list[int] = []

    def on_news(news: News) -> None:
        listener.news.append(news)
        if isinstance(news, Report):
            acks_at_report.append(len(scripted_server.frames_of("c2s_ack")))

    monkeypatch.setattr(listener, "on_news", on_news)
    await listener.listen()
    await until(listener.covers_all)
    noti = {"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await scripted_server.send(noti)
    await scripted_server.send(noti | {"req_sn": 41})
    await scripted_server.send({"cmd": "s2c_noti", "data": noti["data"] | {"req_sn": 42}})  # type: ignore[operator]
    await scripted_server.send(noti | {"res_sn": 43})
    await until(lambda: len(scripted_server.frames_of("c2s_ack")) == 2 and len(listener.reports(spa.did)) == 4)
    assert scripted_server.frames_of("c2s_ack") == [{"cmd": "c2s_ack", "res_sn": sn, "did": spa.did} for sn in (41, 42)]
    assert acks_at_report[:2] == [0, 0]


async def test_push_does_not_acknowledge_a_report_that_it_cannot_decode(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    spa, lamp = spa_of(server), called(server, "")
    await listener.refresh()  # The client has read no definition yet.
    server.faults.append(Fault(matches=lambda request: request.path == "/app/datapoint", status=500, body=""))
    listener.task = asyncio.create_task(listener.push.listen(listener.on_news))
    await until(listener.covers_all)
    await scripted_server.send({"cmd": "s2c_noti", "req_sn": 1, "data": {"did": spa.did, "attrs": {"bit7": 1}}})
    await until(lambda: server.requests["GET /app/datapoint"] == 2)
    server.faults.clear()
    await scripted_server.send({"cmd": "s2c_noti", "req_sn": 2, "data": {"did": lamp.did, "attrs": {"x": 1}}})
    await until(lambda: scripted_server.frames_of("c2s_ack"))
    assert [frame["res_sn"] for frame in scripted_server.frames_of("c2s_ack")] == [2]
    assert not listener.reports(spa.did)
    assert listener.covers_all()


async def test_listening_fails_authentication_if_the_account_is_refused_meanwhile(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    await listener.refresh()
    listener.task = asyncio.create_task(listener.push.listen(listener.on_news))
    await until(listener.covers_all)
    refusal = {"error_code": 9004, "error_message": "no"}
    server.faults.append(
        Fault(matches=lambda request: request.path != "/app/login", status=400, body=json.dumps(refusal))
    )
    await scripted_server.send({"cmd": "s2c_noti", "data": {"did": spa_of(server).did, "attrs": {"bit7": 1}}})
    await until(lambda: listener.task and listener.task.done())
    with pytest.raises(AuthFailed):
        await listener.task


@pytest.mark.parametrize("key", ["online", "is_online"])
async def test_push_reports_online_states_under_either_name(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer, key: str
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.covers_all() and len(scripted_server.frames_of("c2s_read")) == 6)
    for value in (False, True, 0, 1):
        await scripted_server.send({"cmd": "s2c_online_status", "data": {"did": spa.did, "mac": spa.mac, key: value}})
    await until(lambda: listener.count(Presence) == 4)
    presences = [news for news in listener.news if isinstance(news, Presence)]
    assert [news.is_online for news in presences] == [False, True, False, True]
    assert {(news.device_id, news.at) for news in presences} == {(spa.did, None)}
    # Push reads the device again, since its values may have changed while it was offline.
    await until(lambda: len(scripted_server.frames_of("c2s_read")) > 6)
    assert scripted_server.frames_of("c2s_read")[-1]["data"] == {"did": spa.did}


async def test_push_reports_a_simulated_device_that_goes_offline(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(listener.covers_all)
    spa.is_online = False
    await until(lambda: listener.count(Presence))
    assert Presence(device_id=spa.did, is_online=False) in listener.news


async def test_a_report_that_answers_a_read_has_no_time(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(listener.covers_all)
    answer = {"cmd": "s2c_noti", "res_sn": 1, "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await scripted_server.send(answer)
    await scripted_server.send({"cmd": "s2c_noti", "data": answer["data"]})
    await until(lambda: len(listener.reports(spa.did)) == 2)
    assert [report.snapshot.reported_at is None for report in listener.reports(spa.did)] == [True, False]


async def test_the_first_read_after_login_has_no_time(listener: PushListener, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.reports(spa.did))
    assert listener.reports(spa.did)[0].snapshot.reported_at is None


async def test_push_covers_a_device_bound_later_once_it_is_subscribed(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    lamp = device_of(server.clock, 1, "another user", LAMP, "New lamp")
    lamp.uid = server.uid
    server.devices[lamp.did] = lamp
    server.push.push_binding(lamp.did, server.uid, is_bound=True)
    await until(lambda: listener.count(DevicesChanged))
    coverage = listener.count(CoverageChanged)
    await listener.refresh()
    assert not listener.covers(lamp.did)
    await until(lambda: listener.covers(lamp.did) and listener.reports(lamp.did))
    assert listener.count(CoverageChanged) > coverage
    assert server.requests[CONNECT] == 1
    listener.news.clear()
    lamp.set(**{lamp.product.attributes[0].name: lamp.attrs[lamp.product.attributes[0].name]})
    await until(lambda: listener.reports(lamp.did))


async def test_push_does_not_cover_an_unbound_device_until_it_is_bound_again(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.covers_all() and listener.reports(spa.did))
    spa.uid = None
    server.push.push_binding(spa.did, server.uid, is_bound=False)
    await until(lambda: listener.count(DevicesChanged) and not listener.covers(spa.did))
    spa.uid = server.uid
    server.push.push_binding(spa.did, server.uid, is_bound=True)
    await until(lambda: listener.covers(spa.did))
    assert listener.count(DevicesChanged) == 2


async def test_push_does_not_cover_a_device_with_a_failed_subscription_until_it_reports(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(listener.covers_all)
    failed = [{"did": spa.did, "error_code": 9017, "msg": "no"}, "x", {"error_code": 1}]
    await scripted_server.send({"cmd": "subscribe_res", "data": {"success": [], "failed": failed}})
    await until(lambda: not listener.covers(spa.did))
    assert listener.covers(called(server, "鱼缸水泵").did)
    noti = {"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await scripted_server.send(noti | {"res_sn": 1})  # The answer to a read does not prove a subscription.
    await until(lambda: listener.reports(spa.did))
    assert not listener.covers(spa.did)
    await scripted_server.send(noti)
    await until(lambda: listener.covers(spa.did))
    assert listener.count(CoverageChanged) == 3


# Staying connected


async def test_push_covers_no_device_before_the_first_answer(
    listener: PushListener, scripted_server: ScriptedServer
) -> None:
    scripted_server.pong = None
    await listener.listen()
    await until(lambda: scripted_server.frames_of("ping") and len(scripted_server.frames_of("c2s_read")) == 6)
    await scripted_server.send({"cmd": "s2c_invalid_msg", "data": {"error_code": 1010, "msg": "bad"}})
    await scripted_server.send("[]")
    await asyncio.sleep(0.01)
    assert listener.covers_none()
    await scripted_server.send({"cmd": "pong"})
    await until(listener.covers_all)


@pytest.mark.parametrize(
    "answer", ['{"cmd": "login_res", "data": {"success": 1}}', '{"cmd": "s2c_login_res", "data": {"success": true}}']
)
async def test_variants_of_an_accepted_login_are_understood(
    listener: PushListener, scripted_server: ScriptedServer, answer: str
) -> None:
    scripted_server.login_answers = [answer]
    await listener.listen()
    await until(listener.covers_all)
    assert len(scripted_server.logins) == 1


async def test_push_sends_pings_and_notices_silence(
    listener: PushListener, server: GizwitsOpenServer, timings: PushTimings
) -> None:
    timings.ping = 0.01
    await listener.listen()
    await until(lambda: listener.covers_all() and len(server.push.commands("ping")) > 10)
    assert server.requests[CONNECT] == 1
    timings.silence = 0.03
    spa_of(server).set(bit7=1)  # The shorter limit applies from the next frame on.
    await until(lambda: listener.values(spa_of(server).did).get("bit7") == 1)
    server.push.is_silent = True
    await until(listener.covers_none)
    assert listener.count(CoverageChanged) >= 2
    server.push.is_silent = False
    await until(listener.covers_all)


async def test_pings_of_the_websocket_protocol_do_not_keep_a_connection_alive(
    listener: PushListener, scripted_server: ScriptedServer, timings: PushTimings
) -> None:
    timings.silence = 0.03
    await listener.listen()
    await until(listener.covers_all)
    scripted_server.login_answers = [None] * 100
    async with asyncio.timeout(5):
        while listener.covers_all():
            with suppress(ConnectionError):  # The client may already be closing the connection.
                await scripted_server.sockets[0].ping()
            await asyncio.sleep(0.005)


async def test_push_reconnects_if_a_login_is_not_answered(
    listener: PushListener, scripted_server: ScriptedServer, timings: PushTimings
) -> None:
    timings.answer = 0.02
    scripted_server.login_answers = [None, '{"cmd": "login_res"}', '{"cmd": "login_res", "data": {"success": "?"}}']
    await listener.listen()
    await until(listener.covers_all)
    assert len(scripted_server.logins) == 4


async def test_push_reconnects_and_reads_devices_again_after_a_lost_connection(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    await listener.listen()
    await until(lambda: listener.covers_all() and len(server.push.commands("c2s_read")) == 6)
    server.push.drop()
    await until(lambda: listener.count(CoverageChanged) == 3)  # covered, lost, covered again
    await until(lambda: len(server.push.commands("c2s_read")) == 12)
    assert listener.covers_all()
    assert server.requests[LOGIN] == 1


async def test_push_recovers_after_many_failed_connections(listener: PushListener, server: GizwitsOpenServer) -> None:
    server.faults.append(Fault(matches=lambda request: request.path == "/ws/app/v1", status=503, body=""))
    await listener.listen()
    await until(lambda: server.requests[CONNECT] > 30)
    server.faults.clear()
    await until(listener.covers_all)


async def test_push_backs_off_if_the_server_closes_right_after_login(
    listener: PushListener, scripted_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    scripted_server.closes_after_login = True
    await listener.listen()
    await until(lambda: len(pauses) >= 8)
    assert pauses[:4] == sorted(pauses[:4])
    assert pauses[0] >= 2
    assert all(120 <= pause <= 180 for pause in pauses[6:])


async def test_back_off_starts_over_only_after_a_settled_connection(
    listener: PushListener, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    await listener.listen()
    for number in range(1, 5):
        await until(listener.covers_all)
        server.push.drop()
        await until(lambda number=number: len(pauses) == number)  # type: ignore[misc]
    assert pauses[3] >= 16
    timings.settled = 0
    await until(listener.covers_all)
    server.push.drop()
    await until(lambda: len(pauses) == 5)
    assert 2 <= pauses[4] <= 3


# Refusals


async def test_a_refused_token_costs_push_one_login(listener: PushListener, server: GizwitsOpenServer) -> None:
    await listener.listen()
    await until(listener.covers_all)
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: listener.count(CoverageChanged) == 3)
    assert listener.covers_all()
    assert server.requests[LOGIN] == 2
    logins = server.push.commands("login_req")
    assert [login["token"] == logins[0]["token"] for login in logins] == [True, True, False]


async def test_push_makes_a_long_pause_after_a_second_refusal(
    listener: PushListener,
    scripted_server: ScriptedServer,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    timings: PushTimings,
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    scripted_server.login_answers = [REFUSED] * 4
    await listener.listen()
    await until(listener.covers_all)
    assert len(scripted_server.logins) == 5
    assert [pause >= 900 for pause in pauses] == [False, True, True, True]
    assert server.requests[LOGIN] == 5
    assert len({login["token"] for login in scripted_server.logins}) == 5


@pytest.mark.parametrize("code", [1003, 1009, 1011, "1011"])
async def test_push_logs_in_with_the_same_token_after_a_session_ended(
    listener: PushListener, server: GizwitsOpenServer, code: Any
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    server.push.invalidate(code)
    await until(lambda: server.requests[CONNECT] == 2)
    await until(listener.covers_all)
    assert server.requests[LOGIN] == 1
    assert listener.count(CoverageChanged) == 3  # covered, lost, covered again


async def test_push_tolerates_other_error_messages(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    for content in ({"error_code": 1010, "msg": "bad"}, {"error_code": "x"}, {"error_code": None}, {}, "1009", None):
        await scripted_server.send({"cmd": "s2c_invalid_msg", "data": content})
    await check_reports_still_arrive(listener, scripted_server, server)
    assert len(scripted_server.sockets) == 1
    assert server.requests[LOGIN] == 1
    await scripted_server.send({"cmd": "s2c_invalid_msg", "data": {"error_code": "1009"}})
    await until(lambda: len(scripted_server.logins) == 2)


async def test_listening_ends_if_the_account_is_refused(listener: PushListener, server: GizwitsOpenServer) -> None:
    await listener.listen()
    await until(listener.covers_all)
    server.password = "another"
    server.revoke_tokens()
    server.push.drop()
    assert listener.task is not None
    with pytest.raises(AuthFailed) as refusal:
        await asyncio.wait_for(listener.task, 5)
    assert refusal.value.reason is Reason.WRONG_PASSWORD
    assert listener.covers_none()
    await until(lambda: not server.push.connections)
    with pytest.raises(AuthFailed):
        await listener.push.listen(listener.on_news)
    assert server.requests[LOGIN] == 2


async def test_push_waits_for_a_throttled_login(
    listener: PushListener, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: sum(pauses)))
    await listener.listen()
    await until(listener.covers_all)
    server.is_throttled = True
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: len(pauses) == 3)  # lost, refused, throttled
    server.is_throttled = False
    await until(listener.covers_all)
    assert pauses[2] == 900
    assert listener.task is not None
    assert not listener.task.done()


async def test_push_retries_an_unreachable_login(
    listener: PushListener, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(0, 1000)  # The clock advances so far at each call that every pause is over.
    monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    await listener.listen()
    await until(listener.covers_all)
    server.faults.append(Fault(matches=lambda request: request.path == "/app/login", status=503, body=""))
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: server.requests[LOGIN] > 4)
    server.faults.clear()
    await until(listener.covers_all)


# Invalid frames


async def check_reports_still_arrive(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    before = len(listener.reports(spa.did))
    await scripted_server.send({"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}})
    await until(lambda: len(listener.reports(spa.did)) == before + 1)
    assert listener.covers_all()


async def test_push_ignores_invalid_frames(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer, caplog: pytest.LogCaptureFixture
) -> None:
    did = spa_of(server).did
    await listener.listen()
    await until(listener.covers_all)
    listener.news.clear()
    cmds = ("s2c_noti", "s2c_online_status", "s2c_binding_changed", "subscribe_res", "s2c_raw", "s2c_new", "pong")
    contents: tuple[Any, ...] = (
        None,
        [],
        7,
        "x",
        {},
        {"did": None},
        {"did": ["d"]},
        {"did": {}},
        {"success": 3, "failed": {}},
    )
    for cmd in cmds:
        for content in contents:
            await scripted_server.send({"cmd": cmd, "data": content})
    for text in ("", "{", "[]", "null", "7", "[" * 100_000, "NaN", "{}"):
        await scripted_server.send(text)
    for cmd_value in (None, ["s2c_noti"], 1):
        await scripted_server.send({"cmd": cmd_value})
    invalid_attrs: tuple[Any, ...] = (None, [], "x", 7, {})
    for attrs in invalid_attrs:
        await scripted_server.send({"cmd": "s2c_noti", "data": {"did": did, "attrs": attrs}})
    await scripted_server.send({"cmd": "s2c_noti", "data": {"did": "unknown", "attrs": {"a": 1}}})
    await scripted_server.send({"cmd": "s2c_online_status", "data": {"did": "unknown", "online": True}})
    await scripted_server.send({"cmd": "s2c_online_status", "data": {"did": did, "online": "perhaps"}})
    await scripted_server.send({"cmd": "s2c_raw", "data": {"did": did, "raw": [0, 0, 0, 3]}})
    await scripted_server.send({"cmd": "login_res", "data": {"success": True}})
    await scripted_server.send({"cmd": "s2c_ack", "res_sn": 1, "did": did})
    await scripted_server.sockets[0].send_bytes(b"\xff\xfe")
    assert not listener.news
    await scripted_server.send(
        {"cmd": "s2c_noti", "data": {"did": did, "attrs": {"bit7": {"a": 1}, "bubble_minutes": "x"}}}
    )
    await until(lambda: listener.reports(did))
    assert listener.reports(did)[0].snapshot.skipped == ("bit7", "bubble_minutes")
    await scripted_server.sockets[0].send_bytes(
        json.dumps({"cmd": "s2c_binding_changed", "data": {"did": "x"}}).encode()
    )
    await until(lambda: listener.count(DevicesChanged) == 1)
    await check_reports_still_arrive(listener, scripted_server, server)
    assert len(scripted_server.sockets) == 1
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    # On a slow machine asyncio warns of slow callbacks.
    assert not [record for record in warnings if record.name != "asyncio"]


async def test_push_reconnects_after_a_frame_that_breaks_the_protocol(
    listener: PushListener, scripted_server: ScriptedServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    writer = scripted_server.sockets[0]._writer
    assert writer is not None
    await writer.send_frame(b"\xff\xff", aiohttp.WSMsgType.TEXT)
    await until(lambda: len(scripted_server.logins) == 2)
    await until(listener.covers_all)


# The end


async def test_cancelled_push_leaves_nothing_behind(
    listener: PushListener, server: GizwitsOpenServer, scripted_server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    spa_of(server).ws_port = None
    before = asyncio.all_tasks()
    await listener.listen()
    await until(listener.covers_all)
    count = len(listener.news)
    assert listener.task is not None
    listener.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener.task
    assert listener.covers_none()
    assert len(listener.news) == count
    await until(lambda: not server.push.connections and scripted_server.sockets[0].closed)
    assert scripted_server.sockets[0].close_code == aiohttp.WSCloseCode.OK
    gc.collect()
    ours = {task for task in asyncio.all_tasks() - before if "datapoint_cloud" in repr(task.get_coro())}
    assert not ours
    # On a busy machine asyncio warns of slow callbacks; its errors would be exceptions that no task retrieved.
    least = {"asyncio": logging.ERROR}
    assert not [record for record in caplog.records if record.levelno >= least.get(record.name, logging.WARNING)]
    listener.task = asyncio.create_task(listener.push.listen(listener.on_news))
    await until(listener.covers_all)


@pytest.mark.parametrize("is_answering", [True, False])
async def test_push_can_be_cancelled_at_any_time(
    listener: PushListener, scripted_server: ScriptedServer, is_answering: bool
) -> None:
    if not is_answering:
        scripted_server.login_answers = [None] * 100
    for steps in range(12):
        await listener.listen()
        for _ in range(steps * 3):
            await asyncio.sleep(0)
        await asyncio.wait_for(listener.stop(), 1)
        assert listener.task is not None
        assert listener.task.cancelled()


async def test_push_logs_no_secrets(
    listener: PushListener, server: GizwitsOpenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await listener.listen()
    await until(listener.covers_all)
    server.push.send("odd")
    server.push.invalidate(1010)
    server.push.invalidate(1009)
    await until(lambda: server.requests[CONNECT] == 2)
    await until(listener.covers_all)
    ours = [record.getMessage() for record in caplog.records if "datapoint_cloud" in record.name]
    assert any("Push" in text for text in ours)
    for secret in (*server.accounts.tokens, server.password, server.uid, *server.devices):
        assert not [text for text in ours if secret in text]
    access = listener.push._access  # type: ignore[attr-defined]
    assert next(iter(server.accounts.tokens)) not in repr(access)


def test_the_times_of_pings_match_the_document() -> None:
    timings = websocket_timings()
    assert timings.ping < websocket_session._HEARTBEAT_SECONDS <= 180
    assert timings.ping < timings.silence < timedelta(minutes=2).total_seconds()
