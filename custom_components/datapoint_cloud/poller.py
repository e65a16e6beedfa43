"""Polls one account: lists its devices, reads their last values, and pauses when the cloud limits requests.

It knows neither config entries nor entities, and does not decide which devices are available.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from homeassistant.util import dt as dt_util

from .clouds.budget import Purpose
from .clouds.clock import is_due
from .clouds.cloud import Cloud
from .clouds.errors import (
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from .fleet.device_state import DeviceState
from .fleet.fleet_availability import PollRound
from .fleet.inventory import MOST_LISTED, Inventory
from .fleet.reader import Reader
from .fleet.reports import OVERVIEW, FleetReports
from .pause import Pause

_LONGEST_FOR_SIZE = 3.0  # seconds
_FIRST_RETRY_AFTER = 10.0  # seconds; doubled with each failed poll until the cloud is reached


class Poller:
    """Runs the polls of one account, and single reads between them."""

    def __init__(
        self,
        cloud: Cloud,
        inventory: Inventory,
        reader: Reader,
        reports: FleetReports | None,
        pause: Pause,
        wished_interval: timedelta,
    ) -> None:
        self.round = PollRound()
        """The poll under way, or the last one."""
        self.was_reached = False
        """Whether a poll was successful since the account was set up."""
        self._cloud = cloud
        self._inventory = inventory
        self._reader = reader
        self._reports = reports
        self._pause = pause
        self._wished_interval = wished_interval
        self._failed_polls = 0
        self._polls_since_list = 0
        self._reads_before_list = False
        self._followed: tuple[str, ...] | None = None

    @property
    def replaces_list(self) -> bool:
        """Whether reports take the place of the list of devices: counts need no list, however large the fleet is."""
        inventory = self._inventory
        if inventory.is_selection:
            return True
        if self._reports is None or not self._reports.is_overview_offered:
            return False
        is_huge = inventory.waits_for_choice and (self._reports.size or 0) > MOST_LISTED
        return inventory.is_figures_only or is_huge

    async def async_poll(self, *, reads_devices: bool, seconds: float | None) -> bool:
        """List the devices if that is due and, with `reads_devices`, read those that are due.

        `seconds` limits how long this takes. Returns False if the budget was spent before the end; a later poll reads
        the rest. Raises any other `CloudError` that ended the poll.
        """
        self.round = PollRound()
        try:
            async with asyncio.timeout(seconds):
                await self._async_list_and_read(reads_devices=reads_devices)
        except TimeoutError:
            self._failed_polls += 1
            raise Unreachable(Reason.TIMEOUT) from None
        except CloudError as error:
            if error.reason is Reason.BUDGET_SPENT and reads_devices:
                return False
            self._failed_polls += 1
            self._begin_pause(error)
            raise
        self.was_reached = True
        self._pause.end()
        return True

    async def _async_list_and_read(self, *, reads_devices: bool) -> None:
        self._raise_in_pause()
        failed_list: CloudError | None = None
        reads_before_list = reads_devices and self._reads_before_list
        if reads_before_list:
            await self._async_read_due()
        if self._may_be_huge:
            await self._async_fetch_size()
        if self.replaces_list:
            await self._async_fetch_reports()
        if self.replaces_list:  # reports may turn out not to be granted
            await self._async_look_up()
        elif self._is_list_due():
            failed_list = await self._async_try_to_list()
        if reads_devices and not reads_before_list:
            await self._async_read_due()
        if failed_list is not None:
            raise failed_list

    async def _async_try_to_list(self) -> CloudError | None:
        """List the devices; return an error after which the known ones can be read all the same, and raise any other.

        If the connection was lost, the next poll reads before it lists: it may be lost only because the list is long.
        """
        self._reads_before_list = False
        try:
            await self._async_list()
        except CloudError as error:
            self._reads_before_list = isinstance(error, Unreachable)
            if _is_of_request(error):
                return error
            raise
        return None

    async def _async_read_due(self) -> None:
        if not self.replaces_list:  # its answers are lists of devices, too
            await self._reader.async_refresh_selector()
        await self._reader.async_read(self._reader.due_in_poll())

    async def async_read(self, states: Sequence[DeviceState], *, ignores_pause: bool = False) -> RateLimited | None:
        """Read these devices between two polls; return the limit that ended it, if one did.

        Other errors are left to the next poll, which meets them too.
        """
        try:
            if not ignores_pause:
                self._raise_in_pause()
            await self._reader.async_read(states)
        except CloudError as error:
            self._begin_pause(error)
            return error if isinstance(error, RateLimited) else None
        return None

    def retry_after(self) -> float | None:
        """The seconds from a failed poll to the next one; None: the usual interval.

        Polls go on during a pause. They send no requests, but they update the availability of the devices. An account
        that could start only from its store is retried as often as one that could not be set up.
        """
        interval = self._wished_interval.total_seconds()
        if left := self._pause.left(dt_util.utcnow()):
            return min(left + 1, interval)  # polls begin up to a second early
        if not self.was_reached:
            return min(_FIRST_RETRY_AFTER * 2.0 ** min(self._failed_polls - 1, 10), interval)
        return None

    def _begin_pause(self, error: CloudError) -> None:
        # Only the server's limits start a pause; our own budget, or a pause already running, does not extend it.
        is_own = error.reason in {Reason.BUDGET_SPENT, Reason.PAUSED}
        if isinstance(error, RateLimited) and error.retry_after and not is_own:
            self._pause.begin(error.retry_after, dt_util.utcnow())

    def _raise_in_pause(self) -> None:
        if left := self._pause.left(dt_util.utcnow()):
            limit = RateLimited(Reason.PAUSED)
            limit.retry_after = left
            raise limit

    def _is_list_due(self) -> bool:
        self._polls_since_list += 1
        listed_at, cloud = self._inventory.listed_at, self._cloud
        if listed_at is None:
            return True
        if cloud.budget.left(Purpose.POLLING) < cloud.requests_a_listing:
            return False
        if cloud.listing_interval is not None:
            # A rare list is repeated at once if some of its scopes failed.
            return bool(self._inventory.failed_scopes) or is_due(listed_at, cloud.listing_interval, dt_util.utcnow())
        if not self._inventory.fleet:  # no readings need the requests
            return cloud.budget.allowance() >= cloud.requests_a_listing
        return self._polls_since_list >= self._reader.schedule.rounds_per_list(
            self._wished_interval, cloud.budget.pace, cloud.requests_a_listing
        )

    @property
    def _may_be_huge(self) -> bool:
        """Whether the size of the fleet should be known before its first list, which may be too long."""
        inventory = self._inventory
        return inventory.waits_for_choice and inventory.listed_at is None and not inventory.listed

    async def _async_fetch_size(self) -> None:
        if self._reports is None:
            return
        try:
            async with asyncio.timeout(_LONGEST_FOR_SIZE):  # a cloud that hangs would make the set-up wait twice
                await self._reports.async_fetch_due([OVERVIEW])
        except CloudError, TimeoutError:
            return  # the list meets the same error

    async def _async_fetch_reports(self) -> None:
        if self._reports is not None and await self._reports.async_fetch_due():
            self.round.has_listed = True

    async def _async_look_up(self) -> None:
        """Look up the devices that are shown beside the figures of all; others are neither listed nor followed."""
        self._inventory.reported_size = None if self._reports is None else self._reports.size
        self.follow()  # also if the cloud answers nothing now: push may be up
        await self._inventory.async_look_up(self._cloud.budget.allowance())
        self.follow()

    def follow(self) -> None:
        """Have push follow the devices that are shown, if they are others than before."""
        if self._cloud.push is not None and self._followed != (shown := tuple(self._inventory.fleet)):
            self._followed = shown
            devices = [state.device for state in self._inventory.fleet.values()]
            self._cloud.push.follow(devices, is_selection=self.replaces_list)

    async def _async_list(self) -> None:
        await self._inventory.async_list()
        self.round.has_listed = True
        self._polls_since_list = 0
        self._inventory.reported_size = self._followed = None
        self.follow()
        await self._inventory.async_describe()


def _is_of_request(error: CloudError) -> bool:
    """Whether the cloud answers, so that another request may succeed although this one failed."""
    is_refusal = isinstance(error, Forbidden | NotSupported | Rejected | UnexpectedAnswer)
    return is_refusal or error.reason is Reason.SERVER_ERROR
