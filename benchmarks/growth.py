"""Measures what a fleet costs as it grows from 10 to 100,000 devices: `python -m benchmarks.growth`.

Each fleet has 10 products and push, each device reports once a minute, and at most 500 devices are shown beside the
figures of all. The exponent of a cost is how it grows from the second smallest fleet to the largest: 1 as the fleet, 0
not at all. Processor time does not depend on what else the machine does; set-up and lag do.
"""

import asyncio
import math
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from . import fleet
from .fleet import Account, Orders
from .home import cloud, home_assistant, set_up
from .load import measured, memory
from .quiet import quiet
from .report import Goal, Part, run

_FLEETS = (10, 100, 1_000, 10_000, 100_000)
_PRODUCTS = 10
_CHOSEN = 500
_SECONDS = 20.0
_HOUR = 3600
_REPORTS_AN_HOUR = 20  # requests: at most so many fetch the figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """What one fleet costs."""

    requests_an_hour: float
    cpu_an_hour: float
    memory: float
    set_up_cpu: float
    set_up: float
    lag: float


def _measure_alone(devices: int, result: Connection) -> None:
    """Measure a fleet and send its cost; what another one leaves in memory would distort it."""
    with quiet(), cloud(fleet.serve) as pipe:
        pipe.send((devices, _PRODUCTS, min(devices, _CHOSEN)))
        result.send(asyncio.run(_measure(pipe, devices)))


async def _measure(pipe: Connection, devices: int) -> _Cost:
    account: Account = pipe.recv()
    async with home_assistant() as hass:
        before, began, cpu = memory(), time.monotonic(), time.process_time()
        entry = await set_up(hass, fleet.entry(account, fleet="figures"))
        await fleet.choose(hass, entry, account)
        await fleet.until_pushed(entry)
        set_up_seconds, set_up_cpu = time.monotonic() - began, time.process_time() - cpu
        first = await fleet.ask(pipe, Orders())
        async with measured() as load:
            pushed = await fleet.ask(pipe, Orders(per_second=devices / 60, seconds=_SECONDS))
        cost = _Cost(
            # The shown devices are looked up once an hour; the rest of an hour is like this part of it.
            requests_an_hour=(sum(pushed.requests.values()) - sum(first.requests.values())) * _HOUR / load.seconds
            + len(account.chosen)
            + _REPORTS_AN_HOUR,
            cpu_an_hour=load.cpu / load.seconds * _HOUR,
            memory=max(1, memory() - before),
            set_up_cpu=set_up_cpu,
            set_up=set_up_seconds,
            lag=load.p99,
        )
        await hass.config_entries.async_unload(entry.entry_id)
    return cost


def _exponent(small: float, large: float) -> float:
    return math.log(large / small) / math.log(_FLEETS[-1] / _FLEETS[1])


def measure() -> Part:
    """Measure each fleet in a process of its own, one after the other."""
    costs: list[_Cost] = []
    for devices in _FLEETS:
        result, far_end = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=_measure_alone, args=(devices, far_end))
        process.start()
        far_end.close()  # so that a process that fails ends the wait
        costs.append(result.recv())
        process.join()
    grown = {
        name: _exponent(getattr(costs[1], name), getattr(costs[-1], name))
        for name in ("requests_an_hour", "cpu_an_hour", "memory", "set_up_cpu", "set_up", "lag")
    }
    rows = [
        (
            f"{devices:,} devices",
            f"{cost.requests_an_hour:,.0f}",
            f"{cost.cpu_an_hour:,.0f} s",
            f"{cost.memory / 2**20:,.1f} MiB",
            f"{cost.set_up_cpu:.1f} s",
            f"{cost.set_up:.1f} s",
            f"{cost.lag:.1f} ms",
        )
        for devices, cost in zip(_FLEETS, costs, strict=True)
    ]
    return Part(
        title="What a fleet costs as it grows",
        columns=("", "requests an hour", "processor an hour", "memory", "set-up, processor", "set-up", "lag, p99"),
        rows=[*rows, ("exponent", *(f"{exponent:.2f}" for exponent in grown.values()))],
        remarks=(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",),
        goals=[Goal(f"exponent of {name.replace('_', ' ')}", exponent, 1) for name, exponent in grown.items()],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
