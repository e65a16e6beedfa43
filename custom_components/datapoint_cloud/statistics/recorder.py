"""Reads and writes the long-term statistics of sensors through Home Assistant's recorder."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any, Protocol

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    UNIT_CLASS_TO_UNIT_CONVERTER,
    async_import_statistics,
    async_list_statistic_ids,
    get_last_short_term_statistics,
    get_last_statistics,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..fleet.description import DatapointDescription
from ..profiles.values import scaled
from .hours import HOUR
from .rows import Convert, ExistingRow

_TIMEOUT_SECONDS = 600
_EPOCH = datetime.fromtimestamp(0, UTC)
_ROWS_PER_TASK = 1000  # the recorder's thread does nothing else until a task is done


class HasStatistics(Protocol):
    """An entity with long-term statistics."""

    @property
    def entity_id(self) -> str:
        """The id of the entity and of its statistics."""

    @property
    def is_meter(self) -> bool:
        """Whether its statistics have a running sum instead of mean, minimum and maximum."""


@dataclass(slots=True)
class ExistingStatistics:
    """The rows that the recorder has for one sensor, oldest first.

    `newest_short_term` is the newest five-minute row of a meter that has no hourly row yet.
    """

    rows: list[ExistingRow] = field(default_factory=list)
    newest_short_term: ExistingRow | None = None


def has_recorder(hass: HomeAssistant) -> bool:
    """Return whether the recorder is set up, so that there are statistics at all."""
    return "recorder" in hass.config.components


async def async_wait_for_recorder(hass: HomeAssistant) -> None:
    """Wait until the recorder has worked off its queue, which after a start includes the hours it missed.

    Raises a translated error after ten minutes: a recorder that has ended would never answer.
    """
    instance = get_instance(hass)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await instance.async_recorder_ready.wait()
            done = hass.loop.create_future()
            instance.queue_task(SynchronizeTask(done))
            await done
    except TimeoutError as error:
        raise exceptions.of_recorder() from error


async def async_read_metadata(hass: HomeAssistant, sensors: Iterable[HasStatistics]) -> Mapping[str, StatisticMetaData]:
    """Return the metadata of statistics by entity id: as stored, or as the recorder would create it now.

    A sensor that has neither statistics nor a state is missing.
    """
    listed = await async_list_statistic_ids(hass, {sensor.entity_id for sensor in sensors})
    return {
        info["statistic_id"]: StatisticMetaData(
            mean_type=info["mean_type"],
            has_sum=info["has_sum"],
            name=info["name"],
            source=info["source"],
            statistic_id=info["statistic_id"],
            unit_class=info["unit_class"],
            unit_of_measurement=info["statistics_unit_of_measurement"],
        )
        for info in listed
    }


def has_same_kind(sensor: HasStatistics, metadata: StatisticMetaData) -> bool:
    """Return whether the stored statistics are those of a meter or of a measurement, as the sensor is."""
    if sensor.is_meter:
        return metadata["has_sum"]
    return not metadata["has_sum"] and metadata["mean_type"] is StatisticMeanType.ARITHMETIC


def conversion(description: DatapointDescription, metadata: StatisticMetaData) -> Convert | None:
    """Return how to convert the cloud's number to the unit of the statistics; None if the units do not match."""
    scale, unit, statistics_unit = description.scale, description.unit, metadata["unit_of_measurement"]
    if unit == statistics_unit:
        return lambda value: scaled(value, scale)
    converter = UNIT_CLASS_TO_UNIT_CONVERTER.get(metadata["unit_class"] or "")
    if converter is None or not {unit, statistics_unit} <= converter.VALID_UNITS:
        return None
    convert = converter.converter_factory(unit, statistics_unit)
    return lambda value: convert(scaled(value, scale))


async def async_read_existing(
    hass: HomeAssistant, sensors: Sequence[HasStatistics], since: datetime
) -> Mapping[str, ExistingStatistics]:
    """Return, by entity id, every hourly row since `since` and the last one before it."""

    def read() -> Mapping[str, ExistingStatistics]:
        # There is at most one row an hour, so asking for one row more also returns the last one before `since`.
        hours = int((dt_util.utcnow() - since) / HOUR) + 2
        return {sensor.entity_id: _read_existing(hass, sensor, hours) for sensor in sensors}

    return await get_instance(hass).async_add_executor_job(read)


def _read_existing(hass: HomeAssistant, sensor: HasStatistics, hours: int) -> ExistingStatistics:
    statistic_id = sensor.entity_id
    types: set[Any] = {"state", "sum", "last_reset"} if sensor.is_meter else {"mean"}
    hourly = get_last_statistics(hass, hours, statistic_id, False, types).get(statistic_id, [])
    existing = ExistingStatistics([_existing_row(row) for row in reversed(hourly)])
    if sensor.is_meter and not hourly:
        newest = get_last_short_term_statistics(hass, 1, statistic_id, False, types).get(statistic_id, [])
        existing.newest_short_term = next(map(_existing_row, newest), None)
    return existing


def _existing_row(row: Mapping[str, Any]) -> ExistingRow:
    since: float | None = row.get("last_reset")
    return ExistingRow(
        datetime.fromtimestamp(row["start"], UTC),
        row.get("state"),
        row.get("sum"),
        None if since is None else datetime.fromtimestamp(since, UTC),
    )


async def async_write(hass: HomeAssistant, metadata: StatisticMetaData, rows: Sequence[StatisticData]) -> None:
    """Write rows, and wait until they are in the database."""
    for chunk in batched(rows, _ROWS_PER_TASK, strict=False):
        async_import_statistics(hass, metadata, list(chunk))
        await async_wait_for_recorder(hass)


async def async_start_sums_at_zero(hass: HomeAssistant, meters: Sequence[HasStatistics]) -> None:
    """Shift all sums of each meter by the same amount, so that the oldest row has 0.

    Home Assistant takes 0 for the sum before the oldest row. If older hours were added, the meter seems to fall in the
    first of them, and the totals of its day, month and year are too low.
    """
    metadata_by_id = await async_read_metadata(hass, meters)
    existing = await async_read_existing(hass, meters, _EPOCH)
    for meter in meters:
        oldest = next(iter(existing[meter.entity_id].rows), None)
        if oldest is not None and oldest.sum:
            unit = metadata_by_id[meter.entity_id]["unit_of_measurement"]
            get_instance(hass).async_adjust_statistics(meter.entity_id, oldest.start, -oldest.sum, unit or "")
    await async_wait_for_recorder(hass)
