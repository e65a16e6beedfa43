"""The Open API: its server, composed of all its endpoints; those for users, bindings, last values and control."""

from collections.abc import Callable
from typing import Any, override

from aiohttp import web
from yarl import URL

from .accounts import User
from .aep import LoginFront
from .devices import GizwitsDevice, bools_as_numbers
from .errors import OPEN_API_TEXTS, Refused
from .open_bindings import OpenBindings
from .open_core import OpenCore
from .open_groups import OpenGroups
from .open_history import OpenHistory
from .open_scenes import OpenScenes
from .open_sharing import OpenSharing
from .products import AIR_CONDITIONER, HEATER, SPA, Product
from .tokens import Token
from .websocket import OpenPush
from .wire import json_object, one_of, required_text, whole_number


class GizwitsOpenServer(OpenCore):
    """The Open API with its groups, its history, its push and the login front of newer apps."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the household's groups and serve all endpoints."""
        super().__init__(clock, seed)
        self.push = OpenPush(self)
        self.groups = OpenGroups(self)
        self.bindings = OpenBindings(self, self.push)
        self.scenes = OpenScenes(self)
        self.sharing = OpenSharing(self)
        devices = [device for device in self.devices.values() if device.uid == self.uid]
        air_conditioners, heaters = (
            [device.did for device in devices if device.product is product] for product in (AIR_CONDITIONER, HEATER)
        )
        self.groups.add("客厅", self.uid, AIR_CONDITIONER.key, air_conditioners[:1])
        self._heater_group = self.groups.add("电暖器", self.uid, HEATER.key, heaters[:2])
        self._mixed_group = self.groups.add("Holiday", self.uid, "", [device.did for device in devices[:2]])
        spa = next(device for device in devices if device.product is SPA)
        self.scenes.add("Spa evening", self.uid, {spa.did: {"power": True}})
        for part in (LoginFront, OpenHistory):
            part(self)  # it adds its routes
        self._add_routes()

    @override
    def replace_account(
        self, app_id: str, user: User, devices: dict[str, GizwitsDevice], products: dict[str, Product]
    ) -> None:
        super().replace_account(app_id, user, devices, products)
        self.groups.by_id.clear()
        self.scenes.by_id.clear()

    @property
    def heater_group_id(self) -> str:
        """The group of the household's two equal heaters."""
        return self._heater_group.id

    @property
    def mixed_group_id(self) -> str:
        """The household's group of two products, which accepts no commands."""
        return self._mixed_group.id

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

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        username, password = required_text(body, "username", 9015), required_text(body, "password", 9015)
        if not self.is_our_app(request):
            raise Refused(9005)
        return self._logged_in(self.accounts.log_in(username, password))

    async def _make_user(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=9015, form=9015)
        return self._logged_in(self.accounts.log_in_anonymously(required_text(body, "phone_id", 9015)), 201)

    def _logged_in(self, token: Token, status: int = 200) -> web.Response:
        return self.answer({"token": token.text, "uid": token.owner, "expire_at": token.expires_at}, status)

    async def _log_out(self, request: web.Request) -> web.Response:
        self.user(request)
        self.accounts.tokens.revoke(request.headers["X-Gizwits-User-token"])
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
        """Return a row of the bindings. Its host and ports are those of the device's own push."""
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
        if key in self.products and self.is_our_app(request):
            return self.answer(self.products[key].definition)
        is_of_the_app = any(device.product.key == key for device in self.devices.values())
        raise Refused(9029 if is_of_the_app else 9002)

    async def _latest(self, request: web.Request) -> web.Response:
        """Answer without a token, but check a token that comes: the device must be bound to its user."""
        has_token = "X-Gizwits-User-token" in request.headers
        device = self.device(request) if has_token else self.known_device(request)
        report = device.read()
        attrs = list(bools_as_numbers(report.attrs).items())
        self.shuffle(attrs)
        return self.answer({"did": device.did, "updated_at": report.updated_at, "attr": dict(attrs)})

    async def _control(self, request: web.Request) -> web.Response:
        device = self.device(request)
        self.command(device, await json_object(request, malformed=9015, form=9015))
        return self.answer({})

    async def _status(self, _request: web.Request) -> web.Response:
        return self.answer({"status": {"version": "2.15.1"}})

    async def _errors(self, _request: web.Request) -> web.Response:
        table = [{"status": 400, "error_code": code, "error_message": text} for code, text in OPEN_API_TEXTS.items()]
        return self.answer(table)
