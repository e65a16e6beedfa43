"""The Open API's history: the raw log and the aggregation. Real accounts have both for unreleased products only."""

import base64
from typing import Any

from aiohttp import web

from .aggregation import AggregationQuery
from .devices import LogEntry
from .errors import Refused
from .frames import framed
from .open_core import OpenCore
from .wire import one_of, whole_number

_HOURS_48 = 48 * 3600
_WEEK = 7 * 86400


class OpenHistory:
    """The endpoints of the raw log and the aggregation."""

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        route = core.app.router
        route.add_get("/app/devices/{did}/raw_data", self._raw_data)
        route.add_get("/app/devdata/{did}/agg_data", self._aggregate)
        # the documents have GET in one place and PUT in another
        route.add_put("/app/devdata/{did}/agg_data", self._aggregate)

    async def _raw_data(self, request: web.Request) -> web.Response:
        device = self._core.device(request)
        kind = one_of(request, "type", ("cmd", "online"), 9015)
        start, end = whole_number(request, "start_time", 0, 9015), whole_number(request, "end_time", 0, 9015)
        limit, skip = whole_number(request, "limit", 20, 9015), whole_number(request, "skip", 0, 9015)
        sort = one_of(request, "sort", ("asc", "desc"), 9015) or "desc"
        now = self._core.clock()
        is_allowed = now - _WEEK <= start <= end <= now + 1 and end - start < _HOURS_48
        if kind is None or not is_allowed or limit > 1000 or skip + limit > 5000:
            raise Refused(9015)
        if kind == "cmd" and not self._core.has_documented_log:
            raise Refused(9008, "unsupported operand type(s)")  # as the real service answers
        log = device.command_log() if kind == "cmd" else device.online_log()
        entries = [entry for entry in log if start <= entry.timestamp <= end]
        entries.sort(key=lambda entry: entry.timestamp, reverse=sort == "desc")
        rows = [self._row(entry) for entry in entries[skip : skip + limit]]
        meta: dict[str, Any] = {"sort": sort, "limit": limit, "end_time": end, "did": device.did, "skip": skip}
        meta |= {"start_time": start, "total": len(entries), "type": kind}
        if self._core.has_documented_log:
            return self._core.answer({"meta": meta, "objects": rows})
        hits = {"total": len(entries), "objects": rows}
        return self._core.answer({"meta": meta, "objects": {"hits": hits, "took": 117, "err_code": 0}})

    def _row(self, entry: LogEntry) -> dict[str, Any]:
        row = {"ip": "203.0.113.7", "type": entry.type, "timestamp": entry.timestamp}
        if isinstance(entry.payload, bytes):
            return row | {"payload_bin": base64.b64encode(framed(entry.payload)).decode(), "source": "open_api"}
        return row | {"payload": entry.payload}

    async def _aggregate(self, request: web.Request) -> web.Response:
        device = self._core.device(request)
        query = AggregationQuery.from_request(request, device, self._core.aggregation, 9015)
        echoed = {
            "aggregator": query.aggregator,
            "start_ts": query.start_ms,
            "end_ts": query.end_ms,
            "attrs": ", ".join(query.names),
            "unit": query.unit,
        }
        common = {"uid": device.uid, "product_key": device.product.key}
        rows = [
            {"datatime": label} | common | {"attrs": {name: str(value) for name, value in values.items()}}
            for label, values in query.rows(device)
        ]
        return self._core.answer({"query": echoed, "data": rows})
