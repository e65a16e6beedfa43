"""The event loop's time for a poll of about 10,000 datapoints, by the share of values that changed.

The same run measures two baselines: decoding the same bytes with `orjson`, and a stock coordinator that updates as many
entities without any request. Our poll is complete: another process sends the answer of 3 MB over loopback, and every
entity is enabled. The numbers are CPU time of this process. `python -m benchmarks.poll`.
"""

import asyncio
import logging
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from unittest.mock import patch

import orjson
from homeassistant.core import HomeAssistant
from homeassistant.helpers import aiohttp_client
from homeassistant.helpers.entity import Entity

from . import ups
from .home import cloud, home_assistant, set_up
from .plain import Named, Place, plain_integration
from .report import Goal, Part, run

_ROUNDS = 15
_GOALS = {"0": ("decoding", 0.6), "1": ("stock", 1.0)}
"""For a percentage of changed values: the baseline, and how many times the baseline's time the poll may take."""


async def _milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.process_time()
    await work()
    return (time.process_time() - started) * 1000


async def _measure_ours(hass: HomeAssistant, data: dict[str, str]) -> dict[str, list[float]]:
    entry = await set_up(hass, ups.entry(data))
    coordinator = entry.runtime_data.coordinator
    session = aiohttp_client.async_get_clientsession(hass)
    times: dict[str, list[float]] = {"decoding": [], "0": [], "1": [], "100": []}

    async def poll() -> None:
        await coordinator.async_refresh()
        await hass.async_block_till_done(wait_background_tasks=False)

    async def change(percent: str) -> bytes:
        async with session.post(data["api_url"].replace("/api/v1", f"/change/{percent}")) as response:
            return await response.read()

    for percent in ("0", "1", "100"):
        await change(percent)
        await poll()  # so that each measured poll follows one with as many changes
        for _ in range(_ROUNDS):
            text = await change(percent)
            times[percent].append(await _milliseconds(poll))
            started = time.process_time()
            decoded = orjson.loads(text)
            times["decoding"].append((time.process_time() - started) * 1000)
            del decoded
    return times


async def _measure_stock(hass: HomeAssistant) -> list[float]:
    places = [Place(f"{number}", f"UPS {number}") for number in range(ups.DEVICES)]
    named = [
        Named(f"{number}", f"Sensor {number}", places[number // ups.VARIABLES]) for number in range(ups.DATAPOINTS)
    ]
    plain = await plain_integration(hass, named)
    await plain.add()
    await hass.async_block_till_done()

    async def poll() -> None:
        await plain.coordinator.async_refresh()
        await hass.async_block_till_done()

    return [await _milliseconds(poll) for _ in range(_ROUNDS)]


async def _measure(data: dict[str, str]) -> dict[str, list[float]]:
    with patch.object(Entity, "entity_registry_enabled_default", property(lambda _: True)):
        async with home_assistant() as hass:
            times = await _measure_ours(hass, data)
        async with home_assistant() as hass:
            times["stock"] = await _measure_stock(hass)
    return times


def measure() -> Part:
    """Measure polls with 0, 1 and 100 % of the values changed."""
    with cloud(ups.serve) as pipe:
        times = asyncio.run(_measure(pipe.recv()))
    medians = {name: statistics.median(sample) for name, sample in times.items()}
    names = {
        "decoding": "orjson.loads of the answer",
        "0": "poll, nothing changed",
        "1": "poll, 1 % changed",
        "100": "poll, everything changed",
        "stock": "stock coordinator, no request",
    }
    return Part(
        title=f"Event loop's time for a poll, {ups.DATAPOINTS:,} datapoints",
        columns=("", "median", "of decoding"),
        rows=[
            (label, f"{medians[name]:.1f} ms", f"{medians[name] / medians['decoding']:.2f}")
            for name, label in names.items()
        ],
        goals=[
            Goal(f"{names[percent]}, times {names[baseline]}", medians[percent] / medians[baseline], most)
            for percent, (baseline, most) in _GOALS.items()
        ],
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(run(measure))
