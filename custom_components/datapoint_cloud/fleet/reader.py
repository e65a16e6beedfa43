"""Reads the last values of an account's devices and merges them into the fleet.

It knows neither polls nor pauses, and marks what changed without notifying listeners.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds.cloud import Cloud
from ..clouds.errors import CloudError, DeviceGone, Reason
from ..clouds.model import Device, Snapshot
from ..storage import AccountStorage
from .device_state import DeviceState
from .inventory import Inventory
from .listeners import ListenerRegistry
from .poll_schedule import PollSchedule

_LOGGER = logging.getLogger(__name__)

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Before:
    """When a device had been polled, and had reported, before it is read again."""

    polled_at: datetime | None
    reported_at: datetime | None


class Reader:
    """Reads the devices of one account."""

    def __init__(
        self,
        cloud: Cloud,
        inventory: Inventory,
        listeners: ListenerRegistry,
        storage: AccountStorage,
        wished_interval: timedelta,
    ) -> None:
        self.schedule = PollSchedule(cloud.device_selector, self.is_pushed)
        self._cloud = cloud
        self._inventory = inventory
        self._fleet = inventory.fleet
        self._listeners = listeners
        self._storage = storage
        self._wished_interval = wished_interval

    def is_pushed(self, device: Device) -> bool:
        """Whether push covers the device now."""
        return self._cloud.push is not None and self._cloud.push.hears(device)

    @property
    def interval_in_force(self) -> timedelta:
        """How long it takes until every device was read: the wished interval, or longer if the budget is too small."""
        # The schedule counts devices, of which one request may read many.
        cloud, per_request = self._cloud, self._cloud.devices_a_request
        return self.schedule.interval(
            self._wished_interval, cloud.budget.pace * per_request, cloud.requests_a_listing * per_request
        )

    # Which devices to read

    def due_in_poll(self) -> list[DeviceState]:
        """The devices to read in this poll; the requests that they need are kept from history."""
        due = self.due()
        requests = math.ceil(len(due) / self._cloud.devices_a_request) + self._cloud.requests_a_listing
        self._cloud.budget.planned = requests * (_HOUR / self._wished_interval)
        return due

    def due(self, allowance: float | None = None) -> list[DeviceState]:
        """The devices to read now, at most as many as `allowance` requests can read (None: as the budget allows)."""
        budget, per_request = self._cloud.budget, self._cloud.devices_a_request
        allowance = budget.allowance() if allowance is None else allowance
        return self.schedule.due(
            self.present(),
            now=dt_util.utcnow(),
            wished=self._wished_interval,
            allowance=allowance * per_request,
            pace=budget.pace * per_request,
        )

    def present(self) -> Iterator[DeviceState]:
        """The devices that the last list contained."""
        return (state for device_id, state in self._fleet.items() if device_id not in self._inventory.absent)

    async def async_refresh_selector(self) -> None:
        """Let the cloud's selector ask for news, and merge the devices that the answer lists."""
        if (selector := self._cloud.device_selector) is None:
            return
        now = dt_util.utcnow()
        online = (state.device for state in self._fleet.values() if state.device.is_online is True)
        for device in await selector.refresh(sum(not self.is_pushed(device) for device in online), now):
            if device.id in self._fleet:
                self._inventory.update_device(device, now)

    # Reading them

    async def async_read(self, states: Sequence[DeviceState]) -> None:
        """Read the last values of these devices.

        Raises any `CloudError` that ended reading before the last device, but for a spent budget: the rest has its
        turn in a later poll.
        """
        if not states:
            return
        requested_at = dt_util.utcnow()
        before = {state.device.id: _Before(state.polled_at, state.reported_at) for state in states}
        readings = await self._cloud.readings(
            [state.device for state in states],
            lambda device_id, snapshot: self.merge_snapshot(device_id, snapshot, requested_at),
        )
        for device_id, error in readings.failures.items():
            self._record_failure(device_id, error)
        for state in states:
            was_reached = state.failure is not None or (state.read_at is not None and state.read_at >= requested_at)
            if was_reached:  # otherwise reading ended before its turn
                self._record_poll(state, before[state.device.id], requested_at)
        stopped_by = readings.stopped_by
        if stopped_by is not None and stopped_by.reason is not Reason.BUDGET_SPENT:
            raise stopped_by

    def _record_poll(self, state: DeviceState, before: _Before, polled_at: datetime) -> None:
        """Record a poll of a device, and whether the device had a new report."""
        selector = self._cloud.device_selector
        if selector is not None and before.polled_at is not None and state.failure is None:
            selector.learn(
                state.device.id,
                polled_before=before.polled_at,
                reported_before=before.reported_at,
                reported_at=state.reported_at,
            )
        is_unchanged = state.reported_at is not None and state.reported_at == before.reported_at
        state.unchanged_reads = state.unchanged_reads + 1 if is_unchanged else 0
        state.polled_at = polled_at

    @callback
    def merge_snapshot(self, device_id: str, snapshot: Snapshot, requested_at: datetime | None) -> None:
        """Merge the readings of a device and mark what changed. `requested_at` is None for pushed readings."""
        if (state := self._fleet.get(device_id)) is None:
            return
        if state.describe(None, snapshot.described):
            self._listeners.async_mark_inventory_changed()
        changed, events = state.merge_snapshot(snapshot, dt_util.utcnow(), requested_at=requested_at)
        self._listeners.async_mark_values_changed(state, changed)
        self._listeners.async_mark_events(device_id, events)
        self._storage.readings_changed()

    def _record_failure(self, device_id: str, error: CloudError) -> None:
        if (state := self._fleet.get(device_id)) is None:
            return
        if state.failure is None:
            _LOGGER.debug("A device cannot be read: %s", error)
        if isinstance(error, DeviceGone) and not isinstance(state.failure, DeviceGone):
            # Only a list can confirm it. If the list still contains the device, another one would not help.
            self._inventory.listed_at = None
        state.failure = error
