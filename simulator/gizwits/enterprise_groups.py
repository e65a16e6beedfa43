"""The Enterprise API's device groups, one tree for each product, and the bindings of devices to users."""

from typing import Any

from aiohttp import web

from .enterprise_core import EnterpriseCore
from .errors import Refused
from .fleet import EnterpriseProduct, Group
from .identifiers import derive_hex
from .wire import json_object, required_text

_MOST_MACS = 1000


class EnterpriseGroups:
    """The endpoints of groups and bindings."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        route = core.app.router
        path = "/v1/products/{product_key}"
        route.add_get(f"{path}/device_groups", self._list)
        route.add_post(f"{path}/device_groups", self._create)
        route.add_delete(path + "/device_groups/{gid}", self._delete)
        route.add_get(path + "/device_groups/{gid}", self._members)
        route.add_put(path + "/device_groups/{gid}", self._change_members)
        route.add_post(f"{path}/devices/bindings", self._bind)
        route.add_delete(f"{path}/devices/bindings", self._bind)

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response(_tree(self._core.authorized(request), None) or {})

    async def _create(self, request: web.Request) -> web.Response:
        product = self._core.authorized(request)
        body = await json_object(request, malformed=5001, form=5002)
        parent = body.get("parent_gid")
        if parent is None and product.groups:
            raise Refused(5203)
        if parent is not None and parent not in product.groups:
            raise Refused(5202)
        gid = derive_hex(f"gid {product.product_key} {len(product.groups)} {parent}", 32)
        product.groups[gid] = Group(gid, parent)
        return web.json_response({"gid": gid}, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        product, group = self._group(request)
        if any(other.parent == group.gid for other in product.groups.values()):
            raise Refused(5204)
        if group.macs:
            raise Refused(5205)
        del product.groups[group.gid]
        return web.json_response({})

    async def _members(self, request: web.Request) -> web.Response:
        _, group = self._group(request)
        return web.json_response({"macs": group.macs})

    async def _change_members(self, request: web.Request) -> web.Response:
        product, group = self._group(request)
        body = await json_object(request, malformed=5001, form=5002)
        macs, action, moves = _texts(body, "macs"), body.get("action"), body.get("reassign", False)
        if action not in ("assign", "unassign") or not isinstance(moves, bool) or len(macs) > _MOST_MACS:
            raise Refused(5002)
        change = _unassign if action == "unassign" else _reassign if moves else _assign
        changed = [mac for mac in macs if product.by_mac(mac) is not None and change(product, group, mac)]
        return web.json_response({"success": changed, "failed": [mac for mac in macs if mac not in changed]})

    async def _bind(self, request: web.Request) -> web.Response:
        product = self._core.authorized(request)
        body = await json_object(request, malformed=5001, form=5002)
        uid, dids = required_text(body, "uid", 5002), _texts(body, "dids")
        required_text(body, "appid", 5002)
        known = [did for did in dids if did in product.devices]
        for did in known:
            product.devices[did].uid = uid if request.method == "POST" else None
        return web.json_response({"success": known, "failed": [did for did in dids if did not in known]})

    def _group(self, request: web.Request) -> tuple[EnterpriseProduct, Group]:
        product = self._core.authorized(request)
        group = product.groups.get(request.match_info["gid"])
        if group is None:
            raise Refused(5206)
        return product, group


def _tree(product: EnterpriseProduct, parent: str | None) -> Any:
    """Return the tree of the groups below a parent. A group without children is an empty text."""
    below = [group.gid for group in product.groups.values() if group.parent == parent]
    return {gid: _tree(product, gid) for gid in below} or ""


def _assign(product: EnterpriseProduct, group: Group, mac: str) -> bool:
    if any(mac in other.macs for other in product.groups.values()):
        return False
    group.macs.append(mac)
    return True


def _reassign(product: EnterpriseProduct, group: Group, mac: str) -> bool:
    for other in product.groups.values():
        if mac in other.macs:
            other.macs.remove(mac)
    return _assign(product, group, mac)


def _unassign(_product: EnterpriseProduct, group: Group, mac: str) -> bool:
    if mac not in group.macs:
        return False
    group.macs.remove(mac)
    return True


def _texts(body: dict[str, Any], name: str) -> list[str]:
    texts = body.get(name)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused(5002, name)
    return texts
