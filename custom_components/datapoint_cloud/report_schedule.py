"""Fetches an account's reports every few minutes, as far as they are due, and has their history imported.

It knows neither what they contain nor how often each is due.
"""

import logging
from datetime import datetime, timedelta

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .clouds.errors import CloudError
from .coordinator import DatapointCoordinator
from .fleet.reports import FleetReports
from .statistics.daily import async_import_histories

_LOGGER = logging.getLogger(__name__)

_EVERY = timedelta(minutes=5)


@callback
def async_start_reports(coordinator: DatapointCoordinator) -> None:
    """Fetch the reports that are due, now and every few minutes, until the account is unloaded.

    If the user has turned polling off in the entry's system options, they are fetched once.
    """
    if (reports := coordinator.reports) is None:
        return

    @callback
    def begin(_: datetime) -> None:
        # A poll has to succeed first, and a pause that the cloud demanded has to be over.
        if coordinator.last_update_success and not coordinator.pause.left(dt_util.utcnow()):
            coordinator.config_entry.async_create_background_task(
                coordinator.hass, _async_fetch(coordinator, reports), f"{coordinator.name} reports"
            )

    if not coordinator.config_entry.pref_disable_polling:  # Home Assistant loads the entry again when that changes
        coordinator.config_entry.async_on_unload(async_track_time_interval(coordinator.hass, begin, _EVERY))
    begin(dt_util.utcnow())


async def _async_fetch(coordinator: DatapointCoordinator, reports: FleetReports) -> None:
    try:
        await reports.async_fetch_due()
    except CloudError as error:
        # Polls meet the same problem and report it; what is due is requested again later.
        _LOGGER.debug("%s: the reports are fetched later: %s", coordinator.name, error)
    coordinator.listeners.async_notify()
    await async_import_histories(coordinator.hass, coordinator)
