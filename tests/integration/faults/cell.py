"""One cell of the table: a kind of fault strikes a class of requests, and the cell checks the consequences."""

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from .account import UNAVAILABLE, Account
from .complaints import Complaints
from .kinds import Kind
from .requests import Concern, RequestClass


class Phase(StrEnum):
    """When the fault begins."""

    SET_UP = "at set-up"
    RESTART = "at a restart"
    RUNNING = "while running"


_STEPS_TO_COME_BACK = 2
_EVERYTHING_IS_REQUESTED_AFTER = 27 * 3600.0  # seconds; definitions are kept for a day
_LONGEST_START = 30
_TIMES_THE_USUAL = 3
_FEW = 3  # requests more than usual are no storm


@dataclass(slots=True)
class Cell:
    """Runs one cell; `complaints` lists the failures."""

    account: Account
    request: RequestClass
    kind: Kind
    complaints: Complaints = field(default_factory=Complaints)

    async def run(self, phase: Phase) -> None:
        """Let the fault begin in this phase, go on for a while, and end."""
        account = self.account
        if phase is Phase.SET_UP:
            await self._set_up_with_fault()
        else:
            await account.live_well()
            inventory_before = account.inventory()
            await (self._run_with_fault() if phase is Phase.RUNNING else self._restart_with_fault())
            await self._end_fault(inventory_before)
        self.complaints.add_of_tracebacks(account)

    async def _set_up_with_fault(self) -> None:
        account = self.account
        account.make()
        self._strike()
        self._check_start(await account.set_up())
        for _ in range(3):
            await account.step()
        self._check_reports()
        if self.kind.is_harmless:
            self.complaints.add_if_not_shown(account, "a harmless fault hides it")
        self.request.relieve(account.simulation)
        account.report()
        # Home Assistant tries a failed set-up again after pauses that grow each time.
        for _ in range(6 * self._steps_to_come_back):
            await account.step()
            if account.shown() == account.value:
                break
        self.complaints.add_if_not_shown(account, "not set up after the fault")

    async def _restart_with_fault(self) -> None:
        self._strike()
        self._check_start(await self.account.reload())
        await self._continue_fault(usual=self.account.usual_start)

    async def _run_with_fault(self) -> None:
        usual = 0
        if self.request.is_seldom:
            self.account.revoke_tokens()
            self._strike()
            await self.account.step(_EVERYTHING_IS_REQUESTED_AFTER)
            usual = self.account.usual_start
        else:
            self._strike()
        await self._continue_fault(usual=usual)

    async def _continue_fault(self, *, usual: int) -> None:
        """Let the fault go on until all readings are stale, and check the consequences."""
        account = self.account
        for _ in range(account.pace.steps_until_stale):
            await account.step()
            shown = account.shown()
            self.complaints.add_if(shown not in {account.value, None, *UNAVAILABLE}, f"invented {shown}")
        usual += account.usual_step * account.pace.steps_until_stale
        requests = account.requests()
        is_storm = requests > _TIMES_THE_USUAL * usual + _FEW
        self.complaints.add_if(is_storm, f"{requests} requests where {usual} are usual")
        self._check_reports()
        self._check_only_the_concerned_suffer()

    async def _end_fault(self, inventory_before: Counter[str]) -> None:
        account, complaints = self.account, self.complaints
        lost = account.lost()
        is_reported = account.lines() or account.issues() or account.sign_ins()
        complaints.add_if(lost and not is_reported, "lost in silence")
        self.request.relieve(account.simulation)
        account.caplog.clear()
        account.report()
        for _ in range(self._steps_to_come_back):
            await account.step()
        complaints.add_if_not_back(account)
        complaints.add_if(lost and not account.lines(), "back in silence")
        complaints.add_of_repetition(account)
        complaints.add_of_warnings(account, "a warning when it was over")
        complaints.add_of("removed", inventory_before - account.inventory())
        complaints.add_of("new", account.inventory() - inventory_before)

    @property
    def _steps_to_come_back(self) -> int:
        return _STEPS_TO_COME_BACK + math.ceil(self.kind.pause_seconds / self.account.pace.step)

    def _strike(self) -> None:
        self.account.reset_counts()
        self.request.strike(self.account.simulation, self.kind.make())

    # Forbidden consequences

    def _check_start(self, seconds: float) -> None:
        self.complaints.add_if(seconds > _LONGEST_START, f"the start took {seconds:.0f} s")

    def _check_reports(self) -> None:
        self.complaints.add_of_repetition(self.account)
        # Firstlight has no endpoint of tokens, and its gateway refuses them with a bare page.
        is_of_gateway = self.kind.name in {"401 without a code", "403 without a code"}
        if not (self.account.cloud == "firstlight" and is_of_gateway):
            self.complaints.add_of_sign_in(self.account)
        if self.kind.is_harmless:
            self.complaints.add_of_warnings(self.account, "a harmless fault is logged")

    def _check_only_the_concerned_suffer(self) -> None:
        lost = self.account.lost()
        concern = Concern.NONE if self.kind.is_harmless else self.request.concern
        if self.kind.pause_seconds or concern is Concern.ACCOUNT:
            return
        if concern is Concern.DEVICE:
            lost -= self.account.entities_of_device()
        self.complaints.add_of("lost without need", lost)
