"""Tests push with randomly damaged frames: none of them may end it."""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti_events import EVENTS
from custom_components.datapoint_cloud.clouds.gizwits.timings import PushTimings, websocket_timings
from simulator.gizwits import GizwitsDevice
from simulator.simulation import Simulation
from tests.waiting import until

from . import snoti_push
from .websocket_push import PushListener, ScriptedServer, cloud_at

ROUNDS = 600
INVALID: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    "",
    " ",
    "x",
    "1",
    "\ud83c",
    "a" * 5000,
    [],
    [None],
    [1, 256, -1],
    {},
    {"a": {}},
)


def quick(timings: PushTimings) -> PushTimings:
    timings.first_pause = timings.longest_pause = 0.005
    timings.first_refused_pause = timings.longest_refused_pause = 0.005
    timings.read = 0.0
    return timings


@pytest.fixture
async def session(socket_enabled: None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


def damaged(value: Any, chance: random.Random) -> Any:
    """Replace, rename, drop or add something at random places."""
    if chance.random() < 0.1:
        return chance.choice(INVALID)
    if isinstance(value, list):
        return [damaged(item, chance) for item in value if chance.random() > 0.1]
    if not isinstance(value, dict):
        return value
    kept = {name: damaged(member, chance) for name, member in value.items() if chance.random() > 0.05}
    if chance.random() < 0.1:
        kept[chance.choice([*kept, "did", "data", "attrs", "req_sn", "res_sn", "created_at"])] = chance.choice(INVALID)
    return kept


def damaged_text(frame: Any, chance: random.Random) -> str:
    text = json.dumps(damaged(frame, chance))
    if chance.random() < 0.1:
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(['"', "{", "}", "[", ",", "\\", "\\ud83c", "1" * 5000, ""]) + text[at + 1 :]
    return text


def some_values(device: GizwitsDevice, chance: random.Random) -> dict[str, Any]:
    return dict(chance.sample(sorted(device.attrs.items()), min(3, len(device.attrs))))


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_damaged_frame_ends_the_push_of_the_open_api(
    session: aiohttp.ClientSession, simulation: Simulation, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    chance, server, scripted_server = random.Random(seed), simulation.gizwits_open, ScriptedServer()
    await scripted_server.start()
    for device in server.devices.values():
        device.ws_port = scripted_server.port
    listener = PushListener(cloud_at(server.url, session, server, ClientStore(), quick(websocket_timings())))
    await listener.listen()
    await until(listener.covers_all)
    for _ in range(ROUNDS):
        device = server.devices[chance.choice(list(listener.devices))]
        did = device.did
        report = {"cmd": "s2c_noti", "data": {"did": did, "attrs": some_values(device, chance)}}
        frames: list[dict[str, Any]] = [
            report | {"req_sn": 1},
            report | {"res_sn": 1},
            {"cmd": "s2c_online_status", "data": {"did": did, "passcode": "x", "mac": "y", "online": True}},
            {"cmd": "s2c_binding_changed", "data": {"did": did, "bind": True}},
            {"cmd": "subscribe_res", "data": {"success": [{"did": did, "error_code": 0}], "failed": [{"did": did}]}},
            {"cmd": "s2c_invalid_msg", "data": {"error_code": 1009, "msg": "x"}},
            {"cmd": "s2c_raw", "data": {"did": did, "raw": [0, 0, 0, 3]}},
            {"cmd": "login_res", "data": {"success": True}},
            {"cmd": "pong"},
        ]
        connections = len(scripted_server.sockets)
        if scripted_server.sockets[-1].closed:
            await until(lambda connections=connections: len(scripted_server.sockets) > connections)  # type: ignore[misc]
        with suppress(ConnectionError):
            await scripted_server.send(damaged_text(chance.choice(frames), chance))
        await asyncio.sleep(0)
    await until(lambda: any(map(listener.push.hears, listener.devices.values())))
    assert listener.task is not None
    assert not listener.task.done()
    assert len(listener.news) > ROUNDS / 20
    await listener.stop()
    await scripted_server.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_damaged_line_ends_the_push_of_the_enterprise_api(
    session: aiohttp.ClientSession, simulation: Simulation, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    chance, server = random.Random(seed), simulation.gizwits_snoti
    products = list(simulation.gizwits_enterprise.products.values())
    devices = [device for product in products for device in product.devices.values()]
    listener = snoti_push.Listener(session, simulation)
    quick(listener.timings)
    push = await listener.connect(*products, follow=devices)
    for number in range(ROUNDS):
        device = chance.choice(devices)
        kind = chance.choice([*EVENTS.values(), "device.status.kv", "device_gps_kv", "device_file_download"])
        values = some_values(device, chance)
        data = {"attr_name": next(iter(values), "x"), "value": 1} if kind.startswith("attr") else values
        event = {"event_type": kind, "product_key": device.product.key, "did": device.did, "data": data}
        named = {"cmd": "event_push", "delivery_id": number, "msg_id": "m", "created_at": time.time()} | event
        others = [{"cmd": "pong"}, {"cmd": "login_res", "data": {"result": True}}, {"cmd": "invalid_msg"}]
        line = damaged_text(chance.choice([*[named] * 6, *others]), chance)
        server.send_line(line.encode() + b"\n")
        await asyncio.sleep(0)
    await until(lambda: all(push.hears(snoti_push.of_product(product)) for product in products))
    assert not listener._tasks[0].done()
    assert len(listener.news) > ROUNDS / 20
    await listener.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
