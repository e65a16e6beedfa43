"""Fetches the cloud's reports about each scope in turn, and keeps their counts over a restart.

It knows no entity, and not when it is called. A report that is not ready or not granted is no failure of the account.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds import coerce
from ..clouds.budget import Purpose
from ..clouds.client_store import ClientStore
from ..clouds.clock import is_ahead, is_due
from ..clouds.errors import AuthFailed, CloudError, Forbidden, NotSupported, RateLimited, Reason, Rejected, Unreachable
from ..clouds.reporting import Cycle, Reporting, ReportQuery
from .listeners import ACCOUNT, ListenerRegistry

_LOGGER = logging.getLogger(__name__)

OVERVIEW: Final = "device_overview"
STATUS: Final = "device_status"
USERS: Final = "user_total"
HISTORY: Final = "active_device_history"
"""The active devices of each of the last 30 days: the past of the overview's `active_yesterday`."""

_EVERY: Final[Mapping[str, timedelta]] = {
    OVERVIEW: timedelta(hours=1),
    STATUS: timedelta(hours=4),
    USERS: timedelta(days=1),
    HISTORY: timedelta(days=1),
}
_REFUSED_FOR: Final = timedelta(days=1)
_VALID_FOR: Final = timedelta(days=2)  # vendors calculate reports once a day
_MOST_REQUESTS: Final = 20
_HISTORY_DAYS: Final = 30
_HOUR: Final = timedelta(hours=1)
_PARALLEL: Final = 4
_STORED: Final = "reports"  # in the `ClientStore`


@dataclass(slots=True)
class _Report:
    """One report of one scope: its last counts, and when it was last requested and received."""

    requested_at: datetime | None = None
    received_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    refusal: str | None = None
    """The reason for which the cloud has no such report for the scope."""

    def due_at(self, every: timedelta) -> datetime:
        """Return when to request the report again."""
        if self.requested_at is None:
            return datetime.min.replace(tzinfo=UTC)
        return self.requested_at + (every if self.refusal is None else _REFUSED_FOR)

    def is_valid(self, now: datetime) -> bool:
        """Whether the counts are recent enough to be shown."""
        return self.received_at is not None and now - self.received_at <= _VALID_FOR


type _Key = tuple[str, str]  # the scope and the name of a report


class FleetReports:
    """The reports about all scopes of one account."""

    def __init__(
        self,
        reporting: Reporting,
        scopes: Sequence[str],
        client_store: ClientStore,
        listeners: ListenerRegistry,
        *,
        with_history: bool,
    ) -> None:
        self._reporting = reporting
        self._client_store = client_store
        self._listeners = listeners
        self._names = [name for name in _EVERY if name in reporting.names and (with_history or name != HISTORY)]
        self._scopes = tuple(dict.fromkeys(scopes))
        self._reports = self._load()
        self._requests: deque[datetime] = deque()
        self.new_histories: set[str] = set()
        """The scopes whose history has arrived; who uses it removes them."""
        self._told: set[tuple[str, str]] = set()
        self._lock = asyncio.Lock()

    # Counts

    def count(self, scope: str | None, name: str, key: str) -> int | None:
        """Return a count of a report about a scope, or the sum of all scopes for None; None while it is unknown."""
        scopes = self._scopes if scope is None else (scope,)
        counts = [self._count(one, name, key) for one in scopes]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None

    def _count(self, scope: str, name: str, key: str) -> int | None:
        report = self._reports.get((scope, name))
        return report.counts.get(key) if report is not None and report.is_valid(dt_util.utcnow()) else None

    def history(self, scope: str) -> Mapping[date, int]:
        """Return how many devices of a scope were active on each day, as far as the cloud has told."""
        report = self._reports.get((scope, HISTORY), _Report())
        return {day: count for text, count in report.counts.items() if (day := _day(text)) is not None}

    @property
    def size(self) -> int | None:
        """How many devices all scopes have together; None while it is unknown."""
        return self.count(None, OVERVIEW, "devices")

    @property
    def is_overview_offered(self) -> bool:
        """Whether the cloud offers the overview of every scope, as far as is known."""
        if OVERVIEW not in self._names or not self._scopes:
            return False
        return all(self._reports[scope, OVERVIEW].refusal is None for scope in self._scopes)

    # Requests

    async def async_fetch_due(self, names: Collection[str] = tuple(_EVERY)) -> bool:
        """Fetch the reports that are due, at most 20 within any hour; return whether the cloud has answered.

        `names` are the reports to consider.
        Raises `AuthFailed`, `RateLimited` or `Unreachable`. The reports that are still due follow with the next call.
        """
        async with self._lock:
            # A poll that comes while the schedule fetches must not take the unfinished fetch for an answer.
            return await self._async_fetch([key for key in self._due(dt_util.utcnow()) if key[1] in names])

    async def _async_fetch(self, due: Sequence[_Key]) -> bool:
        if not due:
            return False
        known = self._known_counts()
        try:
            await self._async_fetch_one(due[0])  # alone, because it may show that the cloud cannot be reached
            for batch in batched(due[1:], _PARALLEL, strict=False):
                results = await asyncio.gather(*map(self._async_fetch_one, batch), return_exceptions=True)
                if error := next((result for result in results if result is not None), None):
                    raise error
        finally:
            self._store()
            if self._known_counts() != known:
                self._listeners.async_mark_inventory_changed()
            self._listeners.async_mark_changed([ACCOUNT])
        return True

    def _due(self, now: datetime) -> list[_Key]:
        """Return the reports to request now, the longest overdue first, as many as the hour still allows."""
        while self._requests and is_due(self._requests[0], _HOUR, now):
            self._requests.popleft()
        due_at = {key: report.due_at(_EVERY[key[1]]) for key, report in self._reports.items()}
        due = sorted((key for key, at in due_at.items() if at <= now), key=due_at.__getitem__)
        return due[: max(0, _MOST_REQUESTS - len(self._requests))]

    async def _async_fetch_one(self, key: _Key) -> None:
        scope, name = key
        report = self._reports[key]
        self._requests.append(dt_util.utcnow())
        try:
            result = await self._reporting.get(scope, name, _query(name), purpose=Purpose.HISTORY)
        except CloudError as error:
            if isinstance(error, AuthFailed | RateLimited) or _is_outage(error):
                self._requests.pop()  # it was not answered, and is due at once when the cloud can be reached
                raise
            report.requested_at = dt_util.utcnow()
            report.refusal = str(error.reason or type(error).__name__) if _is_refusal(error) else None
            if report.refusal is not None:
                report.counts = {}
            self._tell(name, error)
        else:
            report.requested_at = report.received_at = dt_util.utcnow()
            report.counts, report.refusal = result.counts, None
            if name == HISTORY:
                report.counts = {row["period"]: row["count"] for row in result.rows}
                self.new_histories.add(scope)

    @callback
    def _tell(self, name: str, error: CloudError) -> None:
        """Log once that there is no report: this is normal for new products, and in some regions for all of them."""
        if (told := (name, str(error))) not in self._told:
            self._told.add(told)
            _LOGGER.info("There is no report %s for now: %s", name, error)

    def _known_counts(self) -> set[tuple[_Key, str]]:
        return {(key, name) for key, report in self._reports.items() for name in report.counts}

    # Storage

    def _load(self) -> dict[_Key, _Report]:
        stored = coerce.fields(self._client_store.get(_STORED))
        now = dt_util.utcnow()
        return {
            (scope, name): _report(coerce.fields(coerce.fields(stored.get(scope)).get(name)), now)
            for name in self._names
            for scope in self._scopes
        }

    def _store(self) -> None:
        stored: dict[str, dict[str, Any]] = {scope: {} for scope in self._scopes}
        for (scope, name), report in self._reports.items():
            stored[scope][name] = {
                "requested_at": report.requested_at and report.requested_at.isoformat(),
                "received_at": report.received_at and report.received_at.isoformat(),
                "counts": dict(report.counts),
                "refusal": report.refusal,
            }
        self._client_store.put(_STORED, stored)


def _report(stored: Mapping[str, Any], now: datetime) -> _Report:
    requested_at, received_at = (coerce.timestamp(stored.get(name)) for name in ("requested_at", "received_at"))
    if is_ahead(requested_at, now) or is_ahead(received_at, now):
        return _Report()  # it was stored while the clock was wrong
    numbers = {name: coerce.number(count) for name, count in coerce.fields(stored.get("counts")).items()}
    return _Report(
        requested_at=requested_at,
        received_at=received_at,
        counts={name: int(number) for name, number in numbers.items() if number is not None},
        refusal=coerce.text(stored.get("refusal")),
    )


def _query(name: str) -> ReportQuery:
    if name != HISTORY:
        return ReportQuery()
    today = dt_util.utcnow().date()
    return ReportQuery(cycle=Cycle.DATE, start=today - timedelta(days=_HISTORY_DAYS), end=today - timedelta(days=1))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_outage(error: CloudError) -> bool:
    return isinstance(error, Unreachable) and error.reason is not Reason.NOT_READY


def _is_refusal(error: CloudError) -> bool:
    return isinstance(error, Forbidden | NotSupported | Rejected)
