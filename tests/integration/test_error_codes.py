"""The consequences that the user sees of each error code of both Gizwits APIs, at the endpoint that can answer it.

Codes that only changes of groups and bindings raise are tested with their actions. Codes that no endpoint of this
client can answer (registration, sharing, firmware) are told apart in the tests of the clients.
"""

import json
from collections.abc import Callable

import pytest
from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault, Server
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll
from .subjects import SUBJECTS

type Strikes = Callable[[web.Request], bool]


def _fault(kind: str, code: int, status: int, strikes: Strikes) -> Fault:
    if kind == "gizwits_open":
        body = {"error_code": code, "error_message": "no!", "detail_message": None}
    else:
        body = {"error_code": str(code), "error_message": "no", "detail": ""}
    return Fault(matches=strikes, status=status, body=json.dumps(body))


def _issues(hass: HomeAssistant) -> list[str]:
    issues = ir.async_get(hass).issues.items()
    return sorted(str(issue.translation_key) for (domain, _), issue in issues if domain == DOMAIN and issue.active)


def _has_sign_in_flow(hass: HomeAssistant) -> bool:
    return bool(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


def _server(simulation: Simulation, kind: str) -> Server:
    return SUBJECTS[kind].server(simulation)


def _forget_tokens(simulation: Simulation) -> None:
    simulation.gizwits_open.revoke_tokens()
    simulation.gizwits_enterprise.revoke_tokens()


async def _assert_recovery(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, kind: str) -> None:
    """End the error, and check that the next polls end its consequences."""
    _server(simulation, kind).faults.clear()
    SUBJECTS[kind].report(simulation, 22)
    await poll(hass, entry)
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success
    assert _issues(hass) == []
    assert float(SUBJECTS[kind].state(hass, simulation, entry)) == 22


# The enterprise: the token of one of two products. A problem of the account starts a sign-in flow.


@pytest.mark.parametrize(
    ("code", "status", "issue"),
    [
        (5001, 400, "product_refused"),
        (5002, 400, "product_refused"),
        (5005, 400, "wrong_product_secret"),
        (5007, 404, "product_not_associated"),
        (5008, 400, "product_not_associated"),
        (5012, 400, "ip_not_allowed"),
        (5015, 404, "unknown_product"),
        (5018, 403, "devices_not_granted"),
        (5019, 404, "unknown_organization"),
        (5023, 403, None),
        (5024, 403, "devices_not_granted"),
        (5025, 404, "unknown_product"),
        (5801, 400, "product_not_associated"),
    ],
)
async def test_a_refused_token_of_a_product_is_a_problem_of_that_product(
    hass: HomeAssistant, simulation: Simulation, code: int, status: int, issue: str | None
) -> None:
    kind = "gizwits_enterprise"
    entry = await add_account(hass, simulation, kind)
    _, second = simulation.gizwits_enterprise.products
    path = f"/v1/products/{second}/access_token"
    simulation.gizwits_enterprise.faults.append(_fault(kind, code, status, lambda request: request.path == path))
    _forget_tokens(simulation)
    SUBJECTS[kind].report(simulation, 21)
    await poll(hass, entry)
    assert _issues(hass) == ([] if issue is None else [issue])
    assert not _has_sign_in_flow(hass)
    assert entry.runtime_data.coordinator.last_update_success
    assert set(entry.runtime_data.coordinator.inventory.failed_scopes) == {second}
    assert float(SUBJECTS[kind].state(hass, simulation, entry)) == 21  # of the first product
    await _assert_recovery(hass, simulation, entry, kind)


async def test_the_cause_in_an_issue_is_in_the_language_of_home_assistant(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    hass.config.language = "de"
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _, second = simulation.gizwits_enterprise.products
    path = f"/v1/products/{second}/access_token"
    simulation.gizwits_enterprise.faults.append(
        _fault("gizwits_enterprise", 5023, 403, lambda request: request.path == path)
    )
    _forget_tokens(simulation)
    for _ in range(3):
        await poll(hass, entry)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"{entry.entry_id}_scope_fails_{second}")
    assert issue is not None
    assert issue.translation_placeholders is not None
    cause = issue.translation_placeholders["cause"]
    assert cause == "Beim Server der Cloud ist ein Fehler aufgetreten. Die nächste Anfrage folgt später"


@pytest.mark.parametrize(("code", "status"), [(5003, 404), (5004, 400), (5022, 404)])
async def test_a_token_refused_to_the_enterprise_starts_a_sign_in_flow(
    hass: HomeAssistant, simulation: Simulation, code: int, status: int
) -> None:
    kind = "gizwits_enterprise"
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_enterprise.faults.append(
        _fault(kind, code, status, lambda request: request.path.endswith("/access_token"))
    )
    _forget_tokens(simulation)
    await poll(hass, entry)
    assert _has_sign_in_flow(hass)
    assert not entry.runtime_data.coordinator.last_update_success


# The enterprise: the list, the definition and the data of one of two products


LIST: dict[int, tuple[int, str | None]] = {
    5002: (400, "product_refused"),
    5009: (400, None),
    5010: (400, "product_not_associated"),
    5011: (400, None),
    5012: (400, "ip_not_allowed"),
    5015: (404, "unknown_product"),
    5016: (404, "product_refused"),
    5017: (404, "product_refused"),
    5018: (403, "devices_not_granted"),
    5019: (404, "unknown_organization"),
    5024: (403, "devices_not_granted"),
    5025: (404, "unknown_product"),
    5201: (403, "unknown_group"),
    5206: (404, "unknown_group"),
    5409: (500, None),
}
DEFINITION: dict[int, tuple[int, str | None]] = {5402: (404, "no_datapoints"), 5407: (500, None), 5409: (500, None)}
DATA: dict[int, tuple[int, str | None]] = {
    5002: (400, None),
    5018: (403, "feature_not_granted"),
    5024: (403, "feature_not_granted"),
    5301: (404, None),
    5302: (403, None),
    5304: (400, None),
    5402: (404, "no_datapoints"),
    5405: (404, None),
    5406: (500, None),
    5409: (500, None),
    5601: (500, None),
}


@pytest.mark.parametrize(
    ("end", "code", "status", "issue"),
    [
        (end, code, status, issue)
        for end, codes in (("/devices/search", LIST), ("/datapoint", DEFINITION), ("/data", DATA))
        for code, (status, issue) in codes.items()
    ],
)
async def test_a_failure_of_one_product_does_not_affect_the_other(
    hass: HomeAssistant, simulation: Simulation, end: str, code: int, status: int, issue: str | None
) -> None:
    kind = "gizwits_enterprise"
    _, second = simulation.gizwits_enterprise.products
    fault = _fault(kind, code, status, lambda request: second in request.path and request.path.endswith(end))
    is_before_the_start = end == "/datapoint"
    if is_before_the_start:
        simulation.gizwits_enterprise.faults.append(fault)
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_enterprise.faults[:] = [fault]
    for value in (20, 21):
        SUBJECTS[kind].report(simulation, value)
        await poll(hass, entry)
        assert float(SUBJECTS[kind].state(hass, simulation, entry)) == value
    assert _issues(hass) == ([] if issue is None else [issue])
    assert not _has_sign_in_flow(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success


@pytest.mark.parametrize("end", ["/access_token", "/devices/search", "/data"])
async def test_a_spent_quota_is_a_problem_of_the_account(hass: HomeAssistant, simulation: Simulation, end: str) -> None:
    kind = "gizwits_enterprise"
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_enterprise.faults.append(_fault(kind, 5013, 403, lambda request: request.path.endswith(end)))
    _forget_tokens(simulation)
    await poll(hass, entry)
    assert not entry.runtime_data.coordinator.last_update_success
    assert not _has_sign_in_flow(hass)
    requests = sum(simulation.gizwits_enterprise.requests.values())
    await poll(hass, entry)
    assert sum(simulation.gizwits_enterprise.requests.values()) == requests


# Commands: the errors that the caller gets


COMMANDS: dict[str, dict[int, tuple[int, str]]] = {
    "gizwits_enterprise": {
        5001: (400, "action_rejected"),
        5002: (400, "action_rejected"),
        5009: (400, "action_server_error"),
        5012: (400, "action_ip_not_allowed"),
        5018: (403, "action_feature_not_granted"),
        5019: (404, "action_unknown_organization"),
        5024: (403, "action_feature_not_granted"),
        5301: (404, "action_device_gone"),
        5302: (403, "action_device_gone"),
        5303: (400, "action_not_bound"),
        5304: (400, "action_disabled"),
        5305: (400, "action_offline"),
        5401: (400, "action_unnamed_value"),
        5402: (404, "action_no_datapoints"),
        5403: (400, "action_sending_failed"),
        5404: (403, "action_control_not_enabled"),
        5405: (404, "action_unnamed_value"),
        5408: (400, "action_invalid_payload"),
        5409: (500, "action_server_error"),
        5013: (403, "action_rate_limited"),  # the last code, because the account pauses after it
    },
    "gizwits_open": {
        9004: (400, "action_server_error"),
        9008: (400, "action_server_error"),
        9014: (400, "action_device_gone"),
        9015: (400, "action_rejected"),
        9016: (400, "action_device_gone"),
        9017: (400, "action_device_gone"),
        9021: (400, "action_sending_failed"),
        9023: (400, "action_disabled"),
        9024: (400, "action_sending_failed"),
        9025: (400, "action_unnamed_value"),
        9039: (400, "action_not_supported"),
        9042: (400, "action_offline"),
        9093: (400, "action_rejected"),
        9999: (400, "action_rejected"),
        9041: (400, "action_rate_limited"),
    },
}


@pytest.mark.parametrize("kind", COMMANDS)
async def test_a_refused_command_raises_the_error_of_its_code(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    device_id = SUBJECTS[kind].device_id(simulation)
    entity_id = entity_id_of(hass, "number", entry, device_id, "set_temp")
    errors: dict[int, str | None] = {}
    for code, (status, _) in COMMANDS[kind].items():
        _server(simulation, kind).faults[:] = [_fault(kind, code, status, lambda request: "/control" in request.path)]
        with pytest.raises(HomeAssistantError) as refused:
            await hass.services.async_call("number", "set_value", {"entity_id": entity_id, "value": 20}, blocking=True)
        errors[code] = refused.value.translation_key
    assert errors == {code: key for code, (_, key) in COMMANDS[kind].items()}
    assert not _has_sign_in_flow(hass)


# The Open API: the login, the list, the definition and the data


@pytest.mark.parametrize(
    ("code", "asks"),
    [(9005, True), (9020, True), (9026, True), (9077, True), (9003, False), (9008, False), (9038, False)],
)
async def test_a_refused_login_has_the_consequence_of_its_code(
    hass: HomeAssistant, simulation: Simulation, code: int, asks: bool
) -> None:
    kind = "gizwits_open"
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_open.faults.append(_fault(kind, code, 400, lambda request: request.path == "/app/login"))
    _forget_tokens(simulation)
    await poll(hass, entry)
    assert _has_sign_in_flow(hass) is asks
    assert not entry.runtime_data.coordinator.last_update_success
    assert _issues(hass) == (["unknown_app"] if code in (9003, 9038) else [])


@pytest.mark.parametrize(
    ("path", "code", "issue", "is_account"),
    [
        ("/app/bindings", 9003, "unknown_app", True),
        ("/app/bindings", 9004, None, True),
        ("/app/bindings", 9006, None, True),
        ("/app/bindings", 9008, None, True),
        ("/app/bindings", 9015, None, True),
        ("/app/devdata", 9004, None, False),
        ("/app/devdata", 9008, None, False),
        ("/app/devdata", 9014, None, False),
        ("/app/devdata", 9016, None, False),
        ("/app/devdata", 9017, None, False),
        ("/app/devdata", 9023, None, False),
        ("/app/devdata", 9035, None, False),
        ("/app/devdata", 9042, None, False),
    ],
)
async def test_a_failure_of_the_open_api_ends_with_the_error(
    hass: HomeAssistant, simulation: Simulation, path: str, code: int, issue: str | None, is_account: bool
) -> None:
    kind = "gizwits_open"
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_open.faults.append(_fault(kind, code, 400, lambda request: request.path.startswith(path)))
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success is not is_account
    assert _issues(hass) == ([] if issue is None else [issue])
    assert not _has_sign_in_flow(hass)
    await _assert_recovery(hass, simulation, entry, kind)
