"""Tests of the simulated SNoti with a plain client over a real connection."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from simulator.gizwits import EnterpriseProduct, GizwitsDevice, SnotiServer
from simulator.gizwits.certificate import self_signed
from simulator.simulation import Simulation

from .conftest import Clock

ALL = ["device.online", "device.offline", "device.status.kv", "device.attr_fault", "device.attr_alert"]


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, message: Any, end: bytes = b"\n") -> None:
        self.writer.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + end)
        await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(2):
            answer: dict[str, Any] = json.loads(await self.reader.readuntil(b"\n"))
        return answer

    async def receives_nothing(self) -> bool:
        try:
            async with asyncio.timeout(0.03):
                await self.reader.readuntil(b"\n")
        except TimeoutError:
            return True
        return False

    async def is_closed(self) -> bool:
        async with asyncio.timeout(2):
            return await self.reader.read(1) == b""

    async def acknowledge(self, event: dict[str, Any]) -> None:
        await self.send({"cmd": "event_ack", "delivery_id": event["delivery_id"], "msg_id": event["msg_id"]})

    def abort(self) -> None:
        self.writer.transport.abort()


type Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture
def server(timed: Simulation) -> SnotiServer:
    return timed.gizwits_snoti


@pytest.fixture
def product(timed: Simulation) -> EnterpriseProduct:
    return next(iter(timed.gizwits_enterprise.products.values()))


@pytest.fixture
def device(product: EnterpriseProduct) -> GizwitsDevice:
    return next(device for device in product.devices.values() if device.is_online and not device.has_active("fault"))


@pytest.fixture
async def connect(server: SnotiServer) -> AsyncIterator[Connect]:
    connections: list[Connection] = []
    trusted = ssl.create_default_context(cadata=self_signed()[1].decode())

    async def connect() -> Connection:
        host, _, port = server.address.partition(":")
        connections.append(Connection(*await asyncio.open_connection(host, int(port), ssl=trusted)))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.abort()


def login(product: EnterpriseProduct, **changes: Any) -> dict[str, Any]:
    prefetch_count = changes.pop("prefetch_count", 50)
    item = {
        "product_key": product.product_key,
        "auth_id": product.auth_id,
        "auth_secret": product.auth_secret,
        "subkey": "home_1",
        "events": ALL,
    }
    return {"cmd": "login_req", "prefetch_count": prefetch_count, "data": [item | changes]}


async def logged_in(connect: Connect, product: EnterpriseProduct, **changes: Any) -> Connection:
    connection = await connect()
    await connection.send(login(product, **changes))
    assert await connection.receive() == {"cmd": "login_res", "data": {"result": True, "msg": "ok"}}
    return connection


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110  # the server has no event to wait for
            await asyncio.sleep(0)


async def test_a_message_ends_with_a_newline(connect: Connect, product: EnterpriseProduct) -> None:
    connection = await connect()
    await connection.send(login(product), end=b"")
    assert await connection.receives_nothing()
    await connection.send(b"")
    assert (await connection.receive())["data"]["result"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"prefetch_count": 0},
        {"prefetch_count": 32768},
        {"prefetch_count": "50"},
        {"product_key": "0" * 32},
        {"auth_id": "x"},
        {"auth_secret": "x"},
        {"subkey": ""},
        {"subkey": "a" * 33},
        {"subkey": "no-dash"},
        {"events": []},
        {"events": ["device_online"]},
        {"events": [["device.online"]]},
    ],
)
async def test_a_wrong_login_is_refused_and_ends_the_connection(
    connect: Connect, product: EnterpriseProduct, changes: dict[str, Any]
) -> None:
    connection = await connect()
    await connection.send(login(product, **changes))
    answer = await connection.receive()
    assert (answer["cmd"], answer["data"]["result"]) == ("login_res", False)
    assert await connection.is_closed()


@pytest.mark.parametrize("data", [None, [], ["x"], {}])
async def test_a_login_names_its_products(connect: Connect, data: Any) -> None:
    connection = await connect()
    await connection.send({"cmd": "login_req", "data": data})
    assert (await connection.receive())["data"]["result"] is False


async def test_one_wrong_product_ends_the_login_of_all(
    connect: Connect, product: EnterpriseProduct, timed: Simulation
) -> None:
    other = list(timed.gizwits_enterprise.products.values())[1]
    both = login(product)
    both["data"] += login(other, auth_secret="x")["data"]
    connection = await connect()
    await connection.send(both)
    assert (await connection.receive())["data"]["result"] is False


async def test_a_product_has_at_most_five_subkeys(connect: Connect, product: EnterpriseProduct) -> None:
    for number in range(5):
        await logged_in(connect, product, subkey=f"home_{number}")
    connection = await connect()
    await connection.send(login(product, subkey="home_5"))
    assert (await connection.receive())["data"]["result"] is False
    await logged_in(connect, product, subkey="home_4")


async def test_logins_can_be_refused(connect: Connect, server: SnotiServer, product: EnterpriseProduct) -> None:
    server.refuses = {product.product_key}
    connection = await connect()
    await connection.send(login(product))
    assert (await connection.receive())["data"]["result"] is False
    server.login_error = 4009
    connection = await connect()
    await connection.send(login(product))
    assert (await connection.receive())["error_code"] == 4009
    assert await connection.is_closed()


async def test_a_ping_is_answered_once_logged_in(connect: Connect, product: EnterpriseProduct) -> None:
    connection = await connect()
    await connection.send({"cmd": "ping"})
    assert (await connection.receive())["cmd"] == "invalid_msg"
    await connection.send(login(product))
    await connection.receive()
    await connection.send({"cmd": "ping"})
    assert await connection.receive() == {"cmd": "pong"}


@pytest.mark.parametrize("message", [b"{", b"[]", b'"x"', {"no": "cmd"}, {"cmd": "x"}, {"cmd": "event_ack"}])
async def test_anything_but_a_message_is_invalid(connect: Connect, product: EnterpriseProduct, message: Any) -> None:
    connection = await logged_in(connect, product)
    await connection.send(message)
    answer = await connection.receive()
    assert answer["cmd"] == "invalid_msg"
    assert isinstance(answer["error_code"], int)


async def test_a_silent_client_is_dropped(connect: Connect, server: SnotiServer, product: EnterpriseProduct) -> None:
    server.heartbeat_seconds = 0.02
    connection = await logged_in(connect, product)
    assert await connection.is_closed()
    assert server.connections == 0


async def test_values_that_are_set_are_pushed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    connection = await logged_in(connect, product)
    device.set(set_temp=9.5, switch=False)
    event = await connection.receive()
    assert isinstance(event.pop("delivery_id"), int)
    assert isinstance(event.pop("msg_id"), str)
    data = event.pop("data")
    assert event == {
        "cmd": "event_push",
        "event_type": "device_status_kv",
        "product_key": product.product_key,
        "did": device.did,
        "mac": device.mac,
        "group_id": product.root_gid,
        "created_at": clock.now,
    }
    assert (data["set_temp"], data["switch"]) == (9.5, False)
    assert data["schedule"] == list(bytes.fromhex(device.attrs["schedule"]))
    assert data.keys() == device.attrs.keys()


async def test_values_can_be_encoded_in_other_ways(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    server.booleans_as_numbers = True
    connection = await logged_in(connect, product)
    content = bytes.fromhex(device.attrs["schedule"])
    for spelling, expected in (("hex", content.hex()), ("base64", base64.b64encode(content).decode())):
        server.binaries_as = spelling
        device.set(switch=True)
        data = (await connection.receive())["data"]
        assert data["schedule"] == expected
        assert data["switch"] == 1
        assert data["switch"] is not True
    device.set(schedule="nonsense")
    assert (await connection.receive())["data"]["schedule"] == "nonsense"


async def test_a_command_is_pushed_when_it_is_executed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    connection = await logged_in(connect, product)
    device._report(clock.now + 0.02, {"set_temp": 11})
    event = await connection.receive()
    assert event["data"]["set_temp"] == 11
    assert event["created_at"] == clock.now + 0.02


async def test_an_alarm_begins_and_ends_with_the_same_id(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    connection = await logged_in(connect, product)
    device.set(fault_compressor=True)
    await connection.receive()
    begin = await connection.receive()
    assert begin["event_type"] == "attr_fault"
    assert begin["data"] == {"attr_name": "fault_compressor", "attr_displayname": "压缩机故障", "value": 1}
    device.set(fault_compressor=True)
    assert (await connection.receive())["event_type"] == "device_status_kv"
    device.set(fault_compressor=False)
    await connection.receive()
    end = await connection.receive()
    assert (end["event_id"], end["data"]["value"]) == (begin["event_id"], 0)


async def test_online_and_offline_are_pushed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    connection = await logged_in(connect, product)
    device.is_online = False
    assert (await connection.receive())["event_type"] == "device_offline"
    device.is_online = True
    event = await connection.receive()
    assert event["event_type"] == "device_online"
    assert {"ip", "country", "region", "city"} <= event.keys()


async def test_only_subscribed_events_are_pushed(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, timed: Simulation, device: GizwitsDevice
) -> None:
    connection = await logged_in(connect, product, events=["device.offline"])
    device.set(switch=False)
    other = list(timed.gizwits_enterprise.products.values())[1]
    server.push(other.product_key, "device.offline")
    assert await connection.receives_nothing()


async def test_events_can_be_subscribed_to_after_the_login(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    connection = await logged_in(connect, product)
    server.report_position(device, 23.125178, 113.280637)
    items = login(product, events=["device.gps.kv", "device.lbs.kv"])["data"]
    await connection.send({"cmd": "subscribe_req", "data": items})
    assert await connection.receive() == {"cmd": "subscribe_res", "result": True, "msg": "ok", "data": items}
    server.report_position(device, 23.125178, 113.280637)
    gps = await connection.receive()
    assert (gps["event_type"], gps["data"]["latitude"]) == ("device_gps_kv", "23.125178")
    server.report_position(device, 23.2, 113.3, by="lbs")
    lbs = await connection.receive()
    assert (lbs["event_type"], lbs["data"]["longitude"]) == ("device_lbs_kv", 113.3)
    await connection.send({"cmd": "unsubscribe_req", "data": items})
    assert await connection.receive() == {"cmd": "unsubscribe_res", "result": True, "msg": "ok", "data": items}
    server.report_position(device, 23.2, 113.3)
    assert await connection.receives_nothing()


@pytest.mark.parametrize("change", [{"auth_secret": "wrong"}, {"subkey": "other"}, {"events": ["device.gps"]}, None])
async def test_a_wrong_subscription_is_refused(
    connect: Connect, product: EnterpriseProduct, change: dict[str, Any] | None
) -> None:
    connection = await logged_in(connect, product)
    items = None if change is None else login(product, **change)["data"]
    await connection.send({"cmd": "subscribe_req", "data": items})
    answer = await connection.receive()
    assert (answer["cmd"], answer["result"], answer["data"]) == ("subscribe_res", False, items)


async def test_an_older_server_knows_no_positions(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct
) -> None:
    server.is_older = True
    connection = await connect()
    await connection.send(login(product, events=[*ALL, "device.gps.kv"]))
    assert (await connection.receive())["data"]["result"] is False
    connection = await logged_in(connect, product)
    await connection.send({"cmd": "subscribe_req", "data": login(product, events=["device.gps.kv"])["data"]})
    assert (await connection.receive())["cmd"] == "invalid_msg"


async def test_unacknowledged_events_stop_the_flow_and_are_sent_again(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    connection = await logged_in(connect, product, prefetch_count=2)
    for temperature in (6, 7, 8):
        device.set(set_temp=temperature)
    first, second = await connection.receive(), await connection.receive()
    assert await connection.receives_nothing()
    await connection.send({"cmd": "event_ack", "delivery_id": str(first["delivery_id"]), "msg_id": first["msg_id"]})
    assert (await connection.receive())["cmd"] == "invalid_msg"
    await connection.send({"cmd": "event_ack", "delivery_id": first["delivery_id"]})
    assert (await connection.receive())["cmd"] == "invalid_msg"
    await connection.acknowledge(first)
    third = await connection.receive()
    assert third["data"]["set_temp"] == 8
    connection.abort()
    connection = await logged_in(connect, product)
    again = [await connection.receive(), await connection.receive()]
    assert [event["msg_id"] for event in again] == [second["msg_id"], third["msg_id"]]
    assert again[0]["delivery_id"] != second["delivery_id"]


async def test_events_wait_for_three_days(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    device.set(set_temp=5)  # before the first login
    connection = await logged_in(connect, product)
    connection.abort()
    await until(lambda: server.connections == 0)
    device.set(set_temp=6)
    clock.now += 2 * 86400
    device.set(set_temp=7)
    clock.now += 86401
    connection = await logged_in(connect, product)
    assert (await connection.receive())["data"]["set_temp"] == 7


async def test_each_subkey_has_a_copy_and_its_clients_take_turns(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    other = await logged_in(connect, product, subkey="another")
    one, two = await logged_in(connect, product), await logged_in(connect, product)
    device.set(set_temp=6)
    device.set(set_temp=7)
    assert [(await connection.receive())["data"]["set_temp"] for connection in (one, two, other, other)] == [6, 7, 6, 7]


async def test_regular_reports_are_pushed_only_on_demand(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct
) -> None:
    connection = await logged_in(connect, product)
    assert await connection.receives_nothing()
    await server.stop()
    server.report_every = 0.01
    await server.start()
    connection = await logged_in(connect, product)
    assert (await connection.receive())["event_type"] == "device_status_kv"


async def test_the_server_can_be_silent_and_send_anything(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct
) -> None:
    connection = await logged_in(connect, product)
    server.send_line(b'{"any":1}\n')
    assert await connection.receive() == {"any": 1}
    server.is_silent = True
    await connection.send({"cmd": "ping"})
    assert await connection.receives_nothing()
    server.drop_connections()
    with pytest.raises((OSError, EOFError)):
        await connection.receive()


async def test_the_server_can_be_stopped_twice(server: SnotiServer) -> None:
    await server.stop()
    await server.stop()
