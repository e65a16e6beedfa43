"""Moves frozen time on, for Home Assistant and the simulated clouds alike."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_time_changed

_TURNS_AT_REST = 20
"""So many turns in a row without anything to do show that nothing is under way between two sockets of the loop."""

type ChangeTimings = Callable[..., None]
"""Changes durations of the integration: `change_timings(confirmation_reads=())`."""


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Move the time on, and run everything that is due by then."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await settle(hass)


async def settle(hass: HomeAssistant) -> None:
    """Wait for all tasks but those of push, which run for as long as their account is loaded."""
    await hass.async_block_till_done()
    while others := [task for task in hass._background_tasks if not is_of_push(task)]:
        await asyncio.wait(others)
        await hass.async_block_till_done()


def is_of_push(task: asyncio.Future[Any]) -> bool:
    """Whether the task listens to push, and so runs until its account is unloaded."""
    return isinstance(task, asyncio.Task) and task.get_name().endswith(" push")


async def until(is_so: Callable[[], object]) -> None:
    """Wait until it is so, for traffic on sockets while time is frozen; fail after many turns of the loop."""
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


async def let_traffic_arrive() -> None:
    """Turn the loop until traffic on loopback has arrived; the real pause is for threads at the other end."""
    await calm(most_turns=80)
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.002)
    await calm(most_turns=80)


async def calm(most_turns: int = 200) -> None:
    """Turn the loop until nothing has happened in it for a while, neither on sockets nor in callbacks."""
    loop: Any = asyncio.get_running_loop()
    turns_at_rest = 0
    for _ in range(most_turns):
        await asyncio.sleep(0)
        turns_at_rest = 0 if loop._ready or loop._selector.select(0) else turns_at_rest + 1
        if turns_at_rest == _TURNS_AT_REST:
            return
