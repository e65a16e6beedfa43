"""Switches, selects and numbers: what they send, what they show until the device confirms, and how they fail."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_exception_message
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.profiles import Profiles
from custom_components.datapoint_cloud.profiles.model import Match, Profile, Refinement
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import AIR_CONDITIONER, HEATER, PUMP, SPA, Product
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import ChangeTimings, settle

_CONTROL = "POST /app/control/{did}"


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


def _device(simulation: Simulation, product: Product) -> GizwitsDevice:
    server = simulation.gizwits_open
    return next(device for device in server.devices.values() if device.product is product and device.uid == server.uid)


async def _call(
    hass: HomeAssistant, entry: MockConfigEntry, service: str, device: GizwitsDevice, key: str, **values: Any
) -> None:
    platform, name = service.split(".")
    entity_id = entity_id_of(hass, platform, entry, device.did, key)
    await hass.services.async_call(platform, name, {"entity_id": entity_id, **values}, blocking=True)


def _text_of(error: HomeAssistantError) -> str:
    assert error.translation_domain == DOMAIN
    assert error.translation_key is not None
    text = async_get_exception_message(error.translation_domain, error.translation_key, error.translation_placeholders)
    assert "{" not in text
    return text


@pytest.mark.parametrize(
    ("product", "service", "key", "values", "wire", "shown"),
    [
        (AIR_CONDITIONER, "switch.turn_off", "switch", {}, {"switch": False}, "off"),
        (AIR_CONDITIONER, "switch.turn_on", "sleep", {}, {"sleep": True}, "on"),
        (AIR_CONDITIONER, "select.select_option", "mode", {"option": "automatic"}, {"mode": "自动"}, "automatic"),
        (AIR_CONDITIONER, "select.select_option", "mode", {"option": "自动"}, {"mode": "自动"}, "automatic"),
        (AIR_CONDITIONER, "select.select_option", "mode", {"option": "Fan only"}, {"mode": "送风"}, "fan_only"),
        (PUMP, "select.select_option", "Linkage", {"option": "slave"}, {"Linkage": " slave"}, "slave"),
        (AIR_CONDITIONER, "number.set_value", "set_temp", {"value": 18}, {"set_temp": 18}, "18"),
        (SPA, "number.set_value", "set_temp", {"value": 25.5}, {"set_temp": 25.5}, "25.5"),
        (PUMP, "number.set_value", "Frequency", {"value": 0.7}, {"Frequency": 0.7}, "0.7"),
    ],
)
async def test_a_control_sends_one_request_and_shows_its_value_at_once(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    product: Product,
    service: str,
    key: str,
    values: dict[str, Any],
    wire: dict[str, Any],
    shown: str,
) -> None:
    device = _device(simulation, product)
    simulation.gizwits_open.write_delay = 3600
    simulation.gizwits_open.reset_counts()
    await _call(hass, entry, service, device, key, **values)
    state = state_of(hass, service.split(".", maxsplit=1)[0], entry, device.did, key)
    assert state.state in {shown, f"{shown}.0"}
    assert simulation.gizwits_open.requests == {_CONTROL: 1}
    assert device.received == [{"attrs": wire}]


async def test_the_device_obeys_and_an_early_reading_confirms_the_value(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, change_timings: ChangeTimings
) -> None:
    change_timings(confirmation_reads=(0.0, 0.0))
    device = _device(simulation, SPA)
    simulation.gizwits_open.reset_counts()
    await _call(hass, entry, "switch.turn_on", device, "bubble")
    await settle(hass)
    assert device.attrs["bubble"] is True
    assert simulation.gizwits_open.requests == {_CONTROL: 1, "GET /app/devdata/{did}/latest": 1}
    assert not entry.runtime_data.coordinator.fleet[device.did].pending
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "on"
    # Once a value is confirmed, the reports of the device count again.
    device.set(bubble=False)
    await poll(hass, entry)
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "off"


async def test_a_stale_reading_does_not_flip_the_value_back(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.write_delay = 3600
    await _call(hass, entry, "switch.turn_on", device, "bubble")
    await poll(hass, entry)
    assert device.attrs["bubble"] is False
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "on"


async def test_a_value_without_confirmation_is_reverted_with_one_log_line(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.write_delay = 3600
    await _call(hass, entry, "switch.turn_on", device, "bubble")
    await _call(hass, entry, "number.set_value", device, "bubble_minutes", value=10)
    for _ in range(3):
        freezer.tick(timedelta(seconds=31))
        await poll(hass, entry)
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "off"
    assert float(state_of(hass, "number", entry, device.did, "bubble_minutes").state) == 59940
    lines = [record.getMessage() for record in caplog.records if "did not confirm" in record.getMessage()]
    assert lines == ["Terrace spa did not confirm bubble, bubble_minutes"]


async def test_a_value_without_confirmation_is_reverted_without_a_poll_too(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    change_timings: ChangeTimings,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    change_timings(confirmation_reads=())
    device = _device(simulation, SPA)
    simulation.gizwits_open.write_delay = 3600
    await _call(hass, entry, "switch.turn_on", device, "bubble")
    freezer.tick(timedelta(seconds=37))
    await settle(hass)
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "off"
    assert "Terrace spa did not confirm bubble" in caplog.text


@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        ({"is_online": False}, HomeAssistantError, "Terrace spa was not contacted: it is offline"),
        ({"is_disabled": True}, HomeAssistantError, "Terrace spa cannot be controlled: the vendor has disabled it"),
        (
            {"fails_commands": True},
            HomeAssistantError,
            "The cloud could not send the command to Terrace spa. Try again",
        ),
    ],
)
async def test_the_caller_gets_the_refusal_of_the_device(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    spoil: dict[str, bool],
    kind: type[HomeAssistantError],
    text: str,
) -> None:
    device = _device(simulation, SPA)
    device.change(spoil)
    with pytest.raises(kind) as refused:
        await _call(hass, entry, "switch.turn_on", device, "bubble")
    assert re.sub(r"\d\d:\d\d", "HH:MM", _text_of(refused.value)) == text
    assert simulation.gizwits_open.requests[_CONTROL] == 1
    assert device.received == []
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "off"


def _refusal(code: int, detail: str | None = None, status: int = 400) -> Fault:
    body = json.dumps({"error_code": code, "error_message": "no", "detail_message": detail})
    return Fault(matches=_is_control, status=status, body=body)


def _is_control(request: web.Request) -> bool:
    return "/control" in request.path


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (
            _refusal(9025, "attr bubble invalid"),
            ServiceValidationError,
            "Terrace spa does not accept this value for Bubbles (bubble)",
        ),
        (
            _refusal(9025),
            ServiceValidationError,
            "Terrace spa does not accept one of the values. The cloud does not say which",
        ),
        (
            _refusal(9041),
            HomeAssistantError,
            "Terrace spa was not contacted: the cloud accepts no more requests until HH:MM",
        ),
        (_refusal(9015), HomeAssistantError, "The cloud refuses the command to Terrace spa"),
        (_refusal(9017), HomeAssistantError, "The account no longer has this device"),
        (
            Fault(matches=_is_control, status=502, body="<html>", content_type="text/html"),
            HomeAssistantError,
            "The server of the cloud failed. Terrace spa may have received the command",
        ),
        (
            Fault(matches=_is_control, status=429, body="{}", headers={"Retry-After": "120"}),
            HomeAssistantError,
            "Terrace spa was not contacted: the cloud accepts no more requests until HH:MM",
        ),
    ],
)
async def test_the_caller_gets_the_refusal_of_the_cloud_and_the_command_is_not_repeated(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    fault: Fault,
    kind: type[HomeAssistantError],
    text: str,
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.faults.append(fault)
    with pytest.raises(kind) as refused:
        await _call(hass, entry, "switch.turn_on", device, "bubble")
    assert type(refused.value) is kind
    assert re.sub(r"\d\d:\d\d", "HH:MM", _text_of(refused.value)) == text
    assert simulation.gizwits_open.requests[_CONTROL] == 1
    assert state_of(hass, "switch", entry, device.did, "bubble").state == "off"


async def test_a_command_is_not_repeated_when_the_connection_breaks_after_sending(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.faults.append(Fault(matches=_is_control, drops=True))
    with pytest.raises(HomeAssistantError) as refused:
        await _call(hass, entry, "switch.turn_on", device, "bubble")
    _text_of(refused.value)
    assert simulation.gizwits_open.requests[_CONTROL] == 1


async def test_a_refused_token_is_renewed_and_the_command_sent_once_more(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.revoke_tokens()
    await _call(hass, entry, "switch.turn_on", device, "bubble")
    assert [body["attrs"] for body in device.received] == [{"bubble": True}]


async def test_a_refused_control_of_an_enterprise_raises_its_reason(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server = simulation.gizwits_enterprise
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    product = next(iter(server.products.values()))
    device = next(
        device for device in product.devices.values() if device.is_online and not device.is_disabled and device.uid
    )
    await _call(hass, entry, "switch.turn_off", device, "switch")
    assert device.received == [{"attrs": {"switch": False}}]

    server.is_control_granted = False
    with pytest.raises(HomeAssistantError) as refused:
        await _call(hass, entry, "switch.turn_off", device, "switch")
    assert "remote control is not enabled for its product" in _text_of(refused.value)

    server.is_control_granted = True
    server.quota_remaining = 0
    with pytest.raises(HomeAssistantError) as refused:
        await _call(hass, entry, "switch.turn_off", device, "switch")
    assert refused.value.translation_key == "action_rate_limited"
    assert "accepts no more requests" in _text_of(refused.value)
    assert len(device.received) == 1


async def test_a_device_called_offline_by_a_command_stays_offline_until_the_next_list(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "on"
    device.is_online = False
    with pytest.raises(HomeAssistantError):
        await _call(hass, entry, "switch.turn_on", device, "bubble")
    assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "off"
    device.is_online = True
    await poll(hass, entry)
    assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "on"


async def test_commands_to_one_device_keep_their_order(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    simulation.gizwits_open.faults.append(Fault(matches=_is_control, delay=0.05, times=1))
    await asyncio.gather(
        *(_call(hass, entry, "number.set_value", device, "set_temp", value=value) for value in (21, 22, 23, 24))
    )
    assert [body["attrs"]["set_temp"] for body in device.received] == [21, 22, 23, 24]
    assert float(state_of(hass, "number", entry, device.did, "set_temp").state) == 24


async def test_a_slow_device_does_not_delay_the_others(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    spa, pump = _device(simulation, SPA), _device(simulation, PUMP)
    slow = Fault(matches=lambda request: _is_control(request) and spa.did in request.path, delay=0.3)
    simulation.gizwits_open.faults.append(slow)
    turning = hass.async_create_task(_call(hass, entry, "switch.turn_on", spa, "bubble"))
    await _call(hass, entry, "switch.turn_off", pump, "SwitchON")
    assert pump.received
    assert not spa.received
    await turning


async def test_a_hidden_scale_is_undone_on_writing(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = {
        "cft_temp": Refinement(unit="°C", device_class="temperature", scale=0.1),
        "cur_temp": Refinement(unit="°C", device_class="temperature", state_class="measurement", scale=0.1),
    }
    profile = Profile(match=Match(products=frozenset({HEATER.key})), manufacturer="Maker", datapoints=hints)
    monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles(ours=(profile,)))
    device = [device for device in simulation.gizwits_open.devices.values() if device.product is HEATER][1]
    device.is_online = True
    device.set(cft_temp=190, cur_temp=185)
    entry = await add_account(hass, simulation, "gizwits_open")

    reading = state_of(hass, "sensor", entry, device.did, "cur_temp")
    assert (reading.state, reading.attributes["unit_of_measurement"]) == ("18.5", "°C")
    number = state_of(hass, "number", entry, device.did, "cft_temp")
    assert float(number.state) == 19.0
    assert [number.attributes[name] for name in ("min", "max", "step")] == [0.0, 25.5, 0.1]

    await _call(hass, entry, "number.set_value", device, "cft_temp", value=20.3)
    assert device.received == [{"attrs": {"cft_temp": 203}}]
    assert float(state_of(hass, "number", entry, device.did, "cft_temp").state) == 20.3


async def test_the_nearest_step_confirms_a_value_between_two_steps(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = _device(simulation, SPA)
    await _call(hass, entry, "number.set_value", device, "set_temp", value=30.2)
    assert device.received == [{"attrs": {"set_temp": 30}}]
    await poll(hass, entry)
    assert not entry.runtime_data.coordinator.fleet[device.did].pending
    assert float(state_of(hass, "number", entry, device.did, "set_temp").state) == 30


async def test_unloading_ends_the_wait_for_confirmation(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    await _call(hass, entry, "switch.turn_on", _device(simulation, SPA), "bubble")
    assert await hass.config_entries.async_unload(entry.entry_id)
    async_fire_time_changed(hass)
    await settle(hass)


async def test_refused_control_has_an_issue_until_a_device_obeys(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    product = next(iter(server.products.values()))
    device = next(
        device for device in product.devices.values() if device.is_online and not device.is_disabled and device.uid
    )
    issue = (DOMAIN, f"{entry.entry_id}_control_not_enabled_{product.product_key}")
    server.is_control_granted = False
    with pytest.raises(HomeAssistantError):
        await _call(hass, entry, "switch.turn_off", device, "switch")
    assert issue in ir.async_get(hass).issues
    await poll(hass, entry)
    assert issue in ir.async_get(hass).issues
    server.is_control_granted = True
    await _call(hass, entry, "switch.turn_off", device, "switch")
    assert issue not in ir.async_get(hass).issues
