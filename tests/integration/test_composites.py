"""What all entities of several datapoints have in common: their names, when they are told, and what they replace."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import entity_registry as er

from .accounts import poll
from .composites import Made, Make, flag, make, measured, number

__all__ = ["make"]

_ATTRIBUTES = (
    number("target", 37, (20, 40)),
    measured("now", 36),
    flag("heat"),
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
