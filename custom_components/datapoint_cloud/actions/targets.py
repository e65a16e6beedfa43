"""Finds the devices and datapoints of a call, which names devices, parts of devices or entities of Home Assistant.

It reads registries and fleets and sends no request.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import voluptuous as vol
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import service

from .. import exceptions
from ..clouds.history import Series
from ..clouds.model import DataType, Scope, Value
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..datapoint_names import DatapointNames, similar
from ..device_registry import find_state, ids_of, scope_device_id, unique_id_of
from ..entries import subentry_of
from ..fleet.description import DatapointDescription
from ..fleet.device_state import DeviceState
from ..fleet.presentation import CONNECTIVITY
from ..runtime import DatapointConfigEntry
from .rights import Rights

_LIST = vol.All(cv.ensure_list, [vol.All(cv.string, vol.Length(min=1))], vol.Length(min=1), vol.Unique())

DEVICE_FIELDS = {vol.Optional("device_id"): _LIST, vol.Optional("entity_id"): cv.entity_ids}
SERIES_FIELDS = DEVICE_FIELDS | {vol.Optional("datapoints"): _LIST}


@dataclass(frozen=True, slots=True)
class DeviceTarget:
    """A device of a cloud. `registry_id` is the id that the call gave: the device's own or that of a part of it."""

    registry_id: str
    coordinator: DatapointCoordinator
    state: DeviceState


@dataclass(frozen=True, slots=True)
class SeriesTarget(DeviceTarget):
    """One datapoint of a device."""

    key: str

    @property
    def series(self) -> Series:
        """The series to request from the cloud."""
        return Series(self.state.device, self.key)

    @property
    def description(self) -> DatapointDescription | None:
        """How the datapoint is shown; None if its schema does not have it."""
        return self.state.descriptions.get(self.key)

    def require_number(self) -> None:
        """Raise a translated error if the schema says that the datapoint is not a number."""
        description = self.description
        if description is not None and description.datapoint.data_type is not DataType.NUMBER:
            raise exceptions.of_call("datapoint_not_numeric", datapoint=self.key, device=self.state.device.name)


def devices_to_control(call: ServiceCall) -> list[DeviceTarget]:
    """Return the devices that a command names. Raises a translated error for a part of a device."""
    targets: list[DeviceTarget] = []
    for registry_id in call.data["device_id"]:
        device, target = _find_device(call.hass, registry_id)
        if target is None or isinstance(device, dr.ChildDeviceEntry):
            raise exceptions.of_call("no_device_of_a_cloud", device=device.name_by_user or device.name or registry_id)
        targets.append(target)
    return targets


def devices_with_datapoints(call: ServiceCall) -> list[DeviceTarget]:
    """Return the devices that a call names; a part stands for its device."""
    return [_device(call.hass, registry_id)[1] for registry_id in call.data["device_id"]]


async def async_values_to_write(call: ServiceCall) -> list[tuple[DeviceTarget, dict[str, Value]]]:
    """Return the values that a command names for each device: by the names of its datapoints, or by their entities.

    A word that no datapoint has as its name stays: the cloud refuses it. Raises `Unauthorized` if the caller may not
    control them, and a translated error for a wrong device or entity, an ambiguous name, or if there are no values.
    """
    rights = await Rights.async_of(call, POLICY_CONTROL)
    has_values = "values" in call.data
    if has_values != ("device_id" in call.data) or not (has_values or "settings" in call.data):
        raise exceptions.of_call("nothing_to_set")
    found: dict[int, tuple[DeviceTarget, dict[str, Value]]] = {}
    for target in devices_to_control(call) if has_values else ():
        names = DatapointNames.of(call.hass, target.coordinator, target.state)
        words = call.data["values"]
        keys = [key for word in words for key in names.find(word) or [word]]
        rights.require_datapoints(target.coordinator, target.state.device.id, keys)
        values = {_key(target.state, names, word): value for word, value in words.items()}
        found.setdefault(id(target.state), (target, {}))[1].update(values)
    for setting in call.data.get("settings", ()):
        entity_id = setting["entity_id"]
        shown = _entity(
            call.hass, entity_id, _is_datapoint, exceptions.of_call("no_datapoint_entity", entity=entity_id)
        )
        rights.require_datapoints(shown.coordinator, shown.state.device.id, [shown.key])
        device = dr.async_get(call.hass).async_get_device_by_identifier(
            (DOMAIN, shown.state.device.id), shown.coordinator.config_entry.entry_id
        )
        target = DeviceTarget(device.id if device else shown.registry_id, shown.coordinator, shown.state)
        found.setdefault(id(shown.state), (target, {}))[1][shown.key] = setting["value"]
    return list(found.values())


def group_values(
    hass: HomeAssistant, coordinator: DatapointCoordinator, values: Mapping[str, Value]
) -> Mapping[str, Value]:
    """Return values for a group by the keys of their datapoints.

    Only the cloud knows the product of a group, so the first device decides that has datapoints of all these names.
    """
    for state in coordinator.fleet.values():
        names = DatapointNames.of(hass, coordinator, state)
        found = [names.find(word) for word in values]
        if all(len(keys) == 1 for keys in found):
            return {keys[0]: value for keys, value in zip(found, values.values(), strict=True)}
    return values


def devices_of(call: ServiceCall) -> list[DeviceTarget]:
    """Return the devices that a call names directly or through their connectivity entities."""
    targets: list[DeviceTarget] = [_device(call.hass, registry_id)[1] for registry_id in call.data.get("device_id", ())]
    targets += [
        _entity(call.hass, entity_id, _is_connectivity, exceptions.of_call("no_connectivity_entity", entity=entity_id))
        for entity_id in call.data.get("entity_id", ())
    ]
    if not targets:
        raise exceptions.of_call("devices_missing")
    once: dict[int, DeviceTarget] = {}
    for target in targets:
        once.setdefault(id(target.state), target)
    return list(once.values())


def series_of(call: ServiceCall) -> list[SeriesTarget]:
    """Return the datapoints that a call names for its devices, and those that its entities show.

    The schema need not have a datapoint. If it does, the datapoint must belong to the part that the call names.
    """
    device_ids, keys = call.data.get("device_id", ()), call.data.get("datapoints", ())
    entity_ids = call.data.get("entity_id", ())
    if bool(device_ids) != bool(keys) or not (device_ids or entity_ids):
        raise exceptions.of_call("series_missing")
    targets = [_series(call.hass, device_id, key) for device_id in device_ids for key in keys]
    targets += [
        _entity(call.hass, entity_id, _is_datapoint, exceptions.of_call("no_datapoint_entity", entity=entity_id))
        for entity_id in entity_ids
    ]
    once: dict[tuple[int, str], SeriesTarget] = {}
    for target in targets:
        once.setdefault((id(target.state), target.key), target)
    return list(once.values())


def query_of(call: ServiceCall) -> tuple[DatapointCoordinator, Scope, Mapping[str, Any]]:
    """Return the usage query of a call and its form data, found by its device or by its name in the account."""
    device_id, entry_id = call.data.get("device_id"), call.data.get("config_entry_id")
    if (device_id is None) == (entry_id is None):
        raise exceptions.of_call("query_missing")
    if device_id is not None:
        device, entry = service.async_get_device_and_config_entry(call.hass, DOMAIN, device_id)
        name = device.name_by_user or device.name or device_id
    else:
        entry, name = service.async_get_config_entry(call.hass, DOMAIN, entry_id), call.data.get("query")
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    if not coordinator.cloud.history.capabilities.has_usage:
        raise exceptions.of_call("usage_not_offered", account=coordinator.name)
    scopes = coordinator.cloud.scopes
    for scope in scopes:
        subentry = entry.subentries[subentry_of(entry, scope.id) or ""]
        if device_id is not None:
            is_meant = scope_device_id(coordinator, scope.id) in ids_of(device)
        else:
            is_meant = name in {scope.id, scope.name, subentry.title} or (name is None and len(scopes) == 1)
        if is_meant:
            return coordinator, scope, subentry.data
    raise exceptions.of_call(
        "no_usage_query", name=name or "", account=coordinator.name, queries=", ".join(scope.name for scope in scopes)
    )


def _series(hass: HomeAssistant, registry_id: str, word: str) -> SeriesTarget:
    device, target = _device(hass, registry_id)
    state = target.state
    names = DatapointNames.of(hass, target.coordinator, state)
    # A cloud may keep the past of a datapoint that the definition does not have.
    key = _key(state, names, word)
    description = state.descriptions.get(key)
    if isinstance(device, dr.ChildDeviceEntry) and description is not None:
        part_id, part = next(iter(ids_of(device))).removeprefix(f"{state.device.id}_"), description.datapoint.part
        if part is None or part.id != part_id:
            raise exceptions.of_call("datapoint_of_other_part", datapoint=key, device=state.device.name)
    return SeriesTarget(registry_id, target.coordinator, state, key)


def _key(state: DeviceState, names: DatapointNames, word: str) -> str:
    """Return the key of the datapoint that a word names, or the word itself if none has this name.

    Raises a translated error if several have it.
    """
    found = names.find(word)
    if len(found) > 1:
        choices = ", ".join(names.labels[key] for key in found)
        raise exceptions.of_call("several_datapoints", device=state.device.name, datapoint=word, choices=choices)
    return found[0] if found else word


def _device(hass: HomeAssistant, registry_id: str) -> tuple[dr.AnyDeviceEntry, DeviceTarget]:
    """Return a registered device or part and its target. Raises a translated error if it has none."""
    device, target = _find_device(hass, registry_id)
    if target is None:
        raise exceptions.of_call("no_device_with_past", device=device.name_by_user or device.name or registry_id)
    return device, target


def _find_device(hass: HomeAssistant, registry_id: str) -> tuple[dr.AnyDeviceEntry, DeviceTarget | None]:
    """Look a device or part up in the registry; its target is None if it represents no device of the fleet."""
    registry = dr.async_get(hass)
    if registry.async_get(registry_id) is None and (alike := _devices_like(hass, registry, registry_id)):
        raise exceptions.of_call("no_such_device", device=registry_id, similar=", ".join(alike))
    device, entry = service.async_get_device_and_config_entry(hass, DOMAIN, registry_id)
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    state = find_state(hass, coordinator, device)
    return device, None if state is None else DeviceTarget(registry_id, coordinator, state)


def _devices_like(hass: HomeAssistant, registry: dr.DeviceRegistry, word: str) -> list[str]:
    """Return the names and ids of the devices that somebody meant who entered a name instead of an id."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            by_name[device.name_by_user or device.name or device.id].append(device.id)
    return [f"{name} ({device_id})" for name in similar(word, by_name) for device_id in by_name[name]]


def _entities_like(hass: HomeAssistant, registry: er.EntityRegistry, word: str) -> list[str]:
    entries = hass.config_entries.async_loaded_entries(DOMAIN)
    entities = (
        entity.entity_id for entry in entries for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
    )
    return similar(word, entities)


def _entity(
    hass: HomeAssistant, entity_id: str, is_meant: Callable[[DeviceState, str], bool], otherwise: ServiceValidationError
) -> SeriesTarget:
    """Return the datapoint or fact that an entity shows; raises `otherwise` unless `is_meant` accepts it."""
    registry = er.async_get(hass)
    entity = registry.async_get(entity_id)
    if entity is None and (alike := _entities_like(hass, registry, entity_id)):
        raise exceptions.of_call("no_such_entity", entity=entity_id, similar=", ".join(alike))
    if entity is None or entity.platform != DOMAIN:
        raise exceptions.of_call("no_entity_of_a_cloud", entity=entity_id)
    entry: DatapointConfigEntry = service.async_get_config_entry(hass, DOMAIN, entity.config_entry_id)
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    for state in coordinator.fleet.values():
        prefix = unique_id_of(coordinator, state.device.id, "")
        key = entity.unique_id.removeprefix(prefix)
        if entity.unique_id.startswith(prefix) and is_meant(state, key):
            return SeriesTarget(entity.device_id or "", coordinator, state, key)
    raise otherwise


def _is_datapoint(state: DeviceState, key: str) -> bool:
    return key in state.datapoints


def _is_connectivity(_: DeviceState, key: str) -> bool:
    return key == CONNECTIVITY
