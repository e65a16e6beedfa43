"""Measures how long a command takes from the service call until its cloud has received it.

It is compared with a switch that does nothing but send a POST with the same session: the difference is what the
integration adds to Home Assistant's own way to an entity. The bare POST is measured, too. The three take turns in an
order that chance decides, because the one that follows the bare POST finds Home Assistant's code in no cache of the
processor and takes some 10 µs longer. The simulated cloud runs in a process of its own. `python -m benchmarks.control`
prints a table.
"""

import asyncio
import json
import logging
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any, override

import aiohttp
from aiohttp import web
from homeassistant.components.switch import SwitchEntity
from homeassistant.components.switch.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.gizwits import GizwitsOpenServer
from simulator.gizwits.products import SPA
from simulator.simulation import Simulation

from .home import cloud, home_assistant, set_up
from .report import Goal, Part, run

_ROUNDS = 400
_WARM_UP = 20
_MOST_TIMES = 1.2
_KEY = "bubble"
_OURS, _PLAIN, _BARE = "switch.turn_on", "of a switch that only posts", "bare aiohttp POST"


def _serve(pipe: Connection) -> None:
    """Run the cloud: send its address, record when each command arrives, and send these times at the end."""
    logging.disable(logging.CRITICAL)  # this process has logging of its own

    async def serve() -> None:
        arrivals: list[float] = []

        @web.middleware
        async def record_arrival(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if "/control/" in request.path:
                # All processes of a machine share this clock.
                arrivals.append(time.monotonic())
            return await handler(request)

        simulation = Simulation()
        # The push of one command's effect would arrive while the next command is measured.
        simulation.gizwits_open.push.is_offered = False
        simulation.gizwits_open.app.middlewares.insert(0, record_arrival)
        await simulation.start()
        pipe.send(simulation.gizwits_open.url)
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(arrivals)
        await simulation.stop()

    asyncio.run(serve())


async def _run_timed(call: Callable[[], Awaitable[None]]) -> float:
    """Run a call to its end and return when it began."""
    began = time.monotonic()
    await call()
    return began


def _entry(server: GizwitsOpenServer) -> MockConfigEntry:
    return MockConfigEntry(
        domain="datapoint_cloud",
        unique_id=f"{server.app_id}_{server.uid}",
        data={
            "cloud": "gizwits_open",
            "region": "eu",
            "api_url": server.url,
            "app_id": server.app_id,
            "username": server.username,
            "password": server.password,
        },
    )


class _PlainSwitch(SwitchEntity):
    """A switch that does nothing but call `post`."""

    _attr_should_poll = False
    entity_id = "switch.plain"

    def __init__(self, post: Callable[[], Awaitable[None]]) -> None:
        self._post = post

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self._post()


async def _measure(hass: HomeAssistant, server: GizwitsOpenServer) -> list[tuple[str, float]]:
    """Run the two service calls and the bare POST by turns; return which began when."""
    entry = await set_up(hass, _entry(server))
    did = next(device.did for device in server.devices.values() if device.product is SPA)
    entity_id = er.async_get(hass).async_get_entity_id("switch", "datapoint_cloud", f"{entry.unique_id}_{did}_{_KEY}")
    url = f"{server.url}/app/control/{did}"
    session: aiohttp.ClientSession = hass.data["datapoint_cloud_session"]
    body = {"username": server.username, "password": server.password}
    headers = {"X-Gizwits-Application-Id": server.app_id}
    async with session.post(f"{server.url}/app/login", headers=headers, json=body) as response:
        token = json.loads(await response.read())["token"]
    headers["X-Gizwits-User-token"] = token

    async def by_service() -> None:
        await hass.services.async_call("switch", "turn_on", {"entity_id": entity_id}, blocking=True)

    async def bare() -> None:
        async with session.post(url, headers=headers, json={"attrs": {_KEY: True}}) as response:
            await response.read()

    async def plain() -> None:
        await hass.services.async_call("switch", "turn_on", {"entity_id": "switch.plain"}, blocking=True)

    await hass.data[DATA_COMPONENT].async_add_entities([_PlainSwitch(bare)])
    ways = {_OURS: by_service, _PLAIN: plain, _BARE: bare}
    chance = random.Random(1)
    return [
        (name, await _run_timed(ways[name]))
        for _ in range(_WARM_UP + _ROUNDS)
        for name in chance.sample(list(ways), len(ways))
    ]


async def _milliseconds(server: GizwitsOpenServer, pipe: Connection) -> dict[str, list[float]]:
    """Return the milliseconds from the beginning of each call to its receipt, by the way it took."""
    async with home_assistant() as hass:
        began = await _measure(hass, server)
    pipe.send(None)
    received: list[float] = pipe.recv()
    times: dict[str, list[float]] = {_OURS: [], _PLAIN: [], _BARE: []}
    for (name, start), end in zip(began, received, strict=True):
        times[name].append((end - start) * 1000)
    return {name: way[_WARM_UP:] for name, way in times.items()}


def measure() -> Part:
    """Measure commands."""
    with cloud(_serve) as pipe:
        server = Simulation().gizwits_open
        server.url = pipe.recv()
        times = asyncio.run(_milliseconds(server, pipe))
    plain = statistics.median(times[_PLAIN])
    return Part(
        title="A command, from the call to the wire",
        columns=("", "median", "p95", "ratio"),
        rows=[
            (
                name,
                f"{statistics.median(way):.3f} ms",
                f"{statistics.quantiles(way, n=20)[-1]:.3f} ms",
                f"{statistics.median(way) / plain:.2f}",
            )
            for name, way in times.items()
        ],
        goals=[
            Goal("switch.turn_on, times a switch that only posts", statistics.median(times[_OURS]) / plain, _MOST_TIMES)
        ],
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(run(measure))
