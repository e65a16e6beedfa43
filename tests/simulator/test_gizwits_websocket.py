"""Tests that the simulated push sends and refuses as the vendor's document says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from simulator.gizwits import GizwitsDevice, GizwitsOpenServer, Obedience
from simulator.gizwits.household import device_of
from simulator.gizwits.products import LAMP
from simulator.simulation import Simulation

from .conftest import Clock
from .gizwits import Caller, logged_in


@dataclass
class Client:
    socket: aiohttp.ClientWebSocketResponse

    async def send(self, cmd: str, data: Any = None, **more: Any) -> None:
        await self.socket.send_json({"cmd": cmd, "data": data} | more)

    async def receive(self) -> Any:
        return await self.socket.receive_json(timeout=5)

    async def request(self, cmd: str, data: Any = None, **more: Any) -> Any:
        await self.send(cmd, data, **more)
        return await self.receive()

    async def receives_nothing(self) -> bool:
        """Return whether no frame comes before the response to a ping."""
        answer: dict[str, Any] = await self.request("ping")
        return answer == {"cmd": "pong"}


@pytest.fixture
def server(timed: Simulation) -> GizwitsOpenServer:
    return timed.gizwits_open


@pytest.fixture
async def caller(session: aiohttp.ClientSession, server: GizwitsOpenServer) -> Caller:
    return await logged_in(session, server)


@pytest.fixture
async def stranger(session: aiohttp.ClientSession, server: GizwitsOpenServer) -> AsyncIterator[Client]:
    """A client that has not logged in."""
    async with session.ws_connect(f"{server.url}/ws/app/v1") as socket:
        yield Client(socket)


def login_of(server: GizwitsOpenServer, caller: Caller) -> dict[str, Any]:
    return {
        "appid": server.app_id,
        "uid": server.uid,
        "token": caller.headers["X-Gizwits-User-token"],
        "p0_type": "attrs_v4",
        "heartbeat_interval": 180,
        "auto_subscribe": True,
    }


@pytest.fixture
async def client(stranger: Client, server: GizwitsOpenServer, caller: Caller) -> Client:
    assert await stranger.request("login_req", login_of(server, caller)) == {
        "cmd": "login_res",
        "data": {"success": True},
    }
    return stranger


@pytest.fixture
def spa(server: GizwitsOpenServer) -> GizwitsDevice:
    return next(device for device in server.devices.values() if device.alias == "Terrace spa")


async def test_bindings_name_the_server_itself(caller: Caller, server: GizwitsOpenServer, spa: GizwitsDevice) -> None:
    row = (await caller.get("/app/bindings")).body["devices"][0]
    assert f"http://{row['host']}:{row['ws_port']}" == server.url
    assert row["wss_port"] == 8880
    spa.host, spa.ws_port = "eum2m.gizwits.com", 8080
    rows = (await caller.get("/app/bindings")).body["devices"]
    assert ("eum2m.gizwits.com", 8080) in [(row["host"], row["ws_port"]) for row in rows]


@pytest.mark.parametrize(
    "wrong",
    [
        {"appid": "0" * 32},
        {"uid": "0" * 32},
        {"token": "0" * 32},
        {"token": 7},
        {"p0_type": "custom"},
        {"heartbeat_interval": 181},
        {"heartbeat_interval": 0},
        {"heartbeat_interval": "180"},
        {"auto_subscribe": 1},
    ],
)
async def test_a_login_must_match_the_document(
    stranger: Client, server: GizwitsOpenServer, caller: Caller, wrong: dict[str, Any]
) -> None:
    login = login_of(server, caller)
    assert await stranger.request("login_req", login | wrong) == {"cmd": "login_res", "data": {"success": False}}
    assert (await stranger.request("ping"))["data"]["error_code"] == 1009
    assert (await stranger.request("login_req", login))["data"]["success"]


async def test_a_login_ends_with_its_token_or_on_demand(
    stranger: Client, server: GizwitsOpenServer, caller: Caller, clock: Clock
) -> None:
    login = login_of(server, caller)
    server.push.refuses_logins = True
    assert not (await stranger.request("login_req", login))["data"]["success"]
    server.push.refuses_logins = False
    clock.now += 181 * 86400
    assert not (await stranger.request("login_req", login))["data"]["success"]
    assert not (await stranger.request("login_req"))["data"]["success"]


async def test_a_missing_ping_ends_the_connection(stranger: Client, server: GizwitsOpenServer, caller: Caller) -> None:
    server.push.longest_heartbeat_seconds = 0.03
    async with caller.session.ws_connect(f"{server.url}/ws/app/v1") as socket:
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_a_report_is_pushed_in_the_format_of_the_push(client: Client, server: GizwitsOpenServer) -> None:
    device, binary = next(
        (device, attribute)
        for device in server.devices.values()
        for attribute in device.product.attributes
        if attribute.data_type == "binary" and device.uid == server.uid
    )
    assert await client.receives_nothing()
    device.set(**{binary.name: "00ff"}, one=5, two=True)
    attrs = {binary.name: [0, 255], "one": 5, "two": True}
    assert await client.receive() == {"cmd": "s2c_noti", "data": {"did": device.did, "attrs": attrs}}


async def test_a_report_may_ask_for_an_acknowledgement(
    client: Client, server: GizwitsOpenServer, spa: GizwitsDevice
) -> None:
    server.push.wants_acks = True
    spa.set(bubble_minutes=5)
    serial = (await client.receive())["req_sn"]
    await client.socket.send_json({"cmd": "c2s_ack", "res_sn": serial, "did": spa.did})
    assert await client.receives_nothing()
    assert (await client.request("c2s_ack", {"res_sn": serial, "did": spa.did}))["cmd"] == "s2c_invalid_msg"


async def test_a_command_by_http_is_pushed_when_it_is_executed(
    client: Client, caller: Caller, server: GizwitsOpenServer, spa: GizwitsDevice
) -> None:
    name = next(a.name for a in spa.product.attributes if a.data_type == "bool" and a.type == "status_writable")
    server.obedience = Obedience(delay=0.02)
    await caller.request("POST", f"/app/control/{spa.did}", json={"attrs": {name: 1}})
    assert await client.receives_nothing()
    assert (await client.receive())["data"] == {"did": spa.did, "attrs": {name: True}}
    server.obedience = Obedience(delay=1000)
    await caller.request("POST", f"/app/control/{spa.did}", json={"attrs": {name: 0}})
    assert await client.receives_nothing()


async def test_a_read_returns_the_last_report(client: Client, spa: GizwitsDevice) -> None:
    answer = await client.request("c2s_read", {"did": spa.did}, req_sn=7)
    assert (answer["cmd"], answer["res_sn"], answer["data"]["did"]) == ("s2c_noti", 7, spa.did)
    assert answer["data"]["attrs"].keys() == spa.attrs.keys()
    assert any(value is True or value is False for value in answer["data"]["attrs"].values())
    assert "res_sn" not in await client.request("c2s_read", {"did": spa.did})
    assert spa.product.protocol_type == "standard"
    assert (await client.request("c2s_read", {"did": spa.did, "names": []}))["data"]["error_code"] == 1010
    spa.is_online = False
    await client.receive()
    await client.send("c2s_read", {"did": spa.did})
    assert await client.receives_nothing()


async def test_names_select_datapoints_of_a_product_of_variable_length(
    client: Client, server: GizwitsOpenServer
) -> None:
    device = next(d for d in server.devices.values() if d.product.protocol_type == "var_len" and d.uid == server.uid)
    name = next(iter(device.attrs))
    answer = await client.request("c2s_read", {"did": device.did, "names": [name, "unknown"]})
    assert answer["data"]["attrs"].keys() == {name}


async def test_writes_are_executed_acknowledged_and_pushed(client: Client, spa: GizwitsDevice) -> None:
    name = next(a.name for a in spa.product.attributes if a.data_type == "bool" and a.type == "status_writable")
    await client.send("c2s_write", {"did": spa.did, "attrs": {name: True}}, req_sn=3)
    received = [await client.receive(), await client.receive()]
    assert {"cmd": "s2c_ack", "did": spa.did, "res_sn": 3} in received
    assert {"cmd": "s2c_noti", "data": {"did": spa.did, "attrs": {name: True}}} in received
    assert spa.attrs[name] is True
    await client.send("c2s_write", {"did": spa.did, "attrs": {name: False}})
    assert (await client.receive())["cmd"] == "s2c_noti"


async def test_bytes_are_written_as_a_list(client: Client, server: GizwitsOpenServer) -> None:
    device, binary = next(
        (device, a)
        for device in server.devices.values()
        for a in device.product.attributes
        if a.data_type == "binary" and a.type == "status_writable" and device.is_online and device.uid == server.uid
    )
    content = [7] * binary.length
    await client.send("c2s_write", {"did": device.did, "attrs": {binary.name: content}})
    assert (await client.receive())["data"]["attrs"] == {binary.name: content}


@pytest.mark.parametrize(
    ("cmd", "content"),
    [
        ("c2s_write", {"did": "unknown", "attrs": {}}),
        ("c2s_write", None),
        ("c2s_read", []),
        ("subscribe_req", {}),
        ("subscribe_req", ["did"]),
        ("c2s_anything", {}),
    ],
)
async def test_invalid_content_is_refused(client: Client, cmd: str, content: Any) -> None:
    assert (await client.request(cmd, content))["data"]["error_code"] == 1010


async def test_an_invalid_write_is_refused(client: Client, server: GizwitsOpenServer, spa: GizwitsDevice) -> None:
    answer = await client.request("c2s_write", {"did": spa.did, "attrs": {"no such": 1}})
    assert answer == {"cmd": "s2c_invalid_msg", "data": {"error_code": 1010, "msg": "attr no such invalid"}}
    assert (await client.request("c2s_write", {"did": spa.did}))["cmd"] == "s2c_invalid_msg"
    for text in ("{", "[]"):
        await client.socket.send_str(text)
        assert (await client.receive())["cmd"] == "s2c_invalid_msg"


async def test_without_auto_subscribe_only_subscribed_devices_are_pushed(
    stranger: Client, server: GizwitsOpenServer, caller: Caller, spa: GizwitsDevice
) -> None:
    assert (await stranger.request("login_req", login_of(server, caller) | {"auto_subscribe": False}))["data"][
        "success"
    ]
    spa.set(bubble_minutes=1)
    assert await stranger.receives_nothing()
    answer = await stranger.request("subscribe_req", [{"did": spa.did}, {"did": "unknown"}])
    assert answer["cmd"] == "subscribe_res"
    assert answer["data"]["success"] == [{"did": spa.did, "error_code": 0, "msg": "ok"}]
    assert [failed["did"] for failed in answer["data"]["failed"]] == ["unknown"]
    spa.set(bubble_minutes=2)
    assert (await stranger.receive())["data"]["did"] == spa.did


async def test_online_states_and_bindings_are_pushed(
    client: Client, server: GizwitsOpenServer, spa: GizwitsDevice
) -> None:
    for is_online in (False, True):
        spa.is_online = is_online
        state = {"did": spa.did, "passcode": spa.passcode, "mac": spa.mac, "online": is_online}
        assert await client.receive() == {"cmd": "s2c_online_status", "data": state}
    spa.is_online = True
    assert await client.receives_nothing()
    server.push.push_binding(spa.did, server.uid, is_bound=False)
    server.push.push_binding(spa.did, server.aep_uid, is_bound=False)
    assert await client.receive() == {"cmd": "s2c_binding_changed", "data": {"did": spa.did, "bind": False}}
    spa.uid = None
    spa.set(bubble_minutes=3)
    assert await client.receives_nothing()


async def test_a_device_bound_after_the_login_needs_a_subscription(client: Client, server: GizwitsOpenServer) -> None:
    lamp = device_of(server.clock, 1, "another", LAMP, "New")
    lamp.uid = server.uid
    server.devices[lamp.did] = lamp
    assert await client.receives_nothing()
    lamp.set(x=1)
    assert await client.receives_nothing()
    await client.request("subscribe_req", [{"did": lamp.did}])
    lamp.set(x=2)
    assert (await client.receive())["data"] == {"did": lamp.did, "attrs": {"x": 2}}


async def test_the_server_can_be_silent_send_anything_and_drop_connections(
    client: Client, server: GizwitsOpenServer
) -> None:
    server.push.is_silent = True
    await client.send("ping")
    while not server.push.commands("ping"):  # noqa: ASYNC110  # the server has no event to wait for
        await asyncio.sleep(0.001)
    server.push.is_silent = False
    server.push.send("odd")
    assert await client.socket.receive_str(timeout=5) == "odd"
    server.push.send({"cmd": "s2c_raw"})
    assert await client.receive() == {"cmd": "s2c_raw"}
    server.push.invalidate()
    assert (await client.receive())["data"]["error_code"] == 1009
    assert [connection.uid for connection in server.push.connections] == [server.uid]
    server.push.drop()
    assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSED


async def test_regular_reports_are_pushed_only_on_demand(
    client: Client, server: GizwitsOpenServer, clock: Clock, spa: GizwitsDevice
) -> None:
    server.push.look_seconds = 0.001
    await asyncio.sleep(0)
    for device in server.devices.values():
        device.is_disabled = device is not spa
    clock.now += 60
    assert await client.receives_nothing()
    server.pushes_regularly = True
    spa.report_seconds = 10
    received: dict[str, Any] = {}
    async with asyncio.timeout(5):
        while spa.did not in received:
            clock.now += 10
            frame = await client.receive()
            received[frame["data"]["did"]] = frame["data"]["attrs"]
    assert received[spa.did].keys() == spa.attrs.keys()


async def test_a_binary_frame_ends_the_connection(client: Client) -> None:
    await client.socket.send_bytes(b"{}")
    assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
