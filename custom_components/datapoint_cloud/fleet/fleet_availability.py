"""Updates the availability of an account's devices after each poll, and marks those that changed.

It sends no requests and notifies no listeners.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from homeassistant.util import dt as dt_util

from .availability import PollResult
from .device_state import DeviceState
from .events import CommandUnconfirmed
from .inventory import Inventory
from .listeners import EntityKey, ListenerRegistry
from .presentation import ALARM, CONNECTIVITY, PROBLEM

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class PollRound:
    """One poll of the account, or one read between two polls."""

    began_at: datetime = field(default_factory=dt_util.utcnow)
    has_listed: bool = False
    """Whether the cloud has answered for the devices as a whole, with their list or with reports."""

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
        """Update these devices after a round, and drop the writes that were not confirmed in time."""
        for state in states:
            self.drop_unconfirmed(state)
            self._update(state, self._result(state, poll_round, is_failed=is_failed))

    def _result(self, state: DeviceState, poll_round: PollRound, *, is_failed: bool) -> PollResult | None:
        was_read = poll_round.has_read(state)
        if not (was_read or poll_round.has_listed or is_failed or state.has_failed):
            return None  # the round neither listed nor read the device
        is_absent = state.device.id in self._inventory.absent or state.device.scope in self._inventory.failed_scopes
        is_listed = not is_absent and not is_failed
        return PollResult(was_answered=was_read or (is_listed and not state.has_failed), is_listed=is_listed)

    def update_from_push(self, device_id: str) -> None:
        """Update a device after push news about it."""
        if (state := self._inventory.fleet.get(device_id)) is not None:
            # News that a device went offline may be old, so the next polls have to confirm it.
            is_there = state.device.is_online is not False
            self._update(state, PollResult(was_answered=True, is_listed=True) if is_there else None)

    def _update(self, state: DeviceState, result: PollResult | None) -> None:
        if state.update_availability(result, interval=self._interval, now=dt_util.utcnow()):
            self._mark_device_changed(state)
        self._mark_contact_changes(state)

    def mark_offline(self, state: DeviceState) -> None:
        """Believe the cloud, which refused a command because the device is offline, more than its older list."""
        state.mark_offline()
        self._listeners.async_mark_changed([EntityKey(state.device.id, CONNECTIVITY)])
        self._mark_contact_changes(state)

    def mark_all_lost(self) -> None:
        """Make all devices unavailable: the credentials were refused, so nothing is polled until the user signs in."""
        for state in self._inventory.fleet.values():
            state.availability.mark_lost()
            self._mark_device_changed(state)

    def drop_unconfirmed(self, state: DeviceState) -> None:
        """Show the last readings again where a write was not confirmed in time."""
        if late := state.drop_unconfirmed(dt_util.utcnow()):
            _LOGGER.info("%s did not confirm %s", state.device.name, ", ".join(sorted(late)))
            self._listeners.async_mark_values_changed(state, late)
            self._listeners.async_mark_events(state.device.id, [CommandUnconfirmed(late)])

    def _mark_contact_changes(self, state: DeviceState) -> None:
        changes = state.contact_changes(self._interval, dt_util.utcnow())
        self._listeners.async_mark_events(state.device.id, changes)

    def _mark_device_changed(self, state: DeviceState) -> None:
        self._listeners.async_mark_values_changed(state, [*state.datapoints, CONNECTIVITY, PROBLEM, ALARM])
