"""Tests of the remote control of the simulated clouds, and of the simulator as a program."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from simulator.gizwits import GizwitsOpenServer
from simulator.simulation import Simulation

from .gizwits import Caller, logged_in

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture
def server(timed: Simulation) -> GizwitsOpenServer:
    return timed.gizwits_open


@pytest.fixture
async def caller(session: aiohttp.ClientSession, server: GizwitsOpenServer) -> Caller:
    return await logged_in(session, server)


async def test_requests_are_counted_but_not_those_of_the_remote_control(caller: Caller) -> None:
    await caller.get("/app/bindings")
    await caller.get("/_simulator/devices")
    counts = {"POST /app/login": 1, "GET /app/bindings": 1}
    assert (await caller.get("/_simulator/requests")).body == counts
    await caller.request("DELETE", "/_simulator/requests")
    assert (await caller.get("/_simulator/requests")).body == {}


async def test_a_fault_affects_a_path_a_number_of_times(caller: Caller) -> None:
    fault = {"path": "/app/devdata", "status": 502, "body": "{}", "times": 2}
    await caller.request("POST", "/_simulator/faults", json=fault)
    statuses = [(await caller.get("/app/devdata/x/latest")).status for _ in range(3)]
    assert (await caller.get("/app/bindings")).status == 200
    assert statuses == [502, 502, 400]
    await caller.request("POST", "/_simulator/faults", json={"status": 500, "body": "{}"})
    assert (await caller.get("/_simulator/faults")).body == {"count": 1}
    await caller.request("DELETE", "/_simulator/faults")
    assert (await caller.get("/app/bindings")).status == 200


async def test_a_fault_can_drop_the_connection_of_one_method(caller: Caller) -> None:
    await caller.request("POST", "/_simulator/faults", json={"path": "/app", "method": "POST", "drops": True})
    with pytest.raises(aiohttp.ClientError):
        await caller.request("POST", "/app/login", json={})
    assert (await caller.get("/app/bindings")).status == 200


async def test_devices_can_be_changed(caller: Caller, server: GizwitsOpenServer) -> None:
    did, device = next(iter(server.devices.items()))
    await caller.request("POST", f"/_simulator/devices/{did}", json={"attrs": {"switch": False}, "is_online": False})
    assert (device.attrs["switch"], device.is_online) == (False, False)
    assert (await caller.get("/_simulator/devices")).body[did]["attrs"]["switch"] is False
    assert (await caller.request("POST", f"/_simulator/devices/{did}", json={"colour": 1})).status == 400
    assert (await caller.request("POST", "/_simulator/devices/unknown", json={})).status == 404


async def test_settings_and_actions_change_the_server(caller: Caller, server: GizwitsOpenServer) -> None:
    await caller.request("POST", "/_simulator/settings", json={"password": "another", "write_delay": 2})
    assert (server.password, server.write_delay) == ("another", 2)
    for wrong in ({"write_delay": "2"}, {"is_throttled": 1}, {"username": "x"}):
        assert (await caller.request("POST", "/_simulator/settings", json=wrong)).status == 400
    assert (await caller.request("POST", "/_simulator/settings", json={"nothing": 1})).status == 404
    await caller.request("POST", "/_simulator/actions/revoke_tokens")
    assert (await caller.get("/app/bindings")).code == (400, 9004)
    assert (await caller.request("POST", "/_simulator/actions/stop")).status == 404


async def test_all_servers_are_under_remote_control(timed: Simulation, session: aiohttp.ClientSession) -> None:
    for server in timed.servers:
        assert (await Caller(session, server.url).get("/_simulator/requests")).body == {}


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_prints_its_addresses_and_ends_cleanly(
    socket_enabled: None, signal_number: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "--ports-from", "0", "--json"),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        accounts = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        async with aiohttp.ClientSession() as session:
            answer = await Caller(session, accounts["gizwits_open"]["api_url"]).get("/status")
        assert answer.body == {"status": {"version": "2.15.1"}}
        process.send_signal(signal_number)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, errors) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
