"""Whether one device is available, and whether it is connected to its cloud.

Pure: time comes in as an argument. It knows no readings.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clouds.clock import arrived
from .events import ConnectionChange, FreshnessChange

_LOST_AFTER = 3  # polls in a row; fewer may be a hiccup of the cloud
MIN_PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """What one poll found out about a device.

    `was_answered`: the cloud answered for the device. `is_listed`: the device list is current and contains it.
    """

    was_answered: bool
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """When a device was last in contact, seen at `now`.

    The device list calls it online or not (`is_online`; None: the list does not say), the cloud last answered for it
    at `read_at`, the device itself last reported at `reported_at`, and it may be silent for `patience`.
    """

    now: datetime
    is_online: bool | None
    read_at: datetime | None
    reported_at: datetime | None
    patience: timedelta

    @property
    def is_fresh(self) -> bool:
        """Whether the device reported recently enough to be there, whatever its online flag says."""
        return self.reported_at is not None and self.now - self.reported_at <= self.patience

    @property
    def is_there(self) -> bool:
        """Whether the online flag or, without one, an answer of the cloud shows that the device is there."""
        if self.is_online is not None:
            return self.is_online or self.is_fresh
        return self.read_at is not None and (self.reported_at is None or self.is_fresh)


@dataclass(slots=True)
class Availability:
    """The availability of one device.

    `is_list_rare`: the device list is read so seldom that its online flag may be much older than the readings.
    """

    is_list_rare: bool = False
    is_available: bool = False
    is_connected: bool | None = None  # None: unknown
    missed_polls: int = _LOST_AFTER  # in a row; a device counts as lost until it was seen once
    unlisted_polls: int = 0
    presence_as_of: datetime | None = None  # the time that the online flag describes
    offline_since: datetime | None = None  # when the cloud began to call it offline
    was_connected: bool | None = None  # when that was last known, even if that was before a restart
    disconnected_at: datetime | None = None  # when it was found to be offline; None while it is not
    has_been_online: bool = False  # since it is known; otherwise nobody hears that it is offline
    was_fresh: bool | None = None  # at the last look; None before the first

    def update(self, contact: Contact, result: PollResult | None) -> bool:
        """Update from a poll (None: it found out nothing about the device); return whether anything changed."""
        before = self.is_available, self.is_connected
        if result is not None:
            self.missed_polls = 0 if result.was_answered and contact.is_there else self.missed_polls + 1
            self.unlisted_polls = 0 if result.is_listed else self.unlisted_polls + 1
        self.is_available = self.missed_polls < _LOST_AFTER or contact.is_fresh
        # After some failed polls the last online flag says little about now.
        is_known = self.unlisted_polls < _LOST_AFTER or contact.is_fresh
        self.is_connected = self._connection(contact) if is_known else None
        return before != (self.is_available, self.is_connected)

    def connection_change(self, now: datetime) -> ConnectionChange | None:
        """Return whether the device has gone offline or come back since the last call.

        That a new device is online or offline is no change.
        """
        is_connected, was_connected = self.is_connected, self.was_connected
        if is_connected is None or is_connected is was_connected:
            return None
        self.was_connected = is_connected
        self.has_been_online |= is_connected
        since = self.disconnected_at or now
        self.disconnected_at = None if is_connected else now
        return None if was_connected is None else ConnectionChange(is_connected, since)

    def freshness_change(self, contact: Contact) -> FreshnessChange | None:
        """Return whether the device has become silent, or has reported again, since the last call."""
        is_fresh, was_fresh = contact.is_fresh, self.was_fresh
        self.was_fresh = is_fresh
        if was_fresh is None or is_fresh is was_fresh or contact.reported_at is None:
            return None
        return FreshnessChange(is_fresh, contact.reported_at)

    def update_presence(self, as_of: datetime, *, is_online: bool | None) -> bool:
        """Update from an online flag as of a time; return False if a later flag is known already."""
        if self.presence_as_of is not None and as_of < self.presence_as_of:
            return False
        self.presence_as_of = as_of
        if is_online is not False:
            self.offline_since = None
        elif self.offline_since is None:
            self.offline_since = as_of
        return True

    def restore(self, missed_polls: int) -> None:
        """Continue from a stored list that is still recent."""
        self.missed_polls, self.unlisted_polls = missed_polls, 0

    def mark_lost(self) -> None:
        """Make the device unavailable until it is seen again."""
        self.missed_polls = self.unlisted_polls = _LOST_AFTER
        self.is_available = False
        self.is_connected = None

    def clamp(self, now: datetime) -> None:
        """Keep no timestamp from the future: it would outdo all that follow until then."""
        if self.presence_as_of is not None:
            self.presence_as_of = arrived(self.presence_as_of, now)
        if self.offline_since is not None:
            self.offline_since = arrived(self.offline_since, now)
        if self.disconnected_at is not None:
            self.disconnected_at = arrived(self.disconnected_at, now)

    def _connection(self, contact: Contact) -> bool | None:
        """Whether the device is connected to its cloud; None if unknown.

        We believe the device list. Where the cloud lists its devices rarely or leaves the flag empty, we compare the
        list with the device's own reports and believe whichever is newer. A device that had sent no report for too
        long when we last read it counts as disconnected since then.
        """
        is_online, reported_at = contact.is_online, contact.reported_at
        if reported_at is None or (is_online is not None and not self.is_list_rare):
            return is_online
        if contact.is_fresh:
            return is_online is not False or self.offline_since is None or reported_at > self.offline_since
        silent_since = reported_at + contact.patience
        if contact.read_at is None or contact.read_at <= silent_since:
            return is_online  # not read since, so it may have reported meanwhile
        is_flag_newer = self.presence_as_of is not None and self.presence_as_of > silent_since
        return bool(is_online) and is_flag_newer
