"""What becomes of the news that a cloud tells of its own accord. Polls go on beside it in their own time.

It knows no connection, and nothing of when is polled.
"""

import asyncio
import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .clouds.clock import arrived
from .clouds.errors import AuthFailed
from .clouds.push import CoverageChanged, DevicesChanged, News, Outage, Presence, Push, Report, SchemaChanged
from .fleet.device_state import Evidence

if TYPE_CHECKING:
    from .coordinator import DatapointCoordinator

_LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 900.0
_REST_A_PAGE = timedelta(seconds=30)  # of the list of devices, between two listings


class Listener:
    """Listens for one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._failing: set[type] = set()
        """What went wrong when it was last tried, and was logged: kinds of news, and `Push` for listening itself."""
        self._outages: Counter[str] = Counter()
        """How many connections to which server are down for long."""

    async def async_listen(self, push: Push) -> None:
        """Take over all news, until cancelled. Whatever ends it, it begins again, after ever longer pauses."""
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE_SECONDS
        while True:
            began = loop.time()
            self._outages.clear()
            try:
                await push.listen(self._hear)
            except AuthFailed as error:
                _LOGGER.debug("Push has ended: %s", error)
                if AuthFailed not in self._failing:
                    self._failing.add(AuthFailed)
                    # A poll would meet the same refusal, but the user may have turned polling off.
                    self._coordinator.config_entry.async_start_reauth(self._coordinator.hass)
            except Exception:
                if Push not in self._failing:
                    self._failing.add(Push)
                    _LOGGER.exception("Push of %s ended; it begins again", self._coordinator.name)
            if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
                self._failing -= {AuthFailed, Push}
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    @callback
    def _hear(self, news: News) -> None:
        """Take over news. What fails costs this news alone, which polls make up for: it must not end all others."""
        try:
            self._take(news)
        except Exception:
            if type(news) not in self._failing:
                self._failing.add(type(news))
                _LOGGER.exception("News of %s could not be taken over", self._coordinator.name)
        else:
            self._failing.discard(type(news))
        self._coordinator.listeners.async_notify()

    def _take(self, news: News) -> None:
        coordinator = self._coordinator
        match news:
            case Report(device_id=device_id, snapshot=snapshot):
                coordinator.async_take_snapshot(device_id, snapshot, None)
                self._judge(device_id)
            case Presence(device_id=device_id, is_online=is_online, at=at) if device_id in coordinator.fleet:
                coordinator.fleet[device_id].take_presence(arrived(at, dt_util.utcnow()), is_online=is_online)
                self._judge(device_id)
            case DevicesChanged():
                self._list_soon()
            case SchemaChanged(schema_id):
                coordinator.inventory.forget_schema(schema_id)
                self._list_soon()
            case CoverageChanged():
                coordinator.async_report_problems()
            case Outage(server=server, is_over=is_over):
                self._take_outage(server, is_over=is_over)

    def _take_outage(self, server: str, *, is_over: bool) -> None:
        """Say that a server is down, and that it is back; several connections to it are one matter."""
        before = self._outages[server]
        self._outages[server] += -1 if is_over else 1
        name = self._coordinator.name
        if before == 0:
            _LOGGER.warning("%s: no push from %s any more; its devices are polled instead", name, server)
        elif self._outages[server] == 0:
            _LOGGER.info("%s: push from %s is back", name, server)

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
