"""The usage aggregate API of Firstlight: one request per query the user named, a page at a time.

It owns the two tokens, the window and the paging. What the answers hold is the mapping's business.
"""

import hashlib
import logging
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, ClassVar

import aiohttp

from .. import wire
from ..budget import Budget, Purpose
from ..cloud import Listing, Readings, ReadOnlyCloud, Tell, unheard
from ..errors import CloudError, Forbidden, Reason, Rejected, UnexpectedAnswer
from ..history import History, Period
from ..http import HttpClient
from ..memory import Memory
from ..model import Account, Device, Reading, Schema, Scope, Snapshot
from ..push import Push
from ..rounds import read_round
from ..windows import begin_of, end_of
from . import mapping
from .errors import WRONG_PAGE_NUMBER, WRONG_PAGE_SIZE, judge
from .history import FirstlightHistory, Window

_LOGGER = logging.getLogger(__name__)

_AGGREGATE = "/user/usage/aggregate/{aty}/{field}"

_PARALLEL = 2
_PAGE_SIZES = (100, 10)
_MOST_PAGES = 50
_MOST_REMEMBERED = 500

_KNOWN = "usage:"

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


@dataclass(frozen=True, slots=True)
class _Pages:
    """What was answered, page by page. `rows` is None where `data` holds no rows.

    `stopped_by` says why pages are missing; the first one never is.
    """

    rows: list[Any] | None
    data: Any = None
    stopped_by: CloudError | None = None


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
        memory: Memory,
    ) -> None:
        """Identify the application by `authorization_token`, the user by `user_token`; periods begin in `time_zone`."""
        self.budget = Budget(memory, per_hour=None)
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
        self._memory = memory
        self._page_size = _PAGE_SIZES[0]
        self._strange: set[str] = set()

    @property
    def scopes(self) -> Sequence[Scope]:
        """The queries."""
        return [Scope(id=query.id, name=query.name) for query in self._queries.values()]

    async def account(self) -> Account:
        """Say whose tokens these are; asks nobody.

        The id is the host and the subject of the user token, or a hash of that token where it does not tell.
        """
        subject = wire.subject_of_jwt(self._user_token)
        user = subject or hashlib.sha256(self._user_token.encode()).hexdigest()[:16]
        return Account(id=f"{self._host}_{user}", name=self._host, has_lasting_id=subject is not None)

    async def devices(self) -> Listing:
        """List the queries. Each is tried, since nothing else tells whether it and the tokens are right."""
        self._forget_other_queries()
        devices = [
            Device(id=query.id, name=query.name, schema_id=query.id, scope=query.id, is_service=True)
            for query in self._queries.values()
        ]
        tried = await read_round(devices, self._try, unheard, parallel=_PARALLEL)
        if tried.stopped_by is not None:
            raise tried.stopped_by
        return Listing(
            devices=tuple(device for device in devices if device.id in tried.snapshots), failed=tried.failures
        )

    def _forget_other_queries(self) -> None:
        for key in [key for key in self._memory.content if key.startswith(_KNOWN)]:
            if key.removeprefix(_KNOWN) not in self._queries:
                self._memory.put(key, None)

    async def _try(self, device: Device) -> Snapshot:
        query = self._queries[device.id]
        await self._page(query, self._running(query), 1, Purpose.POLLING)
        return Snapshot()

    async def schema(self, device: Device) -> Schema:
        """Nothing describes a query but its answers."""
        return Schema()

    async def readings(self, devices: Sequence[Device], tell: Tell = unheard) -> Readings:
        """Ask the queries ("User usage aggregate")."""
        known = [device for device in devices if device.id in self._queries]
        return await read_round(known, self._read_one, tell, parallel=_PARALLEL)

    async def _read_one(self, device: Device) -> Snapshot:
        query = self._queries[device.id]
        figures, stopped_by = await self._figures(query, self._running(query), Purpose.POLLING)
        if stopped_by is not None:
            raise stopped_by
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
        remembered = self._memory.get(_KNOWN + query.id)
        earlier = [key for key in remembered if isinstance(key, str)] if isinstance(remembered, list) else []
        keys = sorted(list(dict.fromkeys([*usage.numbers, *earlier]))[:_MOST_REMEMBERED])
        if keys:
            self._memory.put(_KNOWN + query.id, keys)
        return keys

    async def _read_past(self, query_id: str, window: Window) -> tuple[mapping.Figures, CloudError | None]:
        if (query := self._queries.get(query_id)) is None:
            raise Rejected(Reason.NOT_FOUND, subject=query_id)
        return await self._figures(query, window, Purpose.HISTORY)

    def _running(self, query: UsageQuery) -> Window:
        start = mapping.start_of_period(query.period, datetime.now(UTC), self._time_zone)
        return Window(start=start, period=query.period, group_by=query.group_by)

    async def _figures(
        self, query: UsageQuery, window: Window, purpose: Purpose
    ) -> tuple[mapping.Figures, CloudError | None]:
        """All numbers of an answer, and what stopped it after its first page."""
        labels = [label for label in (window.group_by, query.field) if label]
        pages = await self._pages(query, window, purpose)
        if pages.rows is None:
            figures = mapping.figures_of_object(pages.data, labels)
        else:
            figures = mapping.figures_of_rows(pages.rows, labels, self._time_zone)
        for strange in figures.skipped:
            if strange not in self._strange:
                self._strange.add(strange)
                _LOGGER.debug("An answer of another shape than known: %s", strange)
        return figures, pages.stopped_by

    async def _pages(self, query: UsageQuery, window: Window, purpose: Purpose) -> _Pages:
        rows: list[Any] = []
        last_page: list[Any] | None = None
        for number in range(1, _MOST_PAGES + 1):
            try:
                page = await self._page(query, window, number, purpose)
            except CloudError as error:
                if number == 1:
                    raise
                # After a full page only asking tells whether there is another one.
                return _Pages(rows, stopped_by=None if error.code == WRONG_PAGE_NUMBER else error)
            data = page.get("data")
            page_rows = mapping.rows_of(data)
            if page_rows is None:
                return _Pages(rows) if rows else _Pages(None, data)
            if page_rows == last_page:
                return _Pages(rows)  # a server without pages
            rows += page_rows
            last_page = page_rows
            count = wire.number(wire.fields(page.get("header")).get("count"))
            is_complete = len(page_rows) < self._page_size if count is None else len(rows) >= count
            if not page_rows or is_complete:
                return _Pages(rows)
        # What is shown of the running period need not be all of it, what is told of the past must be.
        return _Pages(rows, stopped_by=None if purpose is Purpose.POLLING else UnexpectedAnswer(endpoint=_AGGREGATE))

    async def _page(self, query: UsageQuery, window: Window, number: int, purpose: Purpose) -> Mapping[str, Any]:
        try:
            return await self._ask(query, window, number, purpose)
        except Forbidden as error:
            if number > 1 or error.code != WRONG_PAGE_SIZE or self._page_size == _PAGE_SIZES[-1]:
                raise
        self._page_size = _PAGE_SIZES[-1]
        return await self._ask(query, window, number, purpose)

    def _end(self, end: datetime, query: UsageQuery) -> datetime:
        if query.date_format != "date":
            return end
        # A date has no time: the last day counts whole, since a date that ends a range may not be part of it.
        last_day = begin_of(Period.DAY, end - timedelta(microseconds=1), self._time_zone)
        return end_of(Period.DAY, last_day, self._time_zone)

    async def _ask(self, query: UsageQuery, window: Window, number: int, purpose: Purpose) -> Mapping[str, Any]:
        write_date = _DATE_FORMATS.get(query.date_format, _DATE_FORMATS["iso"])
        params: dict[str, str | int] = {
            "fromDate": write_date(window.start.astimezone(self._time_zone)),
            "period": window.period,
            "pageNumber": number,
            "pageSize": self._page_size,
        }
        if window.end is not None:
            params["toDate"] = write_date(self._end(window.end, query).astimezone(self._time_zone))
        if window.group_by:
            params["groupBy"] = window.group_by
        if query.item_id and query.is_item_id_in_query:
            params["itemId"] = query.item_id
        tracking_id = str(uuid.uuid4())
        try:
            answer = await self._http.request(
                "GET",
                _AGGREGATE,
                parts={"aty": query.aty, "field": query.field},
                params=params,
                headers={**self._headers, "X-Tracking-Id": tracking_id},
                json_body={"itemId": query.item_id} if query.item_id and not query.is_item_id_in_query else None,
                purpose=purpose,
            )
        except CloudError as error:
            # What the vendor's support asks for.
            _LOGGER.debug("%s, tracking id %s", error, tracking_id)
            raise
        page = wire.fields(answer.body)
        if not wire.fields(page.get("header")) and "data" not in page:
            raise answer.error(UnexpectedAnswer)
        return page


def _bare(token: str) -> str:
    """A token as such: people copy the word before it and the blanks around it, too."""
    return re.sub(r"^bearer\s+", "", token.strip(), flags=re.IGNORECASE)
