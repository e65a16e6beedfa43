"""The Enterprise API's looks back at one device: its reports, its comings and goings, its commands, its aggregates."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .aggregation import Aggregation
from .devices import GizwitsDevice, LogEntry, on_wire
from .enterprise_core import EnterpriseCore
from .errors import Refused
from .frames import framed
from .wire import one_of, whole_number

_TWO_DAYS = 2 * 86400
_WEEK = 7 * 86400
_SLACK = 60  # for a clock of the caller that is a little off, and for the way of the request


@dataclass(frozen=True, slots=True)
class _Window:
    """From when to when, epoch seconds, and in which order."""

    start: float
    end: float
    is_newest_first: bool


class EnterpriseHistory:
    """The logs and the aggregation of one server."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core

    def add_routes(self) -> None:
        """Serve them."""
        path = "/v1/products/{product_key}/devices/{did}"
        route = self._core.app.router
        route.add_get(f"{path}/data", self._reports)
        route.add_get(f"{path}/online", self._online)
        route.add_get(f"{path}/cmd", self._commands)
        route.add_get(f"{path}/agg_data", self._aggregate)
        route.add_put(f"{path}/agg_data", self._aggregate)  # documented for the Open API alone

    async def _reports(self, request: web.Request) -> web.Response:
        device = self._granted(request)
        window = self._window(request)
        reading = device.read()
        moments = device.reports(window.start, min(window.end, reading.reported_at))
        if window.is_newest_first:
            moments.reverse()
        limit, skip = self._core.page(request)
        rows: list[Any] = list(moments)
        for index in range(skip, min(skip + limit, len(moments))):
            moment = moments[index]
            attrs = reading.attrs if moment == reading.reported_at else device.values_at(moment)
            rows[index] = {"ts": int(moment), "attrs": on_wire(attrs)}
        return self._core.paged(request, rows)

    async def _online(self, request: web.Request) -> web.Response:
        return self._log(request, self._granted(request).online_log())

    async def _commands(self, request: web.Request) -> web.Response:
        return self._log(request, self._granted(request).command_log())

    def _log(self, request: web.Request, entries: list[LogEntry]) -> web.Response:
        window = self._window(request)
        within = [entry for entry in entries if window.start <= entry.timestamp <= window.end]
        within.sort(key=lambda entry: entry.timestamp, reverse=window.is_newest_first)
        rows = [
            {"timestamp": round(entry.timestamp, 3), "type": entry.type, "payload": _payload(entry)} for entry in within
        ]
        return self._core.paged(request, rows)

    async def _aggregate(self, request: web.Request) -> web.Response:
        device = self._granted(request)
        asked = Aggregation.asked(request, device, self._core.aggregation, 5002)
        query = {
            "start_ts": asked.start_ms,
            "end_ts": asked.end_ms,
            "attrs": ",".join(asked.names),
            "aggregator": asked.aggregator,
            "unit": asked.unit,
            "did": device.did,
        }
        rows = [{"attrs": values, "datetime": label} for label, values in asked.rows(device)]
        return web.json_response({"query": query, "data": rows})

    def _granted(self, request: web.Request) -> GizwitsDevice:
        device = self._core.device(request)
        if not self._core.is_data_granted:
            raise Refused(self._core.data_denial)
        return device

    def _window(self, request: web.Request) -> _Window:
        """Read the time window: the past two days, or at most two days within the last seven."""
        now = self._core.clock()
        units_a_second = 1000 if self._core.windows_are_in_ms else 1
        given = {
            name: whole_number(request, name, 0, 5002) / units_a_second
            for name in ("start_ts", "end_ts")
            if name in request.query
        }
        end = given.get("end_ts", min(now, given["start_ts"] + _TWO_DAYS) if "start_ts" in given else now)
        start = given.get("start_ts", end - _TWO_DAYS)
        if start > end or end - start > _TWO_DAYS or start < now - _WEEK - _SLACK:
            raise Refused(5002, "start_ts, end_ts")
        return _Window(start, end, one_of(request, "sort", ("asc", "desc"), 5002) != "asc")


def _payload(entry: LogEntry) -> Any:
    return framed(entry.payload).hex() if isinstance(entry.payload, bytes) else entry.payload
