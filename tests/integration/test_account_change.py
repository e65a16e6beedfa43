"""How the user signs in again, and how the user changes an account."""

from typing import Any
from unittest.mock import AsyncMock, patch

import jwt
import pytest
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.datapoint_cloud.clouds.gizwits.open.login import FRONT_APPS
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import KINDS, make_entry
from .flows import SECRETS, STORED, Input, add, fields_of, shown_in, submit, typed_for, with_changes

pytestmark = pytest.mark.usefixtures("setup_entry")

OPAQUE_TOKEN = "a token that does not name its user"

# Signing in again

REAUTH = {
    "gizwits_open": {"password": "new"},
    "gizwits_enterprise": {"enterprise_secret": "new"},
    "sodata": {"password": "new", "client_secret": "newer"},
    "firstlight": {"authorization_token": "new"},
}


def _change_credentials(simulation: Simulation) -> None:
    user = simulation.gizwits_open.accounts.users[simulation.gizwits_open.uid]
    user.password = "new"
    simulation.gizwits_open.accounts.users[simulation.gizwits_open.uid] = user
    simulation.gizwits_enterprise.enterprise_secret = "new"
    simulation.keycloak.password = "new"
    simulation.keycloak.client_secret = "newer"
    simulation.firstlight.authorization_token = "new"


async def added_entry(hass: HomeAssistant, simulation: Simulation, kind: str) -> ConfigEntry:
    """Return an entry as the flow makes it."""
    await add(hass, simulation, kind)
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    return entry


async def reauth(hass: HomeAssistant, entry: Any) -> Any:
    """Begin signing in again."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reauth", "entry_id": entry.entry_id}, data=entry.data
    )
    assert result["step_id"] == "reauth_confirm"
    return result


async def reconfigure(hass: HomeAssistant, entry: Any) -> Any:
    """Begin changing an account."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_new_credentials_are_saved_and_reload_the_account(
    hass: HomeAssistant, simulation: Simulation, setup_entry: AsyncMock, kind: str
) -> None:
    entry = await added_entry(hass, simulation, kind)
    before = dict(entry.data)
    _change_credentials(simulation)
    form = await reauth(hass, entry)
    assert not SECRETS & shown_in(form).keys()
    assert fields_of(form) <= SECRETS | {"username", "client_id"}
    refused = await submit(hass.config_entries.flow, form, shown_in(form))
    assert refused["errors"]
    setup_entry.reset_mock()
    result = await submit(hass.config_entries.flow, refused, shown_in(form) | REAUTH[kind])
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert dict(entry.data) == before | REAUTH[kind]
    await hass.async_block_till_done()
    assert len(setup_entry.mock_calls) == 1  # the flow reloaded the account
    assert entry.state is ConfigEntryState.LOADED


async def test_an_anonymous_user_signs_in_again_with_a_phone_id(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_open
    changes = {"username": None, "password": None, "advanced": {"phone_id": server.phone_id}}
    await add(hass, simulation, "gizwits_open", changes)
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    form = await reauth(hass, entry)
    assert fields_of(form) == {"phone_id"}
    result = await submit(hass.config_entries.flow, form, {"phone_id": "another phone"})
    assert result["reason"] == "wrong_account"
    result = await submit(hass.config_entries.flow, await reauth(hass, entry), {"phone_id": server.phone_id})
    assert result["reason"] == "reauth_successful"


async def test_signing_in_as_another_user_is_refused(hass: HomeAssistant, simulation: Simulation) -> None:
    (simulation.gizwits_open.app_id,) = FRONT_APPS
    entry = await added_entry(hass, simulation, "gizwits_open")
    before = dict(entry.data)
    server = simulation.gizwits_open
    other = {"username": server.aep_username, "password": server.aep_password}
    result = await submit(hass.config_entries.flow, await reauth(hass, entry), other)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_account")
    assert dict(entry.data) == before


async def test_signing_in_again_ignores_a_refused_product(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = make_entry(hass, simulation, "gizwits_enterprise")
    products = simulation.gizwits_enterprise.products
    assert len(products) > 1
    products.pop(next(iter(products)))
    simulation.gizwits_enterprise.enterprise_secret = "new"
    result = await submit(hass.config_entries.flow, await reauth(hass, entry), {"enterprise_secret": "new"})
    assert result["reason"] == "scopes_refused"
    assert entry.data["enterprise_secret"] == "new"


def _token_of(subject: str) -> str:
    return jwt.encode({"sub": subject, "round": 2}, "a key of the simulated issuer, long enough", "HS256")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("user-0815", "user-0815", "reauth_successful"),
        ("user-0815", "user-4711", "wrong_account"),
        (None, None, "reauth_successful"),
        (None, "user-0815", "reauth_successful"),
        ("user-0815", None, "reauth_successful"),
    ],
)
async def test_a_new_token_that_names_a_user_must_name_the_same_user(
    hass: HomeAssistant, simulation: Simulation, old: str | None, new: str | None, reason: str
) -> None:
    if old is None:
        simulation.firstlight.user_token = OPAQUE_TOKEN
    entry = await added_entry(hass, simulation, "firstlight")
    unique_id = entry.unique_id
    simulation.firstlight.user_token = OPAQUE_TOKEN + " at all" if new is None else _token_of(new)
    result = await submit(
        hass.config_entries.flow, await reauth(hass, entry), {"user_token": simulation.firstlight.user_token}
    )
    assert result["reason"] == reason
    assert entry.unique_id == unique_id


# Changing an account


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_is_changed_without_typing_its_secrets_again(
    hass: HomeAssistant, simulation: Simulation, setup_entry: AsyncMock, kind: str
) -> None:
    entry = await added_entry(hass, simulation, kind)
    before = dict(entry.data)
    form = await reconfigure(hass, entry)
    shown = shown_in(form)
    assert not SECRETS & shown.keys()
    assert not {"product_key", "aty"} & fields_of(form)  # those have forms of their own
    assert {"api_url", *SECRETS & before.keys()} <= fields_of(form)
    setup_entry.reset_mock()
    typed = {key: value for key, value in shown.items() if key not in {"api_url", "auth_url", "realm"}}
    advanced: Input = {key: shown[key] for key in ("api_url", "auth_url", "realm") if key in shown}
    typed = {**typed, **advanced} if kind == "firstlight" else {**typed, "advanced": advanced}
    result = await submit(hass.config_entries.flow, form, typed)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert dict(entry.data) == before
    await hass.async_block_till_done()
    assert len(setup_entry.mock_calls) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_moves_to_another_address(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await added_entry(hass, simulation, kind)
    unique_id = entry.unique_id
    elsewhere = Simulation()
    await elsewhere.start()
    form = await reconfigure(hass, entry)
    typed = {
        key: value for key, value in typed_for(elsewhere, kind).items() if key in fields_of(form) or key == "advanced"
    }
    result = await submit(hass.config_entries.flow, form, typed)
    await elsewhere.stop()
    assert result["reason"] == "reconfigure_successful"
    assert dict(entry.data) == STORED[kind](elsewhere)
    assert entry.unique_id == unique_id


async def test_a_changed_account_must_stay_the_same_account(hass: HomeAssistant, simulation: Simulation) -> None:
    (simulation.gizwits_open.app_id,) = FRONT_APPS
    entry = await added_entry(hass, simulation, "gizwits_open")
    server = simulation.gizwits_open
    other = {"username": server.aep_username, "password": server.aep_password}
    typed = with_changes(typed_for(simulation, "gizwits_open"), other)
    result = await submit(hass.config_entries.flow, await reconfigure(hass, entry), typed)
    assert result["reason"] == "wrong_account"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_user_can_correct_a_refused_change(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await added_entry(hass, simulation, kind)
    form = await reconfigure(hass, entry)
    known = fields_of(form)
    secret = "user_token" if kind == "firstlight" else next(iter(SECRETS & known - {"phone_id", "client_secret"}))
    typed = {key: value for key, value in typed_for(simulation, kind).items() if key in known or key == "advanced"}
    result = await submit(hass.config_entries.flow, form, typed | {secret: "wrong"})
    assert list(result["errors"]) == [secret]
    result = await submit(hass.config_entries.flow, result, typed)
    assert result["reason"] == "reconfigure_successful"


async def test_an_account_changes_between_a_user_and_a_phone_id(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await added_entry(hass, simulation, "gizwits_open")
    server = simulation.gizwits_open
    server.accounts.users[server.uid].phone_id = "phone of the same user"
    server.accounts.users.pop(server.phone_uid)
    typed = typed_for(simulation, "gizwits_open")
    changes: Input = {"username": None, "password": None, "advanced": {"phone_id": "phone of the same user"}}
    result = await submit(hass.config_entries.flow, await reconfigure(hass, entry), with_changes(typed, changes))
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["phone_id"] == "phone of the same user"
    assert not {"username", "password"} & entry.data.keys()
    result = await submit(hass.config_entries.flow, await reconfigure(hass, entry), typed)
    assert result["reason"] == "reconfigure_successful"
    assert "phone_id" not in entry.data


async def test_an_unchanged_address_without_encryption_causes_no_second_warning(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = make_entry(hass, simulation, "gizwits_enterprise", api_url="http://cloud.example.com")
    form = await reconfigure(hass, entry)
    typed = {"enterprise_id": entry.data["enterprise_id"], "advanced": {"api_url": "http://cloud.example.com"}}
    with patch("aiohttp.ClientSession._request", side_effect=OSError):
        result = await submit(hass.config_entries.flow, form, typed)
    assert result["errors"] == {"base": "cannot_connect"}


async def test_changing_an_account_keeps_its_corporate_account(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await added_entry(hass, simulation, "sodata")
    simulation.sodata.add_corporate_account("Another")
    form = await reconfigure(hass, entry)
    result = await submit(hass.config_entries.flow, form, typed_for(simulation, "sodata"))
    assert result["reason"] == "reconfigure_successful"
    simulation.sodata.corporate_accounts.pop(0)
    form = await reconfigure(hass, entry)
    result = await submit(hass.config_entries.flow, form, typed_for(simulation, "sodata"))
    assert result["errors"] == {"base": "no_corporate_account"}
