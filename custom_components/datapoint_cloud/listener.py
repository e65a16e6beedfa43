"""What becomes of the news that a cloud tells of its own accord. Polls go on beside it in their own time.

It knows no connection, and nothing of when is polled.
"""

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .clouds.errors import AuthFailed
from .clouds.push import CoverageChanged, DevicesChanged, News, Presence, Push, Report, SchemaChanged
from .fleet import Evidence

if TYPE_CHECKING:
    from .coordinator import DatapointCoordinator

_LOGGER = logging.getLogger(__name__)

_REST_A_PAGE = timedelta(seconds=30)  # of the list of devices, between two listings


class Listener:
    """Listens for one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator

    async def async_listen(self, push: Push) -> None:
        """Take over all news, until cancelled or refused for good."""
        try:
            await push.listen(self._hear)
        except AuthFailed as error:
            _LOGGER.debug("Push has ended: %s", error)
            # A poll would meet the same refusal, but the user may have turned polling off.
            self._coordinator.config_entry.async_start_reauth(self._coordinator.hass)

    @callback
    def _hear(self, news: News) -> None:
        coordinator = self._coordinator
        match news:
            case Report(device_id=device_id, snapshot=snapshot):
                coordinator.async_take_snapshot(device_id, snapshot, None)
                self._judge(device_id)
            case Presence(device_id=device_id, is_online=is_online, at=at) if device_id in coordinator.fleet:
                coordinator.fleet[device_id].take_presence(at or dt_util.utcnow(), is_online=is_online)
                self._judge(device_id)
            case DevicesChanged():
                self._list_soon()
            case SchemaChanged(schema_id):
                coordinator.inventory.forget_schema(schema_id)
                self._list_soon()
            case CoverageChanged():
                coordinator.async_report_problems()
        coordinator.watchers.async_tell()

    def _judge(self, device_id: str) -> None:
        if (state := self._coordinator.fleet.get(device_id)) is None:
            return
        # That it is gone is for the rounds to confirm: what is told may be of old.
        is_evident = state.device.is_online is not False
        evidence = Evidence(was_answered=True, is_listed=True) if is_evident else None
        if state.judge(evidence, interval=self._coordinator.wished_interval, now=dt_util.utcnow()):
            self._coordinator.async_note_all(state)

    def _list_soon(self) -> None:
        """List the devices again, at once if that was not done a moment ago; several reasons are one."""
        coordinator = self._coordinator
        listed_at = coordinator.inventory.listed_at
        if listed_at is None:
            return
        coordinator.inventory.listed_at = None
        pause = _REST_A_PAGE * coordinator.cloud.requests_a_listing - (dt_util.utcnow() - listed_at)
        coordinator.config_entry.async_create_background_task(
            coordinator.hass, self._async_list_after(pause.total_seconds()), f"{coordinator.name} listing for push"
        )

    async def _async_list_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._coordinator.inventory.listed_at is None:  # no poll has come first
            await self._coordinator.async_request_refresh()
