"""Time that passes as fast as a test wants, for Home Assistant and the simulated clouds alike."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_time_changed


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, and what is due in it happen."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await settle(hass)


async def settle(hass: HomeAssistant) -> None:
    """Let everything come to its end that ever does: push listens for as long as its account is loaded."""
    await hass.async_block_till_done()
    while ending := [task for task in hass._background_tasks if not is_of_push(task)]:
        await asyncio.wait(ending)
        await hass.async_block_till_done()


def is_of_push(task: asyncio.Future[Any]) -> bool:
    """Whether the task waits for news of a cloud, and so until its account is unloaded."""
    return isinstance(task, asyncio.Task) and task.get_name().endswith(" push")


async def until(is_so: Callable[[], object]) -> None:
    """Wait for what is under way on sockets, though no time passes."""
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")
