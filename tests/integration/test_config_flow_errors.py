"""Errors of an account that the user adds: the form shows each at its field, and the user corrects it."""

import asyncio
from collections.abc import Callable
from unittest.mock import patch

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS
from .flows import SECRETS, STORED, Input, add, choose, shown_in, submit, typed_for, with_changes

pytestmark = pytest.mark.usefixtures("setup_entry")


@pytest.mark.parametrize(
    ("kind", "changes", "errors"),
    [
        ("gizwits_open", {"password": "wrong"}, {"password": "wrong_password"}),
        ("gizwits_open", {"username": "nobody"}, {"username": "unknown_user"}),
        ("gizwits_open", {"app_id": "0" * 32}, {"app_id": "unknown_app"}),
        ("gizwits_open", {"username": None}, {"username": "missing"}),
        ("gizwits_open", {"password": None}, {"password": "missing"}),
        ("gizwits_open", {"username": None, "password": None}, {"username": "missing", "password": "missing"}),
        ("gizwits_open", {"app_id": " "}, {"app_id": "missing"}),
        ("gizwits_open", {"app_id": None}, {"app_id": "missing"}),
        (
            "gizwits_open",
            {"advanced": {"phone_id": "some-phone"}},
            {"advanced": "two_logins", "phone_id": "two_logins"},
        ),
        ("gizwits_enterprise", {"enterprise_id": "wrong"}, {"enterprise_id": "unknown_enterprise"}),
        ("gizwits_enterprise", {"enterprise_secret": "wrong"}, {"enterprise_secret": "wrong_enterprise_secret"}),
        ("gizwits_enterprise", {"product_key": "0" * 32}, {"product_key": "unknown_product"}),
        ("gizwits_enterprise", {"product_secret": "wrong"}, {"product_secret": "wrong_product_secret"}),
        (
            "gizwits_enterprise",
            {"advanced": {"auth_id": "push-id"}},
            {"advanced": "incomplete_push", "auth_secret": "incomplete_push"},
        ),
        (
            "gizwits_enterprise",
            {"advanced": {"snoti_host": "https://snoti.gizwits.com"}},
            {"advanced": "invalid_host", "snoti_host": "invalid_host"},
        ),
        ("sodata", {"username": "nobody@example.com"}, {"password": "wrong_password"}),
        ("sodata", {"password": "wrong"}, {"password": "wrong_password"}),
        ("sodata", {"client_id": "wrong"}, {"client_id": "wrong_client"}),
        ("sodata", {"client_secret": "wrong"}, {"client_id": "wrong_client"}),
        ("sodata", {"advanced": {"realm": "wrong"}}, {"advanced": "wrong_realm", "realm": "wrong_realm"}),
        ("firstlight", {"authorization_token": "wrong"}, {"base": "invalid_auth"}),
        ("firstlight", {"user_token": "wrong"}, {"user_token": "wrong_user_token"}),
        ("firstlight", {"period": "decade"}, {"period": "wrong_query"}),
        ("firstlight", {"advanced": {"date_format": "ms"}}, {"advanced": "wrong_query", "date_format": "wrong_query"}),
    ],
)
async def test_an_error_is_shown_at_the_field_that_caused_it(
    hass: HomeAssistant, simulation: Simulation, kind: str, changes: Input, errors: dict[str, str]
) -> None:
    result = await add(hass, simulation, kind, changes)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == errors
    result = await submit(hass.config_entries.flow, result, typed_for(simulation, kind))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == STORED[kind](simulation)


async def test_a_section_opens_when_a_field_in_it_has_an_error(hass: HomeAssistant, simulation: Simulation) -> None:
    form = await choose(hass, "sodata")
    assert form["data_schema"].schema["advanced"].options["collapsed"]
    typed = with_changes(typed_for(simulation, "sodata"), {"advanced": {"realm": "wrong"}})
    result = await submit(hass.config_entries.flow, form, typed)
    assert not result["data_schema"].schema["advanced"].options["collapsed"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address",
    [
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user:secret@api.example.com",
        "https://api.example.com?token=secret",
        "https://api.example.com:port",
        "https://api .example.com",
        "http://[::1",
    ],
)
async def test_an_invalid_address_is_refused(
    hass: HomeAssistant, simulation: Simulation, kind: str, address: str
) -> None:
    is_in_section = kind != "firstlight"
    changes: Input = {"advanced": {"api_url": address}} if is_in_section else {"api_url": address}
    result = await add(hass, simulation, kind, changes)
    places = ["advanced", "api_url"] if is_in_section else ["api_url"]
    assert result["errors"] == dict.fromkeys(places, "invalid_address")
    assert shown_in(result)["api_url"] == address
    result = await submit(hass.config_entries.flow, result, typed_for(simulation, kind))
    assert result["type"] is FlowResultType.CREATE_ENTRY


def _refuse_password_logins(simulation: Simulation) -> None:
    simulation.keycloak.allows_password_grant = False


def _disable_account(simulation: Simulation) -> None:
    simulation.keycloak.is_account_disabled = True


def _remove_corporate_accounts(simulation: Simulation) -> None:
    simulation.sodata.corporate_accounts.clear()


def _forbid_devices(simulation: Simulation) -> None:
    simulation.sodata.lists_forbidden = True
    simulation.sodata.forbidden.add(simulation.sodata.corporate_accounts[0].uuid)


def _drop_from_whitelist(simulation: Simulation) -> None:
    simulation.gizwits_enterprise.is_ip_allowed = False


def _spend_quota(simulation: Simulation) -> None:
    simulation.gizwits_enterprise.quota_remaining = 0


def _throttle(simulation: Simulation) -> None:
    simulation.gizwits_open.is_throttled = True


def _require_consent(simulation: Simulation) -> None:
    simulation.keycloak.needs_consent = True


def _require_item(simulation: Simulation) -> None:
    simulation.firstlight.requires_item_id = True


@pytest.mark.parametrize(
    ("kind", "break_cloud", "errors"),
    [
        ("sodata", _refuse_password_logins, {"client_id": "password_login_not_allowed"}),
        ("sodata", _require_consent, {"client_id": "consent_required"}),
        ("sodata", _disable_account, {"username": "account_disabled"}),
        ("sodata", _remove_corporate_accounts, {"base": "no_corporate_account"}),
        ("sodata", _forbid_devices, {"base": "right_missing"}),
        ("gizwits_enterprise", _drop_from_whitelist, {"base": "ip_not_allowed"}),
        ("gizwits_enterprise", _spend_quota, {"base": "rate_limited"}),
        ("gizwits_open", _throttle, {"base": "rate_limited"}),
        ("firstlight", _require_item, {"item_id": "item_id_missing"}),
    ],
)
async def test_the_form_shows_what_the_cloud_does_not_allow(
    hass: HomeAssistant,
    simulation: Simulation,
    kind: str,
    break_cloud: Callable[[Simulation], None],
    errors: dict[str, str],
) -> None:
    form = await choose(hass, kind)
    typed = typed_for(simulation, kind)
    break_cloud(simulation)
    result = await submit(hass.config_entries.flow, form, typed)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == errors
    shown = shown_in(result)
    flat = {**{key: value for key, value in typed.items() if key != "advanced"}, **typed.get("advanced", {})}
    assert shown == {**shown, **flat}  # with the secrets, so that the user types nothing again


@pytest.mark.parametrize(
    ("kind", "code", "errors"),
    [
        ("gizwits_enterprise", 5007, {"product_key": "product_not_associated"}),
        ("gizwits_enterprise", 5402, {"product_key": "no_datapoints"}),
        ("gizwits_enterprise", 5018, {"base": "feature_not_granted"}),
        ("gizwits_enterprise", 5001, {"base": "refused"}),
        ("gizwits_open", 9039, {"base": "unexpected_answer"}),
    ],
)
async def test_every_code_of_a_vendor_has_a_plain_text(
    hass: HomeAssistant, simulation: Simulation, kind: str, code: int, errors: dict[str, str]
) -> None:
    server = simulation.gizwits_enterprise if kind == "gizwits_enterprise" else simulation.gizwits_open
    server.faults.append(Fault(status=400, body=f'{{"error_code": {code}, "error_message": "vendor\'s words"}}'))
    result = await add(hass, simulation, kind)
    assert result["errors"] == errors
    server.faults.clear()
    result = await submit(hass.config_entries.flow, result, typed_for(simulation, kind))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(drops=True), "cannot_connect"),
        (Fault(status=502, body="<html>Bad Gateway</html>"), "cannot_connect"),
        (Fault(status=429, body="{}"), "rate_limited"),
        (Fault(body="[]"), "unexpected_answer"),
    ],
)
async def test_a_network_problem_is_shown_and_passes(
    hass: HomeAssistant, simulation: Simulation, kind: str, fault: Fault, error: str
) -> None:
    for server in simulation.servers:
        server.faults.append(fault)
    result = await add(hass, simulation, kind)
    assert result["errors"] == {"base": error}
    for server in simulation.servers:
        server.faults.clear()
    result = await submit(hass.config_entries.flow, result, typed_for(simulation, kind))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_cloud_that_takes_too_long_is_given_up(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.datapoint_cloud.flow.validation._TIME_LIMIT", 0.01)
    gate = asyncio.Event()
    simulation.gizwits_open.faults.append(Fault(gate=gate))
    result = await add(hass, simulation, "gizwits_open")
    gate.set()
    assert result["errors"] == {"base": "cannot_connect"}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unexpected_error_is_logged_once_without_secrets(
    hass: HomeAssistant, simulation: Simulation, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    with (
        patch("custom_components.datapoint_cloud.flow.validation.open_cloud", side_effect=LookupError("a mistake")),
        patch("custom_components.datapoint_cloud.config_flow.sub_accounts_of", side_effect=LookupError("a mistake")),
    ):
        result = await add(hass, simulation, kind)
    assert result["errors"] == {"base": "unknown"}
    assert caplog.text.count("Unexpected error") == 1
    typed = typed_for(simulation, kind)
    assert not [name for name in SECRETS & typed.keys() if typed[name] in caplog.text]
    caplog.clear()  # the test kit fails on any logged exception
    result = await submit(hass.config_entries.flow, result, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_gizwits_user_without_devices_needs_a_confirmation(hass: HomeAssistant, simulation: Simulation) -> None:
    simulation.gizwits_open.devices.clear()
    result = await add(hass, simulation, "gizwits_open")
    assert result["errors"] == {"region": "no_devices"}
    typed = typed_for(simulation, "gizwits_open")
    result = await submit(hass.config_entries.flow, result, {**typed, "region": "us"})
    assert result["errors"] == {"region": "no_devices"}
    result = await submit(hass.config_entries.flow, result, {**typed, "region": "us"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("kind", ["gizwits_enterprise", "sodata"])
async def test_other_clouds_may_have_no_devices(hass: HomeAssistant, simulation: Simulation, kind: str) -> None:
    simulation.sodata.devices.clear()
    for product in simulation.gizwits_enterprise.products.values():
        product.devices.clear()
    result = await add(hass, simulation, kind)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_codes_and_endpoints_are_in_the_log_and_not_in_the_form(
    hass: HomeAssistant, simulation: Simulation, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.firstlight.faults.append(Fault(status=503, times=2))  # it is asked twice
    form = await add(hass, simulation, "firstlight")
    assert form["errors"] == {"base": "cannot_connect"}
    assert not [text for text in form["description_placeholders"].values() if "503" in text]
    (line,) = (record.getMessage() for record in caplog.records if "did not accept" in record.getMessage())
    assert line.startswith("The cloud did not accept what was entered: server_error, HTTP 503 at /")
    caplog.clear()
    form = await submit(hass.config_entries.flow, form, typed_for(simulation, "firstlight") | {"user_token": "wrong"})
    assert form["errors"] == {"user_token": "wrong_user_token"}
    assert "did not accept" not in caplog.text  # the form says all there is to say
