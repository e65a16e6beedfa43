"""Values written to a device that it has not confirmed yet.

Pure: time comes in as an argument. It knows neither the cloud nor the listeners.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..clouds.clock import is_ahead
from ..clouds.model import Reading, Value
from .future_dates import is_older

_TIME_TO_OBEY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWrite:
    """A value that the cloud accepted and the device has not confirmed.

    `superseded` are the values that the device may still report until it obeys: the one shown before, and those
    written since. `returns_from` is set for on→off→on: only a reading newer than this one confirms the repeated
    value. `settle` is called once with whether the device confirmed the value.
    """

    value: Value
    step: float | None
    since: datetime
    until: datetime
    superseded: frozenset[Value | None]
    settle: Callable[[bool], None]
    returns_from: Reading | None = None

    def outcome(self, reading: Reading, now: datetime) -> bool | None:
        """Whether a reading confirms the value (True), contradicts it (False), or decides nothing (None)."""
        has_had_time = now >= self.since + _TIME_TO_OBEY
        is_newer = self.returns_from is None or is_older(self.returns_from, reading)
        if is_equal(reading.value, self.value, self.step) and (is_newer or has_had_time):
            return True
        # A superseded value decides nothing: the device may report it before it obeys. Any other value may be an
        # unknown old one, so it contradicts only once the device has had time to obey.
        is_superseded = any(is_equal(reading.value, value, self.step) for value in self.superseded)
        return False if has_had_time and not is_superseded else None


@dataclass(slots=True)
class PendingWrites:
    """The pending writes of one device, by datapoint. `accepted_at` is when the cloud last accepted a value for it."""

    accepted_at: dict[str, datetime] = field(default_factory=dict)
    _writes: dict[str, PendingWrite] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the datapoints with a pending write."""
        return len(self._writes)

    def __contains__(self, key: str) -> bool:
        """Whether the datapoint has a pending write."""
        return key in self._writes

    def get(self, key: str) -> PendingWrite | None:
        """The pending write of a datapoint, if there is one."""
        return self._writes.get(key)

    def expect(
        self,
        key: str,
        value: Value,
        now: datetime,
        settle: Callable[[bool], None],
        *,
        pending_for: timedelta,
        step: float | None,
        reading: Reading | None,
    ) -> None:
        """Wait for the device to confirm a value; an earlier write of the datapoint is settled as not confirmed.

        `reading` is the last one, and `step` the smallest difference between two values of the datapoint.
        """
        self.accepted_at[key] = now
        earlier = self._writes.get(key)
        shown = None if reading is None else reading.value
        superseded = frozenset({shown}) if earlier is None else earlier.superseded | {earlier.value}
        is_return = earlier is not None and any(is_equal(value, old, step) for old in earlier.superseded)
        self._writes[key] = PendingWrite(
            value=value,
            step=step,
            since=now,
            until=now + pending_for,
            superseded=superseded - {value},
            settle=settle,
            returns_from=reading if is_return else None,
        )
        if earlier is not None:
            earlier.settle(False)

    def check(self, key: str, reading: Reading, now: datetime) -> PendingWrite | None:
        """Settle the pending write of a datapoint if a reading confirms or contradicts it.

        Returns the write that was contradicted, if one was.
        """
        write = self._writes.get(key)
        if write is None or (outcome := write.outcome(reading, now)) is None:
            return None
        del self._writes[key]
        write.settle(outcome)
        return None if outcome else write

    def expire(self, now: datetime) -> dict[str, Value]:
        """Give up the writes whose time is over; return their values by datapoint."""
        late = {key: write for key, write in self._writes.items() if now >= write.until}
        for key, write in late.items():
            del self._writes[key]
            write.settle(False)
        return {key: write.value for key, write in late.items()}

    def extend(self, until: datetime) -> None:
        """Keep showing the written values until then, because no read is possible before; settle them now."""
        for key, write in self._writes.items():
            write.settle(False)
            self._writes[key] = replace(write, until=max(write.until, until))

    def clear(self) -> None:
        """Give up all writes: nothing will be read that could confirm them."""
        writes, self._writes = self._writes, {}
        for write in writes.values():
            write.settle(False)

    def clamp(self, now: datetime) -> None:
        """Start waiting again from `now` where our clock was set back."""
        self.accepted_at = {key: at for key, at in self.accepted_at.items() if not is_ahead(at, now)}
        for key, write in self._writes.items():
            if is_ahead(write.since, now):
                self._writes[key] = replace(write, since=now, until=now + (write.until - write.since))


def is_equal(value: Value | None, other: Value | None, step: float | None) -> bool:
    """Whether a device means the same by both: it takes the nearest number that it can have."""
    if step is None or not isinstance(value, (int, float)) or not isinstance(other, (int, float)):
        return value == other
    return abs(value - other) <= step / 2
