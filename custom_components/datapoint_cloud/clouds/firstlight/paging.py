"""Reads all pages of one answer and checks that it is complete. It sends nothing itself.

It does not use `clouds.paging`: the document states neither the longest page nor what a total counts (rows, labels or
numbers). So a total counts only once any of them reaches it, and without a total only a page without new entries ends
an answer. The last resort for the page size is to send none, which the shared `PageSize` does not know.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import CloudError, NotSupported, Reason, Rejected, UnexpectedAnswer
from . import mapping
from .errors import WRONG_PAGE_NUMBER, WRONG_PAGE_SIZE
from .mapping import NamedValue, UsageNumbers

ENDPOINT: Final = "/user/usage/aggregate/{aty}/{field}"

_SIZES: Final = (100, 50, 25, 10)
_CERTAINLY_SHORT: Final = 10  # entries or numbers: no server has shorter pages
_MOST_PAGES: Final = 50
_SLOT: Final = "page size"  # in the client store

type FetchPage = Callable[[int], Awaitable[Mapping[str, Any]]]
"""Fetches the page of this number, beginning with 1."""


class PageSize:
    """The longest page the server accepts; None leaves the length to the server."""

    def __init__(self, client_store: ClientStore) -> None:
        """Keep the accepted length in `client_store`: 0 if the server refuses every length."""
        self._client_store = client_store

    def of(self, most_rows: int | None) -> int | None:
        """Return the page length for a query of at most `most_rows` rows."""
        known = coerce.number(self._client_store.get(_SLOT))
        size = _SIZES[0] if known is None else int(known)
        if not size:
            return None
        return size if most_rows is None else min(size, most_rows)

    def shorten(self, refused: int | None) -> bool:
        """Choose a shorter length than the refused one; return False if there is none."""
        if refused is None:
            return False
        self._client_store.put(_SLOT, next((size for size in _SIZES if size < refused), 0))
        return True


async def read_pages(
    fetch: FetchPage, labels: Sequence[str], zone: tzinfo, *, size: int | None, most_rows: int | None
) -> tuple[UsageNumbers, CloudError | None]:
    """Return the numbers of all pages, and the error that makes them incomplete.

    Raises an error of the first page, and the refusal of the page size.
    """
    pages = _Pages(labels, zone, size=size, most_rows=most_rows)
    for number in range(1, _MOST_PAGES + 1):
        try:
            page = await fetch(number)
        except CloudError as error:
            if number == 1 or error.code == WRONG_PAGE_SIZE:
                raise
            # Without a total, only a request shows whether another page follows a short one.
            if error.code == WRONG_PAGE_NUMBER or (pages.was_short and isinstance(error, Rejected | NotSupported)):
                return pages.numbers, pages.contradiction
            return pages.numbers, error
        if not pages.add(page):
            return pages.numbers, pages.contradiction
        if pages.is_complete:
            return pages.numbers, None
    return pages.numbers, UnexpectedAnswer(Reason.TOO_MANY_ROWS, endpoint=ENDPOINT)


class _Pages:
    """The entries of the pages so far. Equal entries, of one page or of two, count once."""

    def __init__(self, labels: Sequence[str], zone: tzinfo, *, size: int | None, most_rows: int | None) -> None:
        self._labels = labels
        self._zone = zone
        self._size = size or _SIZES[0]
        self._most_rows = most_rows
        self._entries: dict[str, Any] = {}
        self._single: Any = None
        self._is_single = False
        self._number_count = 0
        self._labels_found: set[str | None] = set()
        self._total: float | None = None
        self._received: float | None = 0  # rows, as the headers count them; None if they count something else
        self._page_length = 0  # of the last page, by whatever gives the largest count

    def add(self, page: Mapping[str, Any]) -> bool:
        """Add a page; return whether it held anything new."""
        header, data = coerce.fields(page.get("header")), page.get("data")
        self._total = coerce.number(header.get("count"))
        entries = mapping.find_entries(data)
        if entries is None:
            self._single, self._is_single = data, not self._entries
            return self._is_single and data is not None
        self._count_page(entries, coerce.number(header.get("rows")))
        new = {_identity(entry): entry for entry in entries}
        new = {identity: entry for identity, entry in new.items() if identity not in self._entries}
        self._entries |= new
        numbers = self._parse(list(new.values()))
        self._number_count += len(numbers.parts) + len(numbers.skipped)
        self._labels_found |= {number.label for number in numbers.parts}
        return bool(new)

    def _count_page(self, entries: Sequence[Any], rows: float | None) -> None:
        numbers = self._parse(entries)
        labels = {number.label for number in numbers.parts}
        counts = {len(entries), len(numbers.parts) + len(numbers.skipped), len(labels)}
        self._page_length = max(counts)
        self._received = None if self._received is None or rows is None or rows not in counts else self._received + rows

    def _parse(self, entries: Sequence[Any]) -> UsageNumbers:
        return mapping.parse_entries(entries, self._labels, self._zone)

    @property
    def numbers(self) -> UsageNumbers:
        """The numbers of the first `most_rows` entries."""
        if self._is_single:
            return mapping.parse_single(self._single, self._labels, self._zone)
        return self._parse(list(self._entries.values())[: self._most_rows])

    @property
    def was_short(self) -> bool:
        """Whether the last page was shorter than requested, whatever the server counts."""
        return self._page_length < self._size

    @property
    def is_complete(self) -> bool:
        """Whether there is certainly no further page, or no row of it is needed."""
        if self._is_single or (self._most_rows is not None and len(self._entries) >= self._most_rows):
            return True
        if self._total is None:
            return self.was_short and self._page_length < _CERTAINLY_SHORT
        return self._received >= self._total if self._received is not None else self._total in self._counts

    @property
    def contradiction(self) -> CloudError | None:
        """The error of an answer that ends before its own total."""
        is_short = self._total is not None and max(self._counts) < self._total
        return UnexpectedAnswer(endpoint=ENDPOINT) if is_short else None

    @property
    def _counts(self) -> set[int]:
        """The counts that a total may mean."""
        return {len(self._entries), self._number_count, len(self._labels_found)}


def _identity(entry: Any) -> str:
    content = [entry.name, entry.value] if isinstance(entry, NamedValue) else entry
    return json.dumps(content, sort_keys=True)
