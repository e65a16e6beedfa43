"""The push of the Open API: the client against the simulated cloud, and against a server that says odd things."""

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

from custom_components.datapoint_cloud.clouds import http
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

from .websocket_push import REFUSED, Ear, OddServer, called, cloud_at, quick_timings, spa_of, watched_pauses

LOGIN, CONNECT = "POST /app/login", "GET /ws/app/v1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_BEFORE_SECOND_TRY", 0)


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
async def ear(cloud: GizwitsOpenCloud) -> AsyncIterator[Ear]:
    ear = Ear(cloud)
    yield ear
    await ear.stop()


@pytest.fixture
async def odd(server: GizwitsOpenServer) -> AsyncIterator[OddServer]:
    odd = OddServer()
    await odd.start()
    for device in server.devices.values():
        device.ws_port = odd.port
    yield odd
    await odd.stop()


# Where there are connections


async def test_devices_are_heard_once_the_server_has_answered(ear: Ear, server: GizwitsOpenServer) -> None:
    await ear.refresh()
    assert ear.hears_none()
    await ear.listen()
    await until(ear.hears_all)
    assert len(ear.devices) == 6
    assert server.requests[CONNECT] == 1
    assert server.requests[LOGIN] == 1
    assert ear.count(CoverageChanged) == 1


async def test_the_login_is_the_documents(ear: Ear, server: GizwitsOpenServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
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


async def test_no_state_is_sent_by_itself_so_each_device_is_read_once(ear: Ear, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.reports(spa.did) and len(server.push.commands("c2s_read")) == 6)
    assert sorted(content["did"] for content in server.push.commands("c2s_read")) == sorted(ear.devices)
    assert ear.values(spa.did).keys() == spa.attrs.keys()


async def test_reads_do_not_come_in_a_flood(ear: Ear, server: GizwitsOpenServer, timings: PushTimings) -> None:
    timings.read = 0.02
    for number in range(50):
        lamp = device_of(server.clock, 1, f"{server.uid}{number}", LAMP, "")
        lamp.uid = server.uid
        server.devices[lamp.did] = lamp
    await ear.listen()
    await until(ear.hears_all)
    await asyncio.sleep(0.05)
    assert 1 <= len(server.push.commands("c2s_read")) < 10


async def test_each_host_has_a_connection_of_its_own(ear: Ear, server: GizwitsOpenServer, odd: OddServer) -> None:
    spa = spa_of(server)
    spa.ws_port = None  # the simulated cloud's own
    await ear.listen()
    await until(ear.hears_all)
    assert server.requests[CONNECT] == 1
    assert len(odd.sockets) == 1
    assert [content["did"] for content in server.push.commands("c2s_read")] == [spa.did]
    await odd.sockets[0].close()
    odd.login_answers = [None] * 100
    await until(lambda: not ear.hears(called(server, "鱼缸水泵").did))
    assert ear.hears(spa.did)


async def test_a_connection_without_devices_is_closed_and_a_new_host_connected(
    ear: Ear, server: GizwitsOpenServer, odd: OddServer
) -> None:
    await ear.listen()
    await until(ear.hears_all)
    for device in server.devices.values():
        device.ws_port = None
    before = ear.count(CoverageChanged)
    await ear.refresh()
    await until(lambda: odd.sockets[0].closed)
    await until(ear.hears_all)
    assert ear.count(CoverageChanged) >= before + 2  # away from one host, alive at the other
    ear.push.follow([])
    await until(lambda: not server.push.connections)
    assert ear.hears_none()
    ear.push.follow([*ear.devices.values()])
    await until(ear.hears_all)


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
async def test_a_binding_without_host_or_port_has_no_connection(
    ear: Ear, server: GizwitsOpenServer, binding: dict[str, Any], session: aiohttp.ClientSession
) -> None:
    await ear.refresh()
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
    await ear.listen()
    await until(lambda: sum(map(ear.push.hears, ear.devices.values())) == 5)
    assert not ear.hears(rows[0]["did"])
    assert server.requests[CONNECT] == 1


@pytest.mark.parametrize(
    ("api_url", "is_connected"), [("http://127.0.0.1:80", False), ("https://euapi.gizwits.com", True)]
)
async def test_the_token_of_a_server_on_this_machine_goes_to_no_other(
    ear: Ear, api_url: str, *, is_connected: bool
) -> None:
    assert isinstance(ear.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(ear.push._access, api_url=api_url)
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
async def test_news_come_encrypted_unless_the_api_itself_is_in_the_clear_and_nearby(
    ear: Ear, api_url: str, host: str, address: str
) -> None:
    assert isinstance(ear.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(ear.push._access, api_url=api_url)
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
async def test_a_cloud_on_the_internet_leads_to_no_host_of_the_users_own_network(
    ear: Ear, host: str, is_public: bool
) -> None:
    assert isinstance(ear.push, websocket.WebSocketPush)
    row = {"did": "d", "host": host, "ws_port": 8080, "wss_port": 8880}
    public = websocket.WebSocketPush(ear.push._access, api_url="https://euapi.gizwits.com")
    public.set_bindings([row])
    private = websocket.WebSocketPush(ear.push._access, api_url="https://192.168.1.2")
    private.set_bindings([row])
    assert ("d" in public._addresses) is is_public
    assert "d" in private._addresses


@pytest.mark.parametrize(
    "host", ["fe80::1%eth0", "fe80::1%[", "fe80::1%a/b", "xn--a", "xn--ls8h\ud83c", "a\x00b", "a。。b", "-a", "*"]
)
async def test_what_is_no_host_costs_no_other_device_its_push(ear: Ear, host: str) -> None:
    assert isinstance(ear.push, websocket.WebSocketPush)
    push = websocket.WebSocketPush(ear.push._access, api_url="http://192.168.1.2")
    ports = {"ws_port": 8080, "wss_port": 8880}
    push.set_bindings([{"did": "odd", "host": host, **ports}, {"did": "well", "host": "192.168.1.3", **ports}])
    assert push._addresses.keys() == {"well"}


async def test_a_secure_account_is_pushed_to_over_a_secure_connection(
    session: aiohttp.ClientSession, server: GizwitsOpenServer, odd: OddServer, client_store: ClientStore
) -> None:
    greetings: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greetings.append(await reader.read(3))
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    listing = await cloud_at(server.url, session, server, client_store).devices()
    secure = cloud_at(
        "https://127.0.0.1:9", session, server, client_store
    )  # with the token of the one that could log in
    assert isinstance(secure.push, websocket.WebSocketPush)
    port = listener.sockets[0].getsockname()[1]
    secure.push.set_bindings(
        [{"did": listing.devices[0].id, "host": "127.0.0.1", "wss_port": port, "ws_port": odd.port}]
    )
    secure.push.follow(listing.devices)
    task = asyncio.create_task(secure.push.listen(list[News]().append))
    await until(lambda: greetings)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    listener.close()
    assert greetings[0][:2] == b"\x16\x03"  # a TLS handshake
    assert not odd.sockets


# News


async def test_what_a_device_sets_arrives_and_nothing_else(ear: Ear, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.reports(spa.did))
    ear.news.clear()
    before = datetime.now(UTC)
    spa.set(bit7=1, bubble_minutes=12)
    await until(lambda: ear.reports(spa.did))
    (report,) = ear.reports(spa.did)
    assert {key: reading.value for key, reading in report.snapshot.readings.items()} == {
        "bit7": 1,
        "bubble_minutes": 12,
    }
    assert report.snapshot.reported_at is not None
    assert before <= report.snapshot.reported_at <= datetime.now(UTC)
    assert all(r.taken_at == report.snapshot.reported_at for r in report.snapshot.readings.values())


async def test_a_command_comes_back_as_a_report(ear: Ear, server: GizwitsOpenServer) -> None:
    conditioner = called(server, "客厅空调")
    await ear.listen()
    await until(lambda: ear.hears_all() and ear.reports(conditioner.did))
    switch = next(key for key, value in conditioner.attrs.items() if value is True or value is False)
    switch = next(a.name for a in conditioner.product.attributes if a.type == "status_writable" and a.name == switch)
    wanted = not conditioner.attrs[switch]
    ear.news.clear()
    await ear.cloud.write(ear.devices[conditioner.did], {switch: wanted})
    await until(lambda: ear.reports(conditioner.did))
    assert ear.values(conditioner.did) == {switch: wanted}


async def test_the_pushs_spellings_become_the_models(ear: Ear, odd: OddServer, server: GizwitsOpenServer) -> None:
    conditioner = called(server, "客厅空调")
    by_type = {attribute.data_type: attribute for attribute in conditioner.product.attributes}
    everything = [attribute for device in server.devices.values() for attribute in device.product.attributes]
    binary = next(attribute for attribute in everything if attribute.data_type == "binary")
    owner = next(device for device in server.devices.values() if binary in device.product.attributes)
    await ear.listen()
    await until(ear.hears_all)
    labels = by_type["enum"].labels
    for value, seen in ((True, True), (False, False), (1, True), (0, False)):
        attrs = {by_type["bool"].name: value, by_type["enum"].name: 1}
        ear.news.clear()
        await odd.say({"cmd": "s2c_noti", "data": {"did": conditioner.did, "attrs": attrs}})
        await until(lambda: ear.reports(conditioner.did))
        values = ear.values(conditioner.did)
        assert values[by_type["bool"].name] is seen
        assert values[by_type["enum"].name] == labels[1]
    others = {binary.name: [0, 171, 255], "not defined": "x"}
    await odd.say({"cmd": "s2c_noti", "data": {"did": owner.did, "attrs": others}})
    await until(lambda: binary.name in ear.values(owner.did))
    assert ear.values(owner.did)[binary.name] == "00abff"
    assert ear.values(owner.did)["not defined"] == "x"
    await odd.say({"cmd": "s2c_noti", "data": {"did": conditioner.did, "attrs": {by_type["enum"].name: labels[0]}}})
    await until(lambda: ear.values(conditioner.did)[by_type["enum"].name] == labels[0])


async def test_a_recorded_report_loses_no_value(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer, real_payloads: Path
) -> None:
    frame = json.loads((real_payloads / "websocket" / "s2c-noti-heatzy-glow.json").read_text())
    spa = spa_of(server)
    frame["data"]["did"] = spa.did
    await ear.listen()
    await until(ear.hears_all)
    await odd.say(frame)
    await until(lambda: ear.reports(spa.did))
    assert ear.values(spa.did) == frame["data"]["attrs"]
    assert ear.values(spa.did)["on_off"] is True
    assert ear.reports(spa.did)[0].snapshot.skipped == ()


async def test_a_report_is_acknowledged_after_it_was_taken_over(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spa = spa_of(server)
    acks_at_tell: list[int] = []

    def tell(news: News) -> None:
        ear.news.append(news)
        if isinstance(news, Report):
            acks_at_tell.append(len(odd.said("c2s_ack")))

    monkeypatch.setattr(ear, "tell", tell)
    await ear.listen()
    await until(ear.hears_all)
    noti = {"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await odd.say(noti)
    await odd.say(noti | {"req_sn": 41})
    await odd.say({"cmd": "s2c_noti", "data": noti["data"] | {"req_sn": 42}})  # type: ignore[operator]
    await odd.say(noti | {"res_sn": 43})
    await until(lambda: len(odd.said("c2s_ack")) == 2 and len(ear.reports(spa.did)) == 4)
    assert odd.said("c2s_ack") == [{"cmd": "c2s_ack", "res_sn": sn, "did": spa.did} for sn in (41, 42)]
    assert acks_at_tell[:2] == [0, 0]


async def test_a_report_that_cannot_be_read_is_not_acknowledged(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer
) -> None:
    spa, lamp = spa_of(server), called(server, "")
    await ear.refresh()  # without a definition
    server.faults.append(Fault(matches=lambda request: request.path == "/app/datapoint", status=500, body=""))
    ear.task = asyncio.create_task(ear.push.listen(ear.tell))
    await until(ear.hears_all)
    await odd.say({"cmd": "s2c_noti", "req_sn": 1, "data": {"did": spa.did, "attrs": {"bit7": 1}}})
    await until(lambda: server.requests["GET /app/datapoint"] == 2)
    server.faults.clear()
    await odd.say({"cmd": "s2c_noti", "req_sn": 2, "data": {"did": lamp.did, "attrs": {"x": 1}}})
    await until(lambda: odd.said("c2s_ack"))
    assert [frame["res_sn"] for frame in odd.said("c2s_ack")] == [2]
    assert not ear.reports(spa.did)
    assert ear.hears_all()


async def test_an_account_that_is_refused_while_it_listens_is_told(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer
) -> None:
    await ear.refresh()
    ear.task = asyncio.create_task(ear.push.listen(ear.tell))
    await until(ear.hears_all)
    refusal = {"error_code": 9004, "error_message": "no"}
    server.faults.append(
        Fault(matches=lambda request: request.path != "/app/login", status=400, body=json.dumps(refusal))
    )
    await odd.say({"cmd": "s2c_noti", "data": {"did": spa_of(server).did, "attrs": {"bit7": 1}}})
    await until(lambda: ear.task and ear.task.done())
    with pytest.raises(AuthFailed):
        await ear.task


@pytest.mark.parametrize("key", ["online", "is_online"])
async def test_comings_and_goings_are_told_under_either_name(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer, key: str
) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.hears_all() and len(odd.said("c2s_read")) == 6)
    for value in (False, True, 0, 1):
        await odd.say({"cmd": "s2c_online_status", "data": {"did": spa.did, "mac": spa.mac, key: value}})
    await until(lambda: ear.count(Presence) == 4)
    told = [news for news in ear.news if isinstance(news, Presence)]
    assert [news.is_online for news in told] == [False, True, False, True]
    assert {(news.device_id, news.at) for news in told} == {(spa.did, None)}
    await until(lambda: len(odd.said("c2s_read")) > 6)  # it may have changed while it was away
    assert odd.said("c2s_read")[-1]["data"] == {"did": spa.did}


async def test_a_simulated_device_that_goes_is_told(ear: Ear, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(ear.hears_all)
    spa.is_online = False
    await until(lambda: ear.count(Presence))
    assert Presence(device_id=spa.did, is_online=False) in ear.news


async def test_what_is_answered_is_of_an_unknown_time(ear: Ear, odd: OddServer, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(ear.hears_all)
    answer = {"cmd": "s2c_noti", "res_sn": 1, "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await odd.say(answer)
    await odd.say({"cmd": "s2c_noti", "data": answer["data"]})
    await until(lambda: len(ear.reports(spa.did)) == 2)
    assert [report.snapshot.reported_at is None for report in ear.reports(spa.did)] == [True, False]


async def test_the_answers_to_reads_are_told_from_reports(ear: Ear, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.reports(spa.did))
    assert ear.reports(spa.did)[0].snapshot.reported_at is None


async def test_a_device_that_is_bound_later_is_heard_once_it_is_subscribed_to(
    ear: Ear, server: GizwitsOpenServer
) -> None:
    await ear.listen()
    await until(ear.hears_all)
    lamp = device_of(server.clock, 1, "somebody else", LAMP, "New lamp")
    lamp.uid = server.uid
    server.devices[lamp.did] = lamp
    server.push.push_binding(lamp.did, server.uid, is_bound=True)
    await until(lambda: ear.count(DevicesChanged))
    coverage = ear.count(CoverageChanged)
    await ear.refresh()
    assert not ear.hears(lamp.did)
    await until(lambda: ear.hears(lamp.did) and ear.reports(lamp.did))
    assert ear.count(CoverageChanged) > coverage
    assert server.requests[CONNECT] == 1
    ear.news.clear()
    lamp.set(**{lamp.product.attributes[0].name: lamp.attrs[lamp.product.attributes[0].name]})
    await until(lambda: ear.reports(lamp.did))


async def test_a_device_that_is_unbound_is_heard_no_more_until_it_is_back(ear: Ear, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.hears_all() and ear.reports(spa.did))
    spa.uid = None
    server.push.push_binding(spa.did, server.uid, is_bound=False)
    await until(lambda: ear.count(DevicesChanged) and not ear.hears(spa.did))
    spa.uid = server.uid
    server.push.push_binding(spa.did, server.uid, is_bound=True)
    await until(lambda: ear.hears(spa.did))
    assert ear.count(DevicesChanged) == 2


async def test_a_device_whose_subscription_failed_is_not_heard_until_it_speaks(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(ear.hears_all)
    failed = [{"did": spa.did, "error_code": 9017, "msg": "no"}, "x", {"error_code": 1}]
    await odd.say({"cmd": "subscribe_res", "data": {"success": [], "failed": failed}})
    await until(lambda: not ear.hears(spa.did))
    assert ear.hears(called(server, "鱼缸水泵").did)
    noti = {"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}}
    await odd.say(noti | {"res_sn": 1})  # an answer says nothing of a subscription
    await until(lambda: ear.reports(spa.did))
    assert not ear.hears(spa.did)
    await odd.say(noti)
    await until(lambda: ear.hears(spa.did))
    assert ear.count(CoverageChanged) == 3


# Life


async def test_before_the_first_answer_nothing_is_heard(ear: Ear, odd: OddServer) -> None:
    odd.pong = None
    await ear.listen()
    await until(lambda: odd.said("ping") and len(odd.said("c2s_read")) == 6)
    await odd.say({"cmd": "s2c_invalid_msg", "data": {"error_code": 1010, "msg": "bad"}})
    await odd.say("[]")
    await asyncio.sleep(0.01)
    assert ear.hears_none()
    await odd.say({"cmd": "pong"})
    await until(ear.hears_all)


@pytest.mark.parametrize(
    "answer", ['{"cmd": "login_res", "data": {"success": 1}}', '{"cmd": "s2c_login_res", "data": {"success": true}}']
)
async def test_the_login_may_be_accepted_in_other_words(ear: Ear, odd: OddServer, answer: str) -> None:
    odd.login_answers = [answer]
    await ear.listen()
    await until(ear.hears_all)
    assert len(odd.logins) == 1


async def test_pings_go_on_and_silence_is_noticed(ear: Ear, server: GizwitsOpenServer, timings: PushTimings) -> None:
    timings.ping = 0.01
    await ear.listen()
    await until(lambda: ear.hears_all() and len(server.push.commands("ping")) > 10)
    assert server.requests[CONNECT] == 1
    timings.silence = 0.03
    spa_of(server).set(bit7=1)  # from the next frame on, silence is short
    await until(lambda: ear.values(spa_of(server).did).get("bit7") == 1)
    server.push.is_silent = True
    await until(ear.hears_none)
    assert ear.count(CoverageChanged) >= 2
    server.push.is_silent = False
    await until(ear.hears_all)


async def test_websocket_pings_are_no_sign_of_life(ear: Ear, odd: OddServer, timings: PushTimings) -> None:
    timings.silence = 0.03
    await ear.listen()
    await until(ear.hears_all)
    odd.login_answers = [None] * 100
    async with asyncio.timeout(5):
        while ear.hears_all():
            with suppress(ConnectionError):  # the client may be closing it already
                await odd.sockets[0].ping()
            await asyncio.sleep(0.005)


async def test_a_login_that_is_not_answered_is_given_up(ear: Ear, odd: OddServer, timings: PushTimings) -> None:
    timings.answer = 0.02
    odd.login_answers = [None, '{"cmd": "login_res"}', '{"cmd": "login_res", "data": {"success": "?"}}']
    await ear.listen()
    await until(ear.hears_all)
    assert len(odd.logins) == 4


async def test_a_lost_connection_is_made_again_and_its_devices_read_again(ear: Ear, server: GizwitsOpenServer) -> None:
    await ear.listen()
    await until(lambda: ear.hears_all() and len(server.push.commands("c2s_read")) == 6)
    server.push.drop()
    await until(lambda: ear.count(CoverageChanged) == 3)  # alive, lost, alive
    await until(lambda: len(server.push.commands("c2s_read")) == 12)
    assert ear.hears_all()
    assert server.requests[LOGIN] == 1


async def test_hours_of_failure_do_not_keep_it_from_coming_back(ear: Ear, server: GizwitsOpenServer) -> None:
    server.faults.append(Fault(matches=lambda request: request.path == "/ws/app/v1", status=503, body=""))
    await ear.listen()
    await until(lambda: server.requests[CONNECT] > 30)
    server.faults.clear()
    await until(ear.hears_all)


async def test_a_connection_that_is_closed_right_after_login_does_not_spin(
    ear: Ear, odd: OddServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    odd.closes_after_login = True
    await ear.listen()
    await until(lambda: len(pauses) >= 8)
    assert pauses[:4] == sorted(pauses[:4])
    assert pauses[0] >= 2
    assert all(120 <= pause <= 180 for pause in pauses[6:])


async def test_only_a_connection_that_lived_for_a_while_starts_over(
    ear: Ear, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    await ear.listen()
    for number in range(1, 5):
        await until(ear.hears_all)
        server.push.drop()
        await until(lambda number=number: len(pauses) == number)  # type: ignore[misc]
    assert pauses[3] >= 16
    timings.settled = 0
    await until(ear.hears_all)
    server.push.drop()
    await until(lambda: len(pauses) == 5)
    assert 2 <= pauses[4] <= 3


# Refusals


async def test_a_refused_token_costs_one_login(ear: Ear, server: GizwitsOpenServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: ear.count(CoverageChanged) == 3)
    assert ear.hears_all()
    assert server.requests[LOGIN] == 2
    logins = server.push.commands("login_req")
    assert [login["token"] == logins[0]["token"] for login in logins] == [True, True, False]


async def test_after_a_second_refusal_there_is_a_long_pause(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    odd.login_answers = [REFUSED] * 4
    await ear.listen()
    await until(ear.hears_all)
    assert len(odd.logins) == 5
    assert [pause >= 900 for pause in pauses] == [False, True, True, True]
    assert server.requests[LOGIN] == 5
    assert len({login["token"] for login in odd.logins}) == 5


@pytest.mark.parametrize("code", [1003, 1009, 1011, "1011"])
async def test_a_session_that_has_ended_is_logged_in_anew_with_the_same_token(
    ear: Ear, server: GizwitsOpenServer, code: Any
) -> None:
    await ear.listen()
    await until(ear.hears_all)
    server.push.invalidate(code)
    await until(lambda: server.requests[CONNECT] == 2)
    await until(ear.hears_all)
    assert server.requests[LOGIN] == 1
    assert ear.count(CoverageChanged) == 3  # heard, lost, heard


async def test_other_invalid_messages_are_put_up_with(ear: Ear, odd: OddServer, server: GizwitsOpenServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
    for content in ({"error_code": 1010, "msg": "bad"}, {"error_code": "x"}, {"error_code": None}, {}, "1009", None):
        await odd.say({"cmd": "s2c_invalid_msg", "data": content})
    await still_hears(ear, odd, server)
    assert len(odd.sockets) == 1
    assert server.requests[LOGIN] == 1
    await odd.say({"cmd": "s2c_invalid_msg", "data": {"error_code": "1009"}})
    await until(lambda: len(odd.logins) == 2)


async def test_a_refused_account_ends_the_listening(ear: Ear, server: GizwitsOpenServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
    server.password = "another"
    server.revoke_tokens()
    server.push.drop()
    assert ear.task is not None
    with pytest.raises(AuthFailed) as refusal:
        await asyncio.wait_for(ear.task, 5)
    assert refusal.value.reason is Reason.WRONG_PASSWORD
    assert ear.hears_none()
    await until(lambda: not server.push.connections)
    with pytest.raises(AuthFailed):
        await ear.push.listen(ear.tell)
    assert server.requests[LOGIN] == 2


async def test_a_throttled_login_is_waited_for(
    ear: Ear, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: sum(pauses)))
    await ear.listen()
    await until(ear.hears_all)
    server.is_throttled = True
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: len(pauses) == 3)  # lost, refused, throttled
    server.is_throttled = False
    await until(ear.hears_all)
    assert pauses[2] == 900
    assert ear.task is not None
    assert not ear.task.done()


async def test_an_unreachable_login_is_tried_again(
    ear: Ear, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(0, 1000)  # at each look at the clock any pause is over
    monkeypatch.setattr(login, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    await ear.listen()
    await until(ear.hears_all)
    server.faults.append(Fault(matches=lambda request: request.path == "/app/login", status=503, body=""))
    server.revoke_tokens()
    server.push.drop()
    await until(lambda: server.requests[LOGIN] > 4)
    server.faults.clear()
    await until(ear.hears_all)


# Odd frames


async def still_hears(ear: Ear, odd: OddServer, server: GizwitsOpenServer) -> None:
    spa = spa_of(server)
    before = len(ear.reports(spa.did))
    await odd.say({"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {"bit7": 1}}})
    await until(lambda: len(ear.reports(spa.did)) == before + 1)
    assert ear.hears_all()


async def test_odd_frames_cost_only_themselves(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer, caplog: pytest.LogCaptureFixture
) -> None:
    did = spa_of(server).did
    await ear.listen()
    await until(ear.hears_all)
    ear.news.clear()
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
            await odd.say({"cmd": cmd, "data": content})
    for text in ("", "{", "[]", "null", "7", "[" * 100_000, "NaN", "{}"):
        await odd.say(text)
    for odd_cmd in (None, ["s2c_noti"], 1):
        await odd.say({"cmd": odd_cmd})
    odd_attrs: tuple[Any, ...] = (None, [], "x", 7, {})
    for attrs in odd_attrs:
        await odd.say({"cmd": "s2c_noti", "data": {"did": did, "attrs": attrs}})
    await odd.say({"cmd": "s2c_noti", "data": {"did": "unknown", "attrs": {"a": 1}}})
    await odd.say({"cmd": "s2c_online_status", "data": {"did": "unknown", "online": True}})
    await odd.say({"cmd": "s2c_online_status", "data": {"did": did, "online": "perhaps"}})
    await odd.say({"cmd": "s2c_raw", "data": {"did": did, "raw": [0, 0, 0, 3]}})
    await odd.say({"cmd": "login_res", "data": {"success": True}})
    await odd.say({"cmd": "s2c_ack", "res_sn": 1, "did": did})
    await odd.sockets[0].send_bytes(b"\xff\xfe")
    assert not ear.news
    await odd.say({"cmd": "s2c_noti", "data": {"did": did, "attrs": {"bit7": {"a": 1}, "bubble_minutes": "x"}}})
    await until(lambda: ear.reports(did))
    assert ear.reports(did)[0].snapshot.skipped == ("bit7", "bubble_minutes")
    await odd.sockets[0].send_bytes(json.dumps({"cmd": "s2c_binding_changed", "data": {"did": "x"}}).encode())
    await until(lambda: ear.count(DevicesChanged) == 1)
    await still_hears(ear, odd, server)
    assert len(odd.sockets) == 1
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not [record for record in warnings if record.name != "asyncio"]  # which complains of slow machines


async def test_a_frame_that_breaks_the_protocol_costs_the_connection(ear: Ear, odd: OddServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
    writer = odd.sockets[0]._writer
    assert writer is not None
    await writer.send_frame(b"\xff\xff", aiohttp.WSMsgType.TEXT)
    await until(lambda: len(odd.logins) == 2)
    await until(ear.hears_all)


# The end


async def test_the_end_leaves_nothing_behind(
    ear: Ear, server: GizwitsOpenServer, odd: OddServer, caplog: pytest.LogCaptureFixture
) -> None:
    spa_of(server).ws_port = None
    before = asyncio.all_tasks()
    await ear.listen()
    await until(ear.hears_all)
    told = len(ear.news)
    assert ear.task is not None
    ear.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ear.task
    assert ear.hears_none()
    assert len(ear.news) == told
    await until(lambda: not server.push.connections and odd.sockets[0].closed)
    assert odd.sockets[0].close_code == aiohttp.WSCloseCode.OK
    gc.collect()
    ours = {task for task in asyncio.all_tasks() - before if "datapoint_cloud" in repr(task.get_coro())}
    assert not ours
    # On a busy machine asyncio warns of callbacks that took long; its errors would be exceptions nobody retrieved.
    least = {"asyncio": logging.ERROR}
    assert not [record for record in caplog.records if record.levelno >= least.get(record.name, logging.WARNING)]
    ear.task = asyncio.create_task(ear.push.listen(ear.tell))
    await until(ear.hears_all)


@pytest.mark.parametrize("is_answering", [True, False])
async def test_it_can_end_at_any_moment(ear: Ear, odd: OddServer, is_answering: bool) -> None:
    if not is_answering:
        odd.login_answers = [None] * 100
    for steps in range(12):
        await ear.listen()
        for _ in range(steps * 3):
            await asyncio.sleep(0)
        await asyncio.wait_for(ear.stop(), 1)
        assert ear.task is not None
        assert ear.task.cancelled()


async def test_nothing_secret_is_logged(ear: Ear, server: GizwitsOpenServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await ear.listen()
    await until(ear.hears_all)
    server.push.send("odd")
    server.push.invalidate(1010)
    server.push.invalidate(1009)
    await until(lambda: server.requests[CONNECT] == 2)
    await until(ear.hears_all)
    ours = [record.getMessage() for record in caplog.records if "datapoint_cloud" in record.name]
    assert any("Push" in text for text in ours)
    for secret in (*server.accounts.tokens, server.password, server.uid, *server.devices):
        assert not [text for text in ours if secret in text]
    access = ear.push._access  # type: ignore[attr-defined]
    assert next(iter(server.accounts.tokens)) not in repr(access)


def test_the_times_are_the_documents() -> None:
    timings = websocket_timings()
    assert timings.ping < websocket_session._HEARTBEAT_SECONDS <= 180
    assert timings.ping < timings.silence < timedelta(minutes=2).total_seconds()
