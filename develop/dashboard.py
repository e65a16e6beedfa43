"""A dashboard of everything the accounts show: a section an account, a card a device.

It finds devices and entities in Home Assistant's registries, never by a guessed entity id.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from .client import Client
from .home_assistant import DOMAIN

URL_PATH = "datapoint-cloud"
# How many rows of each kind a card has. What is not named here is left out.
ROWS = {"sensor": 7, "switch": 4, "select": 3, "number": 4, "binary_sensor": 3, "event": 1}
CARDS_PER_ACCOUNT = 4


async def create(client: Client) -> None:
    """Make the dashboard of all accounts and open it first from now on."""
    await client.command(
        "lovelace/dashboards/create",
        url_path=URL_PATH,
        title="Clouds",
        icon="mdi:cloud",
        mode="storage",
        show_in_sidebar=True,
        require_admin=False,
    )
    entries = await client.command("config_entries/get", domain=DOMAIN)
    devices = await client.command("config/device_registry/list")
    entities = await client.command("config/entity_registry/list")
    sections = [_section(entry, devices, entities) for entry in entries]
    view = {"title": "Clouds", "type": "sections", "max_columns": 4, "sections": sections}
    await client.command("lovelace/config/save", url_path=URL_PATH, config={"views": [view]})
    await client.command("frontend/set_system_data", key="core", value={"default_panel": URL_PATH})


def _section(
    entry: Mapping[str, Any], devices: Iterable[Mapping[str, Any]], entities: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    names = {device["id"]: device["name_by_user"] or device["name"] for device in devices}
    shown = sorted(
        (
            entity
            for entity in entities
            if entity["config_entry_id"] == entry["entry_id"] and not entity["disabled_by"] and entity["device_id"]
        ),
        key=lambda entity: entity["device_id"],
    )
    rows = {
        device_id: _rows(list(of_device)) for device_id, of_device in groupby(shown, lambda entity: entity["device_id"])
    }
    # Those with most to look at and to operate come first.
    best = sorted(rows, key=lambda device_id: (_kinds(rows[device_id]), len(rows[device_id])), reverse=True)
    cards = [
        {"type": "entities", "title": names[device_id], "show_header_toggle": False, "entities": rows[device_id]}
        for device_id in best[:CARDS_PER_ACCOUNT]
    ]
    heading = {"type": "heading", "heading": entry["title"], "icon": "mdi:cloud-outline"}
    return {"type": "grid", "cards": [heading, *cards]}


def _rows(entities: Sequence[Mapping[str, Any]]) -> list[str]:
    ordered = sorted(entities, key=lambda entity: entity["entity_category"] or "")
    return [
        entity_id
        for domain, most in ROWS.items()
        for entity_id in [entity["entity_id"] for entity in ordered if _domain(entity["entity_id"]) == domain][:most]
    ]


def _kinds(entity_ids: Iterable[str]) -> int:
    return len({_domain(entity_id) for entity_id in entity_ids})


def _domain(entity_id: str) -> str:
    return entity_id.partition(".")[0]
