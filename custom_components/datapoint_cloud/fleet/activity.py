"""Whom the cloud calls active, and how far that can be believed.

No document says what the cloud means by it. It is believed as long as readings bear it out: devices it names have
reported, and those it does not name have not. Pure: time comes in as an argument, nobody is asked.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

_OVERLAP = timedelta(minutes=2)  # between two questions, for clocks that differ and clouds that lag
_SETTLED = timedelta(minutes=2)  # a report older than this must have been told of by the next question
_FIRST_LOOK_BACK = timedelta(minutes=10)
_WITNESSES = 3  # readings of each kind before it is believed
_NO_CHOICE = 0.8  # of the devices online; who names so many saves nothing
_NO_CHOICE_ROUNDS = 3
_NO_CHOICE_PAUSE = timedelta(hours=1)
_DISTRUST = timedelta(days=1)


class Standing(StrEnum):
    """What the cloud's word is worth."""

    ON_TRIAL = "on_trial"
    TRUSTED = "trusted"
    DISMISSED = "dismissed"


class Activity:
    """The cloud's word on who was active, and its standing."""

    def __init__(self) -> None:
        self._dismissed_until: datetime | None = None
        self.restart()

    def restart(self) -> None:
        """Put the cloud's word on trial, whatever was seen so far."""
        self.standing = Standing.ON_TRIAL
        self.asked_at: datetime | None = None
        """When it was last asked for."""
        self.share_named = 1.0
        """How much of the devices online the cloud last named."""
        self._asked_first: datetime | None = None
        self._named_at: dict[str, datetime] = {}
        self._rounds_without_choice = 0
        self._active = 0  # readings that found what was named
        self._quiet = 0  # readings that found nothing where nothing was named

    def is_worth_asking(self, now: datetime) -> bool:
        """Whether the cloud should be asked in this round."""
        if self.standing is Standing.DISMISSED and self._dismissed_until is not None and now >= self._dismissed_until:
            self.restart()
        return self.standing is not Standing.DISMISSED

    def since(self, now: datetime) -> datetime:
        """From when on to ask, so that the questions leave no gap."""
        return now - _FIRST_LOOK_BACK if self.asked_at is None else self.asked_at - _OVERLAP

    def take(self, named: Collection[str] | None, online: int, asked_at: datetime) -> None:
        """Take an answer to the question of `asked_at`; None: there was none."""
        if named is None:
            self._dismiss(asked_at + _DISTRUST)
            return
        self.share_named = min(1.0, len(named) / online) if online else 1.0
        has_no_choice = self.share_named >= _NO_CHOICE
        self._rounds_without_choice = self._rounds_without_choice + 1 if has_no_choice else 0
        if self._rounds_without_choice >= _NO_CHOICE_ROUNDS:
            self._dismiss(asked_at + _NO_CHOICE_PAUSE)
            return
        self._asked_first = self._asked_first or self.since(asked_at)
        self.asked_at = asked_at
        self._named_at.update(dict.fromkeys(named, asked_at))

    def is_named(self, device_id: str, read_at: datetime | None) -> bool:
        """Whether the device was named after it was last read."""
        named_at = self._named_at.get(device_id)
        return named_at is not None and (read_at is None or named_at >= read_at)

    def weigh(self, device_id: str, *, before: datetime | None, after: datetime | None, asked_before: datetime) -> None:
        """Hold the cloud's word against a reading.

        `before` and `after` are when the device had last reported by the reading of `asked_before` and by this one.
        """
        if self.asked_at is None or self._asked_first is None or before is None or after is None:
            return
        is_named = self.is_named(device_id, asked_before - _OVERLAP)
        if after == before:
            self._quiet += not is_named
        elif is_named:
            self._active += 1
        elif self._asked_first + _OVERLAP <= after <= self.asked_at - _SETTLED:
            self._dismiss(self.asked_at + _DISTRUST)
            return
        if self.standing is Standing.ON_TRIAL and min(self._active, self._quiet) >= _WITNESSES:
            self.standing = Standing.TRUSTED

    def _dismiss(self, until: datetime) -> None:
        self.standing = Standing.DISMISSED
        self._dismissed_until = until
