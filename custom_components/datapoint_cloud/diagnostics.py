"""Diagnostics for bug reports: the polling state, the schemas and the entities made from them.

They contain no ids, names, addresses or secrets; devices are numbered instead.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from . import recording_storage
from .const import CONF_CLOUD, OPTION_INTERVAL
from .coordinator import DatapointCoordinator
from .device_registry import find_state
from .entries import account_type_of
from .fleet.device_state import DeviceState, holds_free_text
from .runtime import DatapointConfigEntry


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: DatapointConfigEntry) -> dict[str, Any]:
    """Describe an account, even if it could not be set up."""
    described = _describe_entry(hass, entry)
    if entry.state is ConfigEntryState.LOADED:
        described |= _describe_running(entry.runtime_data.coordinator)
    path = recording_storage.path_of(hass, entry.entry_id)
    if (recording := await hass.async_add_executor_job(recording_storage.read, path)) is not None:
        described["recording"] = recording
    return described


def _describe_entry(hass: HomeAssistant, entry: DatapointConfigEntry) -> dict[str, Any]:
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {
        "state": entry.state.value,
        # The key only: the text may contain a name.
        "state_reason": entry.error_reason_translation_key,
        "registered_devices": len(registered),
        "entry": _redact(entry, entry.data),
        "options": {
            "interval": entry.options.get(OPTION_INTERVAL),
            "chosen": {name: len(value) for name, value in entry.options.items() if isinstance(value, list)},
        },
        "scopes": [
            {"type": subentry.subentry_type, "data": _redact(entry, subentry.data)}
            for subentry in entry.subentries.values()
        ],
    }


def _describe_running(coordinator: DatapointCoordinator) -> dict[str, Any]:
    states = list(coordinator.fleet.values())
    budget = coordinator.cloud.budget
    return {
        "polling": {
            "interval": coordinator.update_interval.total_seconds() if coordinator.update_interval else None,
            "is_successful": coordinator.last_update_success,
            "error": None if coordinator.last_exception is None else type(coordinator.last_exception).__name__,
            "problem": None if coordinator.problem is None else str(coordinator.problem),
            "failed_scopes": [str(error) for error in coordinator.inventory.failed_scopes.values()],
            "interval_in_force": coordinator.interval_in_force.total_seconds(),
            "activity": None if (selector := coordinator.cloud.device_selector) is None else selector.status,
            "heard": sum(coordinator.is_pushed(state.device) for state in states),
            "quota": None if budget.limit is None else {"limit": budget.limit, "remaining": budget.remaining},
        },
        "devices": {
            "listed": len(coordinator.inventory.listed),
            "shown": len(states),
            "online": Counter(str(state.device.is_online) for state in states),
            "by_model": Counter(str(state.device.model) for state in states),
        },
        "device_details": [_describe(state) for state in states[:100]],
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: DatapointConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Describe one device; for a part of a device, the whole device."""
    if entry.state is not ConfigEntryState.LOADED:
        return {"state": entry.state.value, "state_reason": entry.error_reason_translation_key, "device": None}
    state = find_state(hass, entry.runtime_data.coordinator, device)
    return {"device": None if state is None else _describe(state)}


def _describe(state: DeviceState) -> dict[str, Any]:
    device = state.device
    return {
        "model": device.model,
        "product_name": device.product_name,
        "model_id": device.model_id,
        "product": None if device.model_id is None and device.schema_id == device.id else state.product.key,
        "profile": _describe_profile(state),
        "sw_version": device.sw_version,
        "hw_version": device.hw_version,
        "is_online": device.is_online,
        "has_alert": device.has_alert,
        "has_fault": device.has_fault,
        "has_gateway": device.gateway_id is not None,
        "is_available": state.is_available,
        "read_at": state.read_at,
        "reported_at": state.reported_at,
        "failure": None if state.failure is None else str(state.failure),
        "skipped": sorted(state.skipped),
        "datapoints": {
            key: {
                # As the cloud defines it, before a profile refines it: this is what a profile has to be written for.
                "name": datapoint.name,
                "desc": datapoint.desc,
                "type": datapoint.data_type,
                "role": datapoint.role,
                "is_writable": datapoint.is_writable,
                "unit": datapoint.unit,
                "minimum": datapoint.minimum,
                "maximum": datapoint.maximum,
                "step": datapoint.step,
                "options": datapoint.options,
                "length": datapoint.length,
                "platform": None if description is None else description.platform,
                "value": REDACTED if holds_free_text(datapoint) else state.value(key),
            }
            for key, datapoint in state.datapoints.items()
            for description in (state.descriptions.get(key),)
        },
    }


def _describe_profile(state: DeviceState) -> dict[str, Any]:
    """Describe what profiles make of the device."""
    profile = state.profile
    return {
        "model": profile.model,
        "file": profile.source,
        "refined": sorted(profile.datapoints),
        "entities": list(state.presentation.composites),
        "records": [record.pattern for record in profile.records],
    }


def _redact(entry: DatapointConfigEntry, content: Mapping[str, Any]) -> dict[str, Any]:
    fields = (field for group in account_type_of(entry).field_groups for field in group.fields)
    public = {CONF_CLOUD, *(field.name for field in fields if field.is_public)}
    return async_redact_data(dict(content), {key for key in content if key not in public})
