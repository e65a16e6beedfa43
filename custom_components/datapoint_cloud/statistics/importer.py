"""Imports the cloud's past into Home Assistant's long-term statistics, between what the recorder wrote itself.

It asks the cloud for the hours that `rows` finds missing and hands the rows to the recorder. What the database
holds is the progress: whoever is interrupted goes on from there. It knows no vendor and no platform.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched, groupby
from typing import Any

from homeassistant.components.recorder.entity_options import is_entity_recorded
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    UNIT_CLASS_TO_UNIT_CONVERTER,
    async_import_statistics,
    async_list_statistic_ids,
    get_last_short_term_statistics,
    get_last_statistics,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.components.sensor import SensorStateClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..clouds.client_store import ClientStore
from ..clouds.errors import AuthFailed, CloudError, RateLimited, Reason, Unreachable
from ..clouds.history import Aggregation, Bucket, History, HistoryResult, Period, Series
from ..clouds.model import Reading
from ..clouds.windows import split
from ..entity import scaled
from ..fleet.description import Description
from . import rows
from .rows import Convert, Counts, Known, NotHourly, Window
from .sensors import Target

_RECORDER_SECONDS = 600
_SERIES_AT_ONCE = 25  # a month of hours of so many is about what one answer should hold
_LONGEST_WINDOW = timedelta(days=31)
_ROWS_AT_ONCE = 1000  # the recorder does nothing else meanwhile
_STILL_ARRIVING = timedelta(days=1)  # devices and gateways hand in what they measured while they were cut off
_ANSWERED = "statistics answered"  # in the memory: windows as epoch seconds, by the unique id of the entity


@dataclass(slots=True)
class Outcome:
    """What became of one sensor's import. `reason` says why it ended: `complete`, or a key of what was in the way."""

    read: int = 0
    written: int = 0
    start: datetime | None = None
    end: datetime | None = None
    reason: str = "complete"
    error: CloudError | None = None

    def as_dict(self) -> dict[str, Any]:
        """The answer of an action."""
        return {
            "rows_read": self.read,
            "rows_written": self.written,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "reason": self.reason,
        }


@dataclass(slots=True)
class _Plan:
    """A sensor whose statistics are as ours would be."""

    target: Target
    metadata: StatisticMetaData
    convert: Convert
    known: list[Known]
    outcome: Outcome
    latest: Known | None = None
    """Where the recorder's sum stands while there is no row of an hour yet."""
    windows: list[Window] = field(default_factory=list)
    answered: list[Window] = field(default_factory=list)


class _Refused(Exception):
    """Statistics that ours would not fit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def has_recorder(hass: HomeAssistant) -> bool:
    """Whether there are statistics at all."""
    return "recorder" in hass.config.components


async def async_settled(hass: HomeAssistant) -> None:
    """Wait until the recorder has done all that it was told so far, what it missed while it was away included.

    Raises a translated error if it does not: a recorder that has ended answers nobody.
    """
    instance = get_instance(hass)
    try:
        async with asyncio.timeout(_RECORDER_SECONDS):
            await instance.async_recorder_ready.wait()
            done = hass.loop.create_future()
            instance.queue_task(SynchronizeTask(done))
            await done
    except TimeoutError as error:
        raise exceptions.of_recorder() from error


class Import:
    """One import: some sensors, one range."""

    def __init__(
        self,
        hass: HomeAssistant,
        history: History,
        client_store: ClientStore,
        *,
        is_thorough: bool,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare. A thorough one asks again what the cloud has once answered with nothing."""
        self._hass = hass
        self._history = history
        self._client_store = client_store
        self._is_thorough = is_thorough
        self._on_progress = on_progress
        self.outcomes: dict[str, Outcome] = {}
        self.stopped_by: CloudError | None = None

    async def async_run(self, targets: Sequence[Target], start: datetime, end: datetime) -> None:
        """Import what is missing between `start` and `end`, as far as the cloud reaches, newest first."""
        now = dt_util.utcnow()
        await async_settled(self._hass)
        start = max(start, now - (self._history.capabilities.hours_retention or timedelta()))
        window = rows.ceil(start), min(rows.floor(end), rows.last_end(now))
        for batch in _batches(targets):
            if self.stopped_by is None:
                await self._async_import(await self._async_plan(batch, window), now)
            else:
                self._end(batch, _reason_of(self.stopped_by), self.stopped_by)
            self._on_progress()

    def _end(self, targets: Iterable[Target], reason: str, error: CloudError | None = None) -> None:
        for target in targets:
            self.outcomes[target.entity_id] = Outcome(reason=reason, error=error)

    # What is missing

    async def _async_plan(self, targets: Sequence[Target], window: Window) -> list[_Plan]:
        """Plan for those whose statistics ours would fit."""
        listed = {
            info["statistic_id"]: info
            for info in await async_list_statistic_ids(self._hass, {target.entity_id for target in targets})
        }
        plans: list[_Plan] = []
        for target in targets:
            outcome = self.outcomes[target.entity_id] = Outcome()
            try:
                plans.append(_plan(self._hass, target, listed.get(target.entity_id), outcome))
            except _Refused as refusal:
                outcome.reason = refusal.reason
        await get_instance(self._hass).async_add_executor_job(_read_known, self._hass, plans, window[0])
        answered = {} if self._is_thorough else self._client_store.get(_ANSWERED) or {}
        for plan in plans:
            windows = [(_moment(begin), _moment(end)) for begin, end in answered.get(plan.target.unique_id, ())]
            plan.windows = rows.missing(plan.known, window, windows)
            if not plan.windows:
                plan.outcome.reason = "nothing_missing"
        return plans

    # Asking and writing

    async def _async_import(self, plans: Sequence[_Plan], now: datetime) -> None:
        of_windows: dict[Window, list[_Plan]] = defaultdict(list)
        for plan in plans:
            for window in plan.windows:
                for piece in split(*window, _LONGEST_WINDOW):
                    of_windows[piece].append(plan)
        # Sums are numbered backwards, so each window has to meet what came after it.
        for window in sorted(of_windows, reverse=True):
            asked = of_windows[window]
            if self.stopped_by is None:
                await self._async_import_window(asked, window)
            if self.stopped_by is not None:
                self._note(self.stopped_by, asked)
        if any(of_windows):
            await async_settled(self._hass)
            self._remember(plans, now)

    async def _async_import_window(self, plans: Sequence[_Plan], window: Window) -> None:
        try:
            if self._history.capabilities.makes_hours_from_readings:
                await self._async_import_readings(plans, window)
            else:
                await self._async_import_buckets(plans, window)
        except CloudError as error:
            self._note(error, plans)

    async def _async_import_readings(self, plans: Sequence[_Plan], window: Window) -> None:
        pasts = await self._history.readings([plan.target.series for plan in plans], *window)
        for plan in plans:
            past = pasts.get(plan.target.series)
            await self._async_take(plan, window, [past], _rows_of_readings)

    async def _async_import_buckets(self, plans: Sequence[_Plan], window: Window) -> None:
        measured = [plan for plan in plans if not plan.target.is_counter]
        of_measured = [await self._async_hours(measured, window, kind) for kind in (Aggregation.AVG, Aggregation.MIN)]
        maxima = await self._async_hours(plans, window, Aggregation.MAX)
        for plan in plans:
            told = [maxima] if plan.target.is_counter else [*of_measured, maxima]
            pasts = [answer.get(plan.target.series) for answer in told]
            await self._async_take(plan, window, pasts, _rows_of_buckets)

    async def _async_hours(
        self, plans: Sequence[_Plan], window: Window, aggregation: Aggregation
    ) -> Mapping[Series, HistoryResult[Bucket]]:
        if not plans:
            return {}
        series = [plan.target.series for plan in plans]
        return await self._history.buckets(series, *window, period=Period.HOUR, aggregation=aggregation)

    async def _async_take[Row](
        self,
        plan: _Plan,
        window: Window,
        answers: Sequence[HistoryResult[Row] | None],
        rows_of: Callable[[_Plan, Window, Sequence[HistoryResult[Row]]], Sequence[StatisticData]],
    ) -> None:
        """Write what was told of one series."""
        outcome = plan.outcome
        pasts = [past for past in answers if past is not None]
        if len(pasts) < len(answers):
            outcome.reason = "nothing_told"
            return
        error = next((past.stopped_by for past in pasts if past.stopped_by is not None), None)
        if error is not None:
            self._note(error, [plan])
            if error.reason is Reason.ZONE_UNPROVEN:
                return
            # What lies outside an answer that nothing stopped, the cloud does not keep.
            window = max(window[0], *(past.start for past in pasts)), min(window[1], *(past.end for past in pasts))
            window = rows.ceil(window[0]), rows.floor(window[1])
        try:
            found = rows_of(plan, window, pasts)
        except NotHourly:
            outcome.reason = "not_hourly"
            return
        outcome.read += max(len(past.rows) for past in pasts)
        await self._async_write(plan, found)
        if window[0] < window[1]:
            plan.answered.append(window)
            outcome.start = min(outcome.start or window[0], window[0])
            outcome.end = max(outcome.end or window[1], window[1])

    def _note(self, error: CloudError, plans: Iterable[_Plan]) -> None:
        """Tell of an error where it belongs; one that concerns the account ends everything."""
        if isinstance(error, AuthFailed | RateLimited | Unreachable):
            self.stopped_by = error
        for plan in plans:
            plan.outcome.reason, plan.outcome.error = _reason_of(error), error

    async def _async_write(self, plan: _Plan, found: Sequence[StatisticData]) -> None:
        for some in batched(found, _ROWS_AT_ONCE, strict=False):
            async_import_statistics(self._hass, plan.metadata, list(some))
            await async_settled(self._hass)
        plan.known = rows.with_rows(plan.known, found)
        plan.outcome.written += len(found)

    def _remember(self, plans: Iterable[_Plan], now: datetime) -> None:
        """Keep what need not be asked again, once the rows are in the database."""
        answered = dict(self._client_store.get(_ANSWERED) or {})
        latest = rows.floor(now - _STILL_ARRIVING)
        for plan in plans:
            unique_id = plan.target.unique_id
            before = [(_moment(start), _moment(end)) for start, end in answered.get(unique_id, ())]
            windows = rows.merged([*before, *((start, min(end, latest)) for start, end in plan.answered)])
            if windows:
                answered[unique_id] = [[int(start.timestamp()), int(end.timestamp())] for start, end in windows]
        self._client_store.put(_ANSWERED, answered)


def _batches(targets: Sequence[Target]) -> Iterable[Sequence[Target]]:
    """What is asked for at once: whole devices, since some clouds tell all of one in one answer."""
    batch: list[Target] = []
    for _, of_device in groupby(targets, key=lambda target: target.series.device.id):
        if len(batch) >= _SERIES_AT_ONCE:
            yield batch
            batch = []
        batch += of_device
    yield batch


def _plan(hass: HomeAssistant, target: Target, listed: Mapping[str, Any] | None, outcome: Outcome) -> _Plan:
    """See what the statistics of a sensor are, or would be if the recorder made them now. Raises `_Refused`."""
    if not is_entity_recorded(hass, target.entity_id):
        raise _Refused("not_recorded")
    if listed is None:
        raise _Refused("no_state")
    is_other = listed["has_sum"] != target.is_counter
    if is_other or (not target.is_counter and listed["mean_type"] is not StatisticMeanType.ARITHMETIC):
        raise _Refused("other_statistics")
    metadata = StatisticMetaData(
        mean_type=listed["mean_type"],
        has_sum=listed["has_sum"],
        name=listed["name"],
        source=listed["source"],
        statistic_id=target.entity_id,
        unit_class=listed["unit_class"],
        unit_of_measurement=listed["statistics_unit_of_measurement"],
    )
    return _Plan(target, metadata, _conversion(target.description, metadata), [], outcome)


def _conversion(description: Description, metadata: StatisticMetaData) -> Convert:
    """From the cloud's number to the unit of the statistics. Raises `_Refused` if there is no way."""
    scale, unit, wanted = description.scale, description.unit, metadata["unit_of_measurement"]
    if unit == wanted:
        return lambda value: scaled(value, scale)
    converter = UNIT_CLASS_TO_UNIT_CONVERTER.get(metadata["unit_class"] or "")
    if converter is None or unit not in converter.VALID_UNITS or wanted not in converter.VALID_UNITS:
        raise _Refused("other_unit")
    convert = converter.converter_factory(unit, wanted)
    return lambda value: convert(scaled(value, scale))


def _read_known(hass: HomeAssistant, plans: Iterable[_Plan], start: datetime) -> None:
    """Read what is there: every row since `start`, and the last one before. For the recorder's executor."""
    # So many rows would there be at most, so one more is older, if there are any.
    hours = int((dt_util.utcnow() - start) / rows.HOUR) + 2
    for plan in plans:
        statistic_id = plan.target.entity_id
        types: set[Any] = {"state", "sum"} if plan.target.is_counter else {"mean"}
        found = get_last_statistics(hass, hours, statistic_id, False, types).get(statistic_id, [])
        plan.known = [Known(_moment(row["start"]), row.get("state"), row.get("sum")) for row in reversed(found)]
        if plan.target.is_counter and not plan.known:
            latest = get_last_short_term_statistics(hass, 1, statistic_id, False, types).get(statistic_id, [])
            plan.latest = next((Known(_moment(row["start"]), row["state"], row["sum"]) for row in latest), None)


def _rows_of_readings(plan: _Plan, window: Window, pasts: Sequence[HistoryResult[Reading]]) -> Sequence[StatisticData]:
    (past,) = pasts
    if plan.target.is_counter:
        return _count(plan, window, rows.counts_in_readings(past, plan.convert))
    return _within(window, rows.measured_in_readings(past, plan.convert))


def _rows_of_buckets(plan: _Plan, window: Window, pasts: Sequence[HistoryResult[Bucket]]) -> Sequence[StatisticData]:
    if plan.target.is_counter:
        (maxima,) = pasts
        return _count(plan, window, rows.counts_in_buckets(maxima, plan.convert))
    means, minima, maxima = pasts
    return _within(window, rows.measured_in_buckets(means, minima, maxima, plan.convert))


def _within(window: Window, rows: Sequence[StatisticData]) -> Sequence[StatisticData]:
    return [row for row in rows if window[0] <= row["start"] < window[1]]


def _count(plan: _Plan, window: Window, counts: Counts) -> Sequence[StatisticData]:
    before, after = rows.neighbours(plan.known, window)
    return rows.counted(
        [(hour, values) for hour, values in counts if window[0] <= hour < window[1]],
        before,
        after or plan.latest or _zero_point(plan),
        is_increasing=plan.target.description.state_class is SensorStateClass.TOTAL_INCREASING,
    )


def _zero_point(plan: _Plan) -> Known | None:
    """Where the recorder will begin to count: with 0 at the value that is shown now."""
    value = plan.target.device.value(plan.target.series.key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Known(dt_util.utcnow(), plan.convert(value), 0.0)


def _reason_of(error: CloudError) -> str:
    # Not a failure of the way there: the past itself is not what it should be.
    return str(error.reason) if error.reason is Reason.ZONE_UNPROVEN else exceptions.text_key(error)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
