"""Our own clock: it may have been wrong, and is put right without a word.

Whatever was noted under a clock that was ahead lies in the future now, and nothing would be newer than it for as long.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from .fleet import PENDING_FOR, DeviceState

_PUT_BACK = timedelta(seconds=2)  # what a clock that is kept right may be put back without a word


def is_put_back(before: datetime, now: datetime) -> bool:
    """Whether the clock was put back since it said `before`."""
    return now < before - _PUT_BACK


def is_due(at: datetime, every: timedelta, now: datetime) -> bool:
    """Whether what was last done at a time is due again; a time to come was noted under another clock."""
    return not timedelta() <= now - at < every


def heed_clock(state: DeviceState, now: datetime) -> None:
    """Let nothing that we noted of a device lie in the future."""
    state.asked_at, state.read_at = _past(state.asked_at, now), _past(state.read_at, now)
    state.presence_as_of, state.reported_at = _past(state.presence_as_of, now), _past(state.reported_at, now)
    for noted in (state.written_at, state.told_at):
        noted.update({key: now for key, moment in noted.items() if moment > now})
    latest = now + PENDING_FOR
    state.pending |= {key: replace(asked, until=latest) for key, asked in state.pending.items() if asked.until > latest}


def _past(moment: datetime | None, now: datetime) -> datetime | None:
    return None if moment is None else min(moment, now)
