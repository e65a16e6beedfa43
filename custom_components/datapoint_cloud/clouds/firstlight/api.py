"""The usage aggregate API of Firstlight: one request per query the user named, a page at a time.

It owns the two tokens, the window and when a query is asked. What the answers hold is the mapping's business, whether
they are complete the paging's.
"""

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, ClassVar

import aiohttp

from .. import coerce
from ..budget import Budget, Purpose
from ..client_store import ClientStore
from ..cloud import Listing, OnSnapshot, Readings, ReadOnlyCloud, ignore_snapshot
from ..errors import AuthFailed, CloudError, Forbidden, Reason, Rejected, TokenRefused, UnexpectedAnswer, Unreachable
from ..history import History, Period
from ..http import HttpClient
from ..model import Account, Device, Reading, Schema, Scope, Snapshot
from ..push import Push
from ..read_many import read_round
from ..windows import begin_of, end_of
from . import mapping
from .errors import WRONG_PAGE_SIZE, judge
from .history import FirstlightHistory, Window
from .paging import ENDPOINT, PageSize, read_pages

_LOGGER = logging.getLogger(__name__)

_PARALLEL = 2
_MOST_REMEMBERED = 500
_KEPT_SECONDS = 60  # an answer that came with the list serves as the readings that follow it

_KNOWN = "usage:"
_ANSWERED = "answered:"
_REFUSED = "tokens refused"  # how often since the last answer, by query

_DATE_FORMATS: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "date": lambda moment: moment.date().isoformat(),
    "ms": lambda moment: str(int(moment.timestamp() * 1000)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """What the user wants to know: the number of `field` of the attribute type `aty` in the running `period`.

    `period` is hour, day, week, month or year; `group_by` service, genre or network; `date_format` iso, date or ms.
    `is_item_id_in_query` sends the item id as a query parameter, for servers and proxies that drop the body of a GET.
    `sort_by` names a field of the answer, `sort_order` is asc or desc; no more than `most_rows` rows are asked for.
    """

    id: str
    name: str
    aty: str
    field: str
    item_id: str | None
    is_item_id_in_query: bool = False
    period: str
    group_by: str | None
    unit: str | None
    date_format: str = "iso"
    sort_by: str | None = None
    sort_order: str | None = None
    most_rows: int | None = None


class FirstlightCloud(ReadOnlyCloud):
    """One user's usage. Every query is a device, a service without hardware."""

    kind: ClassVar[str] = "firstlight"
    default_interval: ClassVar[timedelta] = timedelta(minutes=15)
    shortest_interval: ClassVar[timedelta] = timedelta(minutes=15)
    listing_interval: ClassVar[timedelta | None] = timedelta(days=1)
    push: Push | None = None

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        authorization_token: str,
        user_token: str,
        queries: Sequence[UsageQuery],
        time_zone: tzinfo,
        client_store: ClientStore,
    ) -> None:
        """Identify the application by `authorization_token`, the user by `user_token`; periods begin in `time_zone`."""
        self.budget = Budget(client_store, per_hour=None)
        self.requests_a_listing = 1
        self.history: History = FirstlightHistory(self._read_past)
        self._http = HttpClient(session, api_url, judge, parallel=_PARALLEL)
        self._host = re.sub(r"^\w+://", "", api_url).partition("/")[0].rpartition("@")[2].lower()
        self._user_token = _bare(user_token)
        self._headers = {
            "Authorization": f"Bearer {_bare(authorization_token)}",
            "X-Authorization": self._user_token,
            "Content-Type": "application/json",
        }
        self._queries = {query.id: query for query in queries}
        self._time_zone = time_zone
        self._client_store = client_store
        self._page_size = PageSize(client_store)
        self._kept: dict[str, tuple[float, Snapshot]] = {}
        self._strange: set[str] = set()

    @property
    def scopes(self) -> Sequence[Scope]:
        """The queries."""
        return [Scope(id=query.id, name=query.name) for query in self._queries.values()]

    async def account(self) -> Account:
        """Say whose tokens these are; asks nobody.

        The id is the host and the subject of the user token, or a hash of that token where it does not tell.
        """
        subject = coerce.subject_of_jwt(self._user_token)
        user = subject or hashlib.sha256(self._user_token.encode()).hexdigest()[:16]
        return Account(id=f"{self._host}_{user}", name=self._host, has_lasting_id=subject is not None)

    async def devices(self) -> Listing:
        """List the queries. Those that have not answered lately are tried: nothing else tells whether they are right.

        Their answers are kept for the readings that follow.
        """
        self._forget_other_queries()
        devices = [
            # A query keeps its id with another period, but then its figures are others.
            Device(
                id=query.id, name=query.name, schema_id=f"{query.id}?{query.period}", scope=query.id, is_service=True
            )
            for query in self._queries.values()
        ]
        untried = [device for device in devices if not self._has_answered(device.id)]
        tried = await self._round(untried, self._try)
        # A server that has just answered others is not lost.
        is_reached = len(untried) < len(devices) and isinstance(tried.stopped_by, Unreachable)
        if tried.stopped_by is not None and not is_reached:
            raise tried.stopped_by
        return Listing(
            devices=tuple(device for device in devices if device.id not in tried.failures), failed=tried.failures
        )

    def _forget_other_queries(self) -> None:
        for key in list(self._client_store.content):
            for prefix in (_KNOWN, _ANSWERED):
                if key.startswith(prefix) and key.removeprefix(prefix) not in self._queries:
                    self._client_store.put(key, None)

    def _has_answered(self, query_id: str) -> bool:
        """Whether the query, asked with these tokens, has answered within the time that answers are worth."""
        answered = coerce.fields(self._client_store.get(_ANSWERED + query_id))
        at = coerce.number(answered.get("at"))
        is_recent = at is not None and 0 <= time.time() - at < self.shortest_interval.total_seconds()
        return is_recent and answered.get("asked") == self._asked(query_id)

    def _asked(self, query_id: str) -> str:
        """What an answer depends on, as a short text that tells nothing of it."""
        asked = f"{self._host} {self._headers} {self._queries[query_id]}"
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    async def _try(self, device: Device) -> Snapshot:
        snapshot = await self._ask_now(device)
        self._kept[device.id] = time.time(), snapshot
        return snapshot

    async def _round(
        self,
        devices: Sequence[Device],
        read: Callable[[Device], Awaitable[Snapshot]],
        on_snapshot: OnSnapshot = ignore_snapshot,
    ) -> Readings:
        """Ask the queries. Raises `AuthFailed` where the tokens were refused for all of them, and for one again.

        The gateway that checks one of the tokens names none, and answers just as a proxy in a bad hour does.
        """
        told = await read_round(devices, read, on_snapshot, parallel=_PARALLEL)
        refusals = {key: error for key, error in told.failures.items() if isinstance(error, TokenRefused)}
        refused = {} if told.snapshots else dict(coerce.fields(self._client_store.get(_REFUSED)))
        refused |= {key: refused.get(key, 0) + 1 for key in refusals}
        self._client_store.put(_REFUSED, refused or None)
        if refusals and refused.keys() >= self._queries.keys() and max(refused.values()) > 1:
            raise AuthFailed(Reason.TOKEN_REFUSED, endpoint=ENDPOINT, status=next(iter(refusals.values())).status)
        return told

    async def schema(self, device: Device) -> Schema:
        """Nothing describes a query but its answers: those before, unless a newer one waits to be read."""
        query = self._queries.get(device.id)
        if query is None or device.id in self._kept:
            return Schema()
        return Schema(datapoints=tuple(mapping.datapoint(key, query.unit) for key in self._remembered(query)))

    async def readings(self, devices: Sequence[Device], on_snapshot: OnSnapshot = ignore_snapshot) -> Readings:
        """Ask the queries ("User usage aggregate")."""
        return await self._round(
            [device for device in devices if device.id in self._queries], self._read_one, on_snapshot
        )

    async def _read_one(self, device: Device) -> Snapshot:
        kept_at, snapshot = self._kept.pop(device.id, (0.0, None))
        if snapshot is not None and 0 <= time.time() - kept_at < _KEPT_SECONDS:
            return snapshot
        return await self._ask_now(device)

    async def _ask_now(self, device: Device) -> Snapshot:
        query = self._queries[device.id]
        figures, stopped_by = await self._figures(query, self._running(query), Purpose.POLLING)
        if stopped_by is not None and stopped_by.reason is not Reason.TOO_MANY_ROWS:
            raise stopped_by
        self._client_store.put(
            _ANSWERED + query.id, {"at": int(time.time()), "asked": self._asked(query.id)}, is_urgent=False
        )
        usage = mapping.usage(figures)
        remembered = self._remember(query, usage)
        readings = {key: Reading(number) for key, number in usage.numbers.items()}
        if not usage.skipped:
            # The answer is complete: what it lacks has no value in this period.
            readings |= {key: Reading(None) for key in remembered or [mapping.TOTAL] if key not in readings}
        return Snapshot(
            readings=readings,
            described=tuple(mapping.datapoint(key, query.unit) for key in dict.fromkeys([*remembered, *readings])),
            skipped=usage.skipped,
        )

    def _remember(self, query: UsageQuery, usage: mapping.Usage) -> list[str]:
        """The keys of this answer and of earlier ones, which stay datapoints when a period has nothing of them."""
        keys = sorted(list(dict.fromkeys([*usage.numbers, *self._remembered(query)]))[:_MOST_REMEMBERED])
        if keys:
            self._client_store.put(_KNOWN + query.id, keys)
        return keys

    def _remembered(self, query: UsageQuery) -> list[str]:
        remembered = self._client_store.get(_KNOWN + query.id)
        return [key for key in remembered if isinstance(key, str)] if isinstance(remembered, list) else []

    async def _read_past(self, query_id: str, window: Window) -> tuple[mapping.Figures, CloudError | None]:
        if (query := self._queries.get(query_id)) is None:
            raise Rejected(Reason.NOT_FOUND, subject=query_id)
        return await self._figures(query, window, Purpose.HISTORY)

    def _running(self, query: UsageQuery) -> Window:
        start = mapping.start_of_period(query.period, datetime.now(UTC), self._time_zone)
        end = max(start, datetime.now(UTC).replace(microsecond=0))
        return Window(start=start, end=end, period=query.period, group_by=query.group_by)

    async def _figures(
        self, query: UsageQuery, window: Window, purpose: Purpose
    ) -> tuple[mapping.Figures, CloudError | None]:
        """All numbers of an answer, and why they are not complete."""
        labels = [label for label in (window.group_by, query.field) if label]
        while True:
            size = self._page_size.of(query.most_rows)
            try:
                figures, stopped_by = await read_pages(
                    partial(self._page, query, window, size, purpose),
                    labels,
                    self._time_zone,
                    size=size,
                    most_rows=query.most_rows,
                )
            except Forbidden as error:
                if error.code != WRONG_PAGE_SIZE or not self._page_size.shorten(size):
                    raise
                continue
            if stopped_by is not None and stopped_by.reason is Reason.TOO_MANY_ROWS:
                self._warn_of_rows(query)
            self._tell_strange(figures)
            return figures, stopped_by

    def _warn_of_rows(self, query: UsageQuery) -> None:
        if query.id not in self._strange:
            self._strange.add(query.id)
            _LOGGER.warning("%s has more rows than are read: sort it, and limit its rows", query.name)

    def _tell_strange(self, figures: mapping.Figures) -> None:
        for strange in figures.skipped:
            if strange not in self._strange:
                self._strange.add(strange)
                _LOGGER.debug("An answer of another shape than known: %s", strange)

    def _end(self, end: datetime, query: UsageQuery) -> datetime:
        if query.date_format != "date":
            return end
        # A date has no time: the last day counts whole, since a date that ends a range may not be part of it.
        last_day = begin_of(Period.DAY, end - timedelta(microseconds=1), self._time_zone)
        return end_of(Period.DAY, last_day, self._time_zone)

    async def _page(
        self, query: UsageQuery, window: Window, size: int | None, purpose: Purpose, number: int
    ) -> Mapping[str, Any]:
        write_date = _DATE_FORMATS.get(query.date_format, _DATE_FORMATS["iso"])
        params: dict[str, str | int] = {
            "fromDate": write_date(window.start.astimezone(self._time_zone)),
            "toDate": write_date(self._end(window.end, query).astimezone(self._time_zone)),
            "period": window.period,
            "pageNumber": number,
        }
        optional = {
            "pageSize": size,
            "groupBy": window.group_by,
            "sortBy": query.sort_by,
            "sortOrder": query.sort_order,
        }
        params |= {name: value for name, value in optional.items() if value}
        if query.item_id and query.is_item_id_in_query:
            params["itemId"] = query.item_id
        tracking_id = str(uuid.uuid4())
        try:
            answer = await self._http.request(
                "GET",
                ENDPOINT,
                parts={"aty": query.aty, "field": query.field},
                params=params,
                headers={**self._headers, "X-Tracking-Id": tracking_id},
                json_body={"itemId": query.item_id} if query.item_id and not query.is_item_id_in_query else None,
                purpose=purpose,
            )
        except CloudError as error:
            # What the vendor's support asks for.
            _LOGGER.debug("%s, tracking id %s", error, tracking_id)
            if error.reason is Reason.ITEM_ID_MISSING and query.item_id:
                # "Invalid or missing": it was sent, so it is wrong, or was lost on the way.
                raise Forbidden(
                    Reason.WRONG_ITEM_ID, endpoint=error.endpoint, status=error.status, code=error.code
                ) from error
            raise
        page = coerce.fields(answer.body)
        if not coerce.fields(page.get("header")) and "data" not in page:
            raise answer.error(UnexpectedAnswer)
        return page


def _bare(token: str) -> str:
    """A token as such: people copy the word before it and the blanks around it, too."""
    return re.sub(r"^bearer\s+", "", token.strip(), flags=re.IGNORECASE)
