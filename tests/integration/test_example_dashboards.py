"""The example dashboards of the documentation show entities that the simulated accounts have."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.util.yaml import load_yaml_dict

from custom_components.datapoint_cloud.const import DOMAIN
from develop.accounts import OPTIONS, form_inputs
from simulator.simulation import Simulation

from .passing_time import settle

_DOCS = Path(__file__).parents[2] / "docs"
_FILES = sorted((_DOCS / "dashboards").glob("*.yaml"))
_IN_TEMPLATE = re.compile(r"'([a-z_]+\.[a-z0-9_]+)'")


def _entity_ids(config: Any, key: str = "") -> Iterator[str]:
    """Yield the entity IDs of cards, badges and targets, and those in the templates of texts."""
    match config:
        case dict():
            for name, value in config.items():
                yield from _entity_ids(value, str(name))
        case list():
            for value in config:
                yield from _entity_ids(value, key)
        case str() if key in ("entity", "entities", "entity_id"):
            yield config
        case str() if key == "content":
            yield from _IN_TEMPLATE.findall(config)


@pytest.mark.usefixtures("our_profiles", "whole_fleets")
async def test_the_simulated_accounts_have_all_entities_of_the_dashboards(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    simulation.gizwits_open.add_appliances()
    simulation.gizwits_open.add_wavemaker()
    for kind, steps in form_inputs(simulation).items():
        await _add_account(hass, *steps, options=OPTIONS[kind])
    registry = er.async_get(hass)
    used = {path.stem: set(_entity_ids(load_yaml_dict(path))) for path in _FILES}
    assert {stem: len(ids) > 8 for stem, ids in used.items()} == dict.fromkeys(("fleet", "household", "ups-room"), True)
    missing = [entity_id for ids in used.values() for entity_id in ids if not _is_shown(registry, entity_id)]
    assert missing == [], sorted(missing)


async def _add_account(hass: HomeAssistant, *steps: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Walk through the forms as `scripts/develop` does: the entities of an account are called like it."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    for step in steps:
        result = await hass.config_entries.flow.async_configure(result["flow_id"], dict(step))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    form = await hass.config_entries.options.async_init(result["result"].entry_id)
    result = await hass.config_entries.options.async_configure(form["flow_id"], dict(options))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


def _is_shown(registry: er.EntityRegistry, entity_id: str) -> bool:
    entry = registry.async_get(entity_id)
    return entry is not None and not entry.disabled


def test_the_page_shows_each_dashboard_with_a_picture() -> None:
    page = (_DOCS / "dashboards.md").read_text(encoding="utf-8")
    for path in _FILES:
        assert f"](dashboards/{path.name})" in page
        assert f"](images/{path.stem}.png)" in page
        assert (_DOCS / "images" / f"{path.stem}.png").is_file()
