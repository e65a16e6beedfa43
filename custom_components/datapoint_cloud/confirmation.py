"""Shows values that a cloud accepted until the device reports them, and reverts those that it never reports.

It sends no command. `commands` calls it for each command that a cloud accepted.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .clouds.model import Value
from .coordinator import DatapointCoordinator
from .fleet.device_state import DeviceState
from .timings import timings_of

_LOGGER = logging.getLogger(__name__)

_LONGEST_HOLD = 3600.0  # seconds


class Confirmation:
    """Confirms the commands of one account by reading their devices early."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._readers: dict[str, asyncio.Task[None]] = {}  # by device id

    @callback
    def async_expect(
        self,
        state: DeviceState,
        values: Mapping[str, Value],
        confirmed: Mapping[str, asyncio.Future[bool]],
        sent_at: datetime,
    ) -> None:
        """Show accepted values at once and start reading the device.

        A future in `confirmed` becomes True when the device reports the value of that datapoint. It becomes False when
        time runs out, when the device reports another value, or when a later command replaces this one.
        """
        coordinator = self._coordinator
        now, pending_for = dt_util.utcnow(), timings_of(coordinator.hass).pending_for
        for key, value in values.items():
            settle = partial(_settle, confirmed.get(key))
            state.expect(key, value, now, settle, pending_for=pending_for, sent_at=sent_at)
        coordinator.listeners.async_mark_values_changed(state, values)
        coordinator.listeners.async_notify()
        device_id = state.device.id
        if (earlier := self._readers.get(device_id)) is not None:
            earlier.cancel()
        self._readers[device_id] = coordinator.config_entry.async_create_background_task(
            coordinator.hass, self._async_confirm(state), f"{coordinator.name} confirmation"
        )

    @callback
    def async_end(self) -> None:
        """Stop waiting for confirmations: the account is being unloaded."""
        for state in self._coordinator.fleet.values():
            state.pending.clear()

    async def _async_confirm(self, state: DeviceState) -> None:
        """Read the device until it has confirmed all its values, then revert those that it has not."""
        try:
            async with asyncio.timeout(timings_of(self._coordinator.hass).give_up_after):
                await self._async_read_until_settled(state)
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            # A later command replaces this reader with its own. If none did, the account is being unloaded: nothing
            # reads the device any more, so callers that wait for a confirmation would wait for ever.
            if self._readers[state.device.id] is asyncio.current_task():
                state.pending.clear()
            raise
        # Also for a device that has left the account in the meantime, since a caller may wait for it.
        self._coordinator.async_drop_unconfirmed(state)

    async def _async_read_until_settled(self, state: DeviceState) -> None:
        """Read the device in growing intervals until no value is pending or time is up."""
        timings = timings_of(self._coordinator.hass)
        try:
            for pause in timings.confirmation_reads:
                await asyncio.sleep(pause)
                if seconds := await self._coordinator.async_read_device(state.device.id):
                    # The cloud's rate limit forbids reading. Show the values until somebody may read again.
                    state.pending.extend(
                        dt_util.utcnow() + timedelta(seconds=min(seconds, _LONGEST_HOLD)) + timings.pending_for
                    )
                    return
                if not state.pending:
                    return
        except Exception:
            _LOGGER.exception("%s cannot be read after a command", state.device.name)
            await asyncio.sleep(timings.give_up_after)
        await asyncio.sleep(timings.revert_after)


def _settle(confirmed: asyncio.Future[bool] | None, is_confirmed: bool) -> None:  # noqa: FBT001
    if confirmed is not None and not confirmed.done():
        confirmed.set_result(is_confirmed)
