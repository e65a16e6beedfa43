"""The bench of the contract: a simulation, a session and one account of a cloud."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from simulator.simulation import Simulation

from .bench import Bench

type MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(simulation: Simulation) -> AsyncIterator[MakeBench]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        benches: list[Bench] = []

        def make(kind: str, **options: Any) -> Bench:
            benches.append(Bench(kind, simulation, session, **options))
            return benches[-1]

        yield make
        left = [task for bench in benches for task in bench.left_on_purpose]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
