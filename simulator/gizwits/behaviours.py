"""How values change: pure functions of a seed and the time, so that no device needs a background task."""

import math
import random
from collections.abc import Callable

type Value = bool | int | float | str
type Behaviour = Callable[[str, float], Value]
"""Computes a value from a text that differs by device and datapoint, and from epoch seconds."""


def _random(*parts: object) -> random.Random:
    return random.Random(":".join(map(str, parts)))


def steady(value: Value) -> Behaviour:
    """Never change."""
    return lambda _seed, _seconds: value


def swinging(low: float, high: float, period_seconds: float = 86400.0, noise: float = 0.0) -> Behaviour:
    """Go up and down once a period, with a phase of its own for each device and noise that changes every minute."""

    def at(seed: str, seconds: float) -> float:
        phase = _random(seed).random()
        wave = math.sin(2 * math.pi * (seconds / period_seconds + phase))
        jitter = noise * (2 * _random(seed, int(seconds // 60)).random() - 1)
        return min(high, max(low, (low + high) / 2 + (high - low) / 2 * wave + jitter))

    return at


def growing(per_hour: float, wraps_at: float) -> Behaviour:
    """Grow steadily from a start of its own for each device, and begin again at 0 when it reaches `wraps_at`."""
    return lambda seed, seconds: (seconds / 3600 * per_hour + _random(seed).random() * wraps_at / 2) % wraps_at


def changing(values: tuple[Value, ...], seconds_each: float) -> Behaviour:
    """Choose one of the values every `seconds_each` seconds."""
    return lambda seed, seconds: _random(seed, int(seconds // seconds_each)).choice(values)


def now_and_then(share: float, seconds_each: float) -> Behaviour:
    """Be true in a share (0 to 1) of the periods of `seconds_each` seconds."""
    return lambda seed, seconds: _random(seed, int(seconds // seconds_each)).random() < share


ON = steady(value=True)
OFF = steady(value=False)
