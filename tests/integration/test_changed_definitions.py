"""Entities follow definitions that change, whether their account is loaded or not."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation
from simulator.sodata.fleet import SoDataDevice

from .accounts import add_account, entity_id_of, poll, state_of
from .subjects import air_conditioner

_LONGER_THAN_A_DEFINITION_LASTS = timedelta(days=8)
_POWER = "Load|0|150202"


def _change(simulation: Simulation, monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    """Let the vendor describe a datapoint of the air conditioner in a new way."""
    definition = air_conditioner(simulation).product.definition
    entities = copy.deepcopy(definition["entities"])
    (attr,) = (attr for entity in entities for attr in entity["attrs"] if attr["name"] == name)
    attr |= changes
    monkeypatch.setitem(definition, "entities", entities)


async def _days_later(hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory) -> None:
    freezer.tick(_LONGER_THAN_A_DEFINITION_LASTS)
    await poll(hass, entry)


async def test_a_number_gets_its_new_range_without_a_reload(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    spec = {"min": 10, "max": 80, "ratio": 0.5, "addition": 0}
    _change(simulation, monkeypatch, "set_temp", uint_spec=spec)
    await _days_later(hass, entry, freezer)
    attributes = state_of(hass, "number", entry, device.did, "set_temp").attributes
    assert (attributes["min"], attributes["max"]) == (5, 40)
    registered = er.async_get(hass).async_get(entity_id_of(hass, "number", entry, device.did, "set_temp"))
    assert registered is not None
    assert registered.capabilities is not None
    assert registered.capabilities["max"] == 40


async def test_a_select_gets_its_new_options_without_a_reload(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    before = state_of(hass, "select", entry, device.did, "mode").attributes["options"]
    _change(simulation, monkeypatch, "mode", enum=[*before, "turbo"])
    await _days_later(hass, entry, freezer)
    assert state_of(hass, "select", entry, device.did, "mode").attributes["options"] == [*before, "turbo"]


async def test_a_datapoint_that_can_no_longer_be_set_is_not_shown_as_a_control(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    _change(simulation, monkeypatch, "set_temp", type="status_readonly")
    await _days_later(hass, entry, freezer)
    assert state_of(hass, "number", entry, device.did, "set_temp").state == "unavailable"
    assert float(state_of(hass, "sensor", entry, device.did, "set_temp").state) == device.attrs["set_temp"]


async def test_a_datapoint_that_can_be_set_again_gets_its_former_entity(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = air_conditioner(simulation)
    entry = await add_account(hass, simulation, "gizwits_open")
    for kind in ("status_readonly", "status_writable"):
        _change(simulation, monkeypatch, "set_temp", type=kind)
        await _days_later(hass, entry, freezer)
    assert float(state_of(hass, "number", entry, device.did, "set_temp").state) == device.attrs["set_temp"]
    assert state_of(hass, "sensor", entry, device.did, "set_temp").state == "unavailable"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def _meter(simulation: Simulation) -> SoDataDevice:
    return next(device for device in simulation.sodata.devices.values() if device.name == "Diris A-40")


async def _add_meter(hass: HomeAssistant, simulation: Simulation) -> tuple[SoDataDevice, MockConfigEntry]:
    """Add the account of a meter that measures 1400 W."""
    meter = _meter(simulation)
    meter.set("Load", "0", "150202", "1400")
    return meter, await add_account(hass, simulation, "sodata")


async def _reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


def _measure_in_kilowatts(meter: SoDataDevice) -> None:
    variable = meter.variables[_POWER]
    variable.service = replace(variable.service, unit="KILOWATT")
    meter.set("Load", "0", "150202", "1.5")


def _power(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> tuple[float, str, str | None]:
    device_id = _meter(simulation).uuid
    state = state_of(hass, "sensor", entry, device_id, _POWER)
    registered = er.async_get(hass).async_get(state.entity_id)
    assert registered is not None
    return float(state.state), state.attributes["unit_of_measurement"], registered.unit_of_measurement


@pytest.mark.usefixtures("whole_fleets")
async def test_a_sensor_gets_its_new_unit_without_a_reload(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    meter, entry = await _add_meter(hass, simulation)
    assert _power(hass, simulation, entry) == (1400, "W", "W")
    _measure_in_kilowatts(meter)
    await _days_later(hass, entry, freezer)
    assert _power(hass, simulation, entry) == (1.5, "kW", "kW")
    await _reload(hass, entry)
    assert _power(hass, simulation, entry) == (1.5, "kW", "kW")


@pytest.mark.usefixtures("whole_fleets")
async def test_a_unit_that_changed_while_the_account_was_not_loaded_is_followed_too(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    meter, entry = await _add_meter(hass, simulation)
    assert await hass.config_entries.async_unload(entry.entry_id)
    _measure_in_kilowatts(meter)
    freezer.tick(_LONGER_THAN_A_DEFINITION_LASTS)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert _power(hass, simulation, entry) == (1.5, "kW", "kW")


@pytest.mark.usefixtures("whole_fleets")
async def test_a_unit_that_the_user_chose_stays(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    meter, entry = await _add_meter(hass, simulation)
    entity_id = entity_id_of(hass, "sensor", entry, meter.uuid, _POWER)
    er.async_get(hass).async_update_entity_options(entity_id, "sensor", {"unit_of_measurement": "mW"})
    await hass.async_block_till_done()
    _measure_in_kilowatts(meter)
    await _days_later(hass, entry, freezer)
    assert _power(hass, simulation, entry)[:2] == (1_500_000, "mW")
    await _reload(hass, entry)
    assert _power(hass, simulation, entry)[:2] == (1_500_000, "mW")
