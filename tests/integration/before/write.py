"""Writes what this version keeps of an account of each simulated cloud, for the test of the upgrade to a later one.

Run it in a worktree of the version before, from its top folder, and copy the files it writes:

    mkdir -p tests/integration/before; cp …/tests/integration/before/*.py tests/integration/before/
    pytest tests/integration/before/write.py

Everything in the files is the simulator's: no token or password is a real one. What differs from run to run, or looks
like a real token, stands as a name between two "@".
"""

import json
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation
from tests.integration import flows
from tests.integration.accounts import KINDS, poll

MADE_AT = "2026-11-24T10:00:10Z"


def leave_few_devices(simulation: Simulation) -> None:
    """Leave two or three devices in each cloud."""
    opened, sodata = simulation.gizwits_open, simulation.sodata
    opened.devices = dict(list(opened.devices.items())[:3])
    for product in simulation.gizwits_enterprise.products.values():
        product.devices = dict(list(product.devices.items())[1:3])
    kept = {"Passerelle Sélestat", "Countis E50"}
    sodata.devices = {uuid: device for uuid, device in sodata.devices.items() if device.name in kept}


def placeholders(simulation: Simulation) -> dict[str, str]:
    """What stands in the files for the addresses of the servers, which differ from run to run, and for long tokens."""
    texts = {"@authorization_token@": simulation.firstlight.authorization_token}
    texts["@user_token@"] = simulation.firstlight.user_token
    for server in simulation.servers:
        texts[f"@{server.name}@"] = host = server.url.removeprefix("http://")
        texts[f"@{server.name} in an id@"] = host.replace(".", "_").replace(":", "_")
    return texts


@pytest.mark.parametrize("kind", KINDS)
async def test_write(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    kind: str,
) -> None:
    freezer.move_to(MADE_AT)
    leave_few_devices(simulation)
    entry = (await flows.add(hass, simulation, kind))["result"]
    await hass.async_block_till_done()
    await poll(hass, entry)
    states = {state.entity_id: state.state for state in hass.states.async_all()}
    await hass.config_entries.async_unload(entry.entry_id)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    identifiers = {device.id: identifier for device in devices for _, identifier in device.identifiers}
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    kept = {
        "entry": {
            key: value
            for key, value in entry.as_dict().items()
            if key in {"data", "entry_id", "minor_version", "options", "subentries", "title", "unique_id", "version"}
        },
        "store": hass_storage[f"{DOMAIN}.{entry.entry_id}"],
        "devices": [[identifiers[device.id], device.name, device.config_subentry_id] for device in devices],
        "entities": [
            [
                one.entity_id,
                one.unique_id,
                identifiers.get(one.device_id or ""),
                one.config_subentry_id,
                one.disabled_by,
            ]
            for one in sorted(entities, key=lambda one: one.entity_id)
        ],
        "states": {one.entity_id: states[one.entity_id] for one in entities if one.entity_id in states},
    }
    text = json.dumps(kept, ensure_ascii=False)
    for placeholder, real in placeholders(simulation).items():
        text = text.replace(real, placeholder)
    (Path(__file__).parent / f"{kind}.json").write_text(_laid_out(json.loads(text)))


def _laid_out(kept: dict[str, Any]) -> str:
    """One line a device, an entity and a stored value, so that a change of the file can be read."""

    def lines(value: Any, depth: int) -> str:
        if depth and isinstance(value, dict) and value:
            rows = [f"{json.dumps(key, ensure_ascii=False)}: {lines(inner, depth - 1)}" for key, inner in value.items()]
            return "{\n" + ",\n".join(rows) + "\n}"
        if depth and isinstance(value, list) and value:
            return "[\n" + ",\n".join(lines(inner, 0) for inner in value) + "\n]"
        return json.dumps(value, ensure_ascii=False)

    return lines(kept, 4) + "\n"
