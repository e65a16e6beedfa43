"""The request that reads the last values of many devices at once ("Last values").

The document does not describe its body, nor how many devices it may name, and one device can make the whole request
fail. The reader finds the body that works, leaves out the devices that spoil it, sends smaller requests if they were
too large, and pauses a request that fails. It does not choose the devices.
"""

import itertools
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import coerce
from ..client_store import ClientStore
from ..cloud import OnSnapshot
from ..errors import CloudError, Forbidden, NotSupported, Reason, Rejected, UnexpectedAnswer, Unreachable
from ..model import Snapshot

_LOGGER = logging.getLogger(__name__)

ENDPOINT = "/ca/{ca}/last-values"
_MOST_DEVICES = 100
"""How many devices one request covers, unless the server refuses so many."""
_FEW_DEVICES = 2
"""How many devices a body is tried with if all bodies are refused for many."""

_BODIES: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "deviceUuids": lambda uuids: {"deviceUuids": list(uuids)},
    "devices": lambda uuids: {"devices": list(uuids)},
    "list": list,
}
"""The bodies that the request may want, the likeliest first."""

_SLOT = "last_values_body"  # in the client store
_UNSUPPORTED_SECONDS = 900
_PATIENCE_SECONDS = 3600  # how long a request that once worked may fail before it counts as unsupported
_PAUSE_SECONDS = 180  # of a failing request: shorter than two polls
_MOST_SEARCH_REQUESTS = 16

_REFUSALS = (Forbidden, NotSupported, Rejected)  # of the body, or of one of the devices
_FAILURES = (Unreachable, UnexpectedAnswer)  # whatever is requested

type SendBulk = Callable[[str, Any], Awaitable[Mapping[str, Snapshot]]]
"""Sends a body. The first argument is the same for requests that cover about the same devices."""


@dataclass(slots=True)
class BulkResult:
    """What the bulk requests of one poll brought.

    `refused`: devices that cannot be part of a request. `most_singles`: how many of the other missing devices may be
    read alone instead, so that a poll costs at most three times as many requests as usual; infinite if devices are
    usually read alone. `error`: why the request fails.
    """

    on_snapshot: OnSnapshot
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    refused: dict[str, CloudError] = field(default_factory=dict)
    most_singles: float = math.inf
    error: CloudError | None = None

    def add(self, snapshots: Mapping[str, Snapshot]) -> None:
        """Add the snapshots of one answer."""
        self.snapshots |= snapshots
        for uuid, snapshot in snapshots.items():
            self.on_snapshot(uuid, snapshot)


class BulkReader:
    """Sends the bulk requests of one account."""

    def __init__(self, send: SendBulk, client_store: ClientStore) -> None:
        """Send with `send`; remember in `client_store` which body works."""
        self._send = send
        self._client_store = client_store
        self._paused_until = -math.inf  # on the monotonic clock
        self._failing_since: float | None = None  # on the monotonic clock
        self._most_devices = _MOST_DEVICES

    @property
    def devices_a_request(self) -> int:
        """How many devices one request covers; 1 if they have to be read alone."""
        return 1 if self.is_unsupported else self._most_devices

    @property
    def is_unsupported(self) -> bool:
        """Whether the server refused every body when they were last tried."""
        return self._unsupported_until is not None

    @property
    def is_supported(self) -> bool:
        """Whether a body is known to work."""
        return self._known_body is not None

    @property
    def _known_body(self) -> str | None:
        name = coerce.text(coerce.fields(self._client_store.get(_SLOT)).get("works"))
        return name if name in _BODIES else None

    @property
    def _unsupported_until(self) -> float | None:
        return coerce.number(coerce.fields(self._client_store.get(_SLOT)).get("without_until_seconds"))

    @property
    def _is_due(self) -> bool:
        until = self._unsupported_until
        return until is None or not 0 <= until - time.time() <= _UNSUPPORTED_SECONDS

    def _mark_unsupported(self) -> None:
        self._client_store.put(_SLOT, {"without_until_seconds": int(time.time()) + _UNSUPPORTED_SECONDS})

    def forget_size(self) -> None:
        """Put the usual number of devices into a request again: the server may have changed its limit."""
        self._most_devices = _MOST_DEVICES

    def forget_unsupported(self) -> None:
        """Try the bodies again at the next poll: devices that are now left out may have made the server refuse them."""
        if self.is_unsupported:
            self._client_store.put(_SLOT, None)

    def give_up_if_failing_for_long(self) -> None:
        """Count the request as unsupported if it has failed for long. Call this when devices answer alone."""
        patience = _PATIENCE_SECONDS if self.is_supported else _PAUSE_SECONDS
        if self._failing_since is not None and time.monotonic() - self._failing_since > patience:
            self._mark_unsupported()

    async def read(self, uuids: Sequence[str], result: BulkResult) -> None:
        """Read these devices into `result`.

        Raises errors of the account (`AuthFailed`, `RateLimited`) and the loss of the connection.
        """
        chunks = math.ceil(len(uuids) / self._most_devices)
        most_singles = math.inf if self.is_unsupported else chunks
        if time.monotonic() < self._paused_until:
            result.most_singles = most_singles
            return
        waiting = uuids
        for index in itertools.count():
            if not waiting or not self._is_due:
                break
            chunk, waiting = waiting[: self._most_devices], waiting[self._most_devices :]
            result.error = await self._read_chunk(f"{index}", chunk, result)
            if result.error is not None:
                break
            result.most_singles = min(result.most_singles, 2 * chunks if self.is_supported else math.inf)
        if result.error is None and self.is_supported and not result.snapshots:
            # Every device was refused, or the answers held none of them: it is the request that fails.
            result.error = next(iter(result.refused.values()), UnexpectedAnswer(endpoint=ENDPOINT))
            result.refused.clear()
        if result.error is not None:
            result.most_singles = most_singles
            self._pause(result.error)
        elif result.snapshots:
            self._recover()

    async def _read_chunk(self, request_key: str, uuids: Sequence[str], result: BulkResult) -> CloudError | None:
        """Read the devices of one request. Return the error of a request that fails whatever it covers."""
        body = self._known_body
        if body is None:
            return await self._find_body(request_key, uuids, result)
        answer = await self._request(body, request_key, uuids)
        if not isinstance(answer, CloudError):
            result.add(answer)
            return None
        if self._failing_since is not None:  # a search has failed already
            return answer
        if isinstance(answer, _FAILURES) and not await self._is_anyone_answered(body, uuids, answer, result):
            return answer
        if not isinstance(answer, (Forbidden, *_FAILURES)):
            others = [name for name in _BODIES if name != body]
            if await self._try_bodies(others, request_key, uuids, result) is None:
                return None
        return await self._find_refused(body, uuids, answer, result)

    async def _find_body(self, request_key: str, uuids: Sequence[str], result: BulkResult) -> CloudError | None:
        """Read the devices with the first body that works; the request is unsupported if the server refuses all."""
        if self._failing_since is not None and len(uuids) > _FEW_DEVICES:
            # Perhaps the server fails over one of the devices, whatever the body.
            error = await self._try_bodies(_BODIES, "part", uuids[-_FEW_DEVICES:], result)
            if error is None:
                self._recover()
                return await self._read_chunk(request_key, uuids, result)
            return error
        error = await self._try_bodies(_BODIES, request_key, uuids, result)
        if isinstance(error, Rejected) and len(uuids) > _FEW_DEVICES:
            # Perhaps the devices were too many.
            await self._try_bodies(_BODIES, "part", uuids[:_FEW_DEVICES], result)
            if (body := self._known_body) is not None:
                return await self._find_refused(body, uuids, error, result)
        if error is not None and not isinstance(error, _FAILURES):
            self._mark_unsupported()
            return None
        return error

    async def _try_bodies(
        self, names: Iterable[str], request_key: str, uuids: Sequence[str], result: BulkResult
    ) -> CloudError | None:
        """Try these bodies until one is answered; return the error if none is."""
        error: CloudError = NotSupported()
        for name in names:
            answer = await self._request(name, request_key, uuids)
            if not isinstance(answer, CloudError):
                if answer:
                    self._client_store.put(_SLOT, {"works": name})
                    result.add(answer)
                    return None
            elif isinstance(answer, _FAILURES):
                # Some servers fail over a body they did not expect, so the next one may still work.
                error = answer
                if error.reason is Reason.TIMEOUT:
                    break
            elif not isinstance(error, _FAILURES):
                error = answer
        return error

    async def _is_anyone_answered(self, body: str, uuids: Sequence[str], error: CloudError, result: BulkResult) -> bool:
        """Whether a request that failed works for its first or its last device, so that others may spoil it."""
        if error.reason is Reason.TIMEOUT:
            return False
        for uuid in {uuids[0]: None, uuids[-1]: None}:
            answer = await self._request(body, "part", [uuid])
            if not isinstance(answer, CloudError):
                result.add(answer)
                return True
        return False

    async def _find_refused(
        self, body: str, uuids: Sequence[str], error: CloudError, result: BulkResult
    ) -> CloudError | None:
        """Halve a refused request until the devices that spoil it are alone; the next poll goes on with the rest.

        If parts are answered and no device is refused alone, the request was too large.
        """
        if len(uuids) == 1:
            result.refused[uuids[0]] = error
            return None
        waiting, longest, is_any_refused = _halves(uuids), 0, False
        for _ in range(_MOST_SEARCH_REQUESTS):
            if not waiting:
                break
            part = waiting.pop()
            answer = await self._request(body, "part", part)
            if not isinstance(answer, CloudError):
                result.add(answer)
                longest = max(longest, len(part))
            elif answer.reason is Reason.TIMEOUT:
                return answer
            elif len(part) > 1:
                waiting += _halves(part)
            else:
                result.refused[part[0]] = answer
                is_any_refused = True
        if longest and not is_any_refused:
            self._most_devices = longest
        if waiting:
            result.most_singles = 0
        return None

    async def _request(self, body: str, request_key: str, uuids: Sequence[str]) -> Mapping[str, Snapshot] | CloudError:
        """Send one request. Return an error of the request itself, raise every other one."""
        try:
            snapshots = await self._send(request_key, _BODIES[body](uuids))
        except CloudError as error:
            is_of_request = error.endpoint == ENDPOINT and error.reason is not Reason.NO_CONNECTION
            if is_of_request and isinstance(error, (*_REFUSALS, *_FAILURES)):
                return error
            raise
        return {uuid: snapshots[uuid] for uuid in uuids if uuid in snapshots}

    def _pause(self, error: CloudError) -> None:
        now = time.monotonic()
        self._paused_until = now + _PAUSE_SECONDS
        if self._failing_since is None:
            self._failing_since = now
            _LOGGER.warning("The last values of all devices cannot be read at once, only of few at a time: %s", error)
        elif self.is_supported and now - self._failing_since > _PATIENCE_SECONDS and isinstance(error, _REFUSALS):
            self._client_store.put(_SLOT, None)

    def _recover(self) -> None:
        if self._failing_since is not None:
            _LOGGER.info("The last values of all devices can be read at once again")
            self._failing_since = None


def _halves(uuids: Sequence[str]) -> list[Sequence[str]]:
    middle = len(uuids) // 2
    return [uuids[middle:], uuids[:middle]]
