"""Which devices a poll reads: those that need it most, and never more than the allowance."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.budget import Budget
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import Forbidden, Reason, Unreachable
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.activity import ActiveDevices, Trust
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.fleet.device_state import DeviceState
from custom_components.datapoint_cloud.fleet.poll_schedule import PollSchedule
from custom_components.datapoint_cloud.profiles import Profiles

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UNLIMITED = float("inf")


def _state(
    name: str, *, minutes_ago: float | None = 1, is_online: bool | None = True, without_news: int = 0
) -> DeviceState:
    """Return the state of a device that was read this number of minutes ago."""
    state = DeviceState(Device(id=name, name=name, schema_id="product", is_online=is_online), Profiles())
    state.polled_at = None if minutes_ago is None else NOW - minutes_ago * MINUTE
    state.unchanged_reads = without_news
    return state


def _many(prefix: str, count: int, **more: Any) -> list[DeviceState]:
    return [_state(f"{prefix}{number}", **more) for number in range(count)]


async def _search(_: datetime) -> None:
    raise AssertionError("this test sends no request")


def _schedule(*named: str, trust: Trust = Trust.TRUSTED, pushed: tuple[str, ...] = ()) -> PollSchedule:
    """Return a schedule whose cloud has just named these devices, and whether it is trusted."""
    selector = ActiveDevices(Budget(ClientStore(), per_hour=None), _search, lambda: 1)
    selector.trial.add_answer(set(named), 10 * len(named) + 10, NOW)
    selector.trial.trust = trust
    return PollSchedule(selector, lambda device: device.id in pushed)


def _due(
    schedule: PollSchedule,
    states: list[DeviceState],
    *,
    allowance: float = UNLIMITED,
    pace: float = 1,
    at: datetime = NOW,
) -> list[str]:
    due = schedule.due(states, now=at, wished=MINUTE, allowance=allowance, pace=pace)
    return [state.device.id for state in due]


@pytest.mark.parametrize("trust", [Trust.ON_TRIAL, Trust.DISMISSED])
def test_all_devices_are_read_in_turn_while_the_cloud_is_not_trusted(trust: Trust) -> None:
    states = _many("a", 7)
    due = _due(_schedule("a1", trust=trust), states)
    assert sorted(due) == [state.device.id for state in states]


@pytest.mark.parametrize("allowance", [0, 0.9, 1, 3.5, 5, 100])
@pytest.mark.parametrize("trust", list(Trust))
def test_the_allowance_is_respected(trust: Trust, allowance: float) -> None:
    states = [*_many("a", 5), *_many("b", 5, minutes_ago=None), *_many("c", 5, minutes_ago=99, is_online=False)]
    due = _due(_schedule("a1", "a2", trust=trust), states, allowance=allowance)
    assert len(due) <= allowance
    assert len(set(due)) == len(due)


def test_devices_without_a_reading_come_first() -> None:
    states = [_state("old", minutes_ago=600), _state("new", minutes_ago=None), _state("older", minutes_ago=900)]
    assert _due(_schedule(trust=Trust.DISMISSED), states, allowance=1) == ["new"]
    assert _due(_schedule("new"), states, allowance=1) == ["new"]


def test_the_device_that_waited_longest_is_next() -> None:
    states = [_state("a", minutes_ago=1), _state("b", minutes_ago=3), _state("c", minutes_ago=2)]
    assert _due(_schedule(trust=Trust.DISMISSED), states)[-2:] == ["c", "a"]
    assert _due(_schedule("a", "b", "c"), states) == ["b", "c", "a"]


def test_without_a_selector_unread_devices_come_first_then_the_oldest_readings() -> None:
    schedule = PollSchedule(None, lambda _: False)
    states = [
        _state("a", minutes_ago=1),
        _state("b", minutes_ago=3),
        _state("new", minutes_ago=None),
        _state("c", minutes_ago=2),
    ]
    assert _due(schedule, states) == ["new", "b", "c", "a"]
    assert _due(schedule, states, allowance=2) == ["new", "b"]


def test_a_device_without_news_waits_longer_unless_it_has_news() -> None:
    states = [_state("silent", minutes_ago=4, without_news=7), _state("lively", minutes_ago=1)]
    assert _due(_schedule(trust=Trust.DISMISSED), states, allowance=1) == ["lively"]
    assert _due(_schedule("silent", "lively"), states, allowance=1) == ["silent"]
    # However long it has been silent, it waits at most eight times as long.
    states[0].unchanged_reads = 10_000
    states[0].polled_at = NOW - 9 * MINUTE
    assert _due(_schedule(trust=Trust.DISMISSED), states, allowance=1) == ["silent"]


def test_a_tenth_of_the_unnamed_devices_is_read_as_a_check() -> None:
    named = _many("named", 40)
    others = _many("other", 200, minutes_ago=30)
    schedule = _schedule(*(state.device.id for state in named))
    swept: list[str] = []
    for minute in range(10):
        due = _due(schedule, [*named, *others], allowance=44, at=NOW + minute * MINUTE)
        swept += [name for name in due if name.startswith("other")]
        for state in others:
            if state.device.id in due:
                state.polled_at = NOW + minute * MINUTE
    assert len(swept) == 40
    assert len(set(swept)) == 40  # each in its turn


def test_one_device_is_read_as_a_check_also_where_none_is_named() -> None:
    schedule = _schedule()
    states = _many("a", 5, minutes_ago=30)
    assert [len(_due(schedule, states)) for _ in range(25)].count(1) == 2


def test_turns_that_the_named_devices_leave_go_to_unread_ones() -> None:
    named, new = _many("named", 10), _many("new", 100, minutes_ago=None)
    schedule = _schedule(*(state.device.id for state in named))
    due = _due(schedule, [*named, *new], allowance=40)
    assert sum(name.startswith("new") for name in due) == 30
    # Where the named devices leave no turn, the unread devices use the turns of the check.
    named = _many("named", 60)
    schedule = _schedule(*(state.device.id for state in named))
    due = _due(schedule, [*named, *new], allowance=40)
    assert sum(name.startswith("new") for name in due) == 4


def test_a_few_known_devices_are_read_as_a_check_before_unread_ones() -> None:
    states = [*_many("known", 9), *_many("new", 100, minutes_ago=None)]
    schedule = _schedule(*(f"known{number}" for number in range(9)), trust=Trust.ON_TRIAL)
    due = _due(schedule, states, allowance=20)
    assert sum(name.startswith("known") for name in due) >= 3
    due = _due(_schedule(trust=Trust.DISMISSED), _many("new", 100, minutes_ago=None), allowance=20)
    assert len(due) == 20


def test_a_device_whose_read_failed_is_read_again_although_nothing_is_new() -> None:
    states = [*_many("quiet", 40), *_many("failed", 30, minutes_ago=2), *_many("pushed", 2)]
    for state in states:
        if not state.device.id.startswith("quiet"):
            state.failure = Unreachable(Reason.SERVER_ERROR)
    schedule = _schedule(pushed=("pushed0", "pushed1"))
    due = _due(schedule, states)
    assert len([name for name in due if name.startswith("failed")]) == 20  # it may be forever
    assert len(set(due)) == len(due)
    assert sorted(_due(schedule, states[-2:])) == ["pushed0", "pushed1"]


def test_a_device_whose_datapoints_are_not_granted_is_not_read_again_sooner() -> None:
    state = _state("refused", minutes_ago=2)
    state.failure = Forbidden(Reason.FEATURE_NOT_GRANTED)
    schedule = _schedule(pushed=("refused",))
    assert _due(schedule, [state]) == []


def test_a_pushed_device_is_read_rarely() -> None:
    state = _state("a", minutes_ago=14)
    schedule = _schedule(trust=Trust.DISMISSED, pushed=("a",))
    assert _due(schedule, [state]) == []
    state.polled_at = NOW - 15 * MINUTE
    assert _due(schedule, [state]) == ["a"]
    state.polled_at = None
    assert _due(schedule, [state]) == ["a"]


def test_many_pushed_devices_are_read_as_rarely_as_the_pace_allows() -> None:
    states = _many("a", 900, minutes_ago=29)
    schedule = _schedule(trust=Trust.DISMISSED, pushed=tuple(state.device.id for state in states))
    assert _due(schedule, states, pace=1) == []  # half the pace: every half hour
    assert len(_due(schedule, states, pace=2)) == 900
    assert _due(schedule, states, pace=0) == []


def test_offline_devices_are_read_rarely_and_not_all_at_once() -> None:
    schedule = _schedule(trust=Trust.DISMISSED)
    assert _due(schedule, _many("a", 3, minutes_ago=14, is_online=False)) == []
    assert len(_due(schedule, _many("a", 3, minutes_ago=15, is_online=False))) == 3
    assert len(_due(schedule, _many("a", 50, minutes_ago=60, is_online=False))) == 20
    assert _due(schedule, _many("a", 50, minutes_ago=60, is_online=False), pace=0.1) == []
    mixed = [_state("longest", minutes_ago=None, is_online=False), *_many("a", 50, minutes_ago=60, is_online=False)]
    assert _due(schedule, mixed)[0] == "longest"


def test_a_device_that_has_just_reported_counts_as_online_despite_its_flag() -> None:
    state = _state("a", is_online=False)
    state.reported_at = NOW - MINUTE
    assert _due(_schedule(trust=Trust.DISMISSED), [state]) == ["a"]


def test_a_full_turn_takes_the_time_that_the_pace_allows() -> None:
    schedule = _schedule(trust=Trust.DISMISSED)
    for _ in range(30):
        _due(schedule, _many("a", 119))
    assert schedule.interval(MINUTE, 1, 1).total_seconds() == pytest.approx(120, abs=0.1)
    assert schedule.interval(5 * MINUTE, 1, 1) == 5 * MINUTE
    assert schedule.interval(MINUTE, UNLIMITED, 1) == MINUTE
    assert schedule.interval(MINUTE, 0, 1) == timedelta(days=1)


def test_a_trusted_cloud_makes_turns_shorter() -> None:
    states = _many("a", 1000)
    schedule = _schedule(*(f"a{number}" for number in range(100)))
    for _ in range(30):
        _due(schedule, states)
    assert schedule.interval(MINUTE, 1, 10).total_seconds() == pytest.approx(120, abs=0.1)


@pytest.mark.parametrize(
    ("trust", "pace", "requests", "rounds"),
    [
        (Trust.DISMISSED, UNLIMITED, 1, 1),
        (Trust.DISMISSED, 1, 1, 1),
        (Trust.DISMISSED, 1, 30, 1),  # half of what a round of a minute allows, and no device to read
        (Trust.DISMISSED, 1, 36, 20),
        (Trust.DISMISSED, 0, 1, 1440),
        (Trust.TRUSTED, 1, 1, 1),
        (Trust.TRUSTED, 1, 36, 20),
    ],
)
def test_lists_cost_little_beside_readings(trust: Trust, pace: float, requests: int, rounds: int) -> None:
    assert _schedule(trust=trust).rounds_per_list(MINUTE, pace, requests) == rounds


def test_a_list_yields_to_the_readings_of_a_fleet_that_needs_them() -> None:
    schedule = _schedule(trust=Trust.DISMISSED)
    assert schedule.rounds_per_list(MINUTE, 1, 2) == 1
    for _ in range(20):
        schedule.due(_many("d", 57), now=NOW, wished=MINUTE, allowance=60, pace=1)
    assert schedule.rounds_per_list(MINUTE, 1, 2) == 2
