"""In which zone the labels of aggregates are written: stated nowhere, so proven before any label becomes a time.

An hour of UTC that comes back under one label tells how far the labels are off. Two such hours, at both ends of what
is asked about, have to agree: then no clock was changed in between. A proof reaches one day further, so that a clock
that is changed later is noticed. It knows labels and hours, not how they are asked for.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from .. import coerce
from ..client_store import ClientStore
from ..errors import Reason, UnexpectedAnswer
from .history_windows import present

type HoursBetween = Callable[[datetime, datetime], Awaitable[Sequence[datetime]]]
"""The labels of the hours with readings in a range, oldest first, each read as if its zone were UTC."""

HOUR: Final = timedelta(hours=1)
_QUARTER: Final = timedelta(minutes=15)
_EARLIEST: Final = timedelta(hours=-12)
_LATEST: Final = timedelta(hours=14)
_LIKELY: Final = (timedelta(hours=8), timedelta())  # what Chinese pages imply, and what a server would have
_REACHES_FURTHER: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=31)
_MOST_TRIED: Final = 2  # labels at each end


class LabelOffset:
    """The zone of one server's labels, as far as it is proven."""

    def __init__(self, client_store: ClientStore, server: str) -> None:
        """Keep the proof in `client_store`, with the time it was made."""
        self._client_store = client_store
        self._slot = f"zone of labels at {server}"

    def proven(self, start: datetime, end: datetime) -> timedelta | None:
        """How far ahead of UTC the labels of a range are; None where no proof reaches."""
        record = coerce.fields(self._client_store.get(self._slot))
        proven_at, since, until, minutes = (
            coerce.number(record.get(name)) for name in ("proven_at", "since", "until", "minutes")
        )
        if proven_at is None or since is None or until is None or minutes is None:
            return None
        further = _REACHES_FURTHER.total_seconds()
        is_recent = 0 <= time.time() - proven_at < _MONTH.total_seconds()
        is_within = since - further <= start.timestamp() and end.timestamp() <= until + further
        return timedelta(minutes=minutes) if is_recent and is_within else None

    def forget(self) -> None:
        """Trust the proof no longer: an answer contradicted it."""
        self._client_store.put(self._slot, None)

    async def prove(
        self, labels: Sequence[datetime], hours_between: HoursBetween, start: datetime, end: datetime
    ) -> timedelta:
        """Prove how far ahead of UTC labels are between `start` and `end`, of which `labels` are known.

        Raises `UnexpectedAnswer` (ZONE_UNPROVEN), and what asking raises.
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
    """An hour of UTC with readings and the offset it tells. A guess only serves to find the hour."""
    now = present()
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
            # The labels change within the hour: its middle tells whether after one, two or three quarters.
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
