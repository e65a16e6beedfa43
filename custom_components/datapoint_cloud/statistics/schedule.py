"""When the past of an account is imported: after set-up, every day, after the cloud was away, and when asked for.

It owns the background task and what can be seen of it; how an import goes is told in `statistics`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from ..clouds.client_store import ClientStore
from ..clouds.errors import AuthFailed, CloudError, RateLimited
from ..const import OPTION_IMPORT_DAYS, OPTION_IMPORT_HISTORY
from ..coordinator import DatapointCoordinator
from ..fleet.listeners import ACCOUNT
from . import rows
from .importer import Import, Outcome, has_recorder
from .sensors import Target, targets_of

if TYPE_CHECKING:
    from ..runtime import DatapointConfigEntry

_LOGGER = logging.getLogger(__name__)

DEFAULT_DAYS = 31
_EVERY = timedelta(days=1)
_TRY_AGAIN_AFTER = timedelta(minutes=15)


class Stage(StrEnum):
    """How far the import is."""

    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"  # for the cloud to allow more requests, or to be there again
    FINISHED = "finished"


class ImportSchedule:
    """The imports of one account, one at a time."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: DatapointConfigEntry,
        coordinator: DatapointCoordinator,
        client_store: ClientStore,
    ) -> None:
        self.stage = Stage.IDLE
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._client_store = client_store
        self._lock = asyncio.Lock()
        self._import: Import | None = None
        self._series = 0
        self._task: asyncio.Task[None] | None = None
        self._resumes_at: datetime | None = None
        self._cancel_wait: CALLBACK_TYPE | None = None

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The figures of the last import in the background."""
        outcomes = self._import.outcomes.values() if self._import is not None else ()
        return {
            "series": self._series,
            "series_done": len(outcomes),
            "rows_read": sum(outcome.read for outcome in outcomes),
            "rows_written": sum(outcome.written for outcome in outcomes),
            "resumes_at": self._resumes_at and self._resumes_at.isoformat(),
        }

    @property
    def days(self) -> int:
        """How far back the past is wanted."""
        return int(self._entry.options.get(OPTION_IMPORT_DAYS, DEFAULT_DAYS))

    @callback
    def async_start(self) -> None:
        """Begin to import by itself, if that is wanted and possible."""
        is_wanted = self._entry.options.get(OPTION_IMPORT_HISTORY, False)
        if (
            not is_wanted
            or self._coordinator.cloud.history.capabilities.hours_retention is None
            or not has_recorder(self._hass)
        ):
            return
        self._entry.async_on_unload(self._async_stop_waiting)
        self._entry.async_on_unload(async_at_started(self._hass, self._async_begin))
        self._entry.async_on_unload(async_track_time_interval(self._hass, self._async_begin, _EVERY))
        self._entry.async_on_unload(self._coordinator.async_add_listener(self._heed_outages()))

    def _heed_outages(self) -> CALLBACK_TYPE:
        was_there = True

        @callback
        def heed() -> None:
            nonlocal was_there
            is_there = self._coordinator.last_update_success
            if is_there and not was_there:
                # A gap can be filled once the hour after it has its row.
                self._wait_until(rows.compiled_at(dt_util.utcnow()))
                self._tell()
            was_there = is_there

        return heed

    @callback
    def _async_begin(self, _: Any = None) -> None:
        self._async_stop_waiting()
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_run(), f"{self._coordinator.name} history import"
            )

    async def _async_run(self) -> None:
        now = dt_util.utcnow()
        targets = targets_of(self._hass, self._coordinator)
        self._series = len(targets)
        async with self._lock:
            self._import = Import(
                self._hass,
                self._coordinator.cloud.history,
                self._client_store,
                is_thorough=False,
                on_progress=self._tell,
            )
            self._tell(Stage.RUNNING)
            try:
                await self._import.async_run(targets, now - timedelta(days=self.days), now)
            except BaseException:
                self._tell(Stage.IDLE)  # the next one begins anew
                raise
        error = self._import.stopped_by
        if error is None or isinstance(error, AuthFailed):
            self._tell(Stage.FINISHED if error is None else Stage.IDLE)
        else:
            _LOGGER.debug("The import of the past pauses: %s", error)
            self._wait_until(dt_util.utcnow() + _pause(error))
            self._tell(Stage.WAITING)

    @callback
    def _wait_until(self, moment: datetime) -> None:
        self._async_stop_waiting()
        self._resumes_at = moment
        self._cancel_wait = async_call_later(self._hass, moment - dt_util.utcnow(), self._async_begin)

    @callback
    def _async_stop_waiting(self) -> None:
        self._resumes_at = None
        if self._cancel_wait is not None:
            self._cancel_wait()
            self._cancel_wait = None

    @callback
    def _tell(self, stage: Stage | None = None) -> None:
        self.stage = stage or self.stage
        self._coordinator.listeners.async_mark_changed([ACCOUNT])
        self._coordinator.listeners.async_notify()

    async def async_import(self, targets: Sequence[Target], start: datetime, end: datetime) -> Mapping[str, Outcome]:
        """Import now what is missing, asking also for what the cloud once had not; outcomes by entity id."""
        async with self._lock:
            work = Import(self._hass, self._coordinator.cloud.history, self._client_store, is_thorough=True)
            await work.async_run(targets, start, end)
        return work.outcomes


def _pause(error: CloudError) -> timedelta:
    seconds = error.retry_after if isinstance(error, RateLimited) else None
    return timedelta(seconds=seconds) if seconds else _TRY_AGAIN_AFTER
