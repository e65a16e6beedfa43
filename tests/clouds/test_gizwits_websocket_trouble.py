"""The push of the Open API where a server refuses, complains, redirects, hangs or ends what it began."""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds import http
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.definitions import Definitions
from custom_components.datapoint_cloud.clouds.gizwits.timings import PushTimings
from custom_components.datapoint_cloud.clouds.push import CoverageChanged
from simulator.gizwits import GizwitsOpenServer
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
async def ear(server: GizwitsOpenServer, timings: PushTimings) -> AsyncIterator[Ear]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        ear = Ear(cloud_at(server.url, session, server, ClientStore(), timings))
        yield ear
        await ear.stop()


@pytest.fixture
async def elsewhere() -> AsyncIterator[OddServer]:
    """A server that no device names."""
    odd = OddServer()
    await odd.start()
    yield odd
    await odd.stop()


@pytest.fixture
def odd(elsewhere: OddServer, server: GizwitsOpenServer) -> OddServer:
    """A server that all devices name."""
    for device in server.devices.values():
        device.ws_port = elsewhere.port
    return elsewhere


def complaint(code: Any) -> str:
    return json.dumps({"cmd": "s2c_invalid_msg", "data": {"error_code": code, "msg": "no"}})


# Complaints


@pytest.mark.parametrize("answer", [complaint(1010), complaint(None), '{"cmd": "s2c_new"}', '{"cmd": "login_res"}'])
async def test_a_server_that_only_complains_is_as_good_as_silent(
    ear: Ear, odd: OddServer, timings: PushTimings, answer: str
) -> None:
    timings.ping = 0.01
    timings.silence = 0.2
    await ear.listen()
    await until(ear.hears_all)
    odd.pong = answer
    await until(lambda: len(odd.sockets) > 1)
    assert ear.hears_none()
    odd.pong = '{"cmd": "pong"}'
    await until(ear.hears_all)


@pytest.mark.parametrize("code", [1003, 1009, 1011])
async def test_sessions_that_end_again_and_again_cost_one_login_and_no_long_pause(
    ear: Ear,
    odd: OddServer,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    timings: PushTimings,
    code: int,
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    odd.pong = complaint(code)
    await ear.listen()
    await until(lambda: len(odd.logins) > 12)
    assert server.requests[LOGIN] == 2
    tokens = [login["token"] for login in odd.logins]
    assert len(set(tokens[:3])) == len(set(tokens[3:])) == 1
    assert max(pauses) <= 180
    assert all(later > earlier for earlier, later in pairwise(pauses[:5]))
    assert not ear.count(CoverageChanged)
    odd.pong = '{"cmd": "pong"}'
    await until(ear.hears_all)


async def test_a_session_that_proved_itself_is_no_reason_to_doubt_the_token(
    ear: Ear, server: GizwitsOpenServer, timings: PushTimings
) -> None:
    timings.settled = 0
    await ear.listen()
    for number in range(1, 6):
        await until(ear.hears_all)
        server.push.invalidate(1011)
        await until(lambda number=number: server.requests[CONNECT] > number)  # type: ignore[misc]
    await until(ear.hears_all)
    assert server.requests[LOGIN] == 1


async def test_devices_whose_subscription_failed_are_asked_for_again_with_the_next_list(
    ear: Ear, odd: OddServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await ear.listen()
    await until(lambda: ear.hears_all() and odd.said("subscribe_req"))
    answer = {"success": [{"did": did} for did in ear.devices if did != spa.did], "failed": [{"did": spa.did}]}
    await odd.say({"cmd": "subscribe_res", "data": answer})
    await until(lambda: not ear.hears(spa.did))
    assert sum(map(ear.hears, ear.devices)) == 5
    assert len(odd.said("subscribe_req")) == 1
    await ear.refresh()
    await until(lambda: len(odd.said("subscribe_req")) == 2)
    assert odd.said("subscribe_req")[1]["data"] == [{"did": spa.did}]
    await odd.say({"cmd": "subscribe_res", "data": {"success": [{"did": spa.did}], "failed": []}})
    await until(ear.hears_all)


# Tokens


async def test_a_token_that_two_hosts_refuse_at_once_costs_one_login(
    ear: Ear, server: GizwitsOpenServer, odd: OddServer
) -> None:
    spa_of(server).ws_port = None  # the simulated cloud's own
    await ear.listen()
    await until(ear.hears_all)
    server.revoke_tokens()
    odd.login_answers = [REFUSED]
    server.push.drop()
    await odd.sockets[0].close()
    await until(lambda: len(odd.logins) == 3 and len(server.push.commands("login_req")) == 3)
    await until(ear.hears_all)
    assert server.requests[LOGIN] == 2
    assert odd.logins[2]["token"] == server.push.commands("login_req")[2]["token"]


async def test_a_token_that_ends_while_push_is_held_costs_one_login_and_is_told_once(
    ear: Ear, server: GizwitsOpenServer
) -> None:
    await ear.listen()
    await until(ear.hears_all)
    server.revoke_tokens()
    server.push.invalidate(1009)  # "please login again!"
    await until(lambda: server.requests[LOGIN] == 2)
    await until(ear.hears_all)
    assert server.requests[CONNECT] == 3
    assert ear.count(CoverageChanged) == 3  # heard, lost, heard


# Handshakes


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(ear: Ear, server: GizwitsOpenServer, elsewhere: OddServer, status: int) -> None:
    there = f"http://127.0.0.1:{elsewhere.port}/ws/app/v1"
    redirect = Fault(lambda request: request.path == "/ws/app/v1", status=status, body="", headers={"Location": there})
    server.faults.append(redirect)
    await ear.listen()
    await until(lambda: server.requests[CONNECT] > 3)
    assert not elsewhere.sockets
    assert server.requests[LOGIN] == 1
    server.faults.clear()
    await until(ear.hears_all)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>"), (200, "{}"), (101, ""), (401, ""), (403, "<html>"), (404, ""), (429, ""), (500, "")],
)
async def test_a_refused_handshake_is_tried_less_and_less_often_and_costs_no_login(
    ear: Ear, server: GizwitsOpenServer, monkeypatch: pytest.MonkeyPatch, timings: PushTimings, status: int, body: str
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    server.faults.append(Fault(lambda request: request.path == "/ws/app/v1", status=status, body=body))
    await ear.listen()
    await until(lambda: len(pauses) > 12)
    assert server.requests[LOGIN] == 1
    assert all(120 <= pause <= 180 for pause in pauses[6:])  # thirty an hour
    server.faults.clear()
    await until(ear.hears_all)


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up(
    ear: Ear, server: GizwitsOpenServer, timings: PushTimings
) -> None:
    timings.connect = 0.02
    gate = asyncio.Event()
    server.faults.append(Fault(lambda request: request.path == "/ws/app/v1", gate=gate))
    await ear.listen()
    await until(lambda: server.requests[CONNECT] > 3)
    server.faults.clear()
    gate.set()
    timings.connect = 5
    await until(ear.hears_all)


# Ends


class Chatterbox:
    """A server that ends the session and goes on talking, whatever it is told."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line.split(b": ")[1] for line in head.splitlines() if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        said = ['{"cmd": "login_res", "data": {"success": true}}', complaint(1011)]
        with suppress(ConnectionError):
            while not writer.is_closing():
                frame = (said.pop(0) if said else '{"cmd": "pong"}').encode()
                writer.write(bytes((0x81, len(frame))) + frame)
                await writer.drain()
                await asyncio.sleep(0.005)
        writer.close()


async def test_a_server_that_does_not_let_go_holds_nobody(ear: Ear, server: GizwitsOpenServer) -> None:
    chatterbox = Chatterbox()
    await chatterbox.start()
    for device in server.devices.values():
        device.ws_port = chatterbox.port
    await ear.listen()
    await until(lambda: chatterbox.connections > 3)
    await asyncio.wait_for(ear.stop(), 1)
    assert ear.task is not None
    assert ear.task.cancelled()
    await chatterbox.stop()


async def test_a_frame_of_many_megabytes_costs_the_connection(ear: Ear, odd: OddServer) -> None:
    await ear.listen()
    await until(ear.hears_all)
    with suppress(ConnectionError):
        await odd.say({"cmd": "s2c_noti", "data": {"x": "x" * 5 * 2**20}})
    await until(lambda: len(odd.logins) == 2)
    await until(ear.hears_all)


# Faults of our own


async def test_a_fault_of_ours_costs_a_connection_and_no_other(
    ear: Ear,
    server: GizwitsOpenServer,
    odd: OddServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spa = spa_of(server)
    spa.ws_port = None  # the simulated cloud's own
    await ear.listen()
    await until(ear.hears_all)

    async def fail(*_: Any) -> None:
        raise OverflowError

    with monkeypatch.context() as broken:
        broken.setattr(Definitions, "snapshot", fail)
        for _ in range(3):
            spa.set(bit7=1)
            await until(lambda: not ear.hears(spa.did))
            assert ear.hears(called(server, "鱼缸水泵").did)
            broken.undo()
            await until(lambda: ear.hears(spa.did))
            broken.setattr(Definitions, "snapshot", fail)
    assert len(odd.sockets) == 1
    await until(ear.hears_all)
    assert sum(record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR) == 1
