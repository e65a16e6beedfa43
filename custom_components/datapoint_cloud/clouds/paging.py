"""Lists that come in pages: how many rows to ask for at once, and when all rows have come.

It knows neither what is listed nor where.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .client_store import ClientStore
from .errors import Rejected, UnexpectedAnswer

_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page as they came, and the length of the whole list if the answer states it."""

    rows: list[Any]
    total: int | None = None


type FetchPage = Callable[[int], Awaitable[Page]]
"""Fetches the page that begins after this number of rows."""


async def read_pages(
    fetch: FetchPage, *, endpoint: str, subject: str | None = None, full_page: int = 1
) -> AsyncIterator[Page]:
    """Yield the pages of a list until all its rows have come.

    The next page begins after the rows that came, not after those requested, since servers may cut pages. With a total
    the list ends once that many rows have come; without one it ends with a page of fewer than `full_page` rows. A page
    that equals the one before it comes from a server that ignores how many rows to skip, so it ends the list, too.

    Raises `UnexpectedAnswer` (with `endpoint` and `subject`) for a list that ends before its total or never ends, and
    whatever `fetch` raises.
    """
    received = 0
    total: int | None = None
    previous: list[Any] | None = None
    for _ in range(_MOST_PAGES):
        page = await fetch(received)
        total = total if page.total is None else page.total
        is_repeated = page.rows == previous
        if not is_repeated:
            yield page
            received += len(page.rows)
        if received >= total if total is not None else is_repeated or len(page.rows) < full_page:
            return
        if is_repeated or not page.rows:
            break
        previous = page.rows
    raise UnexpectedAnswer(endpoint=endpoint, subject=subject)


class PageSize:
    """The longest page a server accepts for one kind of list, remembered in the client store."""

    def __init__(
        self,
        client_store: ClientStore,
        slot: str,
        sizes: Sequence[int],
        *,
        is_too_long: Callable[[Rejected], bool],
    ) -> None:
        """Try `sizes`, longest first; `is_too_long` recognises the error by which the server refuses a length."""
        self._client_store = client_store
        self._slot = slot
        self._sizes = sizes
        self._is_too_long = is_too_long

    async def fetch[Answer](self, request: Callable[[int], Awaitable[Answer]]) -> Answer:
        """Call `request` with the longest length known to be accepted, and with shorter ones while it is refused.

        Raises whatever `request` raises, including the refusal of the shortest length.
        """
        known = self._client_store.get(self._slot)
        longest = known if known in self._sizes else self._sizes[0]
        lengths = [longest, *(size for size in self._sizes if size < longest)]
        for length in lengths:
            try:
                answer = await request(length)
            except Rejected as error:
                if length == lengths[-1] or not self._is_too_long(error):
                    raise
                continue
            if length != longest:
                self._client_store.put(self._slot, length)
            return answer
        raise AssertionError  # the last length was answered or raised
