"""The buttons: actions on devices, for which the user allows administration, and the scenes of an account."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import settle
from .subjects import ups

_ALLOWED = {"administration": True}
_DEVICE = "/api/v1/ca/{ca}/devices/{uuid}"


def _buttons(hass: HomeAssistant, entry: MockConfigEntry) -> list[er.RegistryEntry]:
    found = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [entity for entity in found if entity.domain == "button"]


async def _press(hass: HomeAssistant, entity_id: str) -> None:
    await hass.services.async_call("button", "press", {"entity_id": entity_id}, blocking=True)


def _requests(simulation: Simulation, method: str, action: str = "") -> int:
    return simulation.sodata.requests[f"{method} {_DEVICE}{action}"]


@pytest.fixture
def unit(simulation: Simulation) -> SoDataDevice:
    return ups(simulation)


# Actions


@pytest.mark.parametrize("kind", ["gizwits_enterprise", "sodata", "firstlight"])
async def test_no_account_has_buttons_unless_the_user_allows_administration(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    assert _buttons(hass, entry) == []


async def test_the_option_adds_the_buttons_of_each_device_and_removes_them(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice
) -> None:
    entry = await add_account(hass, simulation, "sodata")

    async def choose(*, is_allowed: bool) -> None:
        form: Any = await hass.config_entries.options.async_init(entry.entry_id)
        await hass.config_entries.options.async_configure(form["flow_id"], {"administration": is_allowed})
        await hass.async_block_till_done()

    await choose(is_allowed=True)
    buttons = {button.unique_id: button for button in _buttons(hass, entry)}
    assert buttons.keys() == {
        f"{entry.unique_id}_{uuid}_${action}"
        for uuid in simulation.sodata.devices
        for action in ("activate", "deactivate", "repair", "push_profile")
    }
    assert {button.entity_category for button in buttons.values()} == {EntityCategory.CONFIG}
    disabled = {unique_id for unique_id, button in buttons.items() if button.disabled}
    assert disabled == {unique_id for unique_id in buttons if unique_id.endswith("_$deactivate")}
    entity_id = entity_id_of(hass, "button", entry, unit.uuid, "$repair")
    state = hass.states.get(entity_id)
    assert state is not None
    assert state.name == f"{unit.name} Repair"
    await choose(is_allowed=False)
    assert _buttons(hass, entry) == []
    assert hass.states.get(entity_id) is None


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize("action", ["activate", "deactivate", "repair", "push_profile"])
async def test_a_press_runs_the_action_and_reads_the_device_again(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice, action: str
) -> None:
    unit.are_profiles_current = False
    entry = await add_account(hass, simulation, "sodata", options=_ALLOWED)
    assert state_of(hass, "binary_sensor", entry, unit.uuid, "$profile").state == "on"
    simulation.sodata.reset_counts()
    await _press(hass, entity_id_of(hass, "button", entry, unit.uuid, f"${action}"))
    assert _requests(simulation, "PUT", f"/{action.replace('_', '-')}") == 1
    assert _requests(simulation, "GET") == 1
    assert simulation.sodata.requests["GET /api/v1/ca/{ca}/devices"] == 0
    assert (unit.status, unit.repairs) == ("DEACTIVATED" if action == "deactivate" else "ACCEPTED", action == "repair")
    profile = state_of(hass, "binary_sensor", entry, unit.uuid, "$profile")
    assert profile.state == ("off" if action == "push_profile" else "on")
    assert profile.attributes["device_class"] == "update"


@pytest.mark.usefixtures("all_enabled")
async def test_the_values_of_the_device_are_read_again(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice
) -> None:
    entry = await add_account(hass, simulation, "sodata", options=_ALLOWED)
    unit.set("Global", "0", "140100", "77")
    await _press(hass, entity_id_of(hass, "button", entry, unit.uuid, "$repair"))
    assert float(state_of(hass, "sensor", entry, unit.uuid, "Global|0|140100").state) == 77


async def test_a_refused_right_is_told_in_words(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice
) -> None:
    entry = await add_account(hass, simulation, "sodata", options=_ALLOWED)
    simulation.sodata.forbidden_actions.add("repair")
    simulation.sodata.reset_counts()
    with pytest.raises(HomeAssistantError) as refused:
        await _press(hass, entity_id_of(hass, "button", entry, unit.uuid, "$repair"))
    assert str(refused.value) == f"This account is not allowed to control {unit.name}"
    assert _requests(simulation, "GET") == 0


async def test_an_action_that_worked_is_no_error_if_the_device_cannot_be_read(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice
) -> None:
    entry = await add_account(hass, simulation, "sodata", options=_ALLOWED)
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith(unit.uuid), status=500)]
    await _press(hass, entity_id_of(hass, "button", entry, unit.uuid, "$repair"))
    assert unit.repairs == 1


async def test_a_device_that_does_not_report_can_be_repaired(hass: HomeAssistant, simulation: Simulation) -> None:
    unit = ups(simulation)
    unit.silent_since = unit.clock() - 10 * 86400
    entry = await add_account(hass, simulation, "sodata", options=_ALLOWED)
    assert state_of(hass, "binary_sensor", entry, unit.uuid, "$connectivity").state == "off"
    assert state_of(hass, "button", entry, unit.uuid, "$repair").state != "unavailable"
    await _press(hass, entity_id_of(hass, "button", entry, unit.uuid, "$repair"))
    assert unit.repairs == 1


async def test_the_profile_is_a_diagnostic_sensor_that_is_disabled_by_default(
    hass: HomeAssistant, simulation: Simulation, unit: SoDataDevice
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    profile = er.async_get(hass).async_get(entity_id_of(hass, "binary_sensor", entry, unit.uuid, "$profile"))
    assert profile is not None
    assert (profile.entity_category, profile.disabled_by) == (
        EntityCategory.DIAGNOSTIC,
        er.RegistryEntryDisabler.INTEGRATION,
    )


# Scenes


async def test_a_scene_is_a_button_of_the_account(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_open
    (scene,) = (scene for scene in server.scenes.by_id.values() if scene.uid == server.uid)
    entry = await add_account(hass, simulation, "gizwits_open")
    (button,) = _buttons(hass, entry)
    assert button.unique_id == f"{entry.unique_id}_$scene_{scene.id}"
    assert (button.disabled, button.entity_category) == (False, None)
    assert state_of(hass, "button", entry, "$scene", scene.id).name == f"{entry.title} Scene {scene.name}"
    await _press(hass, button.entity_id)
    assert scene.runs == 1


async def test_scenes_are_listed_once_an_hour_and_come_and_go(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_open
    entry = await add_account(hass, simulation, "gizwits_open")
    (before,) = _buttons(hass, entry)
    del server.scenes.by_id[before.unique_id.rpartition("_")[2]]
    added = server.scenes.add("Night", server.uid, {})

    async def requests_after(seconds: float) -> int:
        freezer.tick(seconds)
        await poll(hass, entry)
        await settle(hass)
        return server.requests["GET /app/scene"]

    assert await requests_after(1800) == 1
    assert _buttons(hass, entry) == [before]
    assert await requests_after(1801) == 2
    assert [button.unique_id for button in _buttons(hass, entry)] == [f"{entry.unique_id}_$scene_{added.id}"]
    assert hass.states.get(before.entity_id) is None
    server.faults = [Fault(matches=lambda request: request.path == "/app/scene", status=500)]
    assert await requests_after(3601) > 2
    assert len(_buttons(hass, entry)) == 1  # as long as nothing else is known


@pytest.mark.parametrize(("body", "buttons"), [("", 1), ('{"error_code": 9003}', 0)])
async def test_a_list_of_scenes_that_did_not_arrive_is_requested_again_after_minutes_and_a_refused_one_is_not(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, body: str, buttons: int
) -> None:
    server = simulation.gizwits_open
    server.faults = [Fault(matches=lambda request: request.path == "/app/scene", status=500, body=body)]
    entry = await add_account(hass, simulation, "gizwits_open")
    server.faults = []
    freezer.tick(240)
    await poll(hass, entry)
    await settle(hass)
    assert _buttons(hass, entry) == []
    freezer.tick(120)
    await poll(hass, entry)
    await settle(hass)
    assert len(_buttons(hass, entry)) == buttons


async def test_a_scene_that_gets_another_name_keeps_its_button(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_open
    entry = await add_account(hass, simulation, "gizwits_open")
    await settle(hass)
    (before,) = _buttons(hass, entry)
    scene_id = before.unique_id.rpartition("_")[2]
    server.scenes.by_id[scene_id].name = "Late evening"
    freezer.tick(3601)
    await poll(hass, entry)
    await settle(hass)
    (after,) = _buttons(hass, entry)
    assert after.entity_id == before.entity_id
    assert state_of(hass, "button", entry, "$scene", scene_id).name == f"{entry.title} Scene Late evening"
    await _press(hass, after.entity_id)
    assert server.scenes.by_id[scene_id].runs == 1


async def test_a_scene_that_went_while_home_assistant_was_off_has_no_button(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    await hass.config_entries.async_unload(entry.entry_id)
    simulation.gizwits_open.scenes.by_id.clear()
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert _buttons(hass, entry) == []


async def test_a_scene_that_is_gone_cannot_be_run(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    (button,) = _buttons(hass, entry)
    name = next(iter(simulation.gizwits_open.scenes.by_id.values())).name
    simulation.gizwits_open.scenes.by_id.clear()
    with pytest.raises(ServiceValidationError) as refused:
        await _press(hass, button.entity_id)
    assert str(refused.value) == f"The cloud no longer has the scene {name}"
