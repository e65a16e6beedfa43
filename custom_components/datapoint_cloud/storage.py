"""Stores what outlives a restart: one private file per account, with the client's store, the last list and readings.

Tokens are stored here and nowhere else. The user's own input stays in the config entry.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .clouds.client_store import ClientStore
from .const import DOMAIN

_VERSION = 1
_SAVE_CLIENT_STORE_AFTER = 5  # seconds
_SAVE_READINGS_AFTER = 300


_HANDED_OVER: HassKey[dict[str, Mapping[str, Any]]] = HassKey(f"{DOMAIN}_handed_over")


@callback
def hand_over(hass: HomeAssistant, account_id: str, client_store: ClientStore) -> None:
    """Keep what a config flow stored for the set-up that follows: clouds limit logins, so it must not log in again."""
    hass.data.setdefault(_HANDED_OVER, {})[account_id] = client_store.content


@callback
def take_over(hass: HomeAssistant, account_id: str | None) -> Mapping[str, Any]:
    """Return, once, what a config flow stored for the account."""
    return hass.data.get(_HANDED_OVER, {}).pop(account_id or "", {})


class AccountStorage:
    """The file of one account."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        self._store: Store[dict[str, Any]] = Store(
            hass, _VERSION, f"{DOMAIN}.{entry_id}", private=True, atomic_writes=True
        )
        self.client_store = ClientStore()
        self.readings: Mapping[str, Any] = {}
        self.devices: Mapping[str, Any] | None = None
        """The last list of devices as JSON; None if there is none."""
        self.announced_until: datetime | None = None
        """Until when the account announced what happened, before it was loaded now; None if that is unknown."""
        self._is_announcing = False
        self._collect_readings: Callable[[], Mapping[str, Any]] = lambda: self.readings
        self._collect_devices: Callable[[], Mapping[str, Any] | None] = lambda: self.devices
        self._is_closed = False
        self._save_due = math.inf  # on the monotonic clock

    async def async_load(self, handed_over: Mapping[str, Any]) -> None:
        """Read the file, if there is one; `handed_over` from a config flow is newer."""
        stored = await self._store.async_load() or {}
        self.client_store = ClientStore(
            {**stored.get("memory", {}), **handed_over}, on_change=self._client_store_changed
        )
        self.readings = stored.get("readings", {})
        self.devices = stored.get("devices")
        if (announced_until := stored.get("announced_until")) is not None:
            self.announced_until = datetime.fromisoformat(announced_until)

    @callback
    def collect_readings_with(self, collect: Callable[[], Mapping[str, Any]]) -> None:
        """Save the readings that `collect` returns, as JSON by device id."""
        self._collect_readings = collect

    @callback
    def collect_devices_with(self, collect: Callable[[], Mapping[str, Any] | None]) -> None:
        """Save the list of devices that `collect` returns, as JSON."""
        self._collect_devices = collect

    @callback
    def announce_from_now_on(self) -> None:
        """Note that the account announces what happens, until the file is saved for the last time."""
        self._is_announcing = True

    @callback
    def save_before_the_end(self, _: Event) -> None:
        """Save when Home Assistant stops, even if nothing has changed."""
        self._save_after(0)

    @callback
    def readings_changed(self) -> None:
        """Save in some minutes: readings change often, and lost ones are read again."""
        self._save_after(_SAVE_READINGS_AFTER)

    async def async_close(self) -> None:
        """Save now and never again: afterwards the file may be deleted, or belong to the next set-up."""
        self._is_closed = True
        await self._store.async_save(self._content())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    @callback
    def _client_store_changed(self) -> None:
        self._save_after(_SAVE_CLIENT_STORE_AFTER)

    def _save_after(self, seconds: float) -> None:
        # `async_delay_save` replaces the delay, so that frequent changes would put saving off forever.
        due = time.monotonic() + seconds
        if not self._is_closed and due < self._save_due:
            self._save_due = due
            self._store.async_delay_save(self._content, seconds)

    def _content(self) -> dict[str, Any]:
        self._save_due = math.inf
        announced_until = dt_util.utcnow() if self._is_announcing else self.announced_until
        return {
            "memory": dict(self.client_store.content),
            "readings": dict(self._collect_readings()),
            "devices": self._collect_devices(),
            "announced_until": None if announced_until is None else announced_until.isoformat(),
        }
