"""The Enterprise API's search for devices by filters, and its look-ups of one device by its mac."""

from typing import Any

from aiohttp import web

from .devices import GizwitsDevice, Place
from .enterprise_core import EnterpriseCore
from .errors import Refused
from .fleet import EnterpriseProduct
from .wire import one_of, whole_number

_NOWHERE = Place("", "", "", 0.0, 0.0)


class EnterpriseSearch:
    """The endpoints that find devices."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        route = core.app.router
        route.add_get("/v1/products/{product_key}/devices/search", self._search)
        route.add_get("/v1/products/{product_key}/devices", self._passcode)
        route.add_get("/v1/products/{product_key}/device_detail", self._detail)

    async def _search(self, request: web.Request) -> web.Response:
        found = _found(self._core.authorized(request), request)
        return self._core.paged(request, [_row(device) for device in found])

    async def _passcode(self, request: web.Request) -> web.Response:
        device = _by_mac(self._core.authorized(request), request)
        return web.json_response({"did": device.did, "passcode": device.passcode})

    async def _detail(self, request: web.Request) -> web.Response:
        device = _by_mac(self._core.authorized(request), request)
        return web.json_response(
            {
                "did": device.did,
                "mac": device.mac,
                "product_key": device.product.key,
                "is_online": device.is_online,
                "is_disabled": device.is_disabled,
                "type": device.type,
            }
        )


def _by_mac(product: EnterpriseProduct, request: web.Request) -> GizwitsDevice:
    mac = request.query.get("mac")
    if not mac:
        raise Refused(5002, "mac")
    device = product.by_mac(mac)
    if device is None:
        raise Refused(5301)
    return device


def _found(product: EnterpriseProduct, request: web.Request) -> list[GizwitsDevice]:
    query = request.query
    flags = {
        name: one_of(request, name, ("0", "1"), 5002)
        for name in ("is_online", "is_faulty", "is_alert", "show_disabled")
    }
    by = one_of(request, "type", ("did", "mac", "uid"), 5002)
    gid = query.get("gid")
    liveness_start = whole_number(request, "liveness_start", 0, 5002)
    if (by is None) != ("val" not in query):
        raise Refused(5002, "type, val")
    if gid is not None and gid not in product.groups:
        raise Refused(5206)
    macs = product.macs_of(gid) if gid is not None else None

    def fits(device: GizwitsDevice) -> bool:
        place = device.place or _NOWHERE
        return (
            (by is None or getattr(device, by) == query["val"])
            and (macs is None or device.mac in macs)
            and (not device.is_disabled or flags["show_disabled"] == "1")
            and flags["is_online"] in (None, str(int(device.is_online)))
            and all(
                flags[name] is None or flags[name] == str(int(device.has_active(kind)))  # which takes long
                for name, kind in (("is_faulty", "fault"), ("is_alert", "alert"))
            )
            and all(query.get(level) in (None, getattr(place, level)) for level in ("country", "region", "city"))
            and device.online_latest >= liveness_start
        )

    return [device for device in product.devices.values() if fits(device)]


def _row(device: GizwitsDevice) -> dict[str, Any]:
    place, versions = device.place, device.versions
    return {
        "did": device.did,
        "mac": device.mac,
        "is_online": device.is_online,
        "is_faulty": device.has_active("fault"),
        "is_alert": device.has_active("alert"),
        "country": place.country if place else None,
        "region": place.region if place else None,
        "city": place.city if place else None,
        "longitude": place.longitude if place else None,
        "latitude": place.latitude if place else None,
        "online_latest": device.online_latest,
        "created_at": device.created_at,
        "mcu_hard_version": versions.mcu_hard,
        "mcu_soft_version": versions.mcu_soft,
        "wifi_hard_version": versions.wifi_hard,
        "wifi_soft_version": versions.wifi_soft,
    }
