"""Accounts of the simulated clouds, as config entries that the flow would have made."""

from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.accounts import scope_type
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .passing_time import settle

USAGE_QUERY = {"aty": "content", "field": "genre", "period": "day", "date_format": "iso", "unit": "plays"}


def _gizwits_open(simulation: Simulation) -> tuple[str, dict[str, Any], list[ConfigSubentryData]]:
    server = simulation.gizwits_open
    data = {
        "region": "eu",
        "api_url": server.url,
        "app_id": server.app_id,
        "username": server.username,
        "password": server.password,
    }
    return f"{server.app_id}_{server.uid}", data, []


def _gizwits_enterprise(simulation: Simulation) -> tuple[str, dict[str, Any], list[ConfigSubentryData]]:
    server = simulation.gizwits_enterprise
    data = {
        "api_url": server.url,
        "enterprise_id": server.enterprise_id,
        "enterprise_secret": server.enterprise_secret,
    }
    products = [
        _subentry("product", product.name, {"product_key": key, "product_secret": product.product_secret})
        for key, product in server.products.items()
    ]
    return server.enterprise_id, data, products


def _sodata(simulation: Simulation) -> tuple[str, dict[str, Any], list[ConfigSubentryData]]:
    keycloak = simulation.keycloak
    account = next(iter(simulation.sodata.corporate_accounts))
    account_id = account if isinstance(account, str) else account.uuid
    data = {
        "username": keycloak.username,
        "password": keycloak.password,
        "client_id": keycloak.client_id,
        "client_secret": keycloak.client_secret,
        "api_url": f"{simulation.sodata.url}/api/v1",
        "auth_url": keycloak.url,
        "realm": keycloak.realm,
        "corporate_account": account_id,
    }
    return f"{keycloak.subject}_{account_id}", data, []


def _firstlight(simulation: Simulation) -> tuple[str, dict[str, Any], list[ConfigSubentryData]]:
    server = simulation.firstlight
    data = {
        "api_url": server.url,
        "authorization_token": server.authorization_token,
        "user_token": server.user_token,
    }
    return "127.0.0.1_subscriber", data, [_subentry("usage_query", "Genres", USAGE_QUERY)]


def _subentry(subentry_type: str, title: str, data: dict[str, Any]) -> ConfigSubentryData:
    return ConfigSubentryData(
        subentry_type=subentry_type, title=title, data=data, unique_id=scope_type(subentry_type).id_of(data)
    )


_KINDS = {
    "gizwits_open": _gizwits_open,
    "gizwits_enterprise": _gizwits_enterprise,
    "sodata": _sodata,
    "firstlight": _firstlight,
}
KINDS = tuple(_KINDS)


def make_entry(
    hass: HomeAssistant, simulation: Simulation, kind: str, *, options: dict[str, Any] | None = None, **changes: Any
) -> MockConfigEntry:
    """Add an account to Home Assistant without setting it up; `changes` replace what it was made with."""
    unique_id, data, subentries = _KINDS[kind](simulation)
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=f"Account of {kind}",
        unique_id=unique_id,
        data={"cloud": kind} | data | changes,
        options=options or {},
        subentries_data=subentries,
    )
    entry.add_to_hass(hass)
    return entry


async def add_account(
    hass: HomeAssistant, simulation: Simulation, kind: str, *, options: dict[str, Any] | None = None, **changes: Any
) -> MockConfigEntry:
    """Add an account, set it up, and wait for its first reports."""
    entry = make_entry(hass, simulation, kind, options=options, **changes)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return entry


async def poll(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Do at once what the next poll would."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()


def make_pushed_entry(
    hass: HomeAssistant, simulation: Simulation, kind: str, *, options: dict[str, Any] | None = None
) -> MockConfigEntry:
    """Add an account of a Gizwits cloud that speaks before it is asked."""
    simulation.gizwits_open.push.is_offered = True
    entry = make_entry(hass, simulation, kind, options=options, snoti_host=simulation.gizwits_snoti.address)
    for subentry in entry.subentries.values():
        product = simulation.gizwits_enterprise.products[subentry.data["product_key"]]
        credentials = {"auth_id": product.auth_id, "auth_secret": product.auth_secret}
        hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **credentials})
    return entry


def entity_id_of(hass: HomeAssistant, platform: str, entry: MockConfigEntry, *parts: str) -> str:
    """The entity with this unique id."""
    unique_id = "_".join([str(entry.unique_id), *parts])
    entity_id = er.async_get(hass).async_get_entity_id(platform, DOMAIN, unique_id)
    assert entity_id is not None, unique_id
    return entity_id


def state_of(hass: HomeAssistant, platform: str, entry: MockConfigEntry, *parts: str) -> State:
    """The state of the entity with this unique id."""
    state = hass.states.get(entity_id_of(hass, platform, entry, *parts))
    assert state is not None
    return state
