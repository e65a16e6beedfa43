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
from .fleet.pending_writes import PENDING_FOR

_LOGGER = logging.getLogger(__name__)

_READ_AFTER = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds from an accepted command to the first early reading, and from one reading to the next."""
_REVERT_AFTER = PENDING_FOR.total_seconds() - sum(_READ_AFTER) + 0.1
"""Seconds from the last early reading to the end of the time that a value may stay unconfirmed."""
_GIVE_UP_AFTER = PENDING_FOR.total_seconds() + 1.0
"""Seconds after which confirming ends even if a reading hangs."""
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
        now = dt_util.utcnow()
        for key, value in values.items():
            state.expect(key, value, now, partial(_settle, confirmed.get(key)), sent_at=sent_at)
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
            async with asyncio.timeout(_GIVE_UP_AFTER):
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
        try:
            for pause in _READ_AFTER:
                await asyncio.sleep(pause)
                if seconds := await self._coordinator.async_read_device(state.device.id):
                    # The cloud's rate limit forbids reading. Show the values until somebody may read again.
                    state.pending.extend(
                        dt_util.utcnow() + timedelta(seconds=min(seconds, _LONGEST_HOLD)) + PENDING_FOR
                    )
                    return
                if not state.pending:
                    return
        except Exception:
            _LOGGER.exception("%s cannot be read after a command", state.device.name)
            await asyncio.sleep(_GIVE_UP_AFTER)
        await asyncio.sleep(_REVERT_AFTER)


def _settle(confirmed: asyncio.Future[bool] | None, is_confirmed: bool) -> None:  # noqa: FBT001
    if confirmed is not None and not confirmed.done():
        confirmed.set_result(is_confirmed)
