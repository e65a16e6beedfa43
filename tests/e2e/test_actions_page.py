"""A user sets several datapoints at once on the page of the actions, by their names and with a control for each."""

import json
import re
from collections.abc import AsyncIterator, Mapping

import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from develop.accounts import form_inputs
from develop.client import Client
from develop.home_assistant import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation

from .test_in_the_browser import _device

AIR_CONDITIONER = "客厅空调"
SPA = "Terrace spa"
CONTROLLABLE = ["Electric heater"] * 2 + ["Plant light WIFI BLE", "Terrace spa", AIR_CONDITIONER, "鱼缸水泵"]
ONLY_REPORTS = "Gateway London"
CONTROL = "POST /app/control/{did}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def device(client: Client, clouds: Simulation) -> AsyncIterator[GizwitsDevice]:
    """A device that can be controlled, among others that only report. All accounts are removed at the end."""
    for kind in ("gizwits_open", "sodata"):
        await client.add_entry(DOMAIN, *form_inputs(clouds)[kind])
    yield _device(clouds, AIR_CONDITIONER)
    await client.remove_entries(DOMAIN)


@pytest_asyncio.fixture(loop_scope="session")
async def action(page: Page, client: Client, device: GizwitsDevice) -> Locator:
    """The page of the actions after the user has found and selected `set_datapoints`."""
    await page.goto(f"{client.url}/config/tools/action")
    await page.locator("ha-service-picker").click()
    await page.get_by_placeholder("Search").fill("set datapoints")
    await page.get_by_text(f"{DOMAIN}.set_datapoints", exact=True).click()
    return page.locator("tools-action")


async def test_only_devices_that_can_be_controlled_are_offered(
    action: Locator, client: Client, clouds: Simulation
) -> None:
    registered = {row["name"] for row in await client.command("config/device_registry/list")}
    assert {ONLY_REPORTS, *CONTROLLABLE} <= registered
    assert any(name.startswith("Gizwits account ") for name in registered)
    await expect(await _offered(action)).to_have_text(CONTROLLABLE)


async def test_several_datapoints_reach_the_device_in_one_request(
    action: Locator, clouds: Simulation, device: GizwitsDevice
) -> None:
    values = {"sleep": True, "fan_speed": "高风", "set_temp": 26}
    clouds.gizwits_open.reset_counts()
    await _perform(action, values)
    answer = re.compile(r"devices:\s*[0-9a-f]{32}:\s*result: accepted")
    await expect(action.locator(".response .cm-content")).to_have_text(answer)
    assert device.received[-1] == {"attrs": values}
    assert clouds.gizwits_open.requests[CONTROL] == 1
    assert device.attrs == {**device.attrs, **values}


async def test_settings_are_chosen_by_name_and_entered_in_the_right_control(
    action: Locator, clouds: Simulation
) -> None:
    spa = _device(clouds, SPA)
    clouds.gizwits_open.reset_counts()
    dialog = await _add_setting(action, "Bubbles timer")
    await dialog.get_by_text("number", exact=True).click()
    await dialog.locator("ha-selector-number input").fill("35")
    await _finish(dialog)
    dialog = await _add_setting(action, "Bubbles")
    await dialog.locator("ha-switch").click()
    await _finish(dialog)
    await action.get_by_role("button", name="Perform action").click()
    answer = re.compile(r"devices:\s*[0-9a-f]{32}:\s*result: accepted")
    await expect(action.locator(".response .cm-content")).to_have_text(answer)
    assert spa.received[-1] == {"attrs": {"bubble_minutes": 35, "bubble": True}}
    assert clouds.gizwits_open.requests[CONTROL] == 1


async def test_a_value_out_of_range_is_explained_and_nothing_is_sent(action: Locator, clouds: Simulation) -> None:
    clouds.gizwits_open.reset_counts()
    await _perform(action, {"sleep": False, "set_temp": 99})
    explained = f"Enter a number from 16 to 30 in steps of 1 for Target temperature (set_temp) of {AIR_CONDITIONER}."
    await expect(action.locator("ha-alert")).to_have_text(explained)
    assert clouds.gizwits_open.requests[CONTROL] == 0


async def _offered(action: Locator) -> Locator:
    await _use(action, "Devices")
    await action.locator("ha-devices-picker").click()
    return action.locator("ha-picker-combo-box span[slot=headline]")


async def _add_setting(action: Locator, datapoint: str) -> Locator:
    """Open the form of another setting, and choose a datapoint of the spa in it; return the form."""
    await action.locator("ha-selector-object").first.get_by_role("button", name="Add").click()
    dialog = action.page.locator("dialog-form")
    await dialog.locator("ha-entity-picker").click()
    await action.page.get_by_placeholder("Search").last.fill(f"{SPA} {datapoint}")
    await action.page.locator("ha-picker-combo-box").get_by_text(datapoint, exact=True).first.click()
    await expect(dialog.locator("ha-entity-picker")).to_contain_text(datapoint)
    return dialog


async def _finish(dialog: Locator) -> None:
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog).to_be_hidden()


async def _use(action: Locator, field: str) -> None:
    """Tick the box before a field that may be left out."""
    row = action.locator("ha-settings-row").filter(has=action.page.get_by_text(field, exact=True))
    await row.locator("ha-checkbox").click()


async def _perform(action: Locator, values: Mapping[str, object]) -> None:
    await (await _offered(action)).get_by_text(AIR_CONDITIONER, exact=True).click()
    await expect(action.locator("ha-device-picker")).to_have_count(2)  # the selected device and an empty picker
    await _use(action, "Values")
    editor = action.locator("ha-selector-object").last
    await editor.locator(".cm-content").fill(json.dumps(values, ensure_ascii=False))
    await expect(editor.get_by_role("button", name="Undo")).to_be_enabled()
    await action.get_by_role("button", name="Perform action").click()
