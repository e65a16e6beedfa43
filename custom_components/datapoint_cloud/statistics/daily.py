"""Imports the daily figures of reports into the long-term statistics of the sensors that show them.

A daily figure gets one row: in the hour that begins when its day ends, because from then on the sensor shows it. Only
days without any row get one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from homeassistant.components.recorder.entity_options import is_entity_recorded
from homeassistant.components.recorder.models import StatisticData
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..device_registry import scope_device_id
from . import hours, recorder

ACTIVE_YESTERDAY = "$active_yesterday"
"""The key of the sensor that shows the latest day of the history."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _DailySensor:
    entity_id: str
    is_meter: bool = False


async def async_import_histories(hass: HomeAssistant, coordinator: DatapointCoordinator) -> None:
    """Import the histories that have arrived; those of sensors that do not exist yet are left for the next call."""
    reports = coordinator.reports
    if reports is None or not reports.new_histories or not recorder.has_recorder(hass):
        return
    registry = er.async_get(hass)
    for scope in sorted(reports.new_histories):
        unique_id = f"{scope_device_id(coordinator, scope)}_{ACTIVE_YESTERDAY}"
        entity_id = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
        if entity_id is None or hass.states.get(entity_id) is None:
            continue
        reports.new_histories.discard(scope)
        if is_entity_recorded(hass, entity_id):
            await _async_import(hass, _DailySensor(entity_id), reports.history(scope))


async def _async_import(hass: HomeAssistant, sensor: _DailySensor, counts: Mapping[date, int]) -> None:
    await recorder.async_wait_for_recorder(hass)
    metadata = (await recorder.async_read_metadata(hass, [sensor])).get(sensor.entity_id)
    if metadata is None or not counts or not recorder.has_same_kind(sensor, metadata):
        return
    since = _end_of(min(counts))
    existing = (await recorder.async_read_existing(hass, [sensor], since))[sensor.entity_id].rows
    rows = _rows(counts, [row.start for row in existing], hours.compiled_until(dt_util.utcnow()))
    if rows:
        await recorder.async_write(hass, metadata, rows)


def _rows(counts: Mapping[date, int], existing: list[datetime], compiled_until: datetime) -> list[StatisticData]:
    """Make rows of the days that have none; the recorder itself writes the hours after its newest row."""
    until = min([compiled_until, *existing[-1:]])
    rows: list[StatisticData] = []
    for day, count in sorted(counts.items()):
        start = _end_of(day)
        has_row = any(start <= hour < start + _DAY for hour in existing)
        if start + hours.HOUR <= until and not has_row:
            rows.append(StatisticData(start=start, mean=count, min=count, max=count))
    return rows


def _end_of(day: date) -> datetime:
    # The vendor does not say in which zone its days are; all of its other times are in UTC.
    return datetime.combine(day + _DAY, time(), UTC)
