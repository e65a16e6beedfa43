"""Reports about the devices and users of a product ("Enterprise API, Device reporting", "User reporting").

`REPORTS` describes each report once: its addresses, what it takes and how its answer is read. A report that is added
there needs nothing else in the library. The vendor calculates reports once a day, and only for some regions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ... import coerce
from ...budget import Purpose
from ...client_store import ClientStore
from ...errors import CloudError, NotSupported, Reason, Rejected, UnexpectedAnswer
from ...reporting import Cycle, Parameter, Place, ReportQuery, ReportResult
from .. import wire_values
from ..paging import DEVICE_PAGES, DOCUMENTED_PAGE, find_rows, page_size
from .product_access import ProductAccess

_PRODUCT: Final = "/v1/products/{product_key}"
_LEVELS: Final = ("country", "region", "city")
_RESERVED: Final = frozenset({"count", "detail", *_LEVELS})
_MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report: where it is, what it takes, and how its answer is read.

    The documents contradict each other about some addresses, so `paths` are tried in order, and only an answer with
    one of the keys `proof` counts. `required` are parameters that the vendor demands.
    """

    paths: tuple[str, ...]
    proof: frozenset[str]
    read: Callable[[Mapping[str, Any]], ReportResult]
    takes: frozenset[Parameter] = frozenset()
    required: frozenset[Parameter] = frozenset()
    is_paged: bool = False
    is_of_enterprise: bool = False  # asked with the headers of the enterprise instead of a product's token


def _integer(value: Any) -> int | None:
    return wire_values.count(value)


def _counts(value: Any) -> dict[str, int]:
    """Counts by name; a bare number is the count of devices."""
    if (single := _integer(value)) is not None:
        return {"devices": single}
    found = {name: _integer(number) for name, number in coerce.fields(value).items()}
    return {_COUNT_NAMES.get(name, name): number for name, number in found.items() if number is not None}


_COUNT_NAMES: Final[Mapping[str, str]] = {"alert": "alerting", "count": "devices"}


def _places(value: Any) -> tuple[Place, ...]:
    """The places of a tree, in which a place is an object with `count` and its places, or a bare number."""
    places: list[Place] = []
    for name, below in coerce.fields(value).items():
        if name in _RESERVED:
            continue
        if isinstance(below, Mapping):
            nested = next((below[level] for level in _LEVELS if level in below), below)
            places.append(Place(name=name, counts=_counts(below.get("count")), places=_places(nested)))
        elif (count := _integer(below)) is not None:
            places.append(Place(name=name, counts={"devices": count}))
    return tuple(places)


def _read_locations(body: Mapping[str, Any]) -> ReportResult:
    return ReportResult(counts=_named_counts(body, {"total": "devices"}), places=_places(body.get("location")))


def _read_overview(body: Mapping[str, Any]) -> ReportResult:
    counts = _named_counts(body, {"total": "devices", "online": "online"})
    for group in ("new", "active"):
        for span, number in coerce.fields(body.get(group)).items():
            if (count := _integer(number)) is not None:
                counts[f"{group}_{_SPANS.get(span, span)}"] = count
    return ReportResult(counts=counts)


_SPANS: Final[Mapping[str, str]] = {"7_day": "7_days", "30_day": "30_days"}


def _named_counts(body: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, int]:
    found = {shown: _integer(body.get(name)) for name, shown in names.items()}
    return {shown: number for shown, number in found.items() if number is not None}


def _read_counted(body: Mapping[str, Any]) -> ReportResult:
    details = coerce.fields(body.get("detail"))
    rows = tuple({"datapoint": name, **_counts(counts)} for name, counts in details.items())
    return ReportResult(counts=_counts(body.get("count")), places=_places(body.get("location")), rows=rows)


def _read_devices(body: Mapping[str, Any]) -> ReportResult:
    rows = [_device_row(row) for row in coerce.records(body.get("objects"))]
    return ReportResult(counts={"devices": len(rows)}, rows=tuple(rows))


def _device_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    names = {"report_date": "date", "mac": "mac", "device_sn": "serial_number", "created_at": "created_at"}
    names |= {level: level for level in _LEVELS}
    found = {shown: coerce.text(row.get(name)) for name, shown in names.items()}
    return {shown: text for shown, text in found.items() if text is not None}


def _read_periods(body: Mapping[str, Any]) -> ReportResult:
    rows = [_period_row(row) for row in coerce.records(body.get("data"))]
    return ReportResult(rows=tuple(row for row in rows if row is not None))


def _period_row(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # The key of the period is the name of the cycle in the example, and `date` in the table.
    period = next((text for cycle in Cycle if (text := coerce.text(row.get(cycle))) is not None), None)
    count = _integer(row.get("count"))
    if period is None or count is None:
        return None
    places = _places(row.get("location"))
    return {"period": period, "count": count} | ({"places": places} if places else {})


def _read_user_total(body: Mapping[str, Any]) -> ReportResult:
    return ReportResult(counts=_named_counts(body, {"total": "users"}))


def _read_user_places(body: Mapping[str, Any]) -> ReportResult:
    return ReportResult(places=_as_users(_places(body)))


def _as_users(places: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(
        Place(name=place.name, counts={"users": sum(place.counts.values())}, places=_as_users(place.places))
        for place in places
    )


_LONGEST_RANGE: Final[Mapping[Cycle, int]] = {Cycle.DATE: 30, Cycle.WEEK: 53, Cycle.MONTH: 12}
"""How many days, weeks or months the last one of a range may be after the first one."""
_GROUP: Final = frozenset({Parameter.GROUP})
_CYCLED: Final = frozenset({Parameter.CYCLE, Parameter.RANGE})

REPORTS: Final[Mapping[str, Report]] = {
    "device_overview": Report(
        paths=("/devices/summary", "/summary"), proof=frozenset({"active", "new"}), read=_read_overview
    ),
    "device_locations": Report(
        paths=("/devices/locations",),
        proof=frozenset({"location"}),
        read=_read_locations,
        takes=_GROUP | {Parameter.FLAGS},
    ),
    "device_status": Report(
        paths=("/devices/report/rt", "/devices/report/devices/report/rt"),
        proof=frozenset({"count"}),
        read=_read_counted,
        takes=_GROUP,
    ),
    "new_devices": Report(
        paths=("/incr_devices",),
        proof=frozenset({"objects"}),
        read=_read_devices,
        takes=frozenset({Parameter.RANGE, Parameter.PLACE}),
        is_paged=True,
    ),
    "active_devices": Report(
        paths=("/active_devices",),
        proof=frozenset({"objects"}),
        read=_read_devices,
        takes=frozenset({Parameter.RANGE, Parameter.PLACE}),
        is_paged=True,
    ),
    "active_device_history": Report(
        paths=("/devices/report/liveness/history",),
        proof=frozenset({"data"}),
        read=_read_periods,
        takes=_GROUP | _CYCLED,
        required=_CYCLED,
    ),
    "faulty_devices": Report(
        paths=("/fault/report/devices",), proof=frozenset({"count"}), read=_read_counted, takes=_GROUP
    ),
    "alerting_devices": Report(
        paths=("/alert/report/devices",), proof=frozenset({"count"}), read=_read_counted, takes=_GROUP
    ),
    "fault_events": Report(
        paths=("/fault/report/events",), proof=frozenset({"detail"}), read=_read_counted, takes=_GROUP
    ),
    "alert_events": Report(
        # The page about it repeats the address of the alerting devices.
        paths=("/alert/report/events", "/fault/alert/events", "/alert/report/devices"),
        proof=frozenset({"detail"}),
        read=_read_counted,
        takes=_GROUP,
    ),
    "new_users": Report(
        paths=("/users/report/new",),
        proof=frozenset({"data"}),
        read=_read_periods,
        takes=_GROUP | _CYCLED,
        required=_CYCLED,
    ),
    "user_total": Report(
        paths=("/users/report/total",), proof=frozenset({"total"}), read=_read_user_total, takes=_GROUP
    ),
    "active_users": Report(
        paths=("/v1/users/liveness_total",),
        proof=frozenset({"data"}),
        read=_read_periods,
        takes=frozenset({Parameter.RANGE, Parameter.APP}),
        required=frozenset({Parameter.RANGE}),
        is_of_enterprise=True,
    ),
    "user_locations": Report(
        paths=("/v1/users/location",), proof=frozenset(), read=_read_user_places, is_of_enterprise=True
    ),
}
"""All reports by name. `devices/report/activation` is left out: the vendor lists it without describing it."""


class Reports:
    """The reports of an enterprise's products."""

    def __init__(self, access: ProductAccess, client_store: ClientStore) -> None:
        """Ask through `access`; keep in `client_store` how long a page may be."""
        self._access = access
        self._page_size = page_size(client_store, "report page", DEVICE_PAGES)

    @property
    def names(self) -> Sequence[str]:
        """The names of all reports."""
        return tuple(REPORTS)

    def takes(self, name: str) -> frozenset[Parameter]:
        """Return what a report may be limited to or counted by."""
        return REPORTS[name].takes

    async def get(
        self, product_key: str, name: str, query: ReportQuery, *, purpose: Purpose = Purpose.CONTROL
    ) -> ReportResult:
        """Fetch a report of a product.

        Raises `Rejected` (INVALID_REQUEST, with the parameter as its subject) before anything is sent for a query that
        the report does not take, `Unreachable` (NOT_READY) for one that the vendor has not calculated yet, `Forbidden`
        (FEATURE_NOT_GRANTED) for one that is not offered to this product or region, and any other `CloudError`.
        """
        report = REPORTS[name]
        check(report, query)
        refusal: CloudError | None = None
        for path in report.paths:
            try:
                body = await self._fetch(product_key, report, path, query, purpose)
            except (NotSupported, UnexpectedAnswer) as error:
                refusal = refusal or error
                continue
            if not report.proof or report.proof & body.keys():
                return report.read(body)
        raise refusal or UnexpectedAnswer(endpoint=_PRODUCT + report.paths[0], subject=product_key)

    async def _fetch(
        self, product_key: str, report: Report, path: str, query: ReportQuery, purpose: Purpose
    ) -> Mapping[str, Any]:
        if report.is_of_enterprise:
            params = _enterprise_params(product_key, query)
            return coerce.fields(await self._access.request_as_enterprise("GET", path, params=params, purpose=purpose))
        ask = partial(self._access.request, product_key, "GET", path, purpose=purpose)
        asked = _params(query)
        if not report.is_paged:
            return coerce.fields(await ask(params=asked))

        following: Mapping[str, str] = {}

        async def ask_page(place: Mapping[str, int]) -> Any:
            # The document names no `limit` and `skip` of these lists, but the address of the next page.
            nonlocal following
            first: Mapping[str, int] = {} if place["limit"] == DOCUMENTED_PAGE else place
            body = await ask(params={**asked, **(following or place if place["skip"] else first)})
            meta = coerce.fields(coerce.fields(body).get("meta"))
            following = dict(parse_qsl(urlsplit(coerce.text(meta.get("next")) or "").query))
            return body

        endpoint = _PRODUCT + path
        rows = await find_rows(ask_page, self._page_size, most=_MOST_ROWS, endpoint=endpoint, subject=product_key)
        return {"objects": rows}


def check(report: Report, query: ReportQuery) -> None:
    """Raise `Rejected` (INVALID_REQUEST, subject: the parameter) for a query that a report does not take."""
    for parameter in Parameter:
        is_missing = parameter in report.required and parameter not in query.given
        if is_missing or (parameter in query.given and parameter not in report.takes):
            raise Rejected(Reason.INVALID_REQUEST, endpoint=report.paths[0], subject=parameter)
    needs_both = Parameter.RANGE in report.required
    if needs_both and (query.start is None or query.end is None):
        raise Rejected(Reason.INVALID_REQUEST, endpoint=report.paths[0], subject=Parameter.RANGE)
    if query.start is not None and query.end is not None:
        cycle = query.cycle or Cycle.DATE
        if query.end < query.start or _number(cycle, query.end) - _number(cycle, query.start) > _LONGEST_RANGE[cycle]:
            raise Rejected(Reason.INVALID_REQUEST, endpoint=report.paths[0], subject=Parameter.RANGE)


def _params(query: ReportQuery) -> dict[str, str]:
    cycle = query.cycle or Cycle.DATE
    flags = {"is_online": query.is_online, "is_faulty": query.is_faulty, "is_alert": query.is_alerting}
    params = {
        "gid": query.group_id,
        "cycle": query.cycle,
        "start": None if query.start is None else _period(cycle, query.start),
        "end": None if query.end is None else _period(cycle, query.end),
        "country": query.country,
        "region": query.region,
        "city": query.city,
        **{name: None if flag is None else str(int(flag)) for name, flag in flags.items()},
    }
    return {name: value for name, value in params.items() if value is not None}


def _number(cycle: Cycle, day: date) -> int:
    """Return the number of a day, or of its week or month, of which each one has the next number."""
    match cycle:
        case Cycle.DATE:
            return day.toordinal()
        case Cycle.WEEK:
            return (day.toordinal() - 1) // 7  # the first day of the calendar was a Monday
        case Cycle.MONTH:
            return 12 * day.year + day.month


def _period(cycle: Cycle, day: date) -> str:
    """The period of a day as the vendor writes it: `2016-12-31`, `2016-52` or `2016-12`."""
    if cycle is Cycle.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-{week:02}"
    return day.isoformat() if cycle is Cycle.DATE else f"{day:%Y-%m}"


def _enterprise_params(product_key: str, query: ReportQuery) -> dict[str, str | int]:
    params = {
        # The document calls this parameter product_secret and describes it as the product key.
        "product_secret": product_key,
        "start_date": None if query.start is None else query.start.isoformat(),
        "end_date": None if query.end is None else query.end.isoformat(),
        "appid": query.app_id,
    }
    return {name: value for name, value in params.items() if value is not None}
