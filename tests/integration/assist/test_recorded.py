"""Tools answer from what Home Assistant has recorded, which costs no request."""

from datetime import datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from ..accounts import add_account, entity_id_of, poll
from .asking import ask_directly, expose

METER = "Countis E50"
ENERGY, POWER = "Global|0|150100", "Global|0|150102"


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


@pytest.fixture
async def home(hass: HomeAssistant, recorder_mock: Recorder, simulation: Simulation) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.config.async_set_time_zone("Europe/Paris")
    devices = simulation.sodata.devices
    simulation.sodata.devices = {uuid: device for uuid, device in devices.items() if device.name == METER}


@pytest.fixture
async def entry(hass: HomeAssistant, home: None, simulation: Simulation) -> MockConfigEntry:
    entry = await add_account(hass, simulation, "sodata")
    expose(hass)
    return entry


async def test_the_consumption_and_the_power_of_a_day_come_from_the_statistics(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    (meter,) = simulation.sodata.devices.values()
    sensors = [entity_id_of(hass, "sensor", entry, meter.uuid, key) for key in (ENERGY, POWER)]
    await hass.services.async_call(DOMAIN, "import_statistics", {"entity_id": sensors, "days": 4}, blocking=True)
    await async_wait_recording_done(hass)
    ask = await ask_directly(hass, simulation)
    midnight = dt_util.start_of_local_day() - timedelta(days=1)

    def samples(key: str, start: datetime, end: datetime) -> list[float]:
        times = [int(at.timestamp() * 1000) for at in (start, end)]
        return [float(str(value)) for _, value in meter.samples(meter.variables[key], times[0], times[1])]

    answer = await ask("get_history", device=METER, datapoint="Active energy", range="yesterday", per="day")
    end = midnight + timedelta(days=1)
    hour = timedelta(hours=1)
    grown = samples(ENERGY, end - hour, end)[-1] - samples(ENERGY, midnight - hour, midnight)[-1]
    assert answer.data["source"] == "Home Assistant"
    assert answer.requests == 0
    assert answer.data["change"] == pytest.approx(grown, rel=0.01)
    (day,) = answer.data["periods"]
    assert day == {"start": midnight.isoformat(timespec="minutes"), "change": pytest.approx(grown, rel=0.01)}
    answer = await ask("get_history", device=METER, datapoint="Active power", range="yesterday")
    powers = samples(POWER, midnight, end)
    assert answer.requests == 0
    assert answer.data["maximum"] == pytest.approx(max(powers), abs=0.01)
    assert answer.data["minimum"] == pytest.approx(min(powers), abs=0.01)
    assert answer.data["average"] == pytest.approx(sum(powers) / len(powers), rel=0.01)


async def test_what_began_before_the_statistics_comes_from_the_cloud(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    (meter,) = simulation.sodata.devices.values()
    sensor = entity_id_of(hass, "sensor", entry, meter.uuid, ENERGY)
    await hass.services.async_call(DOMAIN, "import_statistics", {"entity_id": sensor, "days": 4}, blocking=True)
    await async_wait_recording_done(hass)
    ask = await ask_directly(hass, simulation)
    answer = await ask("get_history", device=METER, datapoint="Active energy", range="last_30_days")
    assert answer.data["source"] == "cloud"
    assert answer.requests == 1


async def test_what_no_cloud_keeps_comes_from_the_recorded_states(
    hass: HomeAssistant, home: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    expose(hass)
    spa = next(device for device in simulation.gizwits_open.devices.values() if device.alias == "Terrace spa")
    for is_on in (False, True, False):
        spa.set(bubble=is_on)
        await poll(hass, entry)
        await async_wait_recording_done(hass)
        freezer.tick(1800)
    ask = await ask_directly(hass, simulation)
    answer = await ask("get_history", device="Terrace spa", datapoint="Bubbles", range="last_hour")
    assert answer.data["source"] == "Home Assistant"
    assert answer.data["hours"]["on"] == pytest.approx(0.5, abs=0.01)
    assert answer.data["times_begun"]["off"] == 1
