"""JSON values that cannot be stored are repaired before Home Assistant's registries, states and files get them."""

from collections.abc import Iterator

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, poll, state_of
from .subjects import SUBJECTS, air_conditioner, chiller, ups

pytestmark = pytest.mark.usefixtures("all_enabled")


@pytest.fixture(autouse=True)
def _restored_definition(simulation: Simulation) -> Iterator[None]:
    """Restore the definition of the chillers, which all simulations share."""
    definition = chiller(simulation).product.definition
    before = dict(definition)
    yield
    definition.clear()
    definition.update(before)


def _call_open_device(simulation: Simulation, name: str) -> None:
    air_conditioner(simulation).alias = name


def _call_product(simulation: Simulation, name: str) -> None:
    chiller(simulation).product.definition["name"] = name


def _call_sodata_device(simulation: Simulation, name: str) -> None:
    ups(simulation).name = name


def _call_genre(simulation: Simulation, name: str) -> None:
    simulation.firstlight.usages["content/genre"].figures[name] = 7


CALL = {
    "gizwits_open": _call_open_device,
    "gizwits_enterprise": _call_product,
    "sodata": _call_sodata_device,
    "firstlight": _call_genre,
}
assert tuple(CALL) == KINDS


async def _assert_all_can_be_stored(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    json_bytes(dr.async_get(hass)._data_to_save())
    json_bytes(er.async_get(hass)._data_to_save())
    json_bytes([state.as_dict() for state in hass.states.async_all()])
    assert await hass.config_entries.async_unload(entry.entry_id)  # this writes the account's own file


@pytest.mark.parametrize("cut", ["\ud83c", "\x00"], ids=["half a pair", "no character"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_invalid_character_in_a_name_is_replaced(
    hass: HomeAssistant, simulation: Simulation, kind: str, cut: str
) -> None:
    CALL[kind](simulation, f"Terrace {cut}")
    entry = await add_account(hass, simulation, kind)
    names = [device.name for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)]
    names += [found.original_name for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)]
    assert [name for name in names if name is not None and "Terrace \ufffd" in name]
    await _assert_all_can_be_stored(hass, entry)


@pytest.mark.parametrize("value", ["NaN", "1e999", "-Infinity", "9" * 5000, f'"{"9" * 5000}"'])
async def test_an_infinite_number_is_no_value(hass: HomeAssistant, simulation: Simulation, value: str) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    body = f'{{"updated_at": {int(device.clock())}, "attr": {{"set_temp": {value}, "switch": 1}}}}'
    simulation.gizwits_open.faults = [Fault(matches=lambda request: request.path.endswith("latest"), body=body)]
    await poll(hass, entry)
    assert state_of(hass, "switch", entry, device.did, "switch").state == "on"
    assert subject.state(hass, simulation, entry) in {"unknown", "24"}  # the client ignores it
    await _assert_all_can_be_stored(hass, entry)


async def test_a_number_with_too_many_digits_is_rounded(hass: HomeAssistant, simulation: Simulation) -> None:
    _call_genre(simulation, "Noir")
    simulation.firstlight.usages["content/genre"].figures["Noir"] = 10**30
    entry = await add_account(hass, simulation, "firstlight")
    device_id = SUBJECTS["firstlight"].device_id(simulation)
    assert float(state_of(hass, "sensor", entry, device_id, "value:Noir").state) == 1e30
    await _assert_all_can_be_stored(hass, entry)


@pytest.mark.parametrize("depth", [240, 900, 5000])
async def test_an_answer_nested_too_deeply_to_be_stored_is_refused(
    hass: HomeAssistant, simulation: Simulation, depth: int
) -> None:
    chiller(simulation).product.definition["ui"] = {"sections": "here"}
    definition = str(chiller(simulation).product.definition).replace("'", '"')
    deep = definition.replace('"here"', "[" * depth + "]" * depth).replace("None", "null")
    simulation.gizwits_enterprise.faults = [
        Fault(matches=lambda request: request.path.endswith("/datapoint"), body=deep)
    ]
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await _assert_all_can_be_stored(hass, entry)
