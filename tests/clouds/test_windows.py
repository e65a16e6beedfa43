"""Tests how ranges are split, and where periods begin and end."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.datapoint_cloud.clouds.history import Period
from custom_components.datapoint_cloud.clouds.windows import begin_of, end_of, split

PARIS = ZoneInfo("Europe/Paris")
KOLKATA = ZoneInfo("Asia/Kolkata")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_range_is_split_without_gap_or_overlap() -> None:
    start, end = utc("2026-01-01"), utc("2026-01-06T07:00")
    pieces = list(split(start, end, timedelta(days=2)))
    assert pieces == [
        (start, utc("2026-01-03")),
        (utc("2026-01-03"), utc("2026-01-05")),
        (utc("2026-01-05"), end),
    ]


def test_an_empty_range_has_no_pieces() -> None:
    assert list(split(utc("2026-01-01"), utc("2026-01-01"), timedelta(days=2))) == []


@pytest.mark.parametrize(
    ("period", "timestamp", "zone", "begin", "end"),
    [
        (Period.MINUTE, "2026-03-29T01:30:12", PARIS, "2026-03-29T01:30", "2026-03-29T01:31"),
        (Period.HOUR, "2026-06-01T10:40", KOLKATA, "2026-06-01T10:30", "2026-06-01T11:30"),
        # the hour that clocks show twice
        (Period.HOUR, "2026-10-25T00:20", PARIS, "2026-10-25T00:00", "2026-10-25T01:00"),
        (Period.HOUR, "2026-10-25T01:20", PARIS, "2026-10-25T01:00", "2026-10-25T02:00"),
        # days of 23 and 25 hours
        (Period.DAY, "2026-03-29T12:00", PARIS, "2026-03-28T23:00", "2026-03-29T22:00"),
        (Period.DAY, "2026-10-25T12:00", PARIS, "2026-10-24T22:00", "2026-10-25T23:00"),
        (Period.DAY, "2026-06-01T19:00", KOLKATA, "2026-06-01T18:30", "2026-06-02T18:30"),
        (Period.WEEK, "2026-11-26T10:00", UTC, "2026-11-23", "2026-11-30"),
        (Period.MONTH, "2026-12-31T23:30", UTC, "2026-12-01", "2027-01-01"),
        (Period.MONTH, "2026-12-31T23:30", PARIS, "2026-12-31T23:00", "2027-01-31T23:00"),
        (Period.YEAR, "2026-12-31T22:30", PARIS, "2025-12-31T23:00", "2026-12-31T23:00"),
    ],
)
def test_periods_follow_the_wall_clock(period: Period, timestamp: str, zone: ZoneInfo, begin: str, end: str) -> None:
    assert begin_of(period, utc(timestamp), zone) == utc(begin)
    assert end_of(period, utc(begin), zone) == utc(end)
