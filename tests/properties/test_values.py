"""Whatever text or number is read, the result has the right type or is None, and can be stored."""

import base64
import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds import coerce
from custom_components.datapoint_cloud.clouds.gizwits import wire_values
from custom_components.datapoint_cloud.clouds.http import retry_after

from .damage import any_bytes, any_json, values, written
from .storable import assert_storable

_many = settings(max_examples=5 * settings().max_examples)  # they are fast
_DATES = st.datetimes().map(lambda timestamp: timestamp.isoformat()) | st.datetimes(timezones=st.timezones()).map(str)


@_many
@given(any_bytes)
def test_decoded_json_can_be_stored(content: bytes) -> None:
    try:
        decoded = coerce.decode(content)
    except ValueError:
        return
    assert_storable(decoded)
    assert coerce.decode(written(decoded)) == decoded


@_many
@given(
    values
    | any_json
    | st.integers(-(10**400), 10**400).map(lambda number: number if abs(number) < 10**300 else str(number))
)
def test_a_number_or_flag_that_is_read_can_be_stored(value: Any) -> None:
    number = coerce.number(value)
    assert number is None or math.isfinite(number)
    for read in (number, wire_values.flag(value), wire_values.mac(value), wire_values.epoch_seconds(value)):
        assert_storable(read)
    count = wire_values.count(value)
    assert count is None or count >= 0
    assert_storable(count)


@_many
@given(values | _DATES)
def test_a_timestamp_can_be_shown_in_every_time_zone(value: Any) -> None:
    for timestamp in (
        coerce.timestamp(value),
        coerce.timestamp(value, ZoneInfo("Pacific/Kiritimati")),
        wire_values.timestamp(value),
    ):
        assert_storable(timestamp)


@_many
@given(any_json.map(written).map(base64.urlsafe_b64encode).map(bytes.decode) | st.text())
def test_the_subject_of_any_token_can_be_stored(claims: str) -> None:
    assert_storable(coerce.subject_of_jwt(f"x.{claims}.y"))
    assert_storable(coerce.subject_of_jwt(claims))


@_many
@given(st.text() | st.integers().map(str) | st.floats().map(str) | _DATES, st.text() | _DATES)
def test_a_pause_is_never_longer_than_an_hour(value: str, date: str) -> None:
    seconds = retry_after({"Retry-After": value, "Date": date})
    assert seconds is None or 0 <= seconds <= 3600


def test_timestamps_of_this_and_later_centuries_are_read() -> None:
    for year in (1970, 2026, 2999):
        timestamp = datetime(year, 6, 1, tzinfo=UTC)
        assert coerce.timestamp(timestamp.isoformat()) == wire_values.timestamp(timestamp.timestamp()) == timestamp
