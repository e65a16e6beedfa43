"""What the cloud's word on who was active is worth: believed after witnesses, given up when contradicted."""

from datetime import UTC, datetime, timedelta

from custom_components.datapoint_cloud.fleet.activity import Activity, Standing

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)


def _after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def _bear_witness(activity: Activity, name: str, *, at: float, has_news: bool) -> None:
    """A device that was read two minutes before is read again."""
    activity.weigh(
        name,
        before=_after(at - 3),
        after=_after(at - 0.5) if has_news else _after(at - 3),
        asked_before=_after(at - 2),
    )


def _standing(activity: Activity) -> Standing:
    """What it is now; a type checker takes it for what it was."""
    return activity.standing


def _trusted() -> Activity:
    activity = Activity()
    activity.take({"a"}, 10, _after(0))
    activity.take({"a"}, 10, _after(1))
    for _ in range(3):
        _bear_witness(activity, "a", at=1, has_news=True)
        _bear_witness(activity, "b", at=1, has_news=False)
    assert _standing(activity) is Standing.TRUSTED
    return activity


def test_it_is_believed_after_three_witnesses_of_each_kind() -> None:
    activity = Activity()
    assert _standing(activity) is Standing.ON_TRIAL
    activity.take({"a"}, 10, NOW)
    for _ in range(5):
        _bear_witness(activity, "a", at=0, has_news=True)
    assert _standing(activity) is Standing.ON_TRIAL
    for _ in range(2):
        _bear_witness(activity, "b", at=0, has_news=False)
    assert _standing(activity) is Standing.ON_TRIAL
    _bear_witness(activity, "b", at=0, has_news=False)
    assert _standing(activity) is Standing.TRUSTED


def test_who_was_named_and_had_nothing_new_is_no_witness() -> None:
    activity = Activity()
    activity.take({"a", "b"}, 10, NOW)
    for _ in range(9):
        _bear_witness(activity, "a", at=0, has_news=True)
        _bear_witness(activity, "b", at=0, has_news=False)
    assert _standing(activity) is Standing.ON_TRIAL


def test_a_device_without_a_time_of_its_own_is_no_witness() -> None:
    activity = Activity()
    activity.take({"a"}, 10, NOW)
    for _ in range(9):
        activity.weigh("a", before=None, after=NOW, asked_before=_after(-2))
        activity.weigh("b", before=_after(-3), after=None, asked_before=_after(-2))
    assert _standing(activity) is Standing.ON_TRIAL


def test_nothing_is_weighed_before_it_was_asked_for() -> None:
    activity = Activity()
    activity.weigh("a", before=_after(-9), after=_after(-5), asked_before=_after(-8))
    assert _standing(activity) is Standing.ON_TRIAL


def test_a_report_it_should_have_known_of_ends_it_for_a_day() -> None:
    activity = _trusted()
    activity.take({"a"}, 10, _after(10))
    activity.weigh("c", before=_after(-60), after=_after(5), asked_before=_after(-30))
    assert _standing(activity) is Standing.DISMISSED
    assert not activity.is_worth_asking(_after(10 + 24 * 60 - 1))
    assert activity.is_worth_asking(_after(10 + 24 * 60))
    assert _standing(activity) is Standing.ON_TRIAL
    assert activity.asked_at is None
    assert not activity.is_named("a", NOW)


def test_a_report_around_a_question_contradicts_nothing() -> None:
    activity = _trusted()
    activity.take({"a"}, 10, _after(10))
    # Just before the last question, and before the time that the first one was about.
    activity.weigh("c", before=_after(-60), after=_after(9), asked_before=_after(-30))
    activity.weigh("c", before=_after(-60), after=_after(-9), asked_before=_after(-30))
    assert _standing(activity) is Standing.TRUSTED


def test_a_cloud_that_cannot_tell_is_not_asked_for_a_day() -> None:
    activity = Activity()
    activity.take(None, 10, NOW)
    assert _standing(activity) is Standing.DISMISSED
    assert not activity.is_worth_asking(_after(23 * 60))
    assert activity.is_worth_asking(_after(24 * 60))


def test_who_names_nearly_all_three_times_is_left_alone_for_an_hour() -> None:
    activity = Activity()
    for minute in range(3):
        assert activity.is_worth_asking(_after(minute))
        activity.take(set("abcdefgh"), 10, _after(minute))
    assert _standing(activity) is Standing.DISMISSED
    assert not activity.is_worth_asking(_after(61))
    assert activity.is_worth_asking(_after(62))


def test_one_answer_with_a_choice_forgives_those_without() -> None:
    activity = Activity()
    for minute in range(9):
        activity.take(set("abcdefgh" if minute % 3 else "a"), 10, _after(minute))
    assert _standing(activity) is Standing.ON_TRIAL


def test_questions_overlap_and_the_first_looks_back() -> None:
    activity = Activity()
    assert activity.since(NOW) == _after(-10)
    activity.take({"a"}, 10, NOW)
    assert activity.since(_after(1)) == _after(-2)


def test_who_was_read_since_is_named_no_more() -> None:
    activity = Activity()
    activity.take({"a"}, 10, NOW)
    assert activity.is_named("a", None)
    assert activity.is_named("a", _after(-1))
    assert not activity.is_named("a", _after(1))
    assert not activity.is_named("b", None)


def test_it_tells_how_many_it_named() -> None:
    activity = Activity()
    assert activity.share_named == 1
    activity.take({"a"}, 10, NOW)
    assert activity.share_named == 0.1
    activity.take({"a", "b"}, 1, NOW)
    assert activity.share_named == 1
    activity.take(set(), 0, NOW)
    assert activity.share_named == 1
