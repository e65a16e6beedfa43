"""Updates the availability of an account's devices after each poll, and marks those that changed.

It sends no requests and notifies no listeners.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util

from ..clouds.errors import Forbidden
from .device_state import ALARM, CONNECTIVITY, PROBLEM, DeviceState, Evidence
from .inventory import Inventory
from .listeners import ListenerRegistry

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class PollRound:
    """One poll of the account, or one read between two polls."""

    began_at: datetime = field(default_factory=dt_util.utcnow)
    has_listed: bool = False

    def has_read(self, state: DeviceState) -> bool:
        """Whether the cloud has answered for the device since the round began."""
        return state.read_at is not None and state.read_at >= self.began_at


class FleetAvailability:
    """The availability of all devices of one account."""

    def __init__(self, inventory: Inventory, listeners: ListenerRegistry, interval: timedelta) -> None:
        self._inventory = inventory
        self._listeners = listeners
        self._interval = interval

    def update(self, states: Iterable[DeviceState], poll_round: PollRound, *, is_failed: bool = False) -> None:
        """Update these devices from the outcome of a round, and drop commands that were not confirmed in time."""
        now = dt_util.utcnow()
        for state in states:
            was_read = poll_round.has_read(state)
            # A value that is not granted says nothing against the device.
            is_well = state.failure is None or isinstance(state.failure, Forbidden)
            is_absent = state.device.id in self._inventory.absent or state.device.scope in self._inventory.failed_scopes
            is_listed = not is_absent and not is_failed
            self.drop_unconfirmed(state)
            # A round that neither listed nor read a device found out nothing about it.
            has_news = was_read or poll_round.has_listed or is_failed or not is_well
            evidence = Evidence(was_answered=was_read or (is_well and is_listed), is_listed=is_listed)
            if state.judge(evidence if has_news else None, interval=self._interval, now=now):
                self.mark_device_changed(state)

    def mark_all_lost(self) -> None:
        """Make all devices unavailable: the credentials were refused, so nothing is polled until a new sign-in."""
        for state in self._inventory.fleet.values():
            state.lose()
            self.mark_device_changed(state)

    def mark_device_changed(self, state: DeviceState) -> None:
        """Mark all entities of a device as changed."""
        self._listeners.async_mark_values_changed(state, [*state.datapoints, CONNECTIVITY, PROBLEM, ALARM])

    def drop_unconfirmed(self, state: DeviceState) -> None:
        """Show the last readings again where a command was not confirmed in time."""
        if late := state.expire(dt_util.utcnow()):
            _LOGGER.info("%s did not confirm %s", state.device.name, ", ".join(sorted(late)))
            self._listeners.async_mark_values_changed(state, late)
