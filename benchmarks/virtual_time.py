"""Time that passes as soon as nobody has anything left to do: hours of timers and sleeps in minutes.

All clocks that the integration looks at show the time of the event loop. What is waited for has to be in this process:
sockets on loopback and threads are waited for in real time, and only then the next timer is due.
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
_A_MOMENT = 0.001  # seconds, for threads


class _Selector(selectors.DefaultSelector):
    """Waits for sockets, and lets the loop skip what it would wait for timers."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if events := super().select(0):
            return events
        if self._loop.threads or timeout is None:
            return super().select(_A_MOMENT)
        self._loop.skip(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its own."""

    def __init__(self) -> None:
        self._now = 0.0
        self.threads = 0
        """How many threads are at work for it."""
        super().__init__(_Selector(self))

    @override
    def time(self) -> float:
        return self._now

    def skip(self, seconds: float) -> None:
        """Be so much later."""
        self._now += max(0.0, seconds)

    @override
    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

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
    """Run `main` to its end, as `asyncio.run` would."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with _clocks_of(loop):
            return runner.run(main)
