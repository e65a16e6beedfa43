"""Frozen time that goes on only while somebody waits for it: for a timeout, or between two tries."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from tests.integration.passing_time import is_of_push

_TICK_SECONDS = 5
_MOST_TICKS = 120
_LOOKS_BEFORE_A_TICK = 3


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, and what is due in it come to its end."""
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass)
    await come_to_rest(hass, freezer)


async def finish[T](
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, work: Coroutine[Any, Any, T]
) -> tuple[T | Exception, float]:
    """Do the work to its end; give what came of it and how long it took."""
    task = asyncio.ensure_future(work)
    seconds = await come_to_rest(hass, freezer, task)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return TimeoutError("it never ended"), seconds
    error = task.exception()
    if isinstance(error, Exception):
        return error, seconds
    return task.result(), seconds


async def come_to_rest(hass: HomeAssistant, freezer: FrozenDateTimeFactory, *tasks: asyncio.Task[Any]) -> float:
    """Wait for all that ever ends, and these tasks, letting time pass for what waits for it; give that time."""
    for ticks in range(_MOST_TICKS):
        for _ in range(_LOOKS_BEFORE_A_TICK):
            await _let_sockets_speak(hass)
            if not _under_way(hass, tasks):
                return ticks * _TICK_SECONDS
        freezer.tick(timedelta(seconds=_TICK_SECONDS))
        async_fire_time_changed(hass)
    return _MOST_TICKS * _TICK_SECONDS


def _under_way(hass: HomeAssistant, tasks: tuple[asyncio.Task[Any], ...]) -> list[asyncio.Future[Any]]:
    ending = [task for task in hass._background_tasks if not is_of_push(task)]
    return [task for task in (*hass._tasks, *ending, *tasks) if not task.done()]


async def _let_sockets_speak(hass: HomeAssistant) -> None:
    """Go round until what is under way on loopback has arrived; the real pause is for the other end."""
    for _ in range(80):
        await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.002)
    for _ in range(80):
        await asyncio.sleep(0)
