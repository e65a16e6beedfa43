"""Imports the cloud's history into Home Assistant's long-term statistics, between the rows that the recorder wrote.

An import reads the existing rows, requests the missing hours, turns the answers into rows and writes them. It stores no
progress but the rows themselves: after a restart, the hours already written are no longer missing. It knows no vendor
and no entity platform.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from homeassistant.components.recorder.entity_options import is_entity_recorded
from homeassistant.components.recorder.models import StatisticData, StatisticMetaData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..clouds.client_store import ClientStore
from ..clouds.errors import AuthFailed, CloudError, RateLimited, Reason, Unreachable
from ..clouds.history import Aggregation, Bucket, History, HistoryResult, Period, Series
from ..clouds.model import Reading
from ..clouds.windows import split
from . import hours, recorder, rows
from .hours import HourRange
from .recorder import ExistingStatistics
from .rows import Convert, ExistingRow, MeterValues
from .sensors import StatisticsSensor

# Each range is written before the next one is requested, so a restart repeats one range of one batch at most. These two
# limits keep that small, and nothing else: the cloud's client divides requests that its server cannot answer at once.
_SERIES_PER_REQUEST = 25
_LONGEST_RANGE = timedelta(days=31)
_LATE_DATA = timedelta(days=1)  # devices and gateways upload later what they measured while they were offline
_ANSWERED = "statistics answered"  # in the client store: answered ranges as epoch seconds, by unique id of the entity


@dataclass(slots=True)
class ImportResult:
    """The result of one sensor's import. `reason` is `complete`, or the key of what ended or prevented the import."""

    rows_read: int = 0
    rows_written: int = 0
    start: datetime | None = None
    end: datetime | None = None
    reason: str = "complete"
    error: CloudError | None = None

    def add_range(self, hour_range: HourRange) -> None:
        """Extend the range from `start` to `end` to hours that were imported."""
        self.start = min(self.start or hour_range[0], hour_range[0])
        self.end = max(self.end or hour_range[1], hour_range[1])

    def as_dict(self) -> dict[str, Any]:
        """Return the result as the action returns it."""
        return {
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "reason": self.reason,
        }


@dataclass(slots=True)
class _SensorImport:
    """One sensor during an import: its statistics so far, and the ranges that the cloud has answered."""

    sensor: StatisticsSensor
    metadata: StatisticMetaData
    convert: Convert
    result: ImportResult
    existing: ExistingStatistics = field(default_factory=ExistingStatistics)
    answered: list[HourRange] = field(default_factory=list)


class Import:
    """One import of several sensors of one account."""

    def __init__(
        self,
        hass: HomeAssistant,
        history: History,
        client_store: ClientStore,
        *,
        is_thorough: bool,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare an import. A thorough one also requests hours for which the cloud once had no data."""
        self._hass = hass
        self._history = history
        self._client_store = client_store
        self._is_thorough = is_thorough
        self._on_progress = on_progress
        self.results: dict[str, ImportResult] = {}
        self.stopped_by: CloudError | None = None

    async def async_run(self, sensors: Sequence[StatisticsSensor], start: datetime, end: datetime) -> None:
        """Import the hours missing between `start` and `end`, as far back as the cloud keeps data."""
        now = dt_util.utcnow()
        await recorder.async_wait_for_recorder(self._hass)
        start = max(start, now - (self._history.capabilities.hours_retention or timedelta()))
        whole_range = hours.ceil(start), min(hours.floor(end), hours.compiled_until(now))
        for batch in _batches(sensors):
            if self.stopped_by is None:
                await self._async_import_batch(batch, whole_range, now)
            else:
                reason = _reason_of(self.stopped_by)
                for sensor in batch:
                    self.results[sensor.entity_id] = ImportResult(reason=reason, error=self.stopped_by)
            self._on_progress()

    async def _async_import_batch(
        self, sensors: Sequence[StatisticsSensor], whole_range: HourRange, now: datetime
    ) -> None:
        imports = await self._async_prepare(sensors, whole_range[0])
        by_range = self._plan(imports, whole_range)
        # Newest first: sums are numbered backwards from the rows after them, which have to exist by then.
        for hour_range in sorted(by_range, reverse=True):
            if self.stopped_by is None:
                await self._async_import_range(by_range[hour_range], hour_range)
            if self.stopped_by is not None:
                self._record_error(self.stopped_by, by_range[hour_range])
        if by_range:
            await recorder.async_wait_for_recorder(self._hass)
            self._store_answered(imports, now)

    # Planning

    async def _async_prepare(self, sensors: Sequence[StatisticsSensor], since: datetime) -> list[_SensorImport]:
        """Read the statistics of the sensors. A sensor that rows cannot be added to gets a result that says why."""
        metadata_by_id = await recorder.async_read_metadata(self._hass, sensors)
        imports: list[_SensorImport] = []
        for sensor in sensors:
            result = self.results[sensor.entity_id] = ImportResult()
            if not is_entity_recorded(self._hass, sensor.entity_id):
                result.reason = "not_recorded"
            elif (metadata := metadata_by_id.get(sensor.entity_id)) is None:
                result.reason = "no_state"
            elif not recorder.has_same_kind(sensor, metadata):
                result.reason = "other_statistics"
            elif (convert := recorder.conversion(sensor.description, metadata)) is None:
                result.reason = "other_unit"
            else:
                imports.append(_SensorImport(sensor, metadata, convert, result))
        existing = await recorder.async_read_existing(self._hass, [one.sensor for one in imports], since)
        for one in imports:
            one.existing = existing[one.sensor.entity_id]
        return imports

    def _plan(self, imports: Iterable[_SensorImport], whole_range: HourRange) -> dict[HourRange, list[_SensorImport]]:
        """Group the sensors by the ranges they miss, so that one request serves all that miss the same range."""
        answered = {} if self._is_thorough else self._load_answered()
        by_range: dict[HourRange, list[_SensorImport]] = defaultdict(list)
        for one in imports:
            existing = [row.start for row in one.existing.rows]
            missing = hours.missing_ranges(existing, whole_range, answered.get(one.sensor.unique_id, ()))
            if not missing:
                one.result.reason = "nothing_missing"
            for missing_range in missing:
                for hour_range in split(*missing_range, _LONGEST_RANGE):
                    by_range[hour_range].append(one)
        return by_range

    # Requesting and writing

    async def _async_import_range(self, imports: Sequence[_SensorImport], hour_range: HourRange) -> None:
        try:
            if self._history.capabilities.totals_retention is not None:
                await self._async_import_totals(imports, hour_range)
            elif self._history.capabilities.makes_hours_from_readings:
                await self._async_import_readings(imports, hour_range)
            else:
                await self._async_import_buckets(imports, hour_range)
        except CloudError as error:
            self._record_error(error, imports)

    async def _async_import_totals(self, imports: Sequence[_SensorImport], hour_range: HourRange) -> None:
        totals = [one for one in imports if one.sensor.description.datapoint.is_period_total and one.sensor.is_meter]
        results = await self._history.totals([one.sensor.series for one in totals], *hour_range)
        for one in imports:
            await self._async_write_answer(one, hour_range, [results.get(one.sensor.series)], _rows_of_totals)

    async def _async_import_readings(self, imports: Sequence[_SensorImport], hour_range: HourRange) -> None:
        results = await self._history.readings([one.sensor.series for one in imports], *hour_range)
        for one in imports:
            await self._async_write_answer(one, hour_range, [results.get(one.sensor.series)], _rows_from_readings)

    async def _async_import_buckets(self, imports: Sequence[_SensorImport], hour_range: HourRange) -> None:
        measurements = [one for one in imports if not one.sensor.is_meter]
        means = await self._async_buckets(measurements, hour_range, Aggregation.AVG)
        minima = await self._async_buckets(measurements, hour_range, Aggregation.MIN)
        maxima = await self._async_buckets(imports, hour_range, Aggregation.MAX)
        for one in imports:
            by_aggregation = [maxima] if one.sensor.is_meter else [means, minima, maxima]
            results = [of_series.get(one.sensor.series) for of_series in by_aggregation]
            await self._async_write_answer(one, hour_range, results, _rows_from_buckets)

    async def _async_buckets(
        self, imports: Sequence[_SensorImport], hour_range: HourRange, aggregation: Aggregation
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        if not imports:
            return {}
        series = [one.sensor.series for one in imports]
        return await self._history.buckets(series, *hour_range, period=Period.HOUR, aggregation=aggregation)

    async def _async_write_answer[Row](
        self,
        one: _SensorImport,
        hour_range: HourRange,
        answer: Sequence[HistoryResult[Row] | None],
        make_rows: Callable[[_SensorImport, HourRange, Sequence[HistoryResult[Row]]], Sequence[StatisticData]],
    ) -> None:
        """Write the rows of one sensor that the cloud's answer contains."""
        results = [result for result in answer if result is not None]
        if len(results) < len(answer):
            one.result.reason = "nothing_told"
            return
        error = next((result.stopped_by for result in results if result.stopped_by is not None), None)
        if error is not None:
            self._record_error(error, [one])
            if error.reason is Reason.ZONE_UNPROVEN:
                return
            # Only after an error are hours outside the result unanswered; else the cloud has no data for them.
            hour_range = _answered_range(hour_range, results)
        try:
            new_rows = make_rows(one, hour_range, results)
        except rows.NotHourly:
            one.result.reason = "not_hourly"
            return
        one.result.rows_read += max(len(result.rows) for result in results)
        await recorder.async_write(self._hass, one.metadata, new_rows)
        one.existing.rows = rows.add_rows(one.existing.rows, new_rows)
        one.result.rows_written += len(new_rows)
        if hour_range[0] < hour_range[1]:
            one.answered.append(hour_range)
            one.result.add_range(hour_range)

    def _record_error(self, error: CloudError, imports: Iterable[_SensorImport]) -> None:
        """Put an error into the results of the sensors concerned; an error of the account ends the import."""
        if isinstance(error, AuthFailed | RateLimited | Unreachable):
            self.stopped_by = error
        for one in imports:
            one.result.reason, one.result.error = _reason_of(error), error

    # Answered ranges

    def _load_answered(self) -> dict[str, list[HourRange]]:
        stored: Mapping[str, Sequence[Sequence[float]]] = self._client_store.get(_ANSWERED) or {}
        return {
            unique_id: [(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)) for start, end in ranges]
            for unique_id, ranges in stored.items()
        }

    def _store_answered(self, imports: Iterable[_SensorImport], now: datetime) -> None:
        """Remember the ranges that need no further request, once their rows are in the database."""
        answered = self._load_answered()
        latest = hours.floor(now - _LATE_DATA)
        for one in imports:
            ranges = [(start, min(end, latest)) for start, end in one.answered]
            if merged := hours.merge_ranges([*answered.get(one.sensor.unique_id, ()), *ranges]):
                answered[one.sensor.unique_id] = merged
        self._client_store.put(
            _ANSWERED,
            {
                unique_id: [[int(start.timestamp()), int(end.timestamp())] for start, end in ranges]
                for unique_id, ranges in answered.items()
            },
        )


def _batches(sensors: Sequence[StatisticsSensor]) -> Iterable[Sequence[StatisticsSensor]]:
    """Divide the sensors between requests, whole devices each: some clouds return all series of a device at once."""
    batch: list[StatisticsSensor] = []
    for _, of_device in groupby(sensors, key=lambda sensor: sensor.series.device.id):
        if len(batch) >= _SERIES_PER_REQUEST:
            yield batch
            batch = []
        batch += of_device
    yield batch


def _answered_range(hour_range: HourRange, results: Iterable[HistoryResult[Any]]) -> HourRange:
    """Return the whole hours of a range for which all results are complete; the end may come before the start."""
    start = max(hour_range[0], *(result.start for result in results))
    end = min(hour_range[1], *(result.end for result in results))
    return hours.ceil(start), hours.floor(end)


def _rows_from_readings(
    one: _SensorImport, hour_range: HourRange, results: Sequence[HistoryResult[Reading]]
) -> Sequence[StatisticData]:
    (result,) = results
    if one.sensor.is_meter:
        return _sum_rows(one, hour_range, rows.meter_values_from_readings(result, one.convert))
    return _within(hour_range, rows.measurements_from_readings(result, one.convert))


def _rows_from_buckets(
    one: _SensorImport, hour_range: HourRange, results: Sequence[HistoryResult[Bucket]]
) -> Sequence[StatisticData]:
    if one.sensor.is_meter:
        (maxima,) = results
        return _sum_rows(one, hour_range, rows.meter_values_from_buckets(maxima, one.convert))
    means, minima, maxima = results
    return _within(hour_range, rows.measurements_from_buckets(means, minima, maxima, one.convert))


def _within(hour_range: HourRange, found: Sequence[StatisticData]) -> Sequence[StatisticData]:
    return [row for row in found if hour_range[0] <= row["start"] < hour_range[1]]


def _sum_rows(one: _SensorImport, hour_range: HourRange, meter_values: MeterValues) -> Sequence[StatisticData]:
    before, after = _neighbours(one, hour_range)
    return rows.sum_rows(
        [(hour, values) for hour, values in meter_values if hour_range[0] <= hour < hour_range[1]],
        before,
        after,
        is_increasing=one.sensor.is_increasing,
    )


def _rows_of_totals(
    one: _SensorImport, hour_range: HourRange, results: Sequence[HistoryResult[Reading]]
) -> Sequence[StatisticData]:
    (result,) = results
    return rows.rows_of_totals(result, one.convert, *_neighbours(one, hour_range))


def _neighbours(one: _SensorImport, hour_range: HourRange) -> tuple[ExistingRow | None, ExistingRow | None]:
    """Return the last row before a range, and the first row after it that exists or that the recorder will write."""
    before, after = rows.neighbours(one.existing.rows, hour_range)
    return before, after or one.existing.newest_short_term or _first_row_of_recorder(one)


def _first_row_of_recorder(one: _SensorImport) -> ExistingRow | None:
    """Return where the recorder will start the sum if it has no row yet: at 0, with the current value."""
    value = one.sensor.current_value
    return None if value is None else ExistingRow(dt_util.utcnow(), one.convert(value), 0.0, one.sensor.current_since)


def _reason_of(error: CloudError) -> str:
    # The other errors are failures to get the history; here the cloud answered, but its hours cannot be used.
    return str(error.reason) if error.reason is Reason.ZONE_UNPROVEN else exceptions.text_key(error)
