"""The Enterprise API's figures of the whole fleet: how many, where, how many in trouble."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .devices import GizwitsDevice
from .errors import Refused
from .fleet import EnterpriseProduct

if TYPE_CHECKING:
    from .enterprise import GizwitsEnterpriseServer

_DAY = 86400

type _Counts = dict[str, int]


def add_reports(server: GizwitsEnterpriseServer) -> None:
    """Serve the reports, each at the first of its addresses that the documents give."""

    def devices(request: web.Request) -> list[GizwitsDevice]:
        return _of_group(server.authorized(request), request)

    async def summary(request: web.Request) -> web.Response:
        fleet, today = devices(request), server.clock() // _DAY * _DAY

        def since(seconds: str, days: int) -> int:
            return sum(getattr(device, seconds) >= today - days * _DAY for device in fleet)

        new = {"today": since("created_at", 0), "yesterday": since("created_at", 1) - since("created_at", 0)}
        return web.json_response(
            {
                "active": {"yesterday": since("online_latest", 1), "7_day": since("online_latest", 7)},
                "new": new | {"7_day": since("created_at", 7), "30_day": since("created_at", 30)},
                "total": len(fleet),
                "online": sum(device.is_online for device in fleet),
            }
        )

    async def locations(request: web.Request) -> web.Response:
        fleet = devices(request)
        tree: dict[str, Any] = {}
        for device in fleet:
            if device.place is not None:
                country = tree.setdefault(device.place.country, {"count": 0, "region": {}})
                region = country["region"].setdefault(device.place.region, {"count": 0, "city": {}})
                country["count"] += 1
                region["count"] += 1
                region["city"][device.place.city] = region["city"].get(device.place.city, 0) + 1
        return web.json_response({"gid": request.query.get("gid"), "total": len(fleet), "location": tree})

    async def status(request: web.Request) -> web.Response:
        return web.json_response(_counted(request, devices(request), _state_counts))

    def add_events(kind: str) -> None:
        def counts(of: Iterable[GizwitsDevice]) -> _Counts:
            unresolved = sum(device.has_active(kind) for device in of)
            return {"total": unresolved, "resolved": 0, "unresolved": unresolved}

        async def by_device(request: web.Request) -> web.Response:
            return web.json_response(_counted(request, devices(request), counts))

        async def by_event(request: web.Request) -> web.Response:
            fleet = devices(request)
            names = [a.name for a in fleet[0].product.attributes if a.type == kind] if fleet else []
            detail = {}
            for name in names:
                active = sum(bool(device.attrs.get(name)) for device in fleet)
                detail[name] = {"total": active, "resolved": 0, "unresolved": active}
            return web.json_response(_counted(request, fleet, counts) | {"detail": detail})

        route.add_get(f"{product_path}/{kind}/report/devices", by_device)
        route.add_get(f"{product_path}/{kind}/report/events", by_event)

    route = server.app.router
    product_path = "/v1/products/{product_key}"
    route.add_get(f"{product_path}/devices/summary", summary)
    route.add_get(f"{product_path}/devices/locations", locations)
    route.add_get(f"{product_path}/devices/report/rt", status)
    add_events("fault")
    add_events("alert")


def _of_group(product: EnterpriseProduct, request: web.Request) -> list[GizwitsDevice]:
    gid = request.query.get("gid")
    if gid is not None and gid not in product.groups:
        raise Refused(5206)
    macs = product.macs_of(gid) if gid is not None else None
    return [device for device in product.devices.values() if macs is None or device.mac in macs]


def _state_counts(devices: Iterable[GizwitsDevice]) -> _Counts:
    listed = list(devices)
    return {
        "activated": len(listed),
        "faulty": sum(device.has_active("fault") for device in listed),
        "alert": sum(device.has_active("alert") for device in listed),
    }


def _counted(
    request: web.Request, devices: list[GizwitsDevice], counts: Callable[[Iterable[GizwitsDevice]], _Counts]
) -> dict[str, Any]:
    """Give the counts of all devices and of every place, each level in an object `count`."""
    return {"gid": request.query.get("gid"), "count": counts(devices), "location": _by_place(devices, counts, 0)}


def _by_place(
    devices: list[GizwitsDevice], counts: Callable[[Iterable[GizwitsDevice]], _Counts], level: int
) -> dict[str, Any]:
    levels = ("country", "region", "city")
    tree: dict[str, Any] = {}
    for name in dict.fromkeys(getattr(device.place, levels[level]) for device in devices if device.place):
        here = [device for device in devices if device.place and getattr(device.place, levels[level]) == name]
        tree[name] = {"count": counts(here)}
        if level + 1 < len(levels):
            tree[name][levels[level + 1]] = _by_place(here, counts, level + 1)
    return tree
