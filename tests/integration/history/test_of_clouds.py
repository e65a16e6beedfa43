"""The history actions against the simulated clouds, compared with the values that the simulation knows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.server import Fault
from simulator.simulation import Simulation

from ..accounts import add_account, entity_id_of, poll, state_of
from ..passing_time import ChangeTimings, settle
from ..subjects import air_conditioner, chiller, ups
from .fake_history import at, device_id_of, error_of, response_of

_LOAD_RATE = "Global|0|140100"


def _measured(simulation: Simulation, key: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    """Return the samples that the simulated UPS took."""
    device = ups(simulation)
    from_ms, to_ms = (int(timestamp.timestamp() * 1000) for timestamp in (start, end))
    samples = device.samples(device.variables[key], from_ms, to_ms)
    return [(datetime.fromtimestamp(ms / 1000, UTC), float(str(value))) for ms, value in samples]


# SoData


async def test_readings_of_a_ups(hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry) -> None:
    entity_id = entity_id_of(hass, "sensor", sodata, ups(simulation).uuid, _LOAD_RATE)
    response = await response_of(hass, "get_history", entity_id=entity_id, range="last_hour")
    (series,) = response["series"]
    assert series["complete"]
    assert (
        series["unit"]
        == state_of(hass, "sensor", sodata, ups(simulation).uuid, _LOAD_RATE).attributes["unit_of_measurement"]
    )
    rows = [(at(row["at"]), row["value"]) for row in series["rows"]]
    # SoData returns raw timestamps in whole seconds.
    expected = [
        (timestamp.replace(microsecond=0), value)
        for timestamp, value in _measured(simulation, _LOAD_RATE, at(response["start"]), at(response["end"]))
    ]
    assert rows
    assert rows == expected


async def test_days_of_a_ups_start_at_its_local_midnight(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    device_id = device_id_of(hass, sodata, ups(simulation).uuid)
    today = dt_util.now(ZoneInfo("Europe/Paris")).replace(hour=0, minute=0, second=0, microsecond=0)
    bounds = [today - timedelta(days=days) for days in (2, 1, 0)]
    response = await response_of(
        hass,
        "get_aggregate",
        device_id=device_id,
        datapoints=[_LOAD_RATE, "Global|0|999999"],
        start=bounds[0].isoformat(),
        end=bounds[-1].isoformat(),
        period="day",
        aggregation="max",
    )
    series, unknown = response["series"]
    assert series["complete"]
    assert [(row["start"], row["end"], row["value"]) for row in series["rows"]] == [
        (start.isoformat(), end.isoformat(), max(value for _, value in _measured(simulation, _LOAD_RATE, start, end)))
        for start, end in pairwise(bounds)
    ]
    assert unknown["rows"] == []


async def test_datapoints_of_every_type_are_aggregated(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    device = ups(simulation)
    state = sodata.runtime_data.coordinator.fleet[device.uuid]
    kinds = {(point.data_type, point.unit is None): point.key for point in state.datapoints.values()}
    assert len(kinds) > 2
    response = await response_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, sodata, device.uuid),
        datapoints=list(kinds.values()),
        range="yesterday",
        period="day",
        aggregation="count",
    )
    assert {one["complete"] for one in response["series"]} == {True}
    assert any(one["rows"] for one in response["series"])


async def test_a_server_failure_is_an_error(
    hass: HomeAssistant, simulation: Simulation, sodata: MockConfigEntry
) -> None:
    simulation.sodata.faults.append(Fault(matches=lambda request: request.path.endswith("/datapoints"), status=503))
    device_id = device_id_of(hass, sodata, ups(simulation).uuid)
    text = await error_of(
        hass, "get_history", HomeAssistantError, device_id=device_id, datapoints=_LOAD_RATE, range="today"
    )
    assert text == "The server of the cloud failed"


# Gizwits


async def test_reports_of_a_chiller(hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry) -> None:
    device = chiller(simulation)
    device.report_seconds = 600
    entity_id = entity_id_of(hass, "number", enterprise, device.did, "set_temp")
    response = await response_of(
        hass,
        "get_history",
        entity_id=entity_id,
        device_id=device_id_of(hass, enterprise, device.did),
        datapoints="switch",
        range="last_24_hours",
    )
    switch, temperature = response["series"]
    assert switch["complete"]
    assert temperature["complete"]
    start, end = at(response["start"]).timestamp(), at(response["end"]).timestamp()
    timestamps = [timestamp for timestamp in device.reports(start, end) if timestamp < end]
    assert len(timestamps) > 100
    assert [at(row["at"]).timestamp() for row in switch["rows"]] == timestamps
    for key, series in (("switch", switch), ("set_temp", temperature)):
        assert [row["value"] for row in series["rows"]] == [device.values_at(at_)[key] for at_ in timestamps]


async def test_readings_older_than_a_week_are_reported_as_not_kept(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry
) -> None:
    device = chiller(simulation)
    device.report_seconds = 3600
    device_id = device_id_of(hass, enterprise, device.did)
    start = dt_util.utcnow() - timedelta(days=9)
    call: dict[str, Any] = {"device_id": device_id, "datapoints": "switch", "start": start.isoformat()}
    (series,) = (await response_of(hass, "get_history", **call))["series"]
    assert series["rows"]
    assert series["reason"].startswith("The cloud keeps no data from before ")
    assert timedelta(days=1, hours=23) < at(series["start"]) - start < timedelta(days=2, hours=1)
    (series,) = (await response_of(hass, "get_history", **call, end=(start + timedelta(days=1)).isoformat()))["series"]
    assert (series["rows"], series["reason"]) == ([], "The cloud keeps no data for this range")


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_the_online_log_and_the_connectivity_show_the_reason(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    change_timings: ChangeTimings,
    kind: str,
) -> None:
    change_timings(online_log_delay=0)
    entry = await add_account(hass, simulation, kind)
    device = air_conditioner(simulation) if kind == "gizwits_open" else chiller(simulation)
    await poll(hass, entry)
    device.is_online = False
    freezer.tick(5)
    await poll(hass, entry)
    await settle(hass)
    state = state_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    assert (state.state, state.attributes["last_disconnect_reason"]) == ("off", "no_heartbeat")
    has_last_online = kind == "gizwits_enterprise"
    last_online = datetime.fromtimestamp(device.online_latest, UTC) if has_last_online else None
    assert state.attributes.get("last_online") == last_online
    device.is_online = True
    await poll(hass, entry)
    assert "last_online" not in state_of(hass, "binary_sensor", entry, device.did, "$connectivity").attributes
    response = await response_of(hass, "get_online_log", entity_id=state.entity_id, range="last_7_days")
    (log,) = response["devices"]
    offline = [row for row in log["rows"] if "reason" in row]
    assert 0 < len(offline) < len(log["rows"])
    assert {(row["reason"], row["is_outage"]) for row in offline} == {("no_heartbeat", True)}
    assert offline[0]["text"] == "The device stopped responding because it lost its network or its power"
    assert offline[0]["content"]["duration"] > 0


async def test_history_that_the_vendor_has_not_granted_is_refused_with_a_hint_to_apply(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry
) -> None:
    simulation.gizwits_enterprise.is_data_granted = False
    device_id = device_id_of(hass, enterprise, chiller(simulation).did)
    calls: dict[str, dict[str, Any]] = {
        "get_history": {"datapoints": "switch"},
        "get_online_log": {},
        "get_communication_log": {},
        "get_aggregate": {"datapoints": "set_temp", "period": "hour", "aggregation": "avg"},
    }
    for name, more in calls.items():
        text = await error_of(hass, name, HomeAssistantError, device_id=device_id, range="last_24_hours", **more)
        assert text.startswith("The vendor has not enabled this function")


async def test_hours_of_an_air_conditioner(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> None:
    device = air_conditioner(simulation)
    response = await response_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, entry, device.did),
        datapoints="power",
        range="last_24_hours",
        period="hour",
        aggregation="avg",
    )
    (series,) = response["series"]
    assert series["complete"], series["reason"]
    assert 15 < len(series["rows"]) <= 25  # the range starts and ends within an hour
    scale = entry.runtime_data.coordinator.fleet[device.did].descriptions["power"].scale
    row = series["rows"][0]
    samples = range(int(at(row["start"]).timestamp()), int(at(row["end"]).timestamp()), 600)
    expected = fmean(device.values_at(timestamp)["power"] for timestamp in samples if device.was_online(timestamp))
    assert row["value"] == pytest.approx(expected * scale, rel=1e-3)
    text = await error_of(
        hass,
        "get_aggregate",
        device_id=device_id_of(hass, entry, device.did),
        datapoints="power",
        range="this_year",
        period="year",
        aggregation="avg",
    )
    assert text.endswith("does not offer the period Year. Choose one of: Hour, Day, Week, Month")


async def test_the_communication_log_has_the_frames_that_were_sent(
    hass: HomeAssistant, simulation: Simulation, enterprise: MockConfigEntry
) -> None:
    device = chiller(simulation)
    device_id = device_id_of(hass, enterprise, device.did)
    device._commands.append(device.online_log()[0].__class__(dt_util.utcnow().timestamp() - 60, "app2dev", b"\x07"))
    response = await response_of(hass, "get_communication_log", device_id=device_id, range="last_hour")
    (row,) = response["devices"][0]["rows"]
    assert row["kind"] == "app2dev"
    assert row["content"]["payload"].endswith("07")


# Firstlight


async def test_usage_of_yesterday(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    call: dict[str, Any] = {"config_entry_id": entry.entry_id, "range": "yesterday"}
    response = await response_of(hass, "get_usage", **call)
    assert response["complete"]
    assert response["unit"] == "plays"
    from_ms, to_ms = (int(at(response[name]).timestamp() * 1000) for name in ("start", "end"))
    counted = simulation.firstlight.usages["content/genre"].count_by_name(from_ms, to_ms, None)
    assert {row["label"]: row["value"] for row in response["rows"]} == counted
    response = await response_of(hass, "get_usage", **call, group_by="network")
    assert {row["label"] for row in response["rows"]} == {"ON NET", "OFF NET"}
    text = await error_of(hass, "get_usage", HomeAssistantError, **call, period="fortnight")
    assert text.startswith("The cloud refuses the query. Check its period")


async def test_a_range_as_long_as_the_retention_is_complete(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, enterprise: MockConfigEntry
) -> None:
    device_id = device_id_of(hass, enterprise, chiller(simulation).did)
    response = await response_of(hass, "get_history", device_id=device_id, datapoints="set_temp", range="last_7_days")
    assert response["series"][0]["complete"]
    assert at(response["series"][0]["start"]) - at(response["start"]) <= timedelta(minutes=2)
    device_ids = [device_id, device_id_of(hass, entry, air_conditioner(simulation).did)]
    response = await response_of(hass, "get_online_log", device_id=device_ids, range="last_7_days")
    assert [one["complete"] for one in response["devices"]] == [True, True]
