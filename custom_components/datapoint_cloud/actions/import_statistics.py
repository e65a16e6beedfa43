"""The action that imports the cloud's history into long-term statistics, for an account or for chosen sensors."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service, target
from homeassistant.util import dt as dt_util

from .. import exceptions
from ..const import DOMAIN
from ..plain_text import plain
from ..runtime import DatapointConfigEntry
from ..statistics.importer import ImportResult
from ..statistics.recorder import has_recorder
from ..statistics.sensors import StatisticsSensor, statistics_sensors
from .rights import Rights
from .time_range import end_time, start_time

IMPORT_STATISTICS = "import_statistics"

_FIRST_TIMESTAMP = datetime.min.replace(tzinfo=UTC)

_FIELDS = {
    vol.Optional("config_entry_id"): cv.string,
    vol.Optional("start"): start_time,
    vol.Optional("end"): end_time,
    vol.Optional("days"): vol.All(vol.Coerce(int), vol.Range(min=1, max=3650)),
    vol.Optional("start_sums_at_zero", default=False): cv.boolean,
}
_IMPORT_STATISTICS = vol.All(
    vol.Schema({**_FIELDS, **cv.TARGET_SERVICE_FIELDS}),
    cv.has_at_least_one_key("config_entry_id", *map(str, cv.TARGET_SERVICE_FIELDS)),
)


@callback
def async_setup_statistics_actions(hass: HomeAssistant) -> None:
    """Register the action."""
    hass.services.async_register(
        DOMAIN,
        IMPORT_STATISTICS,
        _import_statistics,
        _IMPORT_STATISTICS,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _import_statistics(call: ServiceCall) -> ServiceResponse:
    """Import the missing hours, and return for each sensor how many rows were read and written, and why it ended."""
    if not has_recorder(call.hass):
        raise _error("no_recorder", HomeAssistantError)
    now = dt_util.utcnow()
    sensors_by_entry, others = _find_sensors(call)
    rights = await Rights.async_of(call, POLICY_CONTROL)
    rights.require_entities(sensor.entity_id for sensors in sensors_by_entry.values() for sensor in sensors)
    results = {entity_id: ImportResult(reason="no_statistics") for entity_id in sorted(others)}
    for entry, sensors in sensors_by_entry.items():
        start, end = _range(call, now, entry.runtime_data.imports.days)
        results |= await entry.runtime_data.imports.async_import(
            sensors, start, end, starts_sums_at_zero=call.data["start_sums_at_zero"]
        )
    error = next((result.error for result in results.values() if result.error is not None), None)
    if error is not None and not call.return_response:
        # Without a response, an exception is the only sign that the import is incomplete.
        raise exceptions.of_import(error)
    return {"entities": {entity_id: result.as_dict() for entity_id, result in results.items()}}


def _find_sensors(call: ServiceCall) -> tuple[Mapping[DatapointConfigEntry, list[StatisticsSensor]], set[str]]:
    """Return the chosen sensors by account, and the chosen entities that have no statistics.

    Raises a translated error if no sensor is chosen.
    """
    entry_id = call.data.get("config_entry_id")
    entries: list[DatapointConfigEntry]
    if entry_id is None:
        entries = call.hass.config_entries.async_loaded_entries(DOMAIN)
    else:
        entries = [service.async_get_config_entry(call.hass, DOMAIN, entry_id)]
        coordinator = entries[0].runtime_data.coordinator
        if coordinator.cloud.history.capabilities.hours_retention is None:
            raise _error("no_history_of_account", ServiceValidationError, account=plain(coordinator.name))
    selection = target.TargetSelection(call.data)
    selected = target.async_extract_referenced_entity_ids(call.hass, selection, primary_entities_only=False)
    chosen = selected.referenced | selected.indirectly_referenced
    sensors_by_entry: dict[DatapointConfigEntry, list[StatisticsSensor]] = defaultdict(list)
    for entry in entries:
        coordinator = entry.runtime_data.coordinator
        if coordinator.cloud.history.capabilities.hours_retention is not None:
            for sensor in statistics_sensors(call.hass, coordinator):
                if sensor.entity_id in chosen or not selection.has_any_target:
                    sensors_by_entry[entry].append(sensor)
    if not sensors_by_entry:
        raise _error("nothing_to_import", ServiceValidationError)
    found = {sensor.entity_id for sensors in sensors_by_entry.values() for sensor in sensors}
    return sensors_by_entry, selected.referenced - found


def _range(call: ServiceCall, now: datetime, days: int) -> tuple[datetime, datetime]:
    """Return the range of the call; `days` is its length if the call gives neither start nor days."""
    end = call.data.get("end", now)
    length = min(timedelta(days=call.data.get("days", days)), end - _FIRST_TIMESTAMP)
    start = call.data.get("start", end - length)
    if start >= end:
        raise _error("end_before_start", ServiceValidationError)
    return start, end


def _error(key: str, kind: type[HomeAssistantError], **placeholders: str) -> HomeAssistantError:
    return kind(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)
