"""The history of a consumer's devices: a week of logs, a month of aggregates.

It has no readings, because the logs contain frames in the manufacturer's own format.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from ... import coerce
from ...client_store import ClientStore
from ...errors import UnexpectedAnswer
from ...history import HistoryCapabilities, HistoryResult, LogEntry
from ...model import Device
from ...paging import Page
from .. import wire_values
from ..aggregation import AGGREGATIONS, BUCKETS_RETENTION, PERIODS, AggregatedHistory, Aggregates
from ..definitions import Definitions
from ..history_windows import read_windows
from ..log_entries import entries
from ..paging import Row, read_log

_RETENTION: Final = timedelta(days=7)
_LONGEST: Final = timedelta(hours=48) - timedelta(seconds=1)  # the document requires less than 48 hours
_PAGE: Final = 1000
_DEEPEST: Final = 5000  # the last row of a window that can be paged to
_LOG_PATH: Final = "/app/devices/{did}/raw_data"
_AGGREGATES_PATH: Final = "/app/devdata/{did}/agg_data"

type Request = Callable[..., Awaitable[Any]]
"""Sends a request as the user (method, path, `parts` and `params`) and returns the body of the answer."""


class _TooDeepError(Exception):
    """A window has more rows than the server lets a client page through."""


class OpenHistory(AggregatedHistory):
    """The history that the Open API keeps."""

    capabilities = HistoryCapabilities(
        buckets_retention=BUCKETS_RETENTION,
        periods=PERIODS,
        aggregations=AGGREGATIONS,
        aggregates_need_grant=True,
        aggregates_numbers_only=True,
        has_online_log=True,
        has_communication_log=True,
    )

    def __init__(self, request: Request, definitions: Definitions, client_store: ClientStore, *, server: str) -> None:
        """Send requests with `request`; `client_store` keeps what is known about the server at the address `server`."""
        self._request = request
        self._aggregates = Aggregates(self._aggregate, definitions, client_store, server=server)

    async def online_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read when the device came online and went offline in the past week ("Open API, Device communication log")."""
        return await self._log(device, "online", start, end)

    async def communication_log(self, device: Device, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        """Read the messages of the past seven days ("Open API, Device communication log").

        Raises `Unreachable` when the service fails at it with code 9008, as the real one was seen to do.
        """
        return await self._log(device, "cmd", start, end)

    async def _log(self, device: Device, kind: str, start: datetime, end: datetime) -> HistoryResult[LogEntry]:
        pages = partial(self._pages, device, kind)
        return entries(await read_windows(start, end, pages, longest=_LONGEST, retention=_RETENTION))

    async def _pages(
        self, device: Device, kind: str, start: int, end: int, *, fewer_than: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows of a window (epoch seconds), oldest first; `fewer_than` is how many a longer window has."""
        total: int | None = None

        async def fetch(skip: int) -> Page:
            nonlocal total
            if skip and fewer_than is not None and (total or 0) >= fewer_than:
                raise UnexpectedAnswer(endpoint=_LOG_PATH, subject=device.name)  # half a window cannot have as many
            if skip + _PAGE > _DEEPEST or (total or 0) > _DEEPEST:
                raise _TooDeepError
            window = {"start_time": start, "end_time": end}
            paging = {"type": kind, "sort": "asc", "limit": _PAGE, "skip": skip}
            body = await self._request("GET", _LOG_PATH, parts={"did": device.id}, params=paging | window)
            page = _page(coerce.fields(body))
            total = page.total
            return page

        try:
            async for rows in read_log(fetch, endpoint=_LOG_PATH, subject=device.name, full_page=_PAGE):
                yield rows
        except _TooDeepError:
            middle = (start + end) // 2
            if middle == start:
                raise UnexpectedAnswer(endpoint=_LOG_PATH, subject=device.name) from None
        else:
            return
        # Read both halves from their beginning; the rows that came already are recognised as the same.
        for half in ((start, middle), (middle, end)):
            async for rows in self._pages(device, kind, *half, fewer_than=total):
                yield rows

    async def _aggregate(self, device: Device, method: str, params: Mapping[str, str | int]) -> Any:
        return await self._request(method, _AGGREGATES_PATH, parts={"did": device.id}, params=params)


def _page(body: Mapping[str, Any]) -> Page:
    """Read the rows, documented in `objects` and seen in `objects.hits.objects`, and the total beside them."""
    rows = body.get("objects")
    total = wire_values.count(coerce.fields(body.get("meta")).get("total"))
    if isinstance(rows, dict):
        hits = coerce.fields(rows.get("hits"))
        rows = hits.get("objects")
        total = wire_values.count(hits.get("total")) if "total" in hits else total
    if not isinstance(rows, list):
        raise UnexpectedAnswer(endpoint=_LOG_PATH)
    return Page(rows, total)
