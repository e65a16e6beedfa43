"""Home Assistant's energy dashboard accepts the meters of the clouds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.energy.validate import async_validate
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.statistics import get_start_time
from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.profiles import Profiles
from custom_components.datapoint_cloud.profiles.model import Match, Profile, Refinement, ShownAs
from custom_components.datapoint_cloud.statistics.sensors import statistics_sensors
from simulator.simulation import Simulation

from .accounts import add_account, state_of
from .subjects import air_conditioner


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


@pytest.fixture(autouse=True)
async def _energy(recorder_mock: Recorder, hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "energy", {})


async def _complaints(hass: HomeAssistant, sources: list[dict[str, Any]]) -> list[str]:
    """Return the dashboard's complaints about these sources once they have statistics."""
    # The test treats the five minutes before these as compiled since the database was made.
    get_instance(hass).queue_task(StatisticsTask(get_start_time() + timedelta(minutes=5), fire_events=False))
    await async_wait_recording_done(hass)
    manager = await async_get_manager(hass)
    await manager.async_update({"energy_sources": sources})  # type: ignore[typeddict-item]
    validation = await async_validate(hass)
    return [issue for issues in validation.energy_sources for issue in issues.issues]


def _source(kind: str, entity_id: str, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"stat_cost": None, "entity_energy_price": None, "number_energy_price": None}
    if kind == "grid":
        plain |= {"stat_energy_to": None, "cost_adjustment_day": 0.0}
    return {"type": kind, "stat_energy_from": entity_id} | plain | more


async def test_the_dashboard_accepts_the_energy_and_the_power_of_a_meter(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    of_class: dict[str, str] = {}
    for target in statistics_sensors(hass, entry.runtime_data.coordinator):
        of_class.setdefault(str(target.description.device_class), target.entity_id)
    sources = [
        _source("grid", of_class["energy"], stat_rate=of_class["power"]),
        {"type": "solar", "stat_energy_from": of_class["energy"], "config_entry_solar_forecast": None},
        _source("gas", of_class["energy"]),
    ]
    assert await _complaints(hass, sources) == []


@pytest.mark.parametrize(("kind", "unit"), [("gas", "m³"), ("water", "L"), ("water", "m³"), ("gas", "kWh")])
async def test_the_dashboard_accepts_a_meter_that_a_profile_defines(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, kind: str, unit: str
) -> None:
    entry = await _add_metered(hass, simulation, monkeypatch, Refinement(unit=unit, device_class=_class_of(kind, unit)))
    meter = state_of(hass, "sensor", entry, air_conditioner(simulation).did, "set_temp")
    assert await _complaints(hass, [_source(kind, meter.entity_id)]) == []


async def test_the_dashboard_complains_of_a_sensor_that_is_no_meter(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await _add_metered(hass, simulation, monkeypatch, Refinement(unit="L", state_class="measurement"))
    meter = state_of(hass, "sensor", entry, air_conditioner(simulation).did, "set_temp")
    assert set(await _complaints(hass, [_source("water", meter.entity_id)])) == {
        "entity_unexpected_device_class",
        "entity_state_class_measurement_no_last_reset",
    }


def _class_of(kind: str, unit: str) -> str:
    return "energy" if unit == "kWh" else kind


async def _add_metered(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, refined: Refinement
) -> MockConfigEntry:
    """Add an account one of whose numbers a profile defines as a meter."""
    product_key = air_conditioner(simulation).product.key
    refined = replace(refined, shown_as=ShownAs.SENSOR)
    profile = Profile(match=Match(products=frozenset({product_key})), datapoints={"set_temp": refined})
    monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles(ours=(profile,)))
    return await add_account(hass, simulation, "gizwits_open")
