"""Searches the devices of a product ("Enterprise API, Device search"), page by page.

It knows when a list is complete, not what is in its rows.
"""

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from ... import coerce
from ...budget import Purpose
from ...client_store import ClientStore
from ...errors import UnexpectedAnswer
from ...paging import Page, PageSize
from .. import wire_values
from ..paging import DEVICE_PAGES, Row, list_devices, page_size
from .product_access import Product, ProductAccess

SEARCH_PATH: Final = "/devices/search"


def search_page(client_store: ClientStore) -> PageSize:
    """Return the longest page that the search accepts."""
    return page_size(client_store, "search page", DEVICE_PAGES)


class DeviceSearch:
    """The lists of devices of an enterprise's products."""

    def __init__(self, access: ProductAccess, client_store: ClientStore) -> None:
        """Request through `access`; keep in `client_store` how long a page may be."""
        self._access = access
        self._page_size = search_page(client_store)
        self._pages: dict[Product, int] = {}

    def pages_of(self, product: Product) -> int:
        """Return how many pages the last complete list of a product had."""
        return self._pages.get(product, 1)

    async def rows(self, product: Product, **filters: str) -> Sequence[Row]:
        """List the devices of a product, or of its group, that match `filters`. Raises any `CloudError`."""
        pages: list[Page] = []

        async def fetch(skip: int, *, shows_disabled: int = 0) -> Page:
            # No document states whether disabled devices are shown by default.
            pages.append(await self._page(product, skip, {**filters, "show_disabled": str(shows_disabled)}))
            return pages[-1]

        async def fetch_uncounted(skip: int, *, total: int) -> Page:
            page = await fetch(skip)
            if page.total != total:
                raise UnexpectedAnswer(endpoint=SEARCH_PATH)
            return Page(page.rows)

        try:
            listed = await list_devices(fetch, endpoint=SEARCH_PATH)
        except UnexpectedAnswer as error:
            if error.status is not None or not pages or pages[-1].rows:
                raise
            # The list ended before its total, which may include the disabled devices that it does not show.
            total = len((await list_devices(partial(fetch, shows_disabled=1), endpoint=SEARCH_PATH)).rows)
            listed = await list_devices(partial(fetch_uncounted, total=total), endpoint=SEARCH_PATH)
        if not filters:
            self._pages[product] = len(pages)
        return list(listed.rows.values())

    async def _page(self, product: Product, skip: int, filters: Mapping[str, str]) -> Page:
        group = {} if product.group_id is None else {"gid": product.group_id}

        def request(limit: int) -> Awaitable[Any]:
            params = {**group, **filters, "limit": limit, "skip": skip}
            return self._access.request(product.product_key, "GET", SEARCH_PATH, params=params, purpose=Purpose.POLLING)

        body = coerce.fields(await self._page_size.fetch(request))
        rows = body.get("objects")
        total = wire_values.count(coerce.fields(body.get("meta")).get("total"))
        # The document promises a total. Without a total we trust the rows, but an empty list only with a total.
        if not isinstance(rows, list) or (not rows and not skip and total is None):
            raise UnexpectedAnswer(endpoint=SEARCH_PATH, subject=product.product_key)
        return Page(rows, total)
