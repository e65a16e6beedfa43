"""Whatever bytes a device stores and whatever words a user writes, no slot changes that nobody changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.gizwits.record_desc import read_record
from custom_components.datapoint_cloud.schedules.schedule import Schedule
from custom_components.datapoint_cloud.schedules.words import WEEKDAYS, ScheduleError
from tests.schedules.made_up import DOSER, DOSES, HALF_HOURS, HEATER, boiler, light, schedules, wavemaker

from .storable import assert_storable

_OF_SLOTS: dict[str, Schedule] = {
    "wavemaker": schedules(wavemaker())["AutoTime"],
    "boiler": schedules(boiler())["Heat"],
    "doser": schedules(DOSER, DOSES)["CH2SWTime"],
}
_OF_STEPS: dict[str, Schedule] = {
    "light": schedules(light())["Clock"],
    "heater": schedules(HEATER, HALF_HOURS)["p_data"],
}
_SCHEDULES = _OF_SLOTS | _OF_STEPS
_WORDS = st.dictionaries(
    st.sampled_from(["slot", "weekday", "start", "end", "mode", "flow", "feeding_time", "pulse_or_tide", "dose", "x"]),
    st.none() | st.booleans() | st.integers(-5, 1500) | st.floats() | st.text() | st.sampled_from([*WEEKDAYS, "eco"]),
)


def _values(data: st.DataObject, schedule: Schedule) -> dict[str, bytes]:
    """The bytes that a device might store for a schedule: often valid ones, some slots unused, sometimes anything."""
    sizes: dict[str, int] = {}
    for place in schedule.places:
        sizes[place.key] = max(sizes.get(place.key, 0), place.at + place.layout.size)
    random = data.draw(st.randoms(use_true_random=False))
    unused = random.choice([b"\x00", b"\xee"])
    limit = random.choice([3, 24, 60, 256])
    return {
        key: unused * size if random.random() < 0.3 else bytes(random.randrange(limit) for _ in range(size))
        for key, size in sizes.items()
    }


@pytest.mark.parametrize("name", _SCHEDULES)
@given(data=st.data())
def test_what_is_written_as_it_was_read_changes_no_byte(name: str, data: st.DataObject) -> None:
    schedule = _SCHEDULES[name]
    values = _values(data, schedule)
    slots = schedule.read(values)
    assert_storable(slots)
    assert schedule.write(slots, values) == {}


@pytest.mark.parametrize("name", _OF_SLOTS)
@given(data=st.data())
def test_a_slot_from_another_device_changes_no_other_slot(name: str, data: st.DataObject) -> None:
    schedule = _OF_SLOTS[name]
    values, others = _values(data, schedule), _values(data, schedule)
    slots, known = schedule.read(values), schedule.read(others)
    if not slots or not known:
        return
    at = data.draw(st.integers(0, len(slots) - 1))
    own = {word: slots[at][word] for word in ("slot", "weekday") if word in slots[at]}
    changed = data.draw(st.sampled_from(known)) | own
    try:
        written = schedule.write([*slots[:at], changed, *slots[at + 1 :]], values)
    except ScheduleError:
        return
    after = values | written
    assert schedule.read(after) == [*slots[:at], changed, *slots[at + 1 :]]
    for number, place in enumerate(schedule.places, start=1):
        if number != own["slot"]:
            assert place.get(after) == place.get(values)
        else:
            assert [place.get(after)[byte] for byte in place.layout.unknown] in (
                [place.get(values)[byte] for byte in place.layout.unknown],
                # It is the same slot as another one, with all its bytes.
                *([other.get(values)[byte] for byte in place.layout.unknown] for other in schedule.places),
            )


@pytest.mark.parametrize("name", _SCHEDULES)
@given(data=st.data())
def test_any_words_are_refused_or_can_be_read_back(name: str, data: st.DataObject) -> None:
    schedule = _SCHEDULES[name]
    values = _values(data, schedule)
    wanted: list[dict[str, Any]] = data.draw(st.lists(_WORDS | st.sampled_from(schedule.read(values) or [{}])))
    try:
        written = schedule.write(wanted, values)
    except ScheduleError:
        return
    read = schedule.read(values | written)
    assert len(read) <= len(wanted)
    assert schedule.write(read, values | written) == {}


_PIECES = (
    "Byte0",
    "byte1",
    "Byte2：",
    "开始时",
    "开始分",
    "，",
    "模式",
    "0停机",
    "1自动",
    "喂食时间",
    "/",
    "空",
    "周一的定时",
)
_WORDS_OF_LAYOUTS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5)).map("".join)


@given(_WORDS_OF_LAYOUTS, st.none() | st.integers(-1, 300))
def test_any_text_about_bytes_is_a_layout_of_that_length_or_none(desc: str, length: int | None) -> None:
    record = read_record("Timer1", desc, length)
    if record is not None:
        assert record.length == length != 0
        assert record.places_of("Timer1") is not None
    attr = {"name": "Timer1", "display_name": "Timer", "data_type": "binary", "desc": desc, "position": {"len": length}}
    schedules([attr | {"type": "status_writable"}])
