"""Which devices are read in a round, and how long a full turn takes: by need, within what the budget allows.

Pure: time and allowance come in as arguments, nothing is asked.
"""

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from ..clouds.model import Device
from .activity import Activity, Standing
from .device_state import DeviceState

_SHARE_OF_SWEEPS = 0.1  # of the readings: those that confirm what the cloud says of activity and presence
_SHARE_OF_LISTINGS = 0.03
_SHARE_OF_QUESTIONS = 0.04  # who was active
_SHARE_OF_THE_HEARD = 0.5
_SHARE_OF_THE_QUIET = 0.05  # the flag of some clouds is wrong for hours
_NOW_AND_THEN = timedelta(minutes=15)
_QUIET_READS_A_ROUND = 20
_ROUNDS_OF_MEMORY = 3
_A_DAY = 86_400.0
_ROUNDS_A_LISTING_IF_TRUSTED = 5  # who is named as active is listed with it
_PATIENCE = 7  # how many times longer a device waits that had nothing new so often
_WITNESSES_A_ROUND = 3  # of the readings, before those of devices that were never read
_NEVER = datetime.min.replace(tzinfo=UTC)


class Schedule:
    """The turns of one account's devices."""

    def __init__(self, activity: Activity, hears: Callable[[Device], bool]) -> None:
        self._activity = activity
        self._hears = hears
        self._sweeps_due = 0.0
        self._wanted = 0.0  # the readings of a full turn

    def due(
        self, states: Iterable[DeviceState], *, now: datetime, wished: timedelta, allowance: float, pace: float
    ) -> list[DeviceState]:
        """The devices to read now, the neediest first; at most as many as the allowance has requests.

        Those that push tells of, and those that are offline, are read from time to time only.
        """
        standing = self._activity.standing
        is_trusted = standing is Standing.TRUSTED
        named: list[DeviceState] = []
        others: list[DeviceState] = []
        heard: list[DeviceState] = []
        quiet: list[DeviceState] = []
        for state in states:
            if self._hears(state.device) and state.asked_at is not None:
                heard.append(state)
            elif state.device.is_online is False and not state.is_fresh(wished, now):
                quiet.append(state)
            elif self._activity.is_named(state.device.id, state.asked_at) or (
                state.asked_at is None and not is_trusted
            ):
                named.append(state)
            else:
                others.append(state)
        # Whoever is named and can be believed to be has news, whatever earlier readings found.
        named.sort(key=_longest_ago if is_trusted else partial(_neediest, now=now))
        others.sort(key=partial(_neediest, now=now))
        wanted = len(named) * (1 + _SHARE_OF_SWEEPS) if is_trusted else len(named) + len(others)
        self._wanted += (wanted - self._wanted) / _ROUNDS_OF_MEMORY
        sweeps = self._sweeps(others, len(named), allowance)
        witnesses = [state for state in named if state.asked_at is not None] if standing is Standing.ON_TRIAL else []
        due = [*sweeps, *witnesses[:_WITNESSES_A_ROUND], *named, *([] if is_trusted else others)]
        due += _now_and_then(heard, now, pace, _SHARE_OF_THE_HEARD)
        due += _now_and_then(quiet, now, pace, _SHARE_OF_THE_QUIET)[:_QUIET_READS_A_ROUND]
        due = list({state.device.id: state for state in due}.values())
        return due if allowance == float("inf") else due[: max(0, int(allowance))]

    def _sweeps(self, others: list[DeviceState], named: int, allowance: float) -> list[DeviceState]:
        """A few of those that nothing is expected of; those never read have what the others leave."""
        self._sweeps_due = min(self._sweeps_due + max(1.0, min(named, allowance)) * _SHARE_OF_SWEEPS, len(others))
        unread = sum(state.asked_at is None for state in others)
        taken = others[: int(min(max(self._sweeps_due, min(unread, allowance - named)), max(0.0, allowance)))]
        self._sweeps_due = max(0.0, self._sweeps_due - len(taken))
        return taken

    def interval(self, wished: timedelta, pace: float, requests_a_listing: int) -> timedelta:
        """How long a full turn takes at this pace (requests a second)."""
        if pace == float("inf"):
            return wished
        requests = self._wanted + requests_a_listing
        return max(wished, timedelta(seconds=min(requests / pace, _A_DAY) if pace else _A_DAY))

    def rounds_a_listing(self, wished: timedelta, pace: float, requests_a_listing: int) -> int:
        """In which of how many rounds the list of devices is asked for.

        In each, where a round bears both the readings and the list; else so seldom that it costs little beside them.
        """
        round_seconds = wished.total_seconds()
        seconds = min(requests_a_listing / (_SHARE_OF_LISTINGS * pace) if pace else _A_DAY, _A_DAY)
        bears_both = self._wanted + 2 * requests_a_listing <= pace * round_seconds
        rounds = 1 if bears_both else math.ceil(seconds / round_seconds)
        return max(rounds, _ROUNDS_A_LISTING_IF_TRUSTED if self._activity.standing is Standing.TRUSTED else 1)

    def is_question_due(self, now: datetime, pace: float, requests_a_listing: int) -> bool:
        """Whether it is time to ask who was active, which costs the part of a listing that it will name."""
        if not self._activity.is_worth_asking(now):
            return False
        if (asked_at := self._activity.asked_at) is None:
            return True
        requests = self._activity.share_named * requests_a_listing
        seconds = min(requests / (_SHARE_OF_QUESTIONS * pace), _A_DAY) if pace else _A_DAY
        return now - asked_at >= timedelta(seconds=seconds)


def _neediest(state: DeviceState, now: datetime) -> float:
    """A key to sort by, the neediest first."""
    if state.asked_at is None:
        return -math.inf
    return (state.asked_at - now).total_seconds() / (1 + min(state.reads_without_news, _PATIENCE))


def _longest_ago(state: DeviceState) -> datetime:
    return state.asked_at or _NEVER


def _now_and_then(states: list[DeviceState], now: datetime, pace: float, share: float) -> list[DeviceState]:
    """Those that were not asked for long, the longest first; seldom enough to spend that share of the pace."""
    by_cost = min(len(states) / (share * pace), _A_DAY) if pace else _A_DAY
    every = max(_NOW_AND_THEN, timedelta(seconds=by_cost))
    return sorted((state for state in states if now - _longest_ago(state) >= every), key=_longest_ago)
