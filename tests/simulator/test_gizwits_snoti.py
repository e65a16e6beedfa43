"""The simulated SNoti, asked over its real connection by a client that is as plain as can be."""

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
class Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, message: Any, end: bytes = b"\n") -> None:
        self.writer.write((message if isinstance(message, bytes) else json.dumps(message).encode()) + end)
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(2):
            answer: dict[str, Any] = json.loads(await self.reader.readuntil(b"\n"))
        return answer

    async def hears_nothing(self) -> bool:
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
        await self.say({"cmd": "event_ack", "delivery_id": event["delivery_id"], "msg_id": event["msg_id"]})

    def hang_up(self) -> None:
        self.writer.transport.abort()


type Connect = Callable[[], Awaitable[Line]]


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
    lines: list[Line] = []
    trusted = ssl.create_default_context(cadata=self_signed()[1].decode())

    async def connect() -> Line:
        host, _, port = server.address.partition(":")
        lines.append(Line(*await asyncio.open_connection(host, int(port), ssl=trusted)))
        return lines[-1]

    yield connect
    for line in lines:
        line.hang_up()


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


async def logged_in(connect: Connect, product: EnterpriseProduct, **changes: Any) -> Line:
    line = await connect()
    await line.say(login(product, **changes))
    assert await line.hear() == {"cmd": "login_res", "data": {"result": True, "msg": "ok"}}
    return line


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not is_so():  # noqa: ASYNC110  # what is waited for is not ours to announce
            await asyncio.sleep(0)


async def test_a_message_ends_with_a_newline(connect: Connect, product: EnterpriseProduct) -> None:
    line = await connect()
    await line.say(login(product), end=b"")
    assert await line.hears_nothing()
    await line.say(b"")
    assert (await line.hear())["data"]["result"] is True


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
    line = await connect()
    await line.say(login(product, **changes))
    answer = await line.hear()
    assert (answer["cmd"], answer["data"]["result"]) == ("login_res", False)
    assert await line.is_closed()


@pytest.mark.parametrize("data", [None, [], ["x"], {}])
async def test_a_login_names_its_products(connect: Connect, data: Any) -> None:
    line = await connect()
    await line.say({"cmd": "login_req", "data": data})
    assert (await line.hear())["data"]["result"] is False


async def test_one_wrong_product_ends_the_login_of_all(
    connect: Connect, product: EnterpriseProduct, timed: Simulation
) -> None:
    other = list(timed.gizwits_enterprise.products.values())[1]
    both = login(product)
    both["data"] += login(other, auth_secret="x")["data"]
    line = await connect()
    await line.say(both)
    assert (await line.hear())["data"]["result"] is False


async def test_a_product_has_at_most_five_subkeys(connect: Connect, product: EnterpriseProduct) -> None:
    for number in range(5):
        await logged_in(connect, product, subkey=f"home_{number}")
    line = await connect()
    await line.say(login(product, subkey="home_5"))
    assert (await line.hear())["data"]["result"] is False
    await logged_in(connect, product, subkey="home_4")


async def test_refusals_can_be_asked_for(connect: Connect, server: SnotiServer, product: EnterpriseProduct) -> None:
    server.refuses = {product.product_key}
    line = await connect()
    await line.say(login(product))
    assert (await line.hear())["data"]["result"] is False
    server.login_error = 4009
    line = await connect()
    await line.say(login(product))
    assert (await line.hear())["error_code"] == 4009
    assert await line.is_closed()


async def test_a_ping_is_answered_once_logged_in(connect: Connect, product: EnterpriseProduct) -> None:
    line = await connect()
    await line.say({"cmd": "ping"})
    assert (await line.hear())["cmd"] == "invalid_msg"
    await line.say(login(product))
    await line.hear()
    await line.say({"cmd": "ping"})
    assert await line.hear() == {"cmd": "pong"}


@pytest.mark.parametrize("message", [b"{", b"[]", b'"x"', {"no": "cmd"}, {"cmd": "x"}, {"cmd": "event_ack"}])
async def test_what_is_no_message_is_invalid(connect: Connect, product: EnterpriseProduct, message: Any) -> None:
    line = await logged_in(connect, product)
    await line.say(message)
    answer = await line.hear()
    assert answer["cmd"] == "invalid_msg"
    assert isinstance(answer["error_code"], int)


async def test_who_says_nothing_is_dropped(connect: Connect, server: SnotiServer, product: EnterpriseProduct) -> None:
    server.heartbeat_seconds = 0.02
    line = await logged_in(connect, product)
    assert await line.is_closed()
    assert server.connections == 0


async def test_values_that_are_set_are_pushed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    line = await logged_in(connect, product)
    device.set(set_temp=9.5, switch=False)
    event = await line.hear()
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


async def test_values_can_be_spelled_otherwise(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    server.booleans_as_numbers = True
    line = await logged_in(connect, product)
    content = bytes.fromhex(device.attrs["schedule"])
    for spelling, expected in (("hex", content.hex()), ("base64", base64.b64encode(content).decode())):
        server.binaries_as = spelling
        device.set(switch=True)
        data = (await line.hear())["data"]
        assert data["schedule"] == expected
        assert data["switch"] == 1
        assert data["switch"] is not True
    device.set(schedule="nonsense")
    assert (await line.hear())["data"]["schedule"] == "nonsense"


async def test_a_command_is_pushed_when_it_is_obeyed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    line = await logged_in(connect, product)
    device._report(clock.now + 0.02, {"set_temp": 11})
    event = await line.hear()
    assert event["data"]["set_temp"] == 11
    assert event["created_at"] == clock.now + 0.02


async def test_an_alarm_begins_and_ends_under_one_id(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    line = await logged_in(connect, product)
    device.set(fault_compressor=True)
    await line.hear()
    begin = await line.hear()
    assert begin["event_type"] == "attr_fault"
    assert begin["data"] == {"attr_name": "fault_compressor", "attr_displayname": "压缩机故障", "value": 1}
    device.set(fault_compressor=True)
    assert (await line.hear())["event_type"] == "device_status_kv"
    device.set(fault_compressor=False)
    await line.hear()
    end = await line.hear()
    assert (end["event_id"], end["data"]["value"]) == (begin["event_id"], 0)


async def test_comings_and_goings_are_pushed(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    line = await logged_in(connect, product)
    device.is_online = False
    assert (await line.hear())["event_type"] == "device_offline"
    device.is_online = True
    event = await line.hear()
    assert event["event_type"] == "device_online"
    assert {"ip", "country", "region", "city"} <= event.keys()


async def test_what_was_not_asked_for_does_not_come(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, timed: Simulation, device: GizwitsDevice
) -> None:
    line = await logged_in(connect, product, events=["device.offline"])
    device.set(switch=False)
    other = list(timed.gizwits_enterprise.products.values())[1]
    server.push(other.product_key, "device.offline")
    assert await line.hears_nothing()


async def test_unacknowledged_events_stop_the_flow_and_come_again(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    line = await logged_in(connect, product, prefetch_count=2)
    for temperature in (6, 7, 8):
        device.set(set_temp=temperature)
    first, second = await line.hear(), await line.hear()
    assert await line.hears_nothing()
    await line.say({"cmd": "event_ack", "delivery_id": str(first["delivery_id"]), "msg_id": first["msg_id"]})
    assert (await line.hear())["cmd"] == "invalid_msg"
    await line.say({"cmd": "event_ack", "delivery_id": first["delivery_id"]})
    assert (await line.hear())["cmd"] == "invalid_msg"
    await line.acknowledge(first)
    third = await line.hear()
    assert third["data"]["set_temp"] == 8
    line.hang_up()
    line = await logged_in(connect, product)
    again = [await line.hear(), await line.hear()]
    assert [event["msg_id"] for event in again] == [second["msg_id"], third["msg_id"]]
    assert again[0]["delivery_id"] != second["delivery_id"]


async def test_events_wait_for_three_days(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct, device: GizwitsDevice, clock: Clock
) -> None:
    device.set(set_temp=5)  # before anyone ever logged in
    line = await logged_in(connect, product)
    line.hang_up()
    await until(lambda: server.connections == 0)
    device.set(set_temp=6)
    clock.now += 2 * 86400
    device.set(set_temp=7)
    clock.now += 86401
    line = await logged_in(connect, product)
    assert (await line.hear())["data"]["set_temp"] == 7


async def test_each_subkey_has_a_copy_and_its_clients_take_turns(
    connect: Connect, product: EnterpriseProduct, device: GizwitsDevice
) -> None:
    other = await logged_in(connect, product, subkey="another")
    one, two = await logged_in(connect, product), await logged_in(connect, product)
    device.set(set_temp=6)
    device.set(set_temp=7)
    assert [(await line.hear())["data"]["set_temp"] for line in (one, two, other, other)] == [6, 7, 6, 7]


async def test_reports_come_by_themselves_only_if_asked_for(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct
) -> None:
    line = await logged_in(connect, product)
    assert await line.hears_nothing()
    await server.stop()
    server.report_every = 0.01
    await server.start()
    line = await logged_in(connect, product)
    assert (await line.hear())["event_type"] == "device_status_kv"


async def test_it_can_go_silent_and_say_anything(
    connect: Connect, server: SnotiServer, product: EnterpriseProduct
) -> None:
    line = await logged_in(connect, product)
    server.send_line(b'{"any":1}\n')
    assert await line.hear() == {"any": 1}
    server.is_silent = True
    await line.say({"cmd": "ping"})
    assert await line.hears_nothing()
    server.drop_connections()
    with pytest.raises((OSError, EOFError)):
        await line.hear()


async def test_it_stops_only_once(server: SnotiServer) -> None:
    await server.stop()
    await server.stop()
