"""The usage aggregate API of Firstlight: the usage queries of one user.

It knows which queries are due, which datapoints they have, and when refusals condemn the tokens. The requests are in
`requests`, the numbers of an answer in `mapping`.
"""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import ClassVar

from .. import coerce
from ..budget import Budget, Purpose
from ..client_store import ClientStore
from ..cloud import Listing, OnSnapshot, Readings, ReadOnlyCloud, ignore_snapshot
from ..errors import AuthFailed, CloudError, DeviceGone, Reason, Rejected, TokenRefused, Unreachable
from ..history import History
from ..model import Account, Device, Reading, Schema, Scope, Snapshot
from ..push import Push
from ..read_many import read_round
from ..transport import Transport
from . import mapping
from .history import FirstlightHistory
from .mapping import UsageNumbers
from .paging import ENDPOINT
from .query import UsageQuery, Window
from .requests import PARALLEL, UsageRequests

__all__ = ["FirstlightCloud", "UsageQuery"]

_MOST_KEYS = 500
_TRIAL_SECONDS = 60  # how long an answer that came with the list may serve as the readings that follow

# Slots in the client store
_KEYS = "usage:"  # by query: the keys of its datapoints
_ANSWERED = "answered:"  # by query: when it last answered, and to which request
_REFUSED = "tokens refused"  # how often since the last answer, by query


class FirstlightCloud(ReadOnlyCloud):
    """The usage of one user. Each query is a device without hardware."""

    kind: ClassVar[str] = "firstlight"
    default_interval: ClassVar[timedelta] = timedelta(minutes=15)
    shortest_interval: ClassVar[timedelta] = timedelta(minutes=15)
    listing_interval: ClassVar[timedelta | None] = timedelta(days=1)
    push: Push | None = None

    def __init__(
        self,
        transport: Transport,
        *,
        api_url: str,
        authorization_token: str,
        user_token: str,
        queries: Sequence[UsageQuery],
        time_zone: tzinfo,
        client_store: ClientStore,
    ) -> None:
        """Authorize the application by `authorization_token` and the user by `user_token`.

        Periods begin at midnight of `time_zone`.
        """
        self.budget = Budget(client_store, per_hour=None)
        self.requests_a_listing = 1
        self._queries = {query.id: query for query in queries}
        self.history: History = FirstlightHistory(self._read_window, self._queries, time_zone)
        self._requests = UsageRequests(
            transport,
            api_url=api_url,
            authorization_token=authorization_token,
            user_token=user_token,
            time_zone=time_zone,
            client_store=client_store,
        )
        self._host = re.sub(r"^\w+://", "", api_url).partition("/")[0].rpartition("@")[2].lower()
        self._time_zone = time_zone
        self._client_store = client_store
        self._trials: dict[str, tuple[float, Snapshot]] = {}  # by query: when it answered, and what

    @property
    def scopes(self) -> Sequence[Scope]:
        """The queries."""
        return [Scope(id=query.id, name=query.name) for query in self._queries.values()]

    async def account(self) -> Account:
        """Return the owner of the tokens without any request.

        The id consists of the host and the subject of the user token, or a hash of the token if it has no subject.
        """
        subject = coerce.subject_of_jwt(self._requests.user_token)
        user_id = subject or hashlib.sha256(self._requests.user_token.encode()).hexdigest()[:16]
        return Account(id=f"{self._host}_{user_id}", name=self._host, has_lasting_id=subject is not None)

    async def devices(self) -> Listing:
        """List the queries, and try those that have not answered lately, since no other request can check a query.

        The answers are kept for the readings that follow.
        """
        self._forget_other_queries()
        devices = [
            # A query keeps its id when its period changes, but its datapoints may be others then.
            Device(
                id=query.id, name=query.name, schema_id=f"{query.id}?{query.period}", scope=query.id, is_service=True
            )
            for query in self._queries.values()
        ]
        untried = [device for device in devices if not self._has_answered(device.id)]
        tried = await self._read_queries(untried, self._try)
        # A server that has just answered other queries is not lost.
        is_reached = len(untried) < len(devices) and isinstance(tried.stopped_by, Unreachable)
        if tried.stopped_by is not None and not is_reached:
            raise tried.stopped_by
        return Listing(
            devices=tuple(device for device in devices if device.id not in tried.failures), failed=tried.failures
        )

    def _forget_other_queries(self) -> None:
        for key in list(self._client_store.content):
            for prefix in (_KEYS, _ANSWERED):
                if key.startswith(prefix) and key.removeprefix(prefix) not in self._queries:
                    self._client_store.put(key, None)

    def _has_answered(self, query_id: str) -> bool:
        """Whether the query has answered these tokens within the shortest poll interval."""
        answered = coerce.fields(self._client_store.get(_ANSWERED + query_id))
        at = coerce.number(answered.get("at"))
        is_recent = at is not None and 0 <= time.time() - at < self.shortest_interval.total_seconds()
        return is_recent and answered.get("asked") == self._fingerprint(query_id)

    def _fingerprint(self, query_id: str) -> str:
        """Return a hash of everything that an answer depends on."""
        content = f"{self._host} {self._requests.headers} {self._queries[query_id]}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    async def _try(self, device: Device) -> Snapshot:
        snapshot = await self._request_snapshot(device)
        self._trials[device.id] = time.time(), snapshot
        return snapshot

    async def _read_queries(
        self,
        devices: Sequence[Device],
        read: Callable[[Device], Awaitable[Snapshot]],
        on_snapshot: OnSnapshot = ignore_snapshot,
    ) -> Readings:
        """Read queries. Raises `AuthFailed` once the tokens were refused for all queries, and for one of them twice.

        One refusal does not count: the gateway that checks a token does not name it, and a failing proxy answers alike.
        """
        result = await read_round(devices, read, on_snapshot, parallel=PARALLEL)
        refusals = {key: error for key, error in result.failures.items() if isinstance(error, TokenRefused)}
        refused = {} if result.snapshots else dict(coerce.fields(self._client_store.get(_REFUSED)))
        refused |= {key: refused.get(key, 0) + 1 for key in refusals}
        self._client_store.put(_REFUSED, refused or None)
        if refusals and refused.keys() >= self._queries.keys() and max(refused.values()) > 1:
            raise AuthFailed(Reason.TOKEN_REFUSED, endpoint=ENDPOINT, status=next(iter(refusals.values())).status)
        return result

    async def schema(self, device: Device) -> Schema:
        """Return the datapoints of earlier answers; none while a trial waits, since its snapshot describes its own."""
        query = self._queries.get(device.id)
        if query is None or device.id in self._trials:
            return Schema()
        return Schema(datapoints=tuple(mapping.datapoint(key, query.unit) for key in self._stored_keys(query)))

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Read the queries ("User usage aggregate"). A device that is no query fails alone (`DeviceGone`)."""
        return await self._read_queries(devices, self._read_one, on_snapshot)

    async def _read_one(self, device: Device) -> Snapshot:
        if device.id not in self._queries:
            raise DeviceGone(Reason.NOT_FOUND, subject=device.name)
        answered_at, snapshot = self._trials.pop(device.id, (0.0, None))
        if snapshot is not None and 0 <= time.time() - answered_at < _TRIAL_SECONDS:
            return snapshot
        return await self._request_snapshot(device)

    async def _request_snapshot(self, device: Device) -> Snapshot:
        query = self._queries[device.id]
        window = self._current_window(query)
        numbers, stopped_by = await self._requests.read(query, window, Purpose.POLLING)
        if stopped_by is not None and stopped_by.reason is not Reason.TOO_MANY_ROWS:
            raise stopped_by
        self._client_store.put(
            _ANSWERED + query.id, {"at": int(time.time()), "asked": self._fingerprint(query.id)}, is_urgent=False
        )
        since = window.start.astimezone(UTC)
        readings = {key: Reading(value, since=since) for key, value in mapping.numbers_by_key(numbers).items()}
        keys = self._store_keys(query, readings)
        if not numbers.skipped:
            # The answer is complete, so the datapoints it lacks have no value in this period.
            readings |= {key: Reading(None) for key in keys or [mapping.TOTAL] if key not in readings}
        return Snapshot(
            readings=readings,
            described=tuple(mapping.datapoint(key, query.unit) for key in dict.fromkeys([*keys, *readings])),
            skipped=numbers.skipped,
        )

    def _store_keys(self, query: UsageQuery, new: Iterable[str]) -> list[str]:
        """Store and return the keys of this answer and of earlier ones, which stay datapoints without any usage."""
        keys = sorted(list(dict.fromkeys([*new, *self._stored_keys(query)]))[:_MOST_KEYS])
        if keys:
            self._client_store.put(_KEYS + query.id, keys)
        return keys

    def _stored_keys(self, query: UsageQuery) -> list[str]:
        stored = self._client_store.get(_KEYS + query.id)
        return [key for key in stored if isinstance(key, str)] if isinstance(stored, list) else []

    async def _read_window(self, query_id: str, window: Window) -> tuple[UsageNumbers, CloudError | None]:
        if (query := self._queries.get(query_id)) is None:
            raise Rejected(Reason.NOT_FOUND, subject=query_id)
        return await self._requests.read(query, window, Purpose.HISTORY)

    def _current_window(self, query: UsageQuery) -> Window:
        start = mapping.start_of_period(query.period, datetime.now(UTC), self._time_zone)
        end = max(start, datetime.now(UTC).replace(microsecond=0))
        return Window(start=start, end=end, period=query.period, group_by=query.group_by)
