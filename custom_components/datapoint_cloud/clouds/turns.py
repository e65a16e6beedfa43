"""The turns of many devices in one command: whose is next, how each of them ended, and that somebody stops them.

A cloud's client takes devices from it and settles them. It sends nothing itself.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

from .errors import CloudError, Reason
from .model import Value

type OnSettled = Callable[[str, CloudError | None, datetime], None]
"""Receives the id of a device, the error of its command or None, and when its turn began."""


def _ignore(*_: object) -> None:
    """Do nothing."""


class Turns:
    """The turns of the devices of a group in one command. Each device waits, then is taken, then is settled."""

    def __init__(self, on_begin: Callable[[], None] = _ignore, on_settled: OnSettled = _ignore) -> None:
        """Start without devices: only the cloud knows them.

        Call `on_begin` when the devices are known, and `on_settled` at the end of each turn.
        """
        self.values: Mapping[str, Value] = {}
        """The values as the devices will report them."""
        self._on_begin = on_begin
        self._on_settled = on_settled
        self._errors: dict[str, CloudError | None] = {}  # of the devices that are settled
        self._devices: tuple[str, ...] = ()
        self._waiting: dict[str, None] = {}
        self._taken_at: dict[str, datetime] = {}
        self._ends: dict[str, asyncio.Event] = {}  # of the turns under way that somebody waits for
        self._is_known = asyncio.Event()
        self._is_stopped = asyncio.Event()
        self._stopped_by: CloudError | None = None

    @property
    def total(self) -> int:
        """The number of devices; 0 as long as they are unknown."""
        return len(self._devices)

    @property
    def is_any_accepted(self) -> bool:
        """Whether the cloud has accepted the command for any device."""
        return any(error is None for error in self._errors.values())

    def errors(self) -> Mapping[str, CloudError | None]:
        """Return how the turns ended, by device id: with an error, or with None if the cloud accepted the command."""
        return {device_id: self._errors[device_id] for device_id in self._devices if device_id in self._errors}

    def begin(self, device_ids: Iterable[str], values: Mapping[str, Value]) -> None:
        """Let these devices wait for these values."""
        self.values = values
        self._devices = tuple(device_ids)
        self._waiting = dict.fromkeys(self._devices)
        self._is_known.set()
        self._on_begin()

    def take(self, most: int = 1) -> Sequence[str]:
        """Begin the turns of the devices that wait longest; of none once the command is stopped."""
        if self._stopped_by is not None:
            return ()
        taken = tuple(islice(self._waiting, most))
        for device_id in taken:
            self._begin_turn(device_id)
        return taken

    async def claim(self, device_id: str) -> bool:
        """Begin the turn of this device out of the order; return False if it has none, or has had it.

        A device that is taken may be put back, so this waits for the end of a turn under way.
        """
        await self._is_known.wait()
        while device_id in self._taken_at:
            await self._ends.setdefault(device_id, asyncio.Event()).wait()
        if device_id not in self._waiting or self._stopped_by is not None:
            return False
        self._begin_turn(device_id)
        return True

    def _begin_turn(self, device_id: str) -> None:
        del self._waiting[device_id]
        self._taken_at[device_id] = datetime.now(UTC)

    def _end_turn(self, device_id: str) -> None:
        if (end := self._ends.pop(device_id, None)) is not None:
            end.set()

    def put_back(self, device_id: str) -> None:
        """Let a device wait again that was taken, behind the others."""
        del self._taken_at[device_id]
        self._waiting[device_id] = None
        self._end_turn(device_id)

    def settle(self, device_id: str, error: CloudError | None) -> None:
        """End the turn of a device, with an error if it did not get the values."""
        self._waiting.pop(device_id, None)
        began_at = self._taken_at.pop(device_id, None) or datetime.now(UTC)
        self._errors[device_id] = error
        self._end_turn(device_id)
        self._on_settled(device_id, error, began_at)

    def stop(self, error: CloudError | None = None) -> None:
        """Take no more devices: they end with this error, or with the reason STOPPED if it is the user's wish."""
        self._stopped_by = self._stopped_by or error or CloudError(Reason.STOPPED)
        self._is_stopped.set()

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until the command is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stopped.wait()

    def end(self) -> None:
        """Settle the devices that had no turn; from now on, nobody waits for one."""
        self.stop()
        for device_id in self._devices:
            if device_id not in self._errors:
                self.settle(device_id, self._stopped_by)
        self._is_known.set()
