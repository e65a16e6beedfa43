"""Repairs: a problem that the user can solve opens an issue, leads to its form, and closes when it is solved."""

import json
from collections.abc import Callable
from http import HTTPStatus

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs.const import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, poll, state_of


def _at(path: str) -> Callable[[web.Request], bool]:
    return lambda request: request.path == path


def _issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    issues = [issue for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN and issue.active]
    for issue in issues:
        assert str(issue.learn_more_url).endswith(f"/docs/repairs.md#{issue.translation_key}")
    return issues


def _keys(hass: HomeAssistant) -> list[str]:
    return sorted(str(issue.translation_key) for issue in _issues(hass))


def _products(simulation: Simulation) -> list[EnterpriseProduct]:
    return list(simulation.gizwits_enterprise.products.values())


async def _forget_tokens(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> None:
    simulation.gizwits_enterprise.revoke_tokens()
    await poll(hass, entry)


def _secret(product: EnterpriseProduct) -> Callable[[], None]:
    right_secret = product.product_secret
    product.product_secret = "renewed"

    def repair() -> None:
        product.product_secret = right_secret

    return repair


def _association(product: EnterpriseProduct) -> Callable[[], None]:
    product.is_associated = False

    def repair() -> None:
        product.is_associated = True

    return repair


def _service(product: EnterpriseProduct) -> Callable[[], None]:
    product.is_service_open = False

    def repair() -> None:
        product.is_service_open = True

    return repair


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (_secret, "wrong_product_secret"),
        (_association, "product_not_associated"),
        (_service, "product_not_associated"),
    ],
)
async def test_a_problem_of_one_product_has_an_issue_of_its_own(
    hass: HomeAssistant,
    simulation: Simulation,
    spoil: Callable[[EnterpriseProduct], Callable[[], None]],
    key: str,
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert _issues(hass) == []
    repair = spoil(_products(simulation)[0])
    await _forget_tokens(hass, simulation, entry)
    (issue,) = _issues(hass)
    assert (issue.translation_key, issue.is_fixable, issue.severity) == (key, True, ir.IssueSeverity.WARNING)
    placeholders = issue.translation_placeholders or {}
    assert (placeholders["account"], placeholders["scope"]) == (entry.title, "冷水机组")
    # The user need not sign in again, and the other product goes on.
    assert entry.state is ConfigEntryState.LOADED
    assert not hass.config_entries.flow.async_progress()
    repair()
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_a_problem_of_the_only_product_opens_one_issue(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:1])
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    repair = _secret(_products(simulation)[0])
    await _forget_tokens(hass, simulation, entry)
    assert _keys(hass) == ["wrong_product_secret"]
    repair()
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_a_problem_of_a_product_at_the_start_opens_an_issue_too(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:1])
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    repair = _secret(_products(simulation)[0])
    server.revoke_tokens()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert _keys(hass) == ["wrong_product_secret"]
    repair()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.runtime_data.coordinator.last_update_success
    assert _issues(hass) == []


@pytest.mark.parametrize(
    ("kind", "key", "is_fixable", "placeholder", "change"),
    [
        (
            "gizwits_enterprise",
            "ip_not_allowed",
            False,
            ("account", "Account of gizwits_enterprise"),
            lambda simulation, is_bad: setattr(simulation.gizwits_enterprise, "is_ip_allowed", not is_bad),
        ),
        (
            "firstlight",
            "item_id_missing",
            True,
            ("scope", "Genres"),
            lambda simulation, is_bad: setattr(simulation.firstlight, "requires_item_id", is_bad),
        ),
    ],
)
async def test_an_issue_closes_when_its_cause_ends(
    hass: HomeAssistant,
    simulation: Simulation,
    kind: str,
    key: str,
    is_fixable: bool,
    placeholder: tuple[str, str],
    change: Callable[[Simulation, bool], None],
) -> None:
    entry = await add_account(hass, simulation, kind)
    change(simulation, True)
    await poll(hass, entry)
    (issue,) = _issues(hass)
    assert (issue.translation_key, issue.is_fixable) == (key, is_fixable)
    assert placeholder in (issue.translation_placeholders or {}).items()
    change(simulation, False)
    await poll(hass, entry)
    assert _issues(hass) == []


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (5002, "product_refused"),
        (5018, "devices_not_granted"),
        (5019, "unknown_organization"),
        (5024, "devices_not_granted"),
        (5206, "unknown_group"),
    ],
)
async def test_each_product_whose_devices_cannot_be_listed_has_an_issue(
    hass: HomeAssistant, simulation: Simulation, code: int, key: str
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    first, second = _products(simulation)
    body = json.dumps({"error_code": str(code), "error_message": "no", "detail": ""})
    for product, count in ((first, 1), (second, 2)):
        search = f"/v1/products/{product.product_key}/devices/search"
        simulation.gizwits_enterprise.faults.append(Fault(matches=_at(search), status=403, body=body))
        await poll(hass, entry)
        assert _keys(hass) == [key] * count
        assert entry.runtime_data.coordinator.last_update_success is (count == 1)
    assert {(issue.translation_placeholders or {})["scope"] for issue in _issues(hass)} == {"冷水机组", "智能电表"}
    simulation.gizwits_enterprise.faults.clear()
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_a_product_without_datapoints_has_an_issue(hass: HomeAssistant, simulation: Simulation) -> None:
    first = _products(simulation)[0]
    first.has_definition = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    assert _keys(hass) == ["no_datapoints"]
    device = next(device for device in first.devices.values() if device.is_online and not device.is_disabled)
    assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "on"


@pytest.mark.parametrize("code", [5018, 5024])
async def test_missing_permission_to_read_opens_an_issue_while_flags_continue(
    hass: HomeAssistant, simulation: Simulation, code: int
) -> None:
    server = simulation.gizwits_enterprise
    server.is_data_granted = False
    server.data_denial = code
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    assert _keys(hass) == ["feature_not_granted", "feature_not_granted"]
    assert all(issue.is_fixable for issue in _issues(hass))
    assert {(issue.translation_placeholders or {})["scope"] for issue in _issues(hass)} == {"冷水机组", "智能电表"}
    device = next(
        device for device in _products(simulation)[0].devices.values() if device.is_online and not device.is_disabled
    )
    assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "on"
    assert state_of(hass, "binary_sensor", entry, device.did, "$problem").state in {"on", "off"}
    # An early reading of one device is no evidence about the others.
    await entry.runtime_data.coordinator.async_read_device(device.did)
    assert _keys(hass) == ["feature_not_granted", "feature_not_granted"]


async def test_a_granted_permission_to_read_closes_the_issue(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_enterprise
    server.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    server.is_data_granted = True
    # The client remembers the refusal for an hour.
    freezer.tick(3601)
    await poll(hass, entry)
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_a_reload_notices_the_granted_permission_to_read(hass: HomeAssistant, simulation: Simulation) -> None:
    server = simulation.gizwits_enterprise
    server.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    assert _issues(hass)
    server.is_data_granted = True
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_an_unknown_app_opens_an_issue(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    fault = Fault(status=400, body='{"error_code": 9003, "error_message": "appid invalid!"}')
    simulation.gizwits_open.faults.append(fault)
    await poll(hass, entry)
    assert _keys(hass) == ["unknown_app"]
    simulation.gizwits_open.faults.clear()
    await poll(hass, entry)
    assert _issues(hass) == []


async def test_removing_an_account_closes_its_issues(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    simulation.gizwits_enterprise.is_ip_allowed = False
    await poll(hass, entry)
    assert _issues(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    assert _issues(hass) == []


async def test_disabling_an_account_closes_its_issues(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    simulation.gizwits_enterprise.is_ip_allowed = False
    await _forget_tokens(hass, simulation, entry)
    assert _keys(hass) == ["ip_not_allowed"]
    await hass.config_entries.async_reload(entry.entry_id)
    assert _keys(hass) == ["ip_not_allowed"]
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert _issues(hass) == []


async def test_issues_go_with_an_account_that_is_disabled_before_it_could_be_set_up(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    simulation.gizwits_enterprise.is_ip_allowed = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert _keys(hass) == ["ip_not_allowed"]
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert _issues(hass) == []


async def test_fixing_a_product_leads_to_its_form(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    product = _products(simulation)[0]
    product.product_secret = "renewed"
    await _forget_tokens(hass, simulation, entry)
    (issue,) = _issues(hass)

    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id})
    assert answer.status == HTTPStatus.OK
    form = await answer.json()
    assert (form["type"], form["step_id"]) == ("form", "confirm")
    answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
    assert answer.status == HTTPStatus.OK
    done = await answer.json()
    assert (done["type"], done["reason"]) == ("abort", "form_opened")
    kind, flow_id = done["next_flow"]
    assert kind == "config_subentries_flow"

    (flow,) = hass.config_entries.subentries.async_progress()
    assert flow["flow_id"] == flow_id
    assert flow["context"]["source"] == "reconfigure"
    result = await hass.config_entries.subentries.async_configure(
        flow_id, {"product_key": product.product_key, "product_secret": "renewed"}
    )
    assert (result["type"], result["reason"]) == ("abort", "reconfigure_successful")
    await hass.async_block_till_done()
    assert _issues(hass) == []


async def test_fixing_an_issue_of_a_removed_product_says_that_it_was_removed(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _products(simulation)[0].product_secret = "renewed"
    await _forget_tokens(hass, simulation, entry)
    (issue,) = _issues(hass)
    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id})
    form = await answer.json()
    assert issue.data is not None
    hass.config_entries.async_remove_subentry(entry, str(issue.data["subentry_id"]))
    answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
    done = await answer.json()
    assert (done["type"], done["reason"]) == ("abort", "scope_gone")
    await hass.async_block_till_done()


@pytest.mark.parametrize("is_granted", [True, False])
async def test_the_cloud_gets_a_new_request_when_the_user_confirms_the_permission(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator, is_granted: bool
) -> None:
    server = simulation.gizwits_enterprise
    server.products = dict(list(server.products.items())[:1])
    server.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    (issue,) = _issues(hass)
    assert (issue.translation_key, issue.is_fixable) == ("feature_not_granted", True)
    loaded = entry.runtime_data

    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue.issue_id})
    form = await answer.json()
    assert (form["type"], form["step_id"]) == ("form", "confirm")
    server.is_data_granted = is_granted
    answer = await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})
    assert (await answer.json())["type"] == "create_entry"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not loaded
    await poll(hass, entry)
    assert _keys(hass) == ([] if is_granted else ["feature_not_granted"])


async def test_confirming_a_permission_of_a_removed_account_sends_no_request(
    hass: HomeAssistant, simulation: Simulation, hass_client: ClientSessionGenerator
) -> None:
    simulation.gizwits_enterprise.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    assert await async_setup_component(hass, REPAIRS, {})
    client = await hass_client()
    fix = {"handler": DOMAIN, "issue_id": _issues(hass)[0].issue_id}
    form = await (await client.post("/api/repairs/issues/fix", json=fix)).json()
    await hass.config_entries.async_remove(entry.entry_id)
    done = await (await client.post(f"/api/repairs/issues/fix/{form['flow_id']}", json={})).json()
    assert (done["type"], done["reason"]) == ("abort", "account_gone")


async def test_an_ignored_issue_stays_ignored_after_a_restart(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    simulation.gizwits_enterprise.is_data_granted = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    await poll(hass, entry)
    for issue in _issues(hass):
        ir.async_ignore_issue(hass, DOMAIN, issue.issue_id, ignore=True)
    assert _issues(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for _ in range(3):
        await poll(hass, entry)
    assert _keys(hass) == ["feature_not_granted", "feature_not_granted"]
    assert all(issue.dismissed_version for issue in _issues(hass))

    # A permission that the vendor grants long after that closes the issue, whether it was ignored or not.
    simulation.gizwits_enterprise.is_data_granted = True
    freezer.tick(3700)
    await poll(hass, entry)
    await poll(hass, entry)
    assert _issues(hass) == []
