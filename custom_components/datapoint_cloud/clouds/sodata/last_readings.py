"""One round of last values: of all devices at once where the server does that, one by one where it does not.

It owns which devices are left out for a while. How many are asked for at once is the bulk call's business, what the
answers mean that of the mapping.
"""

import math
from collections.abc import Awaitable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..client_store import ClientStore
from ..cloud import OnSnapshot, Readings
from ..errors import (
    AuthFailed,
    CloudError,
    DeviceGone,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    Unreachable,
)
from ..http import Answer
from ..model import Device, Snapshot
from ..read_many import read_round
from . import bulk
from .bulk import Bulk
from .last_values import LastValues
from .mapping import Description

PARALLEL = 4

_OF_ONE = "/ca/{ca}/devices/{device}/last-values"
_FIRST_REST = 2  # rounds that a refused device is left alone for; twice as many each time
_LONGEST_REST = 64


class Ask(Protocol):
    """Sends a request for last values, with a token."""

    def __call__(
        self, method: str, template: str, *, device: str | None = None, json_body: Any = None
    ) -> Awaitable[Answer]:
        """Return the answer, undecoded."""


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """A device that is not asked for before a round: it was refused, or (None) has nothing to say."""

    refusal: CloudError | None
    rest: int
    until: int


class LastReadings:
    """The last values of one account's devices, round by round."""

    def __init__(self, ask: Ask, client_store: ClientStore, descriptions: Mapping[str, Description]) -> None:
        """Ask with `ask`, and read what comes as the `descriptions` say."""
        self._ask = ask
        self._bulk = Bulk(self._ask_for_many, client_store)
        self._last_values = LastValues(descriptions)
        self._left_out: dict[str, _LeftOut] = {}
        self._answered: set[str] = set()
        self._round = 0

    @property
    def devices_a_request(self) -> int:
        """How many devices one request reads."""
        return 1 if self._bulk.is_refused else bulk.MOST_DEVICES

    def take_list(self, uuids: Container[str]) -> None:
        """Ask for everything that is listed again. What was refused comes back into the bulk call once it answers."""
        self._last_values.forget()
        self._left_out = {
            uuid: _LeftOut(left_out.refusal, left_out.rest, self._round)
            for uuid, left_out in self._left_out.items()
            if left_out.refusal is not None and uuid in uuids
        }

    async def read(self, devices: Sequence[Device], on_snapshot: OnSnapshot) -> Readings:
        """Read these devices; a refused one costs only itself. Raises `AuthFailed` alone."""
        self._round += 1
        snapshots: dict[str, Snapshot] = {}

        def take(told: Mapping[str, Snapshot]) -> None:
            snapshots.update(told)
            for uuid, snapshot in told.items():
                on_snapshot(uuid, snapshot)

        together = bulk.Round()
        asked_together = [device.id for device in devices if not self._is_refused(device.id)]
        if len(asked_together) > 1:
            try:
                together = await self._bulk.read(asked_together, take)
            except AuthFailed:
                raise
            except CloudError as error:
                return Readings(snapshots=snapshots, stopped_by=error)
        for uuid, refusal in together.refused.items():
            self._leave_out(uuid, _of_device(refusal, uuid))
        self._answered |= snapshots.keys()
        return await self._read_others(devices, snapshots, together, on_snapshot)

    async def _read_others(
        self, devices: Sequence[Device], snapshots: dict[str, Snapshot], together: bulk.Round, on_snapshot: OnSnapshot
    ) -> Readings:
        """Read one by one what no bulk call told of."""
        missing = [device for device in devices if device.id not in snapshots]
        due = [device for device in missing if self._is_due(device.id, is_spoken_of=bool(snapshots))]
        taken = self._within(due, together.singles, is_bulk_failing=not snapshots)
        were_refused = sum(map(self._is_refused, self._left_out))
        singly = await read_round(taken, self._read_one, on_snapshot, parallel=PARALLEL)
        if sum(map(self._is_refused, self._left_out)) > were_refused:
            self._bulk.reconsider()
        if together.error is not None and singly.snapshots:
            self._bulk.note_that_devices_answer()
        self._answered |= singly.snapshots.keys()
        # A server that answers for the others is not lost.
        is_reached = bool(snapshots) and isinstance(singly.stopped_by, Unreachable)
        stopped_by = None if is_reached else singly.stopped_by
        snapshots |= singly.snapshots
        if stopped_by is None and not snapshots:
            stopped_by = together.error or _loss(singly)
        if stopped_by is None and len(taken) < len(due):
            stopped_by = RateLimited(Reason.BUDGET_SPENT)
        failures = dict(singly.failures)
        for device in missing:
            left_out = self._left_out.get(device.id)
            if left_out is None or device.id in snapshots:
                continue
            if left_out.refusal is not None:
                failures.setdefault(device.id, left_out.refusal)
            elif device not in due:
                snapshots[device.id] = Snapshot()
                on_snapshot(device.id, snapshots[device.id])
        return Readings(snapshots=snapshots, failures=failures, stopped_by=stopped_by)

    def _within(self, due: list[Device], singles: float, *, is_bulk_failing: bool) -> list[Device]:
        """As many as may be read one by one, and those that were never read, if no bulk call will tell of them."""
        if singles == math.inf:
            return due
        if is_bulk_failing and self._bulk.has_worked:
            return due[: int(singles)]
        new = [device for device in due if device.id not in self._answered]
        return new + [device for device in due if device.id in self._answered][: int(singles)]

    # One by one

    async def _read_one(self, device: Device) -> Snapshot:
        try:
            answered = self._last_values.read(device.id, await self._ask("GET", _OF_ONE, device=device.id))
        except (Forbidden, DeviceGone, Rejected) as error:
            if error.endpoint == _OF_ONE:
                self._leave_out(device.id, error)
            raise
        self._left_out.pop(device.id, None)
        if device.id not in answered:
            self._leave_out(device.id, None)
        return answered.get(device.id, Snapshot())

    async def _ask_for_many(self, asked_for: str, body: Any) -> Mapping[str, Snapshot]:
        return self._last_values.read(asked_for, await self._ask("PUT", bulk.ENDPOINT, json_body=body))

    # Left out

    def _leave_out(self, uuid: str, refusal: CloudError | None) -> None:
        before = self._left_out.get(uuid)
        rest = _FIRST_REST if before is None else min(2 * before.rest, _LONGEST_REST)
        self._left_out[uuid] = _LeftOut(refusal, rest, self._round + rest)

    def _is_refused(self, uuid: str) -> bool:
        left_out = self._left_out.get(uuid)
        return left_out is not None and left_out.refusal is not None

    def _is_due(self, uuid: str, *, is_spoken_of: bool) -> bool:
        """Whether a device is worth a request of its own. What a working bulk call leaves out has nothing to say."""
        left_out = self._left_out.get(uuid)
        if left_out is None:
            return True
        if left_out.refusal is not None:
            return self._round >= left_out.until
        return not is_spoken_of


def _loss(singly: Readings) -> CloudError | None:
    """The failure of the cloud where it answers for no device at all; its list, which would tell, is seldom due."""
    failures = list(singly.failures.values())
    is_lost = failures and all(isinstance(failure, Unreachable) for failure in failures)
    return failures[0] if is_lost else None


def _of_device(refusal: CloudError, uuid: str) -> CloudError:
    """The refusal of a bulk call, when it was found to be for one device."""
    if isinstance(refusal, NotSupported):
        return DeviceGone(Reason.NOT_FOUND, endpoint=refusal.endpoint, status=refusal.status)
    return refusal
