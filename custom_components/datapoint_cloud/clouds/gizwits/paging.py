"""Lists that come in pages: how long a page may be, and when all of a list is here.

No document tells the longest page: long ones are tried, and refused ones remembered. It knows neither what is listed
nor where.
"""

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import Rejected, UnexpectedAnswer
from . import wire_values

DEFAULT_PAGE: Final = 20  # what the documents promise
MOST_PAGES: Final = 1000
_PAGE: Final = 100
LONG_PAGE: Final = 1000  # of rows as small as a device's reports, which come by the thousand
_FORM_INVALID: Final = (5002, 9015)


class PageSize:
    """The length of the pages of one kind of list, under one slot of the memory."""

    def __init__(self, client_store: ClientStore, slot: str, *, longest: int = _PAGE) -> None:
        """Keep in `client_store` that pages of up to `longest` rows were refused."""
        self._client_store = client_store
        self._slot = slot
        self._longest = longest

    async def ask[Answer](self, ask: Callable[[int], Awaitable[Answer]]) -> Answer:
        """Ask for a page with a limit, and where that is refused with a shorter one, down to the documented one."""
        longest = wire_values.count(self._client_store.get(self._slot)) or self._longest
        limits = [longest, *(limit for limit in (_PAGE, DEFAULT_PAGE) if limit < longest)]
        for limit in limits:
            try:
                answer = await ask(limit)
            except Rejected as error:
                if error.code not in _FORM_INVALID or limit == limits[-1]:
                    raise
                continue
            if limit != longest:
                self._client_store.put(self._slot, limit)
            return answer
        raise AssertionError  # the last limit has answered or raised


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page as they came, and how many the list has in all where the answer tells."""

    rows: list[Any]
    total: int | None = None


@dataclass(slots=True)
class Listed:
    """The rows of a list by device id, and the pages they took."""

    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    pages: int = 0


async def all_devices(turn: Callable[[int], Awaitable[Page]], *, endpoint: str, needs: tuple[str, ...] = ()) -> Listed:
    """Ask for the pages of a list of devices with `turn`, which takes the number of rows to skip.

    Rows have a `did` and the texts that `needs` names. A list that changes while its pages are turned is read once
    more: what was moved to a page that was read already is missing in the first.

    Raises `UnexpectedAnswer` for a list with rows that cannot be read, and for one that is not as long as it says:
    devices that are missing in it need not be gone.
    """
    reading = _Reading(endpoint, needs)
    await reading.read(turn)
    if not reading.is_steady:
        first, reading = reading, _Reading(endpoint, needs, pages=reading.listed.pages)
        await reading.read(turn)
        if not reading.is_steady and not reading.is_like(first):
            raise UnexpectedAnswer(endpoint=endpoint)
    return reading.listed


class _Reading:
    """One reading of a list, from its first page to its last."""

    def __init__(self, endpoint: str, needs: tuple[str, ...], *, pages: int = 0) -> None:
        self.listed = Listed(pages=pages)
        self._endpoint = endpoint
        self._needs = needs
        self._totals: list[int] = []
        self._received = 0
        self._turned: list[AbstractSet[str]] = []  # the devices of each page
        self._repeated = 0  # rows of earlier pages
        self._has_news = False

    async def read(self, turn: Callable[[int], Awaitable[Page]]) -> None:
        for _ in range(MOST_PAGES):
            page = await turn(self._received)
            self._take(page)
            if not self._has_news or self._is_last(page):
                break
        rows = len(self.listed.rows)
        if self._totals and not rows <= self._totals[-1] <= rows + self._repeated:
            raise UnexpectedAnswer(endpoint=self._endpoint)

    @property
    def is_steady(self) -> bool:
        """Whether each page told the same total, and there are as many devices."""
        return set(self._totals) <= {len(self.listed.rows)}

    def is_like(self, other: _Reading) -> bool:
        """Whether both readings found the same, however often the server repeats a row."""
        return self._totals == other._totals and self.listed.rows.keys() == other.listed.rows.keys()

    def _take(self, page: Page) -> None:
        found: dict[str, Mapping[str, Any]] = {}
        for row in map(coerce.fields, page.rows):
            did = coerce.text(row.get("did"))
            if did is None or any(coerce.text(row.get(name)) is None for name in self._needs):
                raise UnexpectedAnswer(endpoint=self._endpoint)
            found.setdefault(did, row)
        known = self.listed.rows
        self._has_news = not found.keys() <= known.keys()
        if found.keys() not in self._turned:  # else the server does not skip, and says nothing new
            self._repeated += len(found.keys() & known.keys())
        self._turned.append(found.keys())
        self.listed.rows = known | {did: row for did, row in found.items() if did not in known}
        self._received += len(page.rows)
        self.listed.pages += 1
        if page.total is not None:
            self._totals.append(page.total)

    def _is_last(self, page: Page) -> bool:
        if self._totals:
            return self._received >= self._totals[-1]
        # The server may have cut the page, so one that is shorter than asked for need not be the last; but none is
        # expected to cut it shorter than the documents promise.
        return len(page.rows) < DEFAULT_PAGE
