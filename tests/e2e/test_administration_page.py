"""A user calls an action of each family that administers an account on the page of the actions."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from develop.accounts import form_inputs
from develop.client import Client
from develop.home_assistant import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation

type Accounts = Mapping[str, str]
"""The ids of the entries by kind."""

_HEX = "[0-9a-f]{32}"


def _bound_device(clouds: Simulation) -> GizwitsDevice:
    product = next(iter(clouds.gizwits_enterprise.products.values()))
    return next(device for device in product.devices.values() if device.uid is not None)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def accounts(client: Client, clouds: Simulation) -> AsyncIterator[Accounts]:
    """An account of each Gizwits cloud. All accounts are removed at the end."""
    kinds = ("gizwits_open", "gizwits_enterprise")
    yield {kind: await client.add_entry(DOMAIN, *form_inputs(clouds)[kind]) for kind in kinds}
    await client.remove_entries(DOMAIN)


@pytest.mark.parametrize(
    ("kind", "name", "data_of", "answer"),
    [
        (
            "gizwits_enterprise",
            "get_report",
            lambda _: {"report": "device_status"},
            r"report: device_status.*available: true.*activated: \d+.*name: China",
        ),
        (
            "gizwits_enterprise",
            "find_devices",
            lambda clouds: {"mac": _bound_device(clouds).mac},
            rf"type: normal\s*disabled: false.*country: .*home_assistant_device_id: {_HEX}",
        ),
        ("gizwits_enterprise", "list_groups", lambda _: {}, rf"groups:\s*- id: {_HEX}.*devices: \d+"),
        (
            "gizwits_enterprise",
            "find_users",
            lambda clouds: {"kind": "bound", "by": "device_id", "value": _bound_device(clouds).did},
            rf"users:\s*- id: {_HEX}\s*anonymous: (true|false)\s*owner: true$",
        ),
        ("gizwits_open", "create_group", lambda _: {"name": "Terrace"}, r"group_id: [0-9a-f]{24}"),
        (
            "gizwits_open",
            "unbind_devices",
            lambda _: {"devices": ["nobody"]},
            r"succeeded: \[\]\s*failed:\s*nobody: .+",
        ),
    ],
    ids=["reports", "search", "groups", "users", "groups of a household", "bindings"],
)
async def test_an_action_of_each_family_is_answered(
    page: Page,
    client: Client,
    clouds: Simulation,
    accounts: Accounts,
    kind: str,
    name: str,
    data_of: Callable[[Simulation], Mapping[str, Any]],
    answer: str,
) -> None:
    product = {"product": next(iter(clouds.gizwits_enterprise.products))} if kind == "gizwits_enterprise" else {}
    data = {"config_entry_id": accounts[kind], **product, **data_of(clouds)}
    await page.goto(f"{client.url}/config/tools/action")
    await page.get_by_text("YAML mode", exact=True).click()
    await page.locator("tools-action .cm-content").first.fill(json.dumps({"action": f"{DOMAIN}.{name}", "data": data}))
    await page.get_by_role("button", name="Perform action").click()
    response = page.locator("tools-action .response .cm-content")
    await expect(response).to_have_text(re.compile(answer, re.DOTALL))
