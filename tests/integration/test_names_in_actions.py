"""Actions find devices and datapoints by their names, and name those that there are where a name is wrong."""

import json
from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.model import Reading
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of
from .history.fake_history import at, device_id_of, response_of, set_history
from .passing_time import ChangeTimings
from .subjects import air_conditioner, ups


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


async def _refused(hass: HomeAssistant, name: str, **data: Any) -> str:
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    return str(refused.value)


# Settings


async def test_the_settings_of_one_device_are_sent_together_and_those_of_another_apart(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    spa = next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")
    wanted = [("switch", device, "sleep", True), ("select", device, "mode", "heat"), ("number", spa, "set_temp", 37.5)]
    settings = [
        {"entity_id": entity_id_of(hass, platform, entry, owner.did, key), "value": value}
        for platform, owner, key, value in wanted
    ]
    response = await response_of(hass, "set_datapoints", settings=settings)
    targets = [device_id_of(hass, entry, did) for did in (device.did, spa.did)]
    assert response["devices"] == {target: {"result": "accepted"} for target in targets}
    assert device.received == [{"attrs": {"sleep": True, "mode": "制热"}}]
    assert spa.received == [{"attrs": {"set_temp": 37.5}}]


async def test_the_page_tells_in_which_control_a_value_was_entered(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    number, switch = (
        entity_id_of(hass, platform, entry, device.did, key)
        for platform, key in (("number", "set_temp"), ("switch", "sleep"))
    )
    settings = [
        {"entity_id": number, "value": {"active_choice": "number", "number": 25, "text": "old"}},
        {"entity_id": switch, "value": {"active_choice": "switch", "switch": True}},
    ]
    await response_of(hass, "set_datapoints", settings=settings)
    assert device.received == [{"attrs": {"set_temp": 25, "sleep": True}}]


async def test_settings_and_values_can_be_combined(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    switch = entity_id_of(hass, "switch", entry, device.did, "sleep")
    await response_of(
        hass,
        "set_datapoints",
        device_id=device_id_of(hass, entry, device.did),
        values={"set_temp": 25},
        settings=[{"entity_id": switch, "value": True}],
    )
    assert device.received == [{"attrs": {"set_temp": 25, "sleep": True}}]


@pytest.mark.parametrize("data", [{}, {"device_id": "d"}, {"values": {"switch": True}}])
async def test_a_call_that_sets_nothing_says_what_is_missing(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    text = await _refused(hass, "set_datapoints", **data)
    assert text == "Add settings, or choose devices and enter values for their datapoints"


async def test_an_entity_that_can_set_nothing_is_refused(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    did = air_conditioner(simulation).did
    sensor, online, switch = (
        entity_id_of(hass, platform, entry, did, key)
        for platform, key in (("sensor", "room_temp"), ("binary_sensor", "$connectivity"), ("switch", "sleep"))
    )
    expected = {
        sensor: "Room temperature (room_temp) of 客厅空调 is read-only",
        online: f"{online} does not show a datapoint. Choose the entity of a datapoint, or a device and the names of "
        "its datapoints",
        "switch.no_such": "switch.no_such is not an entity of Datapoint Cloud",
        switch.replace("sleep", "slep"): "There is no entity "
        f"{switch.replace('sleep', 'slep')}. Did you mean one of these? {switch}",
    }
    for entity_id, text in expected.items():
        refused = await _refused(hass, "set_datapoints", settings=[{"entity_id": entity_id, "value": True}])
        assert refused.startswith(text), refused
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN,
            "set_datapoints",
            {"settings": [{"entity_id": switch, "value": True}]},
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
        )
    assert air_conditioner(simulation).received == []


# Names


@pytest.mark.parametrize(
    "name", ["set_temp", "Target temperature", "target  TEMPERATURE", "设定温度", "Wunschtemperatur", "Nachts"]
)
async def test_a_datapoint_is_found_by_any_of_its_names(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, name: str
) -> None:
    device = air_conditioner(simulation)
    registry = er.async_get(hass)
    entity_id = entity_id_of(hass, "number", entry, device.did, "set_temp")
    registry.async_update_entity(entity_id, name="Wunschtemperatur", aliases=["Nachts"])
    target = device_id_of(hass, entry, device.did)
    await response_of(hass, "set_datapoints", device_id=target, values={name: 25})
    assert device.received == [{"attrs": {"set_temp": 25}}]
    history = set_history(entry, rows={"set_temp": [Reading(25, at("2026-11-24T09:00:00Z"))]})
    response = await response_of(hass, "get_history", device_id=target, datapoints=[name], range="last_hour")
    assert response["series"][0]["datapoint"] == "set_temp"
    assert len(history.requests) == 1


async def test_a_misspelt_datapoint_is_told_with_similar_ones_and_nothing_is_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = device_id_of(hass, entry, device.did)
    text = await _refused(hass, "set_datapoints", device_id=target, values={"targt temperature": 25})
    assert text.startswith("客厅空调 has no datapoint targt temperature. Choose one of: Target temperature, ")
    text = await _refused(hass, "set_datapoints", device_id=target, values={"Power": True})
    assert text.startswith("Several datapoints of 客厅空调 are called Power. Choose one of: Power (s")
    assert device.received == []


async def test_a_datapoint_of_a_group_is_found_by_its_name(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    await hass.services.async_call(
        DOMAIN,
        "set_group_datapoints",
        {"config_entry_id": entry.entry_id, "group_id": server.heater_group_id, "values": {"Child lock": True}},
        blocking=True,
        return_response=True,
    )
    heaters = [device for device in server.devices.values() if device.received]
    assert all(device.received == [{"attrs": {"lock_switch": 1}}] for device in heaters)
    assert server.requests["POST /app/group/{id}/control"] == 1


async def test_the_name_of_a_device_leads_to_its_id(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    spa = next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")
    text = await _refused(hass, "set_datapoints", device_id="terrace spa", values={"heat": True})
    found = f"Terrace spa ({device_id_of(hass, entry, spa.did)})"
    assert text == f"There is no device terrace spa. Did you mean one of these? {found}"
    assert "abcdef" in await _refused(hass, "set_datapoints", device_id="abcdef", values={"heat": True})


# The list


async def test_the_list_has_all_that_a_call_needs(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = device_id_of(hass, entry, device.did)
    simulation.gizwits_open.reset_counts()
    response = await response_of(hass, "list_datapoints", device_id=target)
    (listed,) = response["devices"]
    assert (listed["device_id"], listed["device"]) == (target, "客厅空调")
    by_key = {datapoint["datapoint"]: datapoint for datapoint in listed["datapoints"]}
    assert by_key["set_temp"] == {
        "datapoint": "set_temp",
        "name": "Target temperature",
        "entity_id": entity_id_of(hass, "number", entry, device.did, "set_temp"),
        "type": "number",
        "writable": True,
        "unit": "°C",
        "minimum": 16,
        "maximum": 30,
        "step": 1,
        "value": device.attrs["set_temp"],
    }
    assert by_key["mode"]["options"] == ["cool", "heat", "dry", "fan_only", "automatic"]
    assert by_key["room_temp"]["writable"] is False
    assert "minimum" not in by_key["room_temp"]
    assert by_key["switch"]["name"] == "Power (switch)"
    names = [datapoint["name"] for datapoint in listed["datapoints"]]
    assert names == sorted(names, key=str.casefold)
    assert len(set(names)) == len(names)
    assert not simulation.gizwits_open.log
    for datapoint in listed["datapoints"]:  # every listed name is one that a call may use
        if datapoint["writable"] and datapoint["type"] == "bool":
            await response_of(hass, "set_datapoints", device_id=target, values={datapoint["name"]: True})
    writable = await response_of(hass, "list_datapoints", device_id=target, only_writable=True)
    assert {one["datapoint"] for one in writable["devices"][0]["datapoints"]} == {
        key for key, datapoint in by_key.items() if datapoint["writable"]
    }


async def test_the_datapoints_of_parts_have_names_of_their_own(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    response = await response_of(hass, "list_datapoints", device_id=device_id_of(hass, entry, ups(simulation).uuid))
    names = [datapoint["name"] for datapoint in response["devices"][0]["datapoints"]]
    assert len([name for name in names if name.startswith("Unit 1 ")]) > 2
    assert len(set(names)) == len(names)
    assert json.dumps(response)


async def test_who_may_not_read_a_device_gets_no_list(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    target = device_id_of(hass, entry, air_conditioner(simulation).did)
    context = Context(user_id=hass_read_only_user.id)
    assert await response_of(hass, "list_datapoints", context, device_id=target)
    hass_read_only_user.mock_policy({})  # type: ignore[attr-defined]
    with pytest.raises(Unauthorized):
        await response_of(hass, "list_datapoints", context, device_id=target)
