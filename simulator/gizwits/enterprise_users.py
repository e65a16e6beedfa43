"""The Enterprise API's users: searches among registered and binding users, and the reports about them."""

from typing import Any

from aiohttp import web

from .devices import GizwitsDevice
from .enterprise_core import EnterpriseCore
from .enterprise_reports import parse_cycle, parse_day, period_of
from .errors import Refused
from .fleet import EnterpriseProduct
from .wire import one_of

_KEYS = ("uid", "username", "phone", "email", "did", "mac", "device_sn")


class EnterpriseUsers:
    """The endpoints of the users. Each user of the simulated products has bound one device."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        route = core.app.router
        path = "/v1/products/{product_key}"
        route.add_get(f"{path}/users/search", self._search_bound)
        route.add_get("/v1/users/search", self._search_registered)
        route.add_get(f"{path}/users/report/new", self._new)
        route.add_get(f"{path}/users/report/total", self._total)
        route.add_get("/v1/users/liveness_total", self._active)
        route.add_get("/v1/users/location", self._locations)

    async def _search_bound(self, request: web.Request) -> web.Response:
        product = self._core.authorized(request)
        by, value = one_of(request, "type", _KEYS, 5002), request.query.get("val")
        if (by is None) != (value is None):
            raise Refused(5002, "type, val")
        gid = request.query.get("gid")
        if gid is not None and gid not in product.groups:
            raise Refused(5206)
        macs = product.macs_of(gid) if gid is not None else None
        rows = [
            _user(device) | ({"is_owner": True} if by == "did" else {})
            for device in _owned(product)
            if (macs is None or device.mac in macs) and (by is None or _value(device, by) == value)
        ]
        return self._core.paged(request, rows)

    async def _search_registered(self, request: web.Request) -> web.Response:
        self._core.check_enterprise(request)
        product = self._product(request, "product_key")
        wanted = {name: request.query[name] for name in ("username", "phone", "email") if name in request.query}
        rows = [
            user for user in map(_user, _owned(product)) if all(user[name] == text for name, text in wanted.items())
        ]
        return self._core.paged(request, rows)

    async def _new(self, request: web.Request) -> web.Response:
        product = self._core.authorized(request)
        cycle, days = parse_cycle(request)
        periods = dict.fromkeys(period_of(day, cycle) for day in days)
        count = len(_owned(product))
        data = [{"count": count if index == 0 else 0, cycle: period} for index, period in enumerate(periods)]
        return web.json_response({"cycle": cycle, "data": data})

    async def _total(self, request: web.Request) -> web.Response:
        product = self._core.authorized(request)
        return web.json_response({"gid": request.query.get("gid"), "total": len(_owned(product))})

    async def _active(self, request: web.Request) -> web.Response:
        self._core.check_enterprise(request)
        product = self._product(request, "product_secret")
        start, end = (parse_day(request.query.get(name)) for name in ("start_date", "end_date"))
        if start is None or end is None:
            raise Refused(5002, "start_date, end_date")
        data = [{"date": day.isoformat(), "count": len(_owned(product))} for day in (start, end)]
        return web.json_response({"data": data})

    async def _locations(self, request: web.Request) -> web.Response:
        self._core.check_enterprise(request)
        tree: dict[str, Any] = {}
        for device in _owned(self._product(request, "product_secret")):
            if device.place is not None:
                country = tree.setdefault(device.place.country, {"count": 0, "region": {}})
                region = country["region"].setdefault(device.place.region, {"count": 0, "city": {}})
                city = region["city"].setdefault(device.place.city, {"count": 0})
                for place in (country, region, city):
                    place["count"] += 1
        return web.json_response(tree)

    def _product(self, request: web.Request, name: str) -> EnterpriseProduct:
        """Return the product of a parameter, which the documents call product_secret in two places."""
        product = self._core.products.get(request.query.get(name, ""))
        if product is None:
            raise Refused(5015)
        return product


def _owned(product: EnterpriseProduct) -> list[GizwitsDevice]:
    return [device for device in product.devices.values() if device.uid is not None]


def _value(device: GizwitsDevice, by: str) -> str | None:
    user = _user(device)
    return user[by] if by in user else getattr(device, by, None)


def _user(device: GizwitsDevice) -> dict[str, Any]:
    name = f"user-{(device.uid or '')[:6]}"
    return {
        "uid": device.uid,
        "username": name,
        "phone": None,
        "email": f"{name}@example.com",
        "birthday": None,
        "is_anonymous": False,
        "gender": "N",
        "address": None,
        "remark": "",
        "name": name,
        "auth_src": "",
        "created_at": "2017-09-19T02:45:18Z",
        "updated_at": "2017-09-19T02:45:18Z",
    }
