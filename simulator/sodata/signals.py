"""How values change: pure functions of the time, so that history and last values always agree.

Times are epoch milliseconds. `phase` (0 to 1) differs between variables of the same kind.
"""

import math
from dataclasses import dataclass
from typing import Protocol, override

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN_MS = 1_609_459_200_000
"""1 January 2021: counters have their start values, and no samples are older."""


class Signal(Protocol):
    """The values of a variable over time."""

    def previous_sample_ms(self, at_ms: int, phase: float, installed_ms: int) -> int | None:
        """Return the time of the last sample at or before `at_ms`, or None."""

    def value(self, at_ms: int, phase: float) -> str:
        """Return the value of a sample at this time, as text."""


class Measured(Signal):
    """Sampled every two to five minutes."""

    __slots__ = ()

    @override
    def previous_sample_ms(self, at_ms: int, phase: float, installed_ms: int) -> int | None:
        interval_ms = 120_000 + int(phase * 180_000)
        offset_ms = int(phase * interval_ms)
        return (at_ms - offset_ms) // interval_ms * interval_ms + offset_ms


@dataclass(frozen=True, slots=True)
class Wave(Measured):
    """Swings between two numbers over hours, with a ripple over minutes."""

    low: float
    high: float
    decimals: int = 1
    hours: float = 24.0

    @override
    def value(self, at_ms: int, phase: float) -> str:
        hours = at_ms / HOUR_MS
        swing = 0.35 * math.sin(math.tau * (hours / self.hours + phase))
        ripple = 0.15 * math.sin(math.tau * (hours * 3.7 + phase * 11))
        return f"{self.low + (self.high - self.low) * (0.5 + swing + ripple):.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Counter(Measured):
    """Grows all the time, faster by day than by night."""

    per_hour: float
    start: float = 0.0
    decimals: int = 1

    @override
    def value(self, at_ms: int, phase: float) -> str:
        hours = (at_ms - BEGIN_MS) / HOUR_MS
        # it never falls: the swing changes by at most 0.79 h an hour
        grown = hours + 3 * math.sin(math.tau * (hours / 24 + phase))
        return f"{self.start * (1 + phase) + self.per_hour * (grown + 3):.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Delta(Measured):
    """Counts the events of one polling interval, not a running total."""

    most: int

    @override
    def value(self, at_ms: int, phase: float) -> str:
        return str(int((at_ms / HOUR_MS * 1.3 + phase * 17) % 5 * self.most / 5))


@dataclass(frozen=True, slots=True)
class Changing(Signal):
    """Goes through states in turn, each a text and its hours, and is sampled at each change."""

    states: tuple[tuple[str, float], ...]

    @override
    def previous_sample_ms(self, at_ms: int, phase: float, installed_ms: int) -> int | None:
        return self._state(at_ms, phase)[0]

    @override
    def value(self, at_ms: int, phase: float) -> str:
        return self._state(at_ms, phase)[1]

    def _state(self, at_ms: int, phase: float) -> tuple[int, str]:
        round_ms = int(sum(hours for _, hours in self.states) * HOUR_MS)
        into_round_ms = (at_ms + int(phase * round_ms)) % round_ms
        begin_ms = at_ms - into_round_ms
        for text, hours in self.states:
            if into_round_ms < int(hours * HOUR_MS):
                return begin_ms, text
            into_round_ms -= int(hours * HOUR_MS)
            begin_ms += int(hours * HOUR_MS)
        return begin_ms, self.states[-1][0]


@dataclass(frozen=True, slots=True)
class Still(Signal):
    """Was sampled only once, `days` before the installation."""

    text: str
    days: float = 0.0

    @override
    def previous_sample_ms(self, at_ms: int, phase: float, installed_ms: int) -> int | None:
        sampled_ms = installed_ms - int((self.days + phase) * DAY_MS)
        return sampled_ms if sampled_ms <= at_ms else None

    @override
    def value(self, at_ms: int, phase: float) -> str:
        return self.text


def alarm(*, every_hours: float, for_hours: float) -> Changing:
    """Return an alarm that is active for `for_hours` in every `every_hours`."""
    return Changing((("0", every_hours - for_hours), ("1", for_hours)))
