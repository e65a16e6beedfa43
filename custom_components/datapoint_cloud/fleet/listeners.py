"""The listeners of an account: only those are notified whose value, availability or alarm changed.

Changes and events are collected during a poll and notified at its end. It knows neither the fleet nor the cloud.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from homeassistant.core import CALLBACK_TYPE, callback

from .device_state import DeviceState
from .events import FleetEvent

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EntityKey:
    """One datapoint of one device, or a fact such as its connectivity."""

    device_id: str
    key: str


ACCOUNT = EntityKey("", "$account")
"""The key of everything that concerns the account itself; events of the account have its empty device id."""

type EventListener = Callable[[str, FleetEvent], None]
"""Gets the id of the device and what happened to it."""


class ListenerRegistry:
    """The listeners of one account, and the changes that they were not notified of yet."""

    def __init__(self) -> None:
        self._listeners: dict[EntityKey, list[CALLBACK_TYPE]] = {}
        self._event_listeners: dict[str | None, list[EventListener]] = defaultdict(list)
        self._inventory_listeners: list[CALLBACK_TYPE] = []
        self._changed: set[EntityKey] = set()
        self._events: list[tuple[str, FleetEvent]] = []
        self._is_inventory_changed = False
        self._failing: set[Callable[..., None]] = set()

    @callback
    def async_add(self, entity_key: EntityKey, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when the entity changes."""
        listeners = self._listeners.setdefault(entity_key, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def async_add_for_events(self, listener: EventListener, device_id: str | None = None) -> CALLBACK_TYPE:
        """Call back when something happens to the device, or to any (None)."""
        self._event_listeners[device_id].append(listener)
        return lambda: self._event_listeners[device_id].remove(listener)

    @callback
    def async_add_for_inventory(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when devices or datapoints were added, changed or removed."""
        self._inventory_listeners.append(listener)
        return lambda: self._inventory_listeners.remove(listener)

    @callback
    def async_mark_changed(self, entity_keys: Iterable[EntityKey]) -> None:
        """Mark entities as changed until the next notification."""
        self._changed.update(entity_keys)

    @callback
    def async_mark_values_changed(self, state: DeviceState, keys: Iterable[str]) -> None:
        """Mark values of a device as changed, and the entities that show them among others, such as a thermostat."""
        for key in keys:
            self._changed.add(EntityKey(state.device.id, key))
            self._changed.update(
                EntityKey(state.device.id, other) for other in state.presentation.shown_by.get(key, ())
            )

    @callback
    def async_mark_events(self, device_id: str, events: Iterable[FleetEvent]) -> None:
        """Keep what happened to a device, or to the account, until the next notification."""
        self._events += [(device_id, event) for event in events]

    @callback
    def async_mark_inventory_changed(self) -> None:
        """Mark that devices or datapoints were added, changed or removed."""
        self._is_inventory_changed = True

    @callback
    def async_notify(self) -> None:
        """Notify the listeners of the inventory, then of changed entities, then of events. Raises nothing."""
        changed, self._changed = self._changed, set()
        to_notify = [(listeners, tuple(listeners)) for key in changed if (listeners := self._listeners.get(key))]
        if self._is_inventory_changed:
            self._is_inventory_changed = False
            for listener in tuple(self._inventory_listeners):
                self._call(listener)
        for listeners, before in to_notify:
            for listener in before:
                # New entities have just written their state and removed ones are gone: notify only the listeners that
                # were there before.
                if listener in listeners:
                    self._call(listener)
        events, self._events = self._events, []
        for device_id, event in events:
            for event_listener in (*self._event_listeners[device_id], *self._event_listeners[None]):
                self._call(event_listener, device_id, event)

    def _call(self, listener: Callable[..., None], *args: Any) -> None:
        """Call a listener. If it raises, the others are called all the same; only its first failure is logged."""
        try:
            listener(*args)
        except Exception:
            if listener not in self._failing:
                self._failing.add(listener)
                _LOGGER.exception("A listener failed to handle a change")
        else:
            self._failing.discard(listener)
