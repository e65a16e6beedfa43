"""Sums, averages, maxima and minima by hour, day, week or month, which both Gizwits APIs answer alike.

It knows parameters, labels and rows, not the way to either API. The section of both documents is "Data aggregation".
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
from .history_windows import by_device, present, reach_back, reachable
from .label_offset import HOUR, LabelOffset

type Ask = Callable[[Device, str, Mapping[str, str | int]], Awaitable[Any]]
"""Asks a device's aggregates by a method, with these parameters, and answers the body."""


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    beyond: timedelta  # how much further than a proof reaches, a period at the edge of a range may go
    label: re.Pattern[str]
    layout: str
    suffix: str = ""  # what the label of a week lacks to be a day


_UNITS: Final[Mapping[Period, _Unit]] = {
    Period.HOUR: _Unit("HOURS", timedelta(), re.compile(r"\d{10}"), "%Y%m%d%H"),
    Period.DAY: _Unit("DAYS", timedelta(), re.compile(r"\d{8}"), "%Y%m%d"),
    Period.WEEK: _Unit("WEEKS", timedelta(days=7), re.compile(r"\d{6}"), "%G%V%u", "1"),
    Period.MONTH: _Unit("MONTHS", timedelta(days=31), re.compile(r"\d{6}"), "%Y%m"),
}
PERIODS: Final = frozenset(_UNITS)
AGGREGATIONS: Final = frozenset({Aggregation.SUM, Aggregation.AVG, Aggregation.MAX, Aggregation.MIN})
REACH_OF_BUCKETS: Final = timedelta(days=31)  # "about the last month"
_REACHES: Final = (REACH_OF_BUCKETS, timedelta(days=30), timedelta(days=28))  # which other servers may take it for
_METHODS: Final = ("GET", "PUT")
_NO_SUCH_METHOD: Final = (404, 405)
_MILLISECOND: Final = timedelta(milliseconds=1)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Aggregates:
    """The aggregates of one server.

    A range is asked for in one request, whatever its length: the reach allows 744 hours at the most, answers have no
    pages, and neither document limits a window.
    """

    def __init__(self, ask: Ask, definitions: Definitions, client_store: ClientStore, *, server: str) -> None:
        """Ask with `ask`; keep in `client_store` how the server at the address `server` wants to be asked."""
        self._ask = ask
        self._definitions = definitions
        self._client_store = client_store
        self._zone = LabelOffset(client_store, server)
        self._slot = f"aggregation at {server}"
        self._reach_slot = f"reach of aggregates at {server}"

    async def buckets(
        self, series: Sequence[Series], start: datetime, end: datetime, *, period: Period, aggregation: Aggregation
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        """One number for each period that the range touches and that was reached from its beginning.

        The vendor's labels decide where a period begins: at midnight of the zone they are written in. The last bucket
        may still be growing: it ends in the future. Where that zone cannot be proven, a series is stopped by
        `UnexpectedAnswer` (ZONE_UNPROVEN). Raises `Rejected` (INVALID_REQUEST) for what is not offered.
        """
        if period not in PERIODS or aggregation not in AGGREGATIONS:
            raise Rejected(Reason.INVALID_REQUEST, subject=str(aggregation if period in PERIODS else period))
        first, last = reachable(start, end, REACH_OF_BUCKETS)

        async def read(device: Device, keys: Sequence[str]) -> Mapping[str, HistoryResult[Bucket]]:
            datapoints = (await self._definitions.get(device.schema_id)).by_key
            numbers = [key for key in keys if key in datapoints and datapoints[key].data_type is DataType.NUMBER]
            pasts = {
                # One name that has no numbers would fail the request for all of them.
                key: HistoryResult[Bucket](
                    rows=(), start=first, end=first, stopped_by=Rejected(Reason.INVALID_VALUE, subject=key)
                )
                for key in keys
            }
            if numbers and first < last:
                asked = _Asked(self._answer, device, ",".join(numbers), aggregation)
                begin, rows = await self._reached(asked, period, first, last)
                damage = UnexpectedAnswer(subject=device.name) if asked.is_damaged else None
                pasts |= {
                    key: HistoryResult(rows=_buckets(rows, key), start=begin, end=last, stopped_by=damage)
                    for key in numbers
                }
            else:
                pasts |= {key: HistoryResult(rows=(), start=first, end=last) for key in numbers}
            return pasts

        return await by_device(series, first, read)

    async def _reached(
        self, asked: _Asked, period: Period, start: datetime, end: datetime
    ) -> tuple[datetime, Sequence[_Dated]]:
        """The rows of a range and since when they are complete, which is later where the server looks less far back."""
        known = timedelta(days=coerce.number(self._client_store.get(self._reach_slot)) or REACH_OF_BUCKETS.days)
        begins = {reachable(start, end, reach)[0]: reach for reach in reversed(_REACHES) if reach <= known}
        refused = False
        for begin in sorted(begins):
            if begin >= end:
                break
            try:
                rows = await self._rows(asked, period, begin, end, reach_back(begins[begin]))
            except Rejected:
                if begin == max(begins):
                    raise
                refused = True
                continue
            if refused:
                self._client_store.put(self._reach_slot, begins[begin].days)
            return rows
        return end, ()

    async def _rows(
        self, asked: _Asked, period: Period, start: datetime, end: datetime, oldest: datetime
    ) -> tuple[datetime, Sequence[_Dated]]:
        """The rows of the periods that a range touches, oldest first, and since when they are complete.

        A period that began before `oldest` is none of them.
        """
        beyond = _UNITS[period].beyond
        since, until = max(oldest, start - beyond), max(end, min(end + beyond, asked.now))
        offset = self._zone.proven(since, until)
        if offset is not None:
            if (rows := await asked.rows(period, start, end, timezone(offset), oldest)) is not None:
                return rows
            self._zone.forget()
        # An hour alone proves nothing, so at least a day is looked at.
        since, until = _whole_since(min(since, until - _DAY), oldest), _whole(until)
        labels = await asked.labels(since, until)
        if not labels:
            return start, ()
        offset = await self._zone.prove(labels, asked.labels, since, until)
        if (rows := await asked.rows(period, start, end, timezone(offset), oldest)) is not None:
            return rows
        self._zone.forget()
        raise UnexpectedAnswer(Reason.ZONE_UNPROVEN)

    async def _answer(self, device: Device, unit: str, params: Mapping[str, str | int]) -> Any:
        """Ask the way the server is known to understand, or find it out: the documents contradict each other."""
        known = coerce.fields(self._client_store.get(self._slot))
        is_lower = bool(known.get("is_lower_case"))
        first = str(known.get("method", _METHODS[0]))

        async def ask(unit: str) -> Any:
            return await self._by_method(device, first, {**params, "unit": unit})

        try:
            method, body = await ask(unit.lower() if is_lower else unit)
        except Rejected as refusal:
            if known:
                raise
            try:
                method, body = await ask(unit.lower())
            except Rejected:
                raise refusal from None
            is_lower = True
        self._client_store.put(self._slot, {"method": method, "is_lower_case": is_lower})
        return body

    async def _by_method(self, device: Device, first: str, params: Mapping[str, str | int]) -> tuple[str, Any]:
        missing: CloudError | None = None
        for method in sorted(_METHODS, key=lambda method: method != first):
            try:
                return method, await self._ask(device, method, params)
            except (UnexpectedAnswer, Unreachable) as error:
                if error.status not in _NO_SUCH_METHOD:
                    raise
                missing = error
        raise NotSupported(subject=device.name) from missing


class AggregatedHistory(NoHistory):
    """The history of a cloud that answers aggregates as both Gizwits APIs do."""

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
        """Read what was aggregated in the past month ("Data aggregation" of either API); see `Aggregates`."""
        return await self._aggregates.buckets(series, start, end, period=period, aggregation=aggregation)


@dataclass(frozen=True, slots=True)
class _Row:
    """What was aggregated under one label. `is_damaged`: the label, or one of the numbers, cannot be read."""

    label: str | None
    attrs: Mapping[str, Any]
    is_damaged: bool


@dataclass(frozen=True, slots=True)
class _Dated:
    """What was aggregated in a period."""

    begin: datetime
    end: datetime
    attrs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of one device. Nothing is asked twice."""

    answer: Callable[[Device, str, Mapping[str, str | int]], Awaitable[Any]]
    device: Device
    names: str
    aggregation: Aggregation
    now: datetime = field(default_factory=present)
    answers: dict[tuple[str, int, int], list[_Row]] = field(default_factory=dict)

    @property
    def is_damaged(self) -> bool:
        """Whether an answer had rows that nobody can tell what is missing of."""
        return any(row.is_damaged for rows in self.answers.values() for row in rows)

    async def labels(self, start: datetime, end: datetime) -> list[datetime]:
        """The labels of the hours with readings in a range, oldest first, each read as if its zone were UTC."""
        rows = await self._between(Period.HOUR, start, end)
        labels = {label for row in rows if (label := _read(row.label, Period.HOUR)) is not None}
        if rows and not labels:
            raise UnexpectedAnswer(Reason.ZONE_UNPROVEN, subject=self.device.name)
        return sorted(labels)

    async def rows(
        self, period: Period, start: datetime, end: datetime, zone: timezone, oldest: datetime
    ) -> tuple[datetime, Sequence[_Dated]] | None:
        """The rows of the periods that a range touches, and since when; None where a label contradicts the zone."""
        first = begin_of(period, start, zone)
        if first < oldest:
            first = end_of(period, first, zone)
        since = max(first, start)
        if first >= end:
            return min(since, end), ()
        until = end_of(period, begin_of(period, end - timedelta.resolution, zone), zone)
        found: dict[datetime, _Dated] = {}
        for row in await self._between(period, first, until):
            if (label := _read(row.label, period)) is None:
                continue
            begin = label - zone.utcoffset(None)
            if not first <= begin < until:
                return None
            found.setdefault(begin, _Dated(begin, end_of(period, begin, zone), row.attrs))
        return since, [found[begin] for begin in sorted(found)]

    async def _between(self, period: Period, start: datetime, end: datetime) -> list[_Row]:
        # To the last millisecond before the end: no document says whether the end belongs to the range.
        last = min(end, self.now) - _MILLISECOND
        start_ms, end_ms = ((moment - _EPOCH) // _MILLISECOND for moment in (start, last))
        unit = _UNITS[period].name
        if (known := self.answers.get((unit, start_ms, end_ms))) is not None:
            return known
        params: dict[str, str | int] = {"start_ts": start_ms, "end_ts": end_ms, "attrs": self.names}
        body = coerce.fields(await self.answer(self.device, unit, {**params, "aggregator": str(self.aggregation)}))
        data = body.get("data")
        if not isinstance(data, list):
            raise UnexpectedAnswer(endpoint="agg_data", subject=self.device.name)
        rows = [_row(coerce.fields(row)) for row in data]
        self.answers[unit, start_ms, end_ms] = rows
        return rows


def _row(row: Mapping[str, Any]) -> _Row:
    # The Open API's page writes datatime.
    label = coerce.text(row.get("datetime")) or coerce.text(row.get("datatime"))
    attrs = row.get("attrs")
    numbers = coerce.fields(attrs)
    are_numbers = all(value is None or coerce.number(value) is not None for value in numbers.values())
    return _Row(label, numbers, is_damaged=label is None or not isinstance(attrs, dict) or not are_numbers)


def _whole_since(moment: datetime, oldest: datetime) -> datetime:
    """The whole hour before, or the next one where that is too old."""
    begin = begin_of(Period.HOUR, moment, UTC)
    return begin if begin >= oldest else _whole(moment)


def _whole(moment: datetime) -> datetime:
    """The next whole hour."""
    begin = begin_of(Period.HOUR, moment, UTC)
    return begin if begin == moment else begin + HOUR


def _read(label: str | None, period: Period) -> datetime | None:
    unit = _UNITS[period]
    if label is None or not unit.label.fullmatch(label):
        return None
    try:
        found = datetime.strptime(label + unit.suffix, unit.layout).replace(tzinfo=UTC)
    except ValueError:
        return None
    # At the ends of the calendar a label has no time in another zone, nor an end.
    return found if _EPOCH <= found < _NEVER else None


def _buckets(rows: Sequence[_Dated], key: str) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(start=row.begin, end=row.end, value=value)
        for row in rows
        if (value := coerce.number(row.attrs.get(key))) is not None
    )
