"""What dates are worth by our clock: none can lie in the future, however a device, a cloud or we ourselves counted.

Pure: time comes in as an argument.
"""

from datetime import datetime, timedelta
from typing import Final

SKEW: Final = timedelta(minutes=2)
"""How far clocks that are right may differ."""


def is_ahead(moment: datetime | None, now: datetime) -> bool:
    """Whether a moment that is told lies in the future, so that it would outdo all that follows."""
    return moment is not None and moment > now + SKEW


def arrived(moment: datetime | None, now: datetime) -> datetime:
    """When something happened of which is heard now: what has no date, or one in the future, happens now."""
    return now if moment is None or is_ahead(moment, now) else moment


def is_due(at: datetime, every: timedelta, now: datetime) -> bool:
    """Whether what was last done at a time is due again; a time to come was noted under another clock."""
    return not timedelta() <= now - at < every
