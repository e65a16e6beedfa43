"""Fills in the forms as a user does, and checks every text that they show."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any, Protocol

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers.selector import SelectSelector

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

TEXTS: dict[str, Any] = json.loads((Path(integration.__file__).parent / "translations" / "en.json").read_text())

type Input = dict[str, Any]

SECRETS = {
    "password",
    "phone_id",
    "client_secret",
    "enterprise_secret",
    "product_secret",
    "auth_secret",
    "authorization_token",
    "user_token",
}
"""The fields whose values go only to the cloud."""


class Flows(Protocol):
    """A flow manager of Home Assistant: of entries, of subentries or of options."""

    async def async_configure(self, flow_id: str, user_input: dict[str, Any] | None = None) -> Any:
        """Submit a form."""


async def choose(hass: HomeAssistant, kind: str) -> Any:
    """Start a flow and choose a cloud from the menu; return the cloud's form."""
    flows = hass.config_entries.flow
    menu = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert menu["type"] is FlowResultType.MENU
    check_texts(menu, TEXTS["config"])
    return await submit(flows, menu, {"next_step_id": kind})


async def submit(flows: Flows, form: Mapping[str, Any], user_input: Input) -> Any:
    """Submit a form of an entry's flow; return the next step."""
    result = await flows.async_configure(form["flow_id"], user_input)
    check_texts(result, TEXTS["config"])
    return result


def check_texts(result: Mapping[str, Any], texts: Mapping[str, Any]) -> None:
    """Fail if a part of the page has no text, or if a placeholder of a text gets no value."""
    given = set(result.get("description_placeholders") or ())
    if result.get("step_id") == "reauth_confirm":
        given.add("name")  # Home Assistant fills it in
    for text in _texts_shown(result, texts):
        placeholders = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        assert placeholders <= given, text


def _texts_shown(result: Mapping[str, Any], texts: Mapping[str, Any]) -> Iterator[str]:
    if result["type"] is FlowResultType.ABORT:
        if result.get("translation_domain") is None:
            yield texts["abort"][result["reason"]]
        return
    if result["type"] is FlowResultType.CREATE_ENTRY:
        return
    step = texts["step"][result["step_id"]]
    yield step["title"]
    yield step["description"]
    if result["type"] is FlowResultType.MENU:
        for option in result["menu_options"]:
            yield step["menu_options"][option]
            yield step["menu_option_descriptions"][option]
        return
    yield from (texts["error"][error] for error in (result["errors"] or {}).values())
    yield from _texts_of_fields(result["data_schema"].schema, step)


def _texts_of_fields(schema: Mapping[Any, Any], texts: Mapping[str, Any]) -> Iterator[str]:
    for key, kind in schema.items():
        if isinstance(kind, section):
            within = texts["sections"][key.schema]
            yield within["name"]
            yield within["description"]
            yield from _texts_of_fields(kind.schema.schema, within)
            continue
        yield texts["data"][key.schema]
        yield texts["data_description"][key.schema]
        if isinstance(kind, SelectSelector) and (name := kind.config.get("translation_key")):
            yield from (TEXTS["selector"][name]["options"][str(option)] for option in kind.config["options"])


def fields_of(result: Mapping[str, Any]) -> set[str]:
    """Return the names of a form's fields, including those in a section."""
    names: set[str] = set()
    for key, kind in result["data_schema"].schema.items():
        names |= {str(inner) for inner in kind.schema.schema} if isinstance(kind, section) else {key.schema}
    return names


def shown_in(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a form suggests, with those of its section on the same level."""
    return dict(_suggestions(result["data_schema"].schema))


def _suggestions(schema: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, kind in schema.items():
        if isinstance(kind, section):
            yield from _suggestions(kind.schema.schema)
        elif key.description and "suggested_value" in key.description:
            yield key.schema, key.description["suggested_value"]


def typed_for(simulation: Simulation, kind: str) -> Input:
    """Return the input with which a user adds the account of a simulated cloud."""
    return _TYPED[kind](simulation)


def _gizwits_open(simulation: Simulation) -> Input:
    server = simulation.gizwits_open
    return {
        "region": "eu",
        "app_id": server.app_id,
        "username": server.username,
        "password": server.password,
        "advanced": {"api_url": server.url},
    }


def _gizwits_enterprise(simulation: Simulation) -> Input:
    server = simulation.gizwits_enterprise
    return {
        "enterprise_id": server.enterprise_id,
        "enterprise_secret": server.enterprise_secret,
        **product_typed(simulation),
        "advanced": {"api_url": server.url},
    }


def product_typed(simulation: Simulation, number: int = 0) -> Input:
    """Return the input with which a user adds a product."""
    product = list(simulation.gizwits_enterprise.products.values())[number]
    return {"product_key": product.product_key, "product_secret": product.product_secret}


def _sodata(simulation: Simulation) -> Input:
    keycloak = simulation.keycloak
    return {
        "username": keycloak.username,
        "password": keycloak.password,
        "client_id": keycloak.client_id,
        "client_secret": keycloak.client_secret,
        "advanced": {"api_url": simulation.sodata.url, "auth_url": keycloak.url},
    }


def _firstlight(simulation: Simulation) -> Input:
    server = simulation.firstlight
    return {
        "api_url": server.url,
        "authorization_token": server.authorization_token,
        "user_token": server.user_token,
        **QUERY_TYPED,
    }


QUERY_TYPED: Input = {"aty": "content", "field": "genre", "period": "day"}
"""The input with which a user adds a usage query."""

_TYPED = {
    "gizwits_open": _gizwits_open,
    "gizwits_enterprise": _gizwits_enterprise,
    "sodata": _sodata,
    "firstlight": _firstlight,
}


def with_changes(typed: Input, changes: Input) -> Input:
    """Return the input with some fields changed; None leaves a field empty."""
    changed = {**typed, **{key: value for key, value in changes.items() if key != "advanced"}}
    if "advanced" in typed or "advanced" in changes:
        changed["advanced"] = {**typed.get("advanced", {}), **changes.get("advanced", {})}
    return {key: value for key, value in changed.items() if value is not None}


async def add(hass: HomeAssistant, simulation: Simulation, kind: str, changes: Input | None = None) -> Any:
    """Add an account through the form, with valid input except for the changes."""
    typed = with_changes(typed_for(simulation, kind), changes or {})
    return await submit(hass.config_entries.flow, await choose(hass, kind), typed)


STORED: dict[str, Callable[[Simulation], dict[str, Any]]] = {
    "gizwits_open": lambda simulation: {
        "cloud": "gizwits_open",
        "region": "eu",
        "api_url": simulation.gizwits_open.url,
        "app_id": simulation.gizwits_open.app_id,
        "username": simulation.gizwits_open.username,
        "password": simulation.gizwits_open.password,
    },
    "gizwits_enterprise": lambda simulation: {
        "cloud": "gizwits_enterprise",
        "api_url": simulation.gizwits_enterprise.url,
        "enterprise_id": simulation.gizwits_enterprise.enterprise_id,
        "enterprise_secret": simulation.gizwits_enterprise.enterprise_secret,
    },
    "sodata": lambda simulation: {
        "cloud": "sodata",
        "api_url": simulation.sodata.url,
        "auth_url": simulation.keycloak.url,
        "realm": "Socomec",
        "client_id": simulation.keycloak.client_id,
        "client_secret": simulation.keycloak.client_secret,
        "username": simulation.keycloak.username,
        "password": simulation.keycloak.password,
        "corporate_account": simulation.sodata.corporate_accounts[0].uuid,
    },
    "firstlight": lambda simulation: {
        "cloud": "firstlight",
        "api_url": simulation.firstlight.url,
        "authorization_token": simulation.firstlight.authorization_token,
        "user_token": simulation.firstlight.user_token,
    },
}
"""The data of the config entry that the form makes for an account of a simulated cloud."""
