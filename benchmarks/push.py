"""Measures the time from a pushed report to the state, and the processor time of reports: `python -m benchmarks.push`.

200 devices report all attributes of a spa through the Open API's WebSocket. The cloud is a process of its own; both
processes read the machine's monotonic clock. The processor time of an hour is extrapolated from a burst.
"""

import asyncio
import statistics
import sys
import time
from multiprocessing.connection import Connection

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from . import household
from .home import cloud, home_assistant, set_up
from .report import Goal, Part, run

_ROUNDS = 300
_BURST = 2000
_A_DEVICE_AN_HOUR = 60
_PAUSE_OF_READS = 0.21  # seconds between the reads of a new connection
_MOST_MILLISECONDS = 20
_MOST_SECONDS = 15


class _Arrivals:
    """The times at which the number of each push showed in a state."""

    def __init__(self, hass: HomeAssistant, prefix: str, dids: list[str]) -> None:
        registry = er.async_get(hass)
        ids = [
            registry.async_get_entity_id("number", "datapoint_cloud", f"{prefix}_{did}_bubble_minutes") for did in dids
        ]
        self._entity_ids = set(ids)
        self.at: dict[int, float] = {}
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._on_state)

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if event.data["entity_id"] in self._entity_ids and state is not None:
            self.at[int(float(state.state))] = time.monotonic()

    async def last(self, number: int) -> None:
        async with asyncio.timeout(60):
            while number not in self.at:  # noqa: ASYNC110  # an event to wait for would be measured, too
                await asyncio.sleep(0.01)


async def _measure(pipe: Connection) -> tuple[list[float], float]:
    """Return the milliseconds from push to state of each report, and the processor seconds of one report."""
    data, unique_id, dids = pipe.recv()
    loop = asyncio.get_running_loop()
    async with home_assistant() as hass:
        entry = await set_up(hass, household.entry(data, unique_id))
        push = entry.runtime_data.coordinator.cloud.push
        devices = [state.device for state in entry.runtime_data.coordinator.fleet.values()]
        async with asyncio.timeout(60):
            while not all(push.hears(device) for device in devices):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(_PAUSE_OF_READS * len(devices))  # each device is read once on the new connection
        arrivals = _Arrivals(hass, unique_id, dids)
        pipe.send((_ROUNDS, 0.01))
        sent = await loop.run_in_executor(None, pipe.recv)
        await arrivals.last(_ROUNDS - 1)
        milliseconds = [(arrivals.at[number] - at) * 1000 for number, at in enumerate(sent) if number in arrivals.at]
        arrivals.at.clear()
        began = time.process_time()
        pipe.send((_BURST, 0.0))
        await loop.run_in_executor(None, pipe.recv)
        await arrivals.last((_BURST - 1) % 1440)
        await hass.async_block_till_done(wait_background_tasks=False)
        seconds = (time.process_time() - began) / _BURST
    return milliseconds, seconds


def measure() -> Part:
    """Measure reports that are pushed."""
    with cloud(household.serve) as pipe:
        milliseconds, seconds = asyncio.run(_measure(pipe))
    an_hour = seconds * household.DEVICES * _A_DEVICE_AN_HOUR
    median = statistics.median(milliseconds)
    return Part(
        title=f"Push of {household.DEVICES} devices",
        columns=("", "median", "p95"),
        rows=[
            (
                "from the push to the state",
                f"{median:.2f} ms",
                f"{statistics.quantiles(milliseconds, n=20)[-1]:.2f} ms",
            ),
            ("processor time of a report", f"{seconds * 1000:.2f} ms", ""),
            ("of an hour with a report a minute each", f"{an_hour:.1f} s", ""),
        ],
        goals=[
            Goal("from the push to the state", median, _MOST_MILLISECONDS, " ms"),
            Goal("processor time of an hour", an_hour, _MOST_SECONDS, " s"),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
