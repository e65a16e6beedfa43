"""What is known of each device now: its readings, what was asked of it, and whether it can be believed to be there.

Pure: time comes in as an argument, nothing is fetched and nobody is told. It knows no platform.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..clouds.clock import arrived, is_ahead
from ..clouds.errors import CloudError
from ..clouds.model import Datapoint, DataType, Device, Reading, Role, Schema, Snapshot, Value
from ..profiles import Profile
from .arrivals import Arrivals, is_older, times
from .description import DatapointDescription, describe
from .pending import PENDING_FOR as PENDING_FOR  # noqa: PLC0414  # others look for it here
from .pending import Pending

CONNECTIVITY = "$connectivity"
PROBLEM = "$problem"
ALARM = "$alarm"

_NEGATIVE_READS_TO_LOSE = 3
LEAST_PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a round said for a device: `was_answered`, the cloud spoke of it; `is_listed`, its list still holds."""

    was_answered: bool
    is_listed: bool


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm that was raised or cleared."""

    datapoint: Datapoint
    is_raised: bool


@dataclass(slots=True, eq=False)
class DeviceState:
    """One device: what the cloud lists, what it described, what it last told."""

    device: Device
    profile: Profile
    is_list_rare: bool = False  # so that what the list says of who is online may be much older than the readings
    datapoints: dict[str, Datapoint] = field(default_factory=dict)
    descriptions: dict[str, DatapointDescription] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    readings: dict[str, Reading] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    written_at: dict[str, datetime] = field(default_factory=dict)  # when the cloud last accepted a value
    told_at: dict[str, datetime] = field(default_factory=dict)  # when a value last came by itself
    alarm_states: dict[str, bool] = field(default_factory=dict)  # whether each alarm was on when last heard of
    failure: CloudError | None = None
    asked_at: datetime | None = None  # when a round last asked for it
    reads_without_news: int = 0
    read_at: datetime | None = None  # when the cloud last answered for it
    reported_at: datetime | None = None  # when the device itself last spoke
    negative_reads: int = _NEGATIVE_READS_TO_LOSE  # nothing is believed before it was seen once
    unlisted_rounds: int = 0
    is_available: bool = False
    is_connected: bool | None = None
    presence_as_of: datetime | None = None  # as of when it is known whether the device is online
    offline_since: datetime | None = None  # since when its cloud has called it offline without a break
    arrivals: Arrivals = field(default_factory=Arrivals)
    _latest: datetime | None = None  # the time that it was when last it was told

    @property
    def alarms(self) -> tuple[Datapoint, ...]:
        """The datapoints that are alarms."""
        return tuple(datapoint for datapoint in self.datapoints.values() if datapoint.role is Role.ALARM)

    @property
    def active_alarms(self) -> tuple[Datapoint, ...]:
        """The alarms that are raised now."""
        return tuple(alarm for alarm in self.alarms if self.value(alarm.key) is True)

    @property
    def has_problem(self) -> bool | None:
        """Whether an alarm is raised, by the device's own word or the listing's flags. None: nobody says."""
        if self.active_alarms or self.device.has_alert or self.device.has_fault:
            return True
        is_known = self.device.has_flags or any(self.value(alarm.key) is not None for alarm in self.alarms)
        return False if is_known else None

    def value(self, key: str) -> Value | None:
        """The value to show: what was asked for while it is pending, else the last reading. None: unknown."""
        if (pending := self.pending.get(key)) is not None:
            return pending.value
        reading = self.readings.get(key)
        return None if reading is None else reading.value

    def describe(self, schema: Schema | None, described: Iterable[Datapoint] = ()) -> set[str]:
        """Take over what datapoints there are; return the keys of those that are new or changed.

        A schema replaces what was there, but for datapoints that only readings describe: those stay.
        """
        if schema is None and not described:
            return set()
        datapoints = dict(self.datapoints)
        if schema is not None:
            datapoints |= {datapoint.key: datapoint for datapoint in schema.datapoints}
            self.skipped |= set(schema.skipped)
        for datapoint in described:
            datapoints.setdefault(datapoint.key, datapoint)
        changed = {key for key, datapoint in datapoints.items() if datapoint != self.datapoints.get(key)}
        if changed:
            self.datapoints = datapoints
            self.descriptions = describe(datapoints.values(), self.readings, self.profile)
        return changed

    def take(
        self, snapshot: Snapshot, now: datetime, *, asked_at: datetime | None = None
    ) -> tuple[set[str], list[AlarmChange]]:
        """Merge an answer; return the keys whose shown value changed, and the alarms that came and went.

        An answer may be partial, and it may be older than what is known, or than what was written or came by itself
        after it was asked for (`asked_at`; None: it came by itself): none of it takes anything away.
        """
        self._heed_clock(now)
        snapshot = self.arrivals.believed(snapshot, self.readings, now)
        is_told = asked_at is None
        asked_at = asked_at or now
        is_first = self.read_at is None
        changed: set[str] = set()
        alarm_changes: list[AlarmChange] = []
        known = self.readings
        for key, reading in snapshot.readings.items():
            before = known.get(key)
            if reading is before and key not in self.pending:
                continue  # a cloud that knows what it told before tells it so
            if before is not None and is_older(reading, before):
                continue
            if any(key in since and asked_at < since[key] for since in (self.written_at, self.told_at)):
                continue
            shown = self.value(key)
            known[key] = reading
            if is_told:
                self.told_at[key] = now
            self._weigh_pending(key, reading, now)
            if before is None or shown != self.value(key):
                changed.add(key)
            if (alarm_change := self._alarm_change(key, reading)) is not None:
                alarm_changes.append(alarm_change)
        self.skipped |= set(snapshot.skipped)
        self.failure = None
        self.read_at = now
        if snapshot.reported_at is not None:
            self.reported_at = max(self.reported_at or snapshot.reported_at, snapshot.reported_at)
        if is_first:
            # What was silent so far is not enabled, and only the readings tell.
            self.descriptions = describe(self.datapoints.values(), self.readings, self.profile)
        return changed, alarm_changes

    def _alarm_change(self, key: str, reading: Reading) -> AlarmChange | None:
        datapoint = self.datapoints.get(key)
        # An alarm that loses its value is not over: nobody says so.
        if datapoint is None or datapoint.role is not Role.ALARM or reading.value is None:
            return None
        is_raised = reading.value is True
        was_raised = self.alarm_states.get(key)
        self.alarm_states[key] = is_raised
        # Of an alarm first heard of nobody knows since when it has been on.
        return None if was_raised is None or was_raised == is_raised else AlarmChange(datapoint, is_raised)

    def expect(
        self, key: str, value: Value, now: datetime, settle: Callable[[bool], None], *, sent_at: datetime | None = None
    ) -> None:
        """Show an accepted value until a reading confirms it or time runs out; tell `settle` which it was.

        What an earlier command asked for is settled by that as not confirmed. A device may obey and tell of it
        before the cloud's answer to the command of `sent_at` is here.
        """
        earlier = self.pending.get(key)
        if earlier is None and self._has_told(key, value, sent_at):
            self.written_at[key] = now
            settle(True)
            return
        is_return = earlier is not None and any(self._is_same(key, value, passed) for passed in earlier.passed)
        passed = frozenset({self.value(key)}) | (earlier.passed if earlier else frozenset())
        self.pending[key] = Pending(
            value=value,
            since=now,
            until=now + PENDING_FOR,
            passed=passed - {value},
            settle=settle,
            returns_from=self.readings.get(key) if is_return else None,
        )
        self.written_at[key] = now
        if earlier is not None:
            earlier.settle(False)

    def _has_told(self, key: str, value: Value, since: datetime | None) -> bool:
        told_at = self.told_at.get(key)
        is_news = since is not None and told_at is not None and told_at >= since
        return is_news and self._is_same(key, self.readings[key].value, value)

    def _weigh_pending(self, key: str, reading: Reading, now: datetime) -> None:
        """Settle what was asked for when the device shows it, or goes on showing something that nobody asked for."""
        if (pending := self.pending.get(key)) is None:
            return
        has_had_time = pending.has_had_time(now)
        is_confirmed = self._is_same(key, reading.value, pending.value)
        if is_confirmed and pending.returns_from is not None and not has_had_time:
            is_confirmed = is_older(pending.returns_from, reading)
        # The value from before says nothing: the device may report it on its way to obeying. Another one may be from
        # before too, if it was not known yet; only later it is the device's own word.
        is_own_word = has_had_time and not any(self._is_same(key, reading.value, passed) for passed in pending.passed)
        if is_confirmed or is_own_word:
            del self.pending[key]
            pending.settle(is_confirmed)

    def _is_same(self, key: str, value: Value | None, other: Value | None) -> bool:
        step = self.datapoints[key].step if key in self.datapoints else None
        if step is None or not isinstance(value, int | float) or not isinstance(other, int | float):
            return value == other
        # The cloud was asked for the nearest number that the device can have.
        return abs(value - other) <= step / 2

    def expire(self, now: datetime) -> set[str]:
        """Give up on what was never confirmed; return its keys."""
        self._heed_clock(now)
        late = {key: pending for key, pending in self.pending.items() if now >= pending.until}
        for key, pending in late.items():
            del self.pending[key]
            pending.settle(False)
        return set(late)

    def hold(self, until: datetime) -> None:
        """Show what was asked for until then, because nobody may look before; nobody is kept waiting for that."""
        for key, one in self.pending.items():
            one.settle(False)
            self.pending[key] = replace(one, until=max(one.until, until))

    def give_up(self) -> None:
        """Show the last readings again, because nobody looks for later ones."""
        pending, self.pending = self.pending, {}
        for one in pending.values():
            one.settle(False)

    def judge(self, evidence: Evidence | None, *, interval: timedelta, now: datetime) -> bool:
        """Weigh the evidence of one round; True if the device came or went with it. None: it brought none."""
        self._heed_clock(now)
        if evidence is None:
            pass
        elif evidence.was_answered and self._is_evident(interval, now):
            self.negative_reads = 0
        else:
            self.negative_reads += 1
        before = self.is_available, self.is_connected
        is_fresh = self.is_fresh(interval, now)
        self.is_available = self.negative_reads < _NEGATIVE_READS_TO_LOSE or is_fresh
        if evidence is not None:
            self.unlisted_rounds = 0 if evidence.is_listed else self.unlisted_rounds + 1
        # Whoever asks a cloud in vain does not know for long who is connected to it.
        is_known = self.unlisted_rounds < _NEGATIVE_READS_TO_LOSE or is_fresh
        self.is_connected = self._connection(interval, now) if is_known else None
        return before != (self.is_available, self.is_connected)

    def take_device(self, device: Device, as_of: datetime) -> None:
        """Take over what a list says as of a time; whether the device is online may be known from later."""
        if self.presence_as_of is not None and as_of < self.presence_as_of:
            device = replace(device, is_online=self.device.is_online)
        else:
            self.presence_as_of = as_of
        if device.schema_id != self.device.schema_id:
            self.read_at = None  # what was read was of something else
        self._note_presence(device.is_online, as_of)
        self.device = device

    def take_presence(self, as_of: datetime, *, is_online: bool) -> None:
        """Take over that the device came online or went, unless later is known already."""
        if self.presence_as_of is None or as_of >= self.presence_as_of:
            self.presence_as_of = as_of
            self._note_presence(is_online, as_of)
            self.device = replace(self.device, is_online=is_online, last_online=as_of)

    def _note_presence(self, is_online: bool | None, as_of: datetime) -> None:  # noqa: FBT001
        if is_online is not False:
            self.offline_since = None
        elif self.offline_since is None:
            self.offline_since = as_of

    def believe_offline(self) -> None:
        """Take the cloud's refusal of a command as newer than its list."""
        self.device = replace(self.device, is_online=False)
        self.is_connected = False

    def lose(self) -> None:
        """Believe in the device no longer, until it is seen again."""
        self.negative_reads = self.unlisted_rounds = _NEGATIVE_READS_TO_LOSE
        self.is_available = False
        self.is_connected = None

    def _is_evident(self, interval: timedelta, now: datetime) -> bool:
        if self.device.is_online is not None:
            return self.device.is_online or self.is_fresh(interval, now)
        return self.read_at is not None and (self.reported_at is None or self.is_fresh(interval, now))

    def _connection(self, interval: timedelta, now: datetime) -> bool | None:
        """Tell whether the device is connected to its cloud; None if nobody knows.

        We believe the device list. Where the cloud lists its devices rarely or leaves the flag empty, we compare the
        list with the device's own reports and believe whichever is newer. A device that had sent no report for too
        long when we last read it counts as disconnected since then.
        """
        flag = self.device.is_online
        if self.reported_at is None or (flag is not None and not self.is_list_rare):
            return flag
        if self.is_fresh(interval, now):
            return flag is not False or self.offline_since is None or self.reported_at > self.offline_since
        silent_since = self.reported_at + self._patience(interval)
        if self.read_at is None or self.read_at <= silent_since:
            return flag  # nobody has answered since, so that it may have spoken
        is_told_later = self.presence_as_of is not None and self.presence_as_of > silent_since
        return bool(flag) and is_told_later

    def _patience(self, interval: timedelta) -> timedelta:
        return self.device.silent_after or max(3 * interval, LEAST_PATIENCE)

    def is_fresh(self, interval: timedelta, now: datetime) -> bool:
        """Whether the device spoke recently enough to be there, whatever its online flag says."""
        if self.reported_at is None:
            return False
        return now - self.reported_at <= self._patience(interval)

    def _heed_clock(self, now: datetime) -> None:
        """Notice that our own clock was set back: what it had said until then lies in the future now."""
        if self._latest is not None and is_ahead(self._latest, now):
            self._bring_back(now, None)
        self._latest = now

    def _bring_back(self, now: datetime, taken_at: datetime | None) -> None:
        """Let nothing that is kept be of the future: it would outdo all that follows until then.

        `taken_at` is when readings from there were taken at the latest; None: by the clock of today nobody knows.
        """
        self.readings = self.arrivals.bring_back(self.readings, taken_at, now)
        if is_ahead(self.reported_at, now):
            self.reported_at = max(times(self.readings), default=taken_at or now)
        if self.read_at is not None:
            self.read_at = arrived(self.read_at, now)
        if self.asked_at is not None:
            self.asked_at = arrived(self.asked_at, now)
        if self.presence_as_of is not None:
            self.presence_as_of = arrived(self.presence_as_of, now)
        if self.offline_since is not None:
            self.offline_since = arrived(self.offline_since, now)
        for moments in (self.written_at, self.told_at):
            for key in [key for key, moment in moments.items() if is_ahead(moment, now)]:
                del moments[key]
        self.pending = {key: one.brought_back(now) for key, one in self.pending.items()}

    def as_dict(self) -> dict[str, Any]:
        """The readings as JSON, for the store."""
        return {
            "read_at": _text(self.read_at),
            "reported_at": _text(self.reported_at),
            "raised": sorted(key for key, is_raised in self.alarm_states.items() if is_raised),
            "readings": {key: [reading.value, _text(reading.taken_at)] for key, reading in self.readings.items()},
            "told": {key: _text(moment) for key, moment in self.arrivals.told.items()},
        }

    def restore(self, stored: Mapping[str, Any], now: datetime) -> None:
        """Take back what `as_dict` gave, however wrong our clock or others' were then."""
        self.read_at = self.asked_at = _time(stored["read_at"])
        self.reported_at = _time(stored["reported_at"])
        cleared = (key for key, (value, _) in stored["readings"].items() if value is False)
        self.alarm_states = dict.fromkeys(cleared, False) | dict.fromkeys(stored["raised"], True)
        self.readings = {key: Reading(value, _time(taken_at)) for key, (value, taken_at) in stored["readings"].items()}
        self.arrivals.told = {key: told for key, text in stored.get("told", {}).items() if (told := _time(text))}
        self._bring_back(now, None if is_ahead(self.read_at, now) else self.read_at)


def holds_free_text(datapoint: Datapoint) -> bool:
    """Whether the values may hold anything, a password among it."""
    return datapoint.data_type in {DataType.BINARY, DataType.TEXT}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
