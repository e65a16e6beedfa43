"""The Enterprise API's reports about a product's devices: by state, place, time, alerts and faults."""

import functools
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .devices import GizwitsDevice
from .enterprise_core import EnterpriseCore
from .errors import Refused
from .fleet import EnterpriseProduct
from .wire import one_of

_DAY = 86400
_LONGEST = {"date": timedelta(days=30), "week": timedelta(weeks=53), "month": timedelta(days=366)}

_CURSOR_PAGE = 20  # rows
_SECOND_ADDRESSES = {
    "/devices/summary": "/summary",
    "/devices/report/rt": "/devices/report/devices/report/rt",
    "/{kind:alert}/report/events": "/fault/{kind:alert}/events",
}
"""The second address of each report to which the documents give two, by the first one."""

type _Counts = dict[str, int]


class EnterpriseReports:
    """The endpoints of the reports."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        route = core.app.router
        path = "/v1/products/{product_key}"
        route.add_get(f"{path}/devices/locations", self._locations)
        for kind in ("fault", "alert"):
            route.add_get(f"{path}/{{kind:{kind}}}/report/devices", self._alarmed_devices)
        route.add_get(f"{path}/{{kind:fault}}/report/events", self._events)
        reports = (self._summary, self._status, self._events)
        for (first, second), report in zip(_SECOND_ADDRESSES.items(), reports, strict=True):
            route.add_get(path + first, functools.partial(self._at, report, is_second=False))
            route.add_get(path + second, functools.partial(self._at, report, is_second=True))
        route.add_get(f"{path}/incr_devices", self._new_devices)
        route.add_get(f"{path}/active_devices", self._active_devices)
        route.add_get(f"{path}/devices/report/liveness/history", self._activity)
        self._core.app.middlewares.append(self._withhold)

    @web.middleware
    async def _withhold(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a report that is not available, with the code that its path has in `withheld_reports`."""
        for ending, code in self._core.withheld_reports.items():
            if request.path.endswith(ending):
                raise Refused(code)
        return await handler(request)

    async def _at(self, report: Handler, request: web.Request, *, is_second: bool) -> web.StreamResponse:
        """Serve a report at one of its two addresses only, or the alerts by datapoint at neither."""
        is_elsewhere = "kind" in request.match_info and self._core.joins_alert_reports
        if is_elsewhere or is_second is not self._core.has_second_addresses:
            raise web.HTTPNotFound
        return await report(request)

    async def _new_devices(self, request: web.Request) -> web.Response:
        return self._device_rows(request, lambda device: device.created_at)

    async def _active_devices(self, request: web.Request) -> web.Response:
        return self._device_rows(request, lambda device: device.online_latest)

    def _device_rows(self, request: web.Request, seconds_of: Callable[[GizwitsDevice], float]) -> web.Response:
        product = self._core.authorized(request)
        start, end = (parse_day(request.query.get(name)) for name in ("start", "end"))
        places = {level: request.query.get(level) for level in ("country", "region", "city")}
        dated = [(device, _day(seconds_of(device))) for device in product.devices.values()]
        rows = [
            _report_row(device, day)
            for device, day in dated
            if (start is None or start <= day)
            and (end is None or day <= end)
            and all(name is None or name == getattr(device.place, level, None) for level, name in places.items())
        ]
        return self._with_cursor(request, rows) if self._core.has_cursors else self._core.paged(request, rows)

    @staticmethod
    def _with_cursor(request: web.Request, rows: list[Any]) -> web.Response:
        if {"limit", "skip"} & request.query.keys():
            raise Refused(5002, "limit, skip")
        begin = int(request.query.get("cursor", "0"))
        end = begin + _CURSOR_PAGE
        following = str(request.rel_url.update_query(cursor=str(end))) if end < len(rows) else None
        meta = {"total": len(rows), "limit": _CURSOR_PAGE, "skip": 0, "previous": None, "next": following}
        return web.json_response({"meta": meta, "objects": rows[begin:end]})

    async def _activity(self, request: web.Request) -> web.Response:
        devices = self._devices(request)
        cycle, days = parse_cycle(request)
        data = []
        for period in dict.fromkeys(period_of(day, cycle) for day in days):
            active = [device for device in devices if period_of(_day(device.online_latest), cycle) == period]
            counted = _by_place(active, lambda some: {"count": len(list(some))}, 0)
            data.append({"count": len(active), "location": _bare_counts(counted), cycle: period})
        names = {name: request.query.get(name) for name in ("start", "end", "gid")}
        return web.json_response({**names, "cycle": cycle, "data": data})

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
        if request.match_info["kind"] == "alert" and self._core.joins_alert_reports:
            return await self._events(request)
        counts = functools.partial(_alarm_counts, request.match_info["kind"])
        return web.json_response(_counted(request, self._devices(request), counts))

    async def _events(self, request: web.Request) -> web.Response:
        fleet, kind = self._devices(request), request.match_info["kind"]
        names = [a.name for a in fleet[0].product.attributes if a.type == kind] if fleet else []
        active = {name: sum(bool(device.attrs.get(name)) for device in fleet) for name in names}
        counted = _counted(request, fleet, functools.partial(_alarm_counts, kind))
        return web.json_response(counted | {"detail": {name: _unresolved(count) for name, count in active.items()}})


def parse_day(text: str | None) -> date | None:
    """Read a day such as 2016-12-31. Raises Refused (5002)."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Refused(5002, "start, end") from None


def parse_cycle(request: web.Request) -> tuple[str, list[date]]:
    """Read the cycle and the days from `start` to `end`. Raises Refused (5002) for a range that is too long."""
    cycle = one_of(request, "cycle", tuple(_LONGEST), 5002)
    if cycle is None:
        raise Refused(5002, "cycle")
    start, end = (_first_day(request.query.get(name), cycle) for name in ("start", "end"))
    if not timedelta(0) <= end - start <= _LONGEST[cycle]:
        raise Refused(5002, "start, end")
    return cycle, list(_days(start, end))


def _first_day(text: str | None, cycle: str) -> date:
    try:
        if cycle == "week":
            year, week = (text or "").split("-")
            return date.fromisocalendar(int(year), int(week), 1)
        return date.fromisoformat(f"{text}-01" if cycle == "month" else text or "")
    except ValueError:
        raise Refused(5002, "start, end") from None


def _days(start: date, end: date) -> Iterator[date]:
    while start <= end:
        yield start
        start += timedelta(days=1)


def period_of(day: date, cycle: str) -> str:
    """Return the period of a day in the form of its cycle: 2016-12-31, 2016-52 or 2016-12."""
    if cycle == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-{week:02}"
    return day.isoformat() if cycle == "date" else f"{day:%Y-%m}"


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _report_row(device: GizwitsDevice, day: date) -> dict[str, Any]:
    created = datetime.fromtimestamp(device.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    places = {level: getattr(device.place, level, None) for level in ("country", "region", "city")}
    row = {"report_date": day.isoformat(), "product_key": device.product.key, "mac": device.mac}
    return {**row, **places, "created_at": created}


def _bare_counts(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a tree of places in which `count` is a number instead of an object, and a city is `{count}`."""
    bare: dict[str, Any] = {}
    for name, node in tree.items():
        below = {level: _bare_counts(node[level]) for level in ("region", "city") if level in node}
        bare[name] = {"count": node["count"]["count"], **below}
    return bare


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
