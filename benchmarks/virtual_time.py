"""An event loop that skips the time in which nothing happens, so that hours of timers and sleeps take minutes.

All clocks that the integration reads show the time of the event loop. The loop waits for sockets on loopback and for
threads in real time before it skips to the next timer, so everything that takes part has to run in this process.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, override
from unittest.mock import patch

from homeassistant.util import dt as dt_util

BEGIN = 1_790_000_000.0  # epoch seconds
_THREAD_WAIT = 0.001  # seconds of real time between two checks for threads that have ended


class _Selector(selectors.DefaultSelector):
    """Waits for sockets, and skips the time that the loop would wait for timers."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if events := super().select(0):
            return events
        if self._loop.threads or timeout is None:
            return super().select(_THREAD_WAIT)
        self._loop.skip(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a virtual clock."""

    def __init__(self) -> None:
        self._now = 0.0
        self.threads = 0
        """The number of threads that work for the loop."""
        super().__init__(_Selector(self))

    @override
    def time(self) -> float:
        return self._now

    def skip(self, seconds: float) -> None:
        """Advance the clock."""
        self._now += max(0.0, seconds)

    @override
    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    @override
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # A timeout would pass at once in virtual time, before the threads could end, and asyncio would warn.
        await super().shutdown_default_executor()

    def _thread_ended(self, _: asyncio.Future[Any]) -> None:
        self.threads -= 1


@contextmanager
def _clocks_of(loop: VirtualLoop) -> Iterator[None]:
    with (
        patch.object(time, "time", lambda: BEGIN + loop.time()),
        patch.object(time, "monotonic", loop.time),
        patch.object(dt_util, "utcnow", lambda: datetime.fromtimestamp(BEGIN + loop.time(), UTC)),
    ):
        yield


def run_in_virtual_time[T](main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with _clocks_of(loop):
            return runner.run(main)
