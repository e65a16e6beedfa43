"""Waiting in real time for something that only a server or another task can bring about."""

import asyncio
from collections.abc import Callable


async def until(is_so: Callable[[], object]) -> None:
    """Look every millisecond whether it is so; fail after 20 seconds."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110  # nothing here could set an event
            await asyncio.sleep(0.001)
