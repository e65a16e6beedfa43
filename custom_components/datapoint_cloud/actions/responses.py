"""Turns history results into the JSON that actions return: series, logs and usage.

Values are scaled as the entities show them, and times have the offset of Home Assistant's time zone. It makes no
request.
"""

from collections.abc import Callable, Mapping
from functools import partial

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.errors import CloudError, Reason, Rejected
from ..clouds.history import EDGE, Aggregation, Bucket, HistoryResult, LogEntry, Usage
from ..clouds.model import Reading
from ..const import DOMAIN
from ..datapoint_names import DatapointNames
from ..device_registry import unique_id_of
from ..disconnect_reasons import is_outage
from ..profiles.values import scaled
from ..texts import message_of
from .targets import DeviceTarget, SeriesTarget
from .time_range import TimeRange, local_iso

type _RowResponse[Row] = Callable[[Row], JsonObjectType]


def mark_unknown[Row](target: SeriesTarget, result: HistoryResult[Row]) -> HistoryResult[Row]:
    """Return NOT_FOUND instead of an empty result if the definition of the device does not have the datapoint either.

    For a misspelt name, some clouds return no rows, as if there were no readings, and others INVALID_VALUE.
    """
    state = target.state
    has_other_error = result.stopped_by is not None and result.stopped_by.reason is not Reason.INVALID_VALUE
    if result.rows or has_other_error or not state.datapoints or target.key in {*state.datapoints, *state.skipped}:
        return result
    unknown = Rejected(Reason.NOT_FOUND, subject=f"{target.key} ({state.device.name})")
    return HistoryResult(rows=(), start=result.start, end=result.start, stopped_by=unknown)


def raise_if_all_failed[T: DeviceTarget, Row](results: Mapping[T, HistoryResult[Row]]) -> None:
    """Raise the first error, translated, if no result has rows and all have an error."""
    if any(result.rows or result.stopped_by is None for result in results.values()):
        return
    for target, result in results.items():
        if result.stopped_by is not None:
            raise _translated(target, result.stopped_by) from result.stopped_by


def _translated(target: DeviceTarget, error: CloudError) -> HomeAssistantError:
    """Return the exception for an error; for a misspelt datapoint, it names those that there are."""
    device, capabilities = target.state.device.name, target.coordinator.cloud.history.capabilities
    if isinstance(target, SeriesTarget) and error.reason is Reason.NOT_FOUND and not error.endpoint:
        names = DatapointNames.of(target.coordinator.hass, target.coordinator, target.state)
        return exceptions.of_unknown_datapoint(device, target.key, names.similar(target.key))
    return exceptions.of_history(error, device, is_to_be_granted=capabilities.aggregates_need_grant)


def range_response(time_range: TimeRange) -> JsonObjectType:
    """Return the range of the call."""
    return {"start": local_iso(time_range.start), "end": local_iso(time_range.end)}


def result_response[Row](
    hass: HomeAssistant,
    result: HistoryResult[Row],
    time_range: TimeRange,
    row_response: _RowResponse[Row],
    translated: Callable[[CloudError], HomeAssistantError],
) -> JsonObjectType:
    """Return the rows and the range for which they are complete, with a reason if that is not the range of the call."""
    reason: HomeAssistantError | None = None
    starts_late, ends_early = result.start > time_range.start + EDGE, result.end < time_range.end - EDGE
    if result.stopped_by is not None:
        reason = translated(result.stopped_by)
    elif (starts_late or ends_early) and result.start >= result.end:
        reason = exceptions.not_kept(None)
    elif starts_late:
        reason = exceptions.not_kept(result.start)
    elif ends_early:
        reason = exceptions.not_told_yet(result.end)
    return {
        "start": local_iso(result.start),
        "end": local_iso(result.end),
        "complete": reason is None,
        **({} if reason is None else {"reason": message_of(hass, reason)}),
        "rows": [row_response(row) for row in result.rows],
    }


def _target_response[Row](
    target: DeviceTarget,
    result: HistoryResult[Row],
    time_range: TimeRange,
    row_response: _RowResponse[Row],
    **fields: str | None,
) -> JsonObjectType:
    return {
        "device_id": target.registry_id,
        "device": target.state.device.name,
        **fields,
        **result_response(target.coordinator.hass, result, time_range, row_response, partial(_translated, target)),
    }


# Datapoints


def readings_response(target: SeriesTarget, result: HistoryResult[Reading], time_range: TimeRange) -> JsonObjectType:
    """Return the readings of a datapoint."""
    description = target.description

    def reading_response(reading: Reading) -> JsonObjectType:
        return {
            "at": None if reading.taken_at is None else local_iso(reading.taken_at),
            "value": reading.value if description is None else description.shown(reading.value),
        }

    return _series_response(target, result, time_range, reading_response, description.unit if description else None)


def buckets_response(
    target: SeriesTarget, result: HistoryResult[Bucket], time_range: TimeRange, aggregation: Aggregation
) -> JsonObjectType:
    """Return the aggregates of a datapoint."""
    scale, unit = _scale_and_unit(target, aggregation)
    now = dt_util.utcnow()

    def bucket_response(bucket: Bucket) -> JsonObjectType:
        return {
            "start": local_iso(bucket.start),
            "end": local_iso(bucket.end),
            "value": scaled(bucket.value, scale),
            "partial": bucket.end > now,  # the value will change until the period is over
        }

    return _series_response(target, result, time_range, bucket_response, unit)


def _scale_and_unit(target: SeriesTarget, aggregation: Aggregation) -> tuple[float, str | None]:
    """Return the scale and unit of an aggregate: a count has neither, a variance the square of both."""
    description = target.description
    if description is None or aggregation is Aggregation.COUNT:
        return 1.0, None
    if aggregation is Aggregation.VAR:
        return description.scale**2, f"{description.unit}²" if description.unit else None
    return description.scale, description.unit


def _series_response[Row](
    target: SeriesTarget,
    result: HistoryResult[Row],
    time_range: TimeRange,
    row_response: _RowResponse[Row],
    unit: str | None,
) -> JsonObjectType:
    registry = er.async_get(target.coordinator.hass)
    entity_id, name = None, target.key
    if (description := target.description) is not None:
        unique_id = unique_id_of(target.coordinator, target.state.device.id, target.key)
        entity_id, name = registry.async_get_entity_id(description.platform, DOMAIN, unique_id), description.name
    if entity_id is not None and (entity := registry.async_get(entity_id)) is not None:
        name = entity.name or entity.original_name or name
    fields = {"datapoint": target.key, "entity_id": entity_id, "name": name, "unit": unit}
    return _target_response(target, result, time_range, row_response, **fields)


# Logs and usage


def log_response(
    target: DeviceTarget, result: HistoryResult[LogEntry], time_range: TimeRange, row_response: _RowResponse[LogEntry]
) -> JsonObjectType:
    """Return the log of a device."""
    return _target_response(target, result, time_range, row_response)


def online_log_row(entry: LogEntry, *, text_of: Callable[[str], str | None]) -> JsonObjectType:
    """Return an entry of the online log; `text_of` explains the reasons of disconnects that are known."""
    row = log_row(entry)
    if entry.reason is not None:
        row["reason"] = entry.reason
        row["text"] = text_of(entry.reason)
        row["is_outage"] = is_outage(entry.reason)
    return row


def log_row(entry: LogEntry) -> JsonObjectType:
    """Return an entry of a log as the cloud sent it."""
    return {"at": local_iso(entry.at), "kind": entry.kind, "content": dict(entry.content)}


def usage_row(usage: Usage) -> JsonObjectType:
    """Return one usage value; the label is None for the total of all groups."""
    return {"label": usage.label, "at": None if usage.at is None else local_iso(usage.at), "value": usage.value}
