"""Finds the offset from UTC of the labels of aggregates, which no document states, before a label becomes a time.

If the aggregates of one hour of UTC have one label, its difference from the hour is the offset. Two such hours, at both
ends of a range, must have the same offset: then there was no change of summer time in between. A proof is valid for one
day beyond its range, so that a later change is noticed. This module knows labels and hours, not how to request them.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import Reason, UnexpectedAnswer
from .history_windows import utc_now

type HoursBetween = Callable[[datetime, datetime], Awaitable[Sequence[datetime]]]
"""Requests the labels of the hours with readings in a range, oldest first, each parsed as if it were UTC."""

HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)
_EARLIEST: Final = timedelta(hours=-12)
_LATEST: Final = timedelta(hours=14)
_LIKELY: Final = (timedelta(hours=8), timedelta())  # the Chinese pages imply UTC+8, a server may use UTC
_VALID_BEYOND: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=31)
_MOST_TRIED: Final = 2  # labels at each end of a range


class LabelOffset:
    """The proven offset of one server's labels."""

    def __init__(self, client_store: ClientStore, server: str) -> None:
        """Keep the proof and its date in `client_store`."""
        self._client_store = client_store
        self._slot = f"zone of labels at {server}"

    def proven(self, start: datetime, end: datetime) -> timedelta | None:
        """Return how far the labels of a range are ahead of UTC; None if no proof covers it."""
        record = coerce.fields(self._client_store.get(self._slot))
        proven_at, since, until, minutes = (
            coerce.number(record.get(name)) for name in ("proven_at", "since", "until", "minutes")
        )
        if proven_at is None or since is None or until is None or minutes is None:
            return None
        beyond = _VALID_BEYOND.total_seconds()
        is_recent = 0 <= time.time() - proven_at < _MONTH.total_seconds()
        is_within = since - beyond <= start.timestamp() and end.timestamp() <= until + beyond
        return timedelta(minutes=minutes) if is_recent and is_within else None

    def forget(self) -> None:
        """Drop the proof, after an answer contradicted it."""
        self._client_store.put(self._slot, None)

    async def prove(
        self, labels: Sequence[datetime], hours_between: HoursBetween, start: datetime, end: datetime
    ) -> timedelta:
        """Prove how far the labels between `start` and `end` are ahead of UTC, starting from the known `labels`.

        Raises `UnexpectedAnswer` (ZONE_UNPROVEN), and whatever `hours_between` raises.
        """
        guesses = (labels[0] - start, *_LIKELY) if labels else ()
        oldest = await _found(labels[:_MOST_TRIED], guesses, hours_between)
        if oldest is not None:
            hour, offset = oldest
            newest = await _found(labels[: -_MOST_TRIED - 1 : -1], (offset, *guesses), hours_between)
            if newest is not None and newest[0] != hour and newest[1] == offset:
                self._client_store.put(
                    self._slot,
                    {
                        "proven_at": time.time(),
                        "since": start.timestamp(),
                        "until": end.timestamp(),
                        "minutes": int(offset / timedelta(minutes=1)),
                    },
                )
                return offset
        raise UnexpectedAnswer(Reason.ZONE_UNPROVEN)


async def _found(
    labels: Iterable[datetime], guesses: Iterable[timedelta], hours_between: HoursBetween
) -> tuple[datetime, timedelta] | None:
    """Find an hour of UTC with readings, and its offset. The guesses only serve to find the hour."""
    now = utc_now()
    for label in labels:
        for guess in dict.fromkeys(guesses):
            hour = label - guess
            if _is_offset(guess) and hour < now and (offset := await _offset_at(hour, hours_between)) is not None:
                return hour, offset
    return None


async def _offset_at(hour: datetime, hours_between: HoursBetween) -> timedelta | None:
    match await hours_between(hour, hour + HOUR):
        case [label]:
            offset = label - hour
        case [first, second] if second - first == HOUR:
            # The label changes within the hour. Its middle half shows whether after one, two or three quarters.
            match await hours_between(hour + _QUARTER, hour + 3 * _QUARTER):
                case [only] if only == first:
                    offset = first - hour + _QUARTER
                case [only] if only == second:
                    offset = first - hour + 3 * _QUARTER
                case [_, _]:
                    offset = first - hour + 2 * _QUARTER
                case _:
                    return None
        case _:
            return None
    return offset if _is_offset(offset) else None


def _is_offset(offset: timedelta) -> bool:
    return _EARLIEST <= offset <= _LATEST and not offset % _QUARTER
