"""Polling of one account: the list of devices with its online state, the schemas and the last values, each in its time.

It owns the fleet and tells exactly those who watch what changed. It knows no platform and no vendor.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import exceptions, reauth
from .accounts import account_name, groups_of, subentry_of
from .clouds.budget import Purpose
from .clouds.clock import is_ahead, is_due
from .clouds.cloud import Cloud
from .clouds.errors import CloudError, RateLimited, Reason, UnexpectedAnswer, Unreachable
from .clouds.model import Device, Snapshot
from .const import DEFAULT_SHARE, OPTION_INTERVAL, OPTION_SHARE
from .fleet.device_state import DeviceState
from .fleet.fleet_availability import FleetAvailability, PollRound
from .fleet.inventory import DeviceFilter, Inventory
from .fleet.listeners import ACCOUNT, EntityKey, ListenerRegistry
from .fleet.losses import Losses
from .fleet.reader import Reader
from .pause import Pause
from .profiles import Profile
from .push import Listener
from .storage import AccountStorage

_LOGGER = logging.getLogger(__name__)

_FIRST_READINGS_WITHIN = 10.0  # seconds that set-up waits for them; they go on in the background
_SHOWN_EVERY = 0.02  # seconds meanwhile: entities are added while the cloud is waited for
_FIRST_LIST_WITHIN = 10.0  # seconds that set-up waits for it where it need not
_ASKED_AGAIN_AFTER = 10.0  # seconds; ever longer while the cloud cannot be reached
_PAUSE_OF_UNKNOWN_LENGTH = 60.0  # seconds


class DatapointCoordinator(DataUpdateCoordinator[None]):
    """The fleet of one account, kept fresh."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        cloud: Cloud,
        storage: AccountStorage,
        profiles: Mapping[str, Profile],
    ) -> None:
        self.cloud = cloud
        self.listeners = ListenerRegistry()
        self.account_id = entry.unique_id or entry.entry_id
        self.inventory = Inventory(
            cloud, storage, profiles, self.listeners, DeviceFilter.of(entry.options, groups_of(entry))
        )
        self.fleet = self.inventory.fleet
        self.refused_control: dict[str | None, CloudError] = {}
        """The scopes whose devices the vendor has not released for control, until one obeys."""
        self.wished_interval = timedelta(
            seconds=entry.options.get(OPTION_INTERVAL, cloud.default_interval.total_seconds())
        )
        cloud.budget.share = entry.options.get(OPTION_SHARE, DEFAULT_SHARE) / 100
        self._round = PollRound()
        self.availability = FleetAvailability(self.inventory, self.listeners, self.wished_interval)
        self._reader = Reader(cloud, self.inventory, self.listeners, storage, self.wished_interval)
        self.activity = self._reader.activity
        self._losses = Losses(account_name(entry), self.inventory, self.scope_name)
        self.pause = Pause(storage.client_store)
        self._is_restored = self._was_reached = self._has_started = False
        self._rounds_in_vain = 0
        self._cancel_asking: CALLBACK_TYPE = lambda: None
        self.set_up_at = dt_util.utcnow()
        self._rounds_since_listing = 0
        self.problem: CloudError | None = None
        """What the last round ended with."""
        self.async_report_problems: CALLBACK_TYPE = lambda: None
        """Called when a problem of the account may have come or gone."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=account_name(entry),
            update_interval=self.wished_interval,
            always_update=False,
        )

    # Who hears of what

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Call back when what `context` watches changes; without one, after every successful poll."""
        if not isinstance(context, EntityKey):
            return super().async_add_listener(update_callback, context)
        return self.listeners.async_add(context, update_callback)

    def scope_name(self, scope: str) -> str:
        """What the user calls a part of the account."""
        subentry = self.config_entry.subentries.get(subentry_of(self.config_entry, scope) or "")
        return scope if subentry is None else subentry.title

    @callback
    def async_note_all(self, state: DeviceState) -> None:
        """Note everything of a device, until it is told."""
        self.availability.mark_device_changed(state)

    # Rounds

    async def async_begin(self) -> None:
        """List the devices; where that cannot be done now, go on from the last list, and list them when it can.

        Raises `ConfigEntryAuthFailed` for refused credentials, and `ConfigEntryNotReady` where no list is stored.
        """
        listed_at = self.inventory.async_restore(self.wished_interval)
        self._is_restored = listed_at is not None
        try:
            await self.async_config_entry_first_refresh()
        except ConfigEntryNotReady as error:
            if listed_at is None or self.hass.is_stopping:
                raise
            _LOGGER.warning(
                "%s: the devices of %s are shown, and asked for when that is possible: %s",
                self.name,
                dt_util.as_local(listed_at).strftime("%Y-%m-%d %H:%M"),
                error,
            )

    @override
    async def _async_update_data(self) -> None:
        self._begin_round()
        # Whoever asks for a round: it ends when the account is unloaded, and before Home Assistant closes connections.
        round_ = self.config_entry.async_create_background_task(self.hass, self._async_round(), f"{self.name} round")
        try:
            async with asyncio.timeout(self._first_list_within()):
                await round_
        except TimeoutError:
            error: CloudError = Unreachable(Reason.TIMEOUT)
        except CloudError as failure:
            error = failure
        else:
            self._was_reached = True
            self.pause.end()
            if self._round.has_listed:
                reauth.async_end(self.hass, self.config_entry, self.name)
            self.problem = None
            self.async_report_problems()
            return
        if error.reason is Reason.BUDGET_SPENT and self._has_started:
            return  # what the budget does not bear now, a later round does
        self._rounds_in_vain += 1
        self._begin_pause(error)
        self.problem = error
        self.async_report_problems()
        failed = exceptions.of_poll(error)
        if isinstance(failed, UpdateFailed):
            failed.retry_after = self._asked_again_after()
        raise failed from error

    async def _async_round(self) -> None:
        self._keep_pause()
        damage: UnexpectedAnswer | None = None
        if self._is_listing_due():
            try:
                await self._async_list()
            except UnexpectedAnswer as error:
                damage = error  # of the list alone: what is known can be read all the same
        # The first round only lists the devices: Home Assistant adds a large fleet before all readings are there.
        if self._has_started:
            await self._reader.async_ask_for_activity()
            await self._reader.async_read(self._reader.due_in_round())
        if damage is not None:
            raise damage

    def _begin_round(self) -> None:
        before, self._round = self._round, PollRound()
        if is_ahead(before.began_at, self._round.began_at):  # our clock was set back
            self.activity.restart()

    def _first_list_within(self) -> float | None:
        """How many seconds set-up waits for the first list; None: as long as the cloud takes."""
        if self._has_started:
            return None
        # What is not stored can only be waited for, but the start of Home Assistant does not wait for one cloud.
        return _FIRST_LIST_WITHIN if self._is_restored or not self.hass.is_running else None

    def _asked_again_after(self) -> float | None:
        """In how many seconds a failed round is followed by the next; None: as ever.

        In a pause rounds go on, that ask nothing but judge the devices by what is known. An account that was set up
        from its store is asked as often as one would be that could not be set up.
        """
        interval = self.wished_interval.total_seconds()
        if left := self.pause.left(dt_util.utcnow()):
            return min(left + 1, interval)  # rounds begin up to a second early
        if not self._was_reached:
            return min(_ASKED_AGAIN_AFTER * 2.0 ** min(self._rounds_in_vain - 1, 10), interval)
        return None

    def _begin_pause(self, error: CloudError) -> None:
        """Ask nothing for as long as the cloud asked to be left alone."""
        # What this client holds back itself makes no pause, and polls that come early in one make it no longer.
        is_own = error.reason in {Reason.BUDGET_SPENT, Reason.PAUSED}
        if isinstance(error, RateLimited) and error.retry_after and not is_own:
            self.pause.begin(error.retry_after, dt_util.utcnow())

    def _keep_pause(self) -> None:
        """Ask nothing before the time that the cloud named, after a restart neither. Raises its limit anew."""
        if left := self.pause.left(dt_util.utcnow()):
            limit = RateLimited(Reason.PAUSED)
            limit.retry_after = left
            raise limit

    def ready(self) -> Iterator[DeviceState]:
        """The devices whose entities can be added: which of them are enabled, the first readings say.

        Once the account has started, none is waited for any more.
        """
        return (state for state in self.fleet.values() if self._has_started or state.read_at is not None)

    async def async_start(self) -> None:
        """Read the devices that were never read, or that nothing but their readings describes, then poll.

        What is in the store is shown at once, and what is not fresh of it is read again. Nothing is read where the
        devices could not be listed.
        """
        if self.last_update_success:
            allowance = self.cloud.budget.left(Purpose.POLLING)
            await self._async_read_patiently(
                [state for state in self._reader.due(allowance) if state.read_at is None or not state.datapoints]
            )
        self._has_started = True
        self.availability.update(self.fleet.values(), self._round)
        self.listeners.async_mark_inventory_changed()
        self.listeners.async_notify()
        if self.last_update_success:
            now = dt_util.utcnow()
            await self._async_read_patiently(
                [
                    state
                    for state in self._reader.due()
                    if state.read_at is not None and is_due(state.read_at, self.wished_interval, now)
                ]
            )
        # Watchers hear only of what they watch, and the base class polls only while someone listens to all of it.
        self.config_entry.async_on_unload(super().async_add_listener(lambda: None))
        if not self.last_update_success:
            self._ask_again()
            self.config_entry.async_on_unload(lambda: self._cancel_asking())  # noqa: PLW0108  # by then another one
        if self.cloud.push is not None:
            self.config_entry.async_create_background_task(
                self.hass, Listener(self).async_listen(self.cloud.push), f"{self.name} push"
            )

    @callback
    def _ask_again(self) -> None:
        """Begin the next round early: the first one has set up nothing but what was stored."""
        again = HassJob(self._async_refresh_once, f"{self.name} list", cancel_on_shutdown=True)
        self._cancel_asking = async_call_later(self.hass, self._asked_again_after() or 0, again)

    async def _async_refresh_once(self, _: datetime) -> None:
        await self.async_refresh()
        # Nothing follows by itself where the user has turned polling off. What ends with the account is no failure.
        is_in_vain = not self._was_reached and isinstance(self.last_exception, UpdateFailed)
        if is_in_vain and self.config_entry.pref_disable_polling and not self._shutdown_requested:
            self._ask_again()

    async def _async_read_patiently(self, states: Sequence[DeviceState]) -> None:
        """Read these and show what has come so far, but keep set-up waiting only so long for slow devices."""
        if not states:
            return
        poll_round = PollRound()
        task = self.config_entry.async_create_background_task(
            self.hass, self._async_read_now(states, poll_round), f"{self.name} first readings"
        )
        shown = 0
        for _ in range(round(_FIRST_READINGS_WITHIN / _SHOWN_EVERY)):
            await asyncio.wait({task}, timeout=_SHOWN_EVERY)
            if task.done():
                return
            read = [state for state in states if poll_round.has_read(state)]
            if len(read) > shown:
                shown = len(read)
                self.availability.update(read, poll_round)
                self.listeners.async_mark_inventory_changed()
                self.listeners.async_notify()

    async def async_read_device(self, device_id: str) -> float:
        """Read one device outside the rounds, to see whether it obeyed; answer for how many seconds nobody may ask.

        A pause does not hold this back: the cloud has just taken a command, and may answer for that too.
        """
        if (state := self.fleet.get(device_id)) is None:
            return 0.0
        poll_round = PollRound()
        limit = await self._async_read_now([state], poll_round, is_after_command=True)
        if limit is not None:
            return limit.retry_after or _PAUSE_OF_UNKNOWN_LENGTH
        is_spent = not poll_round.has_read(state) and self.cloud.budget.left(Purpose.POLLING) < 1
        return _PAUSE_OF_UNKNOWN_LENGTH if is_spent else 0.0

    async def _async_read_now(
        self, states: Sequence[DeviceState], poll_round: PollRound, *, is_after_command: bool = False
    ) -> RateLimited | None:
        """Read these outside the rounds; answer the limit that ended it, if one did."""
        limit: RateLimited | None = None
        try:
            if not is_after_command:
                self._keep_pause()
            await self._reader.async_read(states)
        except CloudError as error:
            # What fails here fails in the next round too, and is told there.
            self._begin_pause(error)
            limit = error if isinstance(error, RateLimited) else None
        # Reads between the rounds say nothing against a device: they follow each other too soon.
        self.availability.update([state for state in states if poll_round.has_read(state)], poll_round)
        self.listeners.async_mark_changed([ACCOUNT])
        self.listeners.async_notify()
        return limit

    @property
    def interval_in_force(self) -> timedelta:
        """How long it takes until every device has had its turn."""
        return self._reader.interval_in_force

    def present(self) -> Iterator[DeviceState]:
        """The devices that the last list had."""
        return self._reader.present()

    def hears(self, device: Device) -> bool:
        """Whether push tells of the device now."""
        return self._reader.hears(device)

    # The list of devices

    def _is_listing_due(self) -> bool:
        self._rounds_since_listing += 1
        listed_at, cloud = self.inventory.listed_at, self.cloud
        if listed_at is None:
            return True
        if cloud.budget.left(Purpose.POLLING) < cloud.requests_a_listing:
            return False
        if cloud.listing_interval is not None:
            # A rare list is asked for again at once where a part of it is missing.
            return bool(self.inventory.failed_scopes) or is_due(listed_at, cloud.listing_interval, dt_util.utcnow())
        if not self.fleet:  # nothing else needs the requests
            return cloud.budget.allowance() >= cloud.requests_a_listing
        return self._rounds_since_listing >= self._reader.schedule.rounds_a_listing(
            self.wished_interval, cloud.budget.pace, cloud.requests_a_listing
        )

    async def _async_list(self) -> None:
        await self.inventory.async_list()
        self._round.has_listed = True
        self._rounds_since_listing = 0
        if self.cloud.push is not None:
            self.cloud.push.follow([state.device for state in self.fleet.values()])
        await self.inventory.async_describe()

    @callback
    def async_take_snapshot(self, device_id: str, snapshot: Snapshot, asked_at: datetime | None) -> None:
        """Take over what a device says, and note it until it is told. `asked_at` is None for what came by itself."""
        self._reader.take_snapshot(device_id, snapshot, asked_at)

    # Who is there

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """After every attempt, the failed ones too: those are told whose state is another one now."""
        is_failed = not self.last_update_success
        if is_failed and isinstance(self.last_exception, ConfigEntryAuthFailed):
            # Nothing is asked any more until the user has signed in again.
            self.availability.mark_all_lost()
            reauth.async_try_again_later(self.hass, self.config_entry)
        else:
            self.availability.update(self.fleet.values(), self._round, is_failed=is_failed)
        if not is_failed:  # else the loss of all of them was said
            self._losses.tell()
        self.listeners.async_mark_changed([ACCOUNT])
        self.listeners.async_notify()

    @callback
    def async_take_back(self, state: DeviceState) -> None:
        """Show the last readings of a device again where a command was not confirmed in time."""
        self.availability.drop_unconfirmed(state)
        self.listeners.async_notify()
