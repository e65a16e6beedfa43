"""Measures what work costs the process that does it: the lag of the event loop, processor time and memory."""

import asyncio
import gc
import resource
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROBE = 0.005  # seconds


@dataclass(slots=True)
class Load:
    """What a stretch of time cost: milliseconds of lag, processor seconds and seconds."""

    lags: list[float]
    cpu: float = 0.0
    seconds: float = 0.0

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.lags, n=100)[-1]


@asynccontextmanager
async def measured() -> AsyncIterator[Load]:
    """Measure the lag of the event loop and the processor time of this process while the block runs."""
    load = Load([])

    async def probe() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_PROBE)
            load.lags.append((time.monotonic() - began - _PROBE) * 1000)

    task = asyncio.create_task(probe())
    began, cpu = time.monotonic(), time.process_time()
    try:
        yield load
    finally:
        load.cpu, load.seconds = time.process_time() - cpu, time.monotonic() - began
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def memory() -> int:
    """Return the bytes of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
