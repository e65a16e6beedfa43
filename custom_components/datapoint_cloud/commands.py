"""Writing to devices: in order for each device, shown at once, confirmed by an early reading or taken back.

It owns what was asked and not yet confirmed. Nothing is sent twice: a lost answer may stand for a carried-out command.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from . import failures
from .clouds.errors import CloudError, DeviceOffline
from .clouds.model import Value
from .const import DOMAIN
from .coordinator import DatapointCoordinator
from .fleet import CONNECTIVITY, PENDING_FOR

_READ_AFTER = (1.0, 2.0, 4.0, 8.0)  # seconds between one early reading and the next


class Commands:
    """The commands to the devices of one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watched: set[str] = set()

    async def async_write(self, device_id: str, values: Mapping[str, Value]) -> None:
        """Send values to a device. Returns when the cloud accepted them; raises a translated error if not."""
        coordinator = self._coordinator
        async with self._turns[device_id]:
            if (state := coordinator.fleet.get(device_id)) is None:
                raise HomeAssistantError(translation_domain=DOMAIN, translation_key="action_device_gone")
            try:
                await coordinator.cloud.write(state.device, values)
            except CloudError as error:
                if isinstance(error, DeviceOffline):
                    state.believe_offline()
                    coordinator.async_note(device_id, [CONNECTIVITY])
                    coordinator.async_tell()
                raise failures.of_action(error, state.device.name) from error
            state.expect(values, dt_util.utcnow())
        coordinator.async_note(device_id, values)
        coordinator.async_tell()
        if device_id not in self._watched:
            self._watched.add(device_id)
            coordinator.config_entry.async_create_background_task(
                coordinator.hass, self._async_confirm(device_id), f"{coordinator.name} confirmation"
            )

    async def _async_confirm(self, device_id: str) -> None:
        """Read the device early and ever less often, until it shows what was asked for or time is up."""
        try:
            for pause in _READ_AFTER:
                await asyncio.sleep(pause)
                await self._coordinator.async_read_device(device_id)
                if not self._is_pending(device_id):
                    return
            while self._is_pending(device_id):
                await asyncio.sleep(PENDING_FOR.total_seconds() / 4)
                self._coordinator.async_take_back(device_id)
        finally:
            self._watched.discard(device_id)

    def _is_pending(self, device_id: str) -> bool:
        state = self._coordinator.fleet.get(device_id)
        return state is not None and bool(state.pending)
