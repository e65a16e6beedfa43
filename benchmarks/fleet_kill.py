"""Kills Home Assistant in the middle of a push stream, again and again: `python -m benchmarks.fleet_kill [KILLS]`.

Home Assistant, the cloud and this script are processes of their own.
"""

import asyncio
import os
import sys
import tempfile
import time
from multiprocessing.connection import Connection

from . import fleet
from .fleet import Account, Orders, Outcome
from .home import cloud
from .other_home import OtherHome, Shown
from .report import Goal, Part, run

_DEVICES = 2000
_PRODUCTS = 10
_CHOSEN = 80  # each start reads them, and the quota must suffice
_PER_SECOND = 500.0
_KILLS = 5
_SECONDS_A_LIFE = 8.0


async def _measure(pipe: Connection, kills: int) -> tuple[Account, Outcome, Shown]:
    account: Account = pipe.recv()
    with tempfile.TemporaryDirectory() as folder:
        home = OtherHome(account, folder)
        home.start()
        try:
            await home.async_until_ready()
            stream = asyncio.create_task(
                fleet.ask(pipe, Orders(per_second=_PER_SECOND, seconds=(kills + 1) * _SECONDS_A_LIFE))
            )
            for _ in range(kills):
                await asyncio.sleep(_SECONDS_A_LIFE)
                home.kill()
                home.start()
            outcome = await stream
            return account, outcome, await home.async_shown(outcome)
        finally:
            home.kill()


def measure() -> Part:
    """Kill Home Assistant some times while messages arrive."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else _KILLS
    began = time.monotonic()
    with cloud(fleet.serve) as pipe:
        pipe.send((_DEVICES, _PRODUCTS, _CHOSEN))
        account, outcome, shown = asyncio.run(_measure(pipe, kills))
    missing = shown.missing(outcome, account)
    return Part(
        title=f"kill -9 in a stream of {_PER_SECOND:.0f} messages a second",
        columns=("", "messages"),
        rows=[
            ("pushed", f"{outcome.pushed:,}"),
            ("acknowledged once", f"{outcome.acknowledged.get(1, 0):,}"),
            ("sent again after a kill", f"{outcome.repeated:,}"),
            ("to shown devices", f"{outcome.to_chosen:,}"),
            ("of them overtaken by a reading after a start", f"{missing:,}"),
        ],
        remarks=(
            f"{kills} kills, {shown.lives} starts, {time.monotonic() - began:.0f} s",
            f"{shown.stale_starts} times, a device began a life with an older value than it had shown before",
            f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        ),
        goals=[
            Goal("messages not acknowledged exactly once", outcome.pushed - outcome.acknowledged.get(1, 0), 0),
            Goal("values shown twice in one life", shown.twice, 0),
            Goal("values shown after a later one", shown.backwards, 0),
            Goal("devices without their last value", shown.without_last(outcome, account), 0),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
