"""The actions that administer accounts: reports, searches, groups, users and bindings."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.actions.administration import ACTIONS
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.texts import async_load_texts
from simulator.gizwits import EnterpriseProduct, GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import SPA
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, poll
from .history.fake_history import device_id_of

_TODAY = datetime.now(UTC).date()


@pytest.fixture
def server(simulation: Simulation) -> GizwitsEnterpriseServer:
    return simulation.gizwits_enterprise


@pytest.fixture
def product(server: GizwitsEnterpriseServer) -> EnterpriseProduct:
    return next(iter(server.products.values()))


@pytest.fixture
async def enterprise(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_enterprise")


@pytest.fixture
async def household(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


async def _answer(
    hass: HomeAssistant, name: str, entry: MockConfigEntry, context: Context | None = None, /, **data: Any
) -> dict[str, Any]:
    answer = await hass.services.async_call(
        DOMAIN,
        name,
        {"config_entry_id": entry.entry_id, **data},
        blocking=True,
        return_response=True,
        context=context,
    )
    assert isinstance(answer, dict)
    json.dumps(answer)  # as scripts and the API do
    return answer


async def _refused(
    hass: HomeAssistant,
    name: str,
    entry: MockConfigEntry,
    kind: type[HomeAssistantError] = ServiceValidationError,
    /,
    **data: Any,
) -> str:
    with pytest.raises(HomeAssistantError) as refused:
        await _answer(hass, name, entry, **data)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert "{" not in text
    return text


def _fault(code: int, path: str, status: int = 400) -> Fault:
    def strikes(request: web.Request) -> bool:
        return path in request.path

    body = {"error_code": code, "error_message": "no", "detail_message": None, "detail": ""}
    return Fault(matches=strikes, status=status, body=json.dumps(body))


def _is_untroubled(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Whether the account shows no consequences."""
    issues = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN and issue.active]
    has_flow = bool(hass.config_entries.flow.async_progress_by_handler(DOMAIN))
    return bool(entry.runtime_data.coordinator.last_update_success) and not issues and not has_flow


# Every action


_PARTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "get_report": ("sodata", {"report": "device_overview"}, "does not offer reports"),
    "list_groups": ("sodata", {}, "does not offer groups of devices"),
    "create_group": ("firstlight", {"name": "a"}, "does not offer groups of devices"),
    "rename_group": ("sodata", {"group_id": "a", "name": "a"}, "does not offer groups of devices"),
    "delete_group": ("sodata", {"group_id": "a"}, "does not offer groups of devices"),
    "list_group_members": ("sodata", {"group_id": "a"}, "does not offer groups of devices"),
    "assign_devices": ("sodata", {"group_id": "a", "members": ["a"]}, "does not offer groups of devices"),
    "unassign_devices": ("sodata", {"group_id": "a", "members": ["a"]}, "does not offer groups of devices"),
    "find_users": ("gizwits_open", {"kind": "bound"}, "does not offer its users"),
    "bind_user": ("gizwits_open", {"user_id": "a", "app_id": "a", "devices": ["a"]}, "does not offer its users"),
    "unbind_user": ("gizwits_open", {"user_id": "a", "app_id": "a", "devices": ["a"]}, "does not offer its users"),
    "bind_device": ("gizwits_enterprise", {"qr_content": "a"}, "does not offer to bind, rename or unbind devices"),
    "unbind_devices": ("gizwits_enterprise", {"devices": ["a"]}, "does not offer to bind, rename or unbind devices"),
    "rename_device": (
        "gizwits_enterprise",
        {"device_id": "a", "name": "a"},
        "does not offer to bind, rename or unbind devices",
    ),
}


async def test_a_cloud_that_lacks_a_part_says_so(hass: HomeAssistant, simulation: Simulation) -> None:
    assert {*_PARTS, "find_devices", "show_device"} == {action.name for action in ACTIONS}
    entries = {kind: await add_account(hass, simulation, kind) for kind in KINDS}
    for name, (kind, data, text) in _PARTS.items():
        assert text in await _refused(hass, name, entries[kind], **data)


async def test_who_is_no_administrator_changes_nothing_and_sees_no_users(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry, hass_read_only_user: User
) -> None:
    context = Context(user_id=hass_read_only_user.id)
    readable = {"get_report", "find_devices", "list_groups", "list_group_members"}
    product = next(iter(simulation.gizwits_enterprise.products))
    for action in ACTIONS:
        _, data, _ = _PARTS.get(action.name, ("", {"device": "a"}, ""))
        if action.name in readable:
            assert not action.needs_administrator
            continue
        with pytest.raises(Unauthorized):
            await _answer(hass, action.name, enterprise, context, **data)
    assert (await _answer(hass, "get_report", enterprise, context, report="device_overview", product=product))["counts"]


async def test_who_may_not_read_the_account_gets_no_answers(
    hass: HomeAssistant, enterprise: MockConfigEntry, hass_read_only_user: User
) -> None:
    hass_read_only_user.mock_policy({})  # type: ignore[attr-defined]  # of the test kit
    context = Context(user_id=hass_read_only_user.id)
    for name, data in (("get_report", {"report": "device_overview"}), ("find_devices", {}), ("list_groups", {})):
        with pytest.raises(Unauthorized):
            await _answer(hass, name, enterprise, context, **data)


async def test_the_product_may_be_named_or_left_out_if_it_is_the_only_one(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry, server: GizwitsEnterpriseServer
) -> None:
    _, second = server.products.values()
    for name in (second.product_key, second.name):
        answer = await _answer(hass, "get_report", enterprise, report="device_overview", product=name)
        assert answer["product"] == second.product_key
        assert answer["counts"]["devices"] == len(second.devices)
    for subentry in enterprise.subentries.values():
        hass.config_entries.async_update_subentry(enterprise, subentry, title=f"My {subentry.title}")
    titles = ", ".join(subentry.title for subentry in enterprise.subentries.values())
    await hass.async_block_till_done()
    text = await _refused(hass, "get_report", enterprise, report="device_overview")
    assert text.endswith(f"has several products. Choose one of: {titles}")
    text = await _refused(hass, "get_report", enterprise, report="device_overview", product="tea")
    assert text.endswith(f"has no product tea. Choose one of: {titles}")
    subentry = next(iter(enterprise.subentries.values()))
    hass.config_entries.async_remove_subentry(enterprise, subentry.subentry_id)
    await hass.async_block_till_done()
    answer = await _answer(hass, "get_report", enterprise, report="device_overview")
    assert answer["product"] == second.product_key


# Reports


async def test_every_report_has_the_same_shape(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    reports = enterprise.runtime_data.coordinator.cloud.administration.reports
    for name in reports.names:
        data: dict[str, Any] = {"report": name, "product": product.product_key}
        taken = reports.takes(name)
        if "range" in taken:
            data |= {"start": str(_TODAY - timedelta(days=7)), "end": str(_TODAY)}
        if "cycle" in taken:
            data["cycle"] = "date"
        answer = await _answer(hass, "get_report", enterprise, **data)
        assert list(answer) == ["report", "product", "available", "counts", "places", "rows"]
        assert answer["report"] == name
        assert answer["available"] is True
        assert answer["counts"] or answer["places"] or answer["rows"]


async def test_the_places_of_a_report_are_a_tree(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    answer = await _answer(
        hass, "get_report", enterprise, report="device_locations", product=product.product_key, is_online=True
    )
    china = next(place for place in answer["places"] if place["name"] == "China")
    assert set(china) == {"name", "counts", "places"}
    assert china["counts"]["devices"] == sum(region["counts"]["devices"] for region in china["places"])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (5014, "The cloud has not prepared this report yet. Try again tomorrow"),
        (5018, "The vendor has not enabled this function for the product"),
        (5024, "The vendor has not enabled this function for the product"),
    ],
)
async def test_a_report_that_is_not_there_is_an_answer(
    hass: HomeAssistant,
    enterprise: MockConfigEntry,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    code: int,
    reason: str,
) -> None:
    server.withheld_reports = {"/devices/summary": code}
    answer = await _answer(hass, "get_report", enterprise, report="device_overview", product=product.product_key)
    assert answer == {
        "report": "device_overview",
        "product": product.product_key,
        "available": False,
        "reason": reason,
        "counts": {},
        "places": [],
        "rows": [],
    }
    await poll(hass, enterprise)
    assert _is_untroubled(hass, enterprise)


@pytest.mark.parametrize(
    ("report", "data", "text"),
    [
        ("device_overview", {"group_id": "a"}, "does not take Group ID. It covers the whole product"),
        ("device_status", {"city": "Bonn"}, "does not take City. It takes: Group ID"),
        (
            "device_locations",
            {"cycle": "week"},
            "does not take Cycle. It takes: Group ID, Online, Faulty, Alerting",
        ),
        ("active_device_history", {"start": "2026-11-01", "end": "2026-11-02"}, "needs Cycle"),
        ("active_device_history", {"cycle": "date"}, "needs Start, End"),
        ("active_device_history", {"cycle": "date", "start": "2026-11-01"}, "needs End"),
        ("new_devices", {"start": "2026-11-02", "end": "2026-11-01"}, "The end of the range is before its start"),
        ("new_devices", {"start": "2026-01-01", "end": "2026-02-01"}, "Choose at most 30 days"),
        ("new_users", {"cycle": "week", "start": "2025-01-01", "end": "2026-02-01"}, "at most 53 weeks"),
        ("new_users", {"cycle": "month", "start": "2025-01-01", "end": "2026-02-01"}, "at most 12 months"),
        ("tea", {}, "has no report tea. Choose one of: device_overview, "),
    ],
)
async def test_what_a_report_does_not_take_is_named_and_not_sent(
    hass: HomeAssistant,
    enterprise: MockConfigEntry,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    report: str,
    data: dict[str, str],
    text: str,
) -> None:
    server.reset_counts()
    assert text in await _refused(hass, "get_report", enterprise, report=report, product=product.product_key, **data)
    assert not server.requests


async def test_a_report_that_fails_is_no_failure_of_the_account(
    hass: HomeAssistant, enterprise: MockConfigEntry, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    server.faults.append(Fault(matches=lambda request: request.path.endswith("/summary"), status=500, body=""))
    text = await _refused(
        hass, "get_report", enterprise, HomeAssistantError, report="device_overview", product=product.product_key
    )
    assert text == "The server of the cloud failed"
    assert _is_untroubled(hass, enterprise)


# Devices


async def test_devices_are_found_that_home_assistant_does_not_show(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    shown, hidden = list(product.devices.values())[:2]
    await poll(hass, enterprise)
    hidden.is_disabled = True
    rows = (await _answer(hass, "find_devices", enterprise, product=product.name, show_disabled=True, limit=1000))[
        "devices"
    ]
    by_id = {row["id"]: row for row in rows}
    assert by_id[shown.did]["home_assistant_device_id"] == device_id_of(hass, enterprise, shown.did)
    registered = dr.async_get(hass).async_get(by_id[shown.did]["home_assistant_device_id"])
    assert registered is not None
    assert by_id[shown.did]["name"] == registered.name != f"{product.name} {shown.mac[-4:]}"
    assert set(by_id[shown.did]) == {
        "id",
        "name",
        "mac",
        "online",
        "fault",
        "alert",
        "type",
        "disabled",
        "facts",
        "home_assistant_device_id",
    }
    assert (by_id[shown.did]["disabled"], by_id[hidden.did]["disabled"]) == (False, True)
    rows = (await _answer(hass, "find_devices", enterprise, product=product.name, limit=1000))["devices"]
    assert hidden.did not in {row["id"] for row in rows}


async def test_a_device_is_found_by_its_mac_as_it_is_printed(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    device = list(product.devices.values())[1]
    (row,) = (await _answer(hass, "find_devices", enterprise, mac=_printed(device.mac)))["devices"]
    assert (row["id"], row["type"], row["disabled"]) == (device.did, device.type, False)
    assert row["facts"]["country"] == (device.place.country if device.place else None)


def _printed(mac: str) -> str:
    return ":".join(mac[index : index + 2] for index in range(0, 12, 2)).upper()


async def test_the_times_of_found_devices_have_an_offset(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    since = datetime.now(UTC) - timedelta(days=400)
    (row, *_) = (await _answer(hass, "find_devices", enterprise, active_since=since.isoformat()))["devices"]
    times = [value for value in row["facts"].values() if isinstance(value, str) and value[:2] == "20"]
    assert times
    assert all(datetime.fromisoformat(time).tzinfo is not None for time in times)


async def test_a_condition_that_a_cloud_lacks_is_named(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry, household: MockConfigEntry
) -> None:
    assert "cannot search devices by Site" in await _refused(hass, "find_devices", enterprise, site="a")
    assert "cannot search devices by Customer" in await _refused(hass, "find_devices", household, customer="a")
    assert "cannot search devices by Faulty" in await _refused(hass, "find_devices", household, is_faulty=True)


async def test_every_account_finds_the_devices_that_it_lists(hass: HomeAssistant, simulation: Simulation) -> None:
    for kind in ("gizwits_open", "sodata"):
        entry = await add_account(hass, simulation, kind)
        listed = entry.runtime_data.coordinator.inventory.listed
        rows = (await _answer(hass, "find_devices", entry, limit=1000))["devices"]
        assert {row["id"] for row in rows} >= {device.id for device in listed}
        (row,) = (await _answer(hass, "find_devices", entry, device_id=listed[0].id))["devices"]
        assert row["home_assistant_device_id"] == device_id_of(hass, entry, listed[0].id)
        assert len((await _answer(hass, "find_devices", entry, limit=1))["devices"]) == 1


async def test_a_household_is_searched_without_a_request(
    hass: HomeAssistant, simulation: Simulation, household: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    online = {device.did for device in server.devices.values() if device.is_online and device.uid == server.uid}
    server.reset_counts()
    rows = (await _answer(hass, "find_devices", household, is_online=True))["devices"]
    assert {row["id"] for row in rows} == online
    assert not server.requests


# Groups


async def test_the_groups_of_a_product_are_listed_made_filled_and_deleted(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    key = {"product": product.product_key}
    (root,) = (await _answer(hass, "list_groups", enterprise, **key))["groups"]
    assert (root["id"], root["name"]) == (product.root_gid, None)
    assert [group["id"] for group in root["groups"]] == [product.child_gid]
    made = (await _answer(hass, "create_group", enterprise, parent_id=root["id"], **key))["group_id"]
    first, second, third = [device for device in product.devices.values() if ":" not in device.mac][:3]
    product.groups[product.root_gid].macs.clear()
    product.groups[product.child_gid].macs[:] = [taken := third.mac]
    answer = await _answer(
        hass,
        "assign_devices",
        enterprise,
        group_id=made,
        members=[second.did, taken, "unknown"],
        device_id=[device_id_of(hass, enterprise, first.did)],
        **key,
    )
    assert answer["succeeded"] == [second.mac, first.mac]
    assert answer["failed"] == dict.fromkeys([taken, "unknown"], "The cloud gives no reason")
    assert taken not in product.groups[made].macs
    data = {"group_id": made, "members": [taken], **key}
    with pytest.raises(HomeAssistantError, match=f"The cloud refuses the change for {taken} "):
        await hass.services.async_call(
            DOMAIN, "assign_devices", {"config_entry_id": enterprise.entry_id, **data}, blocking=True
        )
    hass.config.language = "de"
    await async_load_texts(hass)
    assert (await _answer(hass, "assign_devices", enterprise, **data))["failed"] == {
        taken: "Die Cloud nennt keinen Grund"
    }
    answer = await _answer(hass, "assign_devices", enterprise, reassign=True, **data)
    assert answer == {"succeeded": [taken], "failed": {}}
    members = (await _answer(hass, "list_group_members", enterprise, group_id=made, **key))["members"]
    assert {member["id"] for member in members} == {first.mac, second.mac, taken}
    named = next(member for member in members if member["id"] == first.mac)
    assert named["home_assistant_device_id"] == device_id_of(hass, enterprise, first.did)
    text = await _refused(hass, "delete_group", enterprise, HomeAssistantError, group_id=made, **key)
    assert text == "The group still has groups or devices. Remove them from it first"
    macs = [member["id"] for member in members]
    answer = await _answer(hass, "unassign_devices", enterprise, group_id=made, members=macs, **key)
    assert answer["failed"] == {}
    assert await _answer(hass, "delete_group", enterprise, group_id=made, **key) == {"group_id": made}
    assert made not in product.groups


async def test_the_groups_of_a_household_have_names(
    hass: HomeAssistant, simulation: Simulation, household: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    made = (await _answer(hass, "create_group", household, name="Outside"))["group_id"]
    await _answer(hass, "rename_group", household, group_id=made, name="Garden")
    spa = _spa(server)
    answer = await _answer(hass, "assign_devices", household, group_id=made, members=[spa.did, "unknown"])
    assert answer == {"succeeded": [spa.did], "failed": {"unknown": "The cloud does not know unknown"}}
    groups = {group["id"]: group for group in (await _answer(hass, "list_groups", household))["groups"]}
    assert groups[made] == {"id": made, "name": "Garden", "devices": 1, "groups": []}
    await _answer(hass, "unassign_devices", household, group_id=made, members=[spa.mac])
    assert (await _answer(hass, "list_group_members", household, group_id=made))["members"] == []
    await _answer(hass, "delete_group", household, group_id=made)
    assert made not in server.groups.by_id


async def test_what_groups_of_a_cloud_lack_is_named(
    hass: HomeAssistant, enterprise: MockConfigEntry, household: MockConfigEntry, product: EnterpriseProduct
) -> None:
    key = {"product": product.product_key}
    text = "have no names"
    assert text in await _refused(hass, "rename_group", enterprise, group_id=product.root_gid, name="a", **key)
    assert text in await _refused(hass, "create_group", enterprise, name="a", **key)
    assert "Enter a name" in await _refused(hass, "create_group", household)
    assert "cannot contain" in await _refused(hass, "create_group", household, name="a", parent_id="b")
    assert "at least one in Members" in await _refused(
        hass, "assign_devices", enterprise, group_id=product.root_gid, **key
    )


async def test_an_account_without_products_offers_neither_groups_nor_users(
    hass: HomeAssistant, enterprise: MockConfigEntry, server: GizwitsEnterpriseServer
) -> None:
    for subentry_id in [*enterprise.subentries]:
        hass.config_entries.async_remove_subentry(enterprise, subentry_id)
    await hass.async_block_till_done()
    server.reset_counts()
    for name in ("list_groups", "create_group"):
        text = await _refused(hass, name, enterprise, HomeAssistantError)
        assert text == "The cloud does not offer this function"
    text = await _refused(hass, "find_users", enterprise, kind="bound")
    assert text == f"{enterprise.title} does not offer its users"
    assert not server.requests


async def test_a_device_without_a_mac_address_cannot_be_in_a_group(
    hass: HomeAssistant, simulation: Simulation, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    device = list(product.devices.values())[1]
    device.mac = ""
    enterprise = await add_account(hass, simulation, "gizwits_enterprise")
    server.reset_counts()
    text = await _refused(
        hass,
        "assign_devices",
        enterprise,
        product=product.product_key,
        group_id=product.child_gid,
        device_id=[device_id_of(hass, enterprise, device.did)],
    )
    assert text.endswith("cannot be in a group: its cloud knows members by MAC address, and it has none")
    assert not server.requests


async def test_a_device_of_another_account_is_refused(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry, household: MockConfigEntry
) -> None:
    target = device_id_of(hass, household, _spa(simulation.gizwits_open).did)
    group_id, product = "a", next(iter(simulation.gizwits_enterprise.products))
    text = await _refused(hass, "assign_devices", enterprise, group_id=group_id, product=product, device_id=[target])
    assert text.endswith(f"is not a device that {enterprise.title} lists")


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("create_group", 5202, "The cloud does not know this group"),
        ("create_group", 5203, "The product already has its top group. Choose a group that the new one is in"),
        ("delete_group", 5201, "The cloud does not know this group"),
        ("delete_group", 5204, "The group still has groups or devices. Remove them from it first"),
        ("delete_group", 5205, "The group still has groups or devices. Remove them from it first"),
        ("delete_group", 5206, "The cloud does not know this group"),
        ("delete_group", 5207, "The cloud refuses the request"),
        ("delete_group", 5208, "The cloud is still moving devices between groups. Try again in a few minutes"),
    ],
)
async def test_a_refused_change_of_groups_says_why(
    hass: HomeAssistant,
    enterprise: MockConfigEntry,
    server: GizwitsEnterpriseServer,
    product: EnterpriseProduct,
    name: str,
    code: int,
    text: str,
) -> None:
    server.faults.append(_fault(code, "/device_groups"))
    data = {} if name == "create_group" else {"group_id": "a"}
    told = await _refused(hass, name, enterprise, HomeAssistantError, product=product.product_key, **data)
    assert told == text
    assert _is_untroubled(hass, enterprise)


async def test_a_change_without_an_answer_may_have_been_made(
    hass: HomeAssistant, enterprise: MockConfigEntry, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> None:
    server.faults.append(Fault(matches=lambda request: "/device_groups" in request.path, status=502, body=""))
    key = {"product": product.product_key}
    text = await _refused(hass, "delete_group", enterprise, HomeAssistantError, group_id="a", **key)
    assert text.startswith("The cloud did not confirm the change. It may have been made")
    assert await _refused(hass, "list_groups", enterprise, HomeAssistantError, **key) == (
        "The server of the cloud failed"
    )


# Users


async def test_users_come_without_personal_data_unless_it_is_wanted(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    device = list(product.devices.values())[1]
    data = {"product": product.product_key, "kind": "bound", "by": "device_id", "value": device.did}
    answer = await _answer(hass, "find_users", enterprise, **data)
    assert answer == {"users": [{"id": device.uid, "anonymous": False, "owner": True}]}
    (user,) = (await _answer(hass, "find_users", enterprise, include_personal=True, **data))["users"]
    assert user["personal"]["email"].endswith("@example.com")
    data = {"product": product.product_key, "kind": "registered", "by": "email", "value": user["personal"]["email"]}
    assert (await _answer(hass, "find_users", enterprise, **data))["users"][0]["id"] == device.uid


async def test_the_users_of_a_device_are_found_by_its_mac_as_it_is_printed(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    device = list(product.devices.values())[1]
    data = {"product": product.product_key, "kind": "bound", "by": "mac", "value": _printed(device.mac)}
    (user,) = (await _answer(hass, "find_users", enterprise, **data))["users"]
    assert user["id"] == device.uid


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"kind": "bound", "by": "mac"}, "together with a value"),
        ({"kind": "registered", "by": "mac", "value": "a"}, "app: the cloud cannot search them by MAC address"),
        ({"kind": "registered", "group_id": "a"}, "app: the cloud cannot search them by Group ID"),
        ({"kind": "bound", "app_id": "a"}, "a device: the cloud cannot search them by App ID"),
    ],
)
async def test_what_users_cannot_be_searched_by_is_named(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct, data: dict[str, str], text: str
) -> None:
    assert text in await _refused(hass, "find_users", enterprise, product=product.product_key, **data)


async def test_devices_are_bound_to_a_user_and_unbound(
    hass: HomeAssistant, enterprise: MockConfigEntry, product: EnterpriseProduct
) -> None:
    device = list(product.devices.values())[1]
    who = {"product": product.product_key, "user_id": "someone", "app_id": "app"}
    answer = await _answer(hass, "bind_user", enterprise, devices=[device.mac, "unknown"], **who)
    assert answer == {"succeeded": [device.did], "failed": {"unknown": "The cloud gives no reason"}}
    assert device.uid == "someone"
    target = device_id_of(hass, enterprise, device.did)
    answer = await _answer(hass, "unbind_user", enterprise, device_id=target, **who)
    assert answer == {"succeeded": [device.did], "failed": {}}
    assert device.uid is None


# Bindings


def _spa(server: GizwitsOpenServer) -> GizwitsDevice:
    return next(device for device in server.devices.values() if device.product is SPA)


async def test_a_device_is_unbound_and_bound_again(
    hass: HomeAssistant, simulation: Simulation, household: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    spa = _spa(server)
    target = device_id_of(hass, household, spa.did)
    answer = await _answer(hass, "unbind_devices", household, device_id=[target], devices=["unknown"])
    await hass.async_block_till_done()
    assert answer == {"succeeded": [spa.did], "failed": {"unknown": "The cloud gives no reason"}}
    assert spa.uid is None
    assert dr.async_get(hass).async_get(target) is None
    data = {"product_key": SPA.key, "product_secret": server.bindings.product_secret(SPA.key), "mac": spa.mac}
    answer = await _answer(hass, "bind_device", household, name="Garden", **data)
    await hass.async_block_till_done()
    assert [device["id"] for device in answer["devices"]] == [spa.did]
    assert spa.alias == "Garden"
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, spa.did), household.entry_id)
    assert device is not None
    assert device.name == "Garden"


async def test_a_device_is_bound_by_its_qr_code(
    hass: HomeAssistant, simulation: Simulation, household: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    spa = _spa(server)
    # Two changes in a row: the devices are not listed again after each of them.
    target = device_id_of(hass, household, spa.did)
    await _answer(hass, "rename_device", household, device_id=target, name="Roof")
    await _answer(hass, "unbind_devices", household, devices=[spa.did])
    assert spa.did not in [device["id"] for device in (await _answer(hass, "find_devices", household))["devices"]]
    answer = await _answer(hass, "bind_device", household, qr_content=server.bindings.qr_content(spa))
    assert [device["id"] for device in answer["devices"]] == [spa.did]
    assert spa.uid == server.uid


async def test_a_device_is_renamed_at_the_vendor_and_here(
    hass: HomeAssistant, simulation: Simulation, household: MockConfigEntry
) -> None:
    spa = _spa(simulation.gizwits_open)
    target = device_id_of(hass, household, spa.did)
    answer = await _answer(hass, "rename_device", household, device_id=target, name="Roof")
    await hass.async_block_till_done()
    assert answer == {"id": spa.did, "home_assistant_device_id": target}
    assert spa.alias == "Roof"
    device = dr.async_get(hass).async_get(target)
    assert device is not None
    assert device.name == "Roof"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"mac": "a"},
        {"product_key": "a", "mac": "b"},
        {"qr_content": "a", "mac": "b"},
        {"qr_content": "a", "name": "b"},
    ],
)
async def test_a_device_is_bound_in_one_complete_way(
    hass: HomeAssistant, household: MockConfigEntry, data: dict[str, str]
) -> None:
    assert "QR code" in await _refused(hass, "bind_device", household, **data)


@pytest.mark.parametrize(
    ("data", "path", "code", "text"),
    [
        ({"qr_content": "s3cret-code"}, "/app/bind_latest", 9040, "The cloud does not know this QR code. "),
        ({}, "/app/bind_mac", 9043, "The cloud refuses the time of this system. Set its clock and try again"),
        ({}, "/app/bind_mac", 9044, "The cloud refuses the product secret"),
        ({}, "/app/bind_mac", 9002, "The cloud does not know this product"),
        ({}, "/app/bind_mac", 9014, "The cloud does not know 0000000000aa"),
        ({}, "/app/bind_mac", 9001, "The cloud refuses the request"),
    ],
)
async def test_a_refused_binding_says_why_and_tells_no_secret(
    hass: HomeAssistant,
    simulation: Simulation,
    household: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    data: dict[str, str],
    path: str,
    code: int,
    text: str,
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.datapoint_cloud")
    caplog.clear()
    by_mac = {"product_key": SPA.key, "product_secret": "s3cret-of-the-product", "mac": "0000000000aa"}
    simulation.gizwits_open.faults.append(_fault(code, path))
    told = await _refused(hass, "bind_device", household, HomeAssistantError, **(data or by_mac))
    assert told.startswith(text)
    own = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components")]
    assert "s3cret" not in told + "".join(own)
    assert _is_untroubled(hass, household)


# The document


def _document() -> str:
    return (Path(__file__).parents[2] / "docs" / "administration.md").read_text(encoding="utf-8")


async def test_the_document_names_all_actions_fields_and_reports(
    hass: HomeAssistant, enterprise: MockConfigEntry
) -> None:
    names = set(re.findall(r"`(?:datapoint_cloud\.)?(\w+)`", _document()))
    fields = {str(field) for action in ACTIONS for field in action.fields}
    reports = enterprise.runtime_data.coordinator.cloud.administration.reports.names
    assert names >= {action.name for action in ACTIONS} | fields | set(reports)


_ANSWERED_LIKE = {
    "rename_group": "create_group",
    "delete_group": "create_group",
    **dict.fromkeys(("unassign_devices", "bind_user", "unbind_user", "unbind_devices"), "assign_devices"),
}
"""The actions without an example of their own, and the one whose example is theirs."""


async def test_the_examples_of_the_document_are_answered_as_it_says(
    hass: HomeAssistant,
    simulation: Simulation,
    enterprise: MockConfigEntry,
    household: MockConfigEntry,
    product: EnterpriseProduct,
) -> None:
    blocks = [parse_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", _document(), re.DOTALL)]
    records = [block for block in blocks if isinstance(block, dict)]
    answered = [pair for pair in pairwise(records) if "action" in pair[0] and "action" not in pair[1]]
    names = [str(example["action"]).removeprefix("datapoint_cloud.") for example, _ in answered]
    assert sorted([*names, *_ANSWERED_LIKE]) == sorted(action.name for action in ACTIONS)
    device = next(device for device in product.devices.values() if device.uid is not None and ":" not in device.mac)
    server = simulation.gizwits_open
    spa = _spa(server)
    other = next(device for device in server.devices.values() if device.uid == server.uid and device is not spa)
    await _answer(hass, "unbind_devices", household, devices=[spa.did])
    there: dict[str, dict[str, Any]] = {  # the examples name devices, groups and days that are not there
        "get_report": {"start": str(_TODAY - timedelta(days=60)), "end": str(_TODAY)},
        "find_devices": {"country": "China", "is_faulty": False},
        "show_device": {"device": device.mac},
        "create_group": {"parent_id": product.root_gid},
        "list_group_members": {"group_id": product.root_gid},
        "assign_devices": {"group_id": product.child_gid, "members": [device.mac, "unknown"]},
        "find_users": {"value": device.mac},
        "bind_device": {"qr_content": server.bindings.qr_content(spa)},
        "rename_device": {"device_id": device_id_of(hass, household, other.did)},
    }
    for name, (example, shown) in zip(names, answered, strict=True):
        entry = household if name in {"bind_device", "rename_device"} else enterprise
        data = example["data"] | there.get(name, {})
        del data["config_entry_id"]
        if "product" in data:
            data["product"] = product.product_key
        answer = await _answer(hass, name, entry, **data)
        assert list(answer) == list(shown), name
        for rows in ("rows", "devices", "groups", "members", "users"):
            if rows in shown:
                assert set(shown[rows][0]) in [set(row) for row in answer[rows]], name
