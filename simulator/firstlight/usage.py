"""The usage that Firstlight counts by values of an attribute. It grows with time. Knows no HTTP and no JSON."""

import math
from dataclasses import dataclass, field

_HOUR_MS = 3_600_000

GROUPS = {
    "service": {"Live TV": 0.5, "Replay": 0.2, "点播": 0.3},
    "genre": {"Drama": 0.4, "Comedy": 0.35, "Série & jeunesse": 0.25},
    "network": {"ON NET": 0.7, "OFF NET": 0.3},
}
"""The groups of each `groupBy`, with their shares of the usage."""


@dataclass(slots=True)
class Usage:
    """The usage of one attribute: how much an hour, and the share of each of its values."""

    per_hour: float
    shares: dict[str, float]
    total: float | None = None
    """Replaces the counted total, unless it is None."""
    figures: dict[str, float] = field(default_factory=dict)
    """Replace the counted figures of these names."""

    def count(self, from_ms: int, to_ms: int) -> float:
        """Return the usage in a time range."""
        if self.total is not None:
            return self.total
        return math.floor(max(0, to_ms - from_ms) / _HOUR_MS * self.per_hour)

    def count_by_name(self, from_ms: int, to_ms: int, group_by: str | None) -> dict[str, float]:
        """Return the usage in a time range by the attribute's values, or by the groups of `group_by`."""
        total = self.count(from_ms, to_ms)
        shares = GROUPS[group_by] if group_by else self.shares
        counted: dict[str, float] = {name: math.floor(total * share) for name, share in shares.items()}
        counted[next(iter(counted))] += total - sum(counted.values())
        return counted | self.figures


def usages() -> dict[str, Usage]:
    """Return the usages of a new server, by "aty/field"."""
    return {
        "content/genre": Usage(42, {"Drama": 0.4, "Comedy": 0.3, "Série & jeunesse": 0.2, "纪录片": 0.1}),
        "platform/deviceName": Usage(30, {"Android TV": 0.5, "iPhone": 0.3, "Web": 0.2}),
    }
