"""Firstlight's only endpoint for usage aggregates, in the envelope of its family of APIs.

What the document leaves open (the shape of `data`, dates, the status of a refusal) is an attribute of the server.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import jwt
from aiohttp import web

from simulator.server import Server, parse_whole_number

from .usage import GROUPS, Usage, usages

type DateFormat = Literal["iso", "date", "ms"]
type DataShape = Literal["missing", "null", "number", "object", "count", "rows", "nested", "strange"]

_PERIODS = ("hour", "day", "week", "month", "year")
_LARGEST_PAGE = 100
_SYSTEM_FAILURE, _UNKNOWN_FAILURE, _INVALID_USER = "40460190", "40460191", "40450101"
_DESCRIPTIONS = {
    "40460101": "Invalid or missing period",
    "40460102": "Invalid or missing from date",
    "40460103": "Invalid or missing to date",
    "40460104": "Invalid or missing group by",
    "40460105": "Invalid or missing page number",
    "40460106": "Invalid or missing page size",
    "40460107": "Invalid or missing sort order",
    _SYSTEM_FAILURE: "System failure",
    _UNKNOWN_FAILURE: "Unknown failure",
    "40450103": "Invalid or missing item identifier",
    _INVALID_USER: "Invalid X-Authorization",
}
_TOKEN_KEY = "a key that only the simulated issuers have"


@dataclass(slots=True)
class _Query:
    """The parsed parameters of a request, and the codes of its invalid ones."""

    refusals: list[str]
    from_ms: int = 0
    to_ms: int = 0
    page_number: int = 1
    page_size: int = _LARGEST_PAGE


class FirstlightServer(Server):
    """The usage aggregate service of one customer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a server that does not listen yet. `clock` returns epoch seconds."""
        super().__init__("firstlight")
        self.clock = clock
        self.authorization_token = _token("application-7", "iam")
        """The application's token: `Authorization: Bearer …`."""
        self.user_token = _token("user-0815", "user-management")
        """The user's token: `X-Authorization`, without a scheme."""
        self.usages = usages()
        """The counted usage, by "aty/field"."""
        self.requires_item_id = False
        self.date_format: DateFormat = "iso"
        """The only format of dates that is accepted."""
        self.data_shape: DataShape = "rows"
        self.row_keys = ("name", "value", "date")
        """The keys of name, number and time in a row. A time with the key `ut` is in epoch milliseconds."""
        self.has_paging_header = True
        self.largest_page = _LARGEST_PAGE
        """The largest allowed `pageSize`."""
        self.requires_to_date = False
        self.requires_order = False
        self.errors_as_status = 400
        """The HTTP status of a refused parameter."""
        self.failure: Literal["40460190", "40460191"] | None = None
        """The code with which every request fails, None for no failure."""
        self.app.router.add_get("/user/usage/aggregate/{aty}/{field}", self._answer)

    def describe_devices(self) -> dict[str, Any]:
        """Return the state of each usage by "aty/field". Without a `total`, it is counted by the clock."""
        return {
            query: {"total": usage.total, "per_hour": usage.per_hour, "figures": dict(usage.figures)}
            for query, usage in self.usages.items()
        }

    def set_device(self, query: str, changes: dict[str, Any]) -> None:
        """Change a usage by some of the fields of `describe_devices`.

        Raises KeyError for an unknown "aty/field", ValueError for an unknown field.
        """
        usage = self.usages[query]
        unknown = changes.keys() - {"total", "per_hour", "figures"}
        if unknown:
            raise ValueError(f"a usage has no {', '.join(sorted(unknown))}")
        for name, value in changes.items():
            setattr(usage, name, value)

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.authorization_token}":
            # this refusal comes from the gateway in front, which does not use the envelope
            return web.Response(status=401, text="<html><body>401 Unauthorized</body></html>", content_type="text/html")
        if request.headers.get("X-Authorization") != self.user_token:
            return self._refuse(request, 401, [_INVALID_USER])
        if self.failure is not None:
            return self._refuse(request, 500, [self.failure])
        query = self._read_query(request)
        item_id, is_item_id_valid = await _read_item_id(request)
        if not is_item_id_valid or (self.requires_item_id and item_id is None):
            query.refusals.append("40450103")
        usage = self.usages.get("{aty}/{field}".format_map(request.match_info))
        if usage is None and not query.refusals:
            query.refusals.append(_UNKNOWN_FAILURE)
        if usage is None or query.refusals:
            return self._refuse(request, self.errors_as_status, query.refusals)
        return self._succeed(request, query, usage)

    def _read_query(self, request: web.Request) -> _Query:
        parameters = request.query
        query = _Query([])
        if parameters.get("period") not in _PERIODS:
            query.refusals.append("40460101")
        from_ms = self._read_date(parameters.get("fromDate"))
        if from_ms is None:
            query.refusals.append("40460102")
        to_ms = self._read_date(parameters["toDate"]) if "toDate" in parameters else int(self.clock() * 1000)
        if self.requires_to_date and "toDate" not in parameters:
            to_ms = None
        if to_ms is None or ("toDate" in parameters and from_ms is not None and to_ms < from_ms):
            query.refusals.append("40460103")
        # usage of the future is not counted yet
        query.from_ms, query.to_ms = from_ms or 0, min(to_ms or 0, int(self.clock() * 1000))
        if "groupBy" in parameters and parameters["groupBy"] not in GROUPS:
            query.refusals.append("40460104")
        query.page_number = parse_whole_number(parameters.get("pageNumber", "1")) or 0
        if query.page_number < 1:
            query.refusals.append("40460105")
        query.page_size = parse_whole_number(parameters.get("pageSize", str(self.largest_page))) or 0
        if not 1 <= query.page_size <= self.largest_page:
            query.refusals.append("40460106")
        if parameters.get("sortOrder", "" if self.requires_order else "asc") not in ("asc", "desc"):
            query.refusals.append("40460107")
        return query

    def _read_date(self, text: str | None) -> int | None:
        if text is None:
            return None
        try:
            match self.date_format:
                case "ms":
                    return int(text) if len(text) == 13 else None
                case "date":
                    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
                case "iso":
                    time = datetime.fromisoformat(text)
                    return int(time.timestamp() * 1000) if "T" in text and time.tzinfo is not None else None
        except ValueError:
            return None

    def _succeed(self, request: web.Request, query: _Query, usage: Usage) -> web.Response:
        group_by = request.query.get("groupBy")
        figures = list(usage.count_by_name(query.from_ms, query.to_ms, group_by).items())
        if "sortBy" in request.query or "sortOrder" in request.query:
            column = 0 if request.query.get("sortBy") == self.row_keys[0] else 1
            figures.sort(key=lambda figure: figure[column], reverse=request.query.get("sortOrder") == "desc")
        begin = (query.page_number - 1) * query.page_size
        page = figures[begin : begin + query.page_size]
        header = self._header(request, 0, "Success")
        if self.has_paging_header and self.data_shape in ("rows", "nested", "object"):
            header |= {"start": begin, "rows": len(page), "count": len(figures)}
        answer = {"header": header}
        if self.data_shape != "missing":
            total = usage.count(query.from_ms, query.to_ms)
            answer["data"] = self._shape(dict(page), total, query.from_ms)
        return web.json_response(answer)

    def _shape(self, page: dict[str, float], total: float, from_ms: int) -> Any:
        name_key, value_key, time_key = self.row_keys
        date = datetime.fromtimestamp(from_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        time = from_ms if time_key == "ut" else date
        rows = [{name_key: name, value_key: value, time_key: time} for name, value in page.items()]
        shapes: dict[DataShape, Any] = {
            "null": None,
            "number": total,
            "object": page,
            "count": {"count": total},
            "rows": rows,
            "nested": {"groups": rows},
            "strange": [[1, "two", None], {"deep": {"deeper": [True]}}, "text"],
        }
        return shapes[self.data_shape]

    def _refuse(self, request: web.Request, status: int, codes: list[str]) -> web.Response:
        header = self._header(request, -1, "Failure")
        header["errors"] = [{"code": code, "description": _DESCRIPTIONS[code]} for code in codes]
        return web.json_response({"header": header}, status=status)

    def _header(self, request: web.Request, code: int, message: str) -> dict[str, Any]:
        return {
            "source": "046-01",
            "code": code,
            "message": message,
            "system_time": int(self.clock() * 1000),
            "tracking_id": request.headers.get("X-Tracking-Id") or str(uuid.uuid4()),
        }


async def _read_item_id(request: web.Request) -> tuple[str | None, bool]:
    """Return the item's identifier from the body, else from the query, and whether it is valid."""
    item_id: Any = request.query.get("itemId")
    content = await request.read()
    if content:
        try:
            body = json.loads(content)
        except ValueError:
            return None, False
        if not isinstance(body, dict):
            return None, False
        item_id = body.get("itemId", item_id)
    return item_id, item_id is None or (isinstance(item_id, str) and item_id != "")


def _token(subject: str, issuer: str) -> str:
    return jwt.encode({"sub": subject, "iss": f"https://{issuer}.example.com"}, _TOKEN_KEY, "HS256")
