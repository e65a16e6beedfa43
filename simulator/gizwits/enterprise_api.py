"""The Enterprise API: its server, composed of all its endpoints; those for tokens, definitions and control."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from .control import ErrorCodes, parse_command
from .devices import GizwitsDevice
from .enterprise_core import EnterpriseCore
from .enterprise_groups import EnterpriseGroups
from .enterprise_history import EnterpriseHistory
from .enterprise_reports import EnterpriseReports
from .enterprise_search import EnterpriseSearch
from .enterprise_users import EnterpriseUsers
from .errors import Refused
from .fleet import EnterpriseProduct
from .wire import json_object, required_text

_CODES = ErrorCodes(form=5002, attribute=5401, raw=5408)


class GizwitsEnterpriseServer(EnterpriseCore):
    """The Enterprise API with its lists of devices, history, groups and reports."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Serve all endpoints."""
        super().__init__(clock, seed)
        product = "/v1/products/{product_key}"
        self.app.router.add_post(f"{product}/access_token", self._grant_token)
        self.app.router.add_get(f"{product}/datapoint", self._describe_product)
        self.app.router.add_post(product + "/devices/{did}/control", self._control)
        for part in (EnterpriseSearch, EnterpriseHistory, EnterpriseGroups, EnterpriseReports, EnterpriseUsers):
            part(self)  # it adds its routes

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
        token = self.tokens.grant(product.product_key)
        return web.json_response({"token": token.text, "expired_at": token.expires_at}, status=201)

    async def _describe_product(self, request: web.Request) -> web.Response:
        product = self.authorized(request)
        if not product.has_definition:
            raise Refused(5402)
        return web.json_response(product.definition)

    async def _control(self, request: web.Request) -> web.Response:
        product, device = self.authorized(request), self.device(request)
        self.control(product, device, await json_object(request, malformed=5001, form=5002))
        return web.json_response({})

    def control(self, product: EnterpriseProduct, device: GizwitsDevice, body: Mapping[str, Any]) -> None:
        """Pass a command on to a device. Raises Refused if it cannot be carried out."""
        if not self.is_control_granted:
            raise Refused(5404)
        if device.uid is None:
            raise Refused(5303)
        if device.is_disabled:
            raise Refused(5304)
        if not device.is_online:
            raise Refused(5305)
        if not product.has_definition:
            raise Refused(5402)
        self.deliver(device, parse_command(device.product, body, _CODES), undelivered_code=5403)
