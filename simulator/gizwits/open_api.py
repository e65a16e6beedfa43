"""The Open API: accounts, bindings, last values and control, refused as the vendor refuses them."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from yarl import URL

from simulator.server import Server

from .accounts import Accounts, Token, User
from .aep import LoginFront
from .aggregation import AggregationDialect
from .control import Codes, Command, checked_command
from .devices import GizwitsDevice, on_wire
from .errors import OPEN_API_TEXTS, Refused, open_api_error
from .household import PRODUCTS, device_of, household
from .obedience import Obedience, obedience_of
from .open_groups import Groups
from .open_history import OpenHistory
from .products import AIR_CONDITIONER, HEATER, LAMP, PUMP
from .websocket import OpenPush
from .wire import json_object, one_of, required_text, whole_number

_CODES = Codes(form=9015, attribute=9025, raw=9015)
_NEED_NO_APP_ID = ("/status", "/errors", "/app/smart_home/")


class GizwitsOpenServer(Server):
    """The consumers' cloud of one region with one vendor's app. Public attributes may be changed at any time.

    `write_delay`: seconds until a command shows in `latest`. `obedience`: what becomes of commands to
    devices that have no obedience of their own. `content_type`: how its JSON is labelled.
    `pushes_regularly`: push what devices report every `report_seconds`, not only what is set.
    `is_throttled`: refuse everything with 9041. `products`: those of the app, by key; without one, code 9029.
    `has_documented_log`: answer the raw log as the document has it, rather than as the real service was seen to.
    `aggregation`: what the documents of the aggregation leave open.
    """

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the household of the app's user."""
        super().__init__("gizwits_open")
        self.clock = clock
        self.app_id = "fa4e00aa11d00000000000000000a991"
        self.other_app_id = (
            "fa4e00aa11d00000000000000000a992"  # of another vendor: none of our users, none of our products
        )
        self.uid = "fa4e00d1000000000000000000000001"
        self.aep_uid = "fa4e00d1000000000000000000000002"
        self.phone_id = "simulated-phone-7c41b2"
        self.phone_uid = "fa4e00d1000000000000000000000003"
        self.write_delay = 0.0
        self.obedience = Obedience()
        self.content_type = "text/html"
        self.is_throttled = False
        self.has_documented_log = False
        self.aggregation = AggregationDialect()
        self.pushes_regularly = False
        self.products = dict(PRODUCTS)
        self._user = User(uid=self.uid, username="household@simulated.example", password="Open-Api-Passw0rd!")
        self._aep_user = User(
            uid=self.aep_uid,
            username="newer-app@simulated.example",
            password="Aep-Front-Passw0rd!",
            logs_in_at_front=True,
        )
        phone_user = User(uid=self.phone_uid, phone_id=self.phone_id)
        self.accounts = Accounts(clock, [self._user, self._aep_user, phone_user])
        devices = [
            *household(clock, seed, self.uid),
            device_of(clock, seed, self.aep_uid, PUMP, "New pump"),
            device_of(clock, seed, self.phone_uid, LAMP, "Desk lamp"),
        ]
        self.devices = {device.did: device for device in devices}
        self.push = OpenPush(self)
        self.groups = Groups(self)
        self.groups.add("客厅", self.uid, AIR_CONDITIONER.key, [devices[0].did])
        heaters = [device.did for device in devices if device.product is HEATER]
        self._heater_group = self.groups.add("电暖器", self.uid, HEATER.key, heaters[:2])
        self._mixed_group = self.groups.add("Holiday", self.uid, "", [device.did for device in devices[:2]])
        self._shuffle = random.Random(seed).shuffle
        self.app.middlewares.append(self._refuse)
        self._add_routes()

    @property
    def username(self) -> str:
        """Whom the household's devices are bound to."""
        return self._user.username or ""

    @property
    def password(self) -> str:
        """What that user logs in with."""
        return self._user.password or ""

    @password.setter
    def password(self, password: str) -> None:
        self._user.password = password

    @property
    def aep_username(self) -> str:
        """A user whom only the login front knows."""
        return self._aep_user.username or ""

    @property
    def aep_password(self) -> str:
        """What that user logs in with."""
        return self._aep_user.password or ""

    @aep_password.setter
    def aep_password(self, password: str) -> None:
        self._aep_user.password = password

    @property
    def heater_group_id(self) -> str:
        """The group of the household's two equal heaters."""
        return self._heater_group.id

    @property
    def mixed_group_id(self) -> str:
        """The household's group of two products, which takes no commands."""
        return self._mixed_group.id

    @property
    def token_lifetime(self) -> int:
        """How long new tokens live, in seconds."""
        return self.accounts.token_lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.accounts.token_lifetime = seconds

    def revoke_tokens(self) -> None:
        """Forget all tokens: they are invalid (9004)."""
        self.accounts.tokens.clear()

    def expire_tokens(self) -> None:
        """End all tokens: they have expired (9006)."""
        now = int(self.clock())
        self.accounts.tokens = {text: Token(token.uid, now) for text, token in self.accounts.tokens.items()}

    def describe_devices(self) -> dict[str, object]:
        """Tell what `set_device` may change, by did."""
        return {did: device.described() for did, device in self.devices.items()}

    def set_device(self, did: str, changes: dict[str, Any]) -> None:
        """Change a device; KeyError if there is none."""
        self.devices[did].change(changes)

    def set_obedience(self, settings: dict[str, Any]) -> None:
        """Set what becomes of commands; ValueError names what cannot be."""
        self.obedience = obedience_of(settings)

    def answer(self, content: Any, status: int = 200) -> web.Response:
        """Answer JSON the way this server labels it."""
        return web.json_response(content, status=status, content_type=self.content_type)

    def user(self, request: web.Request) -> User:
        """Give the user whose token came with the request, for the app that came with it."""
        if not self._is_our_app(request):
            raise Refused(9004)
        return self.accounts.user_of(request.headers.get("X-Gizwits-User-token"))

    def device(self, request: web.Request) -> GizwitsDevice:
        """Give the device of the path, which must be bound to the token's user."""
        user = self.user(request)
        device = self._known_device(request)
        if device.uid != user.uid:
            raise Refused(9017)
        return device

    def command(self, device: GizwitsDevice, body: dict[str, Any]) -> None:
        """Pass a command on to a device."""
        command = self.checked(device, body)
        if device.fails_commands:
            raise Refused(9021)
        obedience = device.obedience or self.obedience
        if obedience.refused_with is not None:
            raise Refused(obedience.refused_with)
        device.obey(command, obedience, self.write_delay)

    def checked(self, device: GizwitsDevice, body: dict[str, Any]) -> Command:
        """Read a command, or refuse it for the device's state or for its content."""
        if device.is_disabled:
            raise Refused(9023)
        if not device.is_online:
            raise Refused(9042)
        if device.product.key not in self.products:
            raise Refused(9029)
        return checked_command(device.product, body, _CODES)

    def _add_routes(self) -> None:
        route = self.app.router
        route.add_post("/app/login", self._log_in)
        route.add_post("/app/users", self._make_user)
        route.add_get("/app/users", self._describe_user)
        route.add_delete("/app/logout", self._log_out)
        route.add_get("/app/bindings", self._list_bindings)
        route.add_get("/app/datapoint", self._describe_product)
        route.add_get("/app/devdata/{did}/latest", self._latest)
        route.add_get("/app/devices/{did}", self._describe_device)
        route.add_post("/app/control/{did}", self._control)
        route.add_get("/status", self._status)
        route.add_get("/errors", self._errors)
        self.groups.add_routes()
        self.push.add_routes()
        LoginFront(self).add_routes()
        OpenHistory(self).add_routes()

    @web.middleware
    async def _refuse(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            self._check_caller(request)
            return await handler(request)
        except Refused as refused:
            return self.answer(open_api_error(refused), 400)

    def _check_caller(self, request: web.Request) -> None:
        if request.path.startswith("/ws/"):
            return  # another host of the vendor's
        if self.is_throttled:
            raise Refused(9041)
        is_known = request.match_info.http_exception is None
        needs_app_id = is_known and not request.path.startswith(_NEED_NO_APP_ID)
        known = (self.app_id, self.other_app_id)
        if needs_app_id and request.headers.get("X-Gizwits-Application-Id") not in known:
            raise Refused(9003)

    def _is_our_app(self, request: web.Request) -> bool:
        return request.headers.get("X-Gizwits-Application-Id") == self.app_id

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        username, password = required_text(body, "username", 9015), required_text(body, "password", 9015)
        if not self._is_our_app(request):
            raise Refused(9005)
        return self._logged_in(*self.accounts.log_in(username, password))

    async def _make_user(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        text, token = self.accounts.log_in_anonymously(required_text(body, "phone_id", 9015))
        return self._logged_in(text, token, 201)

    def _logged_in(self, text: str, token: Token, status: int = 200) -> web.Response:
        return self.answer({"token": text, "uid": token.uid, "expire_at": token.expires_at}, status)

    async def _log_out(self, request: web.Request) -> web.Response:
        self.user(request)
        del self.accounts.tokens[request.headers["X-Gizwits-User-token"]]
        return web.Response(status=204)

    async def _describe_user(self, request: web.Request) -> web.Response:
        user = self.user(request)
        unused = ("phone", "email", "birthday", "address", "remark", "name", "gender")
        described: dict[str, Any] = dict.fromkeys(unused)
        known = {"username": user.username, "uid": user.uid, "lang": "en", "is_anonymous": user.phone_id is not None}
        return self.answer(described | known)

    async def _list_bindings(self, request: web.Request) -> web.Response:
        user = self.user(request)
        limit, skip = whole_number(request, "limit", 20, 9015), whole_number(request, "skip", 0, 9015)
        flags = {
            name: one_of(request, name, ("0", "1"), 9015) == "1"
            for name in ("show_disabled", "show_proto_ver", "lan_prot_ver")
        }
        bound = [
            device
            for device in self.devices.values()
            if device.uid == user.uid and (flags["show_disabled"] or not device.is_disabled)
        ]
        bound.sort(key=lambda device: device.bound_at, reverse=True)
        rows = [self._binding(device) for device in bound[skip : skip + limit]]
        if flags["show_proto_ver"]:
            rows = [row | {"proto_ver": self.devices[row["did"]].proto_ver} for row in rows]
        return self.answer({"devices": rows})

    def _binding(self, device: GizwitsDevice) -> dict[str, Any]:
        """Give a row of the bindings; host and ports are those of the device's own push."""
        versions = device.versions
        return self._common_row(device) | {
            "mcu_soft_version": versions.mcu_soft,
            "mcu_hard_version": versions.mcu_hard,
            "wifi_soft_version": versions.wifi_soft,
            "wifi_hard_version": versions.wifi_hard,
            "is_sandbox": False,
            "type": device.type,
            "dev_alias": device.alias,
            "dev_label": [],
        }

    def _common_row(self, device: GizwitsDevice) -> dict[str, Any]:
        return {
            "protoc": 3,
            "ws_port": (device.ws_port or URL(self.url).port) if self.push.is_offered else None,
            "port_s": 8883,
            "gw_did": None,
            "host": device.host or URL(self.url).host,
            "sleep_duration": 3600,
            "port": 1883,
            "product_key": device.product.key,
            "state_last_timestamp": device.online_latest,
            "role": device.role,
            "product_name": device.product.name,
            "is_disabled": device.is_disabled,
            "mesh_id": None,
            "is_online": device.is_online,
            "wss_port": device.wss_port,
            "remark": device.remark,
            "did": device.did,
            "mac": device.mac,
            "passcode": device.passcode,
            "is_low_power": False,
        }

    async def _describe_device(self, request: web.Request) -> web.Response:
        device = self.device(request)
        return self.answer(self._common_row(device) | {"proto_ver": device.proto_ver})

    async def _describe_product(self, request: web.Request) -> web.Response:
        key = request.query.get("product_key")
        if not key:
            raise Refused(9015, "product_key")
        if key in self.products and self._is_our_app(request):
            return self.answer(self.products[key].definition)
        is_of_the_app = any(device.product.key == key for device in self.devices.values())
        raise Refused(9029 if is_of_the_app else 9002)

    async def _latest(self, request: web.Request) -> web.Response:
        """Ask for no token, but hold the caller to the one that comes."""
        has_token = "X-Gizwits-User-token" in request.headers
        device = self.device(request) if has_token else self._known_device(request)
        reading = device.read()
        attrs = list(on_wire(reading.attrs).items())
        self._shuffle(attrs)
        return self.answer({"did": device.did, "updated_at": reading.updated_at, "attr": dict(attrs)})

    async def _control(self, request: web.Request) -> web.Response:
        device = self.device(request)
        self.command(device, await json_object(request, malformed=9015, form=9015))
        return self.answer({})

    async def _status(self, _request: web.Request) -> web.Response:
        return self.answer({"status": {"version": "2.15.1"}})

    async def _errors(self, _request: web.Request) -> web.Response:
        table = [{"status": 400, "error_code": code, "error_message": text} for code, text in OPEN_API_TEXTS.items()]
        return self.answer(table)

    def _known_device(self, request: web.Request) -> GizwitsDevice:
        device = self.devices.get(request.match_info["did"])
        if device is None:
            raise Refused(9014)
        return device
