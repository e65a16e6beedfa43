"""The one endpoint of Firstlight's usage aggregates, in the envelope of its family.

What the document leaves open (the shape of `data`, dates, the status of a refusal) is a switch.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import jwt
from aiohttp import web

from simulator.server import Server

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
_TOKEN_KEY = "the issuers' own key, which never leaves the simulated servers"


@dataclass(slots=True)
class _Query:
    """A request as it was understood, and the codes of what was wrong with it."""

    refusals: list[str]
    from_ms: int = 0
    to_ms: int = 0
    page_number: int = 1
    page_size: int = _LARGEST_PAGE


class FirstlightServer(Server):
    """The usage aggregate service of one customer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a service that reads the time from `clock` (seconds since 1970)."""
        super().__init__("firstlight")
        self.clock = clock
        self.authorization_token = _token("application-7", "iam")
        """Identifies the application: `Authorization: Bearer …`."""
        self.user_token = _token("user-0815", "user-management")
        """Identifies the user: `X-Authorization`, bare."""
        self.usages = usages()
        """What is counted, by "aty/field"."""
        self.requires_item_id = False
        self.date_format: DateFormat = "iso"
        """The only way to write dates that is understood."""
        self.data_shape: DataShape = "rows"
        self.row_keys = ("name", "value", "date")
        """How a row calls its name, its number and its time; a time called `ut` is in epoch milliseconds."""
        self.has_paging_header = True
        self.largest_page = _LARGEST_PAGE
        """The most rows that may be asked for at once."""
        self.requires_to_date = False
        self.requires_order = False
        self.errors_as_status = 400
        """The HTTP status of a refused parameter."""
        self.failure: Literal["40460190", "40460191"] | None = None
        """The failure that every request meets, if any."""
        self.app.router.add_get("/user/usage/aggregate/{aty}/{field}", self._answer)

    def describe_devices(self) -> dict[str, Any]:
        """Tell, by "aty/field", what `set_device` may change; a `total` of null is counted by the clock."""
        return {
            query: {"total": usage.total, "per_hour": usage.per_hour, "figures": dict(usage.figures)}
            for query, usage in self.usages.items()
        }

    def set_device(self, query: str, changes: dict[str, Any]) -> None:
        """Change what is counted, in the shape of `describe_devices`.

        Raises KeyError for a query that is not there, ValueError for anything else that cannot change.
        """
        usage = self.usages[query]
        unknown = changes.keys() - {"total", "per_hour", "figures"}
        if unknown:
            raise ValueError(f"a usage has no {', '.join(sorted(unknown))}")
        for name, value in changes.items():
            setattr(usage, name, value)

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.authorization_token}":
            # the gateway in front answers, which knows no envelope
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
        asked = request.query
        query = _Query([])
        if asked.get("period") not in _PERIODS:
            query.refusals.append("40460101")
        from_ms = self._read_date(asked.get("fromDate"))
        if from_ms is None:
            query.refusals.append("40460102")
        to_ms = self._read_date(asked["toDate"]) if "toDate" in asked else int(self.clock() * 1000)
        if self.requires_to_date and "toDate" not in asked:
            to_ms = None
        if to_ms is None or ("toDate" in asked and from_ms is not None and to_ms < from_ms):
            query.refusals.append("40460103")
        # nothing is counted before it happens
        query.from_ms, query.to_ms = from_ms or 0, min(to_ms or 0, int(self.clock() * 1000))
        if "groupBy" in asked and asked["groupBy"] not in GROUPS:
            query.refusals.append("40460104")
        query.page_number = _read_number(asked.get("pageNumber", "1"))
        if query.page_number < 1:
            query.refusals.append("40460105")
        query.page_size = _read_number(asked.get("pageSize", str(self.largest_page)))
        if not 1 <= query.page_size <= self.largest_page:
            query.refusals.append("40460106")
        if asked.get("sortOrder", "" if self.requires_order else "asc") not in ("asc", "desc"):
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
    """Return the item's identifier, from the body or else the query, and whether what was sent is valid."""
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


def _read_number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _token(subject: str, issuer: str) -> str:
    return jwt.encode({"sub": subject, "iss": f"https://{issuer}.example.com"}, _TOKEN_KEY, "HS256")
