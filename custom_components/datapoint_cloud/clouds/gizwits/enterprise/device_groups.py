"""The groups of devices that the vendor keeps for each product ("Enterprise API, Device groups")."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any, ClassVar, Final

from ... import coerce
from ...administration import DeviceGroup, ItemResults
from ...budget import Purpose
from ...errors import AuthFailed, CloudError, NotSupported, RateLimited, Reason, Rejected, UnexpectedAnswer
from ...model import Device
from ..item_results import item_results, texts
from .device_search import DeviceSearch
from .product_access import Product, ProductAccess

_GROUPS_PATH: Final = "/device_groups"
_GROUP_PATH: Final = "/device_groups/{gid}"
_MAX_MEMBERS: Final = 1000  # of one request


class DeviceGroups:
    """The groups of an enterprise's products. A scope is a product key, and a member is a MAC address."""

    has_names: ClassVar[bool] = False

    def __init__(self, access: ProductAccess, search: DeviceSearch) -> None:
        """Request groups through `access`, and their devices through `search`."""
        self._access = access
        self._search = search

    async def ids(self, product_key: str) -> Sequence[str]:
        """Return the ids of all groups of a product. Raises any `CloudError`."""
        return list(_group_ids(await self._tree(product_key)))

    async def devices_of(self, products: Sequence[Product], group_id: str) -> tuple[Product, dict[str, str | None]]:
        """Find the product of a group, and the devices in the group or, if it has none, in the groups below it.

        The devices come with their MAC addresses, by id.

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
                    return product, {did: mac for dids in members for did, mac in dids.items()}
            except AuthFailed, RateLimited:
                raise
            except Rejected:
                continue  # the group is another product's
            except CloudError as error:
                failure = error  # unless another product has the group
        raise failure

    def member_id(self, device: Device) -> str | None:
        """Return the MAC address, by which the cloud knows members."""
        return device.mac

    async def list_groups(self, scope: str | None) -> Sequence[DeviceGroup]:
        """Return the groups of a product as trees. The cloud gives them no names; one request a group counts devices.

        Raises any `CloudError`.
        """
        product_key = _product(scope)
        tree = await self._tree(product_key)
        ids = list(_group_ids(tree))
        members = await asyncio.gather(*(self.members(product_key, group_id) for group_id in ids))
        sizes = {group_id: len(macs) for group_id, macs in zip(ids, members, strict=True)}
        return _group_trees(tree, sizes)

    async def create_group(self, scope: str | None, *, name: str | None = None, parent: str | None = None) -> str:
        """Create the root group of a product, or a group below `parent`, and return its id.

        Raises `NotSupported` for a name, `Rejected` with the vendor's code (5202, 5203) for a wrong place.
        """
        if name is not None:
            raise NotSupported(subject=name)
        body = {} if parent is None else {"parent_gid": parent}
        answer = coerce.fields(await self._access.request(_product(scope), "POST", _GROUPS_PATH, json_body=body))
        group_id = coerce.text(answer.get("gid"))
        if group_id is None:
            raise UnexpectedAnswer(endpoint=_GROUPS_PATH)
        return group_id

    async def rename_group(self, scope: str | None, group_id: str, name: str) -> None:
        """Raise `NotSupported`: the groups have no names."""
        raise NotSupported(subject=group_id)

    async def delete_group(self, scope: str | None, group_id: str) -> None:
        """Delete a group. Raises `Rejected` (5204, 5205) while it has groups or devices."""
        await self._access.request(_product(scope), "DELETE", _GROUP_PATH, parts={"gid": group_id}, may_be_empty=True)

    async def members(self, scope: str | None, group_id: str) -> Sequence[str]:
        """Return the MAC addresses of a group's own devices."""
        answer = coerce.fields(await self._access.request(_product(scope), "GET", _GROUP_PATH, parts={"gid": group_id}))
        return texts(answer.get("macs"))

    async def assign(self, scope: str | None, group_id: str, members: Sequence[str], *, reassign: bool) -> ItemResults:
        """Add devices to a group, at most 1,000 a request."""
        return await self._change(scope, group_id, members, {"action": "assign", "reassign": reassign})

    async def unassign(self, scope: str | None, group_id: str, members: Sequence[str]) -> ItemResults:
        """Remove devices from a group, at most 1,000 a request."""
        # The document requires `reassign` for both actions.
        return await self._change(scope, group_id, members, {"action": "unassign", "reassign": False})

    async def _change(
        self, scope: str | None, group_id: str, macs: Sequence[str], change: Mapping[str, Any]
    ) -> ItemResults:
        results: list[ItemResults] = []
        for some in batched(macs, _MAX_MEMBERS, strict=False):
            body = {**change, "macs": list(some)}
            answer = await self._access.request(
                _product(scope), "PUT", _GROUP_PATH, parts={"gid": group_id}, json_body=body
            )
            results.append(item_results(answer, some))
        succeeded = tuple(item for result in results for item in result.succeeded)
        return ItemResults(
            succeeded=succeeded, failed={item: why for result in results for item, why in result.failed.items()}
        )

    async def _dids(self, product: Product, group_id: str) -> dict[str, str | None]:
        rows = await self._search.rows(replace(product, group_id=group_id))
        return {str(row["did"]): coerce.text(row.get("mac")) for row in rows}

    async def _tree(self, product_key: str) -> Any:
        return await self._access.request(product_key, "GET", _GROUPS_PATH, purpose=Purpose.POLLING)


def _group_trees(tree: Any, sizes: Mapping[str, int]) -> tuple[DeviceGroup, ...]:
    return tuple(
        DeviceGroup(id=gid, devices=sizes[gid], groups=_group_trees(children, sizes))
        for gid, children in coerce.fields(_decode_tree(tree)).items()
    )


def _product(scope: str | None) -> str:
    if scope is None:
        raise NotSupported
    return scope


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
