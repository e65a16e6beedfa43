"""SoData's lists ("Paging"): a whole list or an error, because objects missing from a list count as removed.

They are not read with `clouds.paging.read_pages`: the pages may overlap, so that only the number of different uuids
can be compared with the total, and devices may be removed while the pages are read, so that the total may shrink.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from .. import coerce
from ..client_store import ClientStore
from ..errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from ..paging import PageSize
from . import mapping
from .mapping import Site

_TAKES = (100, 50, 20)
"""The page sizes to request, the next one if the server refuses. The document says 50 and names no maximum."""
_TOO_LONG = frozenset({400, 413, 422})  # statuses
_MOST_PAGES = 500

_PAGE_FIELDS = frozenset({"results", "total", "take", "skip", "isMaster"})

_CUSTOMERS = "/ca/{ca}/customers"
_SITES = "/ca/{ca}/sites"
DEVICES = "/ca/{ca}/devices"

_KEPT = ("uuid", "name", "technicalName", "timeZone", "customerUuid")
"""The fields of a site or a customer that are read, and stored for the time when the list fails."""

type Record = Mapping[str, Any]


class Get(Protocol):
    """Fetches one page."""

    async def __call__(self, template: str, *, params: Mapping[str, str | int]) -> Any:
        """Return the decoded answer."""


class Lists:
    """The lists of one account."""

    def __init__(self, get: Get, client_store: ClientStore) -> None:
        """Fetch pages with `get`; keep the sites and customers, and the page size, in `client_store`."""
        self._get = get
        self._client_store = client_store
        self._page_size = PageSize(
            client_store, "list page size", _TAKES, is_too_long=lambda error: error.status in _TOO_LONG
        )
        self._latest: dict[str, set[str | None]] = {}
        """The uuids in the latest list, by its template."""
        self.pages = 0
        """How many pages were read so far."""

    async def all(self, template: str, filters: Mapping[str, str] | None = None) -> list[Record]:
        """Read every page of a list, each object once. Raises `UnexpectedAnswer` for a list that is not whole."""
        found, is_whole = await self._read(template, filters or {})
        if not is_whole:
            # The total may count objects that the user may not see. A list that changed or a page that came empty by
            # mistake ends in another way the second time.
            before, (found, is_whole) = found, await self._read(template, filters or {})
            if not is_whole and found.keys() != before.keys():
                raise UnexpectedAnswer(endpoint=template)
        return list(found.values())

    async def _read(self, template: str, filters: Mapping[str, str]) -> tuple[dict[str, Record], bool]:
        """Return the objects by uuid, and whether they are as many as the total says, if there is one."""
        found: dict[str, Record] = {}
        totals: set[float] = set()
        skip = 0
        for _ in range(_MOST_PAGES):
            page = await self._page(template, skip, filters)
            results, total = _rows(page, template, skip), _total(page, template)
            before = len(found)
            for record in results:
                if (uuid := coerce.text(record.get("uuid"))) is None:
                    raise UnexpectedAnswer(endpoint=template)
                found.setdefault(uuid, {**record, "uuid": uuid})
            is_over = len(found) == before  # the page was empty, or held only known objects
            if is_over and (total is None or (skip and not results)):
                return found, total is None
            # Skip the rows that came, not those requested: a server may cut its pages.
            skip += len(results)
            if total is None:
                continue
            totals.add(total)
            # Devices may be removed while we read the pages. The last total no longer counts them, but we have
            # their rows from earlier pages, so more rows than the last total are complete if the total changed.
            if len(found) == total or (len(found) > total and len(totals) > 1):
                return found, True
            if is_over or len(found) > total:
                break
        raise UnexpectedAnswer(endpoint=template)

    async def _page(self, template: str, skip: int, filters: Mapping[str, str]) -> Any:
        page = await self._page_size.fetch(
            lambda take: self._get(template, params={**filters, "take": take, "skip": skip})
        )
        self.pages += 1
        return page

    async def sites(self) -> dict[str, Site]:
        """Read the sites, and the names of their customers."""
        records = await self._read_or_recall(_SITES)
        try:
            customers = await self.customers() if records else {}
        except UnexpectedAnswer, Unreachable:
            if mapping.need_customers(records):
                raise
            customers = {}
        return mapping.sites(records, customers)

    async def customers(self) -> dict[str, str]:
        """Read the names of the customers, by uuid."""
        records = await self._read_or_recall(_CUSTOMERS)
        return {str(record["uuid"]): name for record in records if (name := mapping.name_of(record))}

    async def _read_or_recall(self, template: str) -> list[Record]:
        """Read a list; return the stored one if that fails, and no records if the user may not see the list."""
        known = self._client_store.get(template)
        self._latest.pop(template, None)
        try:
            records = await self.all(template)
        except AuthFailed, RateLimited:
            raise
        except CloudError as error:
            if known is None and not isinstance(error, Forbidden | NotSupported | Rejected):
                raise  # Home Assistant takes the area of a device from its site only when it adds the device
            return list(coerce.records(known))
        # A list that lacks a record or its name for once must not rename a site that devices still name.
        self._latest[template] = {str(record["uuid"]) for record in records}
        by_uuid: dict[Any, Record] = {record.get("uuid"): record for record in coerce.records(known)}
        for record in records:
            present = {name: record[name] for name in _KEPT if record.get(name) is not None}
            by_uuid[record["uuid"]] = {**by_uuid.get(record["uuid"], {}), **present}
        kept = list(by_uuid.values())
        if kept != known:
            self._client_store.put(template, kept)
        return kept

    def forget_sites(self, *, but: AbstractSet[str | None]) -> None:
        """Forget stored sites and their customers that the latest lists lack, except the sites that devices name."""
        sites = self._forget(_SITES, but=but)
        self._forget(_CUSTOMERS, but={coerce.text(site.get("customerUuid")) for site in sites})

    def _forget(self, template: str, *, but: AbstractSet[str | None]) -> list[Record]:
        known = list(coerce.records(self._client_store.get(template)))
        if (latest := self._latest.get(template)) is None:
            return known
        kept = [record for record in known if coerce.text(record.get("uuid")) in latest | but]
        if kept != known:
            self._client_store.put(template, kept)
        return kept


def whole(page: Any, template: str) -> list[Record]:
    """Return the rows of a page. Raises `UnexpectedAnswer` if they are no list of objects."""
    results = coerce.fields(page).get("results")
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise UnexpectedAnswer(endpoint=template)
    return results


def unpaged(page: Any, template: str) -> list[Record]:
    """Return the rows of a list without pages. Raises `UnexpectedAnswer` if it contradicts its own total."""
    results, total = _rows(page, template, 0), _total(page, template)
    if total is not None and total != len(results):
        raise UnexpectedAnswer(endpoint=template)
    return results


def _rows(page: Any, template: str, skip: int) -> list[Record]:
    """Return the rows of a page after `skip` others. Raises `UnexpectedAnswer` if they are no list of objects.

    An empty page may lack its list or have null instead. What looks like that is damaged if rows should have come.
    """
    is_end = skip > 0 or _total(page, template) == 0
    is_listless = isinstance(page, dict) and page.get("results") is None
    if is_end and is_listless and ("results" in page or page.keys() <= _PAGE_FIELDS):
        return []
    return whole(page, template)


def _total(page: Any, template: str) -> float | None:
    if (value := coerce.fields(page).get("total")) is None:
        return None
    if (total := coerce.number(value)) is None:
        raise UnexpectedAnswer(endpoint=template)
    return total
