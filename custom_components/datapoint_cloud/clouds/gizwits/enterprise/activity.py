"""Chooses the devices of an Enterprise account that are worth reading: those that the cloud calls active.

"Enterprise API, Device search" can filter by `liveness_start`, but no document says what that means. The answers are
therefore on trial: they decide what is read only once readings have confirmed them, and no more when a reading
contradicts them. Time comes in as an argument.
"""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from ...budget import Budget, Purpose
from ...clock import is_ahead
from ...model import Device

_OVERLAP: Final = timedelta(minutes=2)  # between two questions, for clocks that differ and clouds that lag
_SETTLED: Final = timedelta(minutes=2)  # the next answer has to contain a device that reported earlier than this
_FIRST_PERIOD: Final = timedelta(minutes=10)
_MIN_CONFIRMATIONS: Final = 3  # readings of active and of other devices before the answers are trusted
_USELESS_SHARE: Final = 0.8  # of the devices online; an answer that names so many saves no reading
_USELESS_ANSWERS: Final = 3
_USELESS_PAUSE: Final = timedelta(hours=1)
_DISTRUST: Final = timedelta(days=1)

_MIN_ONLINE: Final = 5  # reading fewer devices costs no more than asking which are active
_SHARE_OF_QUESTIONS: Final = 0.04  # of the requests that polling may send
_SHARE_OF_CHECKS: Final = 0.1  # of the readings: those of other devices, which check the answers
_WITNESSES_A_ROUND: Final = 3
_A_DAY: Final = 86_400.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Trust(StrEnum):
    """How far the cloud's answers are believed."""

    ON_TRIAL = "on_trial"
    TRUSTED = "trusted"
    DISMISSED = "dismissed"


class ActivityTrial:
    """The cloud's answers to which devices were active, and how far readings confirm them."""

    def __init__(self) -> None:
        """Begin on trial."""
        self._dismissed_until: datetime | None = None
        self._last_now: datetime | None = None
        self.restart()

    def restart(self) -> None:
        """Put the answers on trial again, whatever was found so far."""
        self.trust = Trust.ON_TRIAL
        self.asked_at: datetime | None = None
        self.share_active = 1.0
        """The share of the devices online that the last answer named."""
        self._first_asked_at: datetime | None = None
        self._active_at: dict[str, datetime] = {}
        self._useless_answers = 0
        self._confirmed_active = 0
        self._confirmed_inactive = 0

    def is_worth_asking(self, now: datetime) -> bool:
        """Whether to go on asking; a trial that was dismissed begins again after a while."""
        if self._last_now is not None and is_ahead(self._last_now, now):
            self.restart()  # our clock was set back, so that all timestamps are wrong
        self._last_now = now
        if self.trust is Trust.DISMISSED and self._dismissed_until is not None and now >= self._dismissed_until:
            self.restart()
        return self.trust is not Trust.DISMISSED

    def since(self, now: datetime) -> datetime:
        """Where the period of the next question begins; periods overlap, so that they leave no gap."""
        return now - _FIRST_PERIOD if self.asked_at is None else self.asked_at - _OVERLAP

    def add_answer(self, active: Collection[str] | None, online: int, asked_at: datetime) -> None:
        """Record which devices the cloud called active (None: it gave no answer), and how many were online."""
        if active is None:
            self._dismiss(asked_at + _DISTRUST)
            return
        self.share_active = min(1.0, len(active) / online) if online else 1.0
        self._useless_answers = self._useless_answers + 1 if self.share_active >= _USELESS_SHARE else 0
        if self._useless_answers >= _USELESS_ANSWERS:
            self._dismiss(asked_at + _USELESS_PAUSE)
            return
        self._first_asked_at = self._first_asked_at or self.since(asked_at)
        self.asked_at = asked_at
        self._active_at.update(dict.fromkeys(active, asked_at))

    def is_active(self, device_id: str, polled_at: datetime | None) -> bool:
        """Whether the cloud has called the device active since it was last polled."""
        active_at = self._active_at.get(device_id)
        return active_at is not None and (polled_at is None or active_at >= polled_at)

    def check(
        self, device_id: str, *, polled_before: datetime, reported_before: datetime | None, reported_at: datetime | None
    ) -> None:
        """Compare the answers with a reading: when the device had reported by the previous poll, and by this one."""
        if self.asked_at is None or self._first_asked_at is None or reported_before is None or reported_at is None:
            return
        is_active = self.is_active(device_id, polled_before - _OVERLAP)
        if reported_at == reported_before:
            self._confirmed_inactive += not is_active
        elif is_active:
            self._confirmed_active += 1
        elif self._first_asked_at + _OVERLAP <= reported_at <= self.asked_at - _SETTLED:
            self._dismiss(self.asked_at + _DISTRUST)
            return
        is_confirmed = min(self._confirmed_active, self._confirmed_inactive) >= _MIN_CONFIRMATIONS
        if self.trust is Trust.ON_TRIAL and is_confirmed:
            self.trust = Trust.TRUSTED

    def _dismiss(self, until: datetime) -> None:
        self.trust = Trust.DISMISSED
        self._dismissed_until = until


class ActiveDevices:
    """Selects the devices that the cloud calls active, and a few others to check its answers."""

    def __init__(
        self,
        budget: Budget,
        search: Callable[[datetime], Awaitable[Sequence[Device] | None]],
        requests_per_list: Callable[[], int],
    ) -> None:
        """Ask with `search` for the devices active since a timestamp; None if the cloud gives no answer."""
        self.trial = ActivityTrial()
        self._budget = budget
        self._search = search
        self._requests_per_list = requests_per_list
        self._checks_due = 0.0

    @property
    def status(self) -> str:
        """How far the answers are believed, for diagnostics."""
        return self.trial.trust

    async def refresh(self, online: int, now: datetime) -> Sequence[Device]:
        """Ask which devices were active, if that is due; return those, as the cloud lists them now."""
        if online < _MIN_ONLINE or not self.is_question_due(now):
            return ()
        if self._budget.left(Purpose.POLLING) < math.ceil(self._cost):
            return ()
        active = await self._search(self.trial.since(now))
        self.trial.add_answer(None if active is None else {device.id for device in active}, online, now)
        return active or ()

    def is_question_due(self, now: datetime) -> bool:
        """Whether to ask now; a question may cost its share of the requests that polling may send."""
        if not self.trial.is_worth_asking(now):
            return False
        if (asked_at := self.trial.asked_at) is None:
            return True
        pace = self._budget.pace
        seconds = min(self._cost / (_SHARE_OF_QUESTIONS * pace), _A_DAY) if pace else _A_DAY
        return now - asked_at >= timedelta(seconds=seconds)

    @property
    def _cost(self) -> float:
        """The requests of a question: the pages of the device list that it will fill."""
        return self.trial.share_active * self._requests_per_list()

    def select(self, due: Mapping[str, datetime | None], allowance: float) -> Sequence[str]:
        """Return the ids of the devices to read, the most urgent first; see `DeviceSelector`."""
        active = [device_id for device_id, polled_at in due.items() if self.trial.is_active(device_id, polled_at)]
        active_ids = set(active)
        others = [device_id for device_id in due if device_id not in active_ids]
        match self.trial.trust:
            case Trust.TRUSTED:
                active.sort(key=lambda device_id: due[device_id] or _NEVER)
                return [*self._checks(due, others, len(active), allowance), *active]
            case Trust.ON_TRIAL:
                # Only a device that was read before can confirm or contradict an answer.
                known = [[device_id for device_id in ids if due[device_id] is not None] for ids in (active, others)]
                witnesses = [device_id for ids in known for device_id in ids[:_WITNESSES_A_ROUND]]
                return list(dict.fromkeys([*witnesses, *due]))
            case Trust.DISMISSED:
                return list(due)

    def learn(
        self, device_id: str, *, polled_before: datetime, reported_before: datetime | None, reported_at: datetime | None
    ) -> None:
        """Check the answers by a reading; see `DeviceSelector`."""
        self.trial.check(
            device_id, polled_before=polled_before, reported_before=reported_before, reported_at=reported_at
        )

    def _checks(
        self, due: Mapping[str, datetime | None], others: Sequence[str], active: int, allowance: float
    ) -> Sequence[str]:
        """Some of the devices that are not called active; those never read get what the active ones leave."""
        self._checks_due = min(self._checks_due + max(1.0, min(active, allowance)) * _SHARE_OF_CHECKS, len(others))
        unread = sum(due[device_id] is None for device_id in others)
        checks = others[: int(min(max(self._checks_due, min(unread, allowance - active)), max(0.0, allowance)))]
        self._checks_due = max(0.0, self._checks_due - len(checks))
        return checks
