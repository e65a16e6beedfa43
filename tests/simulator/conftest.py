"""Fixtures of the simulator's tests: a clock that tests advance, the simulated clouds, and an HTTP session."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from simulator.simulation import Simulation


@dataclass
class Clock:
    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(clock: Clock, socket_enabled: None) -> AsyncIterator[Simulation]:
    """All simulated clouds on the tests' clock."""
    simulation = Simulation(clock=clock)
    await simulation.start()
    yield simulation
    await simulation.stop()


@pytest.fixture
async def session(timed: Simulation) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
