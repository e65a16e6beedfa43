"""Tests the trial of searches for active devices: readings confirm or contradict their answers."""

from datetime import UTC, datetime, timedelta

from custom_components.datapoint_cloud.clouds.budget import Budget
from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.activity import ActiveDevices, ActivityTrial, Trust

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)


def _after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def _read(trial: ActivityTrial, name: str, *, at: float, has_news: bool) -> None:
    """Check a device that was read two minutes before and is read again."""
    trial.check(
        name,
        reported_before=_after(at - 3),
        reported_at=_after(at - 0.5) if has_news else _after(at - 3),
        polled_before=_after(at - 2),
    )


def _trust(trial: ActivityTrial) -> Trust:
    """Return the current trust; read directly, a type checker would assume the last known value."""
    return trial.trust


def _trusted() -> ActivityTrial:
    trial = ActivityTrial()
    trial.add_answer({"a"}, 10, _after(0))
    trial.add_answer({"a"}, 10, _after(1))
    for _ in range(3):
        _read(trial, "a", at=1, has_news=True)
        _read(trial, "b", at=1, has_news=False)
    assert _trust(trial) is Trust.TRUSTED
    return trial


def test_the_trial_succeeds_after_three_confirmations_of_each_kind() -> None:
    trial = ActivityTrial()
    assert _trust(trial) is Trust.ON_TRIAL
    trial.add_answer({"a"}, 10, NOW)
    for _ in range(5):
        _read(trial, "a", at=0, has_news=True)
    assert _trust(trial) is Trust.ON_TRIAL
    for _ in range(2):
        _read(trial, "b", at=0, has_news=False)
    assert _trust(trial) is Trust.ON_TRIAL
    _read(trial, "b", at=0, has_news=False)
    assert _trust(trial) is Trust.TRUSTED


def test_an_active_device_without_news_confirms_nothing() -> None:
    trial = ActivityTrial()
    trial.add_answer({"a", "b"}, 10, NOW)
    for _ in range(9):
        _read(trial, "a", at=0, has_news=True)
        _read(trial, "b", at=0, has_news=False)
    assert _trust(trial) is Trust.ON_TRIAL


def test_a_device_without_a_time_confirms_nothing() -> None:
    trial = ActivityTrial()
    trial.add_answer({"a"}, 10, NOW)
    for _ in range(9):
        trial.check("a", reported_before=None, reported_at=NOW, polled_before=_after(-2))
        trial.check("b", reported_before=_after(-3), reported_at=None, polled_before=_after(-2))
    assert _trust(trial) is Trust.ON_TRIAL


def test_readings_before_the_first_search_confirm_nothing() -> None:
    trial = ActivityTrial()
    trial.check("a", reported_before=_after(-9), reported_at=_after(-5), polled_before=_after(-8))
    assert _trust(trial) is Trust.ON_TRIAL


def test_a_report_missing_in_the_answer_dismisses_the_searches_for_a_day() -> None:
    trial = _trusted()
    trial.add_answer({"a"}, 10, _after(10))
    trial.check("c", reported_before=_after(-60), reported_at=_after(5), polled_before=_after(-30))
    assert _trust(trial) is Trust.DISMISSED
    assert not trial.is_worth_asking(_after(10 + 24 * 60 - 1))
    assert trial.is_worth_asking(_after(10 + 24 * 60))
    assert _trust(trial) is Trust.ON_TRIAL
    assert trial.asked_at is None
    assert not trial.is_active("a", NOW)


def test_a_report_close_to_a_search_contradicts_nothing() -> None:
    trial = _trusted()
    trial.add_answer({"a"}, 10, _after(10))
    # One report is just before the last search, the other before the period of the first search.
    trial.check("c", reported_before=_after(-60), reported_at=_after(9), polled_before=_after(-30))
    trial.check("c", reported_before=_after(-60), reported_at=_after(-9), polled_before=_after(-30))
    assert _trust(trial) is Trust.TRUSTED


def test_a_refused_search_dismisses_the_searches_for_a_day() -> None:
    trial = ActivityTrial()
    trial.add_answer(None, 10, NOW)
    assert _trust(trial) is Trust.DISMISSED
    assert not trial.is_worth_asking(_after(23 * 60))
    assert trial.is_worth_asking(_after(24 * 60))


def test_three_answers_with_nearly_all_devices_dismiss_the_searches_for_an_hour() -> None:
    trial = ActivityTrial()
    for minute in range(3):
        assert trial.is_worth_asking(_after(minute))
        trial.add_answer(set("abcdefgh"), 10, _after(minute))
    assert _trust(trial) is Trust.DISMISSED
    assert not trial.is_worth_asking(_after(61))
    assert trial.is_worth_asking(_after(62))


def test_one_selective_answer_cancels_those_with_nearly_all_devices() -> None:
    trial = ActivityTrial()
    for minute in range(9):
        trial.add_answer(set("abcdefgh" if minute % 3 else "a"), 10, _after(minute))
    assert _trust(trial) is Trust.ON_TRIAL


def test_searches_overlap_and_the_first_one_looks_back_ten_minutes() -> None:
    trial = ActivityTrial()
    assert trial.since(NOW) == _after(-10)
    trial.add_answer({"a"}, 10, NOW)
    assert trial.since(_after(1)) == _after(-2)


def test_a_device_read_after_the_search_is_no_longer_active() -> None:
    trial = ActivityTrial()
    trial.add_answer({"a"}, 10, NOW)
    assert trial.is_active("a", None)
    assert trial.is_active("a", _after(-1))
    assert not trial.is_active("a", _after(1))
    assert not trial.is_active("b", None)


def test_the_share_of_active_devices_follows_the_last_answer() -> None:
    trial = ActivityTrial()
    assert trial.share_active == 1
    trial.add_answer({"a"}, 10, NOW)
    assert trial.share_active == 0.1
    trial.add_answer({"a", "b"}, 1, NOW)
    assert trial.share_active == 1
    trial.add_answer(set(), 0, NOW)
    assert trial.share_active == 1


def _devices(pages: int, per_hour: int | None) -> ActiveDevices:
    async def search(_: datetime) -> None:
        raise AssertionError("no search is expected")

    return ActiveDevices(Budget(ClientStore(), per_hour=per_hour), search, lambda: pages)


def test_searches_cost_little_compared_to_readings() -> None:
    devices = _devices(100, 3600)
    devices._budget.share = 1.0  # one request per second
    assert devices.is_question_due(NOW)  # The cost of a search is not known yet.
    devices.trial.add_answer({"a"}, 2, NOW)
    # 50 requests are four percent of 1250 seconds at one request per second.
    assert not devices.is_question_due(NOW + timedelta(seconds=1249))
    assert devices.is_question_due(NOW + timedelta(seconds=1250))
    devices._budget.share = 0.0
    assert not devices.is_question_due(_after(60))
    unlimited = _devices(100, None)
    unlimited.trial.add_answer({"a"}, 2, NOW)
    assert unlimited.is_question_due(_after(1))
    unlimited.trial.add_answer(None, 2, NOW)
    assert not unlimited.is_question_due(_after(60))


def test_the_trial_starts_again_if_the_clock_is_set_back() -> None:
    trial = ActivityTrial()
    assert trial.is_worth_asking(_after(600))
    trial.add_answer(None, 10, _after(600))
    assert not trial.is_worth_asking(_after(601))
    assert trial.is_worth_asking(NOW)
    assert trial.asked_at is None
