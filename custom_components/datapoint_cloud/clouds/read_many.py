"""Reads many devices in parallel, and stops early when further requests would fail.

It knows neither what is read nor from where.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from .cloud import OnSnapshot, Readings
from .errors import AuthFailed, CloudError, RateLimited, Unreachable
from .model import Device, Snapshot

_MOST_UNREACHED = 4  # devices in a row without any answer


async def read_round(
    devices: Sequence[Device], read: Callable[[Device], Awaitable[Snapshot]], on_snapshot: OnSnapshot, *, parallel: int
) -> Readings:
    """Read each device with `read`, at most `parallel` at a time, and call `on_snapshot` for each success.

    The round ends early when requests are limited or the cloud no longer answers. An error in an answer concerns only
    its device, since devices of other products may work. Raises only `AuthFailed`.
    """
    return await _Round(devices, read, on_snapshot).run(parallel)


class _Round:
    def __init__(
        self, devices: Sequence[Device], read: Callable[[Device], Awaitable[Snapshot]], on_snapshot: OnSnapshot
    ) -> None:
        self._waiting = iter(devices)
        self._read = read
        self._on_snapshot = on_snapshot
        self._snapshots: dict[str, Snapshot] = {}
        self._failures: dict[str, CloudError] = {}
        self._unreached = 0
        self._stopped_by: CloudError | None = None

    async def run(self, parallel: int) -> Readings:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(parallel):
                tasks.create_task(self._work())
        if isinstance(self._stopped_by, AuthFailed):
            raise self._stopped_by
        return Readings(
            snapshots=self._snapshots, failures=self._failures, stopped_by=self._stopped_by or self._unreachable_error()
        )

    async def _work(self) -> None:
        for device in self._waiting:
            if self._stopped_by is not None:
                return
            try:
                snapshot = await self._read(device)
                self._snapshots[device.id] = snapshot
                self._on_snapshot(device.id, snapshot)
                self._unreached = 0
            except (AuthFailed, RateLimited) as error:
                # Refused credentials are more important than a rate limit that ended the round first.
                if not isinstance(self._stopped_by, AuthFailed):
                    self._stopped_by = error
            except CloudError as error:
                self._failures[device.id] = error
                self._unreached = self._unreached + 1 if _is_without_answer(error) else 0
                if self._unreached >= _MOST_UNREACHED:
                    self._stopped_by = self._stopped_by or error

    def _unreachable_error(self) -> CloudError | None:
        """The error of the first device if no device could be reached."""
        failures = list(self._failures.values())
        is_lost = failures and not self._snapshots and all(map(_is_without_answer, failures))
        return failures[0] if is_lost else None


def _is_without_answer(error: CloudError) -> bool:
    return isinstance(error, Unreachable) and error.status is None
