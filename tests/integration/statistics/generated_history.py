"""A history for tests that computes hourly values, and how tests read the statistics imported from it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.statistics import get_last_statistics
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.errors import CloudError
from custom_components.datapoint_cloud.clouds.history import (
    Aggregation,
    Bucket,
    HistoryCapabilities,
    HistoryResult,
    NoHistory,
    Period,
    Series,
)
from custom_components.datapoint_cloud.clouds.model import Reading
from custom_components.datapoint_cloud.statistics.sensors import StatisticsSensor, statistics_sensors

HOUR = timedelta(hours=1)
WITH_BUCKETS = HistoryCapabilities(
    buckets_retention=timedelta(days=400),
    periods=frozenset(Period),
    aggregations=frozenset(Aggregation),
)
WITH_READINGS = HistoryCapabilities(readings_retention=timedelta(days=7))


def measured(hour: datetime) -> float:
    """Return the mean of a measurement; its minimum is half a unit lower and its maximum one unit higher."""
    return 20 + (hour.timestamp() / 3600) % 7


def metered(hour: datetime) -> float:
    """Return the value of a meter at the end of the hour: two units more every hour."""
    return 2 * (hour.timestamp() / 3600 - 490_000)


@dataclass
class GeneratedHistory(NoHistory):
    """Returns the same values for every measurement, and for every meter, unless a test sets something else."""

    capabilities: HistoryCapabilities = WITH_BUCKETS
    is_meter: Callable[[Series], bool] = lambda _: False
    meter: Callable[[datetime], float | None] = metered
    length: timedelta = HOUR
    shift: timedelta = timedelta()
    requests: list[tuple[str, datetime, datetime, int]] = field(default_factory=list)
    raises: list[Exception | None] = field(default_factory=list)
    """The next requests raise these, one each; None lets a request succeed."""
    stopped_by: CloudError | None = None
    complete_until: datetime | None = None
    blocked: asyncio.Event | None = None

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
        assert period is Period.HOUR
        assert not is_local
        end = await self._request(aggregation, series, start, end)
        return {one: self._result(self._buckets(one, aggregation, start, end), start, end) for one in series}

    async def readings(
        self, series: Sequence[Series], start: datetime, end: datetime
    ) -> Mapping[Series, HistoryResult[Reading]]:
        end = await self._request("readings", series, start, end)
        return {one: self._result(self._readings(one, start, end), start, end) for one in series}

    async def _request(self, what: str, series: Sequence[Series], start: datetime, end: datetime) -> datetime:
        self.requests.append((what, start, end, len(series)))
        if self.blocked is not None:
            await self.blocked.wait()
        if self.raises and (error := self.raises.pop(0)) is not None:
            raise error
        return min(end, self.complete_until or end)

    def _result[Row](self, rows: Iterator[Row], start: datetime, end: datetime) -> HistoryResult[Row]:
        return HistoryResult(rows=tuple(rows), start=start, end=end, stopped_by=self.stopped_by)

    def _buckets(self, one: Series, aggregation: Aggregation, start: datetime, end: datetime) -> Iterator[Bucket]:
        for hour in _hours(start + self.shift, end):
            value = self.meter(hour) if self.is_meter(one) else measured(hour)
            if value is not None:
                value += {Aggregation.MIN: -0.5, Aggregation.MAX: 1.0}.get(aggregation, 0.0) * (not self.is_meter(one))
                yield Bucket(start=hour, end=hour + self.length, value=value)

    def _readings(self, one: Series, start: datetime, end: datetime) -> Iterator[Reading]:
        for hour in _hours(start, end):
            if self.is_meter(one):
                yield Reading(self.meter(hour), hour + timedelta(minutes=59))
            else:
                yield Reading(measured(hour), hour)
                yield Reading(measured(hour) + 6, hour + timedelta(minutes=50))


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


def sensor_of(hass: HomeAssistant, entry: MockConfigEntry, *, is_meter: bool) -> StatisticsSensor:
    """Return the first sensor of the account that is a meter, or that is a measurement."""
    sensors = statistics_sensors(hass, entry.runtime_data.coordinator)
    return next(sensor for sensor in sensors if sensor.is_meter is is_meter)


async def rows_of(hass: HomeAssistant, entity_id: str) -> dict[datetime, dict[str, Any]]:
    """Return the long-term statistics of a sensor in their own unit, by the start of the hour."""
    rows = await get_instance(hass).async_add_executor_job(
        get_last_statistics, hass, 100_000, entity_id, False, {"mean", "min", "max", "state", "sum", "last_reset"}
    )
    return {
        datetime.fromtimestamp(row.pop("start"), UTC): {
            key: value for key, value in row.items() if key != "end" and value is not None
        }
        for row in reversed(rows.get(entity_id, []))
    }
