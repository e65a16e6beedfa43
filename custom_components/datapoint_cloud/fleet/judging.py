"""What each round says for or against the devices of an account, and what their watchers are told of it.

It asks nothing: it holds what is known against the time that has passed.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util

from ..clouds.clock import is_ahead
from ..clouds.errors import Forbidden
from .device_state import ALARM, CONNECTIVITY, PROBLEM, DeviceState, Evidence
from .inventory import Inventory
from .listeners import ListenerRegistry

_LOGGER = logging.getLogger(__name__)


class Judge:
    """Judges the devices of one account by rounds."""

    def __init__(self, inventory: Inventory, listeners: ListenerRegistry, interval: timedelta) -> None:
        self.has_listed = False
        """Whether the round has listed the devices."""
        self._inventory = inventory
        self._listeners = listeners
        self._interval = interval
        self._round_began = dt_util.utcnow()

    def begin_round(self, now: datetime) -> bool:
        """Begin a round, or what is read between two; True if the clock was put back since the last one."""
        is_back = is_ahead(self._round_began, now)
        self._round_began = now
        return is_back

    def was_read(self, state: DeviceState) -> bool:
        """Whether the cloud answered for the device in this round."""
        return state.read_at is not None and state.read_at >= self._round_began

    def judge(self, states: Iterable[DeviceState], *, is_failed: bool) -> None:
        """Weigh what a round told of each device, and note those that came or went with it."""
        now = dt_util.utcnow()
        for state in states:
            device_id = state.device.id
            was_read = self.was_read(state)
            # A value that is not granted says nothing against the device.
            is_well = state.failure is None or isinstance(state.failure, Forbidden)
            is_absent = device_id in self._inventory.absent or state.device.scope in self._inventory.failed_scopes
            is_listed = not is_absent and not is_failed
            was_answered = was_read or (is_well and is_listed)
            self.take_back(state)
            # A round that neither listed nor read a device says nothing of it.
            has_news = was_read or self.has_listed or is_failed or not is_well
            evidence = Evidence(was_answered=was_answered, is_listed=is_listed) if has_news else None
            if state.judge(evidence, interval=self._interval, now=now):
                self.note_all(state)

    def lose_all(self) -> None:
        """Believe in no device any longer: nothing is asked until the user has signed in again."""
        for state in self._inventory.fleet.values():
            state.lose()
            self.note_all(state)

    def note_all(self, state: DeviceState) -> None:
        """Note everything of a device, until it is told."""
        self._listeners.async_mark_values_changed(state, [*state.datapoints, CONNECTIVITY, PROBLEM, ALARM])

    def take_back(self, state: DeviceState) -> None:
        """Give up what was asked of a device and not confirmed in time."""
        if late := state.expire(dt_util.utcnow()):
            _LOGGER.info("%s did not confirm %s", state.device.name, ", ".join(sorted(late)))
            self._listeners.async_mark_values_changed(state, late)
