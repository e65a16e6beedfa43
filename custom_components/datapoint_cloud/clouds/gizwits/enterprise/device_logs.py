"""The rows the Enterprise API keeps of a device: its reports, when it came online or went offline, what was sent.

It knows how to request them (missing grants, the unit of windows, the length of pages), not what is in them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Final

from ... import coerce
from ...budget import Purpose
from ...client_store import ClientStore
from ...errors import Rejected, UnexpectedAnswer
from ...model import Device
from ...paging import Page
from .. import wire_values
from ..missing_grants import MissingGrants
from ..paging import LOG_PAGES, Row, page_size, read_log
from .product_access import ProductAccess

_IN_MILLISECONDS: Final = "windows in milliseconds"

type WindowParams = Mapping[str, int]
"""The parameters of a window; none for the past two days."""


class Log(StrEnum):
    """The logs of a device, by their addresses."""

    REPORTS = "/devices/{did}/data"
    PRESENCE = "/devices/{did}/online"
    COMMUNICATION = "/devices/{did}/cmd"


class DeviceLogs:
    """The logs of all devices."""

    def __init__(self, access: ProductAccess, missing_grants: MissingGrants, client_store: ClientStore) -> None:
        """Request through `access`; keep in `client_store` which parameters the server accepts."""
        self._access = access
        self._missing_grants = missing_grants
        self._client_store = client_store
        self._page_size = page_size(client_store, "history page", LOG_PAGES)

    async def newest(self, device: Device, start: int | None = None, end: int | None = None) -> list[Row]:
        """Read the newest report of a window (epoch seconds), or of the past two days: a list of one row or none.

        Raises any `CloudError`.
        """

        async def request(window: WindowParams) -> Page:
            return await self._page(device, Log.REPORTS, Purpose.POLLING, {"limit": 1, "sort": "desc", **window})

        if start is None or end is None:
            page = await request({})
        else:
            page = await self._in_its_unit(start, end, request, trusts_empty=True)
        return coerce.records(page.rows)

    async def pages(self, device: Device, log: Log, start: int, end: int) -> AsyncIterator[list[Row]]:
        """Yield the rows of a window of at most two days (epoch seconds), oldest first.

        See "Enterprise API, Device history". Raises any `CloudError`, also between pages.
        """

        async def fetch(skip: int) -> Page:
            def request_page(limit: int, window: WindowParams) -> Awaitable[Page]:
                params: dict[str, str | int] = {"limit": limit, "skip": skip, "sort": "asc", **window}
                return self._page(device, log, Purpose.HISTORY, params)

            async def request(window: WindowParams) -> Page:
                return await self._page_size.fetch(partial(request_page, window=window))

            return await self._in_its_unit(start, end, request, trusts_empty=skip > 0)

        async for rows in read_log(fetch, endpoint=log, subject=device.name):
            yield rows

    async def _in_its_unit(
        self, start: int, end: int, request: Callable[[WindowParams], Awaitable[Page]], *, trusts_empty: bool
    ) -> Page:
        """Request a window in seconds, then in milliseconds: no document states the unit, the rows that come prove it.

        `trusts_empty`: an answer without rows would have none in the other unit either.
        """
        is_in_milliseconds = self._client_store.get(_IN_MILLISECONDS)
        milliseconds = {"start_ts": start * 1000, "end_ts": end * 1000}
        if is_in_milliseconds:
            return await request(milliseconds)
        refusal: Rejected | None = None
        page = Page([], 0)
        try:
            page = await request({"start_ts": start, "end_ts": end})
        except Rejected as error:
            refusal = error
        is_known = is_in_milliseconds is False
        if _any_between(page, start, end):
            self._client_store.put(_IN_MILLISECONDS, value=False)
            return page
        if refusal is None and not page.rows and (is_known or trusts_empty):
            return page
        if refusal is not None and is_known:
            raise refusal
        try:
            page = await request(milliseconds)
        except Rejected:
            if refusal is not None:
                raise refusal from None
            return Page([], 0)
        if _any_between(page, start, end):
            self._client_store.put(_IN_MILLISECONDS, value=True)
        elif refusal is not None and not page.rows and await self._takes_seconds(start, end, request):
            raise refusal
        return page

    @staticmethod
    async def _takes_seconds(start: int, end: int, request: Callable[[WindowParams], Awaitable[Page]]) -> bool:
        """Return whether the server accepts the middle of a window in seconds, so that it refused only the edges."""
        third = (end - start) // 3
        try:
            await request({"start_ts": start + third, "end_ts": end - third})
        except Rejected:
            return False
        return True

    async def _page(self, device: Device, log: Log, purpose: Purpose, params: Mapping[str, str | int]) -> Page:
        body = coerce.fields(
            await self._missing_grants.guard(
                log,
                device.schema_id,
                lambda: self._access.request(
                    device.schema_id, "GET", log, parts={"did": device.id}, params=params, purpose=purpose
                ),
            )
        )
        rows = body.get("objects")
        if not isinstance(rows, list) or (rows and not coerce.records(rows)):
            raise UnexpectedAnswer(endpoint=log)
        return Page(rows, wire_values.count(coerce.fields(body.get("meta")).get("total")))


def _any_between(page: Page, start: int, end: int) -> bool:
    times = map(wire_values.row_timestamp, coerce.records(page.rows))
    return any(start <= at.timestamp() <= end for at in times if at is not None)
