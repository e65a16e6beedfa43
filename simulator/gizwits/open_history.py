"""The Open API's looks back: the raw log and the aggregation, both for products not yet released."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from .aggregation import Aggregation
from .errors import Refused
from .wire import one_of, whole_number

if TYPE_CHECKING:
    from .open_api import GizwitsOpenServer

_HOURS_48 = 48 * 3600
_WEEK = 7 * 86400


def add_history(server: GizwitsOpenServer) -> None:
    """Serve the raw log and the aggregation."""

    async def raw_data(request: web.Request) -> web.Response:
        device = server.device(request)
        kind = one_of(request, "type", ("cmd", "online"), 9015)
        start = whole_number(request, "start_time", 0, 9015)
        end = whole_number(request, "end_time", 0, 9015)
        limit, skip = whole_number(request, "limit", 20, 9015), whole_number(request, "skip", 0, 9015)
        sort = one_of(request, "sort", ("asc", "desc"), 9015) or "desc"
        now = server.clock()
        is_in_reach = now - _WEEK <= start <= end <= now + 1 and end - start < _HOURS_48
        if kind is None or not is_in_reach or limit > 1000 or skip + limit > 5000:
            raise Refused(9015)
        if kind == "cmd":
            raise Refused(9008, "unsupported operand type(s)")  # what the real service answers
        entries = [entry for entry in device.online_log() if start <= entry.timestamp <= end]
        entries.sort(key=lambda entry: entry.timestamp, reverse=sort == "desc")
        rows = [
            {"ip": "203.0.113.7", "type": entry.type, "payload": entry.payload, "timestamp": entry.timestamp}
            for entry in entries[skip : skip + limit]
        ]
        meta: dict[str, Any] = {"sort": sort, "limit": limit, "end_time": end, "did": device.did, "skip": skip}
        meta |= {"start_time": start, "total": len(entries), "type": kind}
        hits = {"total": len(entries), "objects": rows}
        return server.answer({"meta": meta, "objects": {"hits": hits, "took": 117, "err_code": 0}})

    async def aggregate(request: web.Request) -> web.Response:
        device = server.device(request)
        asked = Aggregation.asked(request, device, 9015)
        query = {
            "aggregator": asked.aggregator,
            "start_ts": asked.start_ms,
            "end_ts": asked.end_ms,
            "attrs": ", ".join(asked.names),
            "unit": asked.unit,
        }
        common = {"uid": device.uid, "product_key": device.product.key}
        rows = [
            {"datatime": label} | common | {"attrs": {name: str(value) for name, value in values.items()}}
            for label, values in asked.rows(device)
        ]
        return server.answer({"query": query, "data": rows})

    server.app.router.add_get("/app/devices/{did}/raw_data", raw_data)
    server.app.router.add_get("/app/devdata/{did}/agg_data", aggregate)
    server.app.router.add_put("/app/devdata/{did}/agg_data", aggregate)
