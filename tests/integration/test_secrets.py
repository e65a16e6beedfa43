"""No secret leaves its store in any failure: logs, texts, registries, diagnostics and addresses stay clean."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.datapoint_cloud.clouds.sodata.auth import KeycloakLogin
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault, Server
from simulator.simulation import Simulation
from simulator.sodata.fleet import uuid_of
from simulator.sodata.keycloak import KeycloakServer

from .accounts import entity_id_of, poll
from .flows import choose, shown_in, submit, typed_for, with_changes
from .passing_time import settle, until

_WRONG = "wr0ng-s3cret-typed-by-mistake"
_NEW = "n3w-s3cret-after-the-change"
_PUSH = "pu5h-s3cret-of-the-product"
_CARRIERS = {"authorization", "x-authorization", "x-gizwits-user-token"}


@dataclass
class Watched:
    """Collects all that a user, a log reader or a proxy could see, and the secrets that must not be in it."""

    hass: HomeAssistant
    simulation: Simulation
    secrets: set[str]
    seen: list[str]

    def add_secrets(self, *secrets: str | None) -> None:
        """Add secrets."""
        self.secrets |= {secret for secret in secrets if secret}

    def add_visible(self, *things: object) -> None:
        """Add visible things."""
        self.seen += [
            json.dumps(thing, ensure_ascii=False, default=str) if isinstance(thing, dict | list) else str(thing)
            for thing in things
        ]

    def leaks(self) -> dict[str, str]:
        """Return the visible secrets in any encoding, each with the place where it stands."""
        text = "\n".join(self.seen)
        return {
            secret: text[max(0, text.index(encoding) - 300) :][:400]
            for secret in self.secrets
            for encoding in _encodings(secret)
            if encoding in text
        }

    def add_all_secrets(self) -> None:
        """Add every secret that the simulated servers have now."""
        opened, enterprise = self.simulation.gizwits_open, self.simulation.gizwits_enterprise
        self.add_secrets(opened.password, opened.phone_id, opened.aep_password, *opened.accounts.tokens)
        self.add_secrets(*(device.passcode for device in opened.devices.values()))
        self.add_secrets(enterprise.enterprise_secret, *enterprise.tokens)
        for product in enterprise.products.values():
            self.add_secrets(
                product.product_secret, product.auth_secret, *(device.passcode for device in product.devices.values())
            )
        self.add_secrets(self.simulation.keycloak.password, self.simulation.keycloak.client_secret)
        self.add_secrets(*(uuid_of(site.uuid, "activation") for site in self.simulation.sodata.sites))
        self.add_secrets(self.simulation.firstlight.authorization_token, self.simulation.firstlight.user_token)


def _encodings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}


@pytest.fixture
def watched(
    hass: HomeAssistant,
    simulation: Simulation,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    caplog.set_level(logging.DEBUG)
    for name in (DOMAIN, "custom_components", "aiohttp", "homeassistant", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    # "123456" is part of many other numbers.
    next(iter(next(iter(simulation.gizwits_enterprise.products.values())).devices.values())).passcode = "VIRTUALPASS"
    watched = Watched(hass, simulation, {_WRONG, _NEW, _PUSH}, [])
    watched.add_all_secrets()
    issue_tokens = KeycloakServer._tokens

    def add_tokens(*args: Any) -> dict[str, Any]:
        answer = issue_tokens(*args)
        watched.add_secrets(*(answer.get(name) for name in ("access_token", "refresh_token", "id_token")))
        return answer

    monkeypatch.setattr(KeycloakServer, "_tokens", add_tokens)

    @callback
    def add_event(event: Event[Any]) -> None:
        watched.add_visible(event.event_type, event.data)

    hass.bus.async_listen(MATCH_ALL, add_event)
    return watched


def _servers(simulation: Simulation, kind: str) -> list[Server]:
    servers: dict[str, list[Server]] = {
        "gizwits_open": [simulation.gizwits_open],
        "gizwits_enterprise": [simulation.gizwits_enterprise],
        "sodata": [simulation.keycloak, simulation.sodata],
        "firstlight": [simulation.firstlight],
    }
    return servers[kind]


_SECRET_FIELD = {
    "gizwits_open": "password",
    "gizwits_enterprise": "enterprise_secret",
    "sodata": "client_secret",
    "firstlight": "authorization_token",
}


def _change_credential(simulation: Simulation, kind: str) -> None:
    match kind:
        case "gizwits_open":
            simulation.gizwits_open.password = _NEW
            simulation.gizwits_open.revoke_tokens()
        case "gizwits_enterprise":
            simulation.gizwits_enterprise.enterprise_secret = _NEW
            simulation.gizwits_enterprise.revoke_tokens()
        case "sodata":
            simulation.keycloak.client_secret = _NEW
            simulation.keycloak.revoke_sessions()
        case _:
            simulation.firstlight.authorization_token = _NEW


async def _add(watched: Watched, kind: str) -> MockConfigEntry:
    """Add an account as a user does who mistypes the secret first."""
    hass = watched.hass
    typed = typed_for(watched.simulation, kind)
    watched.simulation.gizwits_open.push.is_offered = True
    if kind == "gizwits_enterprise":
        product = next(iter(watched.simulation.gizwits_enterprise.products.values()))
        product.auth_secret = _PUSH
        typed["advanced"] |= {
            "auth_id": product.auth_id,
            "auth_secret": _PUSH,
            "snoti_host": watched.simulation.gizwits_snoti.address,
        }
    form = await choose(hass, kind)
    form = await submit(hass.config_entries.flow, form, with_changes(typed, {_SECRET_FIELD[kind]: _WRONG}))
    # A form returns the user's own recent input so that the user can correct it.
    watched.add_visible(form["errors"], form["description_placeholders"])
    result = await submit(hass.config_entries.flow, form, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: MockConfigEntry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    return entry


def _faults(secrets: Iterable[str]) -> list[Fault]:
    """Return failures of all kinds, whose messages contain every secret."""
    everything = " ".join(secrets)
    refused = json.dumps({"error_code": 9008, "error_message": everything, "detail_message": everything})
    unknown = json.dumps({"error_code": everything, "error": everything, "error_description": everything})
    header = json.dumps({"header": {"code": -1, "message": everything, "errors": [{"code": everything}]}})
    return [
        Fault(status=500, body=everything, content_type="text/html"),
        Fault(status=502, body=f"<html>{everything}</html>", headers={"X-Echo": "x"}),
        Fault(status=400, body=refused),
        Fault(status=400, body=unknown),
        Fault(status=400, body=header),
        Fault(status=403, body=unknown),
        Fault(status=404, body=everything),
        Fault(status=429, body=everything, headers={"Retry-After": "0"}),
        Fault(status=200, body=everything),
        Fault(status=200, body=json.dumps(dict.fromkeys(("devices", "data", "results", "objects"), everything))),
        Fault(status=200, body=json.dumps([everything])),
        Fault(cuts_at=30),
        Fault(drops=True),
        Fault(status=401, body=unknown, times=1),
    ]


async def _control(watched: Watched, entry: MockConfigEntry) -> None:
    """Send commands while all goes well and while the cloud puts secrets into its answers."""
    server = watched.simulation.gizwits_open
    device = next(device for device in server.devices.values() if device.alias == "Terrace spa")
    data = {"entity_id": entity_id_of(watched.hass, "switch", entry, device.did, "bubble")}
    await watched.hass.services.async_call("switch", "turn_on", data, blocking=True)
    for fault in _faults(watched.secrets):
        server.faults = [fault]
        try:
            await watched.hass.services.async_call("switch", "turn_off", data, blocking=True)
        except HomeAssistantError as error:
            watched.add_visible(repr(error), str(error), error.translation_placeholders)
    server.faults = []


async def _push(watched: Watched, kind: str, secrets: set[str]) -> None:
    """Let a push server send secrets, refuse the client and drop the connection."""
    everything = json.dumps({"cmd": " ".join(secrets), "data": {name: name for name in secrets}, "msg": "x"})
    if kind == "gizwits_open":
        push = watched.simulation.gizwits_open.push
        await until(lambda: push.commands("login_req"))
        push.send(everything)
        push.invalidate()
        await until(lambda: not push.connections)
    elif kind == "gizwits_enterprise":
        snoti = watched.simulation.gizwits_snoti
        await until(lambda: snoti.of("ping"))
        snoti.send_line(everything.encode() + b"\n")
        snoti.drop_connections()
        await until(lambda: not snoti.connections)


def _collect_visible(watched: Watched, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture) -> None:
    hass = watched.hass
    # The test kit's store shows what is written; Home Assistant's does not.
    records = [record for record in caplog.records if not record.name.startswith("pytest_homeassistant")]
    watched.add_visible(*map(logging.Formatter().format, records))
    watched.add_visible(entry.title, entry.unique_id, *(s.title for s in entry.subentries.values()))
    watched.add_visible(*(subentry.unique_id for subentry in entry.subentries.values()), entry.reason)
    watched.add_visible(*(state.as_dict() for state in hass.states.async_all()))
    watched.add_visible(*(repr(e) for e in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)))
    watched.add_visible(*(repr(d) for d in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)))
    watched.add_visible(*(repr(issue) for issue in ir.async_get(hass).issues.values()))
    watched.add_visible(repr(entry.runtime_data.coordinator.fleet), repr(entry.runtime_data.coordinator.last_exception))
    for server in watched.simulation.servers:
        watched.add_visible(*(_visible_part(request) for request in server.log))


def _visible_part(request: web.Request) -> str:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _CARRIERS}
    return f"{request.method} {request.path_qs} {headers}"


@pytest.mark.parametrize("kind", _SECRET_FIELD)
async def test_no_secret_is_visible_anywhere(
    hass: HomeAssistant,
    simulation: Simulation,
    watched: Watched,
    caplog: pytest.LogCaptureFixture,
    hass_client: ClientSessionGenerator,
    kind: str,
) -> None:
    entry = await _add(watched, kind)
    await poll(hass, entry)
    watched.add_all_secrets()
    await _push(watched, kind, watched.secrets)

    for fault in _faults(watched.secrets):
        for server in _servers(simulation, kind):
            server.faults = [fault]
            await poll(hass, entry)
            watched.add_all_secrets()
            watched.add_visible(*(repr(issue) for issue in ir.async_get(hass).issues.values()))
            server.faults = []
        for flow in hass.config_entries.flow.async_progress():
            hass.config_entries.flow.async_abort(flow["flow_id"])
            await hass.config_entries.async_reload(entry.entry_id)
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success
    if kind == "gizwits_open":
        await _control(watched, entry)

    _change_credential(simulation, kind)
    for _ in range(2 if kind == "firstlight" else 1):  # Firstlight believes only a refusal that lasts
        await poll(hass, entry)
    (flow,) = hass.config_entries.flow.async_progress()
    watched.add_visible(flow)
    form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
    watched.add_visible(shown_in(form), form["description_placeholders"])
    form = await submit(hass.config_entries.flow, form, shown_in(form) | {_SECRET_FIELD[kind]: _WRONG})
    assert form["errors"]
    watched.add_visible(form["errors"], form["description_placeholders"])
    result = await submit(hass.config_entries.flow, form, shown_in(form) | {_SECRET_FIELD[kind]: _NEW})
    assert result["reason"] == "reauth_successful"
    await settle(hass)
    watched.add_all_secrets()

    _collect_visible(watched, entry, caplog)
    for component in ("diagnostics", "system_health"):
        assert await async_setup_component(hass, component, {})
    watched.add_visible(await get_diagnostics_for_config_entry(hass, hass_client, entry))
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    watched.add_visible(await get_diagnostics_for_device(hass, hass_client, entry, devices[-1]))
    watched.add_visible(await get_system_health_info(hass, DOMAIN))

    assert len(watched.secrets) > 20
    assert watched.leaks() == {}


async def test_the_phone_id_of_an_anonymous_user_is_visible_nowhere(
    hass: HomeAssistant, simulation: Simulation, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    server = simulation.gizwits_open
    typed = {
        "region": "eu",
        "app_id": server.app_id,
        "advanced": {"api_url": server.url, "phone_id": server.phone_id},
    }
    result = await submit(hass.config_entries.flow, await choose(hass, "gizwits_open"), typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    server.revoke_tokens()
    await poll(hass, result["result"])
    watched.add_all_secrets()
    _collect_visible(watched, result["result"], caplog)
    assert server.phone_id in watched.secrets
    assert watched.leaks() == {}


@pytest.mark.parametrize("kind", _SECRET_FIELD)
async def test_issued_secrets_are_stored_apart_from_typed_ones(
    hass: HomeAssistant, watched: Watched, kind: str
) -> None:
    typed = set(watched.secrets)
    entry = await _add(watched, kind)
    watched.add_all_secrets()
    issued = watched.secrets - typed
    assert issued or kind == "firstlight"
    held = json.dumps([dict(entry.data), dict(entry.options), *(dict(s.data) for s in entry.subentries.values())])
    assert not {secret for secret in issued if secret in held}


async def test_a_leak_would_be_found(
    watched: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., Any] = KeycloakLogin._log_in

    async def log_in_and_log_secrets(self: KeycloakLogin, *args: Any) -> Any:
        logging.getLogger("custom_components.datapoint_cloud").debug("Signing in %s", vars(self))
        return await original(self, *args)

    monkeypatch.setattr(KeycloakLogin, "_log_in", log_in_and_log_secrets)
    entry = await _add(watched, "sodata")
    _collect_visible(watched, entry, caplog)
    assert watched.simulation.keycloak.password in watched.leaks()
