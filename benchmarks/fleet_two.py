"""Two Home Assistants on one fleet, each with its own subkey of SNoti: `python -m benchmarks.fleet_two`.

First each has half of the products, then both have all products and the same devices. Both Home Assistants, the cloud
and this script are processes of their own.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from . import fleet
from .fleet import Account, Orders, Outcome
from .home import cloud
from .other_home import OtherHome, Shown
from .report import Goal, Part, run

_DEVICES = 2000
_PRODUCTS = 10
_CHOSEN = 80
_PER_SECOND = 400.0
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Result:
    outcome: Outcome
    accounts: Sequence[Account]
    shown: Sequence[Shown]

    @property
    def missing(self) -> int:
        pairs = zip(self.accounts, self.shown, strict=True)
        return sum(shown.missing(self.outcome, account) for account, shown in pairs)

    @property
    def doubled(self) -> int:
        return sum(shown.twice + shown.backwards for shown in self.shown)


def _halves(account: Account) -> tuple[Account, Account]:
    """Give each Home Assistant half of the products, with their chosen devices."""
    middle = len(account.products) // 2
    return (
        replace(account, products=account.products[:middle], chosen=account.chosen[: len(account.chosen) // 2]),
        replace(account, products=account.products[middle:], chosen=account.chosen[len(account.chosen) // 2 :]),
    )


async def _run(pipe: Connection, accounts: Sequence[Account], *, copies: int) -> _Result:
    with ExitStack() as stack:
        homes = [OtherHome(account, stack.enter_context(tempfile.TemporaryDirectory())) for account in accounts]
        for home in homes:
            stack.callback(home.kill)
            home.start()
        await asyncio.gather(*(home.async_until_ready() for home in homes))
        outcome = await fleet.ask(pipe, Orders(per_second=_PER_SECOND, seconds=_SECONDS, copies=copies))
        shown = await asyncio.gather(*(home.async_shown(outcome) for home in homes))
    return _Result(outcome, accounts, shown)


def _measure(*, shared: bool) -> _Result:
    with cloud(fleet.serve) as pipe:
        pipe.send((_DEVICES, _PRODUCTS, _CHOSEN))
        account: Account = pipe.recv()
        accounts = (account, account) if shared else _halves(account)
        return asyncio.run(_run(pipe, accounts, copies=2 if shared else 1))


def measure() -> Part:
    """Let two Home Assistants share a fleet in both ways."""
    results = {"by product": (1, _measure(shared=False)), "both all of it": (2, _measure(shared=True))}
    return Part(
        title="Two Home Assistants on one fleet",
        columns=("", "messages", "acknowledged once", "by both", "to shown devices", "not shown", "shown twice"),
        rows=[
            (
                name,
                f"{result.outcome.pushed:,}",
                f"{result.outcome.acknowledged.get(1, 0):,}",
                f"{result.outcome.acknowledged.get(2, 0):,}",
                f"{result.outcome.to_chosen * copies:,}",
                f"{result.missing:,}",
                f"{result.doubled:,}",
            )
            for name, (copies, result) in results.items()
        ],
        remarks=(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",),
        goals=[
            goal
            for name, (copies, result) in results.items()
            for goal in (
                Goal(
                    f"{name}: messages not acknowledged once by each",
                    result.outcome.pushed - result.outcome.acknowledged.get(copies, 0),
                    0,
                ),
                Goal(f"{name}: values not shown", result.missing, 0),
                Goal(f"{name}: values shown twice", result.doubled, 0),
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
