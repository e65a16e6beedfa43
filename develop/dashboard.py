"""Creates a dashboard of all accounts, with a section for each account and a card for each of its devices.

Above these, an account shows a thermostat, a fan and a light if it has them. It finds devices and entities in Home
Assistant's registries, and never guesses an entity id. Beside it stand the example dashboards of the documentation.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from homeassistant.util.yaml import load_yaml_dict

from .client import Client
from .home_assistant import PROJECT

URL_PATH = "datapoint-cloud"
EXAMPLES = PROJECT / "docs" / "dashboards"
# The largest number of rows of each domain in a card. Other domains are left out.
ROWS = {
    "climate": 1,
    "water_heater": 1,
    "fan": 1,
    "light": 1,
    "time": 2,
    "button": 2,
    "sensor": 6,
    "switch": 4,
    "select": 3,
    "number": 4,
    "binary_sensor": 3,
    "event": 1,
}
DEVICES_PER_ACCOUNT = 4
# The card of an entity that is called like its device, by its domain.
CONTROLS: Mapping[str, Mapping[str, Any]] = {
    "climate": {
        "type": "thermostat",
        "features": [{"type": "climate-hvac-modes"}, {"type": "climate-preset-modes", "style": "dropdown"}],
    },
    "fan": {
        "type": "tile",
        "features": [{"type": "fan-speed"}, {"type": "fan-preset-modes", "style": "dropdown"}],
    },
    "light": {"type": "light"},
}


async def exists(client: Client) -> bool:
    """Return whether the dashboard was created completely before."""
    core = await client.command("frontend/get_system_data", key="core")
    return (core["value"] or {}).get("default_panel") == URL_PATH


async def create(client: Client, headings: Mapping[str, str]) -> None:
    """Create the dashboard with a heading for each entry id, and make it the default dashboard."""
    devices = {device["id"]: device for device in await client.command("config/device_registry/list")}
    states = {state["entity_id"]: state["state"] for state in await client.command("get_states")}
    of_entries: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    primary: set[str] = set()
    for entity in await client.command("config/entity_registry/list"):
        if entity["original_name"] is None:  # it is called like its device
            primary.add(entity["entity_id"])
        if entity["config_entry_id"] in headings and entity["device_id"] and not entity["disabled_by"]:
            of_entries[entity["config_entry_id"]][entity["device_id"]].append(entity["entity_id"])
    sections = [
        _section(heading, of_entries[entry_id], devices, states, primary) for entry_id, heading in headings.items()
    ]
    view = {"title": "Clouds", "type": "sections", "max_columns": len(sections), "sections": sections}
    await _save(client, URL_PATH, "Clouds", "mdi:cloud", {"views": [view]})
    await client.command("frontend/set_system_data", key="core", value={"default_panel": URL_PATH})


async def create_examples(client: Client) -> None:
    """Create the example dashboards, whose entities the simulated accounts have."""
    for path in sorted(EXAMPLES.glob("*.yaml")):
        config = load_yaml_dict(path)
        await _save(client, f"example-{path.stem}", str(config["title"]), "mdi:view-dashboard", config)


async def _save(client: Client, url_path: str, title: str, icon: str, config: Mapping[str, Any]) -> None:
    dashboards = await client.command("lovelace/dashboards/list")
    if url_path not in [dashboard["url_path"] for dashboard in dashboards]:
        await client.command("lovelace/dashboards/create", url_path=url_path, title=title, icon=icon, mode="storage")
    await client.command("lovelace/config/save", url_path=url_path, config=config)


def _section(
    heading: str,
    of_devices: Mapping[str, list[str]],
    devices: Mapping[str, Mapping[str, Any]],
    states: Mapping[str, str],
    primary: Collection[str],
) -> dict[str, Any]:
    def rank(device_id: str) -> tuple[int, int]:
        """Rank devices by the number of their domains and live entities, so that unavailable devices come last."""
        live = [entity_id for entity_id in of_devices[device_id] if states.get(entity_id) not in ("unavailable", None)]
        return len({_domain(entity_id) for entity_id in live}), len(live)

    services = [device_id for device_id in of_devices if devices[device_id].get("entry_type") == "service"]
    best = sorted(set(of_devices) - set(services), key=rank, reverse=True)
    cards = [_card(devices[id_], of_devices[id_]) for id_ in [*best[:DEVICES_PER_ACCOUNT], *services]]
    controls = _controls(entity_id for id_ in best for entity_id in of_devices[id_] if entity_id in primary)
    return {
        "type": "grid",
        "cards": [{"type": "heading", "heading": heading, "icon": "mdi:cloud-outline"}, *controls, *cards],
    }


def _controls(entity_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    for entity_id in entity_ids:
        if (card := CONTROLS.get(_domain(entity_id))) is not None:
            yield {**card, "entity": entity_id}


def _card(device: Mapping[str, Any], entity_ids: Iterable[str]) -> dict[str, Any]:
    of_domains: dict[str, list[str]] = defaultdict(list)
    for entity_id in entity_ids:
        of_domains[_domain(entity_id)].append(entity_id)
    rows = [entity_id for domain, most in ROWS.items() for entity_id in of_domains[domain][:most]]
    return {
        "type": "entities",
        "title": device["name_by_user"] or device["name"],
        "show_header_toggle": False,
        "entities": [{"entity": entity_id, "name": {"type": "entity"}} for entity_id in rows],
    }


def _domain(entity_id: str) -> str:
    return entity_id.partition(".")[0]
