"""State and authentication of the Open API: one app's users, devices and products.

The endpoints are built on this; it knows none of them.
"""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta, tzinfo
from typing import Any, override

from aiohttp import web
from aiohttp.typedefs import Handler

from .accounts import Accounts, User
from .aggregation import AggregationDialect
from .appliances import appliances
from .aquarium import WAVEMAKER, Wavemaker
from .control import ErrorCodes, parse_command
from .core import GizwitsCore
from .devices import GizwitsDevice
from .errors import Refused, open_api_error
from .household import PRODUCTS, device_of, household
from .identifiers import derive_hex, derive_id
from .products import LAMP, PUMP, Product

_CODES = ErrorCodes(form=9015, attribute=9025, raw=9015)
_NEED_NO_APP_ID = ("/status", "/errors", "/app/smart_home/")


class OpenCore(GizwitsCore):
    """The consumers' cloud of one region with one vendor's app. Public attributes may be changed at any time.

    `content_type`: the type that its JSON is labelled with. `pushes_regularly`: push the reports of every
    `report_seconds`, not only values that tests set. `is_throttled`: refuse everything with 9041. `products`: the app's
    products by their keys; a product that is not among them has no definition (9029). `has_documented_log`: answer the
    raw log as the document shows it, instead of as the real service was seen to.
    """

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the app with three users and their devices."""
        super().__init__("gizwits_open", clock, AggregationDialect())
        self.app_id = "fa4e00aa11d00000000000000000a991"
        self.other_app_id = "fa4e00aa11d00000000000000000a992"
        """The app of another vendor, which has none of these users and products."""
        self.uid = "fa4e00d1000000000000000000000001"
        self.aep_uid = "fa4e00d1000000000000000000000002"
        self.phone_id = "simulated-phone-7c41b2"
        self.phone_uid = "fa4e00d1000000000000000000000003"
        self.content_type = "text/html"
        self.list_key: str | None = None
        """Where the lists of groups, of their devices and of scenes are in an object; None: they are the answer."""
        self.is_throttled = False
        self.has_documented_log = False
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
        self.shuffle = random.Random(seed).shuffle
        self._seed = seed
        self.app.middlewares.append(self._refuse)

    def add_appliances(self) -> list[GizwitsDevice]:
        """Bind a spa, a heater, a boiler, a light and a doser to the household's user."""
        added = appliances(self.clock, self._seed, self.uid)
        self.products |= {device.product.key: device.product for device in added}
        self.devices |= {device.did: device for device in added}
        return added

    def add_wavemaker(self, zone: tzinfo = UTC) -> Wavemaker:
        """Bind a wavemaker with a schedule and a clock to the household's user; its clock is an hour slow."""
        wavemaker = Wavemaker(
            product=WAVEMAKER,
            did=derive_id("did of the wavemaker"),
            mac=derive_hex("mac of the wavemaker", 12),
            clock=self.clock,
            alias="Reef wavemaker",
            uid=self.uid,
            zone=zone,
            ahead=timedelta(hours=-1),
        )
        self.products[WAVEMAKER.key] = WAVEMAKER
        self.devices[wavemaker.did] = wavemaker
        return wavemaker

    def replace_account(
        self, app_id: str, user: User, devices: dict[str, GizwitsDevice], products: dict[str, Product]
    ) -> None:
        """Make another household: one user of an app with devices and products of its own."""
        self.app_id, self.uid, self._user = app_id, user.uid, user
        self.accounts.users = {user.uid: user}
        self.devices, self.products = devices, products

    @property
    def username(self) -> str:
        """The name of the user to whom the household's devices are bound."""
        return self._user.username or ""

    @property
    def password(self) -> str:
        """The password of the household's user."""
        return self._user.password or ""

    @password.setter
    def password(self, password: str) -> None:
        self._user.password = password

    @property
    def aep_username(self) -> str:
        """The name of a user whom only the login front knows."""
        return self._aep_user.username or ""

    @property
    def aep_password(self) -> str:
        """The password of the login front's user."""
        return self._aep_user.password or ""

    @aep_password.setter
    def aep_password(self, password: str) -> None:
        self._aep_user.password = password

    @property
    def token_lifetime(self) -> int:
        """How long new tokens live, in seconds."""
        return self.accounts.tokens.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.accounts.tokens.lifetime = seconds

    def revoke_tokens(self) -> None:
        """Forget all tokens: they are invalid (9004)."""
        self.accounts.tokens.revoke_all()

    def expire_tokens(self) -> None:
        """End all tokens: they have expired (9006)."""
        self.accounts.tokens.expire_all()

    @override
    def all_devices(self) -> Mapping[str, GizwitsDevice]:
        return self.devices

    def answer(self, content: Any, status: int = 200) -> web.Response:
        """Make a response of JSON, labelled with `content_type`."""
        return web.json_response(content, status=status, content_type=self.content_type)

    def answer_list(self, rows: list[dict[str, Any]]) -> web.Response:
        """Make a response of a list whose answer the document does not show."""
        return self.answer(rows if self.list_key is None else {self.list_key: rows})

    def is_our_app(self, request: web.Request) -> bool:
        """Return whether the request comes from the app of these users."""
        return request.headers.get("X-Gizwits-Application-Id") == self.app_id

    def user(self, request: web.Request) -> User:
        """Return the user of the request's token. Raises Refused if the token is not valid for the request's app."""
        if not self.is_our_app(request):
            raise Refused(9004)
        return self.accounts.user_of(request.headers.get("X-Gizwits-User-token"))

    def device(self, request: web.Request) -> GizwitsDevice:
        """Return the device of the path. Raises Refused if it is not bound to the token's user."""
        user = self.user(request)
        device = self.known_device(request)
        if device.uid != user.uid:
            raise Refused(9017)
        return device

    def known_device(self, request: web.Request) -> GizwitsDevice:
        """Return the device of the path, bound to any user. Raises Refused for an unknown did."""
        device = self.devices.get(request.match_info["did"])
        if device is None:
            raise Refused(9014)
        return device

    def command(self, device: GizwitsDevice, body: dict[str, Any]) -> None:
        """Check a command and pass it on. Raises Refused for the device's state or for the command's content."""
        if device.is_disabled:
            raise Refused(9023)
        if not device.is_online:
            raise Refused(9042)
        if device.product.key not in self.products:
            raise Refused(9029)
        self.deliver(device, parse_command(device.product, body, _CODES), undelivered_code=9021)

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._check_caller(request)
            return await handler(request)
        except Refused as refused:
            return self.answer(open_api_error(refused), 400)

    def _check_caller(self, request: web.Request) -> None:
        if request.path.startswith("/ws/"):
            return  # the vendor pushes from another host, which checks the login instead
        if self.is_throttled:
            raise Refused(9041)
        is_known = request.match_info.http_exception is None
        needs_app_id = is_known and not request.path.startswith(_NEED_NO_APP_ID)
        known = (self.app_id, self.other_app_id)
        if needs_app_id and request.headers.get("X-Gizwits-Application-Id") not in known:
            raise Refused(9003)
