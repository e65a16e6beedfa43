"""Tests that a budget prefers commands to polls and polls to history, and stays below quotas. Time is frozen."""

import json
import time

import pytest
from freezegun.api import FrozenDateTimeFactory

from custom_components.datapoint_cloud.clouds.budget import Budget, Purpose
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import RateLimited, Reason

_HOUR = 3600


@pytest.fixture(autouse=True)
def _frozen(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2026-05-01 12:00:00")


def _budget(per_hour: int | None = 100, *, share: float = 0.5, client_store: ClientStore | None = None) -> Budget:
    budget = Budget(client_store or ClientStore(), per_hour=per_hour)
    budget.share = share
    return budget


def _spend_all(budget: Budget, purpose: Purpose) -> int:
    """Spend until the budget refuses; return the number of requests."""
    for count in range(10_000):
        try:
            budget.spend(purpose)
        except RateLimited:
            return count
    raise AssertionError("the budget never refused")


def _refusal(budget: Budget, purpose: Purpose = Purpose.POLLING) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        budget.spend(purpose)
    return caught.value


def test_history_leaves_enough_for_polls_and_both_leave_the_rest_for_commands() -> None:
    budget = _budget()
    budget.planned = 40
    assert _spend_all(budget, Purpose.HISTORY) == 10
    assert _spend_all(budget, Purpose.POLLING) == 40
    assert budget.left(Purpose.CONTROL) == 50


def test_history_can_spend_a_little_if_polls_need_everything() -> None:
    budget = _budget()
    budget.planned = 1000
    assert _spend_all(budget, Purpose.HISTORY) == 2


def test_history_can_spend_what_polls_do_not_need() -> None:
    budget = _budget()
    budget.planned = 10
    for _ in range(10):
        budget.spend(Purpose.POLLING)
    assert _spend_all(budget, Purpose.HISTORY) == 40


def test_commands_can_spend_everything() -> None:
    budget = _budget(10)
    for _ in range(20):
        budget.spend(Purpose.CONTROL)
    assert budget.remaining == 0
    assert _refusal(budget).reason is Reason.BUDGET_SPENT


def test_groups_spend_half_and_leave_the_reserve_to_single_commands(freezer: FrozenDateTimeFactory) -> None:
    store = ClientStore()
    budget = _budget(share=0.7, client_store=store)
    assert _spend_all(budget, Purpose.GROUP) == 50
    assert 0 < (_refusal(budget, Purpose.GROUP).retry_after or 0) <= 3660
    assert _spend_all(budget, Purpose.POLLING) == 20
    freezer.tick(60)
    budget.spend(Purpose.CONTROL)  # stores the minute before
    again = _budget(share=0.7, client_store=store)
    assert again.left(Purpose.GROUP) == 0
    freezer.tick(3700)
    for _ in range(60):
        again.spend(Purpose.CONTROL)
    assert _spend_all(again, Purpose.GROUP) == 35


@pytest.mark.parametrize(("share", "requests"), [(0.2, 20), (0.9, 90), (1.0, 95)])
def test_polls_can_spend_their_share_but_not_the_reserve(share: float, requests: int) -> None:
    assert _spend_all(_budget(share=share), Purpose.POLLING) == requests


def test_spent_requests_count_for_an_hour(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget()
    _spend_all(budget, Purpose.POLLING)
    freezer.tick(1800)
    assert _spend_all(budget, Purpose.POLLING) == 0
    assert budget.remaining == 50
    freezer.tick(1861)
    assert budget.remaining == 100
    assert _spend_all(budget, Purpose.POLLING) == 50


def test_no_interval_of_an_hour_exceeds_the_share(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget()
    spent: list[float] = []
    for _ in range(300):
        freezer.tick(61)
        while budget.allowance() >= 1:
            budget.spend(Purpose.POLLING)
            spent.append(time.time())
    assert len(spent) > 200
    assert max(sum(0 <= later - first < _HOUR for later in spent) for first in spent) <= 50


def test_a_pause_saves_requests_of_a_quarter_of_an_hour_at_most(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    assert budget.pace == 0.5
    assert budget.allowance() == 450
    freezer.tick(7200)
    assert budget.allowance() == 450
    for _ in range(450):
        budget.spend(Purpose.POLLING)
    assert budget.allowance() < 1
    freezer.tick(100)
    assert budget.allowance() == pytest.approx(50)


def test_commands_slow_the_pace_for_an_hour(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    for _ in range(900):
        budget.spend(Purpose.CONTROL)
    assert budget.pace == 0.25
    freezer.tick(_HOUR + 60)
    assert budget.pace == 0.5


# Quotas of the cloud


def test_the_limit_follows_the_hourly_quota_of_the_cloud() -> None:
    budget = _budget()
    budget.update_quota(limit=1000, window_seconds=_HOUR, remaining=None, resets_at=None)
    assert budget.limit == 1000
    budget.update_quota(limit=60, window_seconds=_HOUR, remaining=None, resets_at=None)
    assert budget.limit == 60
    budget.update_quota(limit=1, window_seconds=60, remaining=None, resets_at=None)
    assert budget.limit == 60  # one request per minute
    budget.update_quota(limit=1000, window_seconds=60, remaining=None, resets_at=None)
    assert budget.limit == 100  # A quota per minute may not be available sixty times an hour.
    budget.update_quota(limit=60, window_seconds=_HOUR, remaining=None, resets_at=None)
    budget.update_quota(limit=None, window_seconds=_HOUR, remaining=10, resets_at=time.time() + 60)
    assert (budget.limit, budget.remaining) == (60, 10)


def test_the_share_that_is_left_follows_the_cloud_or_our_own_count() -> None:
    budget = _budget(3600)
    for _ in range(900):
        budget.spend(Purpose.CONTROL)
    assert budget.share_left == 0.75
    later = time.time() + 50
    budget.update_quota(limit=60, window_seconds=60, remaining=1, resets_at=later)
    assert budget.share_left == 0.75  # the next minute has all of its requests again
    budget.update_quota(limit=1000, window_seconds=_HOUR, remaining=100, resets_at=later)
    assert budget.share_left == 0.1
    budget.update_quota(limit=None, window_seconds=_HOUR, remaining=500, resets_at=later)
    assert budget.share_left == 0.5


def test_requests_of_other_clients_slow_the_pace_until_the_quota_resets(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600, share=1.0)
    assert budget.pace == 1.0
    resets_at = time.time() + 1800
    budget.update_quota(limit=3600, window_seconds=_HOUR, remaining=360, resets_at=resets_at)
    assert budget.resets_at == resets_at
    assert budget.remaining == 360
    assert budget.pace == pytest.approx(0.1)  # without the reserve of 180
    assert budget.left(Purpose.POLLING) == 180
    assert budget.left(Purpose.CONTROL) == 360
    freezer.tick(1801)
    assert budget.resets_at is None
    assert budget.remaining == 3600
    assert budget.pace == 1.0


def test_an_exhausted_quota_has_the_time_of_its_reset() -> None:
    budget = _budget()
    budget.update_quota(limit=100, window_seconds=_HOUR, remaining=3, resets_at=time.time() + 90)
    assert _refusal(budget).retry_after == 90


def test_a_refused_request_succeeds_after_the_announced_time(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget()
    for _ in range(5):
        budget.spend(Purpose.POLLING)
        freezer.tick(120)
    _spend_all(budget, Purpose.POLLING)
    refusal = _refusal(budget)
    assert refusal.reason is Reason.BUDGET_SPENT
    assert refusal.retry_after is not None
    assert 1 <= refusal.retry_after <= _HOUR + 60
    freezer.tick(refusal.retry_after - 60)
    _refusal(budget)
    freezer.tick(60)
    budget.spend(Purpose.POLLING)


# Refusals


def test_simultaneous_refusals_halve_the_pace_once(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    for _ in range(5):
        budget.slow_down()
        freezer.tick(5)
    assert budget.pace == pytest.approx(0.25, rel=0.01)
    freezer.tick(61)
    budget.slow_down()
    assert budget.pace == pytest.approx(0.125, rel=0.01)


def test_the_pace_recovers_within_hours_after_a_refusal(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    budget.slow_down()
    paces = []
    for _ in range(7):
        paces.append(budget.pace)
        freezer.tick(_HOUR)
    assert paces == sorted(paces)
    assert paces[3] == pytest.approx(0.375)
    assert paces[6] == 0.5


def test_many_refusals_leave_a_minimal_pace(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    for _ in range(20):
        budget.slow_down()
        freezer.tick(61)
    assert _spend_all(budget, Purpose.POLLING) >= 90


# Changes of our own clock

_WRONG_CLOCKS = pytest.mark.parametrize("wrong_by", [-365 * 86400, -600, 600, 365 * 86400])


def _set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the wall clock forward or back without letting time pass."""
    before = time.time
    monkeypatch.setattr(time, "time", lambda: before() + seconds)


@_WRONG_CLOCKS
def test_a_clock_change_neither_blocks_nor_frees_requests(
    freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, wrong_by: float
) -> None:
    budget = _budget()
    _spend_all(budget, Purpose.POLLING)
    _set_clock(monkeypatch, wrong_by)
    assert _spend_all(budget, Purpose.POLLING) == 0
    refusal = _refusal(budget)
    assert refusal.retry_after is not None
    assert refusal.retry_after <= _HOUR + 60
    freezer.tick(_HOUR + 60)
    assert _spend_all(budget, Purpose.POLLING) == 50


@_WRONG_CLOCKS
def test_a_clock_change_does_not_affect_the_pace(
    freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, wrong_by: float
) -> None:
    budget = _budget(3600)
    for _ in range(450):
        budget.spend(Purpose.POLLING)
    _set_clock(monkeypatch, wrong_by)
    assert budget.allowance() < 1
    freezer.tick(100)
    assert budget.allowance() == pytest.approx(50)


@_WRONG_CLOCKS
def test_a_clock_change_does_not_affect_the_reset_of_a_quota(
    freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, wrong_by: float
) -> None:
    budget = _budget(3600)
    budget.update_quota(limit=3600, window_seconds=_HOUR, remaining=3, resets_at=time.time() + 1800)
    budget.slow_down()
    _set_clock(monkeypatch, wrong_by)
    assert budget.remaining == 3
    assert _refusal(budget).retry_after == 1800
    freezer.tick(1801)
    assert budget.remaining == 3600
    freezer.tick(6 * _HOUR)
    assert budget.pace == 0.5


def test_a_quota_ends_after_its_window_if_its_reset_is_later(freezer: FrozenDateTimeFactory) -> None:
    budget = _budget(3600)
    budget.update_quota(limit=3600, window_seconds=_HOUR, remaining=3, resets_at=time.time() + 12 * _HOUR)
    assert budget.remaining == 3
    freezer.tick(_HOUR + 1)
    assert budget.remaining == 3600


@_WRONG_CLOCKS
def test_requests_stored_under_a_wrong_clock_count_for_an_hour(
    freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, wrong_by: float
) -> None:
    client_store = ClientStore()
    with monkeypatch.context() as wrong:
        _set_clock(wrong, wrong_by)
        before = _budget(3600, client_store=client_store)
        for _ in range(100):
            before.spend(Purpose.POLLING)
        freezer.tick(60)
        before.spend(Purpose.POLLING)
        before.slow_down()
    budget = _budget(3600, client_store=ClientStore(json.loads(json.dumps(client_store.content))))
    freezer.tick(_HOUR + 120)
    assert budget.remaining == 3600
    budget.slow_down()
    assert budget.pace < 0.5
    freezer.tick(6 * _HOUR)
    assert budget.pace == 0.5


# Restarts and clouds without a limit


def test_spent_requests_and_refusals_survive_a_restart(freezer: FrozenDateTimeFactory) -> None:
    client_store = ClientStore()
    before = _budget(client_store=client_store)
    for _ in range(30):
        before.spend(Purpose.POLLING)
    freezer.tick(60)
    before.spend(Purpose.HISTORY)
    before.slow_down()
    stored = json.loads(json.dumps(client_store.content))
    after = _budget(client_store=ClientStore(stored))
    assert after.remaining == 70
    assert after.left(Purpose.POLLING) < 1  # The pace is halved to 25, and 30 requests are spent.
    freezer.tick(6 * _HOUR)
    assert _budget(client_store=ClientStore(stored)).left(Purpose.POLLING) == 50


def test_damaged_stored_requests_are_ignored() -> None:
    damaged = {"spent": {"x": [1, 1, 1], "7": [1], "8": "no", "9": None}, "slowed": [1]}
    budget = _budget(client_store=ClientStore(damaged))
    assert (budget.remaining, budget.pace) == (100, 50 / _HOUR)


def test_a_budget_without_a_limit_allows_everything() -> None:
    budget = _budget(None)
    budget.update_quota(limit=1, window_seconds=_HOUR, remaining=0, resets_at=time.time() + 60)
    budget.slow_down()
    for purpose in Purpose:
        for _ in range(1000):
            budget.spend(purpose)
        assert budget.left(purpose) == float("inf")
    assert (budget.limit, budget.remaining) == (None, None)
    assert budget.pace == budget.allowance() == float("inf")


def test_a_quota_per_minute_limits_the_minute_and_not_the_pace() -> None:
    budget = Budget(ClientStore(), per_hour=3600)
    budget.update_quota(limit=60, window_seconds=60, remaining=5, resets_at=time.time() + 50)
    assert budget.pace == pytest.approx(0.7)
    assert budget.left(Purpose.POLLING) == 2  # Three of the sixty requests are reserved for commands.
