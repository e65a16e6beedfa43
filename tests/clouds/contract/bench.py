"""A test bench: one account of one cloud and its simulated servers, with the facts that the rules need."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import CloudError
from custom_components.datapoint_cloud.clouds.model import Device
from simulator.server import Fault, Server
from simulator.simulation import Simulation
from tests.clouds.make_cloud import MAKERS

_PATIENCE = 100  # checks, ten milliseconds apart, until a leftover counts as permanent


@dataclass(frozen=True, slots=True)
class Facts:
    """What differs between the clouds.

    `wrong_credentials`: changes of `make_cloud`, each of which the server refuses with the first request.
    `login_path`: the end of the path of a login; None where the credentials are sent with every request.
    `values_path`: the end of the path of last values. `blank` takes an answer of it, and removes every value.
    `undefined_keys`: datapoints that the simulated firmware reports although the vendor's definition lacks them.
    """

    servers: tuple[str, ...]
    wrong_credentials: tuple[str, ...]
    login_path: str | None
    values_path: str
    blank: Callable[[Any], Any]
    has_lasting_token: bool = False
    undefined_keys: frozenset[str] = frozenset()


def _without_values(*names: str) -> Callable[[Any], Any]:
    """Replace the scalar under each of these names, or every scalar in an object under it, with null."""

    def blank(body: Any) -> Any:
        if isinstance(body, list):
            return [blank(item) for item in body]
        if not isinstance(body, dict):
            return body
        return {name: _nulls(value) if name in names else blank(value) for name, value in body.items()}

    return blank


def _nulls(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, dict) else None


FACTS: Mapping[str, Facts] = {
    "gizwits_open": Facts(
        servers=("gizwits_open",),
        wrong_credentials=("username", "password"),
        login_path="/app/login",
        values_path="/latest",
        blank=_without_values("attr"),
        has_lasting_token=True,
        undefined_keys=frozenset({"bit7"}),
    ),
    "gizwits_enterprise": Facts(
        servers=("gizwits_enterprise",),
        wrong_credentials=("enterprise_id", "enterprise_secret"),
        login_path="/access_token",
        values_path="/data",
        blank=_without_values("attrs"),
        has_lasting_token=True,
    ),
    "sodata": Facts(
        servers=("sodata", "keycloak"),
        wrong_credentials=("username", "password", "client_secret"),
        login_path="/token",
        values_path="/last-values",
        blank=_without_values("value"),
    ),
    "firstlight": Facts(
        servers=("firstlight",),
        wrong_credentials=("user_token",),
        login_path=None,
        values_path="/content/genre",
        blank=_without_values("value"),
    ),
}


class _Lines(logging.Handler):
    """Keeps every log line, with the text of its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


class CannotTry(Exception):  # not an AssertionError, since the client did nothing wrong
    """The rule could not be tried, so that it proves nothing about the client."""


@dataclass
class Bench:
    """One account under test. `wrap` replaces each client: a control uses it for a client that breaks a rule."""

    kind: str
    simulation: Simulation
    session: aiohttp.ClientSession
    wrap: Callable[[Bench, Cloud], Any] = lambda _, cloud: cloud
    client_store: ClientStore = field(default_factory=ClientStore)
    left_on_purpose: list[asyncio.Task[Any]] = field(default_factory=list)
    """The tasks of a control, which the fixture ends."""

    def __post_init__(self) -> None:
        server = self.simulation.gizwits_open
        server.has_documented_log = True  # The real server fails at every request for this log.
        server.content_type = "application/json"  # A `Fault` cannot change the content type.

    @property
    def facts(self) -> Facts:
        return FACTS[self.kind]

    @property
    def servers(self) -> Sequence[Server]:
        """The servers of this cloud; the first one is its API."""
        return [getattr(self.simulation, name) for name in self.facts.servers]

    @property
    def api(self) -> Server:
        return self.servers[0]

    def real_cloud(self, client_store: ClientStore | None = None, **changes: Any) -> Cloud:
        """Build the real client, even if a control is under test."""
        store = self.client_store if client_store is None else client_store
        return MAKERS[self.kind](self.session, self.simulation, store, **changes)

    def cloud(self, client_store: ClientStore | None = None, **changes: Any) -> Cloud:
        """Build the client under test."""
        cloud: Cloud = self.wrap(self, self.real_cloud(client_store, **changes))
        return cloud

    # Faults of the servers

    def fail(self, *servers: Server, **fault: Any) -> None:
        """Make these servers (all by default) fail at every request until `heal`."""
        for server in servers or self.servers:
            server.faults.append(Fault(**fault))

    def fail_values(self, **fault: Any) -> None:
        """Make the API fail at every request for last values until `heal`."""
        self.fail(self.api, matches=lambda request: request.path.endswith(self.facts.values_path), **fault)

    def heal(self) -> None:
        for server in self.servers:
            server.faults.clear()

    # Requests that the servers received

    def reset_counts(self) -> None:
        for server in self.servers:
            server.reset_counts()

    def requests(self) -> list[web.Request]:
        return [request for server in self.servers for request in server.log]

    def logins(self) -> int:
        path = self.facts.login_path
        return 0 if path is None else sum(request.path.endswith(path) for request in self.requests())

    # Secrets

    def secrets(self) -> set[str]:
        """Return every credential and token of this account that the servers know now."""
        opened, enterprise = self.simulation.gizwits_open, self.simulation.gizwits_enterprise
        keycloak, firstlight = self.simulation.keycloak, self.simulation.firstlight
        products = enterprise.products.values()
        return {
            *(opened.password, *opened.accounts.tokens),
            *(enterprise.enterprise_secret, *enterprise.tokens),
            *(secret for product in products for secret in (product.product_secret, product.auth_secret)),
            *(keycloak.username, keycloak.password, keycloak.client_secret),
            *(firstlight.authorization_token, firstlight.user_token),
            *(
                request.headers["Authorization"].partition(" ")[2]
                for request in self.requests()
                if "Authorization" in request.headers
            ),
        } - {""}

    # Leftovers of a client

    @asynccontextmanager
    async def nothing_left_behind(self) -> AsyncIterator[None]:
        """Fail if the block leaves a new task or a new connection in use."""
        before = asyncio.all_tasks()
        yield
        for _ in range(_PATIENCE):
            if not self._left_behind(before):
                return
            await asyncio.sleep(0.01)
        assert not self._left_behind(before)

    def _left_behind(self, before: set[asyncio.Task[Any]]) -> list[str]:
        connector = self.session.connector
        assert connector is not None
        servers_own = {"RequestHandler", "SnotiServer", "StreamReader", "Server"}
        tasks = [
            task.get_coro().__qualname__  # type: ignore[union-attr]
            for task in asyncio.all_tasks() - before
            if not any(name in getattr(task.get_coro(), "__qualname__", "") for name in servers_own)
        ]
        return tasks + [f"connection {one}" for one in connector._acquired]


@asynccontextmanager
async def captured_log() -> AsyncIterator[list[str]]:
    """Collect the log of the library, down to the debug level."""
    handler, logger = _Lines(), logging.getLogger("custom_components.datapoint_cloud")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


async def error_of(cloud: Cloud) -> CloudError | None:
    """Return the error of listing devices, or the first error of a part of the account; None if there is none."""
    try:
        listing = await cloud.devices()
    except CloudError as error:
        return error
    return next(iter(listing.failed.values()), None)


async def some_devices(cloud: Cloud, most: int = 6) -> list[Device]:
    """Return a few devices of the account, one of each schema first."""
    listing = await cloud.devices()
    by_schema = {device.schema_id: device for device in reversed(listing.devices)}
    firsts = list(by_schema.values())
    return (firsts + [device for device in listing.devices if device not in firsts])[:most]


def is_json(value: Any) -> bool:
    """Return whether a value stays the same when it is written as JSON and read again."""
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except TypeError, ValueError:
        return False
