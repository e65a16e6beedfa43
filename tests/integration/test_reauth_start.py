"""When an account asks the user to sign in again: only when the cloud refuses it, and only once."""

import json
from collections.abc import Callable

import aiohttp
import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.timings import timings_of
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, poll
from .credentials import (
    change_authorization_token,
    change_client_secret,
    change_keycloak_password,
    change_password,
    change_user_token,
)
from .passing_time import pass_time
from .subjects import SUBJECTS


def flows(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Return the sources of the flows that wait for the user."""
    waiting = hass.config_entries.flow.async_progress()
    assert all(flow["context"]["entry_id"] == entry.entry_id for flow in waiting)
    return [flow["context"]["source"] for flow in waiting]


async def _assert_user_is_prompted_once(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, kind: str
) -> None:
    subject = SUBJECTS[kind]
    freezer.tick(1)
    await poll(hass, entry)
    assert flows(hass, entry) == [SOURCE_REAUTH]
    assert subject.state(hass, simulation, entry) == "unavailable"
    server = subject.server(simulation)
    server.reset_counts()
    simulation.keycloak.reset_counts()
    logins = ("login", "access_token", "token")

    def tried() -> list[str]:
        requests = [*server.log, *simulation.keycloak.log]
        return [request.path for request in requests if request.path.endswith(logins)]

    for _ in range(8):
        await pass_time(hass, freezer, 100)
    assert not tried()
    await poll(hass, entry)
    assert flows(hass, entry) == [SOURCE_REAUTH]
    # Only another try can show whether the user still has to sign in; the account makes such tries at growing delays.
    for _ in range(60):
        await pass_time(hass, freezer, 100)
    assert flows(hass, entry) == [SOURCE_REAUTH]
    products = len(simulation.gizwits_enterprise.products)
    assert len(tried()) <= 4 * (products if kind == "gizwits_enterprise" else 1)


def _refusal(code: int, status: int = 400) -> Callable[[Simulation], None]:
    def refuse(simulation: Simulation) -> None:
        server = simulation.gizwits_enterprise
        server.revoke_tokens()
        server.faults = [
            Fault(
                matches=lambda request: request.path.endswith("/access_token"),
                status=status,
                body=json.dumps({"error_code": str(code), "error_message": "refused", "detail": ""}),
            )
        ]

    return refuse


def _disable_account(simulation: Simulation) -> None:
    simulation.keycloak.is_account_disabled = True
    simulation.keycloak.revoke_sessions()


@pytest.mark.parametrize(
    ("kind", "refuse"),
    [
        ("gizwits_open", change_password),
        ("gizwits_enterprise", _refusal(5003, 404)),
        ("gizwits_enterprise", _refusal(5004)),
        ("gizwits_enterprise", _refusal(5022, 404)),
        ("sodata", change_keycloak_password),
        ("sodata", change_client_secret),
        ("sodata", _disable_account),
        ("firstlight", change_user_token),
        ("firstlight", change_authorization_token),
    ],
)
async def test_a_refused_account_asks_the_user_once(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    refuse: Callable[[Simulation], None],
) -> None:
    entry = await add_account(hass, simulation, kind)
    refuse(simulation)
    if refuse is change_authorization_token:
        # Firstlight's code does not name the token, so the client believes only a refusal that lasts.
        await poll(hass, entry)
        assert not flows(hass, entry)
    await _assert_user_is_prompted_once(hass, simulation, freezer, entry, kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revoked_token_is_renewed_without_the_user(
    hass: HomeAssistant, simulation: Simulation, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    simulation.gizwits_open.revoke_tokens()
    simulation.gizwits_enterprise.revoke_tokens()
    simulation.keycloak.revoke_sessions()
    subject.report(simulation, 28)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 28
    simulation.gizwits_open.expire_tokens()
    simulation.gizwits_enterprise.expire_tokens()
    subject.report(simulation, 29)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 29
    assert not flows(hass, entry)


@pytest.mark.parametrize(
    ("code", "status"),
    [(5005, 400), (5007, 404), (5008, 404), (5010, 400), (5015, 404), (5801, 400), (5012, 400), (5013, 403)],
)
async def test_a_problem_of_a_product_or_the_network_does_not_ask_the_user_to_sign_in(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, code: int, status: int
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _refusal(code, status)(simulation)
    for _ in range(4):
        freezer.tick(1000)
        await poll(hass, entry)
    assert not flows(hass, entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert not flows(hass, entry)


@pytest.mark.parametrize("code", [5005, 5007, 5015, 5801])
async def test_a_refused_product_does_not_affect_the_others(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, code: int
) -> None:
    subject = SUBJECTS["gizwits_enterprise"]
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    _refusal(code)(simulation)
    refused = list(simulation.gizwits_enterprise.products)[1]
    (fault,) = simulation.gizwits_enterprise.faults
    fault.matches = lambda request: request.path.endswith(f"{refused}/access_token")
    for value in (21, 22, 23, 24):
        subject.report(simulation, value)
        freezer.tick(1000)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
    lost = next(iter(simulation.gizwits_enterprise.products[refused].devices))
    states = entry.runtime_data.coordinator.fleet
    assert not states[lost].is_available
    assert not flows(hass, entry)


_HTML = "<html><body>Forbidden</body></html>"


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise", "sodata"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, body="{}"),
        Fault(status=502, body=_HTML, content_type="text/html"),
        Fault(status=200, body=_HTML, content_type="text/html"),
        Fault(status=403, body=_HTML, content_type="text/html"),
        Fault(status=401, body=_HTML, content_type="text/html"),
        Fault(drops=True),
        Fault(delay=0.3),
    ],
    ids=["500", "502", "html", "403 html", "401 html", "dropped", "timeout"],
)
async def test_a_failure_of_the_login_server_is_no_refusal(
    hass: HomeAssistant,
    simulation: Simulation,
    kind: str,
    fault: Fault,
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    logins = ("/login", "/access_token", "/token")
    fault.matches = lambda request: request.path.endswith(logins)
    for server in simulation.servers:
        server.faults = [fault]
    simulation.gizwits_open.revoke_tokens()
    simulation.gizwits_enterprise.revoke_tokens()
    simulation.keycloak.revoke_sessions()
    http_timings = timings_of(hass).http
    usual, http_timings.limit = http_timings.limit, aiohttp.ClientTimeout(total=0.1)
    await poll(hass, entry)
    await poll(hass, entry)
    assert not entry.runtime_data.coordinator.last_update_success
    assert not flows(hass, entry)

    http_timings.limit = usual
    for server in simulation.servers:
        server.faults = []
    subject.report(simulation, 30)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 30


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize(
    ("kind", "refuse", "accept"),
    [
        ("gizwits_open", change_password, lambda _: None),
        ("gizwits_enterprise", _refusal(5004), lambda simulation: simulation.gizwits_enterprise.faults.clear()),
        ("sodata", _disable_account, lambda simulation: setattr(simulation.keycloak, "is_account_disabled", False)),
        ("firstlight", change_user_token, lambda _: None),
    ],
)
async def test_a_needless_sign_in_flow_ends_without_the_user(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    refuse: Callable[[Simulation], None],
    accept: Callable[[Simulation], None],
    *,
    is_running: bool,
) -> None:
    subject = SUBJECTS[kind]
    password, user_token = simulation.gizwits_open.password, simulation.firstlight.user_token
    entry = await add_account(hass, simulation, kind)
    refuse(simulation)
    freezer.tick(1)
    if is_running or kind == "firstlight":  # Firstlight's set-up sends no request while the last answers are young
        await poll(hass, entry)
    else:
        freezer.tick(1000)  # a reload does not retry a login that has just succeeded
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.SETUP_ERROR
    assert flows(hass, entry) == [SOURCE_REAUTH]
    for _ in range(12):
        await pass_time(hass, freezer, 100)
    assert flows(hass, entry) == [SOURCE_REAUTH]

    accept(simulation)
    simulation.gizwits_open.password, simulation.firstlight.user_token = password, user_token
    subject.report(simulation, 26)
    for _ in range(20):
        await pass_time(hass, freezer, 100)
    assert flows(hass, entry) == []
    assert entry.state.value == "loaded"
    assert float(subject.state(hass, simulation, entry)) == 26
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.active]
    # The account is polled as usual, and the next refusal prompts the user as soon as the first one did.
    subject.report(simulation, 27)
    await pass_time(hass, freezer, 901)
    assert float(subject.state(hass, simulation, entry)) == 27


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize(
    ("kind", "refuse"),
    [
        ("gizwits_open", change_password),
        ("gizwits_enterprise", _refusal(5004)),
        ("sodata", _disable_account),
        ("firstlight", change_user_token),
    ],
)
async def test_an_open_sign_in_form_stays_open(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kind: str,
    refuse: Callable[[Simulation], None],
    *,
    is_running: bool,
) -> None:
    entry = await add_account(hass, simulation, kind)
    refuse(simulation)
    freezer.tick(1000)
    if is_running or kind == "firstlight":
        await poll(hass, entry)
    else:
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    (form,) = hass.config_entries.flow.async_progress()
    for _ in range(40):
        await pass_time(hass, freezer, 100)
    assert [flow["flow_id"] for flow in hass.config_entries.flow.async_progress()] == [form["flow_id"]]


async def test_a_removed_account_is_not_retried(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    change_password(simulation)
    await poll(hass, entry)
    await hass.config_entries.async_remove(entry.entry_id)
    simulation.gizwits_open.reset_counts()
    await pass_time(hass, freezer, 5000)
    assert not simulation.gizwits_open.log
