"""A simulated Open API with an account of 200 devices, which runs in a process of its own."""

import asyncio
import random
import time
from multiprocessing.connection import Connection
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.identifiers import derive_hex, derive_id
from simulator.gizwits.open_api import GizwitsOpenServer
from simulator.gizwits.products import SPA
from simulator.server import Fault
from simulator.simulation import Simulation

DEVICES = 200


def serve(pipe: Connection) -> None:
    """Run the Open API. Send the data, the unique id and the dids for an entry, then obey requests until None comes.

    A number sets the delay of all responses in seconds. (n, pause) requests n pushes with a pause between them; the
    response, after the last, is the list of their times.
    """
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    simulation = Simulation()
    server = simulation.gizwits_open
    devices = [_device(server, number) for number in range(DEVICES)]
    server.devices = {device.did: device for device in devices}
    await simulation.start()
    pipe.send((_data(server), f"{server.app_id}_{server.uid}", [device.did for device in devices]))
    loop = asyncio.get_running_loop()
    while (request := await loop.run_in_executor(None, pipe.recv)) is not None:
        if isinstance(request, float):
            server.faults = [Fault(delay=request)]
        else:
            pipe.send(await _push(server, devices, *request))
    await simulation.stop()


def _device(server: GizwitsOpenServer, number: int) -> GizwitsDevice:
    return GizwitsDevice(
        product=SPA,
        did=derive_id(f"did {number}"),
        mac=derive_hex(f"mac {number}", 12),
        clock=server.clock,
        alias=f"Spa {number}",
        uid=server.uid,
    )


def _data(server: GizwitsOpenServer) -> dict[str, Any]:
    return {
        "cloud": "gizwits_open",
        "region": "eu",
        "api_url": server.url,
        "app_id": server.app_id,
        "username": server.username,
        "password": server.password,
    }


async def _push(server: GizwitsOpenServer, devices: list[GizwitsDevice], count: int, pause: float) -> list[float]:
    """Push reports of all attributes, device after device. One attribute holds the number of the push."""
    chance = random.Random(1)
    frames = []
    attrs = {device.did: dict(device.attrs) for device in devices}
    for number in range(count):
        did = devices[number % len(devices)].did
        # As in real reports, a few measurements change from one report to the next, and flags do not.
        attrs[did] |= {"bubble_minutes": number % 1440, "set_temp": 20 + chance.randrange(40) / 2}
        frames.append({"cmd": "s2c_noti", "data": {"did": did, "attrs": dict(attrs[did])}})
    sent = []
    for frame in frames:
        sent.append(time.monotonic())
        server.push.send(frame)
        await asyncio.sleep(pause)
    return sent


def entry(data: dict[str, Any], unique_id: str) -> MockConfigEntry:
    """The config entry for the data and the unique id that the server sent."""
    return MockConfigEntry(domain="datapoint_cloud", title="Household", unique_id=unique_id, data=data)
