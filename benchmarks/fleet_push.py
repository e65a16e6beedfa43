"""Measures push at an operator's size: `python -m benchmarks.fleet_push [SECONDS]`.

100,000 devices of 20 products are in one account; 500 are chosen and shown, the others are counted. Each device reports
once a minute, which makes 1,667 messages a second. Then all devices come back online at once, as after an outage of the
cloud. The cloud is a process of its own. The event loop's lag is by how much a timer of 5 ms is late.
"""

import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from . import fleet
from .fleet import Account, Orders, Outcome
from .home import cloud, home_assistant, set_up
from .load import Load, measured, memory
from .report import Goal, Part, run

_DEVICES = 100_000
_PRODUCTS = 20
_CHOSEN = 500
_PER_SECOND = _DEVICES / 60
_SECONDS = 60.0
_MOST_LAG = 50.0  # milliseconds
_MOST_SET_UP = 30.0  # seconds
_MOST_BYTES = 1024  # of a device that is not shown


@dataclass(slots=True)
class _Results:
    set_up: float
    set_up_requests: int
    restart: float
    restart_requests: int
    steady: Load
    pushed: Outcome
    burst: Load
    back: Outcome
    bytes_a_device: float
    memory: int
    wrong: int


def _wrong(hass: HomeAssistant, account: Account, outcome: Outcome) -> int:
    """Count the chosen devices whose state is not the last value that was pushed."""
    registry, wrong = er.async_get(hass), 0
    for did, value in outcome.last.items():
        entity_id = registry.async_get_entity_id("sensor", "datapoint_cloud", f"{account.unique_id}_{did}_power")
        state = None if entity_id is None else hass.states.get(entity_id)
        wrong += state is None or state.state in {"unknown", "unavailable"} or float(state.state) != value
    return wrong


async def _measure(pipe: Connection, seconds: float) -> _Results:
    account: Account = pipe.recv()
    async with home_assistant() as hass:
        began = time.monotonic()
        entry = await set_up(hass, fleet.entry(account, fleet="figures"))
        await fleet.choose(hass, entry, account)
        await fleet.until_pushed(entry)
        set_up_seconds = time.monotonic() - began
        before = await fleet.ask(pipe, Orders())
        began = time.monotonic()
        await hass.config_entries.async_reload(entry.entry_id)
        await fleet.until_pushed(entry)
        restart_seconds = time.monotonic() - began
        after = await fleet.ask(pipe, Orders())
        await asyncio.sleep(2)
        bytes_before = memory()
        async with measured() as steady:
            pushed = await fleet.ask(pipe, Orders(per_second=_PER_SECOND, seconds=seconds))
        await hass.async_block_till_done(wait_background_tasks=False)
        wrong = _wrong(hass, account, pushed)
        async with measured() as burst:
            back = await fleet.ask(pipe, Orders(are_all_back=True))
        bytes_after = memory()
        searches = "GET /v1/products/{product_key}/devices/search"
        await hass.config_entries.async_unload(entry.entry_id)
    return _Results(
        set_up=set_up_seconds,
        set_up_requests=sum(before.requests.values()),
        restart=restart_seconds,
        restart_requests=after.requests.get(searches, 0) - before.requests.get(searches, 0),
        steady=steady,
        pushed=pushed,
        burst=burst,
        back=back,
        bytes_a_device=max(0, bytes_after - bytes_before) / (_DEVICES - _CHOSEN),
        memory=bytes_after,
        wrong=wrong,
    )


def _row(name: str, load: Load, outcome: Outcome) -> tuple[str, ...]:
    return (
        name,
        f"{outcome.pushed:,}",
        f"{outcome.pushed / load.seconds:,.0f}",
        f"{statistics.median(load.lags):.1f} ms",
        f"{load.p99:.1f} ms",
        f"{max(load.lags):.0f} ms",
        f"{load.cpu / load.seconds:.0%}",
        f"{load.cpu / outcome.pushed * 1e6:.0f} µs",
    )


def measure() -> Part:
    """Measure the steady stream and the burst."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else _SECONDS
    with cloud(fleet.serve) as pipe:
        pipe.send((_DEVICES, _PRODUCTS, _CHOSEN))
        found = asyncio.run(_measure(pipe, seconds))
    lost = sum(
        outcome.pushed
        - sum(outcome.acknowledged.values())
        + sum(outcome.acknowledged.values())
        - outcome.acknowledged.get(1, 0)
        for outcome in (found.pushed, found.back)
    )
    return Part(
        title=f"Push of {_DEVICES:,} devices of {_PRODUCTS} products, {_CHOSEN} of them shown",
        columns=("", "messages", "a second", "lag", "p99", "longest", "processor", "a message"),
        rows=[
            _row(f"{seconds:.0f} s of reports", found.steady, found.pushed),
            _row("all back online", found.burst, found.back),
        ],
        remarks=(
            f"set-up {found.set_up:.1f} s with {found.set_up_requests} requests, restart {found.restart:.1f} s",
            f"{found.pushed.to_chosen:,} messages to shown devices; the cloud was {found.pushed.lag:.1f} s late",
            f"memory {found.memory / 2**20:,.0f} MiB",
            f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        ),
        goals=[
            Goal("lag of the event loop, p99", found.steady.p99, _MOST_LAG, " ms"),
            Goal("messages not acknowledged exactly once", lost, 0),
            Goal("shown devices without their last value", found.wrong, 0),
            Goal("memory of a device that is not shown", found.bytes_a_device, _MOST_BYTES, " bytes"),
            Goal("set-up", found.set_up, _MOST_SET_UP, " s"),
            Goal("searches after a restart", found.restart_requests, 0),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
