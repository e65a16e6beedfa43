"""Sums, averages, maxima and minima by hour, day, week or month, which both Gizwits APIs return in the same way.

It knows parameters, labels and rows, not how to reach either API. Both documents describe it in "Data aggregation".
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import CloudError, NotSupported, Reason, Rejected, UnexpectedAnswer, Unreachable
from ..history import Aggregation, Bucket, HistoryResult, NoHistory, Period, Series
from ..model import DataType, Device
from ..windows import begin_of, end_of
from .definitions import Definitions
from .history_windows import by_device, clamp, oldest_kept, utc_now
from .label_offset import HOUR, LabelOffset

type RequestAggregates = Callable[[Device, str, Mapping[str, str | int]], Awaitable[Any]]
"""Requests the aggregates of a device with an HTTP method and parameters, and returns the body of the answer."""


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    beyond: timedelta  # how far a period at the edge of a range may extend beyond a proof of the offset
    label: re.Pattern[str]
    layout: str
    suffix: str = ""  # appended to the label of a week to make it a day


_UNITS: Final[Mapping[Period, _Unit]] = {
    Period.HOUR: _Unit("HOURS", timedelta(), re.compile(r"\d{10}"), "%Y%m%d%H"),
    Period.DAY: _Unit("DAYS", timedelta(), re.compile(r"\d{8}"), "%Y%m%d"),
    Period.WEEK: _Unit("WEEKS", timedelta(days=7), re.compile(r"\d{6}"), "%G%V%u", "1"),
    Period.MONTH: _Unit("MONTHS", timedelta(days=31), re.compile(r"\d{6}"), "%Y%m"),
}
PERIODS: Final = frozenset(_UNITS)
AGGREGATIONS: Final = frozenset({Aggregation.SUM, Aggregation.AVG, Aggregation.MAX, Aggregation.MIN})
BUCKETS_RETENTION: Final = timedelta(days=31)  # "about the last month"
_RETENTIONS: Final = (BUCKETS_RETENTION, timedelta(days=30), timedelta(days=28))  # a server may mean any of them
_METHODS: Final = ("GET", "PUT")
_NO_SUCH_METHOD: Final = (404, 405)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Aggregates:
    """The aggregates of one server.

    A range takes one request, whatever its length: the retention limits it to 744 hours, answers have no pages, and
    neither document limits a window.
    """

    def __init__(
        self, request: RequestAggregates, definitions: Definitions, client_store: ClientStore, *, server: str
    ) -> None:
        """Send requests with `request`; keep in `client_store` which parameters the server at `server` accepts."""
        self._request = request
        self._definitions = definitions
        self._client_store = client_store
        self._label_offset = LabelOffset(client_store, server)
        self._slot = f"aggregation at {server}"
        self._retention_slot = f"reach of aggregates at {server}"

    async def buckets(
        self, series: Sequence[Series], start: datetime, end: datetime, *, period: Period, aggregation: Aggregation
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """Read one bucket for each period that the range touches and that began within the retention.

        The vendor's labels decide where a period begins: at midnight in the zone of the labels. The last bucket may
        still be growing; then it ends in the future. If the zone cannot be proven, `UnexpectedAnswer` (ZONE_UNPROVEN)
        stops the series. Raises `Rejected` (INVALID_REQUEST) for a period or an aggregation that is not offered.
        """
        if period not in PERIODS or aggregation not in AGGREGATIONS:
            raise Rejected(Reason.INVALID_REQUEST, subject=str(aggregation if period in PERIODS else period))
        first, last = clamp(start, end, BUCKETS_RETENTION)

        async def read(device: Device, keys: Sequence[str]) -> Mapping[str, HistoryResult[Bucket]]:
            datapoints = (await self._definitions.get(device.schema_id)).by_key
            numbers = [key for key in keys if key in datapoints and datapoints[key].data_type is DataType.NUMBER]
            results = {
                # A name without numbers in a request would make it fail for all names.
                key: HistoryResult[Bucket](
                    rows=(), start=first, end=first, stopped_by=Rejected(Reason.INVALID_VALUE, subject=key)
                )
                for key in keys
            }
            if numbers and first < last:
                query = _DeviceQuery(self._request_adapted, device, ",".join(numbers), aggregation)
                begin, rows = await self._rows_since(query, period, first, last)
                damage = UnexpectedAnswer(subject=device.name) if query.is_damaged else None
                results |= {
                    key: HistoryResult(rows=_buckets(rows, key), start=begin, end=last, stopped_by=damage)
                    for key in numbers
                }
            else:
                results |= {key: HistoryResult(rows=(), start=first, end=last) for key in numbers}
            return results

        return await by_device(series, first, read)

    async def _rows_since(
        self, query: _DeviceQuery, period: Period, start: datetime, end: datetime
    ) -> tuple[datetime, Sequence[_TimedRow]]:
        """Return since when rows are complete, and the rows; some servers refuse ranges that go back a month."""
        known = timedelta(days=coerce.number(self._client_store.get(self._retention_slot)) or BUCKETS_RETENTION.days)
        begins = {
            clamp(start, end, retention)[0]: retention for retention in reversed(_RETENTIONS) if retention <= known
        }
        refused = False
        for begin in sorted(begins):
            if begin >= end:
                break
            try:
                rows = await self._rows(query, period, begin, end, oldest_kept(begins[begin]))
            except Rejected:
                if begin == max(begins):
                    raise
                refused = True
                continue
            if refused:
                self._client_store.put(self._retention_slot, begins[begin].days)
            return rows
        return end, ()

    async def _rows(
        self, query: _DeviceQuery, period: Period, start: datetime, end: datetime, oldest: datetime
    ) -> tuple[datetime, Sequence[_TimedRow]]:
        """Return since when rows are complete, and the rows of the periods that a range touches, oldest first.

        Periods that began before `oldest` are left out.
        """
        beyond = _UNITS[period].beyond
        since, until = max(oldest, start - beyond), max(end, min(end + beyond, query.now))
        offset = self._label_offset.proven(since, until)
        if offset is not None:
            if (rows := await query.rows(period, start, end, timezone(offset), oldest)) is not None:
                return rows
            self._label_offset.forget()
        # One hour is no proof, so request at least a day.
        since, until = _round_down(min(since, until - _DAY), oldest), _round_up(until)
        labels = await query.labels(since, until)
        if not labels:
            return start, ()
        offset = await self._label_offset.prove(labels, query.labels, since, until)
        if (rows := await query.rows(period, start, end, timezone(offset), oldest)) is not None:
            return rows
        self._label_offset.forget()
        raise UnexpectedAnswer(Reason.ZONE_UNPROVEN)

    async def _request_adapted(self, device: Device, unit: str, params: Mapping[str, str | int]) -> Any:
        """Request with the method and the spelling that the server accepts: the documents contradict each other."""
        known = coerce.fields(self._client_store.get(self._slot))
        is_lower = bool(known.get("is_lower_case"))
        first = str(known.get("method", _METHODS[0]))

        async def request(unit: str) -> Any:
            return await self._by_method(device, first, {**params, "unit": unit})

        try:
            method, body = await request(unit.lower() if is_lower else unit)
        except Rejected as refusal:
            if known:
                raise
            try:
                method, body = await request(unit.lower())
            except Rejected:
                raise refusal from None
            is_lower = True
        self._client_store.put(self._slot, {"method": method, "is_lower_case": is_lower})
        return body

    async def _by_method(self, device: Device, first: str, params: Mapping[str, str | int]) -> tuple[str, Any]:
        missing: CloudError | None = None
        for method in sorted(_METHODS, key=lambda method: method != first):
            try:
                return method, await self._request(device, method, params)
            except (UnexpectedAnswer, Unreachable) as error:
                if error.status not in _NO_SUCH_METHOD:
                    raise
                missing = error
        raise NotSupported(subject=device.name) from missing


class AggregatedHistory(NoHistory):
    """The part of the history that both Gizwits APIs share: aggregates."""

    _aggregates: Aggregates

    async def buckets(
        self,
        series: Sequence[Series],
        start: datetime,
        end: datetime,
        *,
        period: Period,
        aggregation: Aggregation,
        is_local: bool = False,
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """Read the aggregates of the past month ("Data aggregation" of either API); see `Aggregates`."""
        return await self._aggregates.buckets(series, start, end, period=period, aggregation=aggregation)


@dataclass(frozen=True, slots=True)
class _LabelledRow:
    """The aggregates under one label. `is_damaged`: the label or one of the numbers is unreadable."""

    label: str | None
    attrs: Mapping[str, Any]
    is_damaged: bool


@dataclass(frozen=True, slots=True)
class _TimedRow:
    """The aggregates of one period."""

    begin: datetime
    end: datetime
    attrs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _DeviceQuery:
    """Requests the aggregates of one device, and keeps the answers so that no request is repeated."""

    request: RequestAggregates
    device: Device
    names: str
    aggregation: Aggregation
    now: datetime = field(default_factory=utc_now)
    answers: dict[tuple[str, int, int], list[_LabelledRow]] = field(default_factory=dict)

    @property
    def is_damaged(self) -> bool:
        """Whether an answer had unreadable rows, so that buckets may be missing."""
        return any(row.is_damaged for rows in self.answers.values() for row in rows)

    async def labels(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the labels of the hours with readings in a range, oldest first, each parsed as if it were UTC."""
        rows = await self._between(Period.HOUR, start, end)
        labels = {label for row in rows if (label := _parse(row.label, Period.HOUR)) is not None}
        if rows and not labels:
            raise UnexpectedAnswer(Reason.ZONE_UNPROVEN, subject=self.device.name)
        return sorted(labels)

    async def rows(
        self, period: Period, start: datetime, end: datetime, zone: timezone, oldest: datetime
    ) -> tuple[datetime, Sequence[_TimedRow]] | None:
        """Return since when rows are complete, and the rows; None if a label contradicts the zone."""
        first = begin_of(period, start, zone)
        if first < oldest:
            first = end_of(period, first, zone)
        since = max(first, start)
        if first >= end:
            return min(since, end), ()
        until = end_of(period, begin_of(period, end - timedelta.resolution, zone), zone)
        found: dict[datetime, _TimedRow] = {}
        for row in await self._between(period, first, until):
            if (label := _parse(row.label, period)) is None:
                continue
            begin = label - zone.utcoffset(None)
            if not first <= begin < until:
                return None
            found.setdefault(begin, _TimedRow(begin, end_of(period, begin, zone), row.attrs))
        return since, [found[begin] for begin in sorted(found)]

    async def _between(self, period: Period, start: datetime, end: datetime) -> list[_LabelledRow]:
        # Up to the last millisecond before the end, since no document states whether the range includes its end.
        last = min(end, self.now) - _MILLISECOND
        start_ms, end_ms = ((at - _EPOCH) // _MILLISECOND for at in (start, last))
        unit = _UNITS[period].name
        if (known := self.answers.get((unit, start_ms, end_ms))) is not None:
            return known
        params: dict[str, str | int] = {"start_ts": start_ms, "end_ts": end_ms, "attrs": self.names}
        body = coerce.fields(await self.request(self.device, unit, {**params, "aggregator": str(self.aggregation)}))
        data = body.get("data")
        if not isinstance(data, list):
            raise UnexpectedAnswer(endpoint="agg_data", subject=self.device.name)
        rows = [_row(coerce.fields(row)) for row in data]
        self.answers[unit, start_ms, end_ms] = rows
        return rows


def _row(row: Mapping[str, Any]) -> _LabelledRow:
    # The page of the Open API spells the field datatime.
    label = coerce.text(row.get("datetime")) or coerce.text(row.get("datatime"))
    attrs = row.get("attrs")
    numbers = coerce.fields(attrs)
    are_numbers = all(value is None or coerce.number(value) is not None for value in numbers.values())
    return _LabelledRow(label, numbers, is_damaged=label is None or not isinstance(attrs, dict) or not are_numbers)


def _round_down(at: datetime, oldest: datetime) -> datetime:
    """Return the previous whole hour, or the next one if that is before `oldest`."""
    begin = begin_of(Period.HOUR, at, UTC)
    return begin if begin >= oldest else _round_up(at)


def _round_up(at: datetime) -> datetime:
    """Return the next whole hour."""
    begin = begin_of(Period.HOUR, at, UTC)
    return begin if begin == at else begin + HOUR


def _parse(label: str | None, period: Period) -> datetime | None:
    unit = _UNITS[period]
    if label is None or not unit.label.fullmatch(label):
        return None
    try:
        found = datetime.strptime(label + unit.suffix, unit.layout).replace(tzinfo=UTC)
    except ValueError:
        return None
    # Near the ends of the calendar a label may have no time in another zone, or no end.
    return found if _EPOCH <= found < _NEVER else None


def _buckets(rows: Sequence[_TimedRow], key: str) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(start=row.begin, end=row.end, value=value)
        for row in rows
        if (value := coerce.number(row.attrs.get(key))) is not None
    )
