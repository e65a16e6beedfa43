"""After an upgrade an account keeps its entities, its last states and its token.

The files in `before/` were written by `before/write.py` in a worktree of the commit before the modules of the
integration were moved into folders, with the simulator of that commit.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.profiles import Profile, Profiles
from custom_components.datapoint_cloud.profiles.format import read_profiles
from simulator.gizwits.tokens import Token
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, poll
from .before.write import MADE_AT, leave_few_devices, placeholders

_VALUES = ("/latest", "/data", "/last-values", "/content/genre")
_LOGINS = ("/app/login", "/access_token")
_MADE_AT = datetime.fromisoformat(MADE_AT)
_OPTIONS = {"中风": "medium", "制冷": "cool", "摄氏": "celsius"}
"""The options that the earlier version showed in the vendor's words, by their keys of today."""
_NEW = (
    *("climate", "place", "scene_", "profile", "with_alarm", "devices", "online", "active_", "new_", "users"),
    "history_import",
)
"""How the keys of new entities begin. Those that count devices belong to customers and sites, the import to usage."""


class Before:
    """The stored data of one account of the earlier version."""

    def __init__(self, hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
        text = (Path(__file__).parent / "before" / f"{kind}.json").read_text()
        for placeholder, real in placeholders(simulation).items():
            text = text.replace(placeholder, real)
        kept = json.loads(text)
        self.hass = hass
        self.store: dict[str, Any] = kept["store"]
        self.states: dict[str, str] = kept["states"]
        self.entities: list[list[Any]] = kept["entities"]
        self._devices: list[list[Any]] = kept["devices"]
        fields = kept["entry"]
        self.entry = MockConfigEntry(domain=DOMAIN, subentries_data=fields.pop("subentries"), **fields)

    def put_back(self, hass_storage: dict[str, Any]) -> None:
        """Write the data into Home Assistant, where the earlier version left them."""
        self.entry.add_to_hass(self.hass)
        hass_storage[self.store["key"]] = self.store
        devices, entities = dr.async_get(self.hass), er.async_get(self.hass)
        ids = {
            identifier: devices.async_get_or_create(
                config_entry_id=self.entry.entry_id,
                config_subentry_id=subentry_id,
                identifiers={(DOMAIN, identifier)},
                name=name,
            ).id
            for identifier, name, subentry_id in self._devices
        }
        for entity_id, unique_id, identifier, subentry_id, disabled_by in self.entities:
            platform, _, object_id = entity_id.partition(".")
            made = entities.async_get_or_create(
                platform,
                DOMAIN,
                unique_id,
                suggested_object_id=object_id,
                config_entry=self.entry,
                config_subentry_id=subentry_id,
                device_id=ids.get(identifier),
                disabled_by=disabled_by and er.RegistryEntryDisabler(disabled_by),
            )
            assert made.entity_id == entity_id

    def entities_of_devices(self) -> Iterator[str]:
        """Yield the enabled entities of devices, without those of the account."""
        account = {self.entry.entry_id, self.entry.unique_id, None}
        of_devices = (entity_id for entity_id, _, identifier, *_ in self.entities if identifier not in account)
        return (entity_id for entity_id in of_devices if entity_id in self.states)

    def kept_tokens(self) -> dict[str, str]:
        """Return the tokens in the store, by the name they are stored under."""
        stored = self.store["data"]["memory"].items()
        return {name: record["token"] for name, record in stored if isinstance(record, dict) and "token" in record}

    def found(self) -> dict[str, str]:
        """Return the present entities of the account by unique id, without those of a kind that is new."""
        entities = er.async_entries_for_config_entry(er.async_get(self.hass), self.entry.entry_id)
        known = {unique_id for _, unique_id, *_ in self.entities}
        return {one.unique_id: one.entity_id for one in entities if one.unique_id in known or not _is_new(one)}


def _is_new(entity: er.RegistryEntry) -> bool:
    return entity.unique_id.rpartition("$")[2].startswith(_NEW)


def remember_tokens(simulation: Simulation, before: Before) -> None:
    """Register at the servers the tokens that they granted to the earlier version."""
    end = int(_MADE_AT.timestamp()) + 86_400
    opened, enterprise = simulation.gizwits_open, simulation.gizwits_enterprise
    for name, token in before.kept_tokens().items():
        if name == "user token":
            opened.accounts.tokens.restore(Token(token, opened.uid, end))
        else:
            enterprise.tokens.restore(Token(token, name.removeprefix("token "), end))


@pytest.fixture
def minutes_later(freezer: FrozenDateTimeFactory) -> None:
    """Begin before the readings of the earlier version are too old to be shown."""
    freezer.move_to(_MADE_AT + timedelta(minutes=2))


@pytest.fixture
def before(
    minutes_later: None, hass: HomeAssistant, hass_storage: dict[str, Any], simulation: Simulation, kind: str
) -> Before:
    leave_few_devices(simulation)
    before = Before(hass, simulation, kind)
    before.put_back(hass_storage)
    remember_tokens(simulation, before)
    return before


async def set_up(hass: HomeAssistant, before: Before) -> None:
    await hass.config_entries.async_setup(before.entry.entry_id)
    await hass.async_block_till_done()
    assert before.entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("kind", KINDS)
async def test_every_entity_is_found_again_and_none_is_added(
    hass: HomeAssistant, simulation: Simulation, before: Before
) -> None:
    kept = {unique_id: entity_id for entity_id, unique_id, *_ in before.entities}
    await set_up(hass, before)
    assert before.found() == kept
    await poll(hass, before.entry)
    assert before.found() == kept
    missing = [entity_id for entity_id in before.states if hass.states.get(entity_id) is None]
    assert not missing


@pytest.mark.parametrize("kind", ["gizwits_open"])
async def test_a_new_thermostat_takes_no_entity_away(
    hass: HomeAssistant, simulation: Simulation, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'match: {has: [heat, set_temp]}\nentities: [climate: {target: set_temp, mode: {heat: {0: "off", 1: heat}}}]'
    (profile,) = read_profiles(text, "new.yaml")
    assert isinstance(profile, Profile)
    monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles(ours=(profile,)))
    kept = {unique_id: entity_id for entity_id, unique_id, *_ in before.entities}
    disabled = {entity_id: disabled_by for entity_id, *_, disabled_by in before.entities}
    await set_up(hass, before)
    assert hass.states.async_entity_ids("climate") == ["climate.terrace_spa"]
    assert before.found() == kept
    registry = er.async_get(hass)
    now = {entity_id: entity for entity_id in disabled if (entity := registry.async_get(entity_id))}
    assert {entity_id: entity.disabled_by for entity_id, entity in now.items()} == disabled
    assert all(hass.states.get(entity_id) for entity_id in before.states)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_last_states_are_shown_before_the_cloud_answers(
    hass: HomeAssistant, simulation: Simulation, before: Before
) -> None:
    for server in simulation.servers:
        server.faults.append(Fault(matches=lambda request: request.path.endswith(_VALUES), status=502))
    await set_up(hass, before)
    kept = {entity_id: before.states[entity_id] for entity_id in before.entities_of_devices()}
    shown = {entity_id: hass.states.get(entity_id) for entity_id in kept}
    assert kept
    assert {entity_id: _OPTIONS.get(state, state) for entity_id, state in kept.items()} == {
        entity_id: state and state.state for entity_id, state in shown.items()
    }


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_the_stored_token_needs_no_new_login(hass: HomeAssistant, simulation: Simulation, before: Before) -> None:
    assert before.kept_tokens()
    await set_up(hass, before)
    await poll(hass, before.entry)
    requests = [request.path for server in simulation.servers for request in server.log]
    assert requests
    assert not [path for path in requests if path.endswith(_LOGINS)]
