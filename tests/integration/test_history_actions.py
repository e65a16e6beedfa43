"""The history actions: the requests they make, their responses and their errors."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud import disconnect_reasons
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
from custom_components.datapoint_cloud.clouds.history import (
    Aggregation,
    Bucket,
    HistoryCapabilities,
    LogEntry,
    NoHistory,
    Series,
    Usage,
)
from custom_components.datapoint_cloud.clouds.model import Reading, Role
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .fake_history import ALL_CAPABILITIES, FakeHistory, at, device_id_of, error_of, response_of, set_history
from .passing_time import settle, until
from .subjects import air_conditioner, chiller, ups

_NOW = "2026-10-20T10:30:00+00:00"  # a Tuesday; 12:30 in Paris


@pytest.fixture(autouse=True)
async def _in_paris(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, small_fleets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnect_reasons, "_LOG_IS_BEHIND", 0)
    freezer.move_to(_NOW)
    await hass.config.async_set_time_zone("Europe/Paris")


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
async def sodata(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "sodata")


@pytest.fixture
async def firstlight(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "firstlight")


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
    set_history(entry, rows={"a": [row]}, errors={"b": Rejected(Reason.NOT_FOUND, subject="b")})
    set_history(sodata, raises=Unreachable(Reason.NO_CONNECTION))
    device_ids = [device_id_of(hass, entry, here.did), device_id_of(hass, sodata, there.uuid)]
    response = await response_of(hass, "get_history", device_id=device_ids, datapoints=["a", "b"], range="last_hour")
    results = [(one["complete"], one.get("reason"), len(one["rows"])) for one in response["series"]]
    unreachable = (False, "The cloud cannot be reached: no connection to its server", 0)
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
    assert series["reason"] == "The cloud tells nothing from before 2026-10-13 12:30"
    response = await response_of(hass, "get_history", device_id=device_id, datapoints="switch", range="last_month")
    (series,) = response["series"]
    assert series["start"] == series["end"]
    assert not series["complete"]
    assert series["reason"] == "The cloud keeps nothing of this time"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthFailed(Reason.WRONG_PASSWORD), "The cloud refuses the account's credentials. Sign in again"),
        (Unreachable(Reason.TIMEOUT), "The cloud did not answer in time"),
        (Unreachable(Reason.SERVER_ERROR), "The cloud's server failed"),
        (RateLimited(Reason.QUOTA_EXHAUSTED), "The cloud allows no more requests until 12:31"),
        (Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018), "The vendor has to grant this function first. "),
        (Rejected(Reason.INVALID_REQUEST), "The cloud cannot tell this of 客厅空调"),
        (Rejected(code=5401), "The cloud refuses the request as wrong (code 5401)"),
        (UnexpectedAnswer(Reason.ZONE_UNPROVEN), "The cloud does not say in which time zone its periods begin"),
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
    assert text == f"{other.key} of {device.name} does not belong to this part of it"
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
            "The cloud of Account of gizwits_open does not offer the period week. It offers: hour, day",
        ),
        (
            {"aggregation": "stdev"},
            "The cloud of Account of gizwits_open does not offer the aggregation stdev. It offers: avg, count, var",
        ),
        ({"datapoints": "switch"}, "switch of 客厅空调 is no number and cannot be aggregated"),
        ({"datapoints": "mode"}, "mode of 客厅空调 is no number and cannot be aggregated"),
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
        assert text.startswith("The vendor has to grant this function first. Apply for it")


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
        "The cloud of Account of gizwits_open does not tell past readings",
        "The cloud of Account of gizwits_open aggregates nothing",
        "The cloud of Account of gizwits_open offers no online log",
        "The cloud of Account of gizwits_open offers no communication log",
        "The cloud of Account of gizwits_open does not count usage",
    ]


# Targets


async def test_invalid_targets_are_refused_with_a_hint_at_valid_ones(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry)
    device_id, account = (device_id_of(hass, entry, name) for name in (device.did, str(entry.unique_id)))
    er.async_get(hass).async_get_or_create("sensor", "another", "1", suggested_object_id="another")
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    figure = entity_id_of(hass, "sensor", entry, "$devices")
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    of_series = "Give devices together with the names of their datapoints, or entities of datapoints"
    texts: list[tuple[dict[str, Any], str]] = [
        ({"device_id": device_id}, of_series),
        ({"datapoints": "switch"}, of_series),
        ({"datapoints": "switch", "entity_id": number}, of_series),
        ({}, of_series),
        ({"entity_id": "sensor.another"}, "sensor.another is not an entity of Datapoint Cloud"),
        ({"entity_id": "sensor.unknown"}, "sensor.unknown is not an entity of Datapoint Cloud"),
        ({"entity_id": connectivity}, f"{connectivity} does not show a datapoint. "),
        ({"entity_id": figure}, f"{figure} does not show a datapoint. "),
        ({"device_id": account, "datapoints": "switch"}, "Account of gizwits_open is not a device that"),
        ({"device_id": "none", "datapoints": "switch"}, ""),
    ]
    for data, text in texts:
        assert (await error_of(hass, "get_history", range="today", **data)).startswith(text)
    texts = [
        ({}, "Give devices, or their connectivity sensors"),
        ({"entity_id": number}, f"{number} is not the connectivity sensor of a device"),
        ({"device_id": account}, "Account of gizwits_open is not a device that"),
    ]
    for data, text in texts:
        assert (await error_of(hass, "get_online_log", range="today", **data)).startswith(text)
    assert not history.requests


async def test_an_account_that_is_not_loaded_gets_no_request(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry)
    device_id = device_id_of(hass, entry, device.did)
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    await hass.config_entries.async_unload(entry.entry_id)
    await error_of(hass, "get_history", device_id=device_id, datapoints="switch", range="today")
    await error_of(hass, "get_history", entity_id=number, range="today")
    await error_of(hass, "get_online_log", device_id=device_id, range="today")
    await error_of(hass, "get_usage", config_entry_id=entry.entry_id, range="today")
    assert not history.requests


async def test_an_unknown_datapoint_is_named(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    device_id = device_id_of(hass, entry, device.did)
    set_history(entry)
    text = f"The cloud does not know room_tmep ({device.alias})"
    aggregate = {"period": "hour", "aggregation": "avg"}
    for name, more in (("get_history", {}), ("get_aggregate", aggregate)):
        call: dict[str, Any] = {"device_id": device_id, "range": "today", **more}
        assert await error_of(hass, name, HomeAssistantError, datapoints="room_tmep", **call) == text
        response = await response_of(hass, name, datapoints=["room_temp", "room_tmep"], **call)
        assert [(one["complete"], one.get("reason")) for one in response["series"]] == [(True, None), (False, text)]


async def _response_after_hanging(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, history: FakeHistory, **call: Any
) -> Any:
    """Return the response of an action whose cloud does not answer, which takes 90 seconds."""
    task = hass.async_create_task(response_of(hass, **call))
    await until(lambda: history.requests)
    freezer.tick(89)
    await asyncio.sleep(0)
    assert not task.done()
    freezer.tick(2)
    return await task


async def test_an_action_times_out(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    firstlight: MockConfigEntry,
    sodata: MockConfigEntry,
) -> None:
    hanging = set_history(entry, hangs=True)
    set_history(sodata)
    here = device_id_of(hass, entry, air_conditioner(simulation).did)
    text = "The cloud did not answer in time"
    for name, more in (("get_history", {"datapoints": "switch"}), ("get_online_log", {})):
        with pytest.raises(HomeAssistantError, match=text):
            await _response_after_hanging(hass, freezer, hanging, name=name, device_id=here, range="today", **more)
        hanging.requests.clear()
    # The results of another account are returned all the same.
    devices = [here, device_id_of(hass, sodata, ups(simulation).uuid)]
    response = await _response_after_hanging(
        hass, freezer, hanging, name="get_online_log", device_id=devices, range="today"
    )
    assert [(one["complete"], one.get("reason")) for one in response["devices"]] == [(False, text), (True, None)]
    hanging = set_history(firstlight, hangs=True)
    with pytest.raises(HomeAssistantError, match=text):
        await _response_after_hanging(
            hass, freezer, hanging, name="get_usage", config_entry_id=firstlight.entry_id, range="today"
        )


# Logs

_ONLINE = LogEntry(at=at("2026-10-20T06:00:00Z"), kind="dev_online", content={"keep_alive": 125})


def _offline(reason: str) -> LogEntry:
    return LogEntry(at=at("2026-10-20T07:00:00Z"), kind="dev_offline", reason=reason, content={"duration": 1391})


async def test_the_online_log_explains_why_a_device_went_offline(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    device_id = device_id_of(hass, entry, device.did)
    log = [_ONLINE, _offline("no_heartbeat"), _offline("Tcp_closed"), _offline("offline_force"), _offline("moonshine")]
    set_history(entry, rows={device.did: log})
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    response = await response_of(hass, "get_online_log", device_id=device_id, entity_id=connectivity, range="today")
    (of_device,) = response["devices"]
    assert of_device["device_id"] == device_id
    assert of_device["complete"]
    online, *offline = of_device["rows"]
    assert online == {"at": "2026-10-20T08:00:00+02:00", "kind": "dev_online", "content": {"keep_alive": 125}}
    assert offline[0] == {
        "at": "2026-10-20T09:00:00+02:00",
        "kind": "dev_offline",
        "reason": "no_heartbeat",
        "text": "The device went silent: it lost its network or its power",
        "is_outage": True,
        "content": {"duration": 1391},
    }
    assert [(row["reason"], row["text"] is not None, row["is_outage"]) for row in offline[1:]] == [
        ("Tcp_closed", True, True),
        ("offline_force", True, False),
        ("moonshine", False, True),
    ]
    assert offline[2]["text"].endswith("no outage")


async def test_a_failed_log_does_not_affect_the_others(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    enterprise = await add_account(hass, simulation, "gizwits_enterprise")
    here, there = air_conditioner(simulation), chiller(simulation)
    device_ids = [device_id_of(hass, entry, here.did), device_id_of(hass, enterprise, there.did)]
    set_history(entry, rows={here.did: [_ONLINE]})
    set_history(enterprise, raises=Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018))
    response = await response_of(hass, "get_online_log", device_id=device_ids, range="last_24_hours")
    assert [(one["complete"], len(one["rows"])) for one in response["devices"]] == [(True, 1), (False, 0)]
    assert response["devices"][1]["reason"].startswith("The vendor has to grant this function first")
    await error_of(hass, "get_online_log", HomeAssistantError, device_id=device_ids[1], range="last_24_hours")


async def test_the_communication_log_is_for_administrators(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    device = air_conditioner(simulation)
    frame = LogEntry(at=at("2026-10-20T07:00:00.294Z"), kind="app2dev", content={"payload": "0000000303000090"})
    history = set_history(entry, rows={device.did: [frame]})
    data: dict[str, Any] = {"device_id": device_id_of(hass, entry, device.did), "range": "today"}
    with pytest.raises(Unauthorized):
        await response_of(hass, "get_communication_log", Context(user_id=hass_read_only_user.id), **data)
    assert not history.requests
    administrator = MockUser(is_owner=True).add_to_hass(hass)
    response = await response_of(hass, "get_communication_log", Context(user_id=administrator.id), **data)
    assert response["devices"][0]["rows"] == [
        {"at": "2026-10-20T09:00:00.294000+02:00", "kind": "app2dev", "content": {"payload": "0000000303000090"}}
    ]


# Usage

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
    one_of = "Give the device of a usage query, or an account and the name of one of its queries"
    none = "Account of firstlight has no usage query {}. It has: content genre per day"
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
        assert text.startswith("The cloud refuses the query because of period (code 40460101)")


# Why a device went offline


async def test_connectivity_shows_why_the_device_last_went_offline(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry, rows={device.did: [_ONLINE, _offline("Tcp_closed"), _ONLINE]})
    await poll(hass, entry)
    assert not history.requests
    device.is_online = False
    await poll(hass, entry)
    await poll(hass, entry)
    await settle(hass)
    (request,) = history.requests
    assert request["device"] == device.did
    assert request["end"] - request["start"] == timedelta(days=1)
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")
    history.raises = Unreachable()
    device.is_online = True
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert len(history.requests) == 2
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")


async def test_connectivity_shows_no_reason_if_the_cloud_has_no_log(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry, capabilities=HistoryCapabilities())
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert not history.requests
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert "last_disconnect_reason" not in state.attributes
