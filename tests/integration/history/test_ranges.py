"""The time ranges of the history actions: names, times with and without an offset, and invalid ones."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation

from ..subjects import air_conditioner
from .fake_history import at, device_id_of, error_of, response_of, set_history

_NOW = "2026-10-20T10:30:00+00:00"  # a Tuesday; 12:30 in Paris
pytestmark = pytest.mark.usefixtures("on_a_tuesday")

_NAMES = ("get_history", "get_aggregate", "get_online_log", "get_communication_log")


@pytest.mark.parametrize(
    ("now", "name", "start", "end"),
    [
        (_NOW, "last_hour", "2026-10-20T11:30:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_week", "2026-10-19T00:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_month", "2026-10-01T00:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_year", "2026-01-01T00:00:00+01:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "yesterday", "2026-10-19T00:00:00+02:00", "2026-10-20T00:00:00+02:00"),
        (_NOW, "last_week", "2026-10-12T00:00:00+02:00", "2026-10-19T00:00:00+02:00"),
        (_NOW, "last_month", "2026-09-01T00:00:00+02:00", "2026-10-01T00:00:00+02:00"),
        (_NOW, "last_year", "2025-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
        # The day with 25 hours, and the day after it.
        ("2026-10-25T20:00:00Z", "today", "2026-10-25T00:00:00+02:00", "2026-10-25T21:00:00+01:00"),
        ("2026-10-26T08:00:00Z", "yesterday", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("2026-10-25T20:00:00Z", "last_24_hours", "2026-10-24T22:00:00+02:00", "2026-10-25T21:00:00+01:00"),
        ("2026-10-26T08:00:00Z", "last_7_days", "2026-10-19T09:00:00+02:00", "2026-10-26T09:00:00+01:00"),
        # The day with 23 hours.
        ("2026-03-30T08:00:00Z", "yesterday", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ],
)
async def test_named_ranges_follow_the_wall_clock(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    now: str,
    name: str,
    start: str,
    end: str,
) -> None:
    freezer.move_to(now)
    history = set_history(entry)
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    response = await response_of(hass, "get_history", device_id=device_id, datapoints="switch", range=name)
    assert (response["start"], response["end"]) == (start, end)
    assert (history.requests[0]["start"], history.requests[0]["end"]) == (at(start), at(end))


@pytest.mark.parametrize(
    ("data", "start", "end"),
    [
        ({"start": "2026-10-20 08:00:00"}, "2026-10-20T08:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        ({"start": "2026-10-20T08:00:00Z"}, "2026-10-20T10:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        ({"start": "2026-10-20T08:00:00-04:00"}, None, None),
        ({"start": "2026-03-01", "end": "2026-04-01"}, "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
        (
            {"start": date(2026, 10, 19), "end": datetime(2026, 10, 20, 1)},  # noqa: DTZ001
            "2026-10-19T00:00:00+02:00",
            "2026-10-20T01:00:00+02:00",
        ),
        (
            {"start": "2026-10-20T00:00:00", "end": "2026-12-01T00:00:00"},
            "2026-10-20T00:00:00+02:00",
            "2026-10-20T12:30:00+02:00",
        ),
    ],
)
async def test_a_start_without_an_offset_is_in_home_assistants_time_zone(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    data: dict[str, Any],
    start: str | None,
    end: str | None,
) -> None:
    set_history(entry)
    call = {"device_id": device_id_of(hass, entry, air_conditioner(simulation).did), "datapoints": "switch"} | data
    if start is None:
        assert "future" in await error_of(hass, "get_history", **call)
        return
    response = await response_of(hass, "get_history", **call)
    assert (response["start"], response["end"]) == (start, end)
    assert response["series"][0]["complete"]


async def test_a_range_in_an_hour_that_comes_twice_is_as_long_as_possible(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-25T12:00:00Z")
    set_history(entry)
    response = await response_of(
        hass,
        "get_history",
        device_id=device_id_of(hass, entry, air_conditioner(simulation).did),
        datapoints="switch",
        start="2026-10-25 02:40:00",
        end="2026-10-25 02:30:00",
    )
    assert (response["start"], response["end"]) == ("2026-10-25T02:40:00+02:00", "2026-10-25T02:30:00+01:00")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "Choose a range or enter a start"),
        ({"end": "2026-10-20T08:00:00Z"}, "Choose a range or enter a start"),
        ({"range": "today", "start": "2026-10-20T08:00:00Z"}, "Choose a range or enter a start and an end, not both"),
        ({"range": "today", "end": "2026-10-20T08:00:00Z"}, "Choose a range or enter a start and an end, not both"),
        ({"start": "2026-10-20T12:30:00"}, "The start 2026-10-20T12:30:00+02:00 is in the future"),
        (
            {"start": "2026-10-19T00:00:00", "end": "2026-10-19T00:00:00"},
            "The start 2026-10-19T00:00:00+02:00 is not before the end 2026-10-19T00:00:00+02:00",
        ),
    ],
)
async def test_an_invalid_range_is_refused(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    firstlight: MockConfigEntry,
    data: dict[str, Any],
    text: str,
) -> None:
    set_history(entry)
    set_history(firstlight)
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    more: Mapping[str, dict[str, Any]] = {
        "get_history": {"datapoints": "switch"},
        "get_aggregate": {"datapoints": "set_temp", "period": "day", "aggregation": "avg"},
    }
    for name in _NAMES:
        assert text == await error_of(hass, name, device_id=device_id, **more.get(name, {}), **data)
    assert text == await error_of(hass, "get_usage", config_entry_id=firstlight.entry_id, **data)


@pytest.mark.parametrize(
    "data",
    [
        {"range": "some_day"},
        {"start": "yesterday"},
        {"start": "0001-01-01T00:00:00+14:00"},
        {"range": "today", "device_id": []},
        {"range": "today", "datapoints": [""]},
        {"range": "today", "entity_id": "no entity"},
        {"range": "today", "period": "day"},
    ],
)
async def test_invalid_data_is_refused_by_the_schema(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await response_of(hass, "get_history", **{"device_id": "d", "datapoints": "switch"} | data)
