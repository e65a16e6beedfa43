"""How long a command takes from the service call to the wire, beside a bare POST with the same session.

Home Assistant, the integration and the simulated cloud share one process and one loop, so both ways pay for the
server alike. `python -m benchmarks.control` prints a table.
"""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from unittest.mock import patch

import aiohttp
from aiohttp import web
from homeassistant import loader
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

import custom_components  # noqa: F401  # before the test kit puts a package of the same name first on the path
from simulator.gizwits import GizwitsOpenServer
from simulator.gizwits.products import SPA
from simulator.simulation import Simulation

_ROUNDS = 200
_WARM_UP = 20
_GOAL = 1.5
_KEY = "bubble"


class _Resolver(aiohttp.ThreadedResolver):
    """Loopback needs no names; Home Assistant's own resolver wants its network component."""

    async def real_close(self) -> None:
        await self.close()


class _Receipts:
    """When the server last received a command, by the same clock as the callers'."""

    def __init__(self) -> None:
        self.last = 0.0

    @web.middleware
    async def note(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if "/control/" in request.path:
            self.last = time.perf_counter()
        return await handler(request)


async def _until_received(receipts: _Receipts, call: Callable[[], Awaitable[None]]) -> float:
    """The milliseconds from the call to the server's receipt."""
    began = time.perf_counter()
    await call()
    if receipts.last < began:
        raise RuntimeError("the server received nothing")
    return (receipts.last - began) * 1000


async def _add_account(hass: HomeAssistant, server: GizwitsOpenServer) -> MockConfigEntry:
    entry = MockConfigEntry(
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
    entry.add_to_hass(hass)
    if not await hass.config_entries.async_setup(entry.entry_id):
        raise RuntimeError("the account could not be set up")
    await hass.async_block_till_done()
    return entry


async def _measure(hass: HomeAssistant, server: GizwitsOpenServer, receipts: _Receipts) -> tuple[list[float], ...]:
    entry = await _add_account(hass, server)
    did = next(device.did for device in server.devices.values() if device.product is SPA)
    entity_id = er.async_get(hass).async_get_entity_id("switch", "datapoint_cloud", f"{entry.unique_id}_{did}_{_KEY}")
    url = f"{server.url}/app/control/{did}"
    headers = {
        "X-Gizwits-Application-Id": server.app_id,
        "X-Gizwits-User-token": next(iter(server.accounts.tokens)),
    }
    session: aiohttp.ClientSession = hass.data["datapoint_cloud_session"]

    async def by_service() -> None:
        await hass.services.async_call("switch", "turn_on", {"entity_id": entity_id}, blocking=True)

    async def bare() -> None:
        async with session.post(url, headers=headers, json={"attrs": {_KEY: True}}) as response:
            await response.read()

    times: tuple[list[float], ...] = ([], [])
    for _ in range(_WARM_UP + _ROUNDS):
        for way, call in zip(times, (by_service, bare), strict=True):
            way.append(await _until_received(receipts, call))
    return tuple(way[_WARM_UP:] for way in times)


async def main() -> int:
    """Measure, print, and fail if the goal is missed."""
    receipts, simulation = _Receipts(), Simulation()
    simulation.gizwits_open.app.middlewares.insert(0, receipts.note)
    await simulation.start()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            patch.object(aiohttp_client, "_async_make_resolver", lambda _: _Resolver()),
        ):
            async with async_test_home_assistant(config_dir=folder) as hass:
                hass.data.pop(loader.DATA_CUSTOM_COMPONENTS, None)
                by_service, bare = await _measure(hass, simulation.gizwits_open, receipts)
                await hass.async_stop(force=True)
    finally:
        await simulation.stop()
    ratio = statistics.median(by_service) / statistics.median(bare)
    print(f"{'from the call to the wire':<28}{'median':>10}{'p95':>10}")
    for name, way in (("switch.turn_on", by_service), ("bare aiohttp POST", bare)):
        print(f"{name:<28}{statistics.median(way):>7.3f} ms{statistics.quantiles(way, n=20)[-1]:>7.3f} ms")
    print(f"{'ratio':<28}{ratio:>10.2f}   (goal: at most {_GOAL})")
    return 0 if ratio <= _GOAL else 1


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(asyncio.run(main()))
