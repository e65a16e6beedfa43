"""Reading the last values of an account's devices: which of them it is the turn of, and what becomes of the answers.

It knows neither rounds nor pauses, and tells nobody: what changed is noted.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..clouds.budget import Purpose
from ..clouds.cloud import Cloud
from ..clouds.errors import CloudError, DeviceGone, Reason
from ..clouds.model import Device, Snapshot
from ..storage import AccountStorage
from .activity import Activity
from .device_state import DeviceState
from .inventory import Inventory
from .listeners import ListenerRegistry
from .poll_schedule import Schedule

_LOGGER = logging.getLogger(__name__)

_LEAST_FLEET_WITH_ACTIVITY = 5  # reading fewer costs no more than asking who was active
_HOUR = timedelta(hours=1)


class Reader:
    """Reads the devices of one account."""

    def __init__(
        self,
        cloud: Cloud,
        inventory: Inventory,
        listeners: ListenerRegistry,
        storage: AccountStorage,
        wished: timedelta,
    ) -> None:
        self.activity = Activity()
        self.schedule = Schedule(self.activity, self.hears)
        self._cloud = cloud
        self._inventory = inventory
        self._fleet = inventory.fleet
        self._listeners = listeners
        self._storage = storage
        self._wished = wished

    def hears(self, device: Device) -> bool:
        """Whether push tells of the device now."""
        return self._cloud.push is not None and self._cloud.push.hears(device)

    @property
    def interval_in_force(self) -> timedelta:
        """How long it takes until every device has had its turn: as wished, unless the budget does not bear that."""
        # In devices instead of requests: one request may read many.
        cloud, many = self._cloud, self._cloud.devices_a_request
        return self.schedule.interval(self._wished, cloud.budget.pace * many, cloud.requests_a_listing * many)

    # Whose turn it is

    def due_in_round(self) -> list[DeviceState]:
        """The devices to read in this round; history leaves what they need alone."""
        due = self.due()
        requests = math.ceil(len(due) / self._cloud.devices_a_request) + self._cloud.requests_a_listing
        self._cloud.budget.planned = requests * (_HOUR / self._wished)
        return due

    def due(self, allowance: float | None = None) -> list[DeviceState]:
        """The devices to read in this round, as many as the allowance has requests."""
        budget, many = self._cloud.budget, self._cloud.devices_a_request
        allowance = budget.allowance() if allowance is None else allowance
        return self.schedule.due(
            self.present(),
            now=dt_util.utcnow(),
            wished=self._wished,
            allowance=allowance * many,
            pace=budget.pace * many,
        )

    def present(self) -> Iterator[DeviceState]:
        """The devices that the last listing had."""
        return (state for device_id, state in self._fleet.items() if device_id not in self._inventory.absent)

    async def async_ask_for_activity(self) -> None:
        """Learn from the cloud who reported since the last round, so that only those need be read."""
        asked_at = dt_util.utcnow()
        online = sum(state.device.is_online is True and not self.hears(state.device) for state in self._fleet.values())
        budget, requests = self._cloud.budget, self._cloud.requests_a_listing
        if online < _LEAST_FLEET_WITH_ACTIVITY or not self.schedule.is_question_due(asked_at, budget.pace, requests):
            return
        if budget.left(Purpose.POLLING) < math.ceil(self.activity.share_named * requests):
            return
        named = await self._cloud.active_since(self.activity.since(asked_at))
        self.activity.take(None if named is None else {device.id for device in named}, online, asked_at)
        for device in named or ():
            if device.id in self._fleet:
                self._inventory.take_device(device, asked_at)

    # What they say

    async def async_read(self, states: Sequence[DeviceState]) -> None:
        """Read the last values of these devices. Raises what ended the round before its time."""
        if not states:
            return
        asked_at = dt_util.utcnow()
        before = {state.device.id: (state.asked_at, state.reported_at) for state in states}
        readings = await self._cloud.readings(
            [state.device for state in states],
            lambda device_id, snapshot: self.take_snapshot(device_id, snapshot, asked_at),
        )
        for device_id, error in readings.failures.items():
            self._take_failure(device_id, error)
        self._weigh_activity(before, asked_at)
        stopped_by = readings.stopped_by
        if stopped_by is not None and stopped_by.reason is not Reason.BUDGET_SPENT:
            raise stopped_by

    def _weigh_activity(
        self, before: Mapping[str, tuple[datetime | None, datetime | None]], asked_at: datetime
    ) -> None:
        """Note who had a turn, who had news, and whether the cloud had said so."""
        for device_id, (asked_before, reported_before) in before.items():
            state = self._fleet.get(device_id)
            if state is None or (state.failure is None and (state.read_at is None or state.read_at < asked_at)):
                continue  # the round ended before its turn
            if asked_before is not None and state.failure is None:
                self.activity.weigh(
                    device_id, before=reported_before, after=state.reported_at, asked_before=asked_before
                )
            has_news = state.reported_at is None or state.reported_at != reported_before
            state.reads_without_news = 0 if has_news else state.reads_without_news + 1
            state.asked_at = asked_at

    @callback
    def take_snapshot(self, device_id: str, snapshot: Snapshot, asked_at: datetime | None) -> None:
        """Take over what a device says, and note it until it is told. `asked_at` is None for what came by itself."""
        if (state := self._fleet.get(device_id)) is None:
            return
        if state.describe(None, snapshot.described):
            self._listeners.async_mark_inventory_changed()
        changed, alarm_changes = state.take(snapshot, dt_util.utcnow(), asked_at=asked_at)
        self._listeners.async_mark_values_changed(state, changed)
        self._listeners.async_mark_alarm_changes(device_id, alarm_changes)
        self._storage.readings_changed()

    def _take_failure(self, device_id: str, error: CloudError) -> None:
        if (state := self._fleet.get(device_id)) is None:
            return
        if state.failure is None:
            _LOGGER.debug("A device cannot be read: %s", error)
        if isinstance(error, DeviceGone) and not isinstance(state.failure, DeviceGone):
            # Only a listing can say whether it is; one that still lists it need not be asked for again.
            self._inventory.listed_at = None
        state.failure = error
