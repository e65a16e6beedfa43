"""The actions for the groups of devices that a vendor's cloud keeps."""

from collections.abc import Sequence
from typing import Final

import voluptuous as vol
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType, JsonValueType

from .. import exceptions
from ..clouds.administration import DeviceGroup, GroupAdministration
from ..clouds.errors import NotSupported
from .account_action import PRODUCT_FIELD, TEXT, TEXTS, AccountAction, AccountCall, Fields, item_results, offered

_GROUP: Final[Fields] = {**PRODUCT_FIELD, vol.Required("group_id"): TEXT}
_MEMBERS: Final[Fields] = {**_GROUP, vol.Optional("members"): TEXTS, vol.Optional("device_id"): TEXTS}
_groups = offered(lambda administration: administration.groups)
_NOT_OFFERED: Final = "groups_not_offered"


async def _list_groups(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Return all groups with the number of their devices."""
    return {"groups": _trees(await groups.list_groups(call.product()))}


def _trees(groups: Sequence[DeviceGroup]) -> list[JsonValueType]:
    return [
        {"id": group.id, "name": group.name, "devices": group.devices, "groups": _trees(group.groups)}
        for group in groups
    ]


async def _create_group(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Create a group and return its id."""
    name, parent = call.data.get("name"), call.data.get("parent_id")
    if name is None and groups.has_names:
        raise exceptions.of_call("group_name_missing")
    if name is not None and not groups.has_names:
        raise exceptions.of_call("group_names_not_offered", account=call.account)
    try:
        return {"group_id": await groups.create_group(call.product(), name=name, parent=parent)}
    except NotSupported as error:
        if parent is None:
            raise
        raise exceptions.of_call("group_parents_not_offered", account=call.account) from error


async def _rename_group(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Give a group another name."""
    if not groups.has_names:
        raise exceptions.of_call("group_names_not_offered", account=call.account)
    await groups.rename_group(call.product(), call.data["group_id"], call.data["name"])
    return {"group_id": call.data["group_id"]}


async def _delete_group(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Delete a group."""
    await groups.delete_group(call.product(), call.data["group_id"])
    return {"group_id": call.data["group_id"]}


async def _list_group_members(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Return the members of a group, with what Home Assistant knows of them."""
    devices = {groups.member_id(device): device for device in call.coordinator.inventory.listed}
    rows: list[JsonValueType] = []
    for member in await groups.members(call.product(), call.data["group_id"]):
        device = devices.get(member)
        rows.append(
            {
                "id": member,
                "name": None if device is None else device.name,
                "home_assistant_device_id": None if device is None else call.registry_id(device.id),
            }
        )
    return {"members": rows}


async def _assign_devices(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Add devices to a group."""
    return item_results(
        call,
        await groups.assign(
            call.product(), call.data["group_id"], _member_ids(call, groups), reassign=call.data["reassign"]
        ),
    )


async def _unassign_devices(call: AccountCall, groups: GroupAdministration) -> JsonObjectType:
    """Remove devices from a group."""
    return item_results(call, await groups.unassign(call.product(), call.data["group_id"], _member_ids(call, groups)))


def _member_ids(call: AccountCall, groups: GroupAdministration) -> list[str]:
    ids: list[str] = []
    for chosen in call.chosen("members"):
        member = chosen if isinstance(chosen, str) else groups.member_id(chosen)
        if member is None:
            raise exceptions.of_call("no_member", device="" if isinstance(chosen, str) else chosen.name)
        ids.append(member)
    return ids


ACTIONS: Final = (
    AccountAction(name="list_groups", fields=PRODUCT_FIELD, part=_groups, not_offered=_NOT_OFFERED, run=_list_groups),
    AccountAction(
        name="create_group",
        fields={**PRODUCT_FIELD, vol.Optional("name"): TEXT, vol.Optional("parent_id"): TEXT},
        part=_groups,
        not_offered=_NOT_OFFERED,
        run=_create_group,
        is_change=True,
    ),
    AccountAction(
        name="rename_group",
        fields={**_GROUP, vol.Required("name"): TEXT},
        part=_groups,
        not_offered=_NOT_OFFERED,
        run=_rename_group,
        is_change=True,
    ),
    AccountAction(
        name="delete_group",
        fields=_GROUP,
        part=_groups,
        not_offered=_NOT_OFFERED,
        run=_delete_group,
        is_change=True,
    ),
    AccountAction(
        name="list_group_members", fields=_GROUP, part=_groups, not_offered=_NOT_OFFERED, run=_list_group_members
    ),
    AccountAction(
        name="assign_devices",
        fields={**_MEMBERS, vol.Optional("reassign", default=False): cv.boolean},
        part=_groups,
        not_offered=_NOT_OFFERED,
        run=_assign_devices,
        is_change=True,
    ),
    AccountAction(
        name="unassign_devices",
        fields=_MEMBERS,
        part=_groups,
        not_offered=_NOT_OFFERED,
        run=_unassign_devices,
        is_change=True,
    ),
)
