"""What is known of a device, from readings and times alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.model import (
    Datapoint,
    DataType,
    Device,
    Reading,
    Role,
    Schema,
    Snapshot,
)
from custom_components.datapoint_cloud.fleet.device_state import DeviceState
from custom_components.datapoint_cloud.fleet.events import AlarmChange
from custom_components.datapoint_cloud.fleet.stored_state import restore, stored_form
from custom_components.datapoint_cloud.profiles import Profile, Profiles
from custom_components.datapoint_cloud.profiles.format import read_profiles

_NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
_PENDING_FOR = timedelta(seconds=35)
_MINUTE = timedelta(minutes=1)
_SCHEMA = Schema(
    datapoints=(
        Datapoint(key="power", name="Power", data_type=DataType.BOOL, is_writable=True),
        Datapoint(
            key="level", name="Level", data_type=DataType.NUMBER, is_writable=True, minimum=0, maximum=9, step=0.5
        ),
        Datapoint(key="leak", name="Leak", data_type=DataType.BOOL, role=Role.ALARM),
    )
)


def _state(**fields: Any) -> DeviceState:
    state = DeviceState(Device(**{"id": "d", "name": "D", "schema_id": "s"} | fields), Profiles())
    state.describe(_SCHEMA)
    return state


def _told(at: datetime = _NOW, **values: Any) -> Snapshot:
    return Snapshot(readings={key: Reading(value, at) for key, value in values.items()}, reported_at=at)


def _nobody_waits(is_confirmed: bool) -> None:
    pass


def test_only_values_that_changed_are_news() -> None:
    state = _state()
    assert state.merge_snapshot(_told(power=True, level=3), _NOW)[0] == {"power", "level"}
    assert state.merge_snapshot(_told(power=True, level=4), _NOW)[0] == {"level"}
    assert state.merge_snapshot(_told(power=True, level=4), _NOW)[0] == set()


def test_an_answer_that_lacks_a_value_takes_nothing_away() -> None:
    state = _state()
    state.merge_snapshot(_told(power=True, level=3), _NOW)
    state.merge_snapshot(_told(power=False), _NOW)
    assert (state.value("power"), state.value("level")) == (False, 3)


def test_null_is_unknown() -> None:
    state = _state()
    state.merge_snapshot(_told(level=3), _NOW)
    assert state.merge_snapshot(_told(level=None), _NOW)[0] == {"level"}
    assert state.value("level") is None


def test_an_older_reading_changes_nothing() -> None:
    state = _state()
    state.merge_snapshot(_told(power=True), _NOW)
    changed, _ = state.merge_snapshot(_told(_NOW - _MINUTE, power=False), _NOW)
    assert changed == set()
    assert state.value("power") is True
    assert state.reported_at == _NOW


def test_a_cloud_that_counts_whole_seconds_is_believed_after_what_it_pushed_in_the_same_second() -> None:
    state = _state()
    pushed_at = _NOW.replace(microsecond=700_000)
    state.merge_snapshot(_told(pushed_at, power=True), pushed_at)
    state.merge_snapshot(
        _told(_NOW.replace(microsecond=0), power=False), pushed_at + _MINUTE, requested_at=pushed_at + _MINUTE
    )
    assert state.value("power") is False


def test_an_answer_to_what_was_asked_before_a_push_changes_nothing() -> None:
    state = _state()
    state.merge_snapshot(_told(_NOW, power=True, level=1), _NOW)
    state.merge_snapshot(_told(_NOW, power=False, level=2, mode=3), _NOW, requested_at=_NOW - _MINUTE)
    assert (state.value("power"), state.value("level"), state.value("mode")) == (True, 1, 3)


def test_what_was_asked_for_is_shown_until_a_reading_confirms_it() -> None:
    state = _state()
    state.merge_snapshot(_told(power=False), _NOW)
    state.expect("power", True, _NOW, _nobody_waits, pending_for=_PENDING_FOR)
    assert state.value("power") is True
    assert state.merge_snapshot(_told(power=False), _NOW)[0] == set()
    assert state.value("power") is True
    assert state.merge_snapshot(_told(_NOW + _MINUTE, power=True), _NOW)[0] == set()
    assert not state.pending


def test_a_device_confirms_a_number_by_the_nearest_that_it_can_have() -> None:
    state = _state()
    state.expect("level", 3.2, _NOW, _nobody_waits, pending_for=_PENDING_FOR)
    state.merge_snapshot(_told(level=3.0), _NOW)
    assert not state.pending
    assert state.value("level") == 3.0


def test_the_value_from_before_does_not_take_back_what_was_asked_for() -> None:
    state, settled = _state(), list[bool]()
    state.merge_snapshot(_told(level=3.0), _NOW)
    state.expect("level", 4.0, _NOW, settled.append, pending_for=_PENDING_FOR)
    state.expect("level", 5.0, _NOW, settled.append, pending_for=_PENDING_FOR)
    assert settled == [False]  # a later command took its place
    for on_its_way in (3.0, 4.0):
        state.merge_snapshot(_told(_NOW + _MINUTE, level=on_its_way), _NOW)
        assert state.value("level") == 5.0
    state.merge_snapshot(_told(_NOW + _MINUTE, level=5.0), _NOW)
    assert (settled, len(state.pending)) == ([False, True], 0)


def test_a_stale_reading_near_the_value_from_before_confirms_no_return_to_it() -> None:
    state, settled = _state(), list[bool]()
    state.merge_snapshot(_told(level=3.1), _NOW)  # finer than its definition
    state.expect("level", 5.0, _NOW, _nobody_waits, pending_for=_PENDING_FOR)
    state.expect("level", 3.0, _NOW, settled.append, pending_for=_PENDING_FOR)
    state.merge_snapshot(_told(level=3.1), _NOW, requested_at=_NOW + timedelta(seconds=1))
    assert settled == []
    state.merge_snapshot(_told(_NOW + timedelta(seconds=2), level=3.1), _NOW, requested_at=_NOW + timedelta(seconds=2))
    assert settled == [True]


def test_a_value_that_nobody_asked_for_is_the_devices_own_word() -> None:
    state, settled = _state(), list[bool]()
    state.merge_snapshot(_told(level=3.0), _NOW)
    state.expect("level", 5.0, _NOW, settled.append, pending_for=_PENDING_FOR)
    assert state.merge_snapshot(_told(_NOW + _MINUTE, level=4.5), _NOW + timedelta(seconds=9))[0] == set()
    assert (state.value("level"), settled) == (5.0, [])  # it may be from before the command
    assert state.merge_snapshot(_told(_NOW + _MINUTE, level=4.5), _NOW + timedelta(seconds=10))[0] == {"level"}
    assert (state.value("level"), settled) == (4.5, [False])


def test_an_answer_asked_for_before_the_command_says_nothing_of_what_it_changed() -> None:
    state, settled = _state(), list[bool]()
    state.merge_snapshot(_told(level=3.0, power=False), _NOW)
    state.expect("level", 5.0, _NOW + _MINUTE, settled.append, pending_for=_PENDING_FOR)
    late = _told(_NOW + _MINUTE, level=5.0, power=True)
    assert state.merge_snapshot(late, _NOW + _MINUTE, requested_at=_NOW)[0] == {"power"}
    assert settled == []
    state.merge_snapshot(late, _NOW + 2 * _MINUTE, requested_at=_NOW + _MINUTE)
    assert settled == [True]
    state.merge_snapshot(_told(_NOW + _MINUTE, level=3.0), _NOW + 2 * _MINUTE, requested_at=_NOW)
    assert state.value("level") == 5.0


def test_what_is_never_confirmed_is_taken_back_in_time() -> None:
    state = _state()
    state.merge_snapshot(_told(power=False), _NOW)
    state.expect("power", True, _NOW, _nobody_waits, pending_for=_PENDING_FOR)
    assert state.drop_unconfirmed(_NOW + _PENDING_FOR - timedelta(seconds=1)) == {}
    assert state.drop_unconfirmed(_NOW + _PENDING_FOR) == {"power": True}
    assert state.value("power") is False


def test_an_alarm_is_news_when_it_comes_and_when_it_goes() -> None:
    state = _state()
    state.merge_snapshot(_told(leak=False), _NOW)
    leak = state.datapoints["leak"]
    assert state.merge_snapshot(_told(leak=True), _NOW)[1] == [AlarmChange(leak, is_raised=True)]
    assert state.merge_snapshot(_told(leak=True), _NOW)[1] == []
    assert state.merge_snapshot(_told(leak=False), _NOW)[1] == [AlarmChange(leak, is_raised=False)]


def test_an_alarm_that_is_on_at_the_first_reading_is_no_news() -> None:
    assert _state().merge_snapshot(_told(leak=True), _NOW)[1] == []


def test_an_alarm_first_heard_of_when_it_is_on_is_no_news() -> None:
    state = _state()
    state.merge_snapshot(_told(), _NOW)
    state.merge_snapshot(_told(power=True, leak=None), _NOW)
    assert state.merge_snapshot(_told(leak=True), _NOW)[1] == []
    assert state.active_alarms[0].key == "leak"
    leak = state.datapoints["leak"]
    assert state.merge_snapshot(_told(leak=False), _NOW)[1] == [AlarmChange(leak, is_raised=False)]
    assert state.merge_snapshot(_told(leak=True), _NOW)[1] == [AlarmChange(leak, is_raised=True)]


def test_an_alarm_that_loses_its_value_is_not_over() -> None:
    state = _state()
    state.merge_snapshot(_told(leak=False), _NOW)
    state.merge_snapshot(_told(leak=True), _NOW)
    assert state.merge_snapshot(_told(leak=None), _NOW)[1] == []
    assert state.merge_snapshot(_told(leak=True), _NOW)[1] == []
    leak = state.datapoints["leak"]
    assert state.merge_snapshot(_told(leak=False), _NOW)[1] == [AlarmChange(leak, is_raised=False)]


@pytest.mark.parametrize(
    ("fields", "readings", "has_problem"),
    [
        ({}, {}, None),
        ({}, {"leak": False}, False),
        ({}, {"leak": True}, True),
        ({"has_alert": False, "has_fault": False}, {}, False),
        ({"has_alert": False, "has_fault": True}, {}, True),
        ({"has_alert": True}, {"leak": False}, True),
    ],
)
def test_a_problem_is_an_alarm_or_a_flag_and_unknown_where_nobody_says(
    fields: dict[str, bool], readings: dict[str, Any], has_problem: bool | None
) -> None:
    state = _state(**fields)
    state.merge_snapshot(_told(**readings), _NOW)
    assert state.has_problem is has_problem


def test_a_problem_follows_every_change() -> None:
    state = _state()
    seen = [state.has_problem]
    for leak in (False, True, None, True):
        state.merge_snapshot(_told(leak=leak), _NOW)
        seen.append(state.has_problem)
    assert seen == [None, False, True, None, True]
    state.expect("leak", False, _NOW, _nobody_waits, pending_for=_PENDING_FOR)  # an alarm that can be acknowledged
    assert state.has_problem is False
    state.merge_snapshot(_told(leak=True), _NOW, requested_at=_NOW)
    assert state.has_problem is False
    state.drop_unconfirmed(_NOW + _PENDING_FOR)
    assert state.has_problem is True
    restore(state, stored_form(_state()) | {"readings": {"leak": [False, None]}}, _NOW)
    assert state.has_problem is False
    smoke = Datapoint(key="smoke", name="Smoke", data_type=DataType.BOOL, role=Role.ALARM)
    state.merge_snapshot(_told(smoke=True), _NOW)
    assert state.has_problem is False
    state.describe(None, [smoke])
    assert state.has_problem is True


def test_readings_survive_being_stored() -> None:
    state, later = _state(), _state()
    state.merge_snapshot(_told(power=True, level=2.5, leak=False), _NOW)
    restore(later, stored_form(state), _NOW)
    assert later.readings == state.readings
    assert (later.read_at, later.reported_at) == (_NOW, _NOW)
    # An alarm of the time between is still news.
    assert later.merge_snapshot(_told(leak=True), _NOW)[1]


def test_an_alarm_that_is_a_number_survives_being_stored() -> None:
    (profile,) = read_profiles('match: {has: "*"}\ndatapoints: {level: {as: alarm}}', "f")
    assert isinstance(profile, Profile)

    def state() -> DeviceState:
        state = DeviceState(Device(id="d", name="D", schema_id="s"), Profiles(ours=(profile,)))
        state.describe(_SCHEMA)
        return state

    before, later = state(), state()
    for value in (1, 0):
        before.merge_snapshot(_told(level=value), _NOW)
    restore(later, stored_form(before), _NOW)
    assert later.merge_snapshot(_told(level=1), _NOW)[1]


def test_what_an_earlier_version_stored_is_restored() -> None:
    state, later = _state(), _state()
    for leak in (False, True):
        state.merge_snapshot(_told(power=True, leak=leak), _NOW)
    stored = stored_form(state)
    restore(later, {key: stored[key] for key in ("read_at", "reported_at", "raised", "readings")}, _NOW)
    assert (later.value("power"), later.has_problem) == (True, True)
    assert later.merge_snapshot(_told(leak=False), _NOW)[1]


def test_a_schema_that_lost_nothing_changes_nothing() -> None:
    state = _state()
    assert not state.describe(_SCHEMA)
    assert state.describe(None, [Datapoint(key="new", name="New", data_type=DataType.NUMBER)])
    assert not state.describe(_SCHEMA)
    assert set(state.descriptions) == {"power", "level", "leak", "new"}


def test_a_device_may_tell_that_it_obeyed_before_the_cloud_says_so() -> None:
    state = _state()
    settled: list[bool] = []
    state.merge_snapshot(_told(power=False), _NOW)
    state.merge_snapshot(_told(_NOW + _MINUTE, power=True), _NOW + _MINUTE)
    state.expect("power", True, _NOW + 2 * _MINUTE, settled.append, sent_at=_NOW + _MINUTE, pending_for=_PENDING_FOR)
    assert (settled, len(state.pending), state.value("power")) == ([True], 0, True)
    # What was told before the command says nothing of it, and neither does what had to be asked for.
    state.expect(
        "power", True, _NOW + 4 * _MINUTE, settled.append, sent_at=_NOW + 3 * _MINUTE, pending_for=_PENDING_FOR
    )
    assert settled == [True]
    state.pending.clear()
    settled.clear()
    requested_at = _NOW + 5 * _MINUTE
    state.merge_snapshot(_told(requested_at, power=True), requested_at, requested_at=requested_at)
    state.expect("power", True, requested_at, settled.append, sent_at=requested_at, pending_for=_PENDING_FOR)
    assert settled == []


def test_the_profile_follows_the_name_that_the_vendor_gives_the_product() -> None:
    (lamp,) = read_profiles('match: {has: "*", named: 灯}\nmodel: Lamp', "f")
    assert isinstance(lamp, Profile)
    device = Device(id="d", name="d", schema_id="s", model="Wall light")
    state = DeviceState(device=device, profiles=Profiles(ours=(lamp,)))
    state.describe(Schema(datapoints=(Datapoint(key="power", name="Power", data_type=DataType.BOOL),)))
    assert state.profile.model is None
    state.update_device(replace(device, product_name="壁灯"), _NOW)
    assert state.profile.model == "Lamp"


def test_who_is_online_is_known_as_of_a_time() -> None:
    state = _state(is_online=True)
    state.update_presence(_NOW, is_online=False)
    state.update_presence(_NOW - _MINUTE, is_online=True)
    assert state.device.is_online is False
    listed = Device(id="d", name="Renamed", schema_id="s", is_online=True)
    state.update_device(listed, _NOW - _MINUTE)
    assert (state.device.name, state.device.is_online) == ("Renamed", False)
    state.update_device(listed, _NOW + _MINUTE)
    assert state.device.is_online is True
    state.update_presence(_NOW, is_online=False)
    assert state.device.is_online is True
