"""Decides when an account's history is imported: after set-up, every day, after an outage of the cloud, and on request.

It owns the background task and its status; `importer` does the import.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from ..clouds.client_store import ClientStore
from ..clouds.errors import AuthFailed, CloudError, RateLimited
from ..const import OPTION_IMPORT_DAYS, OPTION_IMPORT_HISTORY
from ..coordinator import DatapointCoordinator
from ..fleet.events import ImportFinished
from ..fleet.listeners import ACCOUNT
from . import hours
from .importer import Import, ImportResult
from .recorder import async_start_sums_at_zero, has_recorder
from .sensors import StatisticsSensor, statistics_sensors

_LOGGER = logging.getLogger(__name__)

DEFAULT_DAYS = 31
_IMPORT_INTERVAL = timedelta(days=1)
_RETRY_DELAY = timedelta(minutes=15)


class ImportStatus(StrEnum):
    """The state of the import in the background, as its sensor shows it."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"  # until the cloud can be reached or allows more requests
    FINISHED = "finished"


class ImportSchedule:
    """Runs the imports of one account, one at a time."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        coordinator: DatapointCoordinator,
        client_store: ClientStore,
    ) -> None:
        self.status = ImportStatus.IDLE
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._client_store = client_store
        self._lock = asyncio.Lock()
        self._import: Import | None = None
        self._sensor_count = 0
        self._task: asyncio.Task[None] | None = None
        self._was_available = True
        self._resumes_at: datetime | None = None
        self._cancel_timer: CALLBACK_TYPE | None = None

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The progress of the last import in the background."""
        results = self._import.results.values() if self._import is not None else ()
        return {
            "series": self._sensor_count,
            "series_done": len(results),
            "rows_read": sum(result.rows_read for result in results),
            "rows_written": sum(result.rows_written for result in results),
            "resumes_at": self._resumes_at and self._resumes_at.isoformat(),
        }

    @property
    def days(self) -> int:
        """How many days back the user wants to import."""
        return int(self._entry.options.get(OPTION_IMPORT_DAYS, DEFAULT_DAYS))

    @callback
    def async_start(self) -> None:
        """Start importing in the background, if the user chose it and both cloud and recorder can do it."""
        is_chosen = self._entry.options.get(OPTION_IMPORT_HISTORY, False)
        has_hours = self._coordinator.cloud.history.capabilities.hours_retention is not None
        if not (is_chosen and has_hours and has_recorder(self._hass)):
            return
        self._entry.async_on_unload(self._async_cancel_timer)
        self._entry.async_on_unload(async_at_started(self._hass, self._async_begin))
        self._entry.async_on_unload(async_track_time_interval(self._hass, self._async_begin, _IMPORT_INTERVAL))
        self._entry.async_on_unload(self._coordinator.async_add_listener(self._async_handle_update))

    @callback
    def _async_handle_update(self) -> None:
        """After an outage of the cloud, schedule an import of the hours it left empty."""
        is_available = self._coordinator.last_update_success
        if is_available and not self._was_available:
            # Hours are imported only up to the newest row, so the recorder has to write the row of this hour first.
            self._schedule(hours.hour_compiled_at(dt_util.utcnow()))
            self._notify()
        self._was_available = is_available

    @callback
    def _async_begin(self, _: Any = None) -> None:
        self._async_cancel_timer()
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_run(), f"{self._coordinator.name} history import"
            )

    async def _async_run(self) -> None:
        now = dt_util.utcnow()
        sensors = statistics_sensors(self._hass, self._coordinator)
        self._sensor_count = len(sensors)
        async with self._lock:
            self._import = Import(
                self._hass,
                self._coordinator.cloud.history,
                self._client_store,
                is_thorough=False,
                on_progress=self._notify,
            )
            self._set_status(ImportStatus.RUNNING)
            try:
                await self._import.async_run(sensors, now - timedelta(days=self.days), now)
            except BaseException:
                self._set_status(ImportStatus.IDLE)
                raise
        error = self._import.stopped_by
        if error is None:
            self._mark_finished(self._import)
            self._set_status(ImportStatus.FINISHED)
        elif isinstance(error, AuthFailed):
            self._set_status(ImportStatus.IDLE)  # the user has to sign in again, which reloads the entry
        else:
            _LOGGER.debug("The history import pauses: %s", error)
            self._schedule(dt_util.utcnow() + _delay_after(error))
            self._set_status(ImportStatus.WAITING)

    def _mark_finished(self, finished: Import) -> None:
        """Report an import that found something: most days have no gap."""
        written = [rows for result in finished.results.values() if (rows := result.rows_written)]
        if written:
            event = ImportFinished(series=len(written), rows=sum(written))
            self._coordinator.listeners.async_mark_events(ACCOUNT.device_id, [event])

    @callback
    def _schedule(self, timestamp: datetime) -> None:
        self._async_cancel_timer()
        self._resumes_at = timestamp
        self._cancel_timer = async_call_later(self._hass, timestamp - dt_util.utcnow(), self._async_begin)

    @callback
    def _async_cancel_timer(self) -> None:
        self._resumes_at = None
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None

    @callback
    def _set_status(self, status: ImportStatus) -> None:
        self.status = status
        self._notify()

    @callback
    def _notify(self) -> None:
        self._coordinator.listeners.async_mark_changed([ACCOUNT])
        self._coordinator.listeners.async_notify()

    async def async_import(
        self, sensors: Sequence[StatisticsSensor], start: datetime, end: datetime, *, starts_sums_at_zero: bool
    ) -> Mapping[str, ImportResult]:
        """Import the missing hours now, including those for which the cloud once had no data; results by entity id.

        With `starts_sums_at_zero`, the sums of all meters are shifted afterwards, even if nothing was imported.
        """
        async with self._lock:
            thorough = Import(self._hass, self._coordinator.cloud.history, self._client_store, is_thorough=True)
            await thorough.async_run(sensors, start, end)
            if starts_sums_at_zero:
                await async_start_sums_at_zero(self._hass, [sensor for sensor in sensors if sensor.is_meter])
        return thorough.results


def _delay_after(error: CloudError) -> timedelta:
    seconds = error.retry_after if isinstance(error, RateLimited) else None
    return timedelta(seconds=seconds) if seconds else _RETRY_DELAY
