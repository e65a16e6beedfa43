"""The actions: several datapoints at once, groups of the vendor, raw data; what they answer and what they refuse."""

import asyncio
import base64
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import voluptuous as vol
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits import GizwitsEnterpriseServer
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import HEATER, LAMP, PUMP, SPA, Product
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import ChangeTimings
from .subjects import air_conditioner, chiller, ups

_FOLDER = Path(integration.__file__).parent
_OPEN_CONTROL = "POST /app/control/{did}"
_ENTERPRISE_CONTROL = "POST /v1/products/{product_key}/devices/{did}/control"
_GROUP_CONTROL = "POST /app/group/{id}/control"
_PLATFORMS = {"switch": "switch", "mode": "select", "set_temp": "number"}


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
async def enterprise(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_enterprise")


def _of(simulation: Simulation, product: Product, nth: int = 0) -> GizwitsDevice:
    return [device for device in simulation.gizwits_open.devices.values() if device.product is product][nth]


def _target(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> str:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device_id), entry.entry_id)
    assert device is not None
    return device.id


async def _answer(hass: HomeAssistant, name: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
    answer = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True, context=context)
    assert answer is not None
    devices = answer["devices"]
    assert isinstance(devices, dict)
    return devices


async def _refused(
    hass: HomeAssistant, name: str, kind: type[HomeAssistantError] = ServiceValidationError, **data: Any
) -> str:
    with pytest.raises(kind) as refused:
        await hass.services.async_call(DOMAIN, name, data, blocking=True)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert "{" not in text
    return text


# Datapoints of devices


async def test_several_datapoints_of_a_device_go_in_one_request(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    simulation.gizwits_open.reset_counts()
    values = {"switch": False, "mode": "制热", "set_temp": 18}
    target = _target(hass, entry, device.did)
    assert await _answer(hass, "set_datapoints", device_id=target, values=values) == {target: {"result": "accepted"}}
    assert device.received == [{"attrs": values}]
    assert simulation.gizwits_open.requests == {_OPEN_CONTROL: 1}
    shown = [state_of(hass, platform, entry, device.did, key).state for key, platform in _PLATFORMS.items()]
    assert shown == ["off", "heat", "18"]


async def test_devices_of_both_clouds_are_set_at_once(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [_target(hass, entry, here.did), _target(hass, enterprise, there.did)]
    values = {"switch": False, "set_temp": 20}
    answer = await _answer(hass, "set_datapoints", device_id=targets, values=values)
    assert answer == {target: {"result": "accepted"} for target in targets}
    assert here.received == there.received == [{"attrs": values}]


@pytest.mark.parametrize(
    ("values", "sent", "shown"),
    [
        ({"switch": 0}, {"switch": False}, "off"),
        ({"switch": "false"}, {"switch": False}, "off"),
        ({"mode": 1}, {"mode": "制热"}, "heat"),
        ({"mode": "heat"}, {"mode": "制热"}, "heat"),
        ({"mode": "Fan only"}, {"mode": "送风"}, "fan_only"),
        ({"mode": " 制热 "}, {"mode": "制热"}, "heat"),
        ({"set_temp": "18"}, {"set_temp": 18}, "18"),
        ({"set_temp": 18.3}, {"set_temp": 18}, "18"),
    ],
)
async def test_a_value_may_be_spelt_in_other_ways_and_is_shown_as_the_device_will_report_it(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    values: dict[str, Any],
    sent: dict[str, Any],
    shown: str,
) -> None:
    device = air_conditioner(simulation)
    await _answer(hass, "set_datapoints", device_id=_target(hass, entry, device.did), values=values)
    assert device.received == [{"attrs": sent}]
    (key,) = values
    assert state_of(hass, _PLATFORMS[key], entry, device.did, key).state == shown


async def test_a_binary_is_filled_up_to_its_length_and_confirmed_as_such(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    lamp = _of(simulation, LAMP)
    target = _target(hass, entry, lamp.did)
    await _answer(hass, "set_datapoints", device_id=target, values={"Timer01": "0A1E"})
    assert lamp.received == [{"attrs": {"Timer01": "0a1e00000000"}}]
    state = entry.runtime_data.coordinator.fleet[lamp.did]
    assert state.value("Timer01") == "0a1e00000000"
    await poll(hass, entry)
    assert not state.pending
    assert state.value("Timer01") == "0a1e00000000"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"set_temp": 31}, "Enter a number from 16 to 30 in steps of 1 for Target temperature (set_temp) of 客厅空调"),
        (
            {"set_temp": "warm"},
            "Enter a number from 16 to 30 in steps of 1 for Target temperature (set_temp) of 客厅空调",
        ),
        ({"mode": "制霜"}, "Enter one of these options for Mode of 客厅空调: cool, heat, dry, fan_only, automatic"),
        ({"mode": 5}, "Enter one of these options for Mode of 客厅空调: cool, heat, dry, fan_only, automatic"),
        ({"sleep": "perhaps"}, "Enter true or false for Sleep of 客厅空调"),
        ({"room_temp": 20}, "Room temperature (room_temp) of 客厅空调 is read-only"),
        ({"energy": 20}, "Total energy consumption (energy) of 客厅空调 is read-only"),
        (
            {"switch": True, "set_temp": 15},
            "Enter a number from 16 to 30 in steps of 1 for Target temperature (set_temp) of 客厅空调",
        ),
    ],
)
async def test_a_wrong_value_is_told_with_what_is_allowed_and_nothing_is_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, values: dict[str, Any], text: str
) -> None:
    device = air_conditioner(simulation)
    simulation.gizwits_open.reset_counts()
    assert text == await _refused(hass, "set_datapoints", device_id=_target(hass, entry, device.did), values=values)
    assert not simulation.gizwits_open.log
    assert state_of(hass, "switch", entry, device.did, "switch").state == "on"


async def test_a_binary_that_is_too_long_is_told_with_its_length(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    target = _target(hass, entry, _of(simulation, LAMP).did)
    for value in ("00" * 7, "xy", "0a0"):
        text = await _refused(hass, "set_datapoints", device_id=target, values={"Timer01": value})
        assert text.endswith("as hexadecimal digits, two for each byte and at most 6 bytes")


async def test_large_limits_are_told_in_full(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = json.loads(json.dumps(SPA.definition))
    (attr,) = (attr for attr in definition["entities"][0]["attrs"] if attr["name"] == "bubble_minutes")
    attr["data_type"], attr["uint_spec"]["max"] = "uint32", 4294967295
    monkeypatch.setitem(SPA.definition, "entities", definition["entities"])
    entry = await add_account(hass, simulation, "gizwits_open")
    target = _target(hass, entry, _of(simulation, SPA).did)
    text = await _refused(hass, "set_datapoints", device_id=target, values={"bubble_minutes": 4294967296})
    assert text == "Enter a number from 0 to 4294967295 in steps of 1 for Bubbles timer (bubble_minutes) of Terrace spa"


async def test_one_wrong_value_on_one_device_and_nothing_is_sent_to_any(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [_target(hass, entry, here.did), _target(hass, enterprise, there.did)]
    for values in ({"set_temp": 25}, {"set_temp": 10}):  # one takes 16 to 30, the other 5 to 20
        for order in (targets, targets[::-1]):
            await _refused(hass, "set_datapoints", device_id=order, values=values)
    assert here.received == there.received == []


async def test_waiting_tells_confirmed_from_accepted(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    enterprise: MockConfigEntry,
    change_timings: ChangeTimings,
) -> None:
    change_timings(confirmation_reads=(0.0,), pending_for=timedelta(0))
    obedient, deaf = air_conditioner(simulation), chiller(simulation)
    deaf.change({"obedience": {"is_lost": True}})
    targets = [_target(hass, entry, obedient.did), _target(hass, enterprise, deaf.did)]
    values = {"switch": False, "set_temp": 18}
    answer = await _answer(hass, "set_datapoints", device_id=targets, values=values, wait=True)
    assert answer == {targets[0]: {"result": "confirmed"}, targets[1]: {"result": "accepted"}}
    assert state_of(hass, "switch", entry, obedient.did, "switch").state == "off"
    assert state_of(hass, "switch", enterprise, deaf.did, "switch").state == "on"


async def test_the_answer_tells_of_each_device_whether_and_why_it_refused(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [_target(hass, entry, here.did), _target(hass, enterprise, there.did)]
    there.is_online = False
    values = {"switch": False}
    answer = await _answer(hass, "set_datapoints", device_id=targets, values=values)
    assert answer[targets[0]] == {"result": "accepted"}
    assert answer[targets[1]]["result"] == "refused"
    assert answer[targets[1]]["reason"].endswith("was not contacted: it is offline")
    assert here.received
    # It is answered, too, when it is the only one.
    assert (await _answer(hass, "set_datapoints", device_id=targets[1:], values=values))[targets[1]] == answer[
        targets[1]
    ]


async def test_without_an_answer_a_refusal_is_an_error(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [_target(hass, entry, here.did), _target(hass, enterprise, there.did)]
    there.is_online = False
    text = await _refused(hass, "set_datapoints", HomeAssistantError, device_id=targets, values={"switch": False})
    assert text.endswith("was not contacted: it is offline")
    assert here.received


async def test_devices_that_are_none_of_a_cloud_that_takes_commands_are_refused(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    good = _target(hass, entry, air_conditioner(simulation).did)
    other = MockConfigEntry(domain="another")
    other.add_to_hass(hass)
    stranger = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("another", "1")}, name="Stranger"
    )
    sodata = await add_account(hass, simulation, "sodata")
    read_only = _target(hass, sodata, ups(simulation).uuid)
    texts = {
        "no-such-device": ServiceValidationError,
        stranger.id: ServiceValidationError,
        read_only: HomeAssistantError,
    }
    for target, kind in texts.items():
        for name, data in (("set_datapoints", {"values": {"switch": False}}), ("send_raw", {"payload": [1]})):
            if name == "send_raw" and target == read_only:
                continue  # each device is asked for itself
            await _refused(hass, name, kind, device_id=[good, target], **data)
    assert "cannot be controlled through this cloud" in await _refused(
        hass, "send_raw", HomeAssistantError, device_id=read_only, payload=[1]
    )
    assert air_conditioner(simulation).received == []


async def test_an_account_that_is_not_loaded_takes_no_commands(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = _target(hass, entry, device.did)
    await hass.config_entries.async_unload(entry.entry_id)
    await _refused(hass, "set_datapoints", device_id=target, values={"switch": False})
    await _refused(hass, "send_raw", device_id=target, payload=[1])
    await _refused(hass, "set_group_datapoints", config_entry_id=entry.entry_id, group_id="1", values={"switch": False})
    assert device.received == []


@pytest.mark.parametrize(
    "data",
    [
        {"device_id": [], "values": {"switch": True}},
        {"device_id": "d", "values": {}},
        {"device_id": "d", "values": {"switch": None}},
        {"device_id": "d", "values": {"switch": [1]}},
        {"device_id": "d", "values": "switch"},
        {"device_id": "d", "values": {"switch": True}, "wait": "long"},
        {"settings": []},
        {"settings": [{"entity_id": "number.a"}]},
        {"settings": [{"entity_id": "number.a", "value": [1]}]},
        {"settings": [{"entity_id": "number.a", "value": {"active_choice": "number"}}]},
    ],
)
async def test_what_is_no_such_call_is_refused_by_its_form(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(DOMAIN, "set_datapoints", data, blocking=True)


# Raw data


@pytest.mark.parametrize(
    "data",
    [
        {"payload": [1, 1, 2]},
        {"payload": "010102"},
        {"payload": "01 01 02", "encoding": "hex"},
        {"payload": base64.b64encode(bytes([1, 1, 2])).decode(), "encoding": "base64"},
        {"payload": [0, 0, 0, 3, 6, 0, 0, 0x90, 1, 1, 2]},
        {"payload": "00000003060000900101" + "02"},
    ],
)
async def test_raw_data_may_be_written_in_several_ways_with_or_without_its_frame(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    device = air_conditioner(simulation)
    target = _target(hass, entry, device.did)
    assert await _answer(hass, "send_raw", device_id=target, **data) == {target: {"result": "accepted"}}
    assert device.received == [{"raw": [1, 1, 2]}]


async def test_raw_data_goes_to_devices_of_both_clouds(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [_target(hass, entry, here.did), _target(hass, enterprise, there.did)]
    there.is_online = False
    answer = await _answer(hass, "send_raw", device_id=targets, payload=[7])
    assert answer[targets[0]] == {"result": "accepted"}
    assert answer[targets[1]]["result"] == "refused"
    assert here.received == [{"raw": [7]}]


@pytest.mark.parametrize(
    "data",
    [
        {"payload": "0g"},
        {"payload": "010"},
        {"payload": ""},
        {"payload": []},
        {"payload": "AQ=", "encoding": "base64"},
        {"payload": "A*==", "encoding": "base64"},
    ],
)
async def test_unreadable_raw_data_is_not_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    device = air_conditioner(simulation)
    text = await _refused(hass, "send_raw", device_id=_target(hass, entry, device.did), **data)
    assert text.startswith("The payload is not ")
    assert device.received == []


@pytest.mark.parametrize("data", [{"payload": [256]}, {"payload": [-1]}, {"payload": "00", "encoding": "octal"}, {}])
async def test_what_are_no_bytes_is_refused_by_its_form(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(DOMAIN, "send_raw", {"device_id": "d", **data}, blocking=True)


async def test_raw_data_is_for_administrators(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    device = air_conditioner(simulation)
    data: dict[str, Any] = {"device_id": _target(hass, entry, device.did), "payload": [1, 1, 2]}
    with pytest.raises(Unauthorized):
        await _answer(hass, "send_raw", Context(user_id=hass_read_only_user.id), **data)
    assert device.received == []
    administrator = MockUser(is_owner=True).add_to_hass(hass)
    await _answer(hass, "send_raw", Context(user_id=administrator.id), **data)
    assert device.received


# Groups


@pytest.mark.parametrize("mode", [0, "comfort", "舒适"])
async def test_a_group_of_one_product_takes_one_request(
    hass: HomeAssistant, simulation: Simulation, mode: int | str
) -> None:
    server = simulation.gizwits_open
    first, second = _of(simulation, HEATER), _of(simulation, HEATER, 1)
    second.is_online = True
    entry = await add_account(hass, simulation, "gizwits_open")
    server.reset_counts()
    answer = await _answer(
        hass,
        "set_group_datapoints",
        config_entry_id=entry.entry_id,
        group_id=server.heater_group_id,
        values={"mode": mode, "timer_switch": "0A"},
    )
    assert server.requests == {"GET /app/group": 1, _GROUP_CONTROL: 1}
    assert second.received == [{"attrs": {"mode": "舒适", "timer_switch": "0a" + 83 * "00"}}]
    assert answer == {
        _target(hass, entry, first.did): {
            "result": "refused",
            "reason": "Electric heater did not accept the command. It may be offline or disabled",
        },
        _target(hass, entry, second.did): {"result": "accepted"},
    }
    assert state_of(hass, "select", entry, second.did, "mode").state == "comfort"
    assert entry.runtime_data.coordinator.fleet[second.did].value("timer_switch") == "0a" + 83 * "00"


async def test_commands_of_every_kind_reach_a_device_in_the_order_they_were_given(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server, device = simulation.gizwits_open, _of(simulation, HEATER, 1)
    device.is_online = True
    entry = await add_account(hass, simulation, "gizwits_open")
    target, gate = _target(hass, entry, device.did), asyncio.Event()
    server.faults.append(Fault(matches=lambda request: "/control" in request.path, gate=gate, times=1))
    group = {"config_entry_id": entry.entry_id, "group_id": server.heater_group_id}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("set_datapoints", {"device_id": target, "values": {"mode": 0}}),
        ("send_raw", {"device_id": target, "payload": [1]}),
        ("set_datapoints", {"device_id": target, "values": {"mode": 1}}),
        ("set_group_datapoints", {**group, "values": {"mode": 2}}),
        ("send_raw", {"device_id": target, "payload": [2]}),
        ("set_group_datapoints", {**group, "values": {"mode": 3}}),
        ("set_datapoints", {"device_id": target, "values": {"mode": 0}}),
    ]
    tasks = []
    for name, data in calls:
        tasks.append(hass.async_create_task(_answer(hass, name, **data)))
        await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    modes = [body["attrs"]["mode"] if "attrs" in body else body["raw"] for body in device.received]
    options = entry.runtime_data.coordinator.fleet[device.did].datapoints["mode"].options
    assert modes == [options[0], [1], options[1], options[2], [2], options[3], options[0]]


async def test_a_group_of_several_products_cannot_be_controlled(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    server = simulation.gizwits_open
    data: dict[str, Any] = {"config_entry_id": entry.entry_id, "values": {"switch": True}}
    text = await _refused(hass, "set_group_datapoints", group_id=server.mixed_group_id, **data)
    assert text.startswith(f"The cloud cannot control the group {server.mixed_group_id}: ")
    assert server.requests[_GROUP_CONTROL] == 0


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_an_unknown_group_is_told(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    data: dict[str, Any] = {"config_entry_id": entry.entry_id, "values": {"switch": True}}
    text = await _refused(hass, "set_group_datapoints", group_id="no-such-group", **data)
    assert text == "The account has no group no-such-group"


@pytest.mark.parametrize(("key", "value"), [("mode", "no such"), ("cur_temp", 20), ("tea", 1)])
async def test_a_wrong_value_for_a_group_is_told_and_not_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, key: str, value: Any
) -> None:
    group_id = simulation.gizwits_open.heater_group_id
    data: dict[str, Any] = {"config_entry_id": entry.entry_id, "values": {"lock_switch": True, key: value}}
    text = await _refused(hass, "set_group_datapoints", group_id=group_id, **data)
    assert text == f"{group_id} does not accept this value for {key}"
    assert simulation.gizwits_open.requests[_GROUP_CONTROL] == 0


async def test_a_group_of_an_enterprise_takes_a_request_for_each_member(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry
) -> None:
    server = simulation.gizwits_enterprise
    product = list(server.products.values())[1]
    members = [device for device in product.devices.values() if device.mac in product.macs_of(product.root_gid)]
    assert len(members) > 2
    members[0].is_online = False
    server.reset_counts()
    answer = await _answer(
        hass,
        "set_group_datapoints",
        config_entry_id=enterprise.entry_id,
        group_id=product.root_gid,
        values={"relay": "false"},
    )
    assert server.requests[_ENTERPRISE_CONTROL] == len(members)
    unbound = [device for device in members if device.uid is None]
    for device in members:
        told = answer[_target(hass, enterprise, device.did)]
        if device is members[0]:
            assert told["reason"].endswith("was not contacted: it is offline")
        elif device in unbound:
            assert "was not contacted: no user has bound it" in told["reason"]
        else:
            assert told == {"result": "accepted"}
            assert device.received == [{"attrs": {"relay": False}}]
            assert state_of(hass, "switch", enterprise, device.did, "relay").state == "off"
    connectivity = state_of(hass, "binary_sensor", enterprise, members[0].did, "$connectivity")
    assert connectivity.state == "off"


async def test_a_product_that_fails_hides_no_group_of_another(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry
) -> None:
    server: GizwitsEnterpriseServer = simulation.gizwits_enterprise
    broken, product = server.products.values()
    server.faults.append(Fault(matches=lambda request: broken.product_key in request.path, status=500, body=""))
    data: dict[str, Any] = {"config_entry_id": enterprise.entry_id, "values": {"relay": True}}
    assert await _answer(hass, "set_group_datapoints", group_id=product.root_gid, **data)
    # Whether there is a group nobody can say now.
    text = await _refused(hass, "set_group_datapoints", HomeAssistantError, group_id=broken.root_gid, **data)
    assert text.startswith("The server of the cloud failed.")


@pytest.mark.parametrize("kind", ["sodata", "firstlight"])
async def test_a_cloud_without_groups_says_so(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    data: dict[str, Any] = {"config_entry_id": entry.entry_id, "group_id": "1", "values": {"switch": True}}
    assert "cannot control the group 1" in await _refused(hass, "set_group_datapoints", **data)


async def test_importing_statistics_needs_the_recorder(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert "no statistics" in await _refused(
        hass, "import_statistics", HomeAssistantError, config_entry_id=entry.entry_id
    )


# What the user interface shows of them


def _described() -> dict[str, Any]:
    described = parse_yaml((_FOLDER / "services.yaml").read_text(encoding="utf-8"))
    assert isinstance(described, dict)
    return described


def test_the_pickers_offer_devices_that_can_be_controlled() -> None:
    for name in ("set_datapoints", "send_raw"):
        picker = _described()[name]["fields"]["device_id"]["selector"]["device"]
        assert picker == {
            "multiple": True,
            "filter": [{"integration": DOMAIN}],
            "entity": [{"integration": DOMAIN, "domain": ["switch", "select", "number"]}],
        }
    account = _described()["set_group_datapoints"]["fields"]["config_entry_id"]["selector"]
    assert account == {"config_entry": {"integration": DOMAIN}}


async def test_every_device_with_a_control_is_offered_and_no_other(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    sodata = await add_account(hass, simulation, "sodata")
    registry = er.async_get(hass)
    offered = {
        entity.config_entry_id
        for account in (entry, sodata)
        for entity in er.async_entries_for_config_entry(registry, account.entry_id)
        if entity.domain in {"switch", "select", "number"}
    }
    assert offered == {entry.entry_id}
    assert entity_id_of(hass, "switch", entry, _of(simulation, SPA).did, "bubble")
    assert entity_id_of(hass, "switch", entry, _of(simulation, PUMP).did, "SwitchON")


type _Fields = dict[str, bool]  # whether each field is required


def _fields_of(schema: Any) -> _Fields:
    """The fields of a registered schema, without those that choose the target of a call."""
    if isinstance(schema, vol.All):
        schema = schema.validators[0]
    targets = {str(key) for key in cv.TARGET_SERVICE_FIELDS} if "label_id" in map(str, schema.schema) else set()
    return {str(key): isinstance(key, vol.Required) for key in schema.schema if str(key) not in targets}


def _differences(schemas: dict[str, _Fields], described: dict[str, Any], texts: dict[str, Any]) -> set[str]:
    """The actions of which the schema, the description and the texts differ in a field."""
    different = schemas.keys() ^ described.keys() | schemas.keys() ^ texts.keys()
    for name in schemas.keys() - different:
        fields = {key: bool(field and field.get("required")) for key, field in described[name]["fields"].items()}
        if fields != schemas[name] or fields.keys() != texts[name].get("fields", {}).keys():
            different.add(name)
    return different


async def test_actions_and_fields_have_schemas_texts_and_icons(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registered = hass.services.async_services()[DOMAIN]
    schemas = {name: _fields_of(action.schema) for name, action in registered.items()}
    texts = json.loads((_FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))["services"]
    icons = json.loads((_FOLDER / "icons.json").read_text(encoding="utf-8"))
    assert len(schemas) > 20
    assert _differences(schemas, _described(), texts) == set()
    assert set(icons["services"]) == set(schemas)
    for text in texts.values():
        assert text["name"]
        assert text["description"]
        assert all(field["name"] and field["description"] for field in text.get("fields", {}).values())


def test_a_field_that_differs_would_be_found() -> None:
    schemas = {"act": {"one": True, "two": False}}
    texts: dict[str, Any] = {"act": {"fields": {"one": {}, "two": {}}}}
    described: dict[str, Any] = {"act": {"fields": {"one": {"required": True}, "two": {}}}}
    assert _differences(schemas, described, texts) == set()
    assert _differences({"act": {"one": False, "two": False}}, described, texts) == {"act"}
    assert _differences(schemas, described, {"act": {"fields": {"one": {}}}}) == {"act"}
    assert _differences(schemas, described, {}) == {"act"}


def test_the_options_of_the_fields_have_texts() -> None:
    texts = json.loads((_FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))["selector"]
    selects = [
        field["selector"]["select"]
        for action in _described().values()
        for field in action["fields"].values()
        if "select" in field["selector"]
    ]
    assert len(selects) > 10
    for select in selects:
        assert set(select["options"]) == set(texts[select["translation_key"]]["options"])


def test_the_description_of_the_actions_has_no_anchors() -> None:
    text = (_FOLDER / "services.yaml").read_text(encoding="utf-8")
    assert not re.search(r"(^|\s)[&*]\w", text)
