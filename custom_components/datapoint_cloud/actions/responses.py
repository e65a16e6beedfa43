"""What actions answer of the past: series, logs and usage as JSON, in Home Assistant's terms.

Values are scaled as the entities show them, times carry the offset of Home Assistant's zone. It asks nobody.
"""

from collections.abc import Callable, Mapping

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.errors import CloudError, Reason, Rejected
from ..clouds.history import EDGE, Aggregation, Bucket, HistoryCapabilities, HistoryResult, LogEntry, Usage
from ..clouds.model import Reading
from ..const import DOMAIN
from ..disconnect_reasons import is_outage, word_of
from ..entity import scaled
from .targets import DeviceTarget, SeriesTarget
from .time_range import Range, shown

type _Row[R] = Callable[[R], JsonObjectType]


def nothing[R](asked: Range, error: CloudError) -> HistoryResult[R]:
    """What is known of what an error hides."""
    return HistoryResult(rows=(), start=asked.start, end=asked.start, stopped_by=error)


def known_or_not[R](target: SeriesTarget, past: HistoryResult[R]) -> HistoryResult[R]:
    """Say of a name that neither the device's definition has nor the cloud tells anything of that it is unknown."""
    state = target.state
    is_told_why = past.stopped_by is not None and past.stopped_by.reason is not Reason.INVALID_VALUE
    is_silent = not past.rows and not is_told_why
    if not is_silent or not state.datapoints or target.key in {*state.datapoints, *state.skipped}:
        return past
    unknown = Rejected(Reason.NOT_FOUND, subject=f"{target.key} ({state.device.name})")
    return HistoryResult(rows=(), start=past.start, end=past.start, stopped_by=unknown)


def require_one[R](pasts: Mapping[DeviceTarget, HistoryResult[R]] | Mapping[SeriesTarget, HistoryResult[R]]) -> None:
    """Raise a translated error if nothing at all could be learnt."""
    if any(past.rows or past.stopped_by is None for past in pasts.values()):
        return
    for target, past in pasts.items():
        if past.stopped_by is not None:
            capabilities = target.coordinator.cloud.history.capabilities
            raise exceptions.of_history(
                past.stopped_by, target.state.device.name, is_to_be_granted=capabilities.aggregates_need_grant
            ) from past.stopped_by


def of_range(asked: Range) -> JsonObjectType:
    """What was asked for."""
    return {"start": shown(asked.start), "end": shown(asked.end)}


def told[R](
    past: HistoryResult[R], asked: Range, subject: str, capabilities: HistoryCapabilities, row: _Row[R]
) -> JsonObjectType:
    """The rows, the range they are complete for, and what keeps that from being all that was asked for."""
    reason: str | None = None
    if past.stopped_by is not None:
        needs_grant = capabilities.aggregates_need_grant
        reason = str(exceptions.of_history(past.stopped_by, subject, is_to_be_granted=needs_grant))
    elif past.start > asked.start + EDGE or past.end < asked.end - EDGE:
        reason = str(_not_kept(past, asked))
    return {
        "start": shown(past.start),
        "end": shown(past.end),
        "complete": reason is None,
        **({} if reason is None else {"reason": reason}),
        "rows": [row(one) for one in past.rows],
    }


def _not_kept[R](past: HistoryResult[R], asked: Range) -> HomeAssistantError:
    if past.start >= past.end:
        return exceptions.not_kept(None)
    return exceptions.not_kept(past.start) if past.start > asked.start + EDGE else exceptions.not_told_yet(past.end)


# Datapoints


def of_readings(target: SeriesTarget, past: HistoryResult[Reading], asked: Range) -> JsonObjectType:
    """The readings of a datapoint."""
    description = target.description
    scale = description.scale if description else 1.0

    def row(reading: Reading) -> JsonObjectType:
        value = reading.value
        return {
            "at": None if reading.taken_at is None else shown(reading.taken_at),
            "value": value if isinstance(value, bool | str | None) else scaled(value, scale),
        }

    return _of_series(target, description.unit if description else None, past, asked, row)


def of_buckets(
    target: SeriesTarget, past: HistoryResult[Bucket], asked: Range, aggregation: Aggregation
) -> JsonObjectType:
    """The buckets of a datapoint."""
    scale, unit = _measure_of(target, aggregation)

    now = dt_util.utcnow()

    def row(bucket: Bucket) -> JsonObjectType:
        return {
            "start": shown(bucket.start),
            "end": shown(bucket.end),
            "value": scaled(bucket.value, scale),
            "partial": bucket.end > now,  # what is still to come of the period will change it
        }

    return _of_series(target, unit, past, asked, row)


def _measure_of(target: SeriesTarget, aggregation: Aggregation) -> tuple[float, str | None]:
    """Scale and unit: a count has neither, a variance has their square."""
    description = target.description
    if description is None or aggregation is Aggregation.COUNT:
        return 1.0, None
    if aggregation is Aggregation.VAR:
        return description.scale**2, f"{description.unit}²" if description.unit else None
    return description.scale, description.unit


def _of_series[R](
    target: SeriesTarget, unit: str | None, past: HistoryResult[R], asked: Range, row: _Row[R]
) -> JsonObjectType:
    registry = er.async_get(target.coordinator.hass)
    entity_id, name = None, target.key
    if (description := target.description) is not None:
        unique_id = f"{target.coordinator.account_id}_{target.state.device.id}_{target.key}"
        entity_id, name = registry.async_get_entity_id(description.platform, DOMAIN, unique_id), description.name
    if entity_id is not None and (entity := registry.async_get(entity_id)) is not None:
        name = entity.name or entity.original_name or name
    device = target.state.device
    return {
        "device_id": target.device_id,
        "device": device.name,
        "datapoint": target.key,
        "entity_id": entity_id,
        "name": name,
        "unit": unit,
        **told(past, asked, device.name, target.coordinator.cloud.history.capabilities, row),
    }


# Logs and usage


def of_log(target: DeviceTarget, past: HistoryResult[LogEntry], asked: Range, row: _Row[LogEntry]) -> JsonObjectType:
    """The log of a device."""
    device = target.state.device
    return {
        "device_id": target.device_id,
        "device": device.name,
        **told(past, asked, device.name, target.coordinator.cloud.history.capabilities, row),
    }


def of_presence(entry: LogEntry, *, texts: Mapping[str, str]) -> JsonObjectType:
    """A device came or went; of a disconnect the cloud's word for the reason, and what it means."""
    line = of_frame(entry)
    if entry.reason is not None:
        line["reason"] = entry.reason
        line["text"] = texts.get(word_of(entry.reason))
        line["is_outage"] = is_outage(entry.reason)
    return line


def of_frame(entry: LogEntry) -> JsonObjectType:
    """A line of a log as it came."""
    return {"at": shown(entry.at), "kind": entry.kind, "content": dict(entry.content)}


def of_usage(usage: Usage) -> JsonObjectType:
    """One figure; the label None stands for the whole."""
    return {"label": usage.label, "at": None if usage.at is None else shown(usage.at), "value": usage.value}
