"""The coordinator of one account: it polls, updates the availability of the devices and notifies the listeners.

It knows neither platforms, nor vendors, nor push.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers.event import async_call_later, async_track_point_in_utc_time
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from . import exceptions, reauth
from .clouds.budget import Purpose
from .clouds.clock import is_due
from .clouds.cloud import Cloud
from .clouds.errors import CloudError, RateLimited
from .clouds.model import Device
from .const import DEFAULT_SHARE, DOMAIN, OPTION_IMPORT_HISTORY, OPTION_INTERVAL, OPTION_SHARE
from .entries import account_name, groups_of, subentry_of
from .fleet.device_filter import DeviceFilter
from .fleet.device_state import DeviceState
from .fleet.fleet_availability import FleetAvailability, PollRound
from .fleet.inventory import Inventory
from .fleet.listeners import ACCOUNT, EntityKey, ListenerRegistry
from .fleet.loss_log import LossLog
from .fleet.naming import NO_WORDS, Naming
from .fleet.reader import Reader
from .fleet.reports import FleetReports
from .pause import Pause
from .poller import Poller
from .profiles import Profiles
from .storage import AccountStorage
from .timings import timings_of

_LOGGER = logging.getLogger(__name__)

_FIRST_LIST_SECONDS = 10.0  # that set-up waits for the list if it need not
_SHOW_EVERY = 0.02  # seconds while set-up waits: entities are added as soon as their device was read
_UNKNOWN_PAUSE = 60.0  # seconds
_LOGGED: HassKey[dict[str, str]] = HassKey(f"{DOMAIN}_logged_details")
"""The details of the error that an account has now, by its entry."""


class DatapointCoordinator(DataUpdateCoordinator[None]):
    """Keeps the devices of one account up to date."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        cloud: Cloud,
        storage: AccountStorage,
        profiles: Profiles,
        naming: Naming = NO_WORDS,
    ) -> None:
        self.cloud = cloud
        self.naming = naming
        self.profiles = profiles
        cloud.budget.share = entry.options.get(OPTION_SHARE, DEFAULT_SHARE) / 100
        self.account_id = entry.unique_id or entry.entry_id
        self.wished_interval = timedelta(
            seconds=entry.options.get(OPTION_INTERVAL, cloud.default_interval.total_seconds())
        )
        self.listeners = ListenerRegistry()
        device_filter = DeviceFilter.of(entry.options, groups_of(entry))
        self.inventory = Inventory(cloud, storage, profiles, naming, self.listeners, device_filter)
        self.fleet = self.inventory.fleet
        self.availability = FleetAvailability(self.inventory, self.listeners, self.wished_interval)
        self.reader = Reader(cloud, self.inventory, self.listeners, storage, self.wished_interval)
        self.pause = Pause(storage.client_store)
        reporting = cloud.administration.reports
        self.reports: FleetReports | None = None
        """The reports about its scopes; None if the cloud has none."""
        if reporting is not None:
            scopes = [scope.id for scope in cloud.scopes]
            self.reports = FleetReports(
                reporting,
                scopes,
                storage.client_store,
                self.listeners,
                with_history=entry.options.get(OPTION_IMPORT_HISTORY, False),
            )
        self._poller = Poller(cloud, self.inventory, self.reader, self.reports, self.pause, self.wished_interval)
        self._loss_log = LossLog(account_name(entry), self.inventory, self.scope_name)
        self.set_up_at = dt_util.utcnow()
        self.problem: CloudError | None = None
        """The error that ended the last poll."""
        self.async_report_problems: CALLBACK_TYPE = lambda: None
        """Called when a problem of the account may have come or gone."""
        self.refused_control: dict[str | None, CloudError] = {}
        """The scopes whose devices the vendor has not enabled for control, until one accepts a command."""
        self._is_restored = self._has_started = False
        self._cancel_retry: CALLBACK_TYPE = lambda: None
        self._cancel_visit: CALLBACK_TYPE = lambda: None
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=account_name(entry),
            update_interval=self.wished_interval,
            always_update=False,
        )

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Call back when the entity with the key `context` changes; without a key, after every successful poll."""
        if not isinstance(context, EntityKey):
            return super().async_add_listener(update_callback, context)
        return self.listeners.async_add(context, update_callback)

    def scope_name(self, scope: str) -> str:
        """The user's name for a scope of the account."""
        subentry = self.config_entry.subentries.get(subentry_of(self.config_entry, scope) or "")
        return scope if subentry is None else subentry.title

    @property
    def interval_in_force(self) -> timedelta:
        """How long it takes until every device was read."""
        return self.reader.interval_in_force

    @property
    def stands_on_reports(self) -> bool:
        """Whether reports take the place of the list of devices."""
        return self._poller.replaces_list

    def present(self) -> Iterator[DeviceState]:
        """The devices that the last list contained."""
        return self.reader.present()

    def is_pushed(self, device: Device) -> bool:
        """Whether push covers the device now."""
        return self.reader.is_pushed(device)

    # Set-up

    async def async_load_devices(self) -> None:
        """List the devices or, if that fails, start from the stored list and go on trying.

        Raises `ConfigEntryAuthFailed` for refused credentials, and `ConfigEntryNotReady` if no list is stored.
        """
        listed_at = self.inventory.async_restore(self.wished_interval)
        self._is_restored = listed_at is not None
        try:
            await self.async_config_entry_first_refresh()
        except ConfigEntryNotReady as error:
            if listed_at is None or self.hass.is_stopping:
                raise
            _LOGGER.warning(
                "%s: starting with the devices listed at %s; they will be listed again when possible: %s",
                self.name,
                dt_util.as_local(listed_at).strftime("%Y-%m-%d %H:%M"),
                error,
            )

    def ready(self) -> Iterator[DeviceState]:
        """The devices whose entities can be added: the first readings decide which entities are enabled.

        Set-up waits for these readings only for a while; then all devices are ready.
        """
        return (state for state in self.fleet.values() if self._has_started or state.read_at is not None)

    async def async_start_polling(self) -> None:
        """Read the devices that have no stored readings or datapoints, add all entities, then poll.

        If the devices could not be listed, only stored readings are shown at first.
        """
        if self.last_update_success:
            allowance = self.cloud.budget.left(Purpose.POLLING)
            due = self.reader.due(allowance)
            await self._async_read_first([state for state in due if state.read_at is None or not state.datapoints])
        self._has_started = True
        self.availability.update(self.fleet.values(), self._poller.round)
        self.listeners.async_mark_inventory_changed()
        self.listeners.async_notify()
        if self.last_update_success:
            now = dt_util.utcnow()
            read = [(state, state.read_at) for state in self.reader.due() if state.read_at is not None]
            await self._async_read_first([state for state, at in read if is_due(at, self.wished_interval, now)])
        # The base class polls only while it has a listener, and our entities listen in the `ListenerRegistry`.
        self.config_entry.async_on_unload(super().async_add_listener(lambda: None))
        self.config_entry.async_on_unload(lambda: self._cancel_visit())  # noqa: PLW0108  # it changes
        self.async_end_visits()
        if not self.last_update_success:
            self._retry_later()
            self.config_entry.async_on_unload(lambda: self._cancel_retry())  # noqa: PLW0108  # it changes

    async def _async_read_first(self, states: Sequence[DeviceState]) -> None:
        """Read these devices and add their entities as they come; return early if they are slow."""
        if not states:
            return
        poll_round = PollRound()
        task = self.config_entry.async_create_background_task(
            self.hass, self._async_read(states, poll_round), f"{self.name} first readings"
        )
        shown = 0
        for _ in range(round(timings_of(self.hass).first_readings / _SHOW_EVERY)):
            await asyncio.wait({task}, timeout=_SHOW_EVERY)
            if task.done():
                return
            read = [state for state in states if poll_round.has_read(state)]
            if len(read) > shown:
                shown = len(read)
                self.availability.update(read, poll_round)
                self.listeners.async_mark_inventory_changed()
                self.listeners.async_notify()

    @callback
    def _retry_later(self) -> None:
        """Poll earlier than usual, because the account has only its stored devices."""
        job = HassJob(self._async_retry, f"{self.name} list", cancel_on_shutdown=True)
        self._cancel_retry = async_call_later(self.hass, self._poller.retry_after() or 0, job)

    async def _async_retry(self, _: datetime) -> None:
        await self.async_refresh()
        has_failed = not self._poller.was_reached and isinstance(self.last_exception, UpdateFailed)
        # Home Assistant retries on its own unless the user has turned polling off.
        if has_failed and self.config_entry.pref_disable_polling and not self._shutdown_requested:
            self._retry_later()

    # Polls

    @override
    async def _async_update_data(self) -> None:
        # A poll ends when the account is unloaded or Home Assistant stops, even if an action requested it.
        poll = self._poller.async_poll(reads_devices=self._has_started, seconds=self._poll_seconds())
        try:
            is_complete = await self.config_entry.async_create_background_task(self.hass, poll, f"{self.name} round")
        except CloudError as error:
            self._log_details(error)
            self.problem = error
            self.async_report_problems()
            failed = exceptions.of_poll(error)
            if isinstance(failed, UpdateFailed):
                failed.retry_after = self._poller.retry_after()
            raise failed from error
        if is_complete:
            if self._poller.round.has_listed:
                reauth.async_end(self.hass, self.config_entry, self.name)
            self.problem = None
            self.hass.data.get(_LOGGED, {}).pop(self.config_entry.entry_id, None)
            self.async_report_problems()

    def _log_details(self, error: CloudError) -> None:
        """Log what the text of an error leaves out, once for as long as it lasts, also across attempts to set up."""
        details, logged = exceptions.details_of(error), self.hass.data.setdefault(_LOGGED, {})
        if details is not None and logged.get(self.config_entry.entry_id) != details:
            logged[self.config_entry.entry_id] = details
            _LOGGER.warning("%s: %s", self.name, details)

    def _poll_seconds(self) -> float | None:
        """How long a poll may take; None: as long as the cloud takes."""
        if self._has_started:
            return None
        # Without a stored list set-up has to wait, unless that would delay the start of Home Assistant.
        return _FIRST_LIST_SECONDS if self._is_restored or not self.hass.is_running else None

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """Update the availability after every poll, even a failed one, and notify the listeners."""
        is_failed = not self.last_update_success
        if is_failed and isinstance(self.last_exception, ConfigEntryAuthFailed):
            self.availability.mark_all_lost()
            reauth.async_try_again_later(self.hass, self.config_entry)
        else:
            self.availability.update(self.fleet.values(), self._poller.round, is_failed=is_failed)
        if not is_failed:  # the base class has logged the failure, which explains all losses
            self._loss_log.update()
        self.listeners.async_mark_changed([ACCOUNT])
        self.listeners.async_notify()

    # Commands

    async def async_read_device(self, device_id: str) -> float:
        """Read one device after a command; return how many seconds no other read is possible.

        This ignores a pause: the cloud has just accepted a command, so it may answer a read too.
        """
        if (state := self.fleet.get(device_id)) is None:
            return 0.0
        poll_round = PollRound()
        limit = await self._async_read([state], poll_round, ignores_pause=True)
        if limit is not None:
            return limit.retry_after or _UNKNOWN_PAUSE
        is_spent = not poll_round.has_read(state) and self.cloud.budget.left(Purpose.POLLING) < 1
        return _UNKNOWN_PAUSE if is_spent else 0.0

    async def async_refresh_device(self, device_id: str, fetch: Callable[[str], Awaitable[Device]]) -> None:
        """Update a device with what `fetch` returns, and read its values, after an action of the user."""
        requested_at = dt_util.utcnow()
        try:
            device = await fetch(device_id)
        except CloudError as error:
            _LOGGER.debug("%s: a device cannot be updated until the next list: %s", self.name, error)
            return
        if device_id in self.fleet:
            self.inventory.update_device(device, requested_at)
            await self.async_read_device(device_id)

    async def _async_read(
        self, states: Sequence[DeviceState], poll_round: PollRound, *, ignores_pause: bool = False
    ) -> RateLimited | None:
        """Read these devices between two polls; return the limit that ended it, if one did."""
        limit = await self._poller.async_read(states, ignores_pause=ignores_pause)
        # Failed reads say nothing against a device here: they follow each other too quickly.
        self.availability.update([state for state in states if poll_round.has_read(state)], poll_round)
        self.listeners.async_mark_changed([ACCOUNT])
        self.listeners.async_notify()
        return limit

    # Guests

    async def async_show_guest(self, device: Device, until: datetime) -> None:
        """Show a device until a time and read it. Raises the `CloudError` of its datapoints' description."""
        self.inventory.async_show_guest(device, until)
        await self.inventory.async_describe()
        self._poller.follow()
        self.listeners.async_notify()
        self.async_end_visits()
        await self.async_read_device(device.id)

    @callback
    def async_end_visits(self, _: datetime | None = None) -> None:
        """Remove the guests whose time is over, and do it again when the next one's is."""
        self._cancel_visit()
        self.inventory.async_end_visits()
        self._poller.follow()
        self.listeners.async_notify()
        if ends := self.inventory.guests.until(dt_util.utcnow()).values():
            job = HassJob(self.async_end_visits, f"{self.name} visit", cancel_on_shutdown=True)
            self._cancel_visit = async_track_point_in_utc_time(self.hass, job, min(ends))

    @callback
    def async_drop_unconfirmed(self, state: DeviceState) -> None:
        """Show the last readings of a device again where a write was not confirmed in time."""
        self.availability.drop_unconfirmed(state)
        self.listeners.async_notify()
