"""How a device takes the commands its cloud passes on. Knows nothing of devices and of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .behaviours import Value
from .errors import ENTERPRISE_ERRORS, OPEN_API_TEXTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Obedience:
    """What becomes of commands. As it stands by default, they show in the next reading.

    `refused_with`: the cloud refuses them with this code of its own. `is_lost`: they are accepted and never obeyed.
    `delay`: seconds until they are obeyed, None for the server's `write_delay`; until then the device goes on
    reporting what it did before. `first_delays`: those of the first commands instead, so that (5, 1) obeys two in
    the wrong order. `overrules`: what the device makes of a datapoint, whatever it was told. `limits`: what it clamps
    a datapoint to. `stale_seconds`, `stale_reads`: how long, or how many times, reads tell after a command what they
    told before it.
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
        """Refuse with ValueError what makes no sense, naming it; JSON's lists do for tuples."""
        is_sound = {
            "refused_with": self.refused_with in (None, *OPEN_API_TEXTS, *ENTERPRISE_ERRORS),
            "is_lost": isinstance(self.is_lost, bool),
            "delay": self.delay is None or _is_span(self.delay),
            "first_delays": isinstance(self.first_delays, list | tuple) and all(map(_is_span, self.first_delays)),
            "overrules": isinstance(self.overrules, Mapping),
            "limits": isinstance(self.limits, Mapping) and all(map(_is_range, self.limits.values())),
            "stale_seconds": _is_span(self.stale_seconds),
            "stale_reads": _is_whole(self.stale_reads),
        }
        if wrong := [name for name, is_right in is_sound.items() if not is_right]:
            raise ValueError(", ".join(wrong))

    def delay_of(self, number: int, usual: float) -> float:
        """Give the delay of a command by its number, from 0."""
        if number < len(self.first_delays):
            return self.first_delays[number]
        return usual if self.delay is None else self.delay

    def obeyed(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Give what the device really sets when it is told `values`."""
        return {name: self.overrules.get(name, self._clamped(name, value)) for name, value in values.items()}

    def _clamped(self, name: str, value: Value) -> Value:
        if name not in self.limits or isinstance(value, bool | str):
            return value
        low, high = self.limits[name]
        return min(high, max(low, value))


def obedience_of(settings: object) -> Obedience:
    """Read an obedience from JSON; ValueError names what it cannot hold."""
    if not isinstance(settings, dict):
        raise ValueError("obedience")  # noqa: TRY004
    if unknown := set(settings) - {known.name for known in fields(Obedience)}:
        raise ValueError(", ".join(sorted(unknown)))
    return Obedience(**settings)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_span(value: Any) -> bool:
    return _is_number(value) and bool(value >= 0)


def _is_range(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))
