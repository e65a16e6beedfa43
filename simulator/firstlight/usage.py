"""What Firstlight has counted: usage by attribute value, growing with the time.

Nothing here knows of HTTP or JSON.
"""

import math
from dataclasses import dataclass, field

_MS_OF_AN_HOUR = 3_600_000

GROUPS = {
    "service": {"Live TV": 0.5, "Replay": 0.2, "点播": 0.3},
    "genre": {"Drama": 0.4, "Comedy": 0.35, "Série & jeunesse": 0.25},
    "network": {"ON NET": 0.7, "OFF NET": 0.3},
}
"""The groups of each `groupBy`, with their share of the usage."""


@dataclass(slots=True)
class Usage:
    """The usage of one attribute: how much an hour, and by which values of the attribute with which share."""

    per_hour: float
    shares: dict[str, float]
    total: float | None = None
    """Stands instead of what has been counted, if set."""
    figures: dict[str, float] = field(default_factory=dict)
    """Stand instead of what has been counted for these names."""

    def count(self, from_ms: int, to_ms: int) -> float:
        """Return the usage of a time."""
        if self.total is not None:
            return self.total
        return math.floor(max(0, to_ms - from_ms) / _MS_OF_AN_HOUR * self.per_hour)

    def count_by_name(self, from_ms: int, to_ms: int, group_by: str | None) -> dict[str, float]:
        """Return the usage of a time by the attribute's values, or by the groups asked for."""
        total = self.count(from_ms, to_ms)
        shares = GROUPS[group_by] if group_by else self.shares
        counted: dict[str, float] = {name: math.floor(total * share) for name, share in shares.items()}
        counted[next(iter(counted))] += total - sum(counted.values())
        return counted | self.figures


def usages() -> dict[str, Usage]:
    """Return what the simulator counts at its start, by "aty/field"."""
    return {
        "content/genre": Usage(42, {"Drama": 0.4, "Comedy": 0.3, "Série & jeunesse": 0.2, "纪录片": 0.1}),
        "platform/deviceName": Usage(30, {"Android TV": 0.5, "iPhone": 0.3, "Web": 0.2}),
    }
