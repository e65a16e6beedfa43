"""The pure part of the statistics import: which hours are missing, and the rows they become."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.datapoint_cloud.clouds.history import Bucket, HistoryResult
from custom_components.datapoint_cloud.clouds.model import Reading
from custom_components.datapoint_cloud.statistics.hours import (
    HOUR,
    ceil,
    compiled_until,
    contiguous_ranges,
    floor,
    hour_compiled_at,
    merge_ranges,
    missing_ranges,
)
from custom_components.datapoint_cloud.statistics.rows import (
    ExistingRow,
    NotHourly,
    measurements_from_buckets,
    measurements_from_readings,
    meter_values_from_buckets,
    meter_values_from_readings,
    neighbours,
    rows_of_totals,
    sum_rows,
)

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


def unchanged(value: float) -> float:
    return value


def buckets(values: dict[float, float], *, start: float = 0, end: float = 24) -> HistoryResult[Bucket]:
    rows = tuple(Bucket(start=at(hour), end=at(hour + 1), value=value) for hour, value in values.items())
    return HistoryResult(rows=rows, start=at(start), end=at(end))


def readings(values: Iterable[tuple[float, object]], *, start: float = 0, end: float = 24) -> HistoryResult[Reading]:
    rows = tuple(Reading(value, at(hour)) for hour, value in values)  # type: ignore[arg-type]
    return HistoryResult(rows=rows, start=at(start), end=at(end))


def known(*rows: tuple[float, float | None, float | None]) -> list[ExistingRow]:
    return [ExistingRow(at(hour), state, total) for hour, state, total in rows]


def sums(
    values: Sequence[float], before: ExistingRow | None, after: ExistingRow | None, *, is_increasing: bool = True
) -> list[float]:
    meter_values = [(at(hour), (value,)) for hour, value in enumerate(values, 1)]
    return [row["sum"] for row in sum_rows(meter_values, before, after, is_increasing=is_increasing)]


# Hours


def test_an_hour_counts_as_compiled_five_minutes_after_its_end() -> None:
    assert compiled_until(at(10.5)) == at(10)
    assert compiled_until(at(10) + timedelta(minutes=4, seconds=59)) == at(9)
    assert compiled_until(at(10) + timedelta(minutes=5)) == at(10)
    assert hour_compiled_at(at(10.5)) == at(11) + timedelta(minutes=5)
    assert compiled_until(hour_compiled_at(at(10.5))) == at(11)


def test_hours_start_at_full_utc_hours_in_every_zone() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    timestamp = datetime(2026, 11, 20, 10, 0, tzinfo=kolkata)  # 04:30 in UTC
    assert floor(timestamp) == at(4)
    assert ceil(timestamp) == at(5)
    assert floor(timestamp).tzinfo is UTC
    assert ceil(at(5)) == at(5)


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_a_change_of_summer_time_neither_drops_nor_repeats_an_hour(month: int, day: int) -> None:
    paris = ZoneInfo("Europe/Paris")
    start = datetime(2026, month, day, tzinfo=paris)
    end = datetime(2026, month, day + 1, tzinfo=paris)
    hour_range = floor(start), floor(end)
    hours = 23 if month == 3 else 25
    assert missing_ranges([], hour_range) == [hour_range]
    rows = tuple(
        Bucket(
            start=(hour_range[0] + hour * HOUR).astimezone(paris),
            end=(hour_range[0] + (hour + 1) * HOUR).astimezone(paris),
            value=hour,
        )
        for hour in range(hours)
    )
    result = HistoryResult(rows=rows, start=start, end=end)
    found = measurements_from_buckets(result, result, result, unchanged)
    assert [row["start"] for row in found] == [hour_range[0] + hour * HOUR for hour in range(hours)]
    assert [row["mean"] for row in found] == list(range(hours))


def test_only_hours_before_the_newest_row_are_missing() -> None:
    rows = [at(3), at(4), at(7)]
    assert missing_ranges(rows, (at(0), at(10))) == [(at(0), at(3)), (at(5), at(7))]
    assert missing_ranges(rows, (at(3), at(10))) == [(at(5), at(7))]
    assert missing_ranges([], (at(0), at(10))) == [(at(0), at(10))]
    assert missing_ranges(rows, (at(9), at(10))) == []


def test_answered_hours_are_not_missing() -> None:
    rows = [at(7)]
    answered = [(at(-5), at(2)), (at(4), at(5)), (at(6), at(20))]
    assert missing_ranges(rows, (at(0), at(10)), answered) == [(at(2), at(4)), (at(5), at(6))]


def test_ranges_that_touch_are_merged() -> None:
    assert contiguous_ranges([]) == []
    assert merge_ranges([(at(4), at(5)), (at(0), at(2)), (at(2), at(3)), (at(1), at(2)), (at(7), at(7))]) == [
        (at(0), at(3)),
        (at(4), at(5)),
    ]


def test_neighbours_are_the_nearest_rows_with_a_sum() -> None:
    rows = known((0, 5, 1), (1, None, None), (4, None, None), (5, 9, 3), (6, 10, 4))
    assert neighbours(rows, (at(2), at(4))) == (rows[0], rows[3])
    assert neighbours(rows, (at(-3), at(0))) == (None, rows[0])
    assert neighbours(rows, (at(7), at(9))) == (rows[4], None)


# Measurements


def test_an_hour_becomes_a_row_if_it_has_mean_minimum_and_maximum() -> None:
    found = measurements_from_buckets(
        buckets({0: 1.5, 1: 2.5, 2: 3.5}), buckets({0: 1, 2: 3}), buckets({0: 2, 1: 3, 2: 4}), lambda value: value * 10
    )
    assert found == [
        {"start": at(0), "mean": 15, "min": 10, "max": 20},
        {"start": at(2), "mean": 35, "min": 30, "max": 40},
    ]


def test_hours_outside_the_complete_range_are_left_out() -> None:
    result = buckets({0: 1, 1: 2, 2: 3, 3: float("nan"), 4: 5}, start=0.5, end=4.5)
    assert [row["start"] for row in measurements_from_buckets(result, result, result, unchanged)] == [at(1), at(2)]


@pytest.mark.parametrize(("start", "length"), [(0.5, 1), (0, 24), (0, 0.5)], ids=["half past", "a day", "half an hour"])
def test_buckets_that_are_not_utc_hours_are_refused(start: float, length: float) -> None:
    rows = (Bucket(start=at(start), end=at(start + length), value=1),)
    result = HistoryResult(rows=rows, start=at(0), end=at(24))
    with pytest.raises(NotHourly):
        measurements_from_buckets(result, result, result, unchanged)
    with pytest.raises(NotHourly):
        meter_values_from_buckets(result, unchanged)


def test_the_mean_of_readings_is_weighted_by_time() -> None:
    result = readings([(0.25, 10), (0.75, 20), (1.5, 40), (1.75, 0)])
    assert measurements_from_readings(result, unchanged) == [
        # Without an earlier value the hour starts with its first reading, as in the recorder.
        {"start": at(0), "mean": pytest.approx((10 * 0.5 + 20 * 0.25) / 0.75), "min": 10, "max": 20},
        {"start": at(1), "mean": pytest.approx(20 * 0.5 + 40 * 0.25 + 0), "min": 0, "max": 40},
    ]


def test_a_value_is_not_carried_over_hours_without_readings() -> None:
    result = readings([(0.5, 10), (3.5, 30)])
    assert measurements_from_readings(result, unchanged) == [
        {"start": at(0), "mean": 10, "min": 10, "max": 10},
        {"start": at(3), "mean": 30, "min": 30, "max": 30},
    ]


def test_readings_are_sorted_and_those_without_a_timestamp_or_number_ignored() -> None:
    result = HistoryResult(
        rows=(
            Reading(20, at(0.5)),
            Reading(10, at(0)),
            Reading(99),
            Reading(None, at(0.1)),
            Reading(True, at(0.2)),
            Reading("off", at(0.3)),
            Reading(float("inf"), at(0.4)),
        ),
        start=at(0),
        end=at(1),
    )
    assert measurements_from_readings(result, unchanged) == [{"start": at(0), "mean": 15, "min": 10, "max": 20}]


def test_hours_that_were_read_only_in_part_are_left_out() -> None:
    result = readings([(0.5, 10), (1.5, 20), (2.2, 30)], start=0.4, end=2.3)
    assert measurements_from_readings(result, unchanged) == [{"start": at(1), "mean": 15, "min": 10, "max": 20}]
    assert meter_values_from_readings(result, unchanged) == [(at(1), [20])]


# Meters


def test_older_sums_are_numbered_backwards_from_the_oldest_row() -> None:
    (after,) = known((4, 107, 2))
    assert sums([100, 101, 104], None, after) == [-5, -4, -1]


def test_without_existing_rows_the_sum_ends_at_zero() -> None:
    assert sums([100, 101, 104], None, None) == [-4, -3, 0]


def test_a_reset_does_not_lower_the_sum() -> None:
    (after,) = known((5, 8, 0))
    # 0 to 5 after the reset, then 5 to 8 until the recorder's first row
    assert sums([100, 110, 5], None, after) == [-18, -8, -3]
    assert sums([110, 100, 112], None, None) == [-2, -2, 0]  # a small dip is not a reset, and does not add to the sum


def test_a_reset_before_the_first_row_counts_from_zero() -> None:
    (after,) = known((3, 2, 0))
    assert sums([100], None, after) == [-2]


def test_a_reset_within_an_hour_loses_nothing() -> None:
    result = readings([(1.1, 100), (1.4, 103), (1.6, 0), (1.9, 2), (2.5, 3)])
    (before,) = known((0, 99, 10))
    rows = sum_rows(meter_values_from_readings(result, unchanged), before, None, is_increasing=True)
    assert [(row["state"], row["sum"]) for row in rows] == [(2, 16), (3, 17)]


def test_negative_values_of_an_increasing_meter_are_ignored() -> None:
    assert sums([100, -1, 101], None, None) == [-1, 0]


def test_a_total_may_decrease() -> None:
    before, after = known((0, 100, 50), (4, 90, 40))
    assert sums([101, 95, 96], before, after, is_increasing=False) == [51, 45, 46]


def test_sums_in_a_gap_fit_both_rows() -> None:
    before, after = known((0, 100, 50), (4, 108, 58))
    assert sums([101, 104, 107], before, after) == [51, 54, 57]


@pytest.mark.parametrize(("sum_after", "expected"), [(66, [52, 58, 64]), (54, [50.5, 52, 53.5]), (50, [50, 50, 50])])
def test_a_difference_to_the_recorders_sum_is_spread(sum_after: float, expected: list[float]) -> None:
    before, after = known((0, 100, 50), (4, 108, sum_after))
    assert sums([101, 104, 107], before, after) == pytest.approx(expected)


def test_the_sum_stays_constant_in_a_gap_without_consumption() -> None:
    before, after = known((0, 100, 50), (4, 100, 55))
    assert sums([100, 100], before, after) == [50, 50]


def test_no_values_make_no_rows() -> None:
    assert sum_rows([], None, None, is_increasing=True) == []


# Totals of periods


def totals(*rows: tuple[int, float, int]) -> HistoryResult[Reading]:
    """Return what a total had reached in an hour, and the hour in which its period began."""
    readings = tuple(Reading(value, at(hour), at(since)) for hour, value, since in rows)
    return HistoryResult(rows=readings, start=at(0), end=at(99))


def test_a_total_begins_anew_with_each_period() -> None:
    after = ExistingRow(at(50), 30, 30, at(48))
    rows = rows_of_totals(totals((23, 100, 0), (47, 120, 24), (49, 20, 48)), unchanged, None, after)
    assert [row["sum"] for row in rows] == [-120, 0, 20]  # the sum of the recorder grew by 30 since the period began
    assert [row["state"] for row in rows] == [100, 120, 20]
    assert [row["last_reset"] for row in rows] == [at(0), at(24), at(48)]


def test_a_busier_period_is_a_new_one_too() -> None:
    before, after = ExistingRow(at(20), 80, 500, at(0)), ExistingRow(at(60), 300, 1020, at(48))
    rows = rows_of_totals(totals((23, 100, 0), (47, 200, 24)), unchanged, before, after)
    assert [row["sum"] for row in rows] == [520, 720]


def test_a_total_without_a_known_beginning_goes_on() -> None:
    rows = rows_of_totals(totals((1, 100, 0)), unchanged, None, ExistingRow(at(2), 110, 10))
    assert [row["sum"] for row in rows] == [0]
