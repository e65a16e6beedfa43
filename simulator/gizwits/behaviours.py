"""How values move: pure functions of a seed and the time, so that no task has to run behind a device."""

import math
import random
from collections.abc import Callable

type Value = bool | int | float | str
type Behaviour = Callable[[str, float], Value]
"""Takes a text that differs by device and datapoint, and epoch seconds."""


def _chance(*parts: object) -> random.Random:
    return random.Random(":".join(map(str, parts)))


def steady(value: Value) -> Behaviour:
    """Never change."""
    return lambda _seed, _seconds: value


def swinging(low: float, high: float, period_seconds: float = 86400.0, noise: float = 0.0) -> Behaviour:
    """Go up and down once a period, each device at its own phase, with noise that changes every minute."""

    def at(seed: str, seconds: float) -> float:
        phase = _chance(seed).random()
        wave = math.sin(2 * math.pi * (seconds / period_seconds + phase))
        jitter = noise * (2 * _chance(seed, int(seconds // 60)).random() - 1)
        return min(high, max(low, (low + high) / 2 + (high - low) / 2 * wave + jitter))

    return at


def growing(per_hour: float, wraps_at: float) -> Behaviour:
    """Grow steadily, each device from its own start, and begin again at `wraps_at`."""
    return lambda seed, seconds: (seconds / 3600 * per_hour + _chance(seed).random() * wraps_at / 2) % wraps_at


def changing(values: tuple[Value, ...], seconds_each: float) -> Behaviour:
    """Take one of the values for a while, then another."""
    return lambda seed, seconds: _chance(seed, int(seconds // seconds_each)).choice(values)


def now_and_then(share: float, seconds_each: float) -> Behaviour:
    """Be true for a share of the periods."""
    return lambda seed, seconds: _chance(seed, int(seconds // seconds_each)).random() < share


ON = steady(value=True)
OFF = steady(value=False)
