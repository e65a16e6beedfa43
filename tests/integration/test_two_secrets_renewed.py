"""An account and its product whose secrets are renewed together: each form saves what it can verify."""

from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry, poll
from .flows import QUERY_TYPED, TEXTS, check_texts, shown_in, submit


def _renew(simulation: Simulation, *, products: int) -> None:
    """Renew the secret of the enterprise and the secrets of its first products."""
    server = simulation.gizwits_enterprise
    server.enterprise_secret = "new"
    for product in list(server.products.values())[:products]:
        product.product_secret = "renewed"
    server.revoke_tokens()


async def _renewed_account_of_one_product(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:1])
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _renew(simulation, products=1)
    return entry


async def _reconfigure(hass: HomeAssistant, entry: MockConfigEntry) -> Any:
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
    )


async def _sign_in(hass: HomeAssistant, typed: dict[str, str]) -> Any:
    (flow,) = hass.config_entries.flow.async_progress()
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["step_id"] == "reauth_confirm"
    result = await submit(hass.config_entries.flow, form, typed)
    await hass.async_block_till_done()
    return result


async def _change(hass: HomeAssistant, entry: MockConfigEntry, subentry: ConfigSubentry, typed: dict[str, Any]) -> Any:
    form: Any = await hass.config_entries.subentries.async_init(
        (entry.entry_id, subentry.subentry_type),
        context={"source": "reconfigure", "subentry_id": subentry.subentry_id},
    )
    result = await hass.config_entries.subentries.async_configure(form["flow_id"], typed)
    check_texts(result, TEXTS["config_subentries"][subentry.subentry_type])
    await hass.async_block_till_done()
    return result


def _product_typed(subentry: ConfigSubentry) -> dict[str, Any]:
    return {"product_key": subentry.data["product_key"], "product_secret": "renewed"}


def _open_issues(hass: HomeAssistant) -> set[str]:
    return {str(i.translation_key) for (domain, _), i in ir.async_get(hass).issues.items() if domain == DOMAIN}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("is_running", [True, False])
async def test_after_signing_in_the_repair_of_the_product_leads_on(
    hass: HomeAssistant, simulation: Simulation, number: int, is_running: bool
) -> None:
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:number])
    entry = make_entry(hass, simulation, "gizwits_enterprise")
    if is_running:
        await hass.config_entries.async_setup(entry.entry_id)
        _renew(simulation, products=number)
        await poll(hass, entry)
    else:
        _renew(simulation, products=number)
        await hass.config_entries.async_setup(entry.entry_id)

    result = await _sign_in(hass, {"enterprise_secret": "new"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "scopes_refused")
    assert "冷水机组" in result["description_placeholders"]["scopes"]
    assert entry.data["enterprise_secret"] == "new"
    assert not hass.config_entries.flow.async_progress()
    assert _open_issues(hass) == {"wrong_product_secret"}

    for subentry in list(entry.subentries.values()):
        result = await _change(hass, entry, subentry, _product_typed(subentry))
        assert result["reason"] == "reconfigure_successful"
    assert entry.state is ConfigEntryState.LOADED
    assert _open_issues(hass) == set()


async def test_after_the_product_is_corrected_the_sign_in_remains(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await _renewed_account_of_one_product(hass, simulation)
    await poll(hass, entry)
    (subentry,) = entry.subentries.values()
    result = await _change(hass, entry, subentry, _product_typed(subentry))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "account_refused")
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.data["product_secret"]) == ("冷水机组", "renewed")

    result = await _sign_in(hass, {"enterprise_secret": "new"})
    assert result["reason"] == "reauth_successful"
    assert entry.state is ConfigEntryState.LOADED
    assert _open_issues(hass) == set()


async def test_an_account_is_changed_although_its_product_is_refused(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server = simulation.gizwits_enterprise
    entry = await _renewed_account_of_one_product(hass, simulation)
    form = await _reconfigure(hass, entry)
    typed = {"enterprise_id": server.enterprise_id, "enterprise_secret": "new", "advanced": {"api_url": server.url}}
    result = await submit(hass.config_entries.flow, form, typed)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "scopes_refused")
    assert entry.data["enterprise_secret"] == "new"
    await hass.async_block_till_done()

    # While its products are refused, the form can recognise another enterprise only as a different one.
    before = dict(entry.data)
    form = await _reconfigure(hass, entry)
    server.enterprise_id = "f" * 32
    result = await submit(hass.config_entries.flow, form, typed | {"enterprise_id": server.enterprise_id})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_account")
    assert dict(entry.data) == before


async def test_a_query_is_changed_while_the_account_is_refused(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    simulation.firstlight.user_token = "new"
    await poll(hass, entry)
    (subentry,) = entry.subentries.values()
    result = await _change(hass, entry, subentry, QUERY_TYPED | {"period": "month"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "account_refused")
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("content genre per month", "content/genre//day/")


async def test_signing_in_ignores_a_refused_query(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    simulation.firstlight.authorization_token = "new"
    simulation.firstlight.requires_item_id = True
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    result = await _sign_in(hass, {"authorization_token": "new"})
    assert result["reason"] == "scopes_refused"
    assert _open_issues(hass) == {"item_id_missing"}


@pytest.mark.parametrize("typed", ["new", "still wrong"])
async def test_a_change_that_the_account_cannot_verify_is_not_saved(
    hass: HomeAssistant, simulation: Simulation, typed: str
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    before = dict(entry.data)
    _renew(simulation, products=1)
    await poll(hass, entry)
    simulation.gizwits_enterprise.is_ip_allowed = typed != "new"
    result = await _sign_in(hass, {"enterprise_secret": typed})
    assert result["errors"] == (
        {"base": "ip_not_allowed"} if typed == "new" else {"enterprise_secret": "wrong_enterprise_secret"}
    )
    assert dict(entry.data) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_a_working_form_shows_no_extra_text(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    entry = await add_account(hass, simulation, kind)
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert (await _sign_in(hass, shown_in(form)))["reason"] == "reauth_successful"
