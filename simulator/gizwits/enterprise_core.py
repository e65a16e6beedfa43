"""State and authentication of the Enterprise API: one organisation's products, their tokens and the quota.

The endpoints are built on this; it knows none of them.
"""

import sys
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, override

from aiohttp import web
from aiohttp.typedefs import Handler

from .aggregation import AggregationDialect
from .core import GizwitsCore
from .devices import GizwitsDevice
from .errors import Refused, enterprise_error
from .fleet import EnterpriseProduct, fleet
from .tokens import TokenStore
from .wire import whole_number

_HOUR = 3600
_WEEK = 7 * 86400


class EnterpriseCore(GizwitsCore):
    """The organisations' cloud with one organisation. Public attributes may be changed at any time.

    `is_ip_allowed`: the caller is on the whitelist (else 5012). `is_data_granted`: history may be read (else
    `data_denial`, 5018 or 5024). `is_control_granted`: devices may be controlled (else 5404).
    `quota_remaining`: requests left until `quota_reset`, of `quota_limit` an hour. `maximum_limit`: the longest page
    (else 5002). `windows_are_in_ms`: history takes its times in milliseconds. `withheld_reports`: the codes that answer
    reports by the end of their path, such as 5014 for "not generated yet".
    """

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the organisation's fleet."""
        super().__init__("gizwits_enterprise", clock, AggregationDialect(methods=frozenset({"GET"})))
        self.enterprise_id = "fa4e0e17e5911d000000000000000e01"
        self.enterprise_secret = "fa4e0e175ec7e7000000000000000e02"
        self.products = {product.product_key: product for product in fleet(clock, seed)}
        self.tokens = TokenStore(clock, _WEEK, invalid_code=5009, expired_code=5011)
        self.is_ip_allowed = True
        self.is_data_granted = True
        self.data_denial = 5018
        self.is_control_granted = True
        self.maximum_limit = sys.maxsize
        self.windows_are_in_ms = False
        self.empties_distant_windows = False
        """Whether a window of history that is far in the future has no rows, instead of being refused."""
        self.withheld_reports: dict[str, int] = {}
        self.has_cursors = False
        """Whether the reports of devices refuse `limit` and `skip`; they continue at the address of the next page."""
        self.has_second_addresses = False
        """Whether the reports to which the documents give two addresses are at the second one."""
        self.joins_alert_reports = False
        """Whether the alerts by datapoint come with the alerts by place, as the page about them says."""
        self.quota_limit = 3600
        self.quota_remaining = self.quota_limit
        self.quota_reset = self._end_of_hour()
        self.app.middlewares.append(self._ration)

    @property
    def token_lifetime(self) -> int:
        """How long new tokens live, in seconds."""
        return self.tokens.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.tokens.lifetime = seconds

    def revoke_tokens(self) -> None:
        """Forget all tokens: they are invalid (5009)."""
        self.tokens.revoke_all()

    def expire_tokens(self) -> None:
        """End all tokens: they have expired (5011)."""
        self.tokens.expire_all()

    @override
    def all_devices(self) -> Mapping[str, GizwitsDevice]:
        return ChainMap(*(product.devices for product in self.products.values()))

    def authorized(self, request: web.Request) -> EnterpriseProduct:
        """Return the product of the path. Raises Refused if the request has no valid token of that product."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        owner = self.tokens.owner_of(text if scheme == "token" else "")
        key = request.match_info["product_key"]
        if key not in self.products:
            raise Refused(5015)
        if owner != key:
            raise Refused(5010)
        return self.products[key]

    def check_enterprise(self, request: web.Request) -> None:
        """Raise Refused unless the request has the headers of the organisation."""
        if request.headers.get("X-Gizwits-Enterprise-ID") != self.enterprise_id:
            raise Refused(5003)
        if request.headers.get("X-Gizwits-Enterprise-Secret") != self.enterprise_secret:
            raise Refused(5004)

    def device(self, request: web.Request) -> GizwitsDevice:
        """Return the device of the path. Raises Refused if it is not of the token's product."""
        product = self.authorized(request)
        did = request.match_info["did"]
        if did in product.devices:
            return product.devices[did]
        raise Refused(5302 if did in self.all_devices() else 5301)

    def page(self, request: web.Request) -> tuple[int, int]:
        """Return `limit` and `skip` of the request."""
        limit, skip = whole_number(request, "limit", 20, 5002), whole_number(request, "skip", 0, 5002)
        if not 0 < limit <= self.maximum_limit:
            raise Refused(5002, "limit")
        return limit, skip

    def paged(self, request: web.Request, rows: list[Any]) -> web.Response:
        """Make a response of the requested page of `rows`."""
        limit, skip = self.page(request)
        previous = None if skip == 0 else _address(request, limit, max(0, skip - limit))
        following = None if skip + limit >= len(rows) else _address(request, limit, skip + limit)
        meta = {"total": len(rows), "limit": limit, "skip": skip, "previous": previous, "next": following}
        return web.json_response({"meta": meta, "objects": rows[skip : skip + limit]})

    def _end_of_hour(self) -> int:
        return (int(self.clock()) // _HOUR + 1) * _HOUR

    @web.middleware
    async def _ration(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            self._check_caller()
            response = await handler(request)
        except Refused as refused:
            status, body = enterprise_error(refused)
            response = web.json_response(body, status=status)
        except web.HTTPException as unknown:
            unknown.headers.update(self._quota_headers())
            raise
        response.headers.update(self._quota_headers())
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

    def _quota_headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.quota_limit),
            "X-RateLimit-Remaining": str(self.quota_remaining),
            "X-RateLimit-Reset": str(self.quota_reset),
        }


def _address(request: web.Request, limit: int, skip: int) -> str:
    return str(request.rel_url.update_query(limit=str(limit), skip=str(skip)))
