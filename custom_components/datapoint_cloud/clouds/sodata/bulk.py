"""The call that reads many devices at once ("Last values"): its body is nowhere described, and one device can spoil it.

It owns what the server was seen to take, and how often a failing call is tried. Whom to ask is the reader's business.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from .. import coerce
from ..client_store import ClientStore
from ..errors import CloudError, Forbidden, NotSupported, Reason, Rejected, UnexpectedAnswer, Unreachable
from ..model import Snapshot

_LOGGER = logging.getLogger(__name__)

ENDPOINT = "/ca/{ca}/last-values"
MOST_DEVICES = 100
"""How many devices one call asks for."""

_BODIES: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "deviceUuids": lambda uuids: {"deviceUuids": list(uuids)},
    "devices": lambda uuids: {"devices": list(uuids)},
    "list": list,
}
"""How the call may want its devices, the likeliest first. The document does not say."""

_KEPT = "last_values_body"  # in the memory
_WITHOUT_FOR_SECONDS = 900
_REFUSED_FOR_SECONDS = 3600  # until what worked once counts as no longer offered
_REST_SECONDS = 180  # of a failing call: shorter than two rounds
_MOST_TRIES = 16  # of a search for the devices that spoil a call

type Ask = Callable[[str, Any], Awaitable[Mapping[str, Snapshot]]]
"""Sends the body of a call. The first argument is the same for calls that ask for much the same devices."""


@dataclass(slots=True)
class Round:
    """What one round of calls brought.

    `refused` are devices that may not be part of a call. `singles` is how many of the others may be read one by one
    instead, so that it costs no more than three times the calls; without an end where that is the usual way. `error`
    is what the call failed with.
    """

    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    refused: dict[str, CloudError] = field(default_factory=dict)
    singles: float = math.inf
    error: CloudError | None = None


class _Trouble(Exception):
    """A call was answered by an error of its own endpoint; all other errors end the round."""

    def __init__(self, error: CloudError) -> None:
        super().__init__(str(error))
        self.error = error


class _Refused(_Trouble):
    """The call is refused: for its body, or for one of its devices."""


class _Failing(_Trouble):
    """The call fails now, whatever it asks for."""


class Bulk:
    """The bulk call of one account."""

    def __init__(self, ask: Ask, client_store: ClientStore) -> None:
        """Call with `ask`; keep in `client_store` what works."""
        self._ask = ask
        self._client_store = client_store
        self._rests_until = -math.inf  # on the monotonic clock
        self._fails_since: float | None = None  # likewise

    @property
    def is_refused(self) -> bool:
        """Whether the server did not do this when it was last tried."""
        return self._without_until is not None

    @property
    def _is_worth_trying(self) -> bool:
        until = self._without_until
        return until is None or not 0 <= until - time.time() <= _WITHOUT_FOR_SECONDS

    @property
    def _without_until(self) -> float | None:
        return coerce.number(coerce.fields(self._client_store.get(_KEPT)).get("without_until_seconds"))

    @property
    def has_worked(self) -> bool:
        """Whether the server is known to do this."""
        return self._works is not None

    @property
    def _works(self) -> str | None:
        works = coerce.text(coerce.fields(self._client_store.get(_KEPT)).get("works"))
        return works if works in _BODIES else None

    def note_that_devices_answer(self) -> None:
        """Take note that devices answer one by one: a call that has failed for long meanwhile is not offered."""
        patience = _REFUSED_FOR_SECONDS if self.has_worked else _REST_SECONDS
        if self._fails_since is not None and time.monotonic() - self._fails_since > patience:
            self._do_without()

    def _do_without(self) -> None:
        self._client_store.put(_KEPT, {"without_until_seconds": int(time.time()) + _WITHOUT_FOR_SECONDS})

    def reconsider(self) -> None:
        """Forget that the server does not do this: it may have refused devices that are not asked for any more."""
        if self.is_refused:
            self._client_store.put(_KEPT, None)

    async def read(self, uuids: Sequence[str], on_snapshot: Callable[[Mapping[str, Snapshot]], None]) -> Round:
        """Read what the server tells of these devices, and `on_snapshot` each answer at once.

        Raises what concerns the account (`AuthFailed`, `RateLimited`), and the loss of the connection.
        """
        found = Round()
        chunks = list(batched(uuids, MOST_DEVICES, strict=False))
        few = math.inf if self.is_refused else len(chunks)
        if time.monotonic() < self._rests_until:
            found.singles = few
            return found
        try:
            for number, chunk in enumerate(chunks):
                if not self._is_worth_trying:
                    break
                known = found.snapshots.keys() | ()
                await self._read_chunk(f"{number}", chunk, found)
                found.singles = min(found.singles, 2 * len(chunks) if self.has_worked else math.inf)
                on_snapshot({uuid: snapshot for uuid, snapshot in found.snapshots.items() if uuid not in known})
            self._check(found)
        except _Failing as failing:
            found.error = failing.error
            found.singles = few
            self._rest(failing.error)
        else:
            self._recover(is_answered=bool(found.snapshots))
        return found

    async def _read_chunk(self, number: str, uuids: Sequence[str], found: Round) -> None:
        works = self._works
        if works is None:
            await self._find_body(number, uuids, found)
            return
        try:
            found.snapshots |= await self._call(works, number, uuids)
        except _Refused as refused:
            if self._fails_since is not None:
                raise _Failing(refused.error) from refused  # a search was in vain already
            if not isinstance(refused.error, Forbidden):
                others = [name for name in _BODIES if name != works]
                if await self._try_bodies(others, number, uuids, found) is None:
                    return
            await self._find_refused(works, uuids, refused.error, found)

    async def _find_body(self, number: str, uuids: Sequence[str], found: Round) -> None:
        refusal = await self._try_bodies(_BODIES, number, uuids, found)
        if refusal is None:
            return
        if _is_failure(refusal):
            raise _Failing(refusal)
        self._do_without()

    async def _try_bodies(
        self, names: Iterable[str], number: str, uuids: Sequence[str], found: Round
    ) -> CloudError | None:
        """Call with these bodies until one is answered; return why none was."""
        refusal: CloudError = NotSupported()
        for name in names:
            try:
                told = await self._call(name, number, uuids)
            except _Refused as refused:
                refusal = refusal if _is_failure(refusal) else refused.error
            except _Failing as failing:
                # Some servers stumble over a body they did not expect.
                refusal = failing.error
                if refusal.reason is Reason.TIMEOUT:
                    break
            else:
                if told:
                    self._client_store.put(_KEPT, {"works": name})
                    found.snapshots |= told
                    return None
        return refusal

    async def _find_refused(self, works: str, uuids: Sequence[str], refusal: CloudError, found: Round) -> None:
        """Halve a refused call until the devices that spoil it stand alone, or the calls have been many."""
        if len(uuids) == 1:
            found.refused[uuids[0]] = refusal
            return
        waiting = _halves(uuids)
        for _ in range(_MOST_TRIES):
            if not waiting:
                return
            part = waiting.pop()
            try:
                found.snapshots |= await self._call(works, "part", part)
            except _Refused as refused:
                if len(part) > 1:
                    waiting += _halves(part)
                else:
                    found.refused[part[0]] = refused.error
        if waiting:
            found.singles = 0  # what is left has its turn in the next round

    async def _call(self, name: str, asked_for: str, uuids: Sequence[str]) -> Mapping[str, Snapshot]:
        try:
            told = await self._ask(asked_for, _BODIES[name](uuids))
        except CloudError as error:
            if error.endpoint != ENDPOINT or error.reason is Reason.NO_CONNECTION:
                raise
            if _is_failure(error):
                raise _Failing(error) from error
            if isinstance(error, Forbidden | NotSupported | Rejected):
                raise _Refused(error) from error
            raise
        return {uuid: told[uuid] for uuid in uuids if uuid in told}

    def _check(self, found: Round) -> None:
        if found.snapshots or not self.has_worked:
            return
        # It is the call that is refused, not the devices; or it is answered by nothing at all.
        refusals = list(found.refused.values())
        found.refused.clear()
        raise _Failing(refusals[0] if refusals else UnexpectedAnswer(endpoint=ENDPOINT))

    def _rest(self, error: CloudError) -> None:
        """Leave a failing call alone for a moment."""
        now = time.monotonic()
        self._rests_until = now + _REST_SECONDS
        if self._fails_since is None:
            self._fails_since = now
            _LOGGER.warning("The last values of all devices cannot be read at once, only of few at a time: %s", error)
        elif self.has_worked and now - self._fails_since > _REFUSED_FOR_SECONDS and not _is_failure(error):
            self._client_store.put(_KEPT, None)  # what worked once is no longer offered

    def _recover(self, *, is_answered: bool) -> None:
        if self._fails_since is not None and is_answered:
            _LOGGER.info("The last values of all devices can be read at once again")
            self._fails_since = None


def _halves(uuids: Sequence[str]) -> list[Sequence[str]]:
    middle = len(uuids) // 2
    return [uuids[middle:], uuids[:middle]]


def _is_failure(error: CloudError) -> bool:
    return isinstance(error, Unreachable | UnexpectedAnswer)
