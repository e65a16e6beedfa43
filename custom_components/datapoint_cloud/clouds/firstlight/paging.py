"""All pages of one answer, and whether they are all there is.

How long a page may be and what a total counts is documented nowhere: rows, labels or single figures. So a total is
believed where it is met, and without one only a page that brings nothing ends an answer. It asks nothing by itself.
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
from .mapping import Figures, Named

ENDPOINT: Final = "/user/usage/aggregate/{aty}/{field}"

_SIZES: Final = (100, 50, 25, 10)
_CERTAINLY_SHORT: Final = 10  # figures: no server cuts its pages below that
_MOST_PAGES: Final = 50
_SLOT: Final = "page size"

type Ask = Callable[[int], Awaitable[Mapping[str, Any]]]
"""Asks for the page of this number, from 1 on."""


class PageSize:
    """How long a page may be; None leaves it to the server. What was refused is remembered."""

    def __init__(self, client_store: ClientStore) -> None:
        """Keep in `client_store` what the server accepts: 0 where it accepts no size at all."""
        self._client_store = client_store

    def of(self, most_rows: int | None) -> int | None:
        """The length of the pages of a query that wants so many rows at most."""
        known = coerce.number(self._client_store.get(_SLOT))
        size = _SIZES[0] if known is None else int(known)
        if not size:
            return None
        return size if most_rows is None else min(size, most_rows)

    def shorten(self, refused: int | None) -> bool:
        """Ask for less than what was refused; whether there is less."""
        if refused is None:
            return False
        self._client_store.put(_SLOT, next((size for size in _SIZES if size < refused), 0))
        return True


async def read_pages(
    ask: Ask, labels: Sequence[str], zone: tzinfo, *, size: int | None, most_rows: int | None
) -> tuple[Figures, CloudError | None]:
    """The figures of an answer, and why it is not complete. Raises what fails on the first page, or for its size."""
    gathered = _Gathered(labels, zone, size=size, most_rows=most_rows)
    for number in range(1, _MOST_PAGES + 1):
        try:
            page = await ask(number)
        except CloudError as error:
            if number == 1 or error.code == WRONG_PAGE_SIZE:
                raise
            # After a page that may be the last only asking tells whether there is another one.
            if error.code == WRONG_PAGE_NUMBER or (gathered.was_short and isinstance(error, Rejected | NotSupported)):
                return gathered.figures, gathered.contradiction
            return gathered.figures, error
        if not gathered.add(page):
            return gathered.figures, gathered.contradiction
        if gathered.is_complete:
            return gathered.figures, None
    return gathered.figures, UnexpectedAnswer(Reason.TOO_MANY_ROWS, endpoint=ENDPOINT)


class _Gathered:
    """What the pages so far hold. An entry that two pages share, or one has twice, is one entry."""

    def __init__(self, labels: Sequence[str], zone: tzinfo, *, size: int | None, most_rows: int | None) -> None:
        self._labels = labels
        self._zone = zone
        self._size = size or _SIZES[0]
        self._most_rows = most_rows
        self._entries: dict[str, Any] = {}
        self._single: Any = None
        self._is_single = False
        self._figures = 0
        self._names: set[str | None] = set()
        self._count: float | None = None
        self._told: float | None = 0  # rows, as the headers count them
        self._longest_unit = 0  # of the last page

    def add(self, page: Mapping[str, Any]) -> bool:
        """Take a page; whether it brought anything new."""
        header, data = coerce.fields(page.get("header")), page.get("data")
        self._count = coerce.number(header.get("count"))
        entries = mapping.entries_of(data)
        if entries is None:
            self._single, self._is_single = data, not self._entries
            return self._is_single and data is not None
        self._take_units(entries, coerce.number(header.get("rows")))
        new = {_identity(entry): entry for entry in entries}
        new = {identity: entry for identity, entry in new.items() if identity not in self._entries}
        self._entries |= new
        figures = self._read(list(new.values()))
        self._figures += len(figures.parts) + len(figures.skipped)
        self._names |= {figure.label for figure in figures.parts}
        return bool(new)

    def _take_units(self, entries: Sequence[Any], rows: float | None) -> None:
        figures = self._read(entries)
        labels = {figure.label for figure in figures.parts}
        units = {len(entries), len(figures.parts) + len(figures.skipped), len(labels)}
        self._longest_unit = max(units)
        self._told = None if self._told is None or rows is None or rows not in units else self._told + rows

    def _read(self, entries: Sequence[Any]) -> Figures:
        return mapping.figures_of_entries(entries, self._labels, self._zone)

    @property
    def figures(self) -> Figures:
        """What was read, as far as it is wanted."""
        if self._is_single:
            return mapping.figures_of(self._single, self._labels, self._zone)
        return self._read(list(self._entries.values())[: self._most_rows])

    @property
    def was_short(self) -> bool:
        """Whether the last page was shorter than asked for, whatever its length counts."""
        return self._longest_unit < self._size

    @property
    def is_complete(self) -> bool:
        """Whether it is certain that there is no other page, or no row of it is wanted."""
        if self._is_single or (self._most_rows is not None and len(self._entries) >= self._most_rows):
            return True
        if self._count is None:
            return self.was_short and self._longest_unit < _CERTAINLY_SHORT
        return self._told >= self._count if self._told is not None else self._count in self._units

    @property
    def contradiction(self) -> CloudError | None:
        """The failure of an answer that ends before its own total."""
        is_lacking = self._count is not None and max(self._units) < self._count
        return UnexpectedAnswer(endpoint=ENDPOINT) if is_lacking else None

    @property
    def _units(self) -> set[int]:
        """What a total may count."""
        return {len(self._entries), self._figures, len(self._names)}


def _identity(entry: Any) -> str:
    content = [entry.name, entry.value] if isinstance(entry, Named) else entry
    return json.dumps(content, sort_keys=True)
