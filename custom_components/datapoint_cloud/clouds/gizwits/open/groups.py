"""The groups of an app's user and the devices in them ("Open API, Device groups")."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from ... import coerce
from ...administration import DeviceGroup, ItemResults
from ...errors import NotSupported, Reason, Rejected, UnexpectedAnswer
from ...model import Device
from ..item_results import item_results
from ..paging import Row
from .bindings import Request
from .lists import rows_by_id

GROUPS_PATH: Final = "/app/group"
_GROUP_PATH: Final = "/app/group/{id}"
_MEMBERS_PATH: Final = "/app/group/{id}/devices"


class OpenGroups:
    """The groups of one user. They have names and no groups within them; a member is a device id."""

    has_names: ClassVar[bool] = True

    def __init__(self, request: Request) -> None:
        """Ask with `request`."""
        self._request = request

    async def product_of(self, group_id: str) -> str | None:
        """Return the product of a group, None for one of mixed products. Raises `Rejected` (NOT_FOUND)."""
        groups = await self._rows()
        if group_id not in groups:
            raise Rejected(Reason.NOT_FOUND, subject=group_id)
        return coerce.text(groups[group_id].get("product_key"))

    def member_id(self, device: Device) -> str | None:
        """Return the device's id, by which the cloud knows members."""
        return device.id

    async def list_groups(self, scope: str | None) -> Sequence[DeviceGroup]:
        """Return all groups; one request a group counts its devices."""
        groups = await self._rows()
        members = await asyncio.gather(*(self.members(None, group_id) for group_id in groups))
        return [
            DeviceGroup(id=group_id, name=coerce.text(row.get("group_name")), devices=len(devices))
            for (group_id, row), devices in zip(groups.items(), members, strict=True)
        ]

    async def create_group(self, scope: str | None, *, name: str | None = None, parent: str | None = None) -> str:
        """Create a group for devices of the product `scope`, or of any product, and return its id."""
        if parent is not None:
            raise NotSupported(subject=parent)
        if name is None:
            raise Rejected(Reason.INVALID_REQUEST, endpoint=GROUPS_PATH, subject="name")
        body = {"group_name": name} | ({} if scope is None else {"product_key": scope})
        group_id = coerce.text(coerce.fields(await self._request("POST", GROUPS_PATH, json_body=body)).get("id"))
        if group_id is None:
            raise UnexpectedAnswer(endpoint=GROUPS_PATH)
        return group_id

    async def rename_group(self, scope: str | None, group_id: str, name: str) -> None:
        """Rename a group."""
        await self._request("PUT", _GROUP_PATH, parts={"id": group_id}, json_body={"group_name": name})

    async def delete_group(self, scope: str | None, group_id: str) -> None:
        """Delete a group; its devices stay."""
        await self._request("DELETE", _GROUP_PATH, parts={"id": group_id}, may_be_empty=True)

    async def members(self, scope: str | None, group_id: str) -> Sequence[str]:
        """Return the ids of a group's devices."""
        answer = await self._request("GET", _MEMBERS_PATH, parts={"id": group_id})
        return list(rows_by_id(answer, "did", endpoint=_MEMBERS_PATH))

    async def assign(self, scope: str | None, group_id: str, members: Sequence[str], *, reassign: bool) -> ItemResults:
        """Add devices to a group. A device may be in several groups, so `reassign` changes nothing."""
        return await self._change("POST", group_id, members)

    async def unassign(self, scope: str | None, group_id: str, members: Sequence[str]) -> ItemResults:
        """Remove devices from a group."""
        return await self._change("DELETE", group_id, members)

    async def _change(self, method: str, group_id: str, device_ids: Sequence[str]) -> ItemResults:
        answer = await self._request(
            method,
            _MEMBERS_PATH,
            parts={"id": group_id},
            params={"show_detail": 1},
            json_body={"dids": list(device_ids)},
        )
        return item_results(answer, device_ids)

    async def _rows(self) -> Mapping[str, Row]:
        return rows_by_id(await self._request("GET", GROUPS_PATH), "id", endpoint=GROUPS_PATH)
