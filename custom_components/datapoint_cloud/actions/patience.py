"""How long an action waits for a cloud."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from ..clouds.errors import Reason, Unreachable

_TIMEOUT_SECONDS: Final = 90  # for the whole answer, which may take many requests with a timeout each


async def before_timeout[T](request: Awaitable[T]) -> T:
    """Await a cloud's answer for as long as a caller waits for an action. Raises `Unreachable` (TIMEOUT) after it."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await request
    except TimeoutError as error:
        raise Unreachable(Reason.TIMEOUT) from error
