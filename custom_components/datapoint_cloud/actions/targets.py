"""What an action is about: devices and datapoints, found by devices, parts of devices or entities of Home Assistant.

It looks into the registries and the fleets and asks no cloud.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import service

from .. import exceptions
from ..accounts import subentry_of
from ..clouds.history import Series
from ..clouds.model import DataType, Scope
from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..device_registry import ids_of, scope_device_id
from ..fleet.description import Description
from ..fleet.device_state import CONNECTIVITY, DeviceState

if TYPE_CHECKING:
    from ..runtime import DatapointConfigEntry

_LIST = vol.All(cv.ensure_list, [vol.All(cv.string, vol.Length(min=1))], vol.Length(min=1), vol.Unique())

DEVICE_FIELDS = {vol.Optional("device_id"): _LIST, vol.Optional("entity_id"): cv.entity_ids}
SERIES_FIELDS = DEVICE_FIELDS | {vol.Optional("datapoints"): _LIST}


@dataclass(frozen=True, slots=True)
class DeviceTarget:
    """A device of a cloud, and what the registry calls it or the part of it that was given."""

    device_id: str
    coordinator: DatapointCoordinator
    state: DeviceState


@dataclass(frozen=True, slots=True)
class SeriesTarget(DeviceTarget):
    """One datapoint of a device."""

    key: str

    @property
    def series(self) -> Series:
        """What its cloud is asked for."""
        return Series(self.state.device, self.key)

    @property
    def description(self) -> Description | None:
        """How it is shown; None where the integration does not know it."""
        return self.state.descriptions.get(self.key)

    def require_number(self) -> None:
        """Raise a translated error for what is known to be no number."""
        description = self.description
        if description is not None and description.datapoint.data_type is not DataType.NUMBER:
            raise exceptions.of_call("datapoint_not_numeric", datapoint=self.key, device=self.state.device.name)


def devices_of(call: ServiceCall) -> list[DeviceTarget]:
    """The devices of a call: those given, and those whose connectivity is given."""
    targets: list[DeviceTarget] = [_device(call.hass, device_id)[0] for device_id in call.data.get("device_id", ())]
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
    """The datapoints of a call: those named of each device, and those whose entities are given.

    A datapoint need not be known, but one that is known must belong to the part that is given.
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
    """The usage query of a call, and what its form holds: that of the device given, or what the account calls so."""
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


def _series(hass: HomeAssistant, device_id: str, key: str) -> SeriesTarget:
    device, part_id = _device(hass, device_id)
    datapoint = device.state.datapoints.get(key)
    if part_id and datapoint and (datapoint.part is None or datapoint.part.id != part_id):
        raise exceptions.of_call("datapoint_of_other_part", datapoint=key, device=device.state.device.name)
    return SeriesTarget(device_id, device.coordinator, device.state, key)


def _device(hass: HomeAssistant, device_id: str) -> tuple[DeviceTarget, str | None]:
    """The device of a cloud that is meant, and the id of the part that was given of it."""
    given, entry = service.async_get_device_and_config_entry(hass, DOMAIN, device_id)
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    device: dr.AnyDeviceEntry | None = given
    if isinstance(given, dr.ChildDeviceEntry):
        device = dr.async_get(hass).async_get(given.parent_device_id)
    found = next((found for found in ids_of(device or given) if found in coordinator.fleet), None)
    if found is None:
        raise exceptions.of_call("no_device_with_past", device=given.name_by_user or given.name or device_id)
    target = DeviceTarget(device_id, coordinator, coordinator.fleet[found])
    part_id = None if device is given else next(iter(ids_of(given))).removeprefix(f"{found}_")
    return target, part_id


def _entity(
    hass: HomeAssistant, entity_id: str, is_meant: Callable[[DeviceState, str], bool], otherwise: ServiceValidationError
) -> SeriesTarget:
    """What an entity shows, if it is meant; raises `otherwise` if not."""
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or entity.platform != DOMAIN:
        raise exceptions.of_call("no_entity_of_a_cloud", entity=entity_id)
    entry: DatapointConfigEntry = service.async_get_config_entry(hass, DOMAIN, entity.config_entry_id)
    coordinator: DatapointCoordinator = entry.runtime_data.coordinator
    for state in coordinator.fleet.values():
        beginning = f"{coordinator.account_id}_{state.device.id}_"
        key = entity.unique_id.removeprefix(beginning)
        if entity.unique_id.startswith(beginning) and is_meant(state, key):
            return SeriesTarget(entity.device_id or "", coordinator, state, key)
    raise otherwise


def _is_datapoint(state: DeviceState, key: str) -> bool:
    return key in state.datapoints


def _is_connectivity(_: DeviceState, key: str) -> bool:
    return key == CONNECTIVITY
