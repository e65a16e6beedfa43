"""Setting up, unloading, restarting and removing an account."""

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from simulator.simulation import Simulation

from .accounts import KINDS, add_account, state_of


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_sets_up_and_unloads(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    assert entry.state is ConfigEntryState.LOADED
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    states = [hass.states.get(entity.entity_id) for entity in entities if entity.disabled_by is None]
    live = [state for state in states if state is not None and state.state not in {"unavailable", "unknown"}]
    assert live
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
