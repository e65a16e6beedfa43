"""What outlives a restart: one private file an account, with the client's memory, the last list and readings.

Tokens live here and nowhere else. What the user entered stays in the config entry.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .clouds.client_store import ClientStore
from .const import DOMAIN

_VERSION = 1
_SAVE_MEMORY_AFTER = 5  # seconds
_SAVE_READINGS_AFTER = 300


_HANDED_OVER: HassKey[dict[str, Mapping[str, Any]]] = HassKey(f"{DOMAIN}_handed_over")


@callback
def hand_over(hass: HomeAssistant, account_id: str, client_store: ClientStore) -> None:
    """Keep what a form learnt for the set-up that follows: clouds do not like two logins in a row."""
    hass.data.setdefault(_HANDED_OVER, {})[account_id] = client_store.content


@callback
def take_over(hass: HomeAssistant, account_id: str | None) -> Mapping[str, Any]:
    """Take what a form learnt of the account."""
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
        """The last list of devices; None where there was none yet."""
        self._collect_readings: Callable[[], Mapping[str, Any]] = lambda: self.readings
        self._collect_devices: Callable[[], Mapping[str, Any] | None] = lambda: self.devices
        self._is_closed = False
        self._due = math.inf  # when the next saving is, on the monotonic clock

    async def async_load(self, handed_over: Mapping[str, Any]) -> None:
        """Read the file, if there is one; what a form has just learnt is newer."""
        stored = await self._store.async_load() or {}
        self.client_store = ClientStore({**stored.get("memory", {}), **handed_over}, on_change=self._memory_changed)
        self.readings = stored.get("readings", {})
        self.devices = stored.get("devices")

    @callback
    def collect_readings_with(self, collect: Callable[[], Mapping[str, Any]]) -> None:
        """Ask `collect` for the readings, as JSON by device id, whenever they are saved."""
        self._collect_readings = collect

    @callback
    def collect_devices_with(self, collect: Callable[[], Mapping[str, Any] | None]) -> None:
        """Ask `collect` for the list of devices, as JSON, whenever it is saved."""
        self._collect_devices = collect

    @callback
    def readings_changed(self) -> None:
        """Save before long; readings are many and lost ones come again."""
        self._save_after(_SAVE_READINGS_AFTER)

    async def async_close(self) -> None:
        """Save now, and nothing that changes from now on: the file may be another's, or none."""
        self._is_closed = True
        await self._store.async_save(self._content())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    @callback
    def _memory_changed(self) -> None:
        self._save_after(_SAVE_MEMORY_AFTER)

    def _save_after(self, seconds: float) -> None:
        # Each call puts the saving off, so that there is one until it is done, or one that is to be sooner.
        due = time.monotonic() + seconds
        if not self._is_closed and due < self._due:
            self._due = due
            self._store.async_delay_save(self._content, seconds)

    def _content(self) -> dict[str, Any]:
        self._due = math.inf
        return {
            "memory": dict(self.client_store.content),
            "readings": dict(self._collect_readings()),
            "devices": self._collect_devices(),
        }
