"""The entities about the commands to groups of an account: how far the newest one is, and a button that stops it.

They are added with the first such command, since most accounts never send one.
"""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.components.button import ButtonEntity
from homeassistant.components.sensor import SensorEntity
from homeassistant.const import PERCENTAGE, EntityCategory, Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .commands import Commands
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .device_registry import device_info
from .entity import async_add_with_inventory
from .group_command import GROUP_COMMAND, GroupCommand, GroupStatus
from .runtime import DatapointConfigEntry


class _GroupEntity(CoordinatorEntity[DatapointCoordinator]):
    _attr_has_entity_name = True
    key: str

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        super().__init__(coordinator, GROUP_COMMAND)
        self._attr_unique_id = f"{coordinator.account_id}_{self.key}"
        self._attr_device_info = device_info(coordinator.account_id)

    @property
    def _commands(self) -> Commands:
        commands: Commands = self.coordinator.config_entry.runtime_data.commands
        return commands

    @property
    def _group(self) -> GroupCommand | None:
        return self._commands.group


class GroupCommandSensor(_GroupEntity, SensorEntity):
    """The share of the devices that had their turn in the newest command to a group."""

    key = "$group_command"
    _attr_translation_key = "group_command"
    _attr_native_unit_of_measurement = PERCENTAGE
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    @property
    @override
    def available(self) -> bool:
        return True  # it tells what was sent, whether the cloud can be reached now or not

    @property
    @override
    def native_value(self) -> int | None:
        return None if self._group is None else self._group.percent

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        return None if self._group is None else self._group.attributes


class StopGroupCommandButton(_GroupEntity, ButtonEntity):
    """Stops the command to a group that is under way. What was sent stays sent."""

    key = "$stop_group_command"
    _attr_translation_key = "stop_group_command"

    @property
    @override
    def available(self) -> bool:
        return self._group is not None and self._group.status is GroupStatus.RUNNING

    @override
    async def async_press(self) -> None:
        self._commands.async_stop_groups()


@callback
def async_add_group_sensor(entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensor of an account."""
    _async_add(entry, Platform.SENSOR, GroupCommandSensor(entry.runtime_data.coordinator), async_add_entities)


@callback
def async_add_group_button(entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the button of an account."""
    _async_add(entry, Platform.BUTTON, StopGroupCommandButton(entry.runtime_data.coordinator), async_add_entities)


@callback
def _async_add(
    entry: DatapointConfigEntry,
    platform: Platform,
    entity: GroupCommandSensor | StopGroupCommandButton,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity with the first command, or at once if it was added before a restart."""
    registry = er.async_get(entity.coordinator.hass)
    is_added = False

    @callback
    def add_once() -> None:
        nonlocal is_added
        is_registered = registry.async_get_entity_id(platform, DOMAIN, entity.unique_id or "") is not None
        if not is_added and (is_registered or entry.runtime_data.commands.group is not None):
            is_added = True
            async_add_entities([entity])

    async_add_with_inventory(entry, add_once)
