"""Forms as the front end uses them: it starts them with POST, fetches them with GET and submits them with POST."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.clouds.errors import Forbidden, Reason
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.entries import scope_id_of
from custom_components.datapoint_cloud.issues import async_set_issues, issues_of_errors
from simulator.gizwits.fleet import Group
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account
from .flows import SECRETS, TEXTS, choose, typed_for
from .passing_time import until

ENTRIES = "/api/config/config_entries/flow"
OPTIONS = "/api/config/config_entries/options/flow"
SCOPES = "/api/config/config_entries/subentries/flow"
REPAIRS = "/api/repairs/issues/fix"

GROUP = "0" * 32
QUERY = {
    "aty": "content",
    "field": "genre",
    "item_id": "content-123",
    "period": "day",
    "group_by": "service",
    "unit": "plays",
    "date_format": "iso",
    "item_id_as_parameter": True,
}


@pytest.fixture
async def client(hass: HomeAssistant, hass_client: ClientSessionGenerator) -> TestClient[Any, Any]:
    """The user's browser, logged in."""
    for component in ("config", "repairs"):
        assert await async_setup_component(hass, component, {})
    return await hass_client()


async def _post(client: TestClient[Any, Any], path: str, content: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=content)
    assert answer.status == HTTPStatus.OK, await answer.text()
    return dict(await answer.json())


async def _get(client: TestClient[Any, Any], path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status == HTTPStatus.OK, await answer.text()
    return dict(await answer.json())


def _shown(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of a form when it opens, as the front end would submit them unchanged."""
    filled: dict[str, Any] = {}
    for field in fields:
        if field.get("type") == "expandable":
            filled[field["name"]] = _shown(field["schema"])
        elif "suggested_value" in (field.get("description") or {}):
            filled[field["name"]] = field["description"]["suggested_value"]
        elif "default" in field:
            filled[field["name"]] = field["default"]
    return filled


def _flat(shown: dict[str, Any]) -> dict[str, Any]:
    advanced: dict[str, Any] = shown.get("advanced", {})
    return {key: value for key, value in shown.items() if key != "advanced"} | advanced


def _only_subentry(entry: MockConfigEntry) -> ConfigSubentry:
    (subentry,) = entry.subentries.values()
    return subentry


async def _product(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    """Add an account whose only product has every property a product can have."""
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:1])
    (product,) = server.products.values()
    product.groups = {GROUP: Group(GROUP, None)}
    entry = await add_account(hass, simulation, "gizwits_enterprise", snoti_host=simulation.gizwits_snoti.address)
    more = {"gid": GROUP, "auth_id": product.auth_id, "auth_secret": product.auth_secret}
    subentry = _only_subentry(entry)
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **more})
    await hass.async_block_till_done()
    return entry


async def _query(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    """Add an account whose only usage query has every property a query can have."""
    entry = await add_account(hass, simulation, "firstlight")
    hass.config_entries.async_update_subentry(entry, _only_subentry(entry), data=QUERY)
    await hass.async_block_till_done()
    return entry


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair that leads to the form of a subentry, and the account of that subentry."""

    reason: Reason
    add: Callable[[HomeAssistant, Simulation], Any]


FIXABLE = [
    Repair(Reason.WRONG_PRODUCT_SECRET, _product),
    Repair(Reason.UNKNOWN_PRODUCT, _product),
    Repair(Reason.PRODUCT_NOT_ASSOCIATED, _product),
    Repair(Reason.PUSH_REFUSED, _product),
    Repair(Reason.ITEM_ID_MISSING, _query),
    Repair(Reason.WRONG_QUERY, _query),
]


@pytest.mark.parametrize("repair", FIXABLE, ids=lambda repair: str(repair.reason))
async def test_a_repair_opens_a_form_with_the_stored_values(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], repair: Repair
) -> None:
    entry: MockConfigEntry = await repair.add(hass, simulation)
    subentry = _only_subentry(entry)
    stored = dict(subentry.data)
    scope = scope_id_of(subentry)
    errors = [(scope, Forbidden(repair.reason, subject="period"))]
    async_set_issues(hass, entry, issues_of_errors(entry, errors))
    (issue,) = [issue for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN]
    assert (issue.translation_key, issue.is_fixable) == (str(repair.reason), True)

    confirm = await _post(client, REPAIRS, {"handler": DOMAIN, "issue_id": issue.issue_id})
    done = await _post(client, f"{REPAIRS}/{confirm['flow_id']}", {})
    kind, flow_id = done["next_flow"]
    assert kind == "config_subentries_flow"
    for _ in range(2):  # a user who reloads the page fetches the form once more
        form = await _get(client, f"{SCOPES}/{flow_id}")
        shown = _shown(form["data_schema"])
        assert _flat(shown) == {name: value for name, value in stored.items() if name not in SECRETS}
    result = await _post(client, f"{SCOPES}/{flow_id}", shown)
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    assert dict(_only_subentry(entry).data) == stored
    await hass.async_block_till_done()


@pytest.mark.parametrize("kind", ["gizwits_enterprise", "firstlight"])
async def test_a_refused_subentry_form_keeps_the_typed_values_when_fetched_again(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str
) -> None:
    entry = await (_product if kind == "gizwits_enterprise" else _query)(hass, simulation)
    subentry = _only_subentry(entry)
    form = await _post(
        client,
        SCOPES,
        {"handler": [entry.entry_id, subentry.subentry_type], "subentry_id": subentry.subentry_id},
    )
    typed = _shown(form["data_schema"])
    typed["advanced"] |= {"gid": "1" * 32} if kind == "gizwits_enterprise" else {"date_format": "ms"}
    for server in simulation.servers:
        server.faults.append(Fault(drops=True))
    refused = await _post(client, f"{SCOPES}/{form['flow_id']}", typed)
    assert refused["errors"] == {"base": "cannot_connect"}
    again = await _get(client, f"{SCOPES}/{form['flow_id']}")
    assert _shown(refused["data_schema"]) == _shown(again["data_schema"]) == typed


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_form_shows_the_stored_values_when_fetched(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    form = await _post(client, ENTRIES, {"handler": DOMAIN, "entry_id": entry.entry_id})
    fetched = await _get(client, f"{ENTRIES}/{form['flow_id']}")
    hidden = {*SECRETS, "cloud", "corporate_account"}
    assert _flat(_shown(fetched["data_schema"])) == {
        name: value for name, value in entry.data.items() if name not in hidden
    }
    stored = dict(entry.data)
    result = await _post(client, f"{ENTRIES}/{form['flow_id']}", _shown(fetched["data_schema"]))
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    assert dict(entry.data) == stored
    await hass.async_block_till_done()


@pytest.mark.parametrize(("kind", "typed"), [("gizwits_open", {"username": "new"}), ("sodata", {"client_id": "new"})])
async def test_a_refused_sign_in_form_keeps_the_typed_values_when_fetched_again(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str, typed: dict[str, str]
) -> None:
    entry = await add_account(hass, simulation, kind)
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    path = f"{ENTRIES}/{flow['flow_id']}"
    form = await _get(client, path)
    stored = _shown(form["data_schema"])
    assert stored == {name: entry.data[name] for name in stored}
    assert set(typed) <= set(stored)
    for server in simulation.servers:
        server.faults.append(Fault(drops=True))
    assert (await _post(client, path, stored | typed))["errors"] == {"base": "cannot_connect"}
    assert _shown((await _get(client, path))["data_schema"]) == stored | typed


@pytest.mark.parametrize("kind", KINDS)
async def test_the_options_form_shows_the_stored_values_when_fetched(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str
) -> None:
    stored = {"interval": 1800, "fleet": "figures", "devices": ["gone"]}
    entry = await add_account(hass, simulation, kind, options=stored)
    form = await _post(client, OPTIONS, {"handler": entry.entry_id})
    fetched = await _get(client, f"{OPTIONS}/{form['flow_id']}")
    shown = _shown(fetched["data_schema"])
    assert stored.items() <= shown.items()
    assert (await _post(client, f"{OPTIONS}/{form['flow_id']}", shown))["type"] == "create_entry"
    assert stored.items() <= entry.options.items()
    await hass.async_block_till_done()


# Accounts and subentries that are removed while a form is open


@pytest.mark.parametrize("kind", ["gizwits_enterprise", "firstlight"])
@pytest.mark.parametrize("removes_account", [True, False])
async def test_the_form_of_a_removed_subentry_says_that_it_was_removed(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str, removes_account: bool
) -> None:
    entry = await (_product if kind == "gizwits_enterprise" else _query)(hass, simulation)
    subentry = _only_subentry(entry)
    forms = [
        await _post(
            client,
            SCOPES,
            {"handler": [entry.entry_id, subentry.subentry_type], "subentry_id": subentry.subentry_id},
        )
        for _ in range(2)
    ]
    if removes_account:
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await hass.async_block_till_done()
    fetched = await _get(client, f"{SCOPES}/{forms[0]['flow_id']}")
    assert (fetched["type"], fetched["reason"]) == ("abort", "scope_gone")
    result = await _post(client, f"{SCOPES}/{forms[1]['flow_id']}", _shown(forms[1]["data_schema"]))
    assert (result["type"], result["reason"]) == ("abort", "scope_gone")
    assert TEXTS["config_subentries"][subentry.subentry_type]["abort"]["scope_gone"]


@pytest.mark.parametrize("is_fetched", [True, False])
async def test_the_forms_of_a_removed_account_say_that_it_was_removed(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], is_fetched: bool
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    account = await _post(client, ENTRIES, {"handler": DOMAIN, "entry_id": entry.entry_id})
    options = await _post(client, OPTIONS, {"handler": entry.entry_id})
    await hass.config_entries.async_remove(entry.entry_id)
    for path, form, texts in ((ENTRIES, account, TEXTS["config"]), (OPTIONS, options, TEXTS["options"])):
        url = f"{path}/{form['flow_id']}"
        result = await (_get(client, url) if is_fetched else _post(client, url, _shown(form["data_schema"])))
        assert (result["type"], result["reason"]) == ("abort", "account_gone")
        assert texts["abort"]["account_gone"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_account_removed_while_its_form_connects_is_not_added_again(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    form = await _post(client, ENTRIES, {"handler": DOMAIN, "entry_id": entry.entry_id})
    gate = asyncio.Event()
    for server in simulation.servers:
        server.reset_counts()
        server.faults.append(Fault(gate=gate))
    submitted = asyncio.create_task(_post(client, f"{ENTRIES}/{form['flow_id']}", _shown(form["data_schema"])))
    await until(lambda: any(server.log for server in simulation.servers))
    await hass.config_entries.async_remove(entry.entry_id)
    gate.set()
    result = await submitted
    assert (result["type"], result["reason"]) == ("abort", "account_gone")
    assert not hass.config_entries.async_entries(DOMAIN)


@pytest.mark.usefixtures("setup_entry")
@pytest.mark.parametrize("kind", KINDS)
async def test_two_forms_with_the_same_login_add_it_once(
    hass: HomeAssistant, simulation: Simulation, client: TestClient[Any, Any], kind: str
) -> None:
    forms = [await choose(hass, kind) for _ in range(2)]
    typed = typed_for(simulation, kind)
    results = await asyncio.gather(*(_post(client, f"{ENTRIES}/{form['flow_id']}", typed) for form in forms))
    ends = sorted((result["type"], result.get("reason", "")) for result in results)
    assert ends[1] == ("create_entry", "")
    assert ends[0][0] == "abort"
    assert ends[0][1] in {"already_configured", "already_in_progress"}
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
