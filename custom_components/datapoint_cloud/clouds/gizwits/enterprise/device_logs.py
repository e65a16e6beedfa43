"""The rows the Enterprise API keeps of a device: its reports, its comings and goings, what was sent.

It knows how they are asked for (refusals, the unit of windows, the length of pages), not what is in them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ... import coerce
from ...budget import Purpose
from ...client_store import ClientStore
from ...errors import Rejected, UnexpectedAnswer
from ...model import Device
from .. import wire_values
from ..paging import LONG_PAGE, MOST_PAGES, PageSize
from ..refusals import Refusals
from .product_access import ProductAccess

_IN_MILLISECONDS: Final = "windows in milliseconds"

type Row = Mapping[str, Any]
type Window = Mapping[str, int]


class Log(StrEnum):
    """The logs of a device, by the last part of their addresses."""

    REPORTS = "data"
    PRESENCE = "online"
    COMMUNICATION = "cmd"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a log, how many came that are none, and how many there are in all."""

    rows: list[Row]
    count: int
    total: int | None


class DeviceLogs:
    """The logs of all devices."""

    def __init__(self, access: ProductAccess, refusals: Refusals, client_store: ClientStore) -> None:
        """Ask through `access`; keep in `client_store` what the server was seen to accept."""
        self._access = access
        self._refusals = refusals
        self._client_store = client_store
        self._page_size = PageSize(client_store, "history page", longest=LONG_PAGE)

    async def newest(self, device: Device, start: int | None = None, end: int | None = None) -> list[Row]:
        """The newest report of a window (epoch seconds), or of the past two days, as a list of one or none.

        Raises any `CloudError`.
        """

        async def ask(window: Window) -> Page:
            return await self._page(device, Log.REPORTS, Purpose.POLLING, {"limit": 1, "sort": "desc", **window})

        if start is None or end is None:
            return (await ask({})).rows
        return (await self._in_its_unit(start, end, ask, believes_silence=True)).rows

    async def pages(self, device: Device, log: Log, start: int, end: int) -> AsyncIterator[list[Row]]:
        """The rows of a window of at most two days (epoch seconds), oldest first ("Enterprise API, Device history").

        Raises any `CloudError`, also between pages.
        """
        skip = 0

        async def ask(window: Window) -> Page:
            return await self._page_size.ask(
                lambda limit: self._page(
                    device, log, Purpose.HISTORY, {"limit": limit, "skip": skip, "sort": "asc", **window}
                )
            )

        before: list[Row] = []
        for _ in range(MOST_PAGES):
            page = await self._in_its_unit(start, end, ask, believes_silence=skip > 0)
            is_end = not page.count or (bool(page.rows) and page.rows == before)  # a server may not skip
            if is_end and page.total is not None and skip < page.total:
                break  # it contradicts its own total
            if page.rows and not any(map(told_at, page.rows)):
                break  # whatever it is, it is no log
            if not is_end:
                unread: list[Row] = [{}] * (page.count - len(page.rows))
                yield page.rows + unread
                before = page.rows
                skip += page.count
            if is_end or (page.total is not None and skip >= page.total):
                return
        raise UnexpectedAnswer(endpoint=_path(log), subject=device.name)

    async def _in_its_unit(
        self, start: int, end: int, ask: Callable[[Window], Awaitable[Page]], *, believes_silence: bool
    ) -> Page:
        """Ask for a window in seconds, or in milliseconds: no document tells the unit, the rows of an answer do.

        `believes_silence`: an answer without rows is none in another unit either.
        """
        is_in_milliseconds = self._client_store.get(_IN_MILLISECONDS)
        milliseconds = {"start_ts": start * 1000, "end_ts": end * 1000}
        if is_in_milliseconds:
            return await ask(milliseconds)
        refusal: Rejected | None = None
        page = Page([], 0, 0)
        try:
            page = await ask({"start_ts": start, "end_ts": end})
        except Rejected as error:
            refusal = error
        is_known = is_in_milliseconds is False
        if _any_between(page.rows, start, end):
            self._client_store.put(_IN_MILLISECONDS, value=False)
            return page
        if refusal is None and not page.rows and (is_known or believes_silence):
            return page
        if refusal is not None and is_known:
            raise refusal
        try:
            page = await ask(milliseconds)
        except Rejected:
            if refusal is not None:
                raise refusal from None
            return Page([], 0, 0)
        if _any_between(page.rows, start, end):
            self._client_store.put(_IN_MILLISECONDS, value=True)
        return page

    async def _page(self, device: Device, log: Log, purpose: Purpose, params: Mapping[str, str | int]) -> Page:
        body = coerce.fields(
            await self._refusals.heed(
                log,
                device.schema_id,
                lambda: self._access.request(
                    device.schema_id, "GET", _path(log), parts={"did": device.id}, params=params, purpose=purpose
                ),
            )
        )
        rows = body.get("objects")
        found = coerce.records(rows)
        if not isinstance(rows, list) or (rows and not found):
            raise UnexpectedAnswer(endpoint=_path(log))
        total = wire_values.count(coerce.fields(body.get("meta")).get("total"))
        return Page(found, len(rows), total)


def told_at(row: Row) -> float:
    """When a row was written, in epoch seconds; 0 where it does not say."""
    return wire_values.epoch_seconds(row.get("ts")) or wire_values.epoch_seconds(row.get("timestamp")) or 0


def _path(log: Log) -> str:
    return "/devices/{did}/" + log


def _any_between(rows: list[Row], start: int, end: int) -> bool:
    return any(start <= told_at(row) <= end for row in rows)
