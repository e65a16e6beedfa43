"""Buttons: datapoints that make a device do something once, its clock, its cloud's actions, scenes, and groups."""

from collections.abc import Iterable, Mapping
from typing import override

from homeassistant.components.button import ButtonEntity
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from . import exceptions
from .clouds.administration import DeviceAction, DeviceActions, Scene, SceneAdministration
from .clouds.errors import CloudError
from .composite import CompositeEntity, composites_for
from .const import OPTION_ADMINISTRATION
from .coordinator import DatapointCoordinator
from .device_registry import device_info, unique_id_of
from .entity import (
    DatapointEntity,
    DeviceEntity,
    async_add_entities_of_devices,
    async_remove_entities,
    descriptions_for,
)
from .fleet.device_schedules import values_of_clock
from .fleet.device_state import DeviceState
from .fleet.presentation import SET_CLOCK
from .group_entities import async_add_group_button
from .runtime import DatapointConfigEntry
from .scenes import SceneList

PARALLEL_UPDATES = 0  # commands are put in order for each device

_SCENE = "$scene"


async def async_setup_entry(
    hass: HomeAssistant, entry: DatapointConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of an account."""
    async_add_entities_of_devices(entry, async_add_entities, _device_buttons_of)
    async_add_group_button(entry, async_add_entities)
    administration = entry.runtime_data.coordinator.cloud.administration
    actions = administration.device_actions
    if actions is not None and entry.options.get(OPTION_ADMINISTRATION):
        _add_actions(entry, actions, async_add_entities)
    else:
        endings = tuple(f"_${action}" for action in DeviceAction)
        async_remove_entities(hass, entry, Platform.BUTTON, lambda unique_id: unique_id.endswith(endings))
    if (scenes := administration.scenes) is not None:
        _add_scenes(hass, entry, scenes, async_add_entities)


def _device_buttons_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[DeviceEntity]:
    if state.presentation.clock is not None:
        yield SetClockButton(coordinator, state.device.id)
    for description in descriptions_for(state, Platform.BUTTON):
        yield DatapointButton(coordinator, state.device.id, description)
    for composite in composites_for(state, Platform.BUTTON):
        yield CompositeButton(coordinator, state.device.id, composite)


def _add_actions(
    entry: DatapointConfigEntry, actions: DeviceActions, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    def buttons_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[ActionButton]:
        return (ActionButton(coordinator, state.device.id, actions, action) for action in actions.offered)

    async_add_entities_of_devices(entry, async_add_entities, buttons_of)


def _add_scenes(
    hass: HomeAssistant,
    entry: DatapointConfigEntry,
    administration: SceneAdministration,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    coordinator = entry.runtime_data.coordinator
    added: dict[str, SceneButton] = {}  # by the id of the scene

    async def update(scenes: Mapping[str, Scene]) -> None:
        start = unique_id_of(coordinator, _SCENE, "")
        kept = {start + scene_id for scene_id in scenes}
        async_remove_entities(hass, entry, Platform.BUTTON, lambda id_: id_.startswith(start) and id_ not in kept)
        unchanged = {id_: button for id_, button in added.items() if scenes.get(id_) == button.scene}
        for renamed in scenes.keys() & added.keys() - unchanged.keys():
            # Home Assistant reads the name of an entity when it is added. It has not added one that the user disabled.
            if added[renamed].hass is not None:
                await added[renamed].async_remove()
        new = {
            scene.id: SceneButton(coordinator, scene, administration)
            for scene in scenes.values()
            if scene.id not in unchanged
        }
        added.clear()
        added.update(unchanged | new)
        async_add_entities(new.values())

    SceneList(coordinator, administration, update).async_start()


class DatapointButton(DatapointEntity, ButtonEntity):
    """A datapoint that the user triggers; the device clears it by itself."""

    @override
    async def async_press(self) -> None:
        await self.async_write(True)


class CompositeButton(CompositeEntity, ButtonEntity):
    """Sends values of several datapoints at once."""

    @override
    async def async_press(self) -> None:
        await self.async_write(self.composite.writes)


class SetClockButton(DeviceEntity, ButtonEntity):
    """Sets the clock of a device to the local time, by which it follows its schedules."""

    _attr_translation_key = "set_clock"
    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, coordinator: DatapointCoordinator, device_id: str) -> None:
        super().__init__(coordinator, device_id, SET_CLOCK)

    @override
    async def async_press(self) -> None:
        state = self.state_of_device
        if state is not None:
            values = values_of_clock(state, dt_util.now())
            await self.coordinator.config_entry.runtime_data.commands.async_write(self._device_id, values)


class ActionButton(DeviceEntity, ButtonEntity):
    """Carries out an action on a device, and then reads the device."""

    _attr_entity_category = EntityCategory.CONFIG

    def __init__(
        self, coordinator: DatapointCoordinator, device_id: str, actions: DeviceActions, action: DeviceAction
    ) -> None:
        super().__init__(coordinator, device_id, f"${action}")
        self._actions = actions
        self._action = action
        self._attr_translation_key = action.value
        self._attr_entity_registry_enabled_default = action is not DeviceAction.DEACTIVATE

    @property
    @override
    def available(self) -> bool:
        # A device that does not report may need exactly this action.
        return self.state_of_device is not None

    @override
    async def async_press(self) -> None:
        state = self.state_of_device
        try:
            await self._actions.run(self._device_id, self._action)
        except CloudError as error:
            raise exceptions.of_action(error, self._device_id if state is None else state.device.name) from error
        await self.coordinator.async_refresh_device(self._device_id, self._actions.read)


class SceneButton(ButtonEntity):
    """Runs a scene that the vendor's cloud keeps."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    _attr_translation_key = "scene"

    def __init__(self, coordinator: DatapointCoordinator, scene: Scene, administration: SceneAdministration) -> None:
        self.scene = scene
        self._administration = administration
        self._attr_translation_placeholders = {"scene": scene.name}
        self._attr_unique_id = unique_id_of(coordinator, _SCENE, scene.id)
        self._attr_device_info = device_info(coordinator.account_id)

    @override
    async def async_press(self) -> None:
        try:
            await self._administration.run(self.scene.id)
        except CloudError as error:
            raise exceptions.of_scene(error, self.scene.name) from error
