"""Usage of the queries of an account."""

from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.errors import Forbidden, Reason
from custom_components.datapoint_cloud.clouds.history import Usage
from simulator.simulation import Simulation

from .fake_history import at, device_id_of, error_of, response_of, set_history

pytestmark = pytest.mark.usefixtures("on_a_tuesday")


_QUERY = "content/genre//day/"


async def test_a_call_can_override_period_and_grouping_of_a_usage_query(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    rows = [
        Usage(value=3.5, label="Drama", at=at("2026-10-19T22:00:00Z")),
        Usage(value=4),
    ]
    history = set_history(firstlight, rows={_QUERY: rows})
    device = device_id_of(hass, firstlight, _QUERY)
    response = await response_of(hass, "get_usage", device_id=device, range="today")
    assert response == {
        "query": "content genre per day",
        "unit": "plays",
        "period": "day",
        "group_by": None,
        "start": "2026-10-20T00:00:00+02:00",
        "end": "2026-10-20T12:30:00+02:00",
        "complete": True,
        "rows": [
            {"label": "Drama", "at": "2026-10-20T00:00:00+02:00", "value": 3.5},
            {"label": None, "at": None, "value": 4},
        ],
    }
    in_account: dict[str, Any] = {"config_entry_id": firstlight.entry_id, "range": "today", "period": "month"}
    queries: list[dict[str, Any]] = [{}, {"query": "Genres"}, {"query": "content genre per day"}, {"query": _QUERY}]
    for query in queries:
        await response_of(hass, "get_usage", **in_account, **query, group_by="network")
    await response_of(hass, "get_usage", **in_account, group_by="none")
    first, *others, last = history.requests
    assert (first["scope"], first["period"], first["group_by"]) == (_QUERY, "day", None)
    assert {(one["scope"], one["period"], one["group_by"]) for one in others} == {(_QUERY, "month", "network")}
    assert last["group_by"] is None


async def test_an_unknown_usage_query_is_refused_with_a_list_of_those_that_exist(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    history = set_history(firstlight)
    account = device_id_of(hass, firstlight, str(firstlight.unique_id))
    one_of = "Choose the device of a usage query, or an account and the name of one of its queries"
    none = "Account of firstlight has no usage query {}. Choose one of: content genre per day"
    texts: list[tuple[dict[str, Any], str]] = [
        ({}, one_of),
        ({"query": "Genres"}, one_of),
        ({"device_id": account, "config_entry_id": firstlight.entry_id}, one_of),
        ({"device_id": account}, none.format("Account of firstlight")),
        ({"config_entry_id": firstlight.entry_id, "query": "Films"}, none.format("Films")),
    ]
    for data, text in texts:
        assert text == await error_of(hass, "get_usage", range="today", **data)
    assert not history.requests


async def test_a_usage_query_that_the_cloud_refuses_is_an_error(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    error = Forbidden(Reason.WRONG_QUERY, code="40460101", subject="period")
    for failure in ({"raises": error}, {"errors": {_QUERY: error}}):
        set_history(firstlight, **failure)
        text = await error_of(hass, "get_usage", HomeAssistantError, config_entry_id=firstlight.entry_id, range="today")
        assert text.startswith("The cloud refuses the query. Check its period")
