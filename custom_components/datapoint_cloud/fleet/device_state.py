"""What is known about one device now: its datapoints, readings, alarms, pending writes and availability.

Pure: time comes in as an argument, no requests are sent and no listeners are notified. It knows no platform.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..clouds.clock import arrived, is_ahead
from ..clouds.errors import CloudError, Forbidden
from ..clouds.model import Datapoint, DataType, Device, Reading, Role, Schema, Snapshot, Value
from ..profiles import NO_PROFILE, Product, Profile, Profiles
from .alarm_states import AlarmStates
from .availability import MIN_PATIENCE, Availability, Contact, PollResult
from .description import DatapointDescription
from .events import AlarmChange, CommandUnconfirmed, ConnectionChange, FreshnessChange
from .future_dates import FutureDates, dates_of, is_older
from .naming import NO_WORDS, Naming
from .pending_writes import PendingWrites, is_equal
from .presentation import Presentation
from .undated_readings import UndatedReadings


@dataclass(slots=True, eq=False)
class DeviceState:
    """One device as the cloud lists it, with everything that was read or pushed."""

    device: Device
    profiles: Profiles
    naming: Naming = NO_WORDS
    availability: Availability = field(default_factory=Availability)
    profile: Profile = NO_PROFILE  # the one for its datapoints
    datapoints: dict[str, Datapoint] = field(default_factory=dict)
    presentation: Presentation = field(default_factory=Presentation)
    skipped: set[str] = field(default_factory=set)
    readings: dict[str, Reading] = field(default_factory=dict)
    pending: PendingWrites = field(default_factory=PendingWrites)
    pushed_at: dict[str, datetime] = field(default_factory=dict)  # when each value was last pushed
    undated: UndatedReadings = field(default_factory=UndatedReadings)
    alarm_states: AlarmStates = field(default_factory=AlarmStates)
    reported_position: tuple[float, float] | None = None  # the latitude and longitude that it last reported itself
    disconnect_reason: str | None = None  # the cloud's word for why it last went offline
    failure: CloudError | None = None  # why the device could not be read last
    polled_at: datetime | None = None  # when a poll last requested its readings
    unchanged_reads: int = 0  # polls in a row that found no new report
    read_at: datetime | None = None  # when the cloud last answered for it
    reported_at: datetime | None = None  # when the device itself last reported
    future_dates: FutureDates = field(default_factory=FutureDates)
    _last_now: datetime | None = None
    _has_alarm: bool | None = None  # what `_find_alarm` last returned
    _is_alarm_current: bool = False  # whether it would return the same now

    @property
    def descriptions(self) -> Mapping[str, DatapointDescription]:
        """How its datapoints are shown, by key."""
        return self.presentation.descriptions

    @property
    def is_available(self) -> bool:
        """Whether the device is there, so that its readings can be shown."""
        return self.availability.is_available

    @property
    def is_connected(self) -> bool | None:
        """Whether the device is connected to its cloud; None if unknown."""
        return self.availability.is_connected

    @property
    def has_failed(self) -> bool:
        """Whether its last read failed. That a datapoint is not granted says nothing against the device."""
        return self.failure is not None and not isinstance(self.failure, Forbidden)

    @property
    def active_alarms(self) -> tuple[Datapoint, ...]:
        """The alarms that are raised now."""
        return tuple(alarm for alarm in self.presentation.alarms if self.shown(alarm.key) is True)

    @property
    def has_problem(self) -> bool | None:
        """Whether an alarm reading or a flag of the device list reports a problem; None if neither is known."""
        if self.device.has_alert or self.device.has_fault:
            return True
        # The sensors of the account, a customer and a site ask for each device after each poll.
        if not self._is_alarm_current or self.pending:
            self._has_alarm = self._find_alarm()
            self._is_alarm_current = not self.pending
        return False if self._has_alarm is None and self.device.has_flags else self._has_alarm

    def _find_alarm(self) -> bool | None:
        """Return whether any alarm is raised; None if no alarm has a value."""
        values = [self.shown(alarm.key) for alarm in self.presentation.alarms]
        if any(value is True for value in values):
            return True
        return None if all(value is None for value in values) else False

    def value(self, key: str) -> Value | None:
        """The value to show: a pending write, or else the last reading. None: unknown."""
        if (write := self.pending.get(key)) is not None:
            return write.value
        reading = self.readings.get(key)
        return None if reading is None else reading.value

    def shown(self, key: str) -> Value | None:
        """What an entity shows of a datapoint; None while it is unknown."""
        description, value = self.descriptions.get(key), self.value(key)
        return value if description is None else description.shown(value)

    # Datapoints and readings

    def vendors_values(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values to write with the vendor's words for their options."""
        return {
            key: value if (shown := self.descriptions.get(key)) is None else shown.vendors_value(value)
            for key, value in values.items()
        }

    def split_by_payload(self, values: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, bytes]]:
        """Return the values to send as they are, and the bytes to send instead of the others, by datapoint."""
        plain = dict(values)
        payloads: dict[str, bytes] = {}
        for key, value in values.items():
            shown = self.descriptions.get(key)
            if shown is not None and value in shown.payloads:
                payloads[key] = shown.payloads[value]
                del plain[key]
        return plain, payloads

    def describe(self, schema: Schema | None, described: Iterable[Datapoint] = ()) -> set[str]:
        """Add the datapoints of a schema, or those that readings described; return the keys that changed or are gone.

        The schema wins over a description that came with the readings, except that it may lack a unit.
        """
        if schema is None and not described:
            return set()
        datapoints = dict(self.datapoints)
        if schema is not None:
            datapoints |= {datapoint.key: datapoint for datapoint in schema.datapoints}
            self.skipped |= set(schema.skipped)
        for datapoint in described:
            known = datapoints.setdefault(datapoint.key, datapoint)
            if known.unit is None and datapoint.unit is not None:
                datapoints[datapoint.key] = replace(known, unit=datapoint.unit)
        changed = {key for key, datapoint in datapoints.items() if datapoint != self.datapoints.get(key)}
        changed |= self.descriptions.keys() - datapoints.keys()
        if changed:
            self.datapoints = datapoints
            self._choose_profile()
        return changed

    def _choose_profile(self) -> None:
        self.profile = self.profiles.of(self.product, self.device.id)
        self._describe_all()

    @property
    def product(self) -> Product:
        """What its profile is chosen by. The schemas of some clouds are those of single devices."""
        return Product(
            self.device.model_id or self.device.schema_id,
            self.datapoints,
            self.device.product_name or self.device.model or "",
        )

    def _describe_all(self) -> None:
        self.presentation = Presentation.of(self.datapoints.values(), self.readings, self.profile, self.naming)
        self._is_alarm_current = False

    def _describe_again(self) -> set[str]:
        """Describe all datapoints with the readings of now; return the keys of those that have another unit."""
        before = self.descriptions
        self._describe_all()
        return {key for key, shown in self.descriptions.items() if shown.unit != before[key].unit}

    def merge_snapshot(
        self, snapshot: Snapshot, now: datetime, *, requested_at: datetime | None = None
    ) -> tuple[set[str], list[AlarmChange | CommandUnconfirmed]]:
        """Merge readings; return the keys whose shown value changed, and the events that they report.

        Datapoints that the snapshot lacks keep their readings. Readings are ignored if they are older than the known
        ones, or if they were requested (`requested_at`; None: pushed) before a newer value was written or pushed.
        """
        self._check_clock(now)
        snapshot = self.future_dates.correct(snapshot, self.readings, now)
        is_pushed, requested_at = requested_at is None, requested_at or now
        changed: set[str] = set()
        events: list[AlarmChange | CommandUnconfirmed] = []
        contradicted: dict[str, Value] = {}
        for key, reading, before in self._news(snapshot, requested_at):
            shown = self.value(key)
            if reading.taken_at is None or (before is not None and before.taken_at is None):
                self.undated.note(key, reading, before, snapshot.reported_at)
            self.readings[key] = reading
            self._is_alarm_current = False
            if is_pushed:
                self.pushed_at[key] = now
            if (write := self.pending.check(key, reading, now)) is not None:
                contradicted[key] = write.value
            if before is None or shown != self.value(key) or before.since != reading.since:
                changed.add(key)
            if (alarm_change := self._alarm_change(key, reading, now)) is not None:
                events.append(alarm_change)
        if contradicted:
            events.append(CommandUnconfirmed(contradicted))
        is_first = self.read_at is None
        self._note_answer(snapshot, now)
        # Entities whose datapoints have no reading are disabled at first, which is known only now.
        if is_first or not changed.isdisjoint(self.presentation.unit_keys):
            changed |= self._describe_again()
        return changed, events

    def _news(self, snapshot: Snapshot, requested_at: datetime) -> Iterator[tuple[str, Reading, Reading | None]]:
        """Yield the readings that replace the known ones, by datapoint and with those."""
        for key, reading in snapshot.readings.items():
            before = self.readings.get(key)
            if reading is before and key not in self.pending:
                continue  # SoData returns the same object while a reading has not changed
            if not self._is_outdated(key, reading, before, requested_at):
                yield key, reading, before

    def _note_answer(self, snapshot: Snapshot, now: datetime) -> None:
        """Note that the cloud has answered for the device, and when the device itself last reported."""
        self.skipped |= set(snapshot.skipped)
        self.failure = None
        self.read_at = now
        if snapshot.reported_at is not None:
            self.reported_at = max(self.reported_at or snapshot.reported_at, snapshot.reported_at)

    def _is_outdated(self, key: str, reading: Reading, before: Reading | None, requested_at: datetime) -> bool:
        if before is not None and is_older(reading, before):
            return True
        if before is not None and before.taken_at is None and self.undated.is_copy(key, reading, requested_at):
            return True
        accepted_at, pushed_at = self.pending.accepted_at.get(key), self.pushed_at.get(key)
        is_before_write = accepted_at is not None and requested_at < accepted_at
        return is_before_write or (pushed_at is not None and requested_at < pushed_at)

    def _alarm_change(self, key: str, reading: Reading, now: datetime) -> AlarmChange | None:
        description = self.descriptions.get(key)
        if description is None or description.datapoint.role is not Role.ALARM:
            return None
        datapoint, is_raised = description.datapoint, description.shown(reading.value)
        if not isinstance(is_raised, bool):  # an alarm without a value may still be raised
            return None
        has_changed = self.alarm_states.update(key, now, is_raised=is_raised)
        return AlarmChange(datapoint, is_raised) if has_changed else None

    # Pending writes

    def expect(
        self,
        key: str,
        value: Value,
        now: datetime,
        settle: Callable[[bool], None],
        *,
        pending_for: timedelta,
        sent_at: datetime | None = None,
    ) -> None:
        """Show an accepted value until a reading confirms it, at most for `pending_for`; then call `settle`.

        A device may obey and push the value before the cloud has answered the command of `sent_at`.
        """
        datapoint = self.datapoints.get(key)
        step = None if datapoint is None else datapoint.step
        reading, pushed_at = self.readings.get(key), self.pushed_at.get(key)
        is_pushed_since = sent_at is not None and pushed_at is not None and pushed_at >= sent_at
        has_obeyed = is_pushed_since and reading is not None and is_equal(reading.value, value, step)
        if has_obeyed and key not in self.pending:
            self.pending.accepted_at[key] = now
            settle(True)
        else:
            self.pending.expect(key, value, now, settle, pending_for=pending_for, step=step, reading=reading)

    def drop_unconfirmed(self, now: datetime) -> dict[str, Value]:
        """Show the last readings again where a write was not confirmed in time; return its values by datapoint."""
        self._check_clock(now)
        return self.pending.expire(now)

    # The device list and availability

    def update_device(self, device: Device, as_of: datetime) -> None:
        """Merge what the device list says as of a time; keep the online flag if a later one is known.

        A place that the device reported itself is kept, since that in a list is coarser.
        """
        if not self.availability.update_presence(as_of, is_online=device.is_online):
            device = replace(device, is_online=self.device.is_online)
        if self.reported_position is not None:
            latitude, longitude = self.reported_position
            device = replace(device, latitude=latitude, longitude=longitude)
        if device.schema_id != self.device.schema_id:
            self.read_at = None  # the readings are those of another product
        name = self.product.name
        self.device = device
        if self.datapoints and self.product.name != name:
            self._choose_profile()

    def update_presence(self, as_of: datetime, *, is_online: bool) -> None:
        """Merge that the device came online or went offline, unless something later is known."""
        if self.availability.update_presence(as_of, is_online=is_online):
            self.device = replace(self.device, is_online=is_online, last_online=as_of)

    def update_position(self, latitude: float, longitude: float) -> None:
        """Merge where the device reported to be."""
        self.reported_position = latitude, longitude
        self.device = replace(self.device, latitude=latitude, longitude=longitude)

    def mark_offline(self) -> None:
        """Believe the cloud, which refused a command because the device is offline, more than its older list."""
        self.device = replace(self.device, is_online=False)
        self.availability.is_connected = False

    def update_availability(self, result: PollResult | None, *, interval: timedelta, now: datetime) -> bool:
        """Update from a poll (None: it found out nothing about the device); return whether anything changed."""
        self._check_clock(now)
        return self.availability.update(self._contact(interval, now), result)

    def contact_changes(self, interval: timedelta, now: datetime) -> list[ConnectionChange | FreshnessChange]:
        """Return whether the device went offline or silent, or came back, since the last call."""
        changes = (
            self.availability.connection_change(now),
            self.availability.freshness_change(self._contact(interval, now)),
        )
        return [change for change in changes if change is not None]

    def is_fresh(self, interval: timedelta, now: datetime) -> bool:
        """Whether the device reported recently enough to be there, whatever its online flag says."""
        return self._contact(interval, now).is_fresh

    def _contact(self, interval: timedelta, now: datetime) -> Contact:
        patience = self.device.silent_after or max(3 * interval, MIN_PATIENCE)
        return Contact(
            now=now,
            is_online=self.device.is_online,
            read_at=self.read_at,
            reported_at=self.reported_at,
            patience=patience,
        )

    # Clocks

    def _check_clock(self, now: datetime) -> None:
        """Clamp all timestamps if our clock was set back: those from before lie in the future now."""
        if self._last_now is not None and is_ahead(self._last_now, now):
            self.clamp(now, None)
        self._last_now = now

    def clamp(self, now: datetime, taken_at: datetime | None) -> None:
        """Keep no timestamp from the future: it would outdo all that follow until then.

        Readings from the future count as taken at `taken_at` (None: unknown).
        """
        self.readings = self.future_dates.clamp(self.readings, taken_at, now)
        self._is_alarm_current = False
        if is_ahead(self.reported_at, now):
            self.reported_at = max(dates_of(self.readings), default=taken_at or now)
        if self.read_at is not None:
            self.read_at = arrived(self.read_at, now)
        if self.polled_at is not None:
            self.polled_at = arrived(self.polled_at, now)
        self.pushed_at = {key: at for key, at in self.pushed_at.items() if not is_ahead(at, now)}
        self.undated.clamp(now)
        self.alarm_states.clamp(now)
        self.availability.clamp(now)
        self.pending.clamp(now)


def holds_free_text(datapoint: Datapoint) -> bool:
    """Whether the values may be any text, even a password."""
    return datapoint.data_type in {DataType.BINARY, DataType.TEXT}
