"""SoData's lists ("Paging"): all of a list or a failure, for what a list lacks is taken to be gone.

What the rows of a list mean is the mapping's business.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from .. import coerce
from ..client_store import ClientStore
from ..errors import AuthFailed, CloudError, Forbidden, NotSupported, RateLimited, Rejected, UnexpectedAnswer
from . import mapping
from .mapping import Site

_TAKES = (100, 50, 20)
"""How many rows a page is asked for, the next where the server refuses that. The document says 50 and no maximum."""
_TOO_MANY = frozenset({400, 413, 422})
_MOST_PAGES = 500

_CUSTOMERS = "/ca/{ca}/customers"
_SITES = "/ca/{ca}/sites"

_KEPT = ("uuid", "name", "technicalName", "timeZone", "customerUuid")
"""What is read of a site and of a customer."""

type Record = Mapping[str, Any]


class Get(Protocol):
    """Asks for one page."""

    async def __call__(self, template: str, *, params: Mapping[str, int]) -> Any:
        """Return the decoded answer."""


class Lists:
    """The lists of one account."""

    def __init__(self, get: Get, client_store: ClientStore) -> None:
        """Ask for pages with `get`; keep in `client_store` the lists that devices can do without."""
        self._get = get
        self._client_store = client_store
        self._size = 0  # of a page, as an index
        self.pages = 0
        """How many pages were read so far."""

    async def all(self, template: str) -> list[Record]:
        """Read every page of a list, each object once. Raises `UnexpectedAnswer` where it is not whole."""
        found: dict[str, Record] = {}
        totals: set[float] = set()
        skip = 0
        for _ in range(_MOST_PAGES):
            page = await self._page(template, skip)
            results, total = whole(page, template), _total(page, template)
            before = len(found)
            for record in results:
                if (uuid := coerce.text(record.get("uuid"))) is None:
                    raise UnexpectedAnswer(endpoint=template)
                found.setdefault(uuid, {**record, "uuid": uuid})
            # By what came, not by what was asked for: a server may cut its pages.
            skip += len(results)
            is_over = len(found) == before  # there is no more, or only what is known
            if total is None:
                if is_over:
                    return list(found.values())
                continue
            totals.add(total)
            # Devices may be removed while we read the pages. The last total no longer counts them, but we have
            # their rows from earlier pages, so more rows than the last total are complete if the total changed.
            if len(found) == total or (len(found) > total and len(totals) > 1):
                return list(found.values())
            if is_over or len(found) > total:
                break
        raise UnexpectedAnswer(endpoint=template)

    async def _page(self, template: str, skip: int) -> Any:
        for size in range(self._size, len(_TAKES)):
            try:
                page = await self._get(template, params={"take": _TAKES[size], "skip": skip})
            except Rejected as error:
                if error.status not in _TOO_MANY or size + 1 == len(_TAKES):
                    raise
            else:
                self._size = size
                break
        self.pages += 1
        return page

    async def sites(self) -> dict[str, Site]:
        """Read the sites with their names, told apart by those of their customers where that is needed."""
        records = await self._embellishing(_SITES)
        customers: dict[str, str] = {}
        if mapping.need_customers(records):
            for record in await self._embellishing(_CUSTOMERS):
                if name := mapping.name_of(record):
                    customers[str(record["uuid"])] = name
        return mapping.sites(records, customers)

    async def _embellishing(self, template: str) -> list[Record]:
        """Read a list that devices can do without: what was known where it fails, nothing where it may not be seen."""
        known = self._client_store.get(template)
        try:
            records = await self.all(template)
        except AuthFailed, RateLimited:
            raise
        except CloudError as error:
            if known is None and not isinstance(error, Forbidden | NotSupported | Rejected):
                raise  # areas are made of it once, when a device is added
            return list(coerce.records(known))
        kept: list[Record] = [
            {name: record[name] for name in _KEPT if record.get(name) is not None} for record in records
        ]
        if kept != known:
            self._client_store.put(template, kept)
        return kept


def whole(page: Any, template: str) -> list[Record]:
    """Read the rows of a page. Raises `UnexpectedAnswer` if there is no list, or something else than objects in it."""
    results = coerce.fields(page).get("results")
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise UnexpectedAnswer(endpoint=template)
    return results


def unpaged(page: Any, template: str) -> list[Record]:
    """Read the rows of a list that has no pages. Raises `UnexpectedAnswer` if it contradicts its own total."""
    results, total = whole(page, template), _total(page, template)
    if total is not None and total != len(results):
        raise UnexpectedAnswer(endpoint=template)
    return results


def _total(page: Any, template: str) -> float | None:
    told = coerce.fields(page).get("total")
    if told is None:
        return None
    if (total := coerce.number(told)) is None:
        raise UnexpectedAnswer(endpoint=template)
    return total
