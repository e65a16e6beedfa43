"""Polls last values: of all devices at once where the server can do that, of single devices otherwise.

It decides which devices are requested alone and how often refused ones are retried.
"""

import math
from collections.abc import Awaitable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..backoff import Backoff
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
from .bulk import BulkReader, BulkResult
from .decoder import LastValuesDecoder
from .variables import DeviceSchema

PARALLEL = 4

_SINGLE = "/ca/{ca}/devices/{device}/last-values"
_SHORTEST_DEFERRAL = 2  # polls, doubled each time
_LONGEST_DEFERRAL = 64


class SendLastValues(Protocol):
    """Sends a request for last values, with a token."""

    def __call__(
        self, method: str, template: str, *, device: str | None = None, json_body: Any = None
    ) -> Awaitable[Answer]:
        """Return the answer, undecoded."""


@dataclass(frozen=True, slots=True)
class _Deferral:
    """A device that is not requested before the poll `until`. `error` is its refusal, None if it has no values."""

    error: CloudError | None
    until: float
    backoff: Backoff


class LastValuesReader:
    """Polls the last values of one account's devices."""

    def __init__(self, send: SendLastValues, client_store: ClientStore, schemas: Mapping[str, DeviceSchema]) -> None:
        """Send with `send`, and read the values as the `schemas` say."""
        self._send = send
        self._bulk = BulkReader(self._read_bulk, client_store)
        self._decoder = LastValuesDecoder(schemas)
        self._deferrals: dict[str, _Deferral] = {}
        self._answered: set[str] = set()  # devices that were ever read
        self._poll = 0

    @property
    def devices_a_request(self) -> int:
        """How many devices one request reads."""
        return self._bulk.devices_a_request

    def update_devices(self, uuids: Container[str]) -> None:
        """Let the next poll request every listed device. Refused ones return to the bulk request once they answer."""
        self._decoder.forget()
        self._bulk.forget_size()
        self._deferrals = {
            uuid: _Deferral(deferral.error, self._poll, deferral.backoff)
            for uuid, deferral in self._deferrals.items()
            if deferral.error is not None and uuid in uuids
        }

    async def read(self, devices: Sequence[Device], on_snapshot: OnSnapshot) -> Readings:
        """Read these devices. An error of one device is its failure; raises only `AuthFailed`."""
        self._poll += 1
        in_bulk = BulkResult(on_snapshot)
        uuids = [device.id for device in devices if not self._is_refused(device.id)]
        if len(uuids) > 1:
            try:
                await self._bulk.read(uuids, in_bulk)
            except AuthFailed:
                raise
            except CloudError as error:
                return Readings(snapshots=in_bulk.snapshots, stopped_by=error)
        for uuid, refusal in in_bulk.refused.items():
            self._defer(uuid, _of_device(refusal))
        missing = [device for device in devices if device.id not in in_bulk.snapshots]
        readings = await self._read_missing(missing, in_bulk, on_snapshot)
        self._answered |= readings.snapshots.keys()
        return readings

    async def _read_missing(self, missing: Sequence[Device], in_bulk: BulkResult, on_snapshot: OnSnapshot) -> Readings:
        """Add the devices that no bulk answer held."""
        due = [device for device in missing if self._is_due(device.id, is_bulk_answered=bool(in_bulk.snapshots))]
        chosen = self._choose(due, in_bulk)
        singly = await read_round(chosen, self._read_single, on_snapshot, parallel=PARALLEL)
        if in_bulk.error is not None and singly.snapshots:
            self._bulk.give_up_if_failing_for_long()
        stopped_by = _stopped_by(in_bulk, singly)
        if stopped_by is None and len(chosen) < len(due):
            stopped_by = RateLimited(Reason.BUDGET_SPENT)
        snapshots = {**in_bulk.snapshots, **singly.snapshots}
        failures = dict(singly.failures)
        for device in missing:
            deferral = self._deferrals.get(device.id)
            if deferral is None or device.id in snapshots:
                continue
            if deferral.error is not None:
                failures.setdefault(device.id, deferral.error)
            elif device not in due:
                snapshots[device.id] = Snapshot()
                on_snapshot(device.id, snapshots[device.id])
        return Readings(snapshots=snapshots, failures=failures, stopped_by=stopped_by)

    # Requests

    async def _read_bulk(self, request_key: str, body: Any) -> Mapping[str, Snapshot]:
        return self._decoder.decode(request_key, await self._send("PUT", bulk.ENDPOINT, json_body=body))

    async def _read_single(self, device: Device) -> Snapshot:
        try:
            snapshots = self._decoder.decode(device.id, await self._send("GET", _SINGLE, device=device.id))
        except (Forbidden, DeviceGone, Rejected) as error:
            if error.endpoint == _SINGLE:
                self._defer(device.id, error)
            raise
        self._deferrals.pop(device.id, None)
        if device.id not in snapshots:
            self._defer(device.id, None)
        return snapshots.get(device.id, Snapshot())

    # Which devices are requested alone

    def _choose(self, due: list[Device], in_bulk: BulkResult) -> list[Device]:
        """Choose as many devices as may be read alone, and those that no bulk request is going to read soon."""
        if in_bulk.most_singles == math.inf:
            return due
        most = int(in_bulk.most_singles)
        if not in_bulk.snapshots and self._bulk.is_supported:
            return due[:most]
        new = [device for device in due if device.id not in self._answered]
        return new + [device for device in due if device.id in self._answered][:most]

    def _defer(self, uuid: str, error: CloudError | None) -> None:
        before = self._deferrals.get(uuid)
        if error is not None and not self._is_refused(uuid):
            self._bulk.forget_unsupported()
        backoff = Backoff(_SHORTEST_DEFERRAL, _LONGEST_DEFERRAL) if before is None else before.backoff
        self._deferrals[uuid] = _Deferral(error, self._poll + backoff.next(), backoff)

    def _is_refused(self, uuid: str) -> bool:
        deferral = self._deferrals.get(uuid)
        return deferral is not None and deferral.error is not None

    def _is_due(self, uuid: str, *, is_bulk_answered: bool) -> bool:
        """Whether to request a device alone. A device that bulk answers leave out usually has no values."""
        deferral = self._deferrals.get(uuid)
        if deferral is None:
            return True
        return not is_bulk_answered if deferral.error is None else self._poll >= deferral.until


def _stopped_by(in_bulk: BulkResult, singly: Readings) -> CloudError | None:
    """Return the error that ended a poll early, or that left it without any snapshot."""
    if in_bulk.snapshots:
        # A server that answered the bulk request is not lost.
        return None if isinstance(singly.stopped_by, Unreachable) else singly.stopped_by
    if singly.stopped_by is not None or singly.snapshots:
        return singly.stopped_by
    if in_bulk.error is not None:
        return in_bulk.error
    # The list of devices, whose failure would show a lost server, is seldom due.
    failures = list(singly.failures.values())
    is_lost = failures and all(isinstance(error, Unreachable) for error in failures)
    return failures[0] if is_lost else None


def _of_device(error: CloudError) -> CloudError:
    """Return the refusal of a bulk request as that of its only device."""
    if isinstance(error, NotSupported):
        return DeviceGone(Reason.NOT_FOUND, endpoint=error.endpoint, status=error.status)
    return error
