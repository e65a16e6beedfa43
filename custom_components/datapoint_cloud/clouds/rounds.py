"""One round of readings, side by side: which failure costs one device, and which ends the round.

It knows no vendor and sends nothing itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from .cloud import Readings
from .errors import AuthFailed, CloudError, RateLimited, Reason, Unreachable
from .model import Device, Snapshot

_SERVER_ERRORS_TO_STOP = 5


class Round:
    """Collects what the devices of one round answer."""

    def __init__(self) -> None:
        self.snapshots: dict[str, Snapshot] = {}
        self.failures: dict[str, CloudError] = {}
        self.stopped_by: CloudError | None = None
        self._server_errors = 0

    async def read(
        self, devices: Iterable[Device], read_one: Callable[[Device], Awaitable[Snapshot]], *, parallel: int
    ) -> None:
        """Read `devices` one by one, `parallel` at a time, until something ends the round."""
        waiting = iter(devices)

        async def work() -> None:
            for device in waiting:
                if self.stopped_by is not None:
                    return
                try:
                    self.snapshots[device.id] = await read_one(device)
                except CloudError as error:
                    self.fail([device], error)

        await asyncio.gather(*(work() for _ in range(parallel)))

    def fail(self, devices: Iterable[Device], error: CloudError) -> None:
        """Note that `devices` failed, or that the round ends here."""
        if self._ends(error):
            self.stopped_by = self.stopped_by or error
            return
        self.failures.update((device.id, error) for device in devices)

    def _ends(self, error: CloudError) -> bool:
        if isinstance(error, AuthFailed | RateLimited):
            return True
        if not isinstance(error, Unreachable):
            return False
        # A server may stumble over one device; over several it is the server.
        self._server_errors += 1
        return error.reason is not Reason.SERVER_ERROR or self._server_errors >= _SERVER_ERRORS_TO_STOP

    def outcome(self) -> Readings:
        """What the round brought. Raises `AuthFailed` if that ended it."""
        if isinstance(self.stopped_by, AuthFailed):
            raise self.stopped_by
        return Readings(snapshots=self.snapshots, failures=self.failures, stopped_by=self.stopped_by)
