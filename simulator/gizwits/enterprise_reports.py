"""The Enterprise API's counts of a product's devices: by state, place, alerts and faults."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from .devices import GizwitsDevice
from .enterprise_core import EnterpriseCore
from .errors import Refused
from .fleet import EnterpriseProduct

_DAY = 86400

type _Counts = dict[str, int]


class EnterpriseReports:
    """The endpoints of the reports. Where the documents give several addresses, only the first is served."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        route = core.app.router
        path = "/v1/products/{product_key}"
        route.add_get(f"{path}/devices/summary", self._summary)
        route.add_get(f"{path}/devices/locations", self._locations)
        route.add_get(f"{path}/devices/report/rt", self._status)
        for kind in ("fault", "alert"):
            route.add_get(f"{path}/{{kind:{kind}}}/report/devices", self._alarmed_devices)
            route.add_get(f"{path}/{{kind:{kind}}}/report/events", self._events)

    def _devices(self, request: web.Request) -> list[GizwitsDevice]:
        return _of_group(self._core.authorized(request), request)

    async def _summary(self, request: web.Request) -> web.Response:
        fleet, today = self._devices(request), self._core.clock() // _DAY * _DAY

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

    async def _locations(self, request: web.Request) -> web.Response:
        fleet = self._devices(request)
        tree: dict[str, Any] = {}
        for device in fleet:
            if device.place is not None:
                country = tree.setdefault(device.place.country, {"count": 0, "region": {}})
                region = country["region"].setdefault(device.place.region, {"count": 0, "city": {}})
                country["count"] += 1
                region["count"] += 1
                region["city"][device.place.city] = region["city"].get(device.place.city, 0) + 1
        return web.json_response({"gid": request.query.get("gid"), "total": len(fleet), "location": tree})

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(_counted(request, self._devices(request), _state_counts))

    async def _alarmed_devices(self, request: web.Request) -> web.Response:
        counts = functools.partial(_alarm_counts, request.match_info["kind"])
        return web.json_response(_counted(request, self._devices(request), counts))

    async def _events(self, request: web.Request) -> web.Response:
        fleet, kind = self._devices(request), request.match_info["kind"]
        names = [a.name for a in fleet[0].product.attributes if a.type == kind] if fleet else []
        active = {name: sum(bool(device.attrs.get(name)) for device in fleet) for name in names}
        counted = _counted(request, fleet, functools.partial(_alarm_counts, kind))
        return web.json_response(counted | {"detail": {name: _unresolved(count) for name, count in active.items()}})


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
    """Return the counts of all devices and of every place, on each level as an object `count`."""
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


def _alarm_counts(kind: str, devices: Iterable[GizwitsDevice]) -> _Counts:
    return _unresolved(sum(device.has_active(kind) for device in devices))


def _unresolved(count: int) -> _Counts:
    return {"total": count, "resolved": 0, "unresolved": count}
