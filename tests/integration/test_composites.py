"""What all entities of several datapoints have in common: their names, when they are told, and what they replace."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.composite import COMPOSITE
from custom_components.datapoint_cloud.fleet.composites import composites_of
from custom_components.datapoint_cloud.fleet.description import describe
from custom_components.datapoint_cloud.fleet.naming import Naming, key_of
from custom_components.datapoint_cloud.profiles import Product as ProductOfProfile
from custom_components.datapoint_cloud.profiles import load_profiles, our_profiles
from custom_components.datapoint_cloud.profiles.roles import Composite
from simulator.gizwits.products import Product
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import poll
from .composites import Made, Make, flag, make, measured, number

__all__ = ["make"]

_FOLDER = Path(integration.__file__).parent

_ATTRIBUTES = (
    flag("heat"),
    number("target", 37, (20, 40)),
    measured("now", 36),
    flag("bubbles"),
    measured("other", 1),
)
_ENTITIES = """climate: {target: target, current: now, mode: {heat: {0: "off", 1: heat}}}
- climate: {name: Second zone, target: target}
- climate: {name: Never wanted, target: target, enabled: false, category: diagnostic}"""


@pytest.fixture
async def made(make: Make) -> Made:
    return await make(_ENTITIES, *_ATTRIBUTES)


async def test_the_primary_entity_is_called_like_its_device(made: Made) -> None:
    primary, second = made.state("climate"), made.state("climate", "second_zone")
    assert (primary.entity_id, primary.name) == ("climate.spa", "Spa")
    assert (second.entity_id, second.name) == ("climate.spa_second_zone", "Spa Second zone")
    third = er.async_get(made.hass).async_get("climate.spa_never_wanted")
    assert third is not None
    assert (third.disabled_by, third.entity_category) == ("integration", "diagnostic")


async def test_the_datapoints_that_it_shows_are_disabled_on_a_new_device(made: Made) -> None:
    registry = er.async_get(made.hass)
    entities = er.async_entries_for_config_entry(registry, made.entry.entry_id)
    prefix = f"{made.entry.unique_id}_{made.device.did}_"
    own = {one.unique_id.removeprefix(prefix): one.disabled_by for one in entities if one.unique_id.startswith(prefix)}
    assert own["target"] == own["now"] == own["heat"] == "integration"
    assert own["bubbles"] is own["other"] is None


async def test_only_a_change_of_its_datapoints_is_told_to_it(made: Made, freezer: FrozenDateTimeFactory) -> None:
    told, other = made.state("climate").last_reported, made.state("climate", "second_zone").last_reported
    freezer.tick(1)
    await made.report(other=2, bubbles=True)
    assert made.state("climate").last_reported == told
    await made.report(now=35)
    assert made.state("climate").last_reported > told
    assert made.state("climate", "second_zone").last_reported == other


async def test_it_is_there_as_long_as_its_device_is(made: Made, freezer: FrozenDateTimeFactory) -> None:
    made.device.is_online = False
    for _ in range(4):
        freezer.tick(600)
        await poll(made.hass, made.entry)
    assert made.state("climate").state == STATE_UNAVAILABLE
    made.device.is_online = True
    await made.report(now=35)
    assert made.state("climate").state == "off"


async def test_it_is_gone_once_the_product_lacks_what_it_needs(
    made: Made, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    await made.hass.config_entries.async_unload(made.entry.entry_id)
    freezer.tick(timedelta(days=8))  # the definition is kept for a week
    without = tuple(attribute for attribute in _ATTRIBUTES if attribute.name != "target")
    made.device.product = Product(key=made.device.product.key, name="Made", attributes=without)
    simulation.gizwits_open.products = {made.device.product.key: made.device.product}
    await made.hass.config_entries.async_setup(made.entry.entry_id)
    await made.hass.async_block_till_done()
    primary = made.state("climate")
    assert (primary.state, primary.attributes.get("temperature")) == ("off", None)  # it still has a mode
    assert made.state("climate", "second_zone").state == STATE_UNAVAILABLE


async def test_its_last_state_is_shown_before_the_cloud_answers(
    made: Made, simulation: Simulation, hass_storage: dict[str, Any]
) -> None:
    before = made.state("climate")
    await made.hass.config_entries.async_unload(made.entry.entry_id)
    simulation.gizwits_open.faults.append(Fault(matches=lambda _: True, status=502))
    await made.hass.config_entries.async_setup(made.entry.entry_id)
    await made.hass.async_block_till_done()
    assert made.entry.runtime_data.coordinator.last_update_success is False
    now = made.state("climate")
    assert (now.state, now.attributes) == (before.state, before.attributes)


async def test_words_in_any_script_are_options(make: Make) -> None:
    fan = await make("fan: {preset: {level: {0: 静音, 1: Very loud}}}", number("level", 0, (0, 1)))
    state = fan.state("fan")
    assert (state.attributes["preset_mode"], state.attributes["preset_modes"]) == ("静音", ["静音", "very_loud"])
    assert await fan.call("fan.set_preset_mode", preset_mode="very_loud") == {"level": 1}


# The words of the project's profiles

_ATTRIBUTE_OF_ROLE = {"preset": "preset_mode", "fan": "fan_mode", "swing": "swing_mode", "effect": "effect"}


def _words(composites: Iterable[Composite]) -> set[tuple[str, str, str]]:
    """Return platform, attribute and key of each word that such entities can show."""
    return {
        (composite.platform.value, _ATTRIBUTE_OF_ROLE[name], key_of(word))
        for composite in composites
        for name, role in composite.roles.items()
        if name in _ATTRIBUTE_OF_ROLE
        for word in role.words
    }


async def test_every_word_of_a_profile_has_a_label_and_every_label_a_word(
    hass: HomeAssistant, real_payloads: Path
) -> None:
    used = _words(composite for profile in our_profiles() for composite in profile.composites)
    for path in sorted((real_payloads / "products").glob("*.json")):
        definition = parse(json.loads(path.read_text(encoding="utf-8")))
        assert definition is not None
        profile = load_profiles().of(ProductOfProfile(path.stem, definition.by_key, definition.name or ""))
        descriptions = describe(definition.schema.datapoints, {}, profile, Naming.load("en"))
        used |= _words(composites_of(profile, descriptions))
    assert len(used) > 20
    platforms = {platform for platform, *_ in used}
    labels = await async_get_translations(hass, "en", "entity_component", platforms)
    used = {
        (platform, attribute, key)
        for platform, attribute, key in used
        if f"component.{platform}.entity_component._.state_attributes.{attribute}.state.{key}" not in labels
    }
    texts: dict[str, Any] = json.loads((_FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))["entity"]
    ours = {
        (platform, attribute, key)
        for platform in platforms
        for attribute, of_attribute in texts[platform][COMPOSITE]["state_attributes"].items()
        for key in of_attribute["state"]
    }
    assert used == ours
    known = texts["select"]["option"]["state"]
    assert all(
        label == known[key]
        for platform in platforms
        for of_attribute in texts[platform][COMPOSITE]["state_attributes"].values()
        for key, label in of_attribute["state"].items()
    )
