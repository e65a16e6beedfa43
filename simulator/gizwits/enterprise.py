"""The Enterprise API: all devices of an organisation's products, within a quota, refused as the vendor refuses them."""

import hashlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from simulator.server import Server

from .aggregation import AggregationDialect
from .control import Codes, checked_command
from .devices import GizwitsDevice
from .enterprise_groups import EnterpriseGroups
from .enterprise_history import EnterpriseHistory
from .enterprise_reports import EnterpriseReports
from .enterprise_search import EnterpriseSearch
from .errors import Refused, enterprise_error
from .fleet import EnterpriseProduct, fleet
from .obedience import Obedience, obedience_of
from .wire import json_object, required_text, whole_number

__all__ = ["EnterpriseProduct", "GizwitsEnterpriseServer"]

_CODES = Codes(form=5002, attribute=5401, raw=5408)
_HOUR = 3600
_WEEK = 7 * 86400


@dataclass(frozen=True, slots=True)
class _Token:
    product_key: str
    expires_at: int


class GizwitsEnterpriseServer(Server):
    """The organisations' cloud with one organisation. Public attributes may be changed at any time.

    `is_ip_allowed`: the caller is on the whitelist (else 5012). `is_data_granted`: history may be read (else
    `data_denial`, 5018 or 5024). `is_control_granted`: devices may be controlled (else 5404).
    `quota_remaining`: requests left until `quota_reset`, of `quota_limit` an hour. `maximum_limit`: the longest page
    (else 5002). `windows_are_in_ms`: history asks for milliseconds. `write_delay`: seconds until a command shows.
    `aggregation`: what the documents of the aggregation leave open.
    `obedience`: what becomes of commands to devices that have no obedience of their own.
    """

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the organisation's fleet."""
        super().__init__("gizwits_enterprise")
        self.clock = clock
        self.enterprise_id = "fa4e0e17e5911d000000000000000e01"
        self.enterprise_secret = "fa4e0e175ec7e7000000000000000e02"
        self.products = {product.product_key: product for product in fleet(clock, seed)}
        self.token_lifetime = _WEEK
        self.is_ip_allowed = True
        self.is_data_granted = True
        self.data_denial = 5018
        self.is_control_granted = True
        self.maximum_limit = sys.maxsize
        self.windows_are_in_ms = False
        self.aggregation = AggregationDialect(methods=frozenset({"GET"}))
        self.write_delay = 0.0
        self.obedience = Obedience()
        self.quota_limit = 3600
        self.quota_remaining = self.quota_limit
        self.quota_reset = self._end_of_hour()
        self.tokens: dict[str, _Token] = {}
        self._serial = 0
        self.app.middlewares.append(self._ration)
        self._add_routes()

    def revoke_tokens(self) -> None:
        """Forget all tokens: they are invalid (5009)."""
        self.tokens.clear()

    def expire_tokens(self) -> None:
        """End all tokens: they have expired (5011)."""
        now = int(self.clock())
        self.tokens = {text: _Token(token.product_key, now) for text, token in self.tokens.items()}

    def describe_devices(self) -> dict[str, object]:
        """Tell what `set_device` may change, by did."""
        return {
            did: device.described() for product in self.products.values() for did, device in product.devices.items()
        }

    def set_device(self, did: str, changes: dict[str, Any]) -> None:
        """Change a device; KeyError if there is none."""
        product = next((product for product in self.products.values() if did in product.devices), None)
        if product is None:
            raise KeyError(did)
        product.devices[did].change(changes)

    def set_obedience(self, settings: dict[str, Any]) -> None:
        """Set what becomes of commands; ValueError names what cannot be."""
        self.obedience = obedience_of(settings)

    def authorized(self, request: web.Request) -> EnterpriseProduct:
        """Give the product of the path, for which the request's token must be."""
        word, _, text = request.headers.get("Authorization", "").partition(" ")
        token = self.tokens.get(text) if word == "token" else None
        if token is None:
            raise Refused(5009)
        if self.clock() >= token.expires_at:
            raise Refused(5011)
        key = request.match_info["product_key"]
        if key not in self.products:
            raise Refused(5015)
        if token.product_key != key:
            raise Refused(5010)
        return self.products[key]

    def device(self, request: web.Request) -> GizwitsDevice:
        """Give the device of the path, which must be of the token's product."""
        product = self.authorized(request)
        did = request.match_info["did"]
        if did in product.devices:
            return product.devices[did]
        raise Refused(5302 if any(did in other.devices for other in self.products.values()) else 5301)

    def paged(self, request: web.Request, rows: list[Any]) -> web.Response:
        """Answer the page of `rows` that the request asks for."""
        limit, skip = self.page(request)
        previous = None if skip == 0 else _address(request, limit, max(0, skip - limit))
        following = None if skip + limit >= len(rows) else _address(request, limit, skip + limit)
        meta = {"total": len(rows), "limit": limit, "skip": skip, "previous": previous, "next": following}
        return web.json_response({"meta": meta, "objects": rows[skip : skip + limit]})

    def page(self, request: web.Request) -> tuple[int, int]:
        """Give `limit` and `skip` of the request."""
        limit, skip = whole_number(request, "limit", 20, 5002), whole_number(request, "skip", 0, 5002)
        if not 0 < limit <= self.maximum_limit:
            raise Refused(5002, "limit")
        return limit, skip

    def _add_routes(self) -> None:
        product = "/v1/products/{product_key}"
        self.app.router.add_post(f"{product}/access_token", self._grant_token)
        self.app.router.add_get(f"{product}/datapoint", self._describe_product)
        self.app.router.add_post(product + "/devices/{did}/control", self._control)
        for part in (EnterpriseSearch, EnterpriseHistory, EnterpriseGroups, EnterpriseReports):
            part(self).add_routes()

    def _end_of_hour(self) -> int:
        return (int(self.clock()) // _HOUR + 1) * _HOUR

    @web.middleware
    async def _ration(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            self._check_caller()
            response = await handler(request)
        except Refused as refused:
            status, body = enterprise_error(refused)
            response = web.json_response(body, status=status)
        except web.HTTPException as unknown:
            unknown.headers.update(self._quota())
            raise
        response.headers.update(self._quota())
        return response

    def _check_caller(self) -> None:
        if self.clock() >= self.quota_reset:
            self.quota_remaining = self.quota_limit
            self.quota_reset = self._end_of_hour()
        if self.quota_remaining <= 0:
            raise Refused(5013)
        self.quota_remaining -= 1
        if not self.is_ip_allowed:
            raise Refused(5012)

    def _quota(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.quota_limit),
            "X-RateLimit-Remaining": str(self.quota_remaining),
            "X-RateLimit-Reset": str(self.quota_reset),
        }

    async def _grant_token(self, request: web.Request) -> web.Response:
        body = await json_object(request, malformed=5001, form=5002)
        enterprise_id, enterprise_secret, product_secret = (
            required_text(body, name, 5002) for name in ("enterprise_id", "enterprise_secret", "product_secret")
        )
        if enterprise_id != self.enterprise_id:
            raise Refused(5003)
        if enterprise_secret != self.enterprise_secret:
            raise Refused(5004)
        product = self.products.get(request.match_info["product_key"])
        if product is None:
            raise Refused(5015)
        if not product.is_associated:
            raise Refused(5801)
        if not product.is_service_open:
            raise Refused(5007)
        if product_secret != product.product_secret:
            raise Refused(5005)
        self._serial += 1
        text = hashlib.md5(f"enterprise token {self._serial} {product.product_key}".encode()).hexdigest()
        token = self.tokens[text] = _Token(product.product_key, int(self.clock()) + self.token_lifetime)
        return web.json_response({"token": text, "expired_at": token.expires_at}, status=201)

    async def _describe_product(self, request: web.Request) -> web.Response:
        product = self.authorized(request)
        if not product.has_definition:
            raise Refused(5402)
        return web.json_response(product.definition)

    async def _control(self, request: web.Request) -> web.Response:
        product = self.authorized(request)
        if not self.is_control_granted:
            raise Refused(5404)
        device = self.device(request)
        body = await json_object(request, malformed=5001, form=5002)
        if device.uid is None:
            raise Refused(5303)
        if device.is_disabled:
            raise Refused(5304)
        if not device.is_online:
            raise Refused(5305)
        if not product.has_definition:
            raise Refused(5402)
        command = checked_command(device.product, body, _CODES)
        if device.fails_commands:
            raise Refused(5403)
        obedience = device.obedience or self.obedience
        if obedience.refused_with is not None:
            raise Refused(obedience.refused_with)
        device.obey(command, obedience, self.write_delay)
        return web.json_response({})


def _address(request: web.Request, limit: int, skip: int) -> str:
    return str(request.rel_url.update_query(limit=str(limit), skip=str(skip)))
