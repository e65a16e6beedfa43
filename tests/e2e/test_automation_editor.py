"""A user makes automations of our triggers, conditions, actions and blueprints in the editor, and they run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from develop.accounts import form_inputs
from develop.client import Client
from develop.home_assistant import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation
from tests.waiting import until

from .test_actions_page import SPA, _add_setting, _finish
from .test_in_the_browser import _device

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN
PUMP = "鱼缸水泵"
AUTOMATION = "Watch the pump"
TRIGGERS = {
    "Alarm raised": "alarm_raised",
    "Alarm cleared": "alarm_cleared",
    "Device went offline": "device_went_offline",
    "Device came back online": "device_came_back",
    "Device stopped reporting": "readings_became_stale",
    "Command refused": "command_refused",
    "Command not confirmed": "command_not_confirmed",
    "Requests nearly spent": "requests_nearly_spent",
    "Device added": "device_added",
    "Device removed": "device_removed",
}
CONDITIONS = {
    "Device is offline": "is_offline",
    "Device has an alarm": "has_alarm",
    "Device has reported lately": "is_fresh",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pump(client: Client, clouds: Simulation) -> AsyncIterator[GizwitsDevice]:
    """A pump without alarms, in an account that is polled often. All accounts are removed at the end."""
    device = _device(clouds, PUMP)
    device.change({"attrs": {"Fault_Overcurrent": False}})
    entry_id = await client.add_entry(DOMAIN, *form_inputs(clouds)["gizwits_open"])
    await client.set_options(entry_id, {"interval": 30})
    yield device
    await client.remove_entries(DOMAIN)


async def test_all_triggers_and_conditions_are_found_by_their_names(
    page: Page, client: Client, pump: GizwitsDevice
) -> None:
    await page.goto(f"{client.url}/config/automation/edit/new")
    for name in TRIGGERS:
        await _add(page, "Add trigger", name)
    for name in CONDITIONS:
        await _add(page, "Add condition", name)
    config = await _save(page, client, "All of them")
    assert [trigger["trigger"] for trigger in config["triggers"]] == [f"{DOMAIN}.{key}" for key in TRIGGERS.values()]
    assert [found["condition"] for found in config["conditions"]] == [f"{DOMAIN}.{key}" for key in CONDITIONS.values()]


async def test_an_automation_made_in_the_editor_runs_when_the_alarm_is_raised(
    page: Page, client: Client, pump: GizwitsDevice
) -> None:
    await page.goto(f"{client.url}/config/automation/edit/new")
    await _add(page, "Add trigger", "Alarm raised")
    sidebar = page.locator("ha-automation-sidebar")
    await sidebar.get_by_text("Add target").click()
    await _choose_pump(page)
    severity = sidebar.locator("ha-settings-row").filter(has_text="Severity")
    await severity.locator("ha-checkbox").click()
    await severity.locator("ha-picker-field").click()
    await page.get_by_text("Fault", exact=True).click()
    await _last_for_a_second(page)
    await _add(page, "Add trigger", "Device went offline")
    config = await _save(page, client, AUTOMATION)
    devices = await client.command("config/device_registry/list")
    device_id = next(device["id"] for device in devices if device["name"] == PUMP)
    alarm, outage = config["triggers"]
    assert (alarm["target"], alarm["options"]) == (
        {"device_id": device_id},
        {"severity": ["fault"], "for": {"hours": 0, "minutes": 0, "seconds": 1}},
    )
    assert outage["options"] == {}
    pump.change({"attrs": {"Fault_Overcurrent": True}})
    await _wait_until_run(client)


async def test_an_action_made_in_the_editor_sets_datapoints_by_their_entities(
    page: Page, client: Client, clouds: Simulation, pump: GizwitsDevice
) -> None:
    await page.goto(f"{client.url}/config/automation/edit/new")
    await _add(page, "Add trigger", "Device came back online")
    await _add(page, "Add action", "Datapoint Cloud: Set datapoints")
    sidebar = page.locator("ha-automation-sidebar")
    dialog = await _add_setting(sidebar, "Bubbles timer")
    await dialog.get_by_text("number", exact=True).click()
    await dialog.locator("ha-selector-number input").fill("25")
    await _finish(dialog)
    dialog = await _add_setting(sidebar, "Bubbles")
    await dialog.locator("ha-switch").click()
    await _finish(dialog)
    await _save(page, client, "Blow bubbles")
    await client.post("/api/services/automation/trigger", {"entity_id": "automation.blow_bubbles"})
    spa = _device(clouds, SPA)
    await until(lambda: spa.received[-1:] == [{"attrs": {"bubble_minutes": 25, "bubble": True}}])


async def test_a_blueprint_is_imported_by_its_address_and_tells_about_an_alarm(
    page: Page, client: Client, pump: GizwitsDevice
) -> None:
    pump.change({"attrs": {"Fault_Overcurrent": False}})
    files = web.Application()
    files.router.add_static("/", BLUEPRINTS)
    async with TestServer(files) as server:
        await page.goto(f"{client.url}/config/blueprint/dashboard")
        await page.get_by_role("button", name="Import blueprint").click()
        dialog = page.locator("ha-dialog-import-blueprint")
        await dialog.locator("input").fill(str(server.make_url("/alarm_raised.yaml")))
        await dialog.get_by_role("button", name="Preview").click()
        await dialog.get_by_role("button", name="Import blueprint").click()
        await expect(dialog).to_be_hidden()
    await page.locator("ha-data-table").get_by_text("Tell me about alarms").click()
    await page.locator("blueprint-automation-editor").get_by_text("Add target").click()
    await _choose_pump(page)
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url(lambda url: "/edit/new" not in url)
    pump.change({"attrs": {"Fault_Overcurrent": True}})
    await _wait_until_told(client, PUMP)


async def _choose_pump(page: Page) -> None:
    picker = page.locator("ha-picker-combo-box")
    await picker.get_by_text("Devices", exact=True).first.click()
    await picker.get_by_placeholder("Search").fill(PUMP)
    await picker.get_by_text(PUMP, exact=True).first.click()


async def _last_for_a_second(page: Page) -> None:
    row = page.locator("ha-automation-sidebar ha-settings-row").filter(has_text="For at least")
    await row.locator("ha-checkbox").click()
    seconds = row.locator("#sec input")
    await seconds.fill("1")
    await seconds.press("Tab")


async def _wait_until_run(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            states = await client.command("get_states")
            state = next(found for found in states if found["entity_id"] == "automation.watch_the_pump")
            if state["attributes"]["last_triggered"] is not None:
                return
            await asyncio.sleep(1)


async def _wait_until_told(client: Client, title: str) -> None:
    """Wait for a notification with this title."""
    async with asyncio.timeout(60):
        while True:
            if title in [found["title"] for found in await client.command("persistent_notification/get")]:
                return
            await asyncio.sleep(1)


async def _add(page: Page, button: str, name: str) -> None:
    await page.get_by_role("button", name=button, exact=True).first.click()
    dialog = page.locator("add-automation-element-dialog")
    await dialog.get_by_placeholder("Search").fill(name)
    await dialog.get_by_text(name, exact=True).first.click()
    await expect(page.locator("ha-automation-sidebar")).to_contain_text(name)


async def _save(page: Page, client: Client, alias: str) -> dict[str, Any]:
    """Save the automation; return its configuration as it was stored."""
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("textbox", name="Name").fill(alias)
    await page.locator("ha-dialog-automation-save").get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url(lambda url: not url.endswith("/new"))
    entity_id = f"automation.{alias.lower().replace(' ', '_')}"
    result = await client.command("automation/config", entity_id=entity_id)
    config: dict[str, Any] = result["config"]
    return config
