"""The actions that answer about the past: what they ask of which cloud, what they answer and what they refuse."""

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
from .fake_history import EVERYTHING, FakeHistory, answer_of, at, give_past, refusal_of, target_of
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


async def test_readings_of_devices_and_of_entities_are_answered_with_what_home_assistant_calls_them(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = target_of(hass, entry, device.did)
    state = entry.runtime_data.coordinator.fleet[device.did]
    description = state.descriptions["set_temp"]
    state.descriptions["set_temp"] = replace(description, scale=0.1, unit="°C")
    history = give_past(
        entry,
        rows={
            "switch": [Reading(True, at("2026-10-20T08:00:00Z")), Reading(None, at("2026-10-20T09:00:00Z"))],
            "set_temp": [Reading(185, at("2026-10-20T08:00:00Z"))],
            "made_up": [Reading("0a", None)],
        },
    )
    entity_id = entity_id_of(hass, "number", entry, device.did, "set_temp")
    answer = await answer_of(
        hass,
        "get_history",
        device_id=target,
        datapoints=["switch", "made_up"],
        entity_id=[entity_id, entity_id],
        range="today",
    )
    asked = {"start": "2026-10-20T00:00:00+02:00", "end": "2026-10-20T12:30:00+02:00"}
    of_device = {"device_id": target, "device": device.alias}
    assert answer == asked | {
        "series": [
            {
                **of_device,
                "datapoint": "switch",
                "entity_id": entity_id_of(hass, "switch", entry, device.did, "switch"),
                "name": state.descriptions["switch"].name,
                "unit": None,
                **asked,
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
                **asked,
                "complete": True,
                "rows": [{"at": None, "value": "0a"}],
            },
            {
                **of_device,
                "datapoint": "set_temp",
                "entity_id": entity_id,
                "name": description.name,
                "unit": "°C",
                **asked,
                "complete": True,
                "rows": [{"at": "2026-10-20T10:00:00+02:00", "value": 18.5}],
            },
        ]
    }
    series = [Series(state.device, key) for key in ("switch", "made_up", "set_temp")]
    assert history.asked == [{"series": series, "start": at(asked["start"]), "end": at(asked["end"])}]


async def test_a_series_that_fails_costs_no_other(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, sodata: MockConfigEntry
) -> None:
    here, there = air_conditioner(simulation), ups(simulation)
    row = Reading(1, at("2026-10-20T08:00:00Z"))
    give_past(entry, rows={"a": [row]}, errors={"b": Rejected(Reason.NOT_FOUND, subject="b")})
    give_past(sodata, raises=Unreachable(Reason.NO_CONNECTION))
    targets = [target_of(hass, entry, here.did), target_of(hass, sodata, there.uuid)]
    answer = await answer_of(hass, "get_history", device_id=targets, datapoints=["a", "b"], range="last_hour")
    told = [(one["complete"], one.get("reason"), len(one["rows"])) for one in answer["series"]]
    lost = (False, "The cloud cannot be reached: no connection to its server", 0)
    assert told == [(True, None, 1), (False, "The cloud does not know b", 0), lost, lost]
    assert answer["series"][2]["start"] == answer["series"][2]["end"] == "2026-10-20T11:30:00+02:00"


async def test_what_the_cloud_keeps_no_more_is_told_with_the_range_that_is_complete(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    give_past(entry, keeps_since=at("2026-10-13T10:30:00Z"))
    target = target_of(hass, entry, air_conditioner(simulation).did)
    answer = await answer_of(hass, "get_history", device_id=target, datapoints="switch", range="last_30_days")
    (series,) = answer["series"]
    assert answer["start"] == "2026-09-20T12:30:00+02:00"
    assert series["start"] == "2026-10-13T12:30:00+02:00"
    assert series["end"] == "2026-10-20T12:30:00+02:00"
    assert not series["complete"]
    assert series["reason"] == "The cloud tells nothing from before 2026-10-13 12:30"
    answer = await answer_of(hass, "get_history", device_id=target, datapoints="switch", range="last_month")
    (series,) = answer["series"]
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
async def test_where_nothing_could_be_learnt_the_action_fails_and_says_why(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, error: CloudError, text: str
) -> None:
    target = target_of(hass, entry, air_conditioner(simulation).did)
    whole: list[dict[str, Any]] = [{"raises": error}, {"errors": {"switch": error}}]
    for told in whole:
        give_past(entry, **told)
        said = await refusal_of(
            hass, "get_history", HomeAssistantError, device_id=target, datapoints="switch", range="today"
        )
        assert said.startswith(text)


async def test_parts_have_the_datapoints_of_their_own(
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
    history = give_past(sodata)
    await answer_of(hass, "get_history", device_id=part.id, datapoints=[own.key, "Unit|9|1"], range="today")
    assert history.asked[0]["series"] == [Series(state.device, key) for key in (own.key, "Unit|9|1")]
    text = await refusal_of(hass, "get_history", device_id=part.id, datapoints=other.key, range="today")
    assert text == f"{other.key} of {device.name} does not belong to this part of it"
    assert len(history.asked) == 1


# Aggregates


def _bucket(start: str, end: str, value: float) -> Bucket:
    return Bucket(start=at(start), end=at(end), value=value)


@pytest.mark.parametrize(
    ("aggregation", "value", "unit"),
    [("avg", 18.5, "°C"), ("count", 185, None), ("var", 1.85, "°C²")],
)
async def test_buckets_are_scaled_as_their_aggregation_has_it(
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
    history = give_past(entry, rows={"set_temp": [_bucket("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z", 185)]})
    answer = await answer_of(
        hass,
        "get_aggregate",
        entity_id=entity_id_of(hass, "number", entry, device.did, "set_temp"),
        range="yesterday",
        period="day",
        aggregation=aggregation,
    )
    assert (answer["period"], answer["aggregation"]) == ("day", aggregation)
    (series,) = answer["series"]
    assert series["unit"] == unit
    assert series["complete"]
    assert series["rows"] == [
        {"start": "2026-10-19T00:00:00+02:00", "end": "2026-10-20T00:00:00+02:00", "value": value, "partial": False}
    ]
    (asked,) = history.asked
    assert asked["is_local"] is True
    assert (asked["period"], asked["aggregation"]) == ("day", Aggregation(aggregation))
    assert (asked["start"], asked["end"]) == (at("2026-10-18T22:00:00Z"), at("2026-10-19T22:00:00Z"))


async def test_a_period_that_is_not_over_is_marked(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    days = (("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z"), ("2026-10-19T22:00:00Z", "2026-10-20T22:00:00Z"))
    give_past(entry, rows={"set_temp": [_bucket(start, end, 1) for start, end in days]})
    answer = await answer_of(
        hass,
        "get_aggregate",
        device_id=target_of(hass, entry, air_conditioner(simulation).did),
        datapoints="set_temp",
        range="last_24_hours",
        period="day",
        aggregation="avg",
    )
    assert [row["partial"] for row in answer["series"][0]["rows"]] == [False, True]


async def test_alarms_are_aggregated_where_the_cloud_does_so(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    state = sodata.runtime_data.coordinator.fleet[ups(simulation).uuid]
    alarm = next(point.key for point in state.datapoints.values() if point.role is Role.ALARM)
    give_past(sodata, rows={alarm: [_bucket("2026-10-18T22:00:00Z", "2026-10-19T22:00:00Z", 3)]})
    answer = await answer_of(
        hass,
        "get_aggregate",
        device_id=target_of(hass, sodata, ups(simulation).uuid),
        datapoints=alarm,
        range="yesterday",
        period="day",
        aggregation="count",
    )
    assert [row["value"] for row in answer["series"][0]["rows"]] == [3]


async def test_buckets_may_begin_at_midnight_utc(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    history = give_past(sodata)
    await answer_of(
        hass,
        "get_aggregate",
        device_id=target_of(hass, sodata, ups(simulation).uuid),
        datapoints="Global|0|140100",
        range="this_month",
        period="hour",
        aggregation="avg",
        local_days=False,
    )
    assert history.asked[0]["is_local"] is False


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
async def test_what_is_not_offered_is_refused_with_what_is(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, data: dict[str, Any], text: str
) -> None:
    history = give_past(entry, capabilities=replace(EVERYTHING, aggregates_numbers_only=True))
    target = target_of(hass, entry, air_conditioner(simulation).did)
    call = {"device_id": target, "datapoints": "set_temp", "range": "today", "period": "day", "aggregation": "avg"}
    assert text == await refusal_of(hass, "get_aggregate", **call | data)
    assert not history.asked


async def test_where_the_vendor_has_to_grant_aggregation_it_is_said(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    target = target_of(hass, entry, air_conditioner(simulation).did)
    for error in (NotSupported(), Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018)):
        give_past(entry, capabilities=replace(EVERYTHING, aggregates_need_grant=True), raises=error)
        text = await refusal_of(
            hass,
            "get_aggregate",
            HomeAssistantError,
            device_id=target,
            datapoints="set_temp",
            range="today",
            period="day",
            aggregation="avg",
        )
        assert text.startswith("The vendor has to grant this function first. Apply for it")


async def test_a_cloud_without_a_past_is_not_asked(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    entry.runtime_data.coordinator.cloud.history = NoHistory()
    target = target_of(hass, entry, air_conditioner(simulation).did)
    buckets: dict[str, Any] = {"period": "day", "aggregation": "avg"}
    series: dict[str, Any] = {"device_id": target, "datapoints": "set_temp", "range": "today"}
    texts = [
        await refusal_of(hass, "get_history", **series),
        await refusal_of(hass, "get_aggregate", **series, **buckets),
        await refusal_of(hass, "get_online_log", device_id=target, range="today"),
        await refusal_of(hass, "get_communication_log", device_id=target, range="today"),
        await refusal_of(hass, "get_usage", device_id=target, range="today"),
    ]
    assert texts == [
        "The cloud of Account of gizwits_open does not tell past readings",
        "The cloud of Account of gizwits_open aggregates nothing",
        "The cloud of Account of gizwits_open offers no online log",
        "The cloud of Account of gizwits_open offers no communication log",
        "The cloud of Account of gizwits_open does not count usage",
    ]


# Targets


async def test_targets_that_are_none_are_refused_with_what_to_give(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = give_past(entry)
    target, account = (target_of(hass, entry, name) for name in (device.did, str(entry.unique_id)))
    er.async_get(hass).async_get_or_create("sensor", "another", "1", suggested_object_id="another")
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    figure = entity_id_of(hass, "sensor", entry, "$devices")
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    of_series = "Give devices together with the names of their datapoints, or entities of datapoints"
    texts: list[tuple[dict[str, Any], str]] = [
        ({"device_id": target}, of_series),
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
        assert (await refusal_of(hass, "get_history", range="today", **data)).startswith(text)
    texts = [
        ({}, "Give devices, or their connectivity sensors"),
        ({"entity_id": number}, f"{number} is not the connectivity sensor of a device"),
        ({"device_id": account}, "Account of gizwits_open is not a device that"),
    ]
    for data, text in texts:
        assert (await refusal_of(hass, "get_online_log", range="today", **data)).startswith(text)
    assert not history.asked


async def test_an_account_that_is_not_loaded_is_not_asked(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = give_past(entry)
    target = target_of(hass, entry, device.did)
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    await hass.config_entries.async_unload(entry.entry_id)
    await refusal_of(hass, "get_history", device_id=target, datapoints="switch", range="today")
    await refusal_of(hass, "get_history", entity_id=number, range="today")
    await refusal_of(hass, "get_online_log", device_id=target, range="today")
    await refusal_of(hass, "get_usage", config_entry_id=entry.entry_id, range="today")
    assert not history.asked


async def test_a_name_that_nobody_knows_is_told(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = target_of(hass, entry, device.did)
    give_past(entry)
    text = f"The cloud does not know room_tmep ({device.alias})"
    aggregate = {"period": "hour", "aggregation": "avg"}
    for name, more in (("get_history", {}), ("get_aggregate", aggregate)):
        call: dict[str, Any] = {"device_id": target, "range": "today", **more}
        assert await refusal_of(hass, name, HomeAssistantError, datapoints="room_tmep", **call) == text
        answer = await answer_of(hass, name, datapoints=["room_temp", "room_tmep"], **call)
        assert [(one["complete"], one.get("reason")) for one in answer["series"]] == [(True, None), (False, text)]


async def _hang_up(hass: HomeAssistant, freezer: FrozenDateTimeFactory, history: FakeHistory, **call: Any) -> Any:
    """What an action answers whose cloud hangs: nothing for a minute and a half."""
    task = hass.async_create_task(answer_of(hass, **call))
    await until(lambda: history.asked)
    freezer.tick(89)
    await asyncio.sleep(0)
    assert not task.done()
    freezer.tick(2)
    return await task


async def test_an_action_does_not_wait_for_ever(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    firstlight: MockConfigEntry,
    sodata: MockConfigEntry,
) -> None:
    hanging = give_past(entry, hangs=True)
    give_past(sodata)
    here = target_of(hass, entry, air_conditioner(simulation).did)
    text = "The cloud did not answer in time"
    for name, more in (("get_history", {"datapoints": "switch"}), ("get_online_log", {})):
        with pytest.raises(HomeAssistantError, match=text):
            await _hang_up(hass, freezer, hanging, name=name, device_id=here, range="today", **more)
        hanging.asked.clear()
    # What another account tells is not lost with it.
    devices = [here, target_of(hass, sodata, ups(simulation).uuid)]
    answer = await _hang_up(hass, freezer, hanging, name="get_online_log", device_id=devices, range="today")
    assert [(one["complete"], one.get("reason")) for one in answer["devices"]] == [(False, text), (True, None)]
    hanging = give_past(firstlight, hangs=True)
    with pytest.raises(HomeAssistantError, match=text):
        await _hang_up(hass, freezer, hanging, name="get_usage", config_entry_id=firstlight.entry_id, range="today")


# Logs

_CAME = LogEntry(at=at("2026-10-20T06:00:00Z"), kind="dev_online", content={"keep_alive": 125})


def _went(reason: str) -> LogEntry:
    return LogEntry(at=at("2026-10-20T07:00:00Z"), kind="dev_offline", reason=reason, content={"duration": 1391})


async def test_the_online_log_tells_why_a_device_went(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    target = target_of(hass, entry, device.did)
    log = [_CAME, _went("no_heartbeat"), _went("Tcp_closed"), _went("offline_force"), _went("moonshine")]
    give_past(entry, rows={device.did: log})
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    answer = await answer_of(hass, "get_online_log", device_id=target, entity_id=connectivity, range="today")
    (of_device,) = answer["devices"]
    assert of_device["device_id"] == target
    assert of_device["complete"]
    came, *went = of_device["rows"]
    assert came == {"at": "2026-10-20T08:00:00+02:00", "kind": "dev_online", "content": {"keep_alive": 125}}
    assert went[0] == {
        "at": "2026-10-20T09:00:00+02:00",
        "kind": "dev_offline",
        "reason": "no_heartbeat",
        "text": "The device went silent: it lost its network or its power",
        "is_outage": True,
        "content": {"duration": 1391},
    }
    assert [(row["reason"], row["text"] is not None, row["is_outage"]) for row in went[1:]] == [
        ("Tcp_closed", True, True),
        ("offline_force", True, False),
        ("moonshine", False, True),
    ]
    assert went[2]["text"].endswith("no outage")


async def test_a_log_that_fails_costs_no_other(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    enterprise = await add_account(hass, simulation, "gizwits_enterprise")
    here, there = air_conditioner(simulation), chiller(simulation)
    targets = [target_of(hass, entry, here.did), target_of(hass, enterprise, there.did)]
    give_past(entry, rows={here.did: [_CAME]})
    give_past(enterprise, raises=Forbidden(Reason.FEATURE_NOT_GRANTED, code=5018))
    answer = await answer_of(hass, "get_online_log", device_id=targets, range="last_24_hours")
    assert [(one["complete"], len(one["rows"])) for one in answer["devices"]] == [(True, 1), (False, 0)]
    assert answer["devices"][1]["reason"].startswith("The vendor has to grant this function first")
    await refusal_of(hass, "get_online_log", HomeAssistantError, device_id=targets[1], range="last_24_hours")


async def test_the_communication_log_is_for_administrators(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    device = air_conditioner(simulation)
    frame = LogEntry(at=at("2026-10-20T07:00:00.294Z"), kind="app2dev", content={"payload": "0000000303000090"})
    history = give_past(entry, rows={device.did: [frame]})
    data: dict[str, Any] = {"device_id": target_of(hass, entry, device.did), "range": "today"}
    with pytest.raises(Unauthorized):
        await answer_of(hass, "get_communication_log", Context(user_id=hass_read_only_user.id), **data)
    assert not history.asked
    administrator = MockUser(is_owner=True).add_to_hass(hass)
    answer = await answer_of(hass, "get_communication_log", Context(user_id=administrator.id), **data)
    assert answer["devices"][0]["rows"] == [
        {"at": "2026-10-20T09:00:00.294000+02:00", "kind": "app2dev", "content": {"payload": "0000000303000090"}}
    ]


# Usage

_QUERY = "content/genre//day/"


async def test_usage_of_a_query_is_asked_as_the_query_is_or_otherwise(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    rows = [
        Usage(value=3.5, label="Drama", at=at("2026-10-19T22:00:00Z")),
        Usage(value=4),
    ]
    history = give_past(firstlight, rows={_QUERY: rows})
    device = target_of(hass, firstlight, _QUERY)
    answer = await answer_of(hass, "get_usage", device_id=device, range="today")
    assert answer == {
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
        await answer_of(hass, "get_usage", **in_account, **query, group_by="network")
    await answer_of(hass, "get_usage", **in_account, group_by="none")
    first, *others, last = history.asked
    assert (first["scope"], first["period"], first["group_by"]) == (_QUERY, "day", None)
    assert {(one["scope"], one["period"], one["group_by"]) for one in others} == {(_QUERY, "month", "network")}
    assert last["group_by"] is None


async def test_queries_that_are_none_are_refused_with_those_there_are(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    history = give_past(firstlight)
    account = target_of(hass, firstlight, str(firstlight.unique_id))
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
        assert text == await refusal_of(hass, "get_usage", range="today", **data)
    assert not history.asked


async def test_a_refused_query_is_told(
    hass: HomeAssistant, simulation: Simulation, firstlight: MockConfigEntry
) -> None:
    error = Forbidden(Reason.WRONG_QUERY, code="40460101", subject="period")
    for told in ({"raises": error}, {"errors": {_QUERY: error}}):
        give_past(firstlight, **told)
        text = await refusal_of(
            hass, "get_usage", HomeAssistantError, config_entry_id=firstlight.entry_id, range="today"
        )
        assert text.startswith("The cloud refuses the query because of period (code 40460101)")


# Why a device went


async def test_connectivity_tells_why_the_device_last_went(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = give_past(entry, rows={device.did: [_CAME, _went("Tcp_closed"), _CAME]})
    await poll(hass, entry)
    assert not history.asked
    device.is_online = False
    await poll(hass, entry)
    await poll(hass, entry)
    await settle(hass)
    (asked,) = history.asked
    assert asked["device"] == device.did
    assert asked["end"] - asked["start"] == timedelta(days=1)
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")
    history.raises = Unreachable()
    device.is_online = True
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert len(history.asked) == 2
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "tcp_closed")


async def test_connectivity_tells_no_reason_where_the_cloud_has_no_log(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = give_past(entry, capabilities=HistoryCapabilities())
    await poll(hass, entry)
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    assert not history.asked
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert "last_disconnect_reason" not in state.attributes
