"""Datapoints that a device is told as bytes: what is sent, what is shown, and what is refused."""

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.profiles import Product, Profile
from custom_components.datapoint_cloud.profiles.check import complaints
from custom_components.datapoint_cloud.profiles.format import read_profiles
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.obedience import Obedience
from simulator.gizwits.products import READABLE
from simulator.gizwits.products import Product as SimulatedProduct
from simulator.simulation import Simulation

from .accounts import add_account, poll, state_of
from .composites import Make, choice, flag, make
from .passing_time import ChangeTimings

__all__ = ["make"]

_FIRST_GENERATION = SimulatedProduct(
    key="9420ae048da545c88fc6274d204dd25f",
    name="Heatzy",
    attributes=(choice("mode", "舒适", "舒适", "经济", "解冻", "停止"),),
)


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
def heater(simulation: Simulation) -> GizwitsDevice:
    server = simulation.gizwits_open
    device = device_of(server.clock, 7, server.uid, _FIRST_GENERATION, "Bedroom")
    server.devices, server.products = {device.did: device}, {_FIRST_GENERATION.key: _FIRST_GENERATION}
    return device


@pytest.fixture
async def entry(
    hass: HomeAssistant, simulation: Simulation, our_profiles: None, heater: GizwitsDevice
) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.mark.parametrize(
    ("action", "data", "payload", "shown"),
    [
        ("set_preset_mode", {"preset_mode": "comfort"}, [1, 1, 0], ("heat", "comfort")),
        ("set_preset_mode", {"preset_mode": "eco"}, [1, 1, 1], ("heat", "eco")),
        ("set_preset_mode", {"preset_mode": "away"}, [1, 1, 2], ("heat", "away")),
        ("turn_off", {}, [1, 1, 3], ("off", None)),
    ],
)
async def test_a_heater_of_the_first_generation_gets_the_place_of_its_mode_and_reports_the_word(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    heater: GizwitsDevice,
    action: str,
    data: dict[str, str],
    payload: list[int],
    shown: tuple[str, str | None],
) -> None:
    def seen() -> tuple[str, str | None]:
        state = state_of(hass, "climate", entry, heater.did, "$climate")
        return state.state, state.attributes["preset_mode"]

    heater.set(mode="解冻" if payload == [1, 1, 1] else "经济")
    await poll(hass, entry)
    simulation.gizwits_open.write_delay = 0
    entity_id = state_of(hass, "climate", entry, heater.did, "$climate").entity_id
    await hass.services.async_call("climate", action, {"entity_id": entity_id, **data}, blocking=True)
    assert heater.received == [{"raw": payload}]
    assert seen() == shown  # at once
    await poll(hass, entry)
    assert seen() == shown  # as it reports


async def test_an_action_sends_the_bytes_for_the_word_that_it_names(
    hass: HomeAssistant, entry: MockConfigEntry, heater: GizwitsDevice
) -> None:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, heater.did), entry.entry_id)
    assert device is not None
    target = {"device_id": device.id, "values": {"mode": "frost protection"}}
    await hass.services.async_call(DOMAIN, "set_datapoints", target, blocking=True)
    assert heater.received == [{"raw": [1, 1, 2]}]


async def test_what_has_no_bytes_is_sent_as_it_is_and_before_those_that_have(make: Make) -> None:
    made = await make(
        "climate: {mode: {power: {false: off, true: heat}}, preset: {key: mode, with: {eco: {power: true}}}}",
        flag("power"),
        choice("mode", "fro", "cft", "eco", "fro"),
        datapoints="{mode: {raw: {eco: [1, 2, 8]}}}",
    )
    entity_id = made.state("climate").entity_id
    for preset in ("eco", "fro"):
        data = {"entity_id": entity_id, "preset_mode": preset}
        await made.hass.services.async_call("climate", "set_preset_mode", data, blocking=True)
    assert made.device.received == [{"attrs": {"power": True}}, {"raw": [1, 2, 8]}, {"attrs": {"mode": "fro"}}]


async def test_bytes_write_what_the_definition_calls_read_only(make: Make) -> None:
    made = await make(
        "climate: {mode: mode}",
        choice("mode", "heat", "off", "heat", kind=READABLE),
        datapoints="{mode: {raw: {'off': [1, 1, 0]}}}",
    )
    target = {"entity_id": made.state("climate").entity_id}
    await made.hass.services.async_call("climate", "turn_off", target, blocking=True)
    assert made.device.received == [{"raw": [1, 1, 0]}]
    assert made.state("climate").state == "off"
    with pytest.raises(ServiceValidationError):  # there are no bytes for it
        await made.hass.services.async_call("climate", "turn_on", target, blocking=True)
    assert len(made.device.received) == 1


async def test_a_refused_payload_is_not_shown(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, heater: GizwitsDevice
) -> None:
    simulation.gizwits_open.obedience = Obedience(refused_with=9042)
    target = {"entity_id": state_of(hass, "climate", entry, heater.did, "$climate").entity_id}
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call("climate", "turn_off", target, blocking=True)
    heater.is_online = True
    await poll(hass, entry)
    assert state_of(hass, "climate", entry, heater.did, "$climate").state == "heat"


def test_a_profile_with_bytes_that_are_none_is_refused() -> None:
    for raw in ("{eco: [256]}", "{eco: []}", "{eco: 1}", "{}"):
        (found,) = read_profiles(f"match: {{has: mode}}\ndatapoints: {{mode: {{raw: {raw}}}}}", "mine.yaml")
        assert "datapoints → mode → raw" in str(found), raw


def test_bytes_for_a_value_that_the_datapoint_never_has_are_complained_about() -> None:
    (profile,) = read_profiles("match: {has: mode}\ndatapoints: {mode: {raw: {0: [1], boost: [2]}}}", "mine.yaml")
    assert isinstance(profile, Profile)
    mode = Datapoint(key="mode", name="mode", data_type=DataType.ENUM, options=("cft", "eco"))
    assert list(complaints(profile, Product("", {"mode": mode}))) == ["mode: it is never boost"]
