"""Definitions that make no sense: their entities can be used or at least read, and nothing raises."""

import copy
import logging
import random
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import add_account, state_of
from .subjects import air_conditioner

_NUMBERS = (0, -1, 1, 0.5, 1e12, 1e308, -1e308, 5e-324, 10**300, None, "fast", True)
_LABELS: tuple[list[Any], ...] = ([], [""], ["a", " a", "a"], [" ", "  ", "on"], ["x" * 300, "y"], ["a", 1])


def _spec(choice: random.Random) -> dict[str, Any]:
    return {name: choice.choice(_NUMBERS) for name in ("min", "max", "ratio", "addition")}


@pytest.mark.parametrize("seed", range(6))
async def test_no_definition_raises_or_disturbs_the_others(
    hass: HomeAssistant,
    simulation: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    seed: int,
) -> None:
    choice = random.Random(seed)
    device = air_conditioner(simulation)
    definition = device.product.definition
    entities = copy.deepcopy(definition["entities"])
    for attr in entities[0]["attrs"]:
        if attr["data_type"] == "enum":
            attr["enum"] = choice.choice(_LABELS)
        elif attr["data_type"] != "bool":
            attr["uint_spec"] = _spec(choice)
    monkeypatch.setitem(definition, "entities", entities)
    entry = await add_account(hass, simulation, "gizwits_open")
    assert state_of(hass, "switch", entry, device.did, "switch").state in {"on", "off"}

    registry = er.async_get(hass)
    for platform, service, values in (
        ("number", "set_value", ({"value": 0}, {"value": 1e12}, {"value": 18})),
        ("select", "select_option", ({"option": "a"}, {"option": "on"}, {"option": "0"})),
    ):
        entity_ids = [entity.entity_id for entity in registry.entities.values() if entity.platform == DOMAIN]
        for entity_id in (entity_id for entity_id in entity_ids if entity_id.startswith(f"{platform}.")):
            for value in values:
                try:
                    await hass.services.async_call(platform, service, {"entity_id": entity_id, **value}, blocking=True)
                except ServiceValidationError, HomeAssistantError:
                    continue
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
