"""An integration to compare with: a stock coordinator and entities that only have a name and a number."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.config_entries import ConfigEntry, ConfigFlow
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity, DataUpdateCoordinator
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockPlatform,
    mock_integration,
    mock_platform,
)

from .home import set_up

_LOGGER = logging.getLogger(__name__)

DOMAIN = "plain"


class PlainFlow(ConfigFlow, domain=DOMAIN):
    """Home Assistant sets up no entry of an integration without a config flow."""


@dataclass(frozen=True, slots=True)
class Place:
    """The identifier, name and area of a device to register."""

    id: str
    name: str
    area: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """An entity to add, with its name and its device."""

    unique_id: str
    name: str
    device: Place
    device_class: SensorDeviceClass | None = None
    unit: str | None = None


class PlainSensor(CoordinatorEntity[DataUpdateCoordinator[dict[str, float]]], SensorEntity):
    """A sensor that shows a number of the coordinator's dictionary."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: DataUpdateCoordinator[dict[str, float]], named: Named) -> None:
        super().__init__(coordinator)
        self._attr_unique_id = named.unique_id
        self._attr_name = named.name
        self._attr_device_class = named.device_class
        self._attr_native_unit_of_measurement = named.unit
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, named.device.id)})

    @property
    @override
    def native_value(self) -> float:
        return self.coordinator.data[self.unique_id or ""]


@dataclass(slots=True)
class Plain:
    """The integration after its set-up, with its entry and its coordinator; `add` adds the entities."""

    hass: HomeAssistant
    named: Sequence[Named]
    entry: MockConfigEntry
    coordinator: DataUpdateCoordinator[dict[str, float]]

    async def add(self) -> None:
        await self.hass.config_entries.async_forward_entry_setups(self.entry, [Platform.SENSOR])


async def plain_integration(hass: HomeAssistant, named: Sequence[Named]) -> Plain:
    """Set up the integration and register its devices, but do not add its entities yet."""
    entry = MockConfigEntry(domain=DOMAIN, title="Plain")

    async def update() -> dict[str, float]:
        return {one.unique_id: 18.0 for one in named}

    async def set_up_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
        registry = dr.async_get(hass)
        for device in dict.fromkeys(one.device for one in named):
            registry.async_get_or_create(
                config_entry_id=entry.entry_id,
                identifiers={(DOMAIN, device.id)},
                name=device.name,
                suggested_area=device.area,
            )
        await coordinator.async_refresh()
        return True

    async def set_up_platform(_: HomeAssistant, __: ConfigEntry, async_add_entities: AddEntitiesCallback) -> None:
        async_add_entities(PlainSensor(coordinator, one) for one in named)

    coordinator = DataUpdateCoordinator(hass, _LOGGER, config_entry=entry, name="Plain", update_method=update)
    mock_integration(hass, MockModule(DOMAIN, async_setup_entry=set_up_entry))
    mock_platform(hass, f"{DOMAIN}.sensor", MockPlatform(async_setup_entry=set_up_platform))
    mock_platform(hass, f"{DOMAIN}.config_flow", None)
    await set_up(hass, entry)
    return Plain(hass, named, entry, coordinator)
