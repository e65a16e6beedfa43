"""Polling of one account: the list of devices with its online state, the schemas and the last values, each in its time.

It owns the fleet and tells exactly those who watch what changed. It knows no platform and no vendor.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, override

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from . import failures
from .clouds.cloud import Cloud, Listing
from .clouds.errors import AuthFailed, CloudError, DeviceGone, Forbidden, RateLimited, Reason
from .clouds.model import Device, Schema, Snapshot
from .const import OPTION_DEVICES, OPTION_INTERVAL, OPTION_SITES
from .fleet import ALARM, CONNECTIVITY, PROBLEM, DeviceState
from .profiles import NO_PROFILE, Profile
from .repairs import report_problems
from .storage import AccountStorage
from .watchers import ACCOUNT, Watch, Watchers

if TYPE_CHECKING:
    from . import DatapointConfigEntry

_LOGGER = logging.getLogger(__name__)

_FIRST_READINGS_WITHIN = 10  # seconds that set-up waits for them; they go on in the background
_QUIET_READ_EVERY = timedelta(minutes=15)
_QUIET_READ_EVERY_OF_A_QUOTA = timedelta(hours=1)
_SHARE_OF_POLLING = 0.7  # of what is left of a quota; the rest is for commands and for others
_QUIET_READS_A_ROUND = 20
_DESCRIBE_EVERY = timedelta(days=1)
_ABSENT_FROM_LISTINGS = 3
_PAUSED_UNTIL = "paused until"  # epoch seconds, in the memory


class DatapointCoordinator(DataUpdateCoordinator[None]):
    """The fleet of one account, kept fresh."""

    config_entry: DatapointConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: DatapointConfigEntry,
        cloud: Cloud,
        storage: AccountStorage,
        profiles: Mapping[str, Profile],
    ) -> None:
        self.cloud = cloud
        self.watchers = Watchers()
        self.account_id = entry.unique_id or entry.entry_id
        self.fleet: dict[str, DeviceState] = {}
        self.listed_devices: tuple[Device, ...] = ()
        self.failed_scopes: Mapping[str, CloudError] = {}
        self.refused_control: dict[str | None, CloudError] = {}
        """The scopes whose devices the vendor has not released for control, until one obeys."""
        self.absent: Counter[str] = Counter()
        """How many complete listings in a row lacked a device that was known."""
        self.wished_interval = timedelta(
            seconds=entry.options.get(OPTION_INTERVAL, cloud.default_interval.total_seconds())
        )
        self._storage = storage
        self._profiles = profiles
        self._schemas: dict[str, Schema] = {}
        self._listed_at: datetime | None = None
        self._described_at: datetime | None = None
        self._has_started = False
        self._round_began = dt_util.utcnow()
        storage.collect_readings_with(self._collect_readings)
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=self.wished_interval,
            always_update=False,
        )

    # Who hears of what

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Call back when what `context` watches changes; without one, after every successful poll."""
        if not isinstance(context, Watch):
            return super().async_add_listener(update_callback, context)
        return self.watchers.async_add(context, update_callback)

    @callback
    def _note_all(self, state: DeviceState) -> None:
        self.watchers.async_note_values(state, [*state.datapoints, CONNECTIVITY, PROBLEM, ALARM])

    # Rounds

    @override
    async def _async_update_data(self) -> None:
        self._round_began = dt_util.utcnow()
        try:
            self._keep_pause()
            if self._is_listing_due():
                await self._async_list()
            due = self._due_devices()
            self.update_interval = self._interval(len(due))
            # The first round is the listing alone: entities of a large fleet need not wait for all its readings.
            if self._has_started:
                await self._async_read(due)
            else:
                self.async_report_problems()
        except CloudError as error:
            self.async_begin_pause(error)
            self.async_report_problems(error)
            raise failures.of_poll(error) from error

    @callback
    def async_begin_pause(self, error: CloudError) -> None:
        """Ask nothing for as long as the cloud asked to be left alone."""
        if isinstance(error, RateLimited) and error.retry_after:
            until = dt_util.utcnow() + timedelta(seconds=error.retry_after)
            self._storage.memory.put(_PAUSED_UNTIL, until.timestamp())

    def _keep_pause(self) -> None:
        """Ask nothing before the time that the cloud named, after a restart neither. Raises its limit anew."""
        left = (self._storage.memory.get(_PAUSED_UNTIL) or 0) - dt_util.utcnow().timestamp()
        if left > 0:
            limit = RateLimited(Reason.QUOTA_EXHAUSTED)
            limit.retry_after = left + 1  # polls start up to a second early
            raise limit

    async def async_read_new(self) -> None:
        """Read the devices that were never read, or that nothing but their readings describes.

        What they say decides which of their entities are enabled.
        """
        await self._async_read_patiently(
            [state for state in self._due_devices() if state.read_at is None or not state.datapoints]
        )

    async def async_start(self) -> None:
        """Go on from the store: its readings are shown at once, and those that are not fresh are read again."""
        self._has_started = True
        self._judge(self.fleet.values(), is_failed=False)
        self.watchers.async_tell()
        now = dt_util.utcnow()
        await self._async_read_patiently(
            [
                state
                for state in self._due_devices()
                if state.read_at is not None and now - state.read_at >= self.wished_interval
            ]
        )
        # Watchers hear only of what they watch, and the base class polls only while someone listens to all of it.
        self.config_entry.async_on_unload(super().async_add_listener(lambda: None))

    async def _async_read_patiently(self, states: Sequence[DeviceState]) -> None:
        """Read these, but keep set-up waiting only so long: slow devices answer in their own time."""
        if not states:
            return
        task = self.config_entry.async_create_background_task(
            self.hass, self._async_read_now(states), f"{self.name} first readings"
        )
        await asyncio.wait({task}, timeout=_FIRST_READINGS_WITHIN)

    async def async_read_device(self, device_id: str) -> None:
        """Read one device outside the rounds, to see whether it obeyed."""
        if (state := self.fleet.get(device_id)) is not None:
            await self._async_read_now([state])

    async def _async_read_now(self, states: Sequence[DeviceState]) -> None:
        self._round_began = dt_util.utcnow()
        try:
            self._keep_pause()
            await self._async_read(states)
        except CloudError as error:
            # What fails here fails in the next round too, and is told there.
            self.async_begin_pause(error)
        self._judge(states, is_failed=False)
        self.watchers.async_note([ACCOUNT])
        self.watchers.async_tell()

    def _interval(self, reads: int) -> timedelta:
        """As short as is wished, as the cloud bears, and as what is left of its quota lasts."""
        interval = max(self.wished_interval, self.cloud.least_interval(reads))
        quota = self.cloud.quota
        if quota is None or quota.remaining is None or quota.resets_at is None:
            return interval
        left = max(quota.resets_at - dt_util.utcnow(), timedelta())
        rounds = quota.remaining * _SHARE_OF_POLLING / (reads + 1)
        return max(interval, left / max(rounds, 1))

    def _due_devices(self) -> list[DeviceState]:
        """The devices to read in this round: those that are online, or spoke a short while ago.

        Of the others a few from time to time, since the flag of some clouds is wrong for hours.
        """
        quiet_every = _QUIET_READ_EVERY if self.cloud.quota is None else _QUIET_READ_EVERY_OF_A_QUOTA
        now = dt_util.utcnow()
        present = [state for device_id, state in self.fleet.items() if device_id not in self.absent]
        active: list[DeviceState] = []
        quiet: list[DeviceState] = []
        for state in present:
            if state.device.is_online is not False or state.is_fresh(self.wished_interval, now):
                active.append(state)
            elif state.read_at is None or now - state.read_at >= quiet_every:
                quiet.append(state)
        return active + quiet[:_QUIET_READS_A_ROUND]

    # The list of devices

    def _is_listing_due(self) -> bool:
        interval = self.cloud.listing_interval
        if interval is None or self._listed_at is None:
            return True
        return dt_util.utcnow() - self._listed_at >= interval

    async def _async_list(self) -> None:
        listing = await self.cloud.devices()
        self.failed_scopes = listing.failed
        if not listing.devices and listing.failed:
            raise next(iter(listing.failed.values()))
        self._listed_at = dt_util.utcnow()
        self.listed_devices = listing.devices
        self._take_listing(listing)
        await self._async_describe()

    def _take_listing(self, listing: Listing) -> None:
        for device in filter(self._is_chosen, listing.devices):
            if (state := self.fleet.get(device.id)) is None:
                self.fleet[device.id] = self._new_state(device)
                self.watchers.async_note_inventory()
            elif state.device != device:
                if _is_described_otherwise(state.device, device):
                    self.watchers.async_note_inventory()
                had_problem = state.has_problem
                state.device = device
                if state.has_problem != had_problem:
                    self.watchers.async_note([Watch(device.id, PROBLEM)])
        self._count_absent(listing)

    def _new_state(self, device: Device) -> DeviceState:
        state = DeviceState(device, self._profiles.get(device.schema_id, NO_PROFILE))
        if (stored := self._storage.readings.get(device.id)) is not None:
            state.restore(stored)
        return state

    def _collect_readings(self) -> dict[str, Any]:
        # Of a device that was not listed so far the store knows more.
        stored = {device_id: stored for device_id, stored in self._storage.readings.items() if device_id in self.absent}
        return stored | {device_id: state.as_dict() for device_id, state in self.fleet.items()}

    def _count_absent(self, listing: Listing) -> None:
        """Count the listings that lacked a known device, and give it up when they are too many."""
        for device in listing.devices:
            self.absent.pop(device.id, None)
        listed = {device.id for device in listing.devices}
        for device_id in {*self.fleet, *self.absent} - listed:
            state = self.fleet.get(device_id)
            # Of a scope that could not be listed nothing is known.
            if listing.failed and (state is None or state.device.scope in listing.failed):
                continue
            self.absent[device_id] += 1
            if self.absent[device_id] >= _ABSENT_FROM_LISTINGS:
                del self.absent[device_id]
                self.fleet.pop(device_id, None)
                self.watchers.async_note_inventory()

    @callback
    def expect_devices(self, device_ids: Iterable[str]) -> None:
        """Count these as absent until they are listed: they were there before."""
        self.absent.update(dict.fromkeys(device_ids, 0))

    def _is_chosen(self, device: Device) -> bool:
        options = self.config_entry.options
        sites, devices = options.get(OPTION_SITES), options.get(OPTION_DEVICES)
        return (not sites or device.site_id in sites) and (not devices or device.id in devices)

    async def _async_describe(self) -> None:
        """Ask for the schemas; a failing one costs only its own devices, until the next listing."""
        now = dt_util.utcnow()
        if self._described_at is None or now - self._described_at >= _DESCRIBE_EVERY:
            self._described_at = now
            known: set[str] = set()
        else:
            known = set(self._schemas)
        asked = {state.device.schema_id: state.device for state in self.fleet.values()}
        asked = {schema_id: device for schema_id, device in asked.items() if schema_id not in known}
        results = await asyncio.gather(*map(self.cloud.schema, asked.values()), return_exceptions=True)
        for schema_id, result in zip(asked, results, strict=True):
            if isinstance(result, Schema):
                self._schemas[schema_id] = result
            elif isinstance(result, AuthFailed | RateLimited) or not isinstance(result, CloudError):
                raise result
            else:
                _LOGGER.debug("The datapoints of a product are unknown for now: %s", result)
        for state in self.fleet.values():
            schema = self._schemas.get(state.device.schema_id)
            if schema is not None and state.describe(schema):
                self.watchers.async_note_inventory()

    # Last values

    async def _async_read(self, states: Sequence[DeviceState]) -> None:
        """Read the last values of these devices. Raises what ended the round before its time."""
        asked_at = dt_util.utcnow()
        readings = await self.cloud.readings([state.device for state in states])
        for device_id, snapshot in readings.snapshots.items():
            self._take_snapshot(device_id, snapshot, asked_at)
        for device_id, error in readings.failures.items():
            self._take_failure(device_id, error)
        self._storage.readings_changed()
        self.async_report_problems()
        if readings.stopped_by is not None:
            raise readings.stopped_by

    def _take_snapshot(self, device_id: str, snapshot: Snapshot, asked_at: datetime) -> None:
        if (state := self.fleet.get(device_id)) is None:
            return
        if state.describe(None, snapshot.described):
            self.watchers.async_note_inventory()
        changed, happenings = state.take(snapshot, dt_util.utcnow(), asked_at=asked_at)
        self.watchers.async_note_values(state, changed)
        self.watchers.async_note_happenings(device_id, happenings)

    def _take_failure(self, device_id: str, error: CloudError) -> None:
        if (state := self.fleet.get(device_id)) is None:
            return
        if state.failure is None:
            _LOGGER.debug("A device cannot be read: %s", error)
        if isinstance(error, DeviceGone) and not isinstance(state.failure, DeviceGone):
            # Only a listing can say whether it is; one that still lists it need not be asked for again.
            self._listed_at = None
        state.failure = error

    @callback
    def async_report_problems(self, of_account: CloudError | None = None) -> None:
        """Report what the user has to mend, by the scope it concerns; None is the account as a whole.

        A device that nobody asks any more says nothing of its product.
        """
        problems: list[tuple[str | None, CloudError]] = list(self.failed_scopes.items())
        if of_account is not None:
            problems.append((None, of_account))
        problems += [(state.device.scope, state.failure) for state in self._due_devices() if state.failure is not None]
        problems += self.refused_control.items()
        report_problems(self.hass, self.config_entry, problems)

    # Who is there

    @callback
    @override
    def _async_refresh_finished(self) -> None:
        """After every attempt, the failed ones too: those are told whose state is another one now."""
        is_failed = not self.last_update_success
        if is_failed and isinstance(self.last_exception, ConfigEntryAuthFailed):
            # Nothing is asked any more until the user has signed in again.
            for state in self.fleet.values():
                state.lose()
                self._note_all(state)
        else:
            self._judge(self.fleet.values(), is_failed=is_failed)
        self.watchers.async_note([ACCOUNT])
        self.watchers.async_tell()

    @callback
    def async_take_back(self, state: DeviceState) -> None:
        """Show the last readings of a device again where a command was not confirmed in time."""
        self._take_back(state)
        self.watchers.async_tell()

    def _take_back(self, state: DeviceState) -> None:
        if late := state.expire(dt_util.utcnow()):
            _LOGGER.info("%s did not confirm %s", state.device.name, ", ".join(sorted(late)))
            self.watchers.async_note_values(state, late)

    def _judge(self, states: Iterable[DeviceState], *, is_failed: bool) -> None:
        """Weigh what a round told of each device, and note those that came or went with it."""
        now = dt_util.utcnow()
        for state in states:
            device_id = state.device.id
            was_read = state.read_at is not None and state.read_at >= self._round_began
            # A value that is not granted says nothing against the device.
            is_well = state.failure is None or isinstance(state.failure, Forbidden)
            is_absent = device_id in self.absent or state.device.scope in self.failed_scopes
            is_listed = not is_absent and not is_failed
            was_answered = was_read or (is_well and is_listed)
            self._take_back(state)
            if state.judge(was_answered=was_answered, is_listed=is_listed, interval=self.wished_interval, now=now):
                self._note_all(state)


def _is_described_otherwise(before: Device, after: Device) -> bool:
    """Whether the device's page has to change, more than its online state."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("name", "model", "sw_version", "hw_version", "gateway_id", "serial_number", "schema_id")
    )
