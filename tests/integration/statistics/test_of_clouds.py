"""The import of history into long-term statistics from the simulated clouds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.clouds.history import Aggregation, Period
from custom_components.datapoint_cloud.profiles import Profiles
from custom_components.datapoint_cloud.profiles.model import Match, Profile, Refinement, ShownAs
from custom_components.datapoint_cloud.statistics.hours import HOUR
from simulator.simulation import Simulation

from ..accounts import add_account, entity_id_of, poll
from ..subjects import chiller
from .generated_history import rows_of, sensor_of
from .recording import compile_hour, rise


@pytest.fixture(autouse=True)
def _small(recorder_mock: Recorder) -> None:
    """Set up a recorder and small fleets."""


async def _import(hass: HomeAssistant, entity_ids: list[str], days: float) -> dict[str, Any]:
    response: dict[str, Any] | None = await hass.services.async_call(
        "datapoint_cloud",
        "import_statistics",
        {"entity_id": entity_ids, "start": (datetime.now(UTC) - timedelta(days=days)).isoformat()},
        blocking=True,
        return_response=True,
    )
    await async_wait_recording_done(hass)
    assert response is not None
    return dict(response["entities"])


async def test_statistics_of_sodata_are_its_hourly_buckets(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    sensor, meter = (sensor_of(hass, entry, is_meter=is_meter) for is_meter in (False, True))
    simulation.sodata.reset_counts()
    response = await _import(hass, [sensor.entity_id, meter.entity_id], 2)
    assert {one["reason"] for one in response.values()} == {"complete"}
    assert sum(simulation.sodata.requests.values()) == 3  # one for each aggregation, whatever the number of series
    rows = await rows_of(hass, sensor.entity_id)
    assert len(rows) in {46, 47}
    history = entry.runtime_data.coordinator.cloud.history
    for name, aggregation in (("mean", Aggregation.AVG), ("min", Aggregation.MIN), ("max", Aggregation.MAX)):
        start, end = min(rows), max(rows) + HOUR
        results = await history.buckets([sensor.series], start, end, period=Period.HOUR, aggregation=aggregation)
        assert {hour: row[name] for hour, row in rows.items()} == {
            bucket.start: bucket.value for bucket in results[sensor.series].rows
        }
    counted = list((await rows_of(hass, meter.entity_id)).values())
    assert counted[-1]["sum"] <= 0
    assert all(row["sum"] - counted[0]["sum"] == pytest.approx(row["state"] - counted[0]["state"]) for row in counted)


async def test_importing_needs_the_right_to_control_the_sensor(
    hass: HomeAssistant, simulation: Simulation, hass_read_only_user: User
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    simulation.sodata.reset_counts()
    for call in ({"config_entry_id": entry.entry_id}, {"entity_id": sensor_of(hass, entry, is_meter=True).entity_id}):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(
                "datapoint_cloud",
                "import_statistics",
                call,
                blocking=True,
                context=Context(user_id=hass_read_only_user.id),
            )
    assert not simulation.sodata.requests


async def test_statistics_of_an_enterprise_are_made_from_its_reports(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    refined = Refinement(unit="°C", device_class="temperature", shown_as=ShownAs.SENSOR)
    match = Match(products=frozenset({chiller(simulation).product.key}))
    profiles = Profiles(ours=(Profile(match=match, datapoints={"set_temp": refined}),))
    monkeypatch.setattr(user_profiles, "load_profiles", lambda _: profiles)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    device_id = chiller(simulation).did
    entity_id = entity_id_of(hass, "sensor", entry, device_id, "set_temp")
    response = (await _import(hass, [entity_id], 30))[entity_id]
    assert response["reason"] == "complete"
    rows = await rows_of(hass, entity_id)
    assert response["rows_written"] == len(rows) > 0
    assert min(rows) > datetime.now(UTC) - timedelta(days=7)
    assert all(row["min"] <= row["mean"] <= row["max"] for row in rows.values())


async def test_statistics_of_a_usage_query_are_the_totals_of_its_days(
    hass: HomeAssistant, now: datetime, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    await hass.config.async_set_time_zone("America/Los_Angeles")  # days begin at 7:00 UTC
    entry = await add_account(hass, simulation, "firstlight")
    entity_id = entity_id_of(hass, "sensor", entry, "content/genre//day/", "value:Drama")
    assert hass.states.get(entity_id).attributes["state_class"] == "total"  # type: ignore[union-attr]
    await async_wait_recording_done(hass)
    simulation.firstlight.reset_counts()
    response = (await _import(hass, [entity_id], 3))[entity_id]
    assert response["reason"] == "complete"
    assert sum(simulation.firstlight.requests.values()) == response["rows_written"] == 4
    await compile_hour(hass, freezer, now.replace(minute=0))
    rows = await rows_of(hass, entity_id)
    hours = [datetime(2030, 5, day, hour, tzinfo=UTC) for day, hour in ((12, 6), (13, 6), (14, 6), (14, 9), (14, 10))]
    assert list(rows) == hours
    assert [row["state"] for row in rows.values()] == [405, 405, 405, 52, 56]
    assert rise(rows) == [405, 405, 52, 4]
    days = [datetime.fromtimestamp(row["last_reset"], UTC) for row in rows.values()]
    assert days == [datetime(2030, 5, day, 7, tzinfo=UTC) for day in (11, 12, 13, 14, 14)]


async def test_a_usage_query_begins_anew_with_each_period_even_with_the_same_value(
    hass: HomeAssistant, now: datetime, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    simulation.firstlight.usages["content/genre"].figures["Drama"] = 7
    entry = await add_account(hass, simulation, "firstlight")
    entity_id = entity_id_of(hass, "sensor", entry, "content/genre//day/", "value:Drama")
    seen = []
    for _ in range(2):
        await poll(hass, entry)
        state = hass.states.get(entity_id)
        assert state is not None
        seen.append((state.state, datetime.fromisoformat(state.attributes["last_reset"])))
        freezer.tick(timedelta(days=1))
    assert [value for value, _ in seen] == ["7", "7"]
    assert seen[1][1] - seen[0][1] == timedelta(days=1)


async def test_a_usage_query_still_says_since_when_it_counts_after_a_reload(
    hass: HomeAssistant, now: datetime, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    entity_id = entity_id_of(hass, "sensor", entry, "content/genre//day/", "value:Drama")
    before = hass.states.get(entity_id)
    assert before is not None
    simulation.firstlight.reset_counts()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = hass.states.get(entity_id)
    assert after is not None
    assert not +simulation.firstlight.requests
    assert (after.state, after.attributes) == (before.state, before.attributes)
    assert "last_reset" in after.attributes
