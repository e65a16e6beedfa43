"""The import of history into long-term statistics from the simulated clouds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
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

from ..accounts import add_account, entity_id_of
from ..subjects import chiller
from .generated_history import rows_of, sensor_of


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
