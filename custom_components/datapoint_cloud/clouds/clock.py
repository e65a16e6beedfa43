"""Guards against timestamps in the future, which come from devices, clouds or ourselves while a clock was wrong.

Pure functions: the current time is an argument.
"""

from datetime import datetime, timedelta
from typing import Final

SKEW: Final = timedelta(minutes=2)
"""How far two correct clocks may differ."""


def is_ahead(timestamp: datetime | None, now: datetime) -> bool:
    """Whether a timestamp lies in the future, so that it would stay the newest for too long."""
    return timestamp is not None and timestamp > now + SKEW


def arrived(timestamp: datetime | None, now: datetime) -> datetime:
    """Return when an event happened; one without a timestamp, or with one in the future, happened now."""
    return now if timestamp is None or is_ahead(timestamp, now) else timestamp


def is_due(at: datetime, every: timedelta, now: datetime) -> bool:
    """Whether something last done at `at` is due again. A future `at` was written while the clock was wrong."""
    return not timedelta() <= now - at < every
