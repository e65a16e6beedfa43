"""What triggers and conditions share: which devices a target names, and which alarms a filter includes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import TargetSelection

from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import find_state, holder_ids, ids_of
from .fleet.device_state import DeviceState
from .runtime import DatapointConfigEntry

type _Options = Mapping[vol.Marker, Any]

_CONF_NAME: Final = "name"
_CONF_SEVERITY: Final = "severity"
_WORDS: Final = vol.All(cv.ensure_list, [cv.string])

ALARM_OPTIONS: Final[_Options] = {vol.Optional(_CONF_NAME): _WORDS, vol.Optional(_CONF_SEVERITY): _WORDS}


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms are meant: those whose name contains one of `names`, and that have one of `severities`.

    If one of these is empty, it excludes no alarm.
    """

    names: tuple[str, ...]
    severities: frozenset[str]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read the options of a trigger or condition."""
        names, severities = options.get(_CONF_NAME, ()), options.get(_CONF_SEVERITY, ())
        return cls(tuple(map(str.casefold, names)), frozenset(map(str.casefold, severities)))

    def includes(self, name: str, key: str, severity: str | None) -> bool:
        """Whether an alarm is meant, given with its name, the key of its datapoint and its severity."""
        has_name = not self.names or any(part in name.casefold() or part == key.casefold() for part in self.names)
        return has_name and (not self.severities or (severity or "").casefold() in self.severities)

    @property
    def is_empty(self) -> bool:
        """Whether all alarms are meant."""
        return not self.names and not self.severities


class Target:
    """The devices that a target names by themselves, their areas, floors, labels or entities; all if it is empty.

    The device of an account, a product, a customer or a site names all devices that belong to it. The registries are
    read at each look: devices, areas and labels change while an automation waits.
    """

    def __init__(self, hass: HomeAssistant, config: Mapping[str, Any] | None) -> None:
        self._hass = hass
        self._selection = TargetSelection(dict(config or {}))

    @callback
    def includes(self, device_id: str) -> bool:
        """Whether the target names the device with this id of the registry."""
        if not self._selection.has_any_target:
            return True
        device = dr.async_get(self._hass).async_get(device_id)
        return isinstance(device, dr.DeviceEntry) and self._names(device, self._areas(), self._holders())

    @callback
    def states(self) -> Iterator[tuple[DatapointCoordinator, DeviceState]]:
        """Yield the state of each device that the target names, with its account; those of loaded accounts only."""
        areas, holders = self._areas(), self._holders()
        registry = dr.async_get(self._hass)
        entries: list[DatapointConfigEntry] = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            coordinator = entry.runtime_data.coordinator
            for state in coordinator.fleet.values():
                device = registry.async_get_device_by_identifier((DOMAIN, state.device.id), entry.entry_id)
                if device is not None and (not self._selection.has_any_target or self._names(device, areas, holders)):
                    yield coordinator, state

    def _areas(self) -> Collection[str]:
        selection, registry = self._selection, ar.async_get(self._hass)
        areas = set(selection.area_ids)
        for floor_id in selection.floor_ids:
            areas |= {area.id for area in registry.areas.get_areas_for_floor(floor_id)}
        for label_id in selection.label_ids:
            areas |= {area.id for area in registry.areas.get_areas_for_label(label_id)}
        return areas

    def _holders(self) -> Collection[tuple[str, str]]:
        """Return the entries and ids of the named devices that stand for an account or a part of it."""
        registry = dr.async_get(self._hass)
        devices = (registry.async_get(device_id) for device_id in self._selection.device_ids)
        return {
            (device.config_entry_id, holder_id)
            for device in devices
            if isinstance(device, dr.DeviceEntry) and device.entry_type is dr.DeviceEntryType.SERVICE
            for holder_id in ids_of(device)
        }

    def _belongs_to(self, device: dr.DeviceEntry, holders: Collection[tuple[str, str]]) -> bool:
        entry = self._hass.config_entries.async_get_entry(device.config_entry_id)
        if not holders or entry is None or entry.state is not ConfigEntryState.LOADED:
            return False
        coordinator: DatapointCoordinator = entry.runtime_data.coordinator
        state = find_state(self._hass, coordinator, device)
        ids = set() if state is None else holder_ids(coordinator, state.device)
        return any((entry.entry_id, holder_id) in holders for holder_id in ids)

    def _names(self, device: dr.DeviceEntry, areas: Collection[str], holders: Collection[tuple[str, str]]) -> bool:
        """Whether the target names the device, one of its parts, what it belongs to, or one of its entities."""
        selection = self._selection
        found: list[dr.AnyDeviceEntry] = [
            device,
            *dr.async_entries_for_parent_device(dr.async_get(self._hass), device.id),
        ]
        if any(
            part.id in selection.device_ids or part.area_id in areas or part.labels & selection.label_ids
            for part in found
        ):
            return True
        if self._belongs_to(device, holders):
            return True
        if not (areas or selection.label_ids or selection.entity_ids):
            return False
        registry = er.async_get(self._hass)
        return any(
            entity.entity_id in selection.entity_ids or entity.area_id in areas or entity.labels & selection.label_ids
            for part in found
            for entity in er.async_entries_for_device(registry, part.id, include_disabled_entities=True)
        )


@callback
def state_of_device(hass: HomeAssistant, entry_id: str, device_id: str) -> DeviceState | None:
    """Return the state of a registered device; None if its account has it no more.

    Raises `LookupError` if the account is not loaded.
    """
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.state is not ConfigEntryState.LOADED:
        raise LookupError(entry_id)
    device = dr.async_get(hass).async_get(device_id)
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    return None if device is None else find_state(hass, coordinator, device)
