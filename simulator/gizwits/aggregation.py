"""The aggregation of both APIs: sum, average, maximum or minimum of numeric datapoints by hour, day, week or month."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from aiohttp import web

from .devices import GizwitsDevice
from .errors import Refused
from .wire import one_of, whole_number

_LABELS = {"HOURS": "%Y%m%d%H", "DAYS": "%Y%m%d", "WEEKS": "%G%V", "MONTHS": "%Y%m"}
_SAMPLE_SECONDS = {"HOURS": 600, "DAYS": 3600, "WEEKS": 21600, "MONTHS": 86400}
_NO_METHOD: dict[int, Callable[[], web.HTTPException]] = {
    404: web.HTTPNotFound,
    405: lambda: web.HTTPMethodNotAllowed("", []),
}
_AGGREGATORS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
}


@dataclass(slots=True)
class AggregationDialect:
    """What the documents leave open. Attributes may be changed at any time.

    `label_zone`: the time zone of the labels. `methods`: the HTTP methods that are served; others get
    `no_method_status`. `has_lower_case_units`: units are `hours` instead of `HOURS`.
    """

    label_zone: tzinfo = UTC
    methods: frozenset[str] = frozenset({"GET", "PUT"})
    no_method_status: int = 405
    has_lower_case_units: bool = False


@dataclass(frozen=True, slots=True)
class AggregationQuery:
    """A request for aggregates. Its range is in milliseconds; without an end it lasts until now."""

    start_ms: int
    end_ms: int | None
    names: tuple[str, ...]
    aggregator: str
    unit: str
    label_zone: tzinfo

    @classmethod
    def from_request(
        cls, request: web.Request, device: GizwitsDevice, dialect: AggregationDialect, code: int
    ) -> AggregationQuery:
        """Parse the query parameters, whatever the HTTP method. Raises Refused with `code`."""
        if request.method not in dialect.methods:
            no_method = _NO_METHOD[dialect.no_method_status]
            raise no_method()
        names = tuple(name.strip() for name in request.query.get("attrs", "").split(",") if name.strip())
        by_name = device.product.by_name
        if not names or not all(name in by_name and by_name[name].is_number for name in names):
            raise Refused(code, "attrs")
        for required in ("start_ts", "aggregator", "unit"):
            if required not in request.query:
                raise Refused(code, required)
        end = whole_number(request, "end_ts", 0, code) if "end_ts" in request.query else None
        aggregator = one_of(request, "aggregator", tuple(_AGGREGATORS), code) or ""
        units = {unit.lower() if dialect.has_lower_case_units else unit: unit for unit in _LABELS}
        unit = units[one_of(request, "unit", tuple(units), code) or ""]
        start = whole_number(request, "start_ts", 0, code)
        return cls(start, end, names, aggregator, unit, dialect.label_zone)

    def rows(self, device: GizwitsDevice) -> list[tuple[str, dict[str, float]]]:
        """Return the label and the values of each period in which the device was online, oldest first."""
        step = _SAMPLE_SECONDS[self.unit]
        now = device.clock()
        end = min(now, self.end_ms / 1000 if self.end_ms is not None else now)
        start = max(self.start_ms / 1000, now - 31 * 86400)
        times = [at for at in range(int(-(-start // step)) * step, int(end) + 1, step) if device.was_online(at)]
        return [(label, self._values(device, list(group))) for label, group in itertools.groupby(times, self._label)]

    def _values(self, device: GizwitsDevice, times: list[int]) -> dict[str, float]:
        samples = [device.values_at(at, self.names) for at in times]
        values: dict[str, float] = {}
        for name in self.names:
            numbers = [float(sample[name]) for sample in samples if name in sample]
            if numbers:
                values[name] = round(_AGGREGATORS[self.aggregator](numbers), 4)
        return values

    def _label(self, seconds: int) -> str:
        return datetime.fromtimestamp(seconds, self.label_zone).strftime(_LABELS[self.unit])
