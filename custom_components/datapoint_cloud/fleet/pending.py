"""What was written and is not yet confirmed. Pure: time comes in as an argument."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from ..clouds.clock import is_ahead
from ..clouds.model import Reading, Value

PENDING_FOR = timedelta(seconds=35)
"""How long an entity shows a value that was written before the device has confirmed it."""
_OWN_WORD_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A value the cloud accepted and the device has not confirmed yet.

    `passed` are the values the device may still report on its way: the one from before, and those asked for since.
    `returns_from` is the reading from before where this value is one of them too: only a newer report confirms it.
    `settle` is told whether the value was confirmed.
    """

    value: Value
    since: datetime
    until: datetime
    passed: frozenset[Value | None]
    settle: Callable[[bool], None]
    returns_from: Reading | None = None

    def has_had_time(self, now: datetime) -> bool:
        """Whether the device would have obeyed by now, so that what it reports is its own word."""
        return now >= self.since + _OWN_WORD_AFTER

    def brought_back(self, now: datetime) -> Self:
        """The same by a clock that was set back."""
        return replace(self, since=now, until=now + PENDING_FOR) if is_ahead(self.since, now) else self
