"""Frozen time that moves on only while a task waits for it, for example for a timeout or between two tries."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.integration.passing_time import is_of_push, let_traffic_arrive

_TICK_SECONDS = 5
_MOST_TICKS = 120
_LOOKS_BEFORE_A_TICK = 3


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Move the time on, and wait for everything that is due by then."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await come_to_rest(hass, freezer)


async def finish[T](
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, work: Coroutine[Any, Any, T]
) -> tuple[T | Exception, float]:
    """Run the work to its end; return its result or error, and the seconds it took."""
    task = asyncio.ensure_future(work)
    seconds = await come_to_rest(hass, freezer, task)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return TimeoutError("it did not end"), seconds
    error = task.exception()
    if isinstance(error, Exception):
        return error, seconds
    return task.result(), seconds


async def come_to_rest(hass: HomeAssistant, freezer: FrozenDateTimeFactory, *tasks: asyncio.Task[Any]) -> float:
    """Wait for these tasks and all others but push, moving the time on for those that wait; return the seconds."""
    for ticks in range(_MOST_TICKS):
        for _ in range(_LOOKS_BEFORE_A_TICK):
            await let_traffic_arrive()
            if not _under_way(hass, tasks):
                return ticks * _TICK_SECONDS
        freezer.tick(timedelta(seconds=_TICK_SECONDS))
        async_fire_time_changed(hass)
    return _MOST_TICKS * _TICK_SECONDS


def _under_way(hass: HomeAssistant, tasks: tuple[asyncio.Task[Any], ...]) -> list[asyncio.Future[Any]]:
    ending = [task for task in hass._background_tasks if not is_of_push(task)]
    return [task for task in (*hass._tasks, *ending, *tasks) if not task.done()]
