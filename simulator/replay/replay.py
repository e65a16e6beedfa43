"""The servers of a recorded account."""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from yarl import URL

from simulator.firstlight import FirstlightServer
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer, SnotiServer
from simulator.gizwits.accounts import User
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.fleet import EnterpriseProduct, Group
from simulator.remote import add_remote_control
from simulator.server import Server
from simulator.sodata import KeycloakServer, SoDataServer

from . import firstlight, gizwits
from .answers import Answers
from .recording import NotReadable, Recording
from .serving import fields, serve_recorded, with_address
from .sodata import SoDataKnowledge
from .times import Shift

_ANSWERS_OF_PUSH = frozenset({"login_res", "s2c_login_res", "subscribe_res", "pong", "s2c_ack"})


class Replay:
    """The simulated servers of one recorded account. `account` and `scopes` are the values for its forms."""

    def __init__(self, recording: Recording, *, clock: Callable[[], float] = time.time) -> None:
        """Make servers that do not listen yet. Raises `NotReadable` for a cloud that has no simulated servers."""
        self.cloud = recording.cloud
        self.account: dict[str, Any] = dict(recording.account)
        self.scopes = recording.scopes
        self._recording = recording
        self._clock = clock
        self._shift = Shift(recording.started_at, clock() - recording.started_at)
        self.servers: dict[str, Server | SnotiServer] = {}
        self._timers: list[asyncio.TimerHandle] = []
        make = {
            "gizwits_open": self._make_open,
            "gizwits_enterprise": self._make_enterprise,
            "sodata": self._make_sodata,
            "firstlight": self._make_firstlight,
        }.get(recording.cloud)
        if make is None:
            raise NotReadable(f"{recording.cloud} has no simulated servers.")
        make()
        for server in self.servers.values():
            if isinstance(server, Server):
                add_remote_control(server)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the servers."""
        return tuple(self.servers)

    async def start(self, ports: Mapping[str, int] | None = None, host: str = "127.0.0.1") -> None:
        """Start the servers, each on the port that `ports` has for its name, else on any free one."""
        try:
            for name, server in self.servers.items():
                await server.start((ports or {}).get(name, 0), host)
        except OSError:
            await self.stop()
            raise
        for field, address in self._addresses().items():
            self.account[field] = address

    async def stop(self) -> None:
        """Stop the servers, and what was to be pushed later."""
        for timer in self._timers:
            timer.cancel()
        for server in self.servers.values():
            await server.stop()

    def _later(self, seconds: float, send: Callable[[Mapping[str, Any]], None], message: Mapping[str, Any]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, send, message))

    def _addresses(self) -> Mapping[str, str]:
        """Return the addresses of the servers by the fields of the form."""
        names = {"api_url": self.cloud, "auth_url": "keycloak", "snoti_host": "gizwits_snoti"}
        found: dict[str, str] = {}
        for field, name in names.items():
            server = self.servers.get(name)
            if server is not None:
                found[field] = server.address if isinstance(server, SnotiServer) else server.url
        return found

    def _serve(self, server: Server, **options: Any) -> None:
        ignores_times = isinstance(server, FirstlightServer)
        answers = Answers(self._recording, self._shift, ignores_times=ignores_times)
        serve_recorded(server, answers, self._shift, **options)

    # The Gizwits Open API

    def _make_open(self) -> None:
        recording, account = self._recording, self.account
        server = GizwitsOpenServer(self._clock, seed=1)
        login = next(
            (one for path in ("/app/login", "/app/users", "/login/pwd") for one in recording.answers(path) if one.json),
            None,
        )
        granted = fields(login.json if login is not None else None)
        uid = str(granted.get("uid") or fields(granted.get("data")).get("uid") or server.uid)
        user = User(
            uid=uid,
            username=account.get("username"),
            password=account.get("password"),
            phone_id=account.get("phone_id"),
            logs_in_at_front=login is not None and login.path.endswith("/login/pwd"),
        )
        products = gizwits.products(recording)
        values = gizwits.last_values(recording.answers("/latest"), ("attr",))
        rows = {row["did"]: row for one in recording.answers("/app/bindings") for row in fields(one.json)["devices"]}
        devices = {
            did: gizwits.device(row, products[row["product_key"]], values.get(did, {}), self._clock, uid)
            for did, row in rows.items()
            if row.get("product_key") in products
        }
        server.replace_account(account.get("app_id", server.app_id), user, devices, products)
        is_pushed = any(one.received for one in recording.connections)
        server.push.is_offered = is_pushed
        server.push.on_login = self._play_websocket
        self.servers["gizwits_open"] = server
        logins = ("/app/login", "/app/users", "/app/logout", "/app/smart_home/login/pwd")
        self._serve(
            server,
            is_live=lambda request: (
                request.path.startswith("/ws/")
                or (request.path in logins and request.method != "GET")
                or _is_of_commanded(request, devices)
            ),
            alter=lambda body: with_address(body, URL(server.url).host or "", URL(server.url).port or 0),
        )

    def _play_websocket(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        """Send what a recorded connection received, at the same times after its beginning."""
        connection = next((one for one in self._recording.connections if one.received), None)
        for seconds, message in [] if connection is None else connection.received:
            is_answer = "res_sn" in message or "res_sn" in fields(message.get("data"))
            if message.get("cmd") not in _ANSWERS_OF_PUSH and not is_answer:
                self._later(seconds, send, message)

    # The Gizwits Enterprise API

    def _make_enterprise(self) -> None:
        recording = self._recording
        server = GizwitsEnterpriseServer(self._clock, seed=1)
        server.enterprise_id = self.account["enterprise_id"]
        server.enterprise_secret = self.account["enterprise_secret"]
        definitions = gizwits.products(recording)
        values = gizwits.last_values(recording.answers("/data"), ("attrs",))
        server.products = {
            product.product_key: product
            for scope in self.scopes
            if (product := self._product(scope, definitions, values)) is not None
        }
        devices = {did: device for product in server.products.values() for did, device in product.devices.items()}
        self.servers["gizwits_enterprise"] = server
        refused = {
            one.path for one in recording.exchanges if one.path.endswith("/access_token") and not one.is_success
        } - {one.path for one in recording.answers("/access_token")}
        self._serve(
            server,
            is_live=lambda request: (
                (request.path.endswith("/access_token") and request.path not in refused)
                or _is_of_commanded(request, devices)
            ),
        )
        snoti = SnotiServer(self._clock, server.products, server.control)
        snoti.on_login = self._play_snoti
        self.servers["gizwits_snoti"] = snoti

    def _product(
        self, scope: Mapping[str, Any], definitions: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]]
    ) -> EnterpriseProduct | None:
        key = scope["product_key"]
        if key not in definitions:
            return None
        lists = [one for one in self._recording.answers("/devices/search") if f"/{key}/" in one.path]
        rows = {row["did"]: row for one in lists for row in fields(one.json)["objects"]}
        return EnterpriseProduct(
            product=definitions[key],
            product_secret=scope["product_secret"],
            auth_id=scope.get("auth_id", ""),
            auth_secret=scope.get("auth_secret", ""),
            devices={
                did: gizwits.device(row, definitions[key], values.get(did, {}), self._clock, "bound")
                for did, row in rows.items()
            },
            groups={"root": Group("root", None)},
        )

    def _play_snoti(self, product_keys: set[str], send: Callable[[Mapping[str, Any]], None]) -> None:
        """Send the recorded events of the products that logged in, at the same times after the login."""
        for connection in self._recording.connections:
            for seconds, message in connection.received:
                if message.get("cmd") == "event_push" and message.get("product_key") in product_keys:
                    self._later(seconds, send, self._shift.moved(message))

    # SoData

    def _make_sodata(self) -> None:
        keycloak = KeycloakServer(self._clock)
        for name in ("realm", "client_id", "client_secret", "username", "password"):
            setattr(keycloak, name, self.account[name])
        subject = next(
            (found for one in self._recording.answers("/token") if (found := _subject(fields(one.json)))), None
        )
        keycloak.includes_subject, keycloak.subject = subject is not None, subject or ""
        server = SoDataServer(keycloak, self._clock)
        self.servers |= {"keycloak": keycloak, "sodata": server}
        knowledge = SoDataKnowledge(self._recording, self._shift, self._clock)
        self._serve(server, is_live=lambda _: False, fallback=knowledge.answer)

    # Firstlight

    def _make_firstlight(self) -> None:
        server = FirstlightServer(self._clock)
        server.authorization_token = self.account["authorization_token"]
        server.user_token = self.account["user_token"]
        self.servers["firstlight"] = server

        def has_wrong_token(request: web.Request) -> bool:
            tokens = (f"Bearer {server.authorization_token}", server.user_token)
            return (request.headers.get("Authorization"), request.headers.get("X-Authorization")) != tokens

        server.usages = firstlight.usages(self._recording)
        server.date_format = next((scope["date_format"] for scope in self.scopes if "date_format" in scope), "iso")
        self._serve(
            server,
            is_live=has_wrong_token,
            is_known=lambda request: "/".join(request.path.split("/")[-2:]) in server.usages,
        )


def _is_of_commanded(request: web.Request, devices: Mapping[str, GizwitsDevice]) -> bool:
    """Whether a request is for a device that has received a command, so that its recorded values are over."""
    parts = set(request.path.split("/"))
    return any(devices[did].received for did in parts & devices.keys())


def _subject(grant: Mapping[str, Any]) -> str | None:
    """Return the subject of a recorded access token."""
    try:
        payload = str(grant["access_token"]).split(".")[1]
        subject = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("sub")
    except KeyError, IndexError, ValueError, binascii.Error:
        return None
    return subject if isinstance(subject, str) else None
