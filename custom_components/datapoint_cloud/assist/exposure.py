"""The accounts, devices and datapoints that a language model may know: those that the user has exposed to it.

A device is visible if any of its entities is exposed, and a datapoint only if its own entity is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.llm import LLMContext

from ..const import DOMAIN
from ..coordinator import DatapointCoordinator
from ..datapoint_names import DatapointNames, normalized, similar
from ..device_registry import find_state, unique_id_of
from ..fleet.device_state import DeviceState
from ..runtime import DatapointConfigEntry


class Unanswerable(Exception):
    """A question that has no answer. `choices` are the words that would have one."""

    def __init__(self, text: str, choices: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.choices = list(choices)


@dataclass(frozen=True)
class VisibleDevice:
    """A device of which at least one entity is exposed. `entity_ids` are the exposed ones, by unique id."""

    hass: HomeAssistant
    coordinator: DatapointCoordinator
    state: DeviceState
    registered: dr.DeviceEntry
    label: str
    area: str | None
    entity_ids: Mapping[str, str] = field(repr=False)

    @cached_property
    def names(self) -> DatapointNames:
        """What its datapoints are called."""
        return DatapointNames.of(self.hass, self.coordinator, self.state)

    @property
    def registry_id(self) -> str:
        """Its id in Home Assistant."""
        return self.registered.id

    def unique_id(self, key: str) -> str:
        """Return the unique id of the entity that shows a datapoint or another fact of it."""
        return unique_id_of(self.coordinator, self.state.device.id, key)

    def entity_id(self, key: str) -> str | None:
        """Return the entity that shows a datapoint; None if it is not exposed."""
        return self.entity_ids.get(self.unique_id(key))

    @property
    def exposed_keys(self) -> list[str]:
        """The datapoints whose entities are exposed."""
        return [key for key in self.state.descriptions if self.entity_id(key) is not None]

    def datapoint(self, word: str) -> str:
        """Return the key of the datapoint that a word names. Raises `Unanswerable` with the names that there are."""
        found = self.names.find(word)
        exposed = [key for key in found if self.entity_id(key) is not None]
        if len(exposed) > 1:
            raise Unanswerable(f"Several datapoints of {self.label} have this name.", map(self._label_of, exposed))
        if exposed:
            return exposed[0]
        if found:
            raise Unanswerable(
                f"{self.label} has {self.names.labels[found[0]]}, but it is not exposed to voice assistants. "
                "The user can expose it in the settings of voice assistants."
            )
        labels = [self._label_of(key) for key in self.exposed_keys]
        raise Unanswerable(f"{self.label} has no exposed datapoint {word}.", similar(word, labels) or labels)

    def _label_of(self, key: str) -> str:
        return self.names.labels[key]


@dataclass(frozen=True)
class View:
    """What is visible."""

    devices: tuple[VisibleDevice, ...]
    accounts: tuple[DatapointCoordinator, ...]

    def device(self, word: str) -> VisibleDevice:
        """Return the device that a word names. Raises `Unanswerable` with the names that there are."""
        found = self._devices_named(word)
        if len(found) == 1:
            return found[0]
        if found:
            raise Unanswerable("Several devices have this name.", (device.label for device in found))
        labels = [device.label for device in self.devices]
        raise Unanswerable(f"No exposed device is called {word}.", similar(word, labels) or labels[:30])

    def _devices_named(self, word: str) -> list[VisibleDevice]:
        wanted = normalized(word)
        by_label = [device for device in self.devices if normalized(device.label) == wanted]
        if by_label:
            return by_label
        exact = [device for device in self.devices if wanted in {normalized(name) for name in _names_of(device)}]
        if exact:
            return exact
        # The name of an entity begins with that of its device: "Terrace spa water temperature".
        of_entity = [device for device in self.devices if f" {wanted} ".startswith(f" {normalized(_name(device))} ")]
        if of_entity:
            longest = max(len(_name(device)) for device in of_entity)
            return [device for device in of_entity if len(_name(device)) == longest]
        return [device for device in self.devices if f" {wanted} " in f" {normalized(_name(device))} "]

    def in_area(self, area: str | None) -> list[VisibleDevice]:
        """Return the devices of an area, a site or a customer; all without one. Raises `Unanswerable`."""
        if area is None:
            return list(self.devices)
        wanted = normalized(area)
        found = [device for device in self.devices if wanted in {normalized(place) for place in _places_of(device)}]
        if not found:
            places = list(dict.fromkeys(place for device in self.devices for place in _places_of(device)))
            raise Unanswerable(f"No exposed device is in {area}.", similar(area, places) or places[:30])
        return found


async def async_view(hass: HomeAssistant, llm_context: LLMContext) -> View:
    """Return what is exposed to the assistant and may be read by the user it answers."""
    user_id = None if llm_context.context is None else llm_context.context.user_id
    user = await hass.auth.async_get_user(user_id) if user_id else None
    devices: list[VisibleDevice] = []
    accounts: list[DatapointCoordinator] = []
    entries: list[DatapointConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        exposed = [
            entity
            for entity in _exposed(hass, entry, llm_context.assistant)
            if user is None or user.is_admin or user.permissions.check_entity(entity.entity_id, POLICY_READ)
        ]
        if exposed:
            accounts.append(entry.runtime_data.coordinator)
            devices += _visible(hass, entry.runtime_data.coordinator, exposed)
    return View(tuple(_labelled(devices)), tuple(accounts))


@callback
def async_has_exposed(hass: HomeAssistant, assistant: str) -> bool:
    """Return whether any entity is exposed, so that there is something to answer about."""
    entries = hass.config_entries.async_loaded_entries(DOMAIN)
    return any(True for entry in entries for _ in _exposed(hass, entry, assistant))


def _exposed(hass: HomeAssistant, entry: DatapointConfigEntry, assistant: str) -> Iterator[er.RegistryEntry]:
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        if not entity.disabled and async_should_expose(hass, assistant, entity.entity_id):
            yield entity


def _visible(
    hass: HomeAssistant, coordinator: DatapointCoordinator, exposed: Iterable[er.RegistryEntry]
) -> Iterator[VisibleDevice]:
    registry, areas = dr.async_get(hass), ar.async_get(hass)
    by_device: dict[str, dict[str, str]] = defaultdict(dict)
    for entity in exposed:
        device = registry.async_get(entity.device_id or "")
        if device is not None:
            of_device = device.parent_device_id if isinstance(device, dr.ChildDeviceEntry) else device.id
            by_device[of_device][entity.unique_id] = entity.entity_id
    for registry_id, entity_ids in by_device.items():
        device = registry.async_get(registry_id)
        state = None if device is None else find_state(hass, coordinator, device)
        if not isinstance(device, dr.DeviceEntry) or state is None:
            continue  # the account itself, or a device that is gone
        area = areas.async_get_area(device.area_id or "")
        name = device.name_by_user or device.name or state.device.name
        yield VisibleDevice(hass, coordinator, state, device, name, None if area is None else area.name, entity_ids)


def _labelled(devices: Iterable[VisibleDevice]) -> Iterator[VisibleDevice]:
    """Give each device a label of its own: its name, with its place or its serial number if others have that name."""
    by_name: dict[str, list[VisibleDevice]] = defaultdict(list)
    for device in sorted(devices, key=lambda device: device.label.casefold()):
        by_name[normalized(device.label)].append(device)
    for same in by_name.values():
        places = Counter(device.area or device.state.device.site for device in same)
        for device in same:
            place = device.area or device.state.device.site
            details = device.state.device
            mark = place if places[place] == 1 else None
            mark = mark or details.serial_number or details.mac or details.id
            yield device if len(same) == 1 else replace(device, label=f"{device.label} ({mark})")


def _name(device: VisibleDevice) -> str:
    return device.registered.name_by_user or device.registered.name or device.state.device.name


def _names_of(device: VisibleDevice) -> set[str]:
    details = device.state.device
    names = {_name(device), device.registered.name, details.name, details.id, details.serial_number, details.mac}
    return {name for name in (*names, device.registry_id, *device.entity_ids.values()) if name}


def _places_of(device: VisibleDevice) -> list[str]:
    details = device.state.device
    return [place for place in (device.area, details.site, details.customer) if place]
