"""The Enterprise API's history of one device: its reports, online log, commands and aggregates."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .aggregation import AggregationQuery
from .devices import GizwitsDevice, LogEntry, bools_as_numbers
from .enterprise_core import EnterpriseCore
from .errors import Refused
from .frames import framed
from .wire import one_of, whole_number

_YEAR = 365 * 86400
_TWO_DAYS = 2 * 86400
_WEEK = 7 * 86400
_SLACK = 60  # seconds, for a caller's clock that is a little off and for the duration of the request


@dataclass(frozen=True, slots=True)
class _Window:
    """Begin and end (epoch seconds) of the requested history, and its order."""

    start: float
    end: float
    is_newest_first: bool


class EnterpriseHistory:
    """The endpoints of history and aggregation."""

    def __init__(self, core: EnterpriseCore) -> None:
        self._core = core
        path = "/v1/products/{product_key}/devices/{did}"
        route = core.app.router
        route.add_get(f"{path}/data", self._reports)
        route.add_get(f"{path}/online", self._online)
        route.add_get(f"{path}/cmd", self._commands)
        route.add_get(f"{path}/agg_data", self._aggregate)
        route.add_put(f"{path}/agg_data", self._aggregate)  # only the Open API's document has this method

    async def _reports(self, request: web.Request) -> web.Response:
        device = self._granted(request)
        window = self._window(request)
        report = device.read()
        times = device.reports(window.start, min(window.end, report.reported_at))
        if window.is_newest_first:
            times.reverse()
        limit, skip = self._core.page(request)
        rows: list[Any] = list(times)
        for index in range(skip, min(skip + limit, len(times))):
            reported_at = times[index]
            attrs = report.attrs if reported_at == report.reported_at else device.values_at(reported_at)
            rows[index] = {"ts": int(reported_at), "attrs": bools_as_numbers(attrs)}
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
        query = AggregationQuery.from_request(request, device, self._core.aggregation, 5002)
        echoed = {
            "start_ts": query.start_ms,
            "end_ts": query.end_ms,
            "attrs": ",".join(query.names),
            "aggregator": query.aggregator,
            "unit": query.unit,
            "did": device.did,
        }
        rows = [{"attrs": values, "datetime": label} for label, values in query.rows(device)]
        return web.json_response({"query": echoed, "data": rows})

    def _granted(self, request: web.Request) -> GizwitsDevice:
        device = self._core.device(request)
        if not self._core.is_data_granted:
            raise Refused(self._core.data_denial)
        return device

    def _window(self, request: web.Request) -> _Window:
        """Parse the window: by default the past two days, else at most two days within the last seven."""
        now = self._core.clock()
        units_a_second = 1000 if self._core.windows_are_in_ms else 1
        given = {
            name: whole_number(request, name, 0, 5002) / units_a_second
            for name in ("start_ts", "end_ts")
            if name in request.query
        }
        end = given.get("end_ts", min(now, given["start_ts"] + _TWO_DAYS) if "start_ts" in given else now)
        start = given.get("start_ts", end - _TWO_DAYS)
        if self._core.empties_distant_windows and start > now + _YEAR:
            start = end = now + _YEAR
        if start > end or end - start > _TWO_DAYS or start < now - _WEEK - _SLACK:
            raise Refused(5002, "start_ts, end_ts")
        return _Window(start, end, one_of(request, "sort", ("asc", "desc"), 5002) != "asc")


def _payload(entry: LogEntry) -> Any:
    return framed(entry.payload).hex() if isinstance(entry.payload, bytes) else entry.payload
