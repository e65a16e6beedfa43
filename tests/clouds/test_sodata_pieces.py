"""Tests how a range of history is split into pieces, and which range is requested for each piece."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from custom_components.datapoint_cloud.clouds.history import Period, Series
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.sodata.pieces import Piece

PARIS = ZoneInfo("Europe/Paris")
DEVICE = Device(id="x", name="x", schema_id="x")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def piece(start: str, end: str, *, zone: tzinfo | None = None, period: Period | None = None) -> Piece:
    series = tuple(Series(DEVICE, f"Global|0|{number}") for number in range(3))
    return Piece(series, utc(start), utc(end), zone, period)


@pytest.mark.parametrize(
    ("whole", "longest", "cut"),
    [
        (piece("2026-03-01T00:00:00.5", "2026-03-02"), timedelta(hours=5), "2026-03-01T05:00:00"),
        (piece("2026-03-01T00:00:00.5", "2026-03-02"), timedelta(), "2026-03-01T00:00:01.5"),
        (piece("2026-03-01", "2026-03-02", period=Period.HOUR), timedelta(hours=5.5), "2026-03-01T05:00"),
        (piece("2026-03-01T00:30", "2026-03-02", period=Period.HOUR), timedelta(), "2026-03-01T01:00"),
        (piece("2026-03-27T23:00", "2026-04-02", zone=PARIS, period=Period.DAY), timedelta(days=2), "2026-03-29T22:00"),
        (piece("2026-03-27T23:00", "2026-04-02", zone=PARIS, period=Period.DAY), timedelta(days=9), "2026-04-02"),
    ],
)
def test_a_piece_is_split_between_two_buckets(whole: Piece, longest: timedelta, cut: str) -> None:
    first, second = whole.split(longest)
    assert (first.start, first.end, second.start, second.end) == (whole.start, utc(cut), utc(cut), whole.end)
    assert second.is_empty is (utc(cut) == whole.end)


def test_the_shortest_range_is_an_hour_of_raw_values_or_one_bucket() -> None:
    raw, later = piece("2026-03-01", "2026-03-02").split_shortest()
    assert (raw.end, later.is_empty) == (utc("2026-03-01T01:00"), False)
    day, later = piece("2026-03-01", "2026-03-02", period=Period.DAY).split_shortest()
    assert (day.end, later.is_empty) == (utc("2026-03-02"), True)


def test_series_are_split_by_their_number() -> None:
    first, second = piece("2026-03-01", "2026-03-02").split_series(2)
    assert (len(first.series), len(second.series)) == (2, 1)
    assert first.split_series(5)[1].is_empty


@pytest.mark.parametrize(
    ("part", "has_margins", "start", "end"),
    [
        (piece("2026-03-01T10:01", "2026-03-02T10:01"), True, "2026-03-01T10:01", "2026-03-02T10:01"),
        (piece("2026-03-01T10:01", "2026-03-01T11:01", period=Period.HOUR), True, "2026-03-01T10", "2026-03-01T12"),
        (piece("2026-03-02", "2026-03-03", period=Period.DAY), True, "2026-03-02", "2026-03-03"),
        (piece("2026-03-02", "2026-03-09", period=Period.WEEK), True, "2026-02-23", "2026-03-16"),
        (piece("2026-03-02", "2026-03-09", period=Period.WEEK), False, "2026-03-02", "2026-03-09"),
        (
            piece("2026-03-28T23:00", "2026-03-29T22:00", zone=PARIS, period=Period.DAY),
            True,
            "2026-03-27T23:00",
            "2026-03-30T22:00",
        ),
    ],
)
def test_whole_periods_are_requested_with_margins_if_the_server_may_shift_the_range(
    part: Piece, has_margins: bool, start: str, end: str
) -> None:
    assert part.requested_range(has_margins=has_margins) == (utc(start), utc(end))
