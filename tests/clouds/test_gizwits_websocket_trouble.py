"""Tests the push of the Open API with servers that refuse, complain, redirect, hang or end sessions."""

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

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.definitions import Definitions
from custom_components.datapoint_cloud.clouds.gizwits.timings import PushTimings
from custom_components.datapoint_cloud.clouds.push import CoverageChanged
from simulator.gizwits import GizwitsOpenServer
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
async def listener(server: GizwitsOpenServer, timings: PushTimings) -> AsyncIterator[PushListener]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        listener = PushListener(cloud_at(server.url, session, server, ClientStore(), timings))
        yield listener
        await listener.stop()


@pytest.fixture
async def other_server() -> AsyncIterator[ScriptedServer]:
    """A push server to which no device points."""
    scripted_server = ScriptedServer()
    await scripted_server.start()
    yield scripted_server
    await scripted_server.stop()


@pytest.fixture
def scripted_server(other_server: ScriptedServer, server: GizwitsOpenServer) -> ScriptedServer:
    """A push server to which all devices point."""
    for device in server.devices.values():
        device.ws_port = other_server.port
    return other_server


def complaint(code: Any) -> str:
    return json.dumps({"cmd": "s2c_invalid_msg", "data": {"error_code": code, "msg": "no"}})


# Complaints


@pytest.mark.parametrize("answer", [complaint(1010), complaint(None), '{"cmd": "s2c_new"}', '{"cmd": "login_res"}'])
async def test_a_server_that_only_complains_counts_as_silent(
    listener: PushListener, scripted_server: ScriptedServer, timings: PushTimings, answer: str
) -> None:
    timings.ping = 0.01
    timings.silence = 0.2
    await listener.listen()
    await until(listener.covers_all)
    scripted_server.pong = answer
    await until(lambda: len(scripted_server.sockets) > 1)
    assert listener.covers_none()
    scripted_server.pong = '{"cmd": "pong"}'
    await until(listener.covers_all)


@pytest.mark.parametrize("code", [1003, 1009, 1011])
async def test_sessions_that_keep_ending_cost_one_login_and_no_long_pause(
    listener: PushListener,
    scripted_server: ScriptedServer,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    timings: PushTimings,
    code: int,
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    scripted_server.pong = complaint(code)
    await listener.listen()
    await until(lambda: len(scripted_server.logins) > 12)
    assert server.requests[LOGIN] == 2
    tokens = [login["token"] for login in scripted_server.logins]
    assert len(set(tokens[:3])) == len(set(tokens[3:])) == 1
    assert max(pauses) <= 180
    assert all(later > earlier for earlier, later in pairwise(pauses[:5]))
    assert not listener.count(CoverageChanged)
    scripted_server.pong = '{"cmd": "pong"}'
    await until(listener.covers_all)


async def test_a_session_that_ends_after_it_worked_does_not_renew_the_token(
    listener: PushListener, server: GizwitsOpenServer, timings: PushTimings
) -> None:
    timings.settled = 0
    await listener.listen()
    for number in range(1, 6):
        await until(listener.covers_all)
        server.push.invalidate(1011)
        await until(lambda number=number: server.requests[CONNECT] > number)  # type: ignore[misc]
    await until(listener.covers_all)
    assert server.requests[LOGIN] == 1


async def test_push_subscribes_again_to_devices_that_failed_when_devices_are_listed(
    listener: PushListener, scripted_server: ScriptedServer, server: GizwitsOpenServer
) -> None:
    spa = spa_of(server)
    await listener.listen()
    await until(lambda: listener.covers_all() and scripted_server.frames_of("subscribe_req"))
    answer = {"success": [{"did": did} for did in listener.devices if did != spa.did], "failed": [{"did": spa.did}]}
    await scripted_server.send({"cmd": "subscribe_res", "data": answer})
    await until(lambda: not listener.covers(spa.did))
    assert sum(map(listener.covers, listener.devices)) == 5
    assert len(scripted_server.frames_of("subscribe_req")) == 1
    await listener.refresh()
    await until(lambda: len(scripted_server.frames_of("subscribe_req")) == 2)
    assert scripted_server.frames_of("subscribe_req")[1]["data"] == [{"did": spa.did}]
    await scripted_server.send({"cmd": "subscribe_res", "data": {"success": [{"did": spa.did}], "failed": []}})
    await until(listener.covers_all)


async def test_push_requests_a_refused_subscription_once_per_list_of_devices(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    spa, push = spa_of(server), server.push
    push.refused = {spa.did}
    await listener.listen()
    await until(lambda: sum(map(listener.covers, listener.devices)) == 5 and len(push.commands("c2s_read")) >= 5)
    await asyncio.sleep(0.05)
    assert len(push.commands("subscribe_req")) == 1
    await listener.refresh()
    await until(lambda: len(push.commands("subscribe_req")) == 2)
    await asyncio.sleep(0.05)
    assert push.commands("subscribe_req")[1:] == [[{"did": spa.did}]]
    push.refused = set()
    await listener.refresh()
    await until(listener.covers_all)


# Tokens


async def test_a_token_refused_by_two_hosts_at_once_costs_one_login(
    listener: PushListener, server: GizwitsOpenServer, scripted_server: ScriptedServer
) -> None:
    spa_of(server).ws_port = None  # This device uses the simulated cloud's own push server.
    await listener.listen()
    await until(listener.covers_all)
    server.revoke_tokens()
    scripted_server.login_answers = [REFUSED]
    server.push.drop()
    await scripted_server.sockets[0].close()
    await until(lambda: len(scripted_server.logins) == 3 and len(server.push.commands("login_req")) == 3)
    await until(listener.covers_all)
    assert server.requests[LOGIN] == 2
    assert scripted_server.logins[2]["token"] == server.push.commands("login_req")[2]["token"]


async def test_a_token_that_expires_during_push_costs_one_login_and_one_interruption(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    server.revoke_tokens()
    server.push.invalidate(1009)  # The document says "please login again!"
    await until(lambda: server.requests[LOGIN] == 2)
    await until(listener.covers_all)
    assert server.requests[CONNECT] == 3
    assert listener.count(CoverageChanged) == 3  # covered, lost, covered again


# Handshakes


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_push_does_not_follow_redirects(
    listener: PushListener, server: GizwitsOpenServer, other_server: ScriptedServer, status: int
) -> None:
    location = f"http://127.0.0.1:{other_server.port}/ws/app/v1"
    redirect = Fault(
        lambda request: request.path == "/ws/app/v1", status=status, body="", headers={"Location": location}
    )
    server.faults.append(redirect)
    await listener.listen()
    await until(lambda: server.requests[CONNECT] > 3)
    assert not other_server.sockets
    assert server.requests[LOGIN] == 1
    server.faults.clear()
    await until(listener.covers_all)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, "<html>"), (200, "{}"), (101, ""), (401, ""), (403, "<html>"), (404, ""), (429, ""), (500, "")],
)
async def test_push_retries_a_refused_handshake_less_and_less_often_without_a_login(
    listener: PushListener,
    server: GizwitsOpenServer,
    monkeypatch: pytest.MonkeyPatch,
    timings: PushTimings,
    status: int,
    body: str,
) -> None:
    pauses = watched_pauses(monkeypatch, timings)
    server.faults.append(Fault(lambda request: request.path == "/ws/app/v1", status=status, body=body))
    await listener.listen()
    await until(lambda: len(pauses) > 12)
    assert server.requests[LOGIN] == 1
    assert all(120 <= pause <= 180 for pause in pauses[6:])  # about thirty attempts an hour
    server.faults.clear()
    await until(listener.covers_all)


async def test_push_gives_up_a_server_that_accepts_connections_and_sends_nothing(
    listener: PushListener, server: GizwitsOpenServer, timings: PushTimings
) -> None:
    timings.connect = 0.02
    gate = asyncio.Event()
    server.faults.append(Fault(lambda request: request.path == "/ws/app/v1", gate=gate))
    await listener.listen()
    await until(lambda: server.requests[CONNECT] > 3)
    server.faults.clear()
    gate.set()
    timings.connect = 5
    await until(listener.covers_all)


# Ends


class Chatterbox:
    """A server that ends the session, but keeps sending frames and ignores what the client sends."""

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
        messages = ['{"cmd": "login_res", "data": {"success": true}}', complaint(1011)]
        with suppress(ConnectionError):
            while not writer.is_closing():
                frame = (messages.pop(0) if messages else '{"cmd": "pong"}').encode()
                writer.write(bytes((0x81, len(frame))) + frame)
                await writer.drain()
                await asyncio.sleep(0.005)
        writer.close()


async def test_push_can_be_cancelled_if_the_server_does_not_close_the_connection(
    listener: PushListener, server: GizwitsOpenServer
) -> None:
    chatterbox = Chatterbox()
    await chatterbox.start()
    for device in server.devices.values():
        device.ws_port = chatterbox.port
    await listener.listen()
    await until(lambda: chatterbox.connections > 3)
    await asyncio.wait_for(listener.stop(), 1)
    assert listener.task is not None
    assert listener.task.cancelled()
    await chatterbox.stop()


async def test_push_reconnects_after_a_frame_of_many_megabytes(
    listener: PushListener, scripted_server: ScriptedServer
) -> None:
    await listener.listen()
    await until(listener.covers_all)
    with suppress(ConnectionError):
        await scripted_server.send({"cmd": "s2c_noti", "data": {"x": "x" * 5 * 2**20}})
    await until(lambda: len(scripted_server.logins) == 2)
    await until(listener.covers_all)


# Errors of our own


async def test_an_error_of_ours_closes_one_connection_and_no_other(
    listener: PushListener,
    server: GizwitsOpenServer,
    scripted_server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spa = spa_of(server)
    spa.ws_port = None  # This device uses the simulated cloud's own push server.
    await listener.listen()
    await until(listener.covers_all)

    async def fail(*_: Any) -> None:
        raise OverflowError

    with monkeypatch.context() as broken:
        broken.setattr(Definitions, "snapshot", fail)
        for _ in range(3):
            spa.set(bit7=1)
            await until(lambda: not listener.covers(spa.did))
            assert listener.covers(called(server, "鱼缸水泵").did)
            broken.undo()
            await until(lambda: listener.covers(spa.did))
            broken.setattr(Definitions, "snapshot", fail)
    assert len(scripted_server.sockets) == 1
    await until(listener.covers_all)
    assert sum(record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR) == 1
