"""The groups of devices that the vendor keeps for each product ("Enterprise API, Device groups")."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ... import coerce
from ...budget import Purpose
from ...errors import AuthFailed, CloudError, RateLimited, Reason, Rejected
from .device_search import DeviceSearch
from .product_access import Product, ProductAccess


class DeviceGroups:
    """The groups of an enterprise's products."""

    def __init__(self, access: ProductAccess, search: DeviceSearch) -> None:
        """Request groups through `access`, and their devices through `search`."""
        self._access = access
        self._search = search

    async def ids(self, product_key: str) -> Sequence[str]:
        """Return the ids of all groups of a product. Raises any `CloudError`."""
        return list(_group_ids(await self._tree(product_key)))

    async def members(self, products: Sequence[Product], group_id: str) -> tuple[Product, list[str]]:
        """Find the product of a group, and the devices in the group or, if it has none, in the groups below it.

        Raises `Rejected` (NOT_FOUND) if no product has the group, or any other `CloudError`.
        """
        failure: CloudError = Rejected(Reason.NOT_FOUND, subject=group_id)
        for product in products:
            try:
                if dids := await self._dids(product, group_id):
                    return product, dids
                below = _below(await self._tree(product.product_key), group_id)
                if below is not None:
                    members = [await self._dids(product, gid) for gid in below]
                    return product, list(dict.fromkeys(did for dids in members for did in dids))
            except AuthFailed, RateLimited:
                raise
            except Rejected:
                continue  # the group is another product's
            except CloudError as error:
                failure = error  # unless another product has the group
        raise failure

    async def _dids(self, product: Product, group_id: str) -> list[str]:
        return [str(row["did"]) for row in await self._search.rows(replace(product, group_id=group_id))]

    async def _tree(self, product_key: str) -> Any:
        return await self._access.request(product_key, "GET", "/device_groups", purpose=Purpose.POLLING)


def _group_ids(tree: Any) -> Iterator[str]:
    """Yield the ids in a tree of groups: an object of objects, with an empty text for no children."""
    for gid, children in coerce.fields(_decode_tree(tree)).items():
        yield gid
        yield from _group_ids(children)


def _below(tree: Any, group_id: str) -> list[str] | None:
    """Return the ids of the groups below a group; None if the tree does not contain the group."""
    groups = coerce.fields(_decode_tree(tree))
    if group_id in groups:
        return list(_group_ids(groups[group_id]))
    found = (_below(children, group_id) for children in groups.values())
    return next((below for below in found if below is not None), None)


def _decode_tree(tree: Any) -> Any:
    # The documents' table has a text, their example an object.
    try:
        return coerce.decode(tree) if isinstance(tree, str) else tree
    except ValueError:
        return None
