"""The lists of both Gizwits APIs: devices and log rows, read page by page.

It knows which list is complete, not where a list comes from.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import UnexpectedAnswer
from ..paging import FetchPage, Page, PageSize, read_pages
from . import wire_values

type Row = Mapping[str, Any]
type AskPage = Callable[[Mapping[str, int]], Awaitable[Any]]
"""Requests a page by its `limit` and `skip`, and returns the body of the answer."""

DOCUMENTED_PAGE: Final = 20  # without a `limit`
DEVICE_PAGES: Final = (100, DOCUMENTED_PAGE)
LOG_PAGES: Final = (1000, 100, DOCUMENTED_PAGE)  # log rows are small and come by the thousand
FORM_INVALID: Final = (5002, 9015)
"""The codes with which a server refuses a parameter, without a word about which."""


def page_size(client_store: ClientStore, slot: str, sizes: tuple[int, ...]) -> PageSize:
    """Find out the longest page under `slot`: no document states it, so we try longer ones than the documented."""
    return PageSize(client_store, slot, sizes, is_too_long=lambda error: error.code in FORM_INVALID)


async def find_rows(
    ask: AskPage,
    lengths: PageSize,
    *,
    most: int,
    endpoint: str,
    subject: str | None = None,
    ends_with_empty_page: bool = False,
) -> list[Row]:
    """Return the first `most` rows of a list of the Enterprise API ("Paging").

    With `ends_with_empty_page`, the list may have fewer rows than its total says. Raises any `CloudError`.
    """

    async def fetch(skip: int) -> Page:
        answer = await lengths.fetch(lambda limit: ask({"limit": min(limit, most), "skip": skip}))
        body = coerce.fields(answer)
        if not isinstance(rows := body.get("objects"), list):
            raise UnexpectedAnswer(endpoint=endpoint, subject=subject)
        is_end = ends_with_empty_page and not rows
        return Page(rows, skip if is_end else wire_values.count(coerce.fields(body.get("meta")).get("total")))

    found: list[Row] = []
    async for page in read_pages(fetch, endpoint=endpoint, subject=subject, full_page=min(DOCUMENTED_PAGE, most)):
        found += coerce.records(page.rows)
        if len(found) >= most:
            break
    return found[:most]


async def read_log(
    fetch: FetchPage, *, endpoint: str, subject: str | None, full_page: int = 1
) -> AsyncIterator[list[Row]]:
    """Yield the pages of a device's log; a row that is no object is empty.

    Raises `UnexpectedAnswer` for rows of which none has a timestamp, since they are no log, and what `read_pages`
    raises.
    """
    async for page in read_pages(fetch, endpoint=endpoint, subject=subject, full_page=full_page):
        rows = [coerce.fields(row) for row in page.rows]
        if rows and not any(map(wire_values.row_timestamp, rows)):
            raise UnexpectedAnswer(endpoint=endpoint, subject=subject)
        yield rows


@dataclass(slots=True)
class DeviceList:
    """The rows of a list by device id, and how many pages it took to read them."""

    rows: dict[str, Row] = field(default_factory=dict)
    pages: int = 0


async def list_devices(fetch: FetchPage, *, endpoint: str, required: tuple[str, ...] = ()) -> DeviceList:
    """Read all rows of a list of devices, each with a `did` and with the texts named in `required`.

    A list that changes between two pages is read once more: a device that moved to a page we had read already would
    be missing. Raises `UnexpectedAnswer` for unreadable rows and for a list that is not as long as its total, because
    devices missing from it need not be gone.
    """
    reader = _DeviceListReader(endpoint, required)
    await reader.read(fetch)
    if not reader.is_steady:
        first, reader = reader, _DeviceListReader(endpoint, required, pages=reader.devices.pages)
        await reader.read(fetch)
        if not reader.is_steady and not reader.equals(first):
            raise UnexpectedAnswer(endpoint=endpoint)
    return reader.devices


class _DeviceListReader:
    """Reads a list of devices once, from its first page to its last."""

    def __init__(self, endpoint: str, required: tuple[str, ...], *, pages: int = 0) -> None:
        self.devices = DeviceList(pages=pages)
        self._endpoint = endpoint
        self._required = required
        self._totals: list[int] = []
        self._pages: list[AbstractSet[str]] = []  # the device ids of each page
        self._repeated = 0  # rows that were on an earlier page, too

    async def read(self, fetch: FetchPage) -> None:
        # Servers may cut the pages we request, but none is expected to cut them shorter than the documented length.
        async for page in read_pages(fetch, endpoint=self._endpoint, full_page=DOCUMENTED_PAGE):
            self._add(page)
        found = len(self.devices.rows)
        if self._totals and not found <= self._totals[-1] <= found + self._repeated:
            raise UnexpectedAnswer(endpoint=self._endpoint)

    @property
    def is_steady(self) -> bool:
        """Whether all pages stated the same total, and exactly that many devices came."""
        return set(self._totals) <= {len(self.devices.rows)}

    def equals(self, other: _DeviceListReader) -> bool:
        """Whether both readers found the same devices; then the server itself repeats rows."""
        return self._totals == other._totals and self.devices.rows.keys() == other.devices.rows.keys()

    def _add(self, page: Page) -> None:
        found: dict[str, Row] = {}
        for row in map(coerce.fields, page.rows):
            did = coerce.text(row.get("did"))
            if did is None or any(coerce.text(row.get(name)) is None for name in self._required):
                raise UnexpectedAnswer(endpoint=self._endpoint)
            found.setdefault(did, row)
        known = self.devices.rows
        if found.keys() not in self._pages:  # otherwise the server skips no rows, and repeats whole pages
            self._repeated += len(found.keys() & known.keys())
        self._pages.append(found.keys())
        for did, row in found.items():
            known.setdefault(did, row)
        self.devices.pages += 1
        if page.total is not None:
            self._totals.append(page.total)
