"""Readings and aggregates of datapoints: the requests, the responses and the errors."""

from dataclasses import replace
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    CloudError,
    Forbidden,
    NotSupported,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.history import Aggregation, Bucket, NoHistory, Series
from custom_components.datapoint_cloud.clouds.model import Reading, Role
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from ..accounts import entity_id_of
from ..subjects import air_conditioner, ups
from .fake_history import ALL_CAPABILITIES, at, device_id_of, error_of, response_of, set_history

pytestmark = pytest.mark.usefixtures("on_a_tuesday")


# Readings


async def test_readings_are_returned_for_devices_and_entities_with_their_names_in_home_assistant(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    device_id = device_id_of(hass, entry, device.did)
    state = entry.runtime_data.coordinator.fleet[device.did]
    description = state.descriptions["set_temp"]
    state.descriptions["set_temp"] = replace(description, scale=0.1, unit="°C")
    history = set_history(
        entry,
        rows={
            "switch": [Reading(True, at("2026-10-20T08:00:00Z")), Reading(None, at("2026-10-20T09:00:00Z"))],
            "set_temp": [Reading(185, at("2026-10-20T08:00:00Z"))],
            "made_up": [Reading("0a", None)],
        },
    )
    entity_id = entity_id_of(hass, "number", entry, device.did, "set_temp")
    response = await response_of(
        hass,
        "get_history",
        device_id=device_id,
        datapoints=["switch", "made_up"],
        entity_id=[entity_id, entity_id],
        range="today",
    )
    today = {"start": "2026-10-20T00:00:00+02:00", "end": "2026-10-20T12:30:00+02:00"}
    of_device = {"device_id": device_id, "device": device.alias}
    assert response == today | {
        "series": [
            {
                **of_device,
                "datapoint": "switch",
                "entity_id": entity_id_of(hass, "switch", entry, device.did, "switch"),
                "name": state.descriptions["switch"].name,
                "unit": None,
                **today,
                "complete": True,
                "rows": [
                    {"at": "2026-10-20T10:00:00+02:00", "value": True},
                    {"at": "2026-10-20T11:00:00+02:00", "value": None},
                ],
            },
            {
                **of_device,
                "datapoint": "made_up",
                "entity_id": None,
                "name": "made_up",
                "unit": None,
                **today,
                "complete": True,
                "rows": [{"at": None, "value": "0a"}],
            },
            {
                **of_device,
                "datapoint": "set_temp",
                "entity_id": entity_id,
                "name": description.name,
                "unit": "°C",
                **today,
                "complete": True,
                "rows": [{"at": "2026-10-20T10:00:00+02:00", "value": 18.5}],
            },
        ]
    }
    series = [Series(state.device, key) for key in ("switch", "made_up", "set_temp")]
    assert history.requests == [{"series": series, "start": at(today["start"]), "end": at(today["end"])}]


async def test_a_failed_series_does_not_affect_the_others(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, sodata: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), ups(simulation)
    row = Reading(1, at("2026-10-20T08:00:00Z"))
    set_history(entry, rows={"a": [row]}, errors={"b": Rejected(Reason.NOT_FOUND, endpoint="/b", subject="b")})
    set_history(sodata, raises=Unreachable(Reason.NO_CONNECTION))
    device_ids = [device_id_of(hass, entry, here.did), device_id_of(hass, sodata, there.uuid)]
    response = await response_of(hass, "get_history", device_id=device_ids, datapoints=["a", "b"], range="last_hour")
    results = [(one["complete"], one.get("reason"), len(one["rows"])) for one in response["series"]]
    unreachable = (False, "Cannot connect to the cloud", 0)
    assert results == [(True, None, 1), (False, "The cloud does not know b", 0), unreachable, unreachable]
    assert response["series"][2]["start"] == response["series"][2]["end"] == "2026-10-20T11:30:00+02:00"


async def test_a_range_beyond_the_retention_is_returned_with_the_part_that_is_complete(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    set_history(entry, keeps_since=at("2026-10-13T10:30:00Z"))
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    response = await response_of(hass, "get_history", device_id=device_id, datapoints="switch", range="last_30_days")
    (series,) = response["series"]
    assert response["start"] == "2026-09-20T12:30:00+02:00"
    assert series["start"] == "2026-10-13T12:30:00+02:00"
    assert series["end"] == "2026-10-20T12:30:00+02:00"
    assert not series["complete"]
    assert series["reason"] == "The cloud keeps no data from before 2026-10-13 12:30"
    response = await response_of(hass, "get_history", device_id=device_id, datapoints="switch", range="last_month")
    (series,) = response["series"]
    assert series["start"] == series["end"]
    assert not series["complete"]
    assert series["reason"] == "The cloud keeps no data for this range"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthFailed(Reason.WRONG_PASSWORD), "The cloud refuses the credentials of the account. Sign in again"),
        (Unreachable(Reason.TIMEOUT), "The cloud did not respond in time"),
        (Unreachable(Reason.SERVER_ERROR), "The server of the cloud failed"),
        (RateLimited(Reason.QUOTA_EXHAUSTED), "The cloud accepts no more requests until 12:31"),
        (Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018), "The vendor has not enabled this function. "),
        (Rejected(Reason.INVALID_REQUEST), "The cloud has no such data for 客厅空调"),
        (Rejected(code=5401), "The cloud refuses the request"),
        (UnexpectedAnswer(Reason.ZONE_UNPROVEN), "The cloud does not state the time zone of its periods"),
        (NotSupported(), "The cloud does not offer this function"),
    ],
)
async def test_the_action_fails_with_the_reason_if_no_series_could_be_read(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, error: CloudError, text: str
) -> None:
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    failures: list[dict[str, Any]] = [{"raises": error}, {"errors": {"switch": error}}]
    for failure in failures:
        set_history(entry, **failure)
        message = await error_of(
            hass, "get_history", HomeAssistantError, device_id=device_id, datapoints="switch", range="today"
        )
        assert message.startswith(text)


async def test_a_part_of_a_device_has_only_its_own_datapoints(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    device = ups(simulation)
    state = sodata.runtime_data.coordinator.fleet[device.uuid]
    own, other = (
        next(point for point in state.datapoints.values() if (point.part is not None) is has_part)
        for has_part in (True, False)
    )
    assert own.part is not None
    registry = dr.async_get(hass)
    (part,) = (
        child
        for child in dr.async_child_entries_for_config_entry(registry, sodata.entry_id)
        if (DOMAIN, f"{device.uuid}_{own.part.id}") in child.identifiers
    )
    history = set_history(sodata)
    await response_of(hass, "get_history", device_id=part.id, datapoints=[own.key, "Unit|9|1"], range="today")
    assert history.requests[0]["series"] == [Series(state.device, key) for key in (own.key, "Unit|9|1")]
    text = await error_of(hass, "get_history", device_id=part.id, datapoints=other.key, range="today")
    assert text == f"{other.key} belongs to another part of {device.name}"
    assert len(history.requests) == 1


# Aggregates


def _bucket(start: str, end: str, value: float) -> Bucket:
    return Bucket(start=at(start), end=at(end), value=value)


@pytest.mark.parametrize(
    ("aggregation", "value", "unit"),
    [("avg", 18.5, "°C"), ("count", 185, None), ("var", 1.85, "°C²")],
)
async def test_buckets_are_scaled_according_to_their_aggregation(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    aggregation: str,
    value: float,
    unit: str | None,
) -> None:
    device = air_conditioner(simulation)
    state = entry.runtime_data.coordinator.fleet[device.did]
    state.descriptions["set_temp"] = replace(state.descriptions["set_temp"], scale=0.1, unit="°C")
    history = set_history(entry, rows={"set_temp": [_bucket("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z", 185)]})
    response = await response_of(
        hass,
        "get_aggregate",
        entity_id=entity_id_of(hass, "number", entry, device.did, "set_temp"),
        range="yesterday",
        period="day",
        aggregation=aggregation,
    )
    assert (response["period"], response["aggregation"]) == ("day", aggregation)
    (series,) = response["series"]
    assert series["unit"] == unit
    assert series["complete"]
    assert series["rows"] == [
        {"start": "2026-10-19T00:00:00+02:00", "end": "2026-10-20T00:00:00+02:00", "value": value, "partial": False}
    ]
    (request,) = history.requests
    assert request["is_local"] is True
    assert (request["period"], request["aggregation"]) == ("day", Aggregation(aggregation))
    assert (request["start"], request["end"]) == (at("2026-10-18T22:00:00Z"), at("2026-10-19T22:00:00Z"))


async def test_a_period_that_is_not_over_is_marked_as_partial(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    days = (("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z"), ("2026-10-19T22:00:00Z", "2026-10-20T22:00:00Z"))
    set_history(entry, rows={"set_temp": [_bucket(start, end, 1) for start, end in days]})
    response = await response_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, entry, air_conditioner(simulation).did),
        datapoints="set_temp",
        range="last_24_hours",
        period="day",
        aggregation="avg",
    )
    assert [row["partial"] for row in response["series"][0]["rows"]] == [False, True]


async def test_alarms_are_aggregated_if_the_cloud_can(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    state = sodata.runtime_data.coordinator.fleet[ups(simulation).uuid]
    alarm = next(point.key for point in state.datapoints.values() if point.role is Role.ALARM)
    set_history(sodata, rows={alarm: [_bucket("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z", 3)]})
    response = await response_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, sodata, ups(simulation).uuid),
        datapoints=alarm,
        range="yesterday",
        period="day",
        aggregation="count",
    )
    assert [row["value"] for row in response["series"][0]["rows"]] == [3]


async def test_days_can_start_at_midnight_in_utc(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    history = set_history(sodata)
    await response_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, sodata, ups(simulation).uuid),
        datapoints="Global|0|140100",
        range="this_month",
        period="hour",
        aggregation="avg",
        local_days=False,
    )
    assert history.requests[0]["is_local"] is False


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            {"period": "week"},
            "Account of gizwits_open does not offer the period Week. Choose one of: Hour, Day",
        ),
        (
            {"aggregation": "sum"},
            (
                "Account of gizwits_open does not offer the aggregation Sum. "
                "Choose one of: Average, Number of readings, Variance"
            ),
        ),
        ({"datapoints": "switch"}, "switch of 客厅空调 is not a number and cannot be aggregated"),
        ({"datapoints": "mode"}, "mode of 客厅空调 is not a number and cannot be aggregated"),
    ],
)
async def test_an_unsupported_aggregate_is_refused_with_a_list_of_those_supported(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, data: dict[str, Any], text: str
) -> None:
    history = set_history(entry, capabilities=replace(ALL_CAPABILITIES, aggregates_numbers_only=True))
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    call = {"device_id": device_id, "datapoints": "set_temp", "range": "today", "period": "day", "aggregation": "avg"}
    assert text == await error_of(hass, "get_aggregate", **call | data)
    assert not history.requests


async def test_a_missing_grant_for_aggregates_is_named_as_the_reason(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    for error in (NotSupported(), Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018)):
        set_history(entry, capabilities=replace(ALL_CAPABILITIES, aggregates_need_grant=True), raises=error)
        text = await error_of(
            hass,
            "get_aggregate",
            HomeAssistantError,
            device_id=device_id,
            datapoints="set_temp",
            range="today",
            period="day",
            aggregation="avg",
        )
        assert text.startswith("The vendor has not enabled this function. Apply to the vendor")


async def test_a_cloud_without_history_gets_no_request(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    entry.runtime_data.coordinator.cloud.history = NoHistory()
    device_id = device_id_of(hass, entry, air_conditioner(simulation).did)
    buckets: dict[str, Any] = {"period": "day", "aggregation": "avg"}
    series: dict[str, Any] = {"device_id": device_id, "datapoints": "set_temp", "range": "today"}
    texts = [
        await error_of(hass, "get_history", **series),
        await error_of(hass, "get_aggregate", **series, **buckets),
        await error_of(hass, "get_online_log", device_id=device_id, range="today"),
        await error_of(hass, "get_communication_log", device_id=device_id, range="today"),
        await error_of(hass, "get_usage", device_id=device_id, range="today"),
    ]
    assert texts == [
        "Account of gizwits_open keeps no history",
        "Account of gizwits_open offers no aggregates",
        "Account of gizwits_open has no online log",
        "Account of gizwits_open has no communication log",
        "Account of gizwits_open does not count usage",
    ]
