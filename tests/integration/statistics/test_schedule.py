"""When imports run in the background, and how they resume."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.models import StatisticData
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.datapoint_cloud.clouds.errors import AuthFailed, RateLimited, Reason, Unreachable
from custom_components.datapoint_cloud.clouds.history import NoHistory
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.statistics import importer
from simulator.server import Fault
from simulator.simulation import Simulation

from ..accounts import add_account, state_of
from ..passing_time import pass_time
from .generated_history import HOUR, GeneratedHistory, metered, rows_of, sensor_of
from .recording import HOURS_OF_A_DAY, NOW, import_statistics, put_rows, rise

pytestmark = pytest.mark.usefixtures("_few_devices")


_IMPORT_OPTIONS = {"import_history": True, "import_days": 2}


def _progress(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, dict[str, Any]]:
    state = state_of(hass, "sensor", entry, "$history_import")
    return state.state, dict(state.attributes)


async def _add_importing(
    hass: HomeAssistant, simulation: Simulation, history: GeneratedHistory, **options: Any
) -> MockConfigEntry:
    history.is_meter = lambda _: True
    entry = await add_account(hass, simulation, "sodata", options=_IMPORT_OPTIONS | options)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_wait_recording_done(hass)
    return entry


async def test_the_import_runs_after_set_up_if_the_user_chose_it(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> None:
    events = async_capture_events(hass, f"{DOMAIN}_event")
    entry = await _add_importing(hass, simulation, history)
    sensor = sensor_of(hass, entry, is_meter=True)
    assert len(await rows_of(hass, sensor.entity_id)) == 47
    state, attributes = _progress(hass, entry)
    assert state == "finished"
    assert attributes["series"] == attributes["series_done"] > 10
    assert attributes["rows_written"] == 47 * attributes["series"]
    assert attributes["resumes_at"] is None
    (event,) = events
    assert event.data["type"] == "import_finished"
    series = attributes["series"]
    assert event.data["message"] == f"History imported: {47 * series:,} hours of {series} sensors"


async def test_an_import_that_finds_nothing_is_no_news(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> None:
    entry = await _add_importing(hass, simulation, history)
    events = async_capture_events(hass, f"{DOMAIN}_event")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert events == []


async def test_the_import_does_not_run_unless_the_user_chose_it(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    assert history.requests == []
    assert _progress(hass, entry)[0] == "idle"


async def test_hours_that_the_cloud_does_not_have_are_requested_once(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    history.meter = lambda hour: None if hour < HOURS_OF_A_DAY[0] - HOUR else metered(hour)
    entry = await _add_importing(hass, simulation, history, import_days=4)
    history.requests.clear()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    # The last day would be requested again, because late data may arrive, but it misses no hour.
    assert history.requests == []
    sensor = sensor_of(hass, entry, is_meter=True)
    await import_statistics(hass, entity_id=sensor.entity_id, days=4)
    assert len(history.requests) == 1  # the action requests those hours again


async def test_an_unexpected_exception_ends_one_import_but_not_the_next(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    history.raises = [OverflowError("too much")]
    entry = await _add_importing(hass, simulation, history)
    assert _progress(hass, entry)[0] == "idle"
    sensor = sensor_of(hass, entry, is_meter=True)
    history.raises = [OverflowError("too much")]
    with pytest.raises(OverflowError):
        await import_statistics(hass, entity_id=sensor.entity_id, days=2)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=2)
    assert response[sensor.entity_id]["reason"] == "complete"


async def test_the_import_resumes_after_a_rate_limit(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    limit = RateLimited(Reason.QUOTA_EXHAUSTED)
    limit.retry_after = 1800
    history.raises = [limit]
    entry = await _add_importing(hass, simulation, history)
    sensor = sensor_of(hass, entry, is_meter=True)
    assert await rows_of(hass, sensor.entity_id) == {}
    state, attributes = _progress(hass, entry)
    assert (state, attributes["resumes_at"]) == ("waiting", "2030-05-14T10:50:00+00:00")
    assert len(history.requests) == 1
    await pass_time(hass, freezer, 1801)
    await async_wait_recording_done(hass)
    assert len(await rows_of(hass, sensor.entity_id)) == 47
    assert _progress(hass, entry)[0] == "finished"


async def test_an_interrupted_import_resumes_where_it_stopped(
    hass: HomeAssistant,
    now: datetime,
    simulation: Simulation,
    history: GeneratedHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importer, "_LONGEST_RANGE", timedelta(days=1))
    history.raises = [
        None,
        None,
        None,
        Unreachable(Reason.TIMEOUT),
    ]  # the newest range is written, the one before fails
    entry = await _add_importing(hass, simulation, history)
    sensor = sensor_of(hass, entry, is_meter=True)
    assert _progress(hass, entry)[0] == "waiting"
    half = await rows_of(hass, sensor.entity_id)
    assert 0 < len(half) < 47
    history.blocked = asyncio.Event()
    await hass.config_entries.async_reload(entry.entry_id)
    await asyncio.sleep(0)
    assert await hass.config_entries.async_unload(entry.entry_id)  # during a request
    assert entry.state is ConfigEntryState.NOT_LOADED
    history.blocked = None
    history.requests.clear()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_wait_recording_done(hass)
    rows = await rows_of(hass, sensor.entity_id)
    assert len(rows) == 47
    assert rise(rows) == pytest.approx([2.0] * 46)
    assert {hour: rows[hour] for hour in half} == half
    assert all(end <= next(iter(half)) for _, _, end, _ in history.requests[:1])


async def test_gaps_are_filled_every_day(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    entry = await _add_importing(hass, simulation, history)
    sensor = sensor_of(hass, entry, is_meter=True)
    later = NOW.replace(minute=0) + 10 * HOUR
    put_rows(hass, sensor, [StatisticData(start=later, state=metered(later), sum=1000)])
    await pass_time(hass, freezer, 24 * 3600)
    await async_wait_recording_done(hass)
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows)[-11:] == [NOW.replace(minute=0) + number * HOUR for number in range(11)]


async def test_gaps_are_filled_after_an_outage_of_the_cloud(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    entry = await _add_importing(hass, simulation, history)
    history.requests.clear()
    simulation.sodata.faults += [Fault(status=503)] * 50
    await pass_time(hass, freezer, 150)
    assert not entry.runtime_data.coordinator.last_update_success
    simulation.sodata.faults.clear()
    await pass_time(hass, freezer, 150)
    assert entry.runtime_data.coordinator.last_update_success
    assert history.requests == []
    assert _progress(hass, entry)[1]["resumes_at"] == "2030-05-14T11:05:00+00:00"
    sensor = sensor_of(hass, entry, is_meter=True)
    later = NOW.replace(minute=0) + HOUR
    put_rows(hass, sensor, [StatisticData(start=later, state=metered(later), sum=1000)])
    await pass_time(hass, freezer, 3600)
    await async_wait_recording_done(hass)
    assert later - HOUR in await rows_of(hass, sensor.entity_id)


async def test_the_import_does_not_retry_refused_credentials(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> None:
    history.raises = [AuthFailed(Reason.WRONG_PASSWORD)]
    entry = await _add_importing(hass, simulation, history)
    assert _progress(hass, entry)[0] == "idle"


@pytest.mark.usefixtures("without_past")
async def test_a_cloud_without_history_has_no_import_sensor(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight", options=_IMPORT_OPTIONS)
    assert isinstance(entry.runtime_data.coordinator.cloud.history, NoHistory)
    unique_id = f"{entry.unique_id}_$history_import"
    assert er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id) is None
