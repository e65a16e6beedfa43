"""A Home Assistant in a process of its own, which can be killed, and what it showed until then.

It writes every value that it shows into a file as soon as it shows it. Each device counts its reports, so a value that
is missing, comes twice, or after a later one, stands out in the file.
"""

import asyncio
import multiprocessing
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.context import SpawnProcess
from pathlib import Path

from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from . import fleet
from .fleet import Account, Outcome
from .home import home_assistant, set_up
from .quiet import quiet

_SECONDS_UNTIL_SAVED = 7.0
_LONGEST_START = 120.0  # seconds
_LONGEST_WAIT = 30.0
_STARTED = "started"
_READY = "ready"
_NO_VALUES = frozenset({"", "unknown", "unavailable"})


class OtherHome:
    """One Home Assistant in one folder; after a kill it can start again."""

    def __init__(self, account: Account, folder: str) -> None:
        """Show the chosen devices of an account."""
        self._account = account
        self._folder = folder
        self._path = Path(folder, "shown")
        self._process: SpawnProcess | None = None

    def start(self) -> None:
        """Start the process; its first start finds the devices and takes longer."""
        is_first = not self._path.exists()
        arguments = (self._account, self._folder, str(self._path), is_first)
        self._process = multiprocessing.get_context("spawn").Process(target=_live, args=arguments)
        self._process.start()

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    async def async_until_ready(self) -> None:
        """Wait until it shows its devices, listens to push and has saved what a restart needs."""
        async with asyncio.timeout(_LONGEST_START):
            while not self._is_ready():  # noqa: ASYNC110  # another process announces it
                await asyncio.sleep(0.5)

    async def async_shown(self, outcome: Outcome) -> Shown:
        """Return what it showed, once it shows the last value of every device, or after a while."""
        until = time.monotonic() + _LONGEST_WAIT
        while True:
            shown = Shown.read(self._path)
            if not shown.without_last(outcome, self._account) or time.monotonic() > until:
                return shown
            await asyncio.sleep(0.5)

    def _is_ready(self) -> bool:
        return self._path.exists() and _READY in self._path.read_text(encoding="ascii").splitlines()


@dataclass(slots=True)
class Shown:
    """What one Home Assistant showed in all its lives."""

    lives: int = 0
    twice: int = 0
    """Values that it showed twice in one life."""
    backwards: int = 0
    """Values that it showed although it had shown a later one in the same life."""
    stale_starts: int = 0
    """Devices that began a life with an older value than they had shown before."""
    last: dict[str, float] = field(default_factory=dict)
    seen: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def read(cls, path: Path) -> Shown:
        """Read the file."""
        shown, of_life = cls(), dict[str, list[float]]()
        for line in path.read_text(encoding="ascii").splitlines():
            did, _, value = line.partition(" ")
            if line == _STARTED:
                shown._end_life(of_life)
                of_life = {}
                shown.lives += 1
            elif value not in _NO_VALUES:
                of_life.setdefault(did, []).append(float(value))
        shown._end_life(of_life)
        return shown

    def _end_life(self, of_life: dict[str, list[float]]) -> None:
        for did, values in of_life.items():
            self.stale_starts += values[0] < self.last.get(did, 0)
            self.twice += len(values) - len(set(values))
            self.backwards += sum(later < earlier for earlier, later in pairwise(values))
            self.last[did] = values[-1]
            self.seen[did].update(values)

    def without_last(self, outcome: Outcome, account: Account) -> int:
        """Count the devices that do not show the last value that was pushed."""
        return sum(self.last.get(did) != outcome.last[did] for did in account.chosen if did in outcome.last)

    def missing(self, outcome: Outcome, account: Account) -> int:
        """Count the pushed values that it never showed, because a later one was there first."""
        pushed = {did: {fleet.value_of(n + 1) for n in range(outcome.reports[did])} for did in account.chosen}
        return sum(len(values - self.seen[did]) for did, values in pushed.items())


def _live(account: Account, folder: str, path: str, is_first: bool) -> None:  # noqa: FBT001
    with quiet():
        asyncio.run(_async_live(account, folder, path, is_first=is_first))


async def _async_live(account: Account, folder: str, path: str, *, is_first: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # the kernel keeps what is written
    async with home_assistant(folder) as hass:
        os.write(file, f"{_STARTED}\n".encode())
        _write_values(hass, account, file)
        if is_first:
            entry = await set_up(hass, fleet.entry(account, fleet="figures"))
            await fleet.choose(hass, entry, account)
        else:
            entry = await set_up(hass, fleet.entry(account, fleet="figures_and_chosen", devices=account.chosen))
        await fleet.until_pushed(entry)
        if is_first:
            await asyncio.sleep(_SECONDS_UNTIL_SAVED)
            os.write(file, f"{_READY}\n".encode())
        await asyncio.Event().wait()


def _write_values(hass: HomeAssistant, account: Account, file: int) -> None:
    registry = er.async_get(hass)
    start, end = f"{account.unique_id}_", "_power"

    @callback
    def write(event: Event[EventStateChangedData]) -> None:
        state, entity = event.data["new_state"], registry.async_get(event.data["entity_id"])
        if state is not None and entity is not None and entity.unique_id.endswith(end):
            os.write(file, f"{entity.unique_id.removeprefix(start).removesuffix(end)} {state.state}\n".encode())

    hass.bus.async_listen("state_changed", write)
