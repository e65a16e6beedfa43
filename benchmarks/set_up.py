"""How long it takes to set up 200 devices of the Open API whose every answer takes 100 ms.

From the start of the set-up to an entry that is loaded and has a reading of every device.
`python -m benchmarks.set_up` prints a table.
"""

import asyncio
import logging
import statistics
import sys
import time
from typing import Any

from . import household
from .home import cloud, home_assistant, set_up
from .report import Goal, Part, run

_ROUNDS = 3
_ANSWERS_IN = 0.1
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
    """Measure set-ups."""
    with cloud(household.serve) as pipe:
        data, unique_id, _ = pipe.recv()
        pipe.send(_ANSWERS_IN)
        times = [asyncio.run(_seconds(data, unique_id)) for _ in range(_ROUNDS)]
    median = statistics.median(times)
    return Part(
        title=f"Set-up of {household.DEVICES} devices, {_ANSWERS_IN * 1000:.0f} ms an answer",
        columns=("", "median", "longest"),
        rows=[("until loaded, with readings", f"{median:.2f} s", f"{max(times):.2f} s")],
        goals=[Goal("set-up", median, _MOST_SECONDS, " s")],
    )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(run(measure))
