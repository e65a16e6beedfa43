"""The Enterprise API's looks back at one device: its reports, its comings and goings, its commands, its aggregates."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .aggregation import Aggregation
from .devices import GizwitsDevice, LogEntry, on_wire
from .errors import Refused
from .frames import framed
from .wire import one_of, whole_number

if TYPE_CHECKING:
    from .enterprise import GizwitsEnterpriseServer

_TWO_DAYS = 2 * 86400
_WEEK = 7 * 86400
_SLACK = 60  # for a clock of the caller that is a little off, and for the way of the request


def add_history(server: GizwitsEnterpriseServer) -> None:
    """Serve the logs and the aggregation."""

    def asked(request: web.Request) -> tuple[GizwitsDevice, float, float, bool]:
        device = server.device(request)
        if not server.is_data_granted:
            raise Refused(server.data_denial)
        start, end = _window(request, server.clock(), 1000 if server.windows_are_in_ms else 1)
        return device, start, end, one_of(request, "sort", ("asc", "desc"), 5002) != "asc"

    async def reports(request: web.Request) -> web.Response:
        device, start, end, is_newest_first = asked(request)
        moments = device.reports(start, end)
        if is_newest_first:
            moments.reverse()
        limit, skip = server.page(request)
        rows: list[Any] = list(moments)
        for index in range(skip, min(skip + limit, len(moments))):
            rows[index] = {"ts": int(moments[index]), "attrs": on_wire(device.values_at(moments[index]))}
        return server.paged(request, rows)

    def log(request: web.Request, entries: list[LogEntry], start: float, end: float, newest: bool) -> web.Response:  # noqa: FBT001
        within = [entry for entry in entries if start <= entry.timestamp <= end]
        within.sort(key=lambda entry: entry.timestamp, reverse=newest)
        rows = [
            {"timestamp": round(entry.timestamp, 3), "type": entry.type, "payload": _payload(entry)} for entry in within
        ]
        return server.paged(request, rows)

    async def online(request: web.Request) -> web.Response:
        device, start, end, is_newest_first = asked(request)
        return log(request, device.online_log(), start, end, is_newest_first)

    async def commands(request: web.Request) -> web.Response:
        device, start, end, is_newest_first = asked(request)
        return log(request, device.command_log(), start, end, is_newest_first)

    async def aggregate(request: web.Request) -> web.Response:
        device = server.device(request)
        if not server.is_data_granted:
            raise Refused(server.data_denial)
        aggregation = Aggregation.asked(request, device, 5002)
        query = {
            "start_ts": aggregation.start_ms,
            "end_ts": aggregation.end_ms,
            "attrs": ",".join(aggregation.names),
            "aggregator": aggregation.aggregator,
            "unit": aggregation.unit,
            "did": device.did,
        }
        rows = [{"attrs": values, "datetime": label} for label, values in aggregation.rows(device)]
        return web.json_response({"query": query, "data": rows})

    device_path = "/v1/products/{product_key}/devices/{did}"
    for name, handler in (("data", reports), ("online", online), ("cmd", commands), ("agg_data", aggregate)):
        server.app.router.add_get(f"{device_path}/{name}", handler)


def _window(request: web.Request, now: float, units_a_second: int) -> tuple[float, float]:
    """Give start and end in seconds: the past two days, or at most two days within the last seven."""
    given = {
        name: whole_number(request, name, 0, 5002) / units_a_second
        for name in ("start_ts", "end_ts")
        if name in request.query
    }
    end = given.get("end_ts", min(now, given["start_ts"] + _TWO_DAYS) if "start_ts" in given else now)
    start = given.get("start_ts", end - _TWO_DAYS)
    if start > end or end - start > _TWO_DAYS or start < now - _WEEK - _SLACK:
        raise Refused(5002, "start_ts, end_ts")
    return start, end


def _payload(entry: LogEntry) -> Any:
    return framed(entry.payload).hex() if isinstance(entry.payload, bytes) else entry.payload
