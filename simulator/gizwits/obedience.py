"""What happens to commands: tests choose whether the cloud refuses them and how devices react. Knows no HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .behaviours import Value
from .errors import ENTERPRISE_ERRORS, OPEN_API_TEXTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Obedience:
    """What happens to commands. By default, the next reading shows their values.

    `refused_with`: the cloud refuses them with this code. `is_lost`: the cloud accepts them, but the device ignores
    them. `delay`: seconds until the device executes them, None for the server's `write_delay`. `first_delays`: the
    delays of the first commands instead; (5, 1) makes the device execute two in the wrong order. `overrules`: the
    values that the device sets instead of those in the command. `limits`: the ranges it clamps values to.
    `stale_seconds`, `stale_reads`: for how long, and for how many reads, the cloud returns the report from before the
    command.
    """

    refused_with: int | None = None
    is_lost: bool = False
    delay: float | None = None
    first_delays: tuple[float, ...] = ()
    overrules: Mapping[str, Value] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    stale_seconds: float = 0.0
    stale_reads: int = 0

    def __post_init__(self) -> None:
        """Check all fields. Raises ValueError with the names of invalid ones. JSON's lists may stand for tuples."""
        is_valid = {
            "refused_with": self.refused_with in (None, *OPEN_API_TEXTS, *ENTERPRISE_ERRORS),
            "is_lost": isinstance(self.is_lost, bool),
            "delay": self.delay is None or _is_duration(self.delay),
            "first_delays": isinstance(self.first_delays, list | tuple) and all(map(_is_duration, self.first_delays)),
            "overrules": isinstance(self.overrules, Mapping),
            "limits": isinstance(self.limits, Mapping) and all(map(_is_range, self.limits.values())),
            "stale_seconds": _is_duration(self.stale_seconds),
            "stale_reads": _is_count(self.stale_reads),
        }
        if wrong := [name for name, is_ok in is_valid.items() if not is_ok]:
            raise ValueError(", ".join(wrong))

    def delay_of(self, number: int, usual: float) -> float:
        """Return the delay of a command by its number, from 0."""
        if number < len(self.first_delays):
            return self.first_delays[number]
        return usual if self.delay is None else self.delay

    def executed(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values that the device really sets when a command contains `values`."""
        return {name: self.overrules.get(name, self._clamped(name, value)) for name, value in values.items()}

    def _clamped(self, name: str, value: Value) -> Value:
        if name not in self.limits or isinstance(value, bool | str):
            return value
        low, high = self.limits[name]
        return min(high, max(low, value))


def parse_obedience(settings: object) -> Obedience:
    """Parse an obedience from decoded JSON. Raises ValueError with the names of unknown or invalid fields."""
    if not isinstance(settings, dict):
        raise ValueError("obedience")  # noqa: TRY004
    if unknown := set(settings) - {known.name for known in fields(Obedience)}:
        raise ValueError(", ".join(sorted(unknown)))
    return Obedience(**settings)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_duration(value: Any) -> bool:
    return _is_number(value) and bool(value >= 0)


def _is_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))
