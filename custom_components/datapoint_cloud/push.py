"""Listens to the push of one account and applies its news to the fleet.

It knows neither the vendors' connections nor when devices are polled.
"""

import asyncio
import logging
from collections import Counter
from datetime import timedelta

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from . import reauth
from .clouds.backoff import Backoff
from .clouds.clock import arrived
from .clouds.errors import AuthFailed
from .clouds.push import CoverageChanged, DevicesChanged, News, Outage, Position, Presence, Push, Report, SchemaChanged
from .coordinator import DatapointCoordinator

_LOGGER = logging.getLogger(__name__)

_SHORTEST_PAUSE = 10.0  # seconds until listening starts again
_LONGEST_PAUSE = 900.0
_LISTING_PAUSE_PER_PAGE = timedelta(seconds=30)


@callback
def async_start_push(coordinator: DatapointCoordinator) -> None:
    """Listen to the account's push, if it has one, until the account is unloaded."""
    if (push := coordinator.cloud.push) is not None:
        coordinator.config_entry.async_create_background_task(
            coordinator.hass, PushListener(coordinator).async_listen(push), f"{coordinator.name} push"
        )


class PushListener:
    """Applies the news of one account."""

    def __init__(self, coordinator: DatapointCoordinator) -> None:
        self._coordinator = coordinator
        self._logged: set[type] = set()
        """The types of news that failed when they last came, and `Push` if listening itself failed."""
        self._outages: Counter[str] = Counter()
        """How many connections to each server are down."""

    async def async_listen(self, push: Push) -> None:
        """Apply all news until cancelled; if listening ends, start it again after a growing pause."""
        loop, backoff = asyncio.get_running_loop(), Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE)
        while True:
            began = loop.time()
            self._outages.clear()
            try:
                await push.listen(self._async_receive)
            except AuthFailed as error:
                _LOGGER.debug("Push has ended: %s", error)
                if AuthFailed not in self._logged:
                    self._logged.add(AuthFailed)
                    self._start_reauth()
            except Exception:
                if Push not in self._logged:
                    self._logged.add(Push)
                    _LOGGER.exception("Push of %s ended and will be started again", self._coordinator.name)
            if loop.time() - began > _LONGEST_PAUSE:
                backoff.reset()
                self._logged -= {AuthFailed, Push}
            await asyncio.sleep(backoff.next())

    def _start_reauth(self) -> None:
        entry, hass = self._coordinator.config_entry, self._coordinator.hass
        entry.async_start_reauth(hass)
        if entry.pref_disable_polling:  # otherwise the next poll is refused, too, and does this
            reauth.async_try_again_later(hass, entry)

    @callback
    def _async_receive(self, news: News) -> None:
        """Apply news. A failure loses this news only: the next poll makes up for it, and push must go on."""
        try:
            self._apply(news)
        except Exception:
            if type(news) not in self._logged:
                self._logged.add(type(news))
                _LOGGER.exception("News of %s could not be applied", self._coordinator.name)
        else:
            self._logged.discard(type(news))
        self._coordinator.listeners.async_notify()

    def _apply(self, news: News) -> None:
        coordinator = self._coordinator
        match news:
            case Report(device_id=device_id, snapshot=snapshot):
                coordinator.reader.merge_snapshot(device_id, snapshot, None)
                coordinator.availability.update_from_push(device_id)
            case Presence(device_id=device_id, is_online=is_online, at=at) if device_id in coordinator.fleet:
                coordinator.fleet[device_id].update_presence(arrived(at, dt_util.utcnow()), is_online=is_online)
                coordinator.availability.update_from_push(device_id)
            case Position(device_id=device_id, latitude=latitude, longitude=longitude):
                coordinator.inventory.update_position(device_id, latitude, longitude)
            case DevicesChanged():
                self._list_soon()
            case SchemaChanged(schema_id):
                coordinator.inventory.forget_schema(schema_id)
                self._list_soon()
            case CoverageChanged():
                coordinator.async_report_problems()
            case Outage(server=server, is_over=is_over):
                self._log_outage(server, is_over=is_over)

    def _log_outage(self, server: str, *, is_over: bool) -> None:
        """Log when the first connection to a server goes down, and when all of them are back."""
        before = self._outages[server]
        self._outages[server] += -1 if is_over else 1
        name = self._coordinator.name
        if before == 0:
            _LOGGER.warning("%s: no push from %s any more; its devices are polled instead", name, server)
        elif self._outages[server] == 0:
            _LOGGER.info("%s: push from %s is back", name, server)

    def _list_soon(self) -> None:
        """List the devices again: now, or after a pause if they were listed recently. Requests in the pause are one."""
        coordinator = self._coordinator
        listed_at = coordinator.inventory.listed_at
        if listed_at is None:
            return  # a new list is due already
        coordinator.inventory.listed_at = None
        pause = _LISTING_PAUSE_PER_PAGE * coordinator.cloud.requests_a_listing - (dt_util.utcnow() - listed_at)
        coordinator.config_entry.async_create_background_task(
            coordinator.hass, self._async_list_after(pause.total_seconds()), f"{coordinator.name} listing for push"
        )

    async def _async_list_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._coordinator.inventory.listed_at is None:  # no poll has listed them meanwhile
            await self._coordinator.async_request_refresh()
