"""Who wants to hear of what: only those are told whose value, availability or alarm changed.

It gathers news while a round goes on and spreads them at its end. It knows neither fleet nor cloud.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from homeassistant.core import CALLBACK_TYPE, callback

from ..clouds.model import Role
from .device_state import PROBLEM, AlarmChange, DeviceState

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EntityKey:
    """What a listener wants to hear of: one datapoint of one device."""

    device_id: str
    key: str


ACCOUNT = EntityKey("", "$account")
"""What is watched for news of the account itself."""


class ListenerRegistry:
    """The listeners of one account, and the news they have not heard yet."""

    def __init__(self) -> None:
        self._of_watches: dict[EntityKey, list[CALLBACK_TYPE]] = {}
        self._of_alarms: dict[str, list[Callable[[AlarmChange], None]]] = defaultdict(list)
        self._of_inventory: list[CALLBACK_TYPE] = []
        self._changed: set[EntityKey] = set()
        self._alarm_changes: list[tuple[str, AlarmChange]] = []
        self._is_inventory_new = False
        self._failing: set[Callable[..., None]] = set()

    @callback
    def async_add(self, watch: EntityKey, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when what is watched changes."""
        listeners = self._of_watches.setdefault(watch, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def async_add_for_alarms(self, device_id: str, listener: Callable[[AlarmChange], None]) -> CALLBACK_TYPE:
        """Call back when an alarm of the device is raised or cleared."""
        self._of_alarms[device_id].append(listener)
        return lambda: self._of_alarms[device_id].remove(listener)

    @callback
    def async_add_for_inventory(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when devices or datapoints came or went."""
        self._of_inventory.append(listener)
        return lambda: self._of_inventory.remove(listener)

    @callback
    def async_mark_changed(self, entity_keys: Iterable[EntityKey]) -> None:
        """Remember what changed, until it is told."""
        self._changed.update(entity_keys)

    @callback
    def async_mark_values_changed(self, state: DeviceState, keys: Iterable[str]) -> None:
        """Remember which values of a device changed; that of an alarm is its problem's too."""
        for key in keys:
            self._changed.add(EntityKey(state.device.id, key))
            datapoint = state.datapoints.get(key)
            if datapoint is not None and datapoint.role is Role.ALARM:
                self._changed.add(EntityKey(state.device.id, PROBLEM))

    @callback
    def async_mark_alarm_changes(self, device_id: str, alarm_changes: Iterable[AlarmChange]) -> None:
        """Remember what happened."""
        self._alarm_changes += [(device_id, alarm_change) for alarm_change in alarm_changes]

    @callback
    def async_mark_inventory_changed(self) -> None:
        """Remember that devices or datapoints came or went."""
        self._is_inventory_new = True

    @callback
    def async_notify(self) -> None:
        """Tell of what came and went, then of what changed, then of what happened. Raises nothing."""
        changed, self._changed = self._changed, set()
        watching = [(listeners, tuple(listeners)) for watch in changed if (listeners := self._of_watches.get(watch))]
        if self._is_inventory_new:
            self._is_inventory_new = False
            for listener in tuple(self._of_inventory):
                self._call(listener)
        for listeners, before in watching:
            for listener in before:
                # Who came with the inventory shows already what is, and who went with it is not there any more.
                if listener in listeners:
                    self._call(listener)
        alarm_changes, self._alarm_changes = self._alarm_changes, []
        for device_id, alarm_change in alarm_changes:
            for tell in tuple(self._of_alarms[device_id]):
                self._call(tell, alarm_change)

    def _call(self, listener: Callable[..., None], *news: Any) -> None:
        """Call a listener. One that raises keeps no other from hearing; it is logged when it begins to fail."""
        try:
            listener(*news)
        except Exception:
            if listener not in self._failing:
                self._failing.add(listener)
                _LOGGER.exception("A listener failed to take over what changed")
        else:
            self._failing.discard(listener)
