"""Measures the set-up of 200 devices of the Open API when each response takes 100 ms: `python -m benchmarks.set_up`.

The time lasts from the start of the set-up until the entry is loaded and has a reading of each device.
"""

import asyncio
import statistics
import sys
import time
from typing import Any

from . import household
from .home import cloud, home_assistant, set_up
from .report import Goal, Part, run

_ROUNDS = 3
_RESPONSE_SECONDS = 0.1
_MOST_SECONDS = 3


async def _seconds(data: dict[str, Any], unique_id: str) -> float:
    async with home_assistant() as hass:
        began = time.monotonic()
        entry = await set_up(hass, household.entry(data, unique_id))
        seconds = time.monotonic() - began
        states = entry.runtime_data.coordinator.fleet.values()
        if len(states) != household.DEVICES or any(state.read_at is None for state in states):
            raise RuntimeError("not every device was read")
        await hass.config_entries.async_unload(entry.entry_id)
    return seconds


def measure() -> Part:
    """Measure the set-up several times."""
    with cloud(household.serve) as pipe:
        data, unique_id, _ = pipe.recv()
        pipe.send(_RESPONSE_SECONDS)
        times = [asyncio.run(_seconds(data, unique_id)) for _ in range(_ROUNDS)]
    median = statistics.median(times)
    return Part(
        title=f"Set-up of {household.DEVICES} devices, {_RESPONSE_SECONDS * 1000:.0f} ms a response",
        columns=("", "median", "longest"),
        rows=[("until loaded, with readings", f"{median:.2f} s", f"{max(times):.2f} s")],
        goals=[Goal("set-up", median, _MOST_SECONDS, " s")],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
