"""A user adds an account, watches values change and controls devices, all in the browser."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect
from playwright.async_api import TimeoutError as NotInTime

from develop import dashboard
from develop.accounts import form_inputs
from develop.client import Client
from develop.home_assistant import DOMAIN, HomeAssistant
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation

POLL_SECONDS = 30
_SINE = {"mode": "sine_wave", "frequency": 30, "pulse_or_tide": "tide"}


@pytest_asyncio.fixture(loop_scope="session")
async def shown(page: Page, client: Client, clouds: Simulation) -> Page:
    """The dashboard of an account with the shortest poll interval."""
    if not await dashboard.exists(client):
        entries = [entry["entry_id"] for entry in await client.command("config_entries/get", domain=DOMAIN)]
        entry_id = entries[0] if entries else await client.add_entry(DOMAIN, *form_inputs(clouds)["gizwits_open"])
        await dashboard.create(client, {entry_id: "Gizwits"})
        await client.set_options(entry_id, {"interval": POLL_SECONDS})
    await page.goto(client.url)
    return page


async def test_an_account_is_added_by_clicking_through_the_flow(page: Page, client: Client, clouds: Simulation) -> None:
    clouds.gizwits_open.add_appliances()
    clouds.gizwits_open.add_wavemaker()
    _, form = form_inputs(clouds)["gizwits_open"]
    await page.goto(f"{client.url}/config/integrations/dashboard")
    await page.get_by_role("button", name="Add integration").click()
    await page.get_by_placeholder("Search for a brand name").fill("Datapoint")
    await page.get_by_text("Datapoint Cloud", exact=True).click()
    await page.get_by_text("Gizwits app account").click()
    app = page.locator("ha-picker-field").filter(has_text="App")
    await app.click()
    await page.get_by_placeholder("Add custom item").fill(form["app_id"])
    await page.get_by_text("Add custom item", exact=True).click()
    await expect(app).to_contain_text(form["app_id"])
    await page.get_by_role("textbox", name="Username").fill(form["username"])
    await page.get_by_role("textbox", name="Password").fill(form["password"])
    await page.get_by_role("button", name="Advanced").click()
    await page.get_by_role("textbox", name="Server address").fill(form["advanced"]["api_url"])
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_role("button", name="finish").click()
    await expect(page.get_by_role("link", name="16 devices")).to_be_visible()
    assert [entry["state"] for entry in await client.command("config_entries/get", domain=DOMAIN)] == ["loaded"]


async def test_a_value_that_changes_on_the_device_changes_on_the_page(shown: Page, clouds: Simulation) -> None:
    row = _row(shown, "Terrace spa", "Water temperature")
    await expect(row).not_to_contain_text("31.5")
    _device(clouds, "Terrace spa").change({"attrs": {"water_temp": 31.5}})
    await expect(row).to_contain_text("31.5", timeout=(POLL_SECONDS + 15) * 1000)


async def test_a_switch_on_the_page_switches_the_device(shown: Page, clouds: Simulation) -> None:
    device = _device(clouds, "Terrace spa")
    row = _row(shown, "Terrace spa", "Bubbles")
    device.change({"attrs": {"bubble": False}})  # other tests switch it, too
    await expect(row.get_by_role("switch")).not_to_be_checked(timeout=(POLL_SECONDS + 15) * 1000)
    await row.locator("ha-switch").click()
    await _until(lambda: device.attrs["bubble"] is True)
    await expect(row.get_by_role("switch")).to_be_checked()


async def test_a_selected_option_is_set_on_the_device(shown: Page, clouds: Simulation) -> None:
    device = _device(clouds, "Terrace spa")
    rows = _card(shown, "Terrace spa").locator("hui-select-entity-row")
    select = rows.filter(has_text="Temperature unit").locator("ha-select")
    await select.click()
    await _choose(select.get_by_role("menuitem", name="°F"))
    await _until(lambda: device.attrs["temp_set_unit"] == "华氏")


async def test_a_typed_number_is_set_on_the_device(shown: Page, clouds: Simulation) -> None:
    device = _device(clouds, "Terrace spa")
    box = _row(shown, "Terrace spa", "Bubbles timer").get_by_role("spinbutton")
    await box.fill("45")
    await box.press("Enter")
    await _until(lambda: device.attrs["bubble_minutes"] == 45)


async def test_a_thermostat_a_fan_and_a_light_control_their_devices(shown: Page, clouds: Simulation) -> None:
    names = ("Garden spa", "Reef wavemaker", "Aquarium light")
    spa, wavemaker, light = (_device(clouds, name) for name in names)
    thermostat = shown.locator("hui-thermostat-card").filter(has_text="Garden spa")
    await thermostat.locator("ha-state-control-climate-temperature ha-outlined-icon-button").last.click()
    await _until(lambda: spa.attrs["Tset"] == 38)
    await thermostat.get_by_role("radio", name="Off").click()
    await _until(lambda: spa.attrs["heat"] == 0)
    await expect(thermostat).to_contain_text("Off")

    fan = shown.locator("hui-tile-card").filter(has_text="Reef wavemaker")
    await fan.get_by_role("slider", name="Speed").press("End")
    await _until(lambda: wavemaker.attrs["Flow"] == 100)
    await fan.locator("hui-fan-preset-modes-card-feature ha-control-select-menu").click()
    await _choose(fan.get_by_role("menuitem", name="Classic wave"))
    await _until(lambda: wavemaker.attrs["Mode"] == "经典造浪")

    lamp = shown.locator("hui-light-card").filter(has_text="Aquarium light")
    await lamp.locator("ha-control-circular-slider").click(position={"x": 20, "y": 90})
    await _until(lambda: 0 < light.attrs["White"] < 60)
    assert light.attrs["Warm_White"] == pytest.approx(light.attrs["White"] / 3, abs=0.6)
    await lamp.locator("ha-icon-button.light-button").click()
    await _until(lambda: light.attrs["Light_On"] is False)


async def test_a_schedule_edited_on_the_page_is_kept_by_the_device_byte_for_byte(
    shown: Page, client: Client, clouds: Simulation
) -> None:
    wavemaker = _device(clouds, "Reef wavemaker")
    before = {key: value for key, value in wavemaker.attrs.items() if key.startswith("AutoTime")}
    await shown.goto(f"{client.url}/config/tools/action")
    await shown.locator("ha-service-picker").click()
    await shown.get_by_placeholder("Search").fill("set schedule")
    await shown.get_by_text(f"{DOMAIN}.set_schedule", exact=True).click()
    action = shown.locator("tools-action")
    await action.locator("ha-devices-picker, ha-selector-device").first.click()
    await shown.locator("ha-picker-combo-box").get_by_text("Reef wavemaker", exact=True).click()
    await expect(action.locator("ha-device-picker")).to_have_count(2)  # the selected device and an empty picker
    slots = [
        _SINE | {"start": "07:30", "end": "19:45", "flow": 75},
        _SINE | {"start": "19:45", "end": "07:30", "mode": "constant_flow", "flow": 20, "pulse_or_tide": "pulse"},
    ]
    editor = action.locator("ha-selector-object").last
    await editor.locator(".cm-content").fill(json.dumps(slots))
    await expect(editor.get_by_role("button", name="Undo")).to_be_enabled()
    await action.get_by_role("button", name="Perform action").click()
    await _until(lambda: wavemaker.attrs["AutoTime00"] == "071e132d024b1e01")
    # Midnight does not end a slot of this device, so the night is in one slot; what is left out is cleared.
    changed = {"AutoTime00": "071e132d024b1e01", "AutoTime01": "132d071e03141e00", "AutoTime02": "ee" * 8}
    assert {key: value for key, value in wavemaker.attrs.items() if key in before} == before | changed

    await shown.goto(f"{client.url}/calendar")
    await expect(shown.locator("ha-full-calendar").get_by_text("Sine wave").first).to_be_visible()


async def test_the_log_has_no_warnings_of_the_integration(client: Client, home_assistant: HomeAssistant) -> None:
    await client.command("get_config")
    log = (home_assistant.folder / "home-assistant.log").read_text()
    ours = [line for line in log.splitlines() if DOMAIN in line and "[homeassistant.loader]" not in line]
    assert [line for line in ours if " INFO " not in line] == []


def _card(page: Page, device: str) -> Locator:
    return page.locator("hui-entities-card").filter(has=page.get_by_text(device, exact=True))


def _row(page: Page, device: str, entity: str) -> Locator:
    return _card(page, device).locator("#states > div").filter(has=page.get_by_text(entity, exact=True))


def _device(clouds: Simulation, alias: str) -> GizwitsDevice:
    return next(device for device in clouds.gizwits_open.devices.values() if device.alias == alias)


async def _choose(option: Locator) -> None:
    """Click an option of a menu until the menu closes: a click is lost while the menu still opens."""
    await option.click()
    async with asyncio.timeout(15):
        while await option.is_visible():
            await asyncio.sleep(0.5)
            with suppress(NotInTime):
                await option.click(timeout=500)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while True:
            if condition():
                return
            await asyncio.sleep(0.1)
