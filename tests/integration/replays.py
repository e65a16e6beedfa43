"""Accounts of simulated and of replayed clouds from the same values, and what Home Assistant shows of them."""

import re
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.accounts.values import clean_values
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.replay import Replay
from simulator.simulation import Simulation
from tests.client.logins import login_of

from .passing_time import settle

_PRIVATE_ATTRIBUTES = ("latitude", "longitude", "friendly_name", "entity_picture")


async def add_entry(hass: HomeAssistant, clouds: Simulation | Replay, kind: str) -> MockConfigEntry:
    """Add the account of a cloud with all its products or queries, as its forms would."""
    account_type = ACCOUNT_TYPES[kind]
    if isinstance(clouds, Replay):
        account, scopes = clouds.account, clouds.scopes
    else:
        login = login_of(clouds, kind)
        account, scopes = login["account"], login.get("scopes", [])
    scope_type = account_type.scope_type
    subentries = [
        ConfigSubentryData(
            subentry_type=scope_type.subentry_type,
            title=scope_type.name_of(data) or "product",
            unique_id=scope_type.id_of(data),
            data=data,
        )
        for scope in scopes
        if scope_type is not None
        for data in (clean_values(scope_type.fields, scope),)
    ]
    data = account_type.entry_data({**clean_values(account_type.fields, account), **account})
    entry = MockConfigEntry(domain=DOMAIN, title="Account", unique_id="account", data=data, subentries_data=subentries)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return entry


def summary(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return every entity of an account with its device, its name, its state and what describes it."""
    registry = dr.async_get(hass)
    found: dict[str, Any] = {}
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        if entity.unique_id.endswith("_$requests_left"):
            continue  # the recorded requests used up some
        state = hass.states.get(entity.entity_id)
        device = registry.async_get(entity.device_id) if entity.device_id else None
        attributes = dict(state.attributes) if state is not None else {}
        found[entity.unique_id] = {
            "platform": entity.domain,
            # Some names end with the last characters of the MAC address.
            "device": None if device is None else re.sub(r" \w{4}$", "", device.name or ""),
            "model": getattr(device, "model", None),
            "maker": getattr(device, "manufacturer", None),
            "serial": getattr(device, "serial_number", None),
            "name": entity.original_name,
            "disabled": str(entity.disabled_by),
            "category": str(entity.entity_category),
            "state": None if state is None else state.state,
            "attributes": {
                name: str(value) for name, value in sorted(attributes.items()) if name not in _PRIVATE_ATTRIBUTES
            },
        }
    return found
