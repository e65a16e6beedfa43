"""The ranges of the actions about the past: words, times with and without an offset, and what cannot be."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation

from .accounts import add_account
from .fake_history import answer_of, at, give_past, refusal_of, target_of
from .subjects import air_conditioner

_NOW = "2026-10-20T10:30:00+00:00"  # a Tuesday; 12:30 in Paris
_NAMES = ("get_history", "get_aggregate", "get_online_log", "get_communication_log")


@pytest.fixture(autouse=True)
async def _in_paris(hass: HomeAssistant, freezer: FrozenDateTimeFactory, small_fleets: None) -> None:
    freezer.move_to(_NOW)
    await hass.config.async_set_time_zone("Europe/Paris")


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
async def firstlight(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "firstlight")


@pytest.mark.parametrize(
    ("now", "word", "start", "end"),
    [
        (_NOW, "last_hour", "2026-10-20T11:30:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_week", "2026-10-19T00:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_month", "2026-10-01T00:00:00+02:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "this_year", "2026-01-01T00:00:00+01:00", "2026-10-20T12:30:00+02:00"),
        (_NOW, "yesterday", "2026-10-19T00:00:00+02:00", "2026-10-20T00:00:00+02:00"),
        (_NOW, "last_week", "2026-10-12T00:00:00+02:00", "2026-10-19T00:00:00+02:00"),
        (_NOW, "last_month", "2026-09-01T00:00:00+02:00", "2026-10-01T00:00:00+02:00"),
        (_NOW, "last_year", "2025-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
        # The day that has 25 hours, and the one after it.
        ("2026-10-25T20:00:00Z", "today", "2026-10-25T00:00:00+02:00", "2026-10-25T21:00:00+01:00"),
        ("2026-10-26T08:00:00Z", "yesterday", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("2026-10-25T20:00:00Z", "last_24_hours", "2026-10-24T22:00:00+02:00", "2026-10-25T21:00:00+01:00"),
        ("2026-10-26T08:00:00Z", "last_7_days", "2026-10-19T09:00:00+02:00", "2026-10-26T09:00:00+01:00"),
        # The day that has 23.
        ("2026-03-30T08:00:00Z", "yesterday", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ],
)
async def test_words_are_those_of_the_clock_on_the_wall(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    now: str,
    word: str,
    start: str,
    end: str,
) -> None:
    freezer.move_to(now)
    history = give_past(entry)
    target = target_of(hass, entry, air_conditioner(simulation).did)
    answer = await answer_of(hass, "get_history", device_id=target, datapoints="switch", range=word)
    assert (answer["start"], answer["end"]) == (start, end)
    assert (history.asked[0]["start"], history.asked[0]["end"]) == (at(start), at(end))


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
async def test_a_start_without_an_offset_is_one_of_home_assistants_zone(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    data: dict[str, Any],
    start: str | None,
    end: str | None,
) -> None:
    give_past(entry)
    call = {"device_id": target_of(hass, entry, air_conditioner(simulation).did), "datapoints": "switch"} | data
    if start is None:
        assert "future" in await refusal_of(hass, "get_history", **call)
        return
    answer = await answer_of(hass, "get_history", **call)
    assert (answer["start"], answer["end"]) == (start, end)
    assert answer["series"][0]["complete"]


async def test_a_range_in_the_hour_that_comes_twice_is_as_wide_as_it_may_be(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-10-25T12:00:00Z")
    give_past(entry)
    answer = await answer_of(
        hass,
        "get_history",
        device_id=target_of(hass, entry, air_conditioner(simulation).did),
        datapoints="switch",
        start="2026-10-25 02:40:00",
        end="2026-10-25 02:30:00",
    )
    assert (answer["start"], answer["end"]) == ("2026-10-25T02:40:00+02:00", "2026-10-25T02:30:00+01:00")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "Give a range, or a start"),
        ({"end": "2026-10-20T08:00:00Z"}, "Give a range, or a start"),
        ({"range": "today", "start": "2026-10-20T08:00:00Z"}, "Give a range, or a start and an end, not both"),
        ({"range": "today", "end": "2026-10-20T08:00:00Z"}, "Give a range, or a start and an end, not both"),
        ({"start": "2026-10-20T12:30:00"}, "The start 2026-10-20T12:30:00+02:00 lies in the future"),
        (
            {"start": "2026-10-19T00:00:00", "end": "2026-10-19T00:00:00"},
            "The start 2026-10-19T00:00:00+02:00 is not before the end 2026-10-19T00:00:00+02:00",
        ),
    ],
)
async def test_a_range_that_cannot_be_is_refused(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    firstlight: MockConfigEntry,
    data: dict[str, Any],
    text: str,
) -> None:
    give_past(entry)
    give_past(firstlight)
    target = target_of(hass, entry, air_conditioner(simulation).did)
    more: Mapping[str, dict[str, Any]] = {
        "get_history": {"datapoints": "switch"},
        "get_aggregate": {"datapoints": "set_temp", "period": "day", "aggregation": "avg"},
    }
    for name in _NAMES:
        assert text == await refusal_of(hass, name, device_id=target, **more.get(name, {}), **data)
    assert text == await refusal_of(hass, "get_usage", config_entry_id=firstlight.entry_id, **data)


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
async def test_what_is_no_such_call_is_refused_by_its_form(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await answer_of(hass, "get_history", **{"device_id": "d", "datapoints": "switch"} | data)
