"""The Open API's groups: named sets of a user's devices that can be controlled with one command."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from .devices import GizwitsDevice
from .errors import OPEN_API_TEXTS, Refused
from .identifiers import derive_hex
from .open_core import OpenCore
from .wire import json_object, one_of, required_text


@dataclass(slots=True)
class Group:
    """A group. A group of mixed products has an empty product key."""

    id: str
    name: str
    uid: str
    product_key: str
    created_at: float
    dids: list[str] = field(default_factory=list)


class OpenGroups:
    """All groups, and their endpoints."""

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        self.by_id: dict[str, Group] = {}
        route = core.app.router
        route.add_get("/app/group", self._list)
        route.add_post("/app/group", self._create)
        route.add_put("/app/group/{id}", self._rename)
        route.add_delete("/app/group/{id}", self._delete)
        route.add_get("/app/group/{id}/devices", self._list_devices)
        route.add_post("/app/group/{id}/devices", self._add_devices)
        route.add_delete("/app/group/{id}/devices", self._remove_devices)
        route.add_post("/app/group/{id}/control", self._control)

    def add(self, name: str, uid: str, product_key: str, dids: list[str]) -> Group:
        """Make a group."""
        digest = derive_hex(f"group {uid} {len(self.by_id)}", 24)
        group = Group(digest, name, uid, product_key, self._core.clock(), dids)
        self.by_id[group.id] = group
        return group

    def _group(self, request: web.Request) -> Group:
        uid = self._core.user(request).uid
        group = self.by_id.get(request.match_info["id"])
        if group is None or group.uid != uid:
            raise Refused(9015, "group not found")
        return group

    async def _list(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        return self._core.answer_list([_row(group) for group in self.by_id.values() if group.uid == uid])

    async def _create(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        body = await json_object(request, malformed=9015, form=9015)
        key = body.get("product_key", "")
        if not isinstance(key, str):
            raise Refused(9015, "product_key")
        if key and key not in self._core.products:
            raise Refused(9002)
        group = self.add(required_text(body, "group_name", 9015), uid, key, [])
        return self._core.answer({"id": group.id}, 201)

    async def _rename(self, request: web.Request) -> web.Response:
        group = self._group(request)
        body = await json_object(request, malformed=9015, form=9015)
        group.name = required_text(body, "group_name", 9015)
        return self._core.answer({"id": group.id})

    async def _delete(self, request: web.Request) -> web.Response:
        group = self._group(request)
        del self.by_id[group.id]
        return self._core.answer({"id": group.id})

    async def _list_devices(self, request: web.Request) -> web.Response:
        devices = self._members(self._group(request))
        rows = [
            {
                "did": device.did,
                "type": device.type,
                "verbose_name": device.product.name,
                "dev_alias": device.alias,
                "product_key": device.product.key,
            }
            for device in devices
        ]
        return self._core.answer_list(rows)

    async def _add_devices(self, request: web.Request) -> web.Response:
        group = self._group(request)
        failures: dict[str, int] = {}
        dids = await _dids(request)
        for did in dids:
            device = self._core.devices.get(did)
            if device is None or device.uid != group.uid:
                failures[did] = 9017 if device else 9014
            elif group.product_key not in ("", device.product.key):
                failures[did] = 9002
            elif did not in group.dids:
                group.dids.append(did)
        return self._changed(request, dids, failures)

    async def _remove_devices(self, request: web.Request) -> web.Response:
        group = self._group(request)
        dids = await _dids(request)
        failures = {did: 9014 for did in dids if did not in group.dids}
        group.dids = [did for did in group.dids if did not in dids]
        return self._changed(request, dids, failures)

    def _changed(self, request: web.Request, dids: list[str], failures: dict[str, int]) -> web.Response:
        answer: dict[str, Any] = {"success": [did for did in dids if did not in failures], "failed": list(failures)}
        if one_of(request, "show_detail", ("0", "1"), 9015) == "1":
            answer["detail"] = [
                {"did": did, "error_code": code, "error_message": OPEN_API_TEXTS[code], "detail_msg": None}
                for did, code in failures.items()
            ]
        return self._core.answer(answer)

    async def _control(self, request: web.Request) -> web.Response:
        group = self._group(request)
        if not group.product_key:
            raise Refused(9015, "product_key")
        body = await json_object(request, malformed=9015, form=9015)
        results = [{"did": device.did, "result": self._is_accepted(device, body)} for device in self._members(group)]
        return self._core.answer(results)

    def _members(self, group: Group) -> list[GizwitsDevice]:
        """Return the group's devices that are still bound to its user."""
        devices = [self._core.devices[did] for did in group.dids if did in self._core.devices]
        return [device for device in devices if device.uid == group.uid]

    def _is_accepted(self, device: GizwitsDevice, body: dict[str, Any]) -> bool:
        try:
            self._core.command(device, body)
        except Refused as refused:
            if refused.code in (9015, 9025):
                raise
            return False
        return True


def _row(group: Group) -> dict[str, Any]:
    created = datetime.fromtimestamp(group.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {"group_name": group.name, "product_key": group.product_key, "verbose_name": ""}
    return {"id": group.id, "created_at": created, "updated_at": created} | names


async def _dids(request: web.Request) -> list[str]:
    body = await json_object(request, malformed=9015, form=9015)
    dids = body.get("dids")
    if not isinstance(dids, list) or not dids or not all(isinstance(did, str) for did in dids):
        raise Refused(9015, "dids")
    return dids
