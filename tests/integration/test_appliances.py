"""Appliances in the shapes of real ones, as the project's profiles show them: seen and set by a user."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.profiles import Profiles
from simulator.gizwits.appliances import AQUARIUM_LIGHT, BOILER, DOSER, GARDEN_SPA, PANEL_HEATER
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import Product
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll
from .composites import flag, measured, number
from .passing_time import ChangeTimings


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(fixed_time: None, hass: HomeAssistant, simulation: Simulation, our_profiles: None) -> MockConfigEntry:
    server = simulation.gizwits_open
    server.devices, server.write_delay = {}, 0
    server.add_appliances()
    return await add_account(hass, simulation, "gizwits_open")


def _device(simulation: Simulation, product: Product) -> GizwitsDevice:
    return next(device for device in simulation.gizwits_open.devices.values() if device.product is product)


def _shown(hass: HomeAssistant, entity_id: str, *names: str) -> tuple[Any, ...]:
    state = hass.states.get(entity_id)
    assert isinstance(state, State), entity_id
    return (state.state, *(state.attributes.get(name) for name in names))


async def _call(hass: HomeAssistant, service: str, entity_id: str, **data: Any) -> None:
    platform, _, action = service.partition(".")
    await hass.services.async_call(platform, action, {"entity_id": entity_id, **data}, blocking=True)


async def test_primary_entities_have_readable_ids(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    platforms = ("climate", "fan", "light", "water_heater")
    assert sorted(hass.states.async_entity_ids(platforms)) == [
        "climate.boiler",
        "climate.garden_spa",
        "climate.hallway_heater",
        "fan.aquarium_light_fan",
        "light.aquarium_light",
        "water_heater.boiler_hot_water",
    ]


async def test_a_spa_heats_to_its_target(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    spa, names = "climate.garden_spa", ("hvac_action", "current_temperature", "temperature")
    assert _shown(hass, spa, *names) == ("heat", "heating", 36, 37)
    await _call(hass, "climate.set_temperature", spa, temperature=39)
    assert _shown(hass, spa, *names) == ("heat", "heating", 36, 39)
    freezer.tick(130)
    await poll(hass, entry)
    assert _shown(hass, spa, *names) == ("heat", "heating", 38, 39)
    freezer.tick(130)
    await poll(hass, entry)
    assert _shown(hass, spa, *names) == ("heat", "idle", 39, 39)
    await _call(hass, "climate.turn_off", spa)
    await poll(hass, entry)
    assert _shown(hass, spa, "hvac_action") == ("off", "off")


async def test_what_a_spa_does_with_its_filter_is_shown_too(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    registry, did = er.async_get(hass), _device(simulation, GARDEN_SPA).did
    spa_filter = entity_id_of(hass, "switch", entry, did, "filter")
    await _call(hass, "switch.turn_off", spa_filter)
    await poll(hass, entry)
    assert _shown(hass, "climate.garden_spa") == ("off",)
    heat = registry.async_get(entity_id_of(hass, "switch", entry, did, "heat"))
    assert heat is not None
    assert heat.disabled_by == "integration"
    await _call(hass, "climate.set_hvac_mode", "climate.garden_spa", hvac_mode="heat")
    await poll(hass, entry)
    assert _shown(hass, "climate.garden_spa") == ("heat",)
    assert _shown(hass, spa_filter) == ("on",)


async def test_a_heater_is_set_by_presets(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> None:
    heater, device = "climate.hallway_heater", _device(simulation, PANEL_HEATER)
    names = ("preset_mode", "temperature", "current_temperature")
    assert _shown(hass, heater, *names) == ("heat", "eco", 17.5, 17.5)
    await _call(hass, "climate.set_preset_mode", heater, preset_mode="boost")
    await poll(hass, entry)
    assert _shown(hass, heater, "preset_mode") == ("heat", "boost")
    assert (device.attrs["derog_mode"], device.attrs["derog_time"]) == (2, 60)
    await _call(hass, "climate.set_preset_mode", heater, preset_mode="comfort")
    await poll(hass, entry)
    assert _shown(hass, heater, "preset_mode") == ("heat", "comfort")
    assert (device.attrs["derog_mode"], device.attrs["mode"]) == (0, "cft")
    await _call(hass, "climate.set_temperature", heater, target_temp_high=30, target_temp_low=18)
    assert device.received[-1] == {"attrs": {"cft_tempH": 1, "cft_tempL": 44, "eco_tempH": 0, "eco_tempL": 180}}


async def test_a_boiler_heats_rooms_and_water(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    assert _shown(hass, "climate.boiler", "temperature", "min_temp") == ("heat", 21, 5)
    await _call(hass, "climate.set_hvac_mode", "climate.boiler", hvac_mode="auto")
    tank = "water_heater.boiler_hot_water"
    assert _shown(hass, tank, "temperature", "max_temp") == ("on", 50, 65)
    await _call(hass, "water_heater.set_temperature", tank, temperature=55.5)
    await _call(hass, "water_heater.turn_off", tank)
    await poll(hass, entry)
    assert _shown(hass, "climate.boiler") == ("auto",)
    assert _shown(hass, tank, "temperature") == ("off", 55.5)
    with pytest.raises(ServiceValidationError):
        await _call(hass, "water_heater.set_temperature", tank, temperature=70)
    assert _device(simulation, BOILER).attrs["DHW_setpoint"] == 55.5


async def test_a_light_that_follows_its_schedule_is_dimmed_by_hand(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    light, device = "light.aquarium_light", _device(simulation, AQUARIUM_LIGHT)
    assert _shown(hass, light, "brightness", "effect") == ("on", 255, "off")
    await _call(hass, "light.turn_on", light, effect="schedule")
    await _call(hass, "light.turn_on", light, brightness_pct=40)
    await poll(hass, entry)
    assert _shown(hass, light, "brightness", "effect") == ("on", 102, "off")
    shown = {name: device.attrs[name] for name in ("White", "Warm_White", "Sapphire_Blue", "Blue", "UV", "Purple")}
    assert shown == {"White": 24, "Warm_White": 8, "Sapphire_Blue": 40, "Blue": 50, "UV": 32, "Purple": 0}


async def test_a_doser_that_was_there_before_its_heads_became_parts_keeps_its_entities(
    fixed_time: None,
    hass: HomeAssistant,
    simulation: Simulation,
    our_profiles: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = simulation.gizwits_open
    server.devices = {}
    server.add_appliances()
    registry = er.async_get(hass)

    doser = _device(simulation, DOSER).did

    def entities(entry: MockConfigEntry) -> dict[str, tuple[str, bool]]:
        rows = er.async_entries_for_config_entry(registry, entry.entry_id)
        return {row.unique_id: (row.entity_id, row.disabled) for row in rows if doser in row.unique_id}

    with monkeypatch.context() as earlier:
        earlier.setattr(user_profiles, "load_profiles", lambda _: Profiles())
        entry = await add_account(hass, simulation, "gizwits_open")
    before = entities(entry)
    assert sum(entity_id.startswith("switch.doser_channel_") for entity_id, _ in before.values()) == 4
    assert await hass.config_entries.async_reload(entry.entry_id)
    await poll(hass, entry)
    assert before.items() <= entities(entry).items()
    head = registry.async_get(entity_id_of(hass, "switch", entry, doser, "channe1"))
    assert head is not None
    assert head.name is None
    part = dr.async_get(hass).async_get(head.device_id or "")
    assert part is not None
    assert part.name == "Head 1"


async def test_a_head_of_a_doser_stops_by_itself(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    head = entity_id_of(hass, "switch", entry, _device(simulation, DOSER).did, "channe2")
    await _call(hass, "switch.turn_on", head)
    await poll(hass, entry)
    assert _shown(hass, head) == ("on",)
    freezer.tick(15)
    await poll(hass, entry)
    assert _shown(hass, head) == ("off",)


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_product_is_known_by_the_vendors_name_in_any_language(
    hass: HomeAssistant, simulation: Simulation, our_profiles: None, language: str
) -> None:
    hass.config.language = language
    server = simulation.gizwits_open
    attributes = (
        flag("power", value=True),
        number("设定温度", 50, (30, 75)),
        measured("当前水温", 48, (0, 100)),
    )
    product = Product(key="fa4e4ea7e0000000000000000000000f", name="电热水器", attributes=attributes)
    heater = device_of(server.clock, 8, server.uid, product, "")
    server.devices, server.products = {heater.did: heater}, {product.key: product}
    entry = await add_account(hass, simulation, "gizwits_open")
    state = hass.states.get(entity_id_of(hass, "water_heater", entry, heater.did, "$water_heater"))
    assert state is not None
    assert (state.attributes["temperature"], state.attributes["current_temperature"]) == (50, 48)
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, heater.did), entry.entry_id)
    assert device is not None
    assert device.model == {"en": "Electric water heater", "es": "Calentador eléctrico"}[language]
