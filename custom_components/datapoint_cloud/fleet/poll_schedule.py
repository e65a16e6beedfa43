"""Decides which devices a poll reads, within what the budget allows, and how often the devices are listed.

Pure: time and allowance come in as arguments, and no requests are sent.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ..clouds.cloud import DeviceSelector
from ..clouds.model import Device
from .device_state import DeviceState

_SHARE_OF_LISTS = 0.03
_SHARE_OF_PUSHED = 0.5
_SHARE_OF_OFFLINE = 0.05  # the online flag of some clouds is wrong for hours
_OCCASIONALLY = timedelta(minutes=15)
_OFFLINE_PER_ROUND = 20
_FAILED_PER_ROUND = 20
_MAX_DELAY = 7  # a device without new reports waits up to this many times longer
_SMOOTHING_ROUNDS = 3
_A_DAY = 86_400.0
_NEVER = datetime.min.replace(tzinfo=UTC)


class PollSchedule:
    """The order in which the devices of one account are read."""

    def __init__(self, selector: DeviceSelector | None, is_pushed: Callable[[Device], bool]) -> None:
        self._selector = selector
        self._is_pushed = is_pushed
        self._usual_reads = 0.0  # a poll, if the budget allowed all that are due

    def due(
        self, states: Iterable[DeviceState], *, now: datetime, wished: timedelta, allowance: float, pace: float
    ) -> list[DeviceState]:
        """Return the devices to read now, the most urgent first, at most `allowance` of them.

        Devices that push covers and devices that are offline are read occasionally, after all others. So are those that
        the cloud calls inactive, but one whose last read failed is read again soon: until then it counts as lost.
        `pace` is the number of devices that can be read per second.
        """
        regular: list[DeviceState] = []
        pushed: list[DeviceState] = []
        offline: list[DeviceState] = []
        for state in states:
            if self._is_pushed(state.device) and state.polled_at is not None:
                pushed.append(state)
            elif state.device.is_online is False and not state.is_fresh(wished, now):
                offline.append(state)
            else:
                regular.append(state)
        regular.sort(key=lambda state: _urgency(state, now), reverse=True)
        due = self._selected(regular, allowance)
        due += _failed([*regular, *pushed], due)
        self._usual_reads += (len(due) - self._usual_reads) / _SMOOTHING_ROUNDS
        due += [state for state in _occasional(pushed, now, pace, _SHARE_OF_PUSHED) if not state.has_failed]
        due += _occasional(offline, now, pace, _SHARE_OF_OFFLINE)[:_OFFLINE_PER_ROUND]
        return due if allowance == float("inf") else due[: max(0, int(allowance))]

    def _selected(self, regular: list[DeviceState], allowance: float) -> list[DeviceState]:
        if self._selector is None:
            return regular
        by_id = {state.device.id: state for state in regular}
        polled_at = {device_id: state.polled_at for device_id, state in by_id.items()}
        return [by_id[device_id] for device_id in self._selector.select(polled_at, allowance)]

    def interval(self, wished: timedelta, pace: float, requests_per_list: int) -> timedelta:
        """How long it takes until every device was read once at this pace (requests per second)."""
        if pace == float("inf"):
            return wished
        requests = self._usual_reads + requests_per_list
        return max(wished, timedelta(seconds=min(requests / pace, _A_DAY) if pace else _A_DAY))

    def rounds_per_list(self, wished: timedelta, pace: float, requests_per_list: int) -> int:
        """How many polls share one device list.

        Each poll gets its own if the pace allows the list besides the readings. Otherwise lists may cost a small share
        of the requests.
        """
        seconds_per_round = wished.total_seconds()
        if self._usual_reads + 2 * requests_per_list <= pace * seconds_per_round:
            return 1
        seconds = min(requests_per_list / (_SHARE_OF_LISTS * pace) if pace else _A_DAY, _A_DAY)
        return math.ceil(seconds / seconds_per_round)


def _urgency(state: DeviceState, now: datetime) -> float:
    """The seconds since the device was last polled, fewer if earlier polls found no new reports."""
    if state.polled_at is None:
        return math.inf
    return (now - state.polled_at).total_seconds() / (1 + min(state.unchanged_reads, _MAX_DELAY))


def _failed(states: Iterable[DeviceState], due: Iterable[DeviceState]) -> list[DeviceState]:
    """Some of those whose last read failed, the longest ago first, without those that are due anyway."""
    due_ids = {state.device.id for state in due}
    failed = [state for state in states if state.has_failed and state.device.id not in due_ids]
    return sorted(failed, key=lambda state: state.polled_at or _NEVER)[:_FAILED_PER_ROUND]


def _occasional(states: Sequence[DeviceState], now: datetime, pace: float, share: float) -> list[DeviceState]:
    """Those that have waited long enough, the longest first; reading all of them in turn costs a share of the pace."""
    seconds = min(len(states) / (share * pace), _A_DAY) if pace else _A_DAY
    every = max(_OCCASIONALLY, timedelta(seconds=seconds))
    due = (state for state in states if now - (state.polled_at or _NEVER) >= every)
    return sorted(due, key=lambda state: state.polled_at or _NEVER)
