"""The base class of entities that show several datapoints at once, such as a thermostat.

It reads and writes the roles of the datapoints. The platforms decide what the roles are in Home Assistant.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, override

from homeassistant.const import EntityCategory, Platform
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import exceptions
from .clouds.errors import Reason, Rejected
from .clouds.model import Datapoint, DataType, Value
from .coordinator import DatapointCoordinator
from .entity import DeviceEntity, async_add_entities_of_devices
from .fleet.device_state import DeviceState
from .fleet.naming import key_of
from .profiles.roles import Composite, Role, Source
from .runtime import DatapointConfigEntry

COMPOSITE: Final = "composite"
"""The translation key of the words that such entities show."""


class CompositeEntity(DeviceEntity):
    """An entity that shows several datapoints of one device.

    Words that a profile chooses freely, such as the names of presets, are shown by keys that Home Assistant translates.
    """

    def __init__(self, coordinator: DatapointCoordinator, device_id: str, composite: Composite) -> None:
        super().__init__(coordinator, device_id, composite.key)
        self._first_composite = composite
        # The primary entity has no name of its own: it is called like the device.
        self._attr_name = None if composite.name is None else coordinator.naming.words_of(composite.name)
        self._attr_entity_category = EntityCategory(composite.category) if composite.category else None
        self._attr_entity_registry_enabled_default = composite.is_enabled

    @property
    @override
    def suggested_object_id(self) -> str | None:
        return self._first_composite.name

    @property
    def composite(self) -> Composite:
        """The current composite: the vendor or a profile may change limits and words while the entity exists."""
        return self._composite_now or self._first_composite

    @property
    def _composite_now(self) -> Composite | None:
        """None if the device is gone or lacks datapoints that the entity needs by now."""
        state = self.state_of_device
        return None if state is None else state.presentation.composites.get(self._key)

    @property
    @override
    def available(self) -> bool:
        return super().available and self._composite_now is not None

    # Reading

    def has(self, name: str) -> bool:
        """Whether a datapoint has this role."""
        return name in self.composite.roles

    def can_write(self, name: str) -> bool:
        """Whether a number with this role can be written."""
        role = self.composite.roles.get(name)
        return role is not None and role.is_writable

    def can_switch(self, name: str) -> bool:
        """Whether a role can be turned on and off."""
        role = self.composite.roles.get(name)
        return role is not None and role.values_of_flag(is_on=False) is not None

    def number_of(self, name: str) -> float | None:
        """The number of a role; None while it is unknown."""
        role = self.composite.roles.get(name)
        return None if role is None else self.number(role)

    def number(self, role: Role) -> float | None:
        """The number that a role means; None while it is unknown."""
        return role.number(self._value)

    def flag_of(self, name: str) -> bool | None:
        """Whether a role is on; None while that is unknown."""
        role = self.composite.roles.get(name)
        return None if role is None else role.flag(self._value)

    def word_of(self, name: str) -> str | None:
        """The word of a role; None while it is unknown, and for a value without a word."""
        role = self.composite.roles.get(name)
        return None if role is None else role.word(self._value)

    def option_of(self, name: str) -> str | None:
        """The key of the word of a role; None while it is unknown, and for a value without a word."""
        return None if (word := self.word_of(name)) is None else _key(word)

    def options_of(self, name: str) -> list[str]:
        """The keys of the words of a role that can be written."""
        role = self.composite.roles.get(name)
        return [] if role is None else list(dict.fromkeys(map(_key, role.writable_words)))

    def _value(self, key: str) -> Value | None:
        """The cloud's value of a datapoint; None while it is unknown, and for a value that means "no value"."""
        state = self.state_of_device
        return None if state is None or state.shown(key) is None else state.value(key)

    # Writing

    def values_of_number(self, role: Role, number: float) -> dict[str, Value]:
        """Return the values to write for a number. Raises a translated error for one that the role cannot have."""
        source = role.sources[0]
        least, greatest = source.minimum, source.maximum
        is_below, is_above = least is not None and number < least, greatest is not None and number > greatest
        if is_below or is_above or not math.isfinite(number):
            raise self.refusal(source)
        try:
            return role.values_of_number(number)
        except ValueError:
            raise self.refusal(source) from None

    def values_of_option(self, name: str, option: str) -> dict[str, Value]:
        """Return the values to write for a word by its key. Raises a translated error if it cannot be written."""
        role = self.composite.roles[name]
        word = next((word for word in role.writable_words if _key(word) == option), None)
        values = None if word is None else role.values_of_word(word)
        if values is None:
            raise self.refusal(role.sources[0])
        return values

    def values_of_flag(self, name: str, *, is_on: bool) -> dict[str, Value]:
        """Return the values to turn a role on or off. Raises a translated error if it cannot be turned so."""
        role = self.composite.roles[name]
        if (values := role.values_of_flag(is_on=is_on)) is None:
            raise self.refusal(role.sources[0])
        return values

    async def async_write(self, values: Mapping[str, Value]) -> None:
        """Send the values of one call in one command. Raises a translated error if the cloud does not accept them."""
        if values:
            await self.coordinator.config_entry.runtime_data.commands.async_write(self._device_id, values)

    def refusal(self, source: Source) -> HomeAssistantError:
        """Return the error for a value that a role cannot have, with its limits if they are known."""
        state, keys = self.state_of_device, ", ".join(source.keys)
        device = self._device_id if state is None else state.device.name
        if source.minimum is None or source.maximum is None or source.step is None:
            return exceptions.of_action(Rejected(Reason.INVALID_VALUE, subject=keys), device)
        limits = Datapoint(
            key=keys,
            name=keys,
            data_type=DataType.NUMBER,
            is_writable=True,
            minimum=source.minimum,
            maximum=source.maximum,
            step=source.step,
        )
        return exceptions.of_action(Rejected(Reason.SCHEMA_MISMATCH, subject=keys), device, limits)


def composites_for(state: DeviceState, platform: Platform) -> Iterable[Composite]:
    """The entities of several datapoints that a device has on this platform."""
    return (composite for composite in state.presentation.composites.values() if composite.platform.value == platform)


@callback
def async_add_composites(
    entry: DatapointConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    platform: Platform,
    create: Callable[[DatapointCoordinator, str, Composite], CompositeEntity],
) -> None:
    """Add the entities of a platform that shows no single datapoints, now and whenever there are new ones."""

    def entities_of(coordinator: DatapointCoordinator, state: DeviceState) -> Iterable[CompositeEntity]:
        return (create(coordinator, state.device.id, composite) for composite in composites_for(state, platform))

    async_add_entities_of_devices(entry, async_add_entities, entities_of)


def _key(word: str) -> str:
    return key_of(word) or word  # a user's own profile may have a word in any script
