"""A device's clock is read, set and judged, also where it has no date or does not run."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.fleet.description import describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles.model import NO_PROFILE
from custom_components.datapoint_cloud.schedules.clock import ClockWatch, DeviceClock, clock_of

from .made_up import Attr, binary, stored, wavemaker

_BERLIN = ZoneInfo("Europe/Berlin")
_NOON = datetime.fromisoformat("2026-03-04T12:00:30")
_DATE = binary("YMDData", "日期数据", 4, "日期，Byte1年千位百位，byte2年十位个位，byte3月，byte4日")
_TIME = binary("HMSData", "时间数据", 4, "时间，Byte1空，byte2时，byte3分，byte4秒")


def _clock(*attrs: Attr) -> DeviceClock | None:
    definition = parse({"entities": [{"attrs": list(attrs)}]})
    assert definition is not None
    return clock_of(describe(definition.schema.datapoints, {}, NO_PROFILE, Naming.load("en")), ())


def _sure(*attrs: Attr) -> DeviceClock:
    clock = _clock(*attrs)
    assert clock is not None
    return clock


def test_a_clock_is_set_byte_for_byte_and_read_back() -> None:
    clock = _sure(*wavemaker(), _DATE, _TIME)
    written = clock.write(_NOON, stored({"HMSData": "aa010203"}))
    assert written == stored({"YMDData": "141a0304", "HMSData": "aa0c001e"})
    assert clock.read(written, _NOON) == _NOON


@pytest.mark.parametrize("values", [{"HMSData": "000c001e"}, {"YMDData": "14000000", "HMSData": "000c001e"}, {}])
def test_a_clock_that_was_never_set_shows_no_time(values: dict[str, str]) -> None:
    assert _sure(_DATE, _TIME).read(stored(values), _NOON) is None


@pytest.mark.parametrize(("now", "day"), [("2026-03-04T23:59:00", 5), ("2026-03-04T01:00:00", 4)])
def test_a_clock_without_a_date_shows_the_time_that_is_closest(now: str, day: int) -> None:
    clock = _sure(_TIME)
    shown = clock.read(stored({"HMSData": "00000100"}), datetime.fromisoformat(now))
    assert shown == datetime.fromisoformat(f"2026-03-0{day}T00:01:00")


def test_a_date_alone_or_a_clock_that_cannot_be_set_is_none() -> None:
    assert _clock(_DATE) is None
    assert _clock(_TIME | {"type": "status_readonly"}) is None


def _deviations(*reports: tuple[float, float | None]) -> list[float | None]:
    """Report what a clock shows so many minutes later, ahead by so many minutes (None: no time)."""
    watch, found = ClockWatch(), []
    for later, ahead in reports:
        at = _NOON + timedelta(minutes=later)
        shown = None if ahead is None else at + timedelta(minutes=ahead)
        deviation = watch.deviation(shown, at.replace(tzinfo=_BERLIN))
        found.append(None if deviation is None else deviation / timedelta(minutes=1))
    return found


def test_a_clock_is_wrong_only_if_it_was_seen_to_run() -> None:
    assert _deviations((0, -60), (10, -60), (20, -60)) == [None, -60, -60]
    assert _deviations((0, -60), (10, -70), (20, -80)) == [None, None, None]


def test_a_clock_that_is_right_is_right_at_once() -> None:
    assert _deviations((0, 1), (10, 1)) == [1, 1]


def test_a_clock_that_was_set_is_not_seen_to_run_yet() -> None:
    assert _deviations((0, -60), (10, -60), (20, 30), (30, 30)) == [None, -60, None, 30]
    assert _deviations((0, -60), (10, -60), (10, 0)) == [None, -60, 0]


def test_a_report_without_a_time_says_nothing() -> None:
    assert _deviations((0, -60), (10, None), (20, -60), (30, -60)) == [None, None, None, -60]


def test_the_same_report_says_the_same_again() -> None:
    assert _deviations((0, -60), (10, -60), (10, -60)) == [None, -60, -60]
