"""Records simulated accounts, and knows what is private about them."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import aiohttp

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.accounts.base import AccountType, ClientContext
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.transport import Transport
from custom_components.datapoint_cloud.recording.masking import Masker
from custom_components.datapoint_cloud.recording.recorder import Recorder
from custom_components.datapoint_cloud.recording.tour import tour
from simulator.gizwits.certificate import self_signed
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation
from simulator.sodata.fleet import uuid_of
from tests.client.logins import login_of


@dataclass(frozen=True, slots=True)
class Recording:
    """The lines of a recording, and the masker that made them."""

    lines: list[str]
    masker: Masker

    @property
    def text(self) -> str:
        """The whole file."""
        return "".join(f"{line}\n" for line in self.lines)

    def decoded(self) -> Iterator[dict[str, Any]]:
        """Yield the lines after the header."""
        return (json.loads(line) for line in self.lines[1:])

    @property
    def header(self) -> Mapping[str, Any]:
        """The first line."""
        header: Mapping[str, Any] = json.loads(self.lines[0])
        return header


async def record(
    simulation: Simulation, kind: str, *, seconds: float = 0.3, key: bytes | None = None, largest: int = 2**25
) -> Recording:
    """Record the account of a simulated cloud as the command-line client does."""
    login = login_of(simulation, kind)
    account_type = ACCOUNT_TYPES[kind]
    recorder = Recorder(largest=largest)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await tour(account_type.open(_context(session, account_type, login, recorder)), seconds)
    lines, masker = recorder.lines(account_type, login["account"], login.get("scopes", ()), made_with="0.0.0", key=key)
    return Recording(lines, masker)


def _context(
    session: aiohttp.ClientSession, account_type: AccountType, login: Mapping[str, Any], recorder: Recorder
) -> ClientContext:
    defaults = {field.name: field.default for field in account_type.fields if field.default is not None}
    scope_type = account_type.scope_type
    scopes: dict[str, Mapping[str, Any]] = {}
    if scope_type is not None:
        scope_defaults = {field.name: field.default for field in scope_type.fields if field.default is not None}
        scopes = {scope_type.id_of(scope): scope_defaults | scope for scope in login["scopes"]}
    return ClientContext(
        transport=Transport(session, observer=recorder),
        data=defaults | login["account"],
        scopes=scopes,
        client_store=ClientStore(account_type.temporary_store),
        tls=lambda _: ssl.create_default_context(cadata=self_signed()[1].decode()),
        time_zone=UTC,
    )


def private_texts(simulation: Simulation, kind: str) -> set[str]:
    """Return every secret, id, name and place of an account."""
    return {text for text in _PRIVATE[kind](simulation) if text is not None and len(text) > 3}


def _of_device(device: GizwitsDevice) -> Iterator[str | None]:
    yield from (device.did, device.mac, device.passcode, device.uid, device.remark)
    if device.alias != device.product.name:
        yield device.alias
    if device.place is not None:
        yield from (device.place.country, device.place.region, device.place.city)
        yield from (repr(device.place.longitude), repr(device.place.latitude))


def _gizwits_open(simulation: Simulation) -> Iterator[str | None]:
    server = simulation.gizwits_open
    yield from (server.app_id, server.username, server.password, server.uid)
    yield from server.accounts.tokens
    for device in server.devices.values():
        if device.uid == server.uid:
            yield from _of_device(device)
    yield "Spa evening"


def _gizwits_enterprise(simulation: Simulation) -> Iterator[str | None]:
    server = simulation.gizwits_enterprise
    yield from (server.enterprise_id, server.enterprise_secret)
    yield from server.tokens
    for product in server.products.values():
        yield from (product.product_secret, product.auth_id, product.auth_secret, *product.groups)
        for device in product.devices.values():
            yield from _of_device(device)


def _sodata(simulation: Simulation) -> Iterator[str | None]:
    keycloak, server = simulation.keycloak, simulation.sodata
    yield from (keycloak.username, keycloak.password, keycloak.client_id, keycloak.client_secret, keycloak.subject)
    for account in server.corporate_accounts:
        yield from (account.uuid, account.name)
    for customer in server.customers:
        yield from (customer.uuid, customer.name)
    for site in server.sites:
        yield from (site.uuid, site.name, site.technical_name, uuid_of(site.uuid, "activation"))
    for device in server.devices.values():
        yield from (device.uuid, device.name, device.serial_number)
        yield from (variable.uuid for variable in device.variables.values())
        yield from (repr(device.site.latitude), repr(device.site.longitude))
    yield from ("desk@example.com", "night@example.com", "Facility desk", "1 rue de l'Exemple", "Exempleville")


def _firstlight(simulation: Simulation) -> Iterator[str | None]:
    server = simulation.firstlight
    yield from (server.authorization_token, server.user_token, "application-7", "user-0815")


_PRIVATE = {
    "gizwits_open": _gizwits_open,
    "gizwits_enterprise": _gizwits_enterprise,
    "sodata": _sodata,
    "firstlight": _firstlight,
}
