"""What an import returns if sensors, requests or the call itself are invalid or fail."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.datapoint_cloud.clouds.errors import AuthFailed, Forbidden, RateLimited, Reason, Rejected
from custom_components.datapoint_cloud.clouds.history import Series
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.statistics import importer
from simulator.simulation import Simulation

from ..accounts import add_account
from .generated_history import GeneratedHistory, rows_of, sensor_of
from .recording import HOURS_OF_A_DAY, import_statistics, meters_of, progress_id

pytestmark = pytest.mark.usefixtures("_few_devices")


async def test_a_failed_request_affects_only_its_series(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    history.raises = [Rejected(Reason.INVALID_REQUEST, code=4711)]
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "rejected"
    history.raises = [Forbidden(Reason.FEATURE_NOT_GRANTED)]
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(
            DOMAIN, "import_statistics", {"entity_id": sensor.entity_id, "days": 1}, blocking=True
        )
    assert raised.value.translation_key == "feature_not_granted"


async def test_an_error_of_the_account_ends_the_import(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    history.raises = [AuthFailed(Reason.TOKEN_REFUSED)]
    response = await import_statistics(hass, config_entry_id=entry.entry_id, days=1)
    assert {one["reason"] for one in response.values()} == {"auth_failed"}
    assert len(history.requests) == 1


async def test_rows_received_before_a_rate_limit_are_written(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    history.stopped_by = RateLimited(Reason.QUOTA_EXHAUSTED)
    history.complete_until = HOURS_OF_A_DAY[4] + timedelta(minutes=10)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert list(await rows_of(hass, sensor.entity_id)) == HOURS_OF_A_DAY[:4]
    assert response[sensor.entity_id]["reason"] == "rate_limited"
    assert response[sensor.entity_id]["end"] == HOURS_OF_A_DAY[4].isoformat()


async def test_a_series_missing_in_the_answer_has_a_reason(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any, **__: Any) -> dict[Series, Any]:
        return {}

    monkeypatch.setattr(GeneratedHistory, "buckets", nothing)
    sensor = sensor_of(hass, entry, is_meter=False)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "nothing_told"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"entity_id": "sensor.nobody"}, "nothing_to_import"),
        ({"start": "2030-05-10T00:00:00", "end": "2030-05-09T00:00:00"}, "end_before_start"),
    ],
)
async def test_calls_without_sensors_or_with_an_empty_range_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry, fields: dict[str, str], key: str
) -> None:
    fields = fields if "entity_id" in fields else fields | {"config_entry_id": entry.entry_id}
    with pytest.raises(ServiceValidationError) as raised:
        await import_statistics(hass, **fields)
    assert raised.value.translation_key == key


@pytest.mark.parametrize(
    "fields",
    [{"days": 3651}, {"days": 10**12}, {"start": "0001-01-01T00:00:00+14:00"}, {"end": "9999-12-31T23:59:59-12:00"}],
)
async def test_dates_outside_the_calendar_are_refused_by_the_schema(
    hass: HomeAssistant, entry: MockConfigEntry, fields: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await import_statistics(hass, config_entry_id=entry.entry_id, **fields)


async def test_a_range_starts_at_the_first_day_of_the_calendar_at_the_earliest(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    response = await import_statistics(hass, config_entry_id=entry.entry_id, end="0001-01-03T00:00:00+00:00", days=3650)
    assert {outcome["rows_written"] for outcome in response.values()} == {0}


@pytest.mark.usefixtures("without_past")
async def test_an_account_without_history_is_refused(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    with pytest.raises(ServiceValidationError) as raised:
        await import_statistics(hass, config_entry_id=entry.entry_id)
    assert raised.value.translation_key == "no_history_of_account"


async def test_entities_without_statistics_have_a_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    other = progress_id(hass, entry)
    response = await import_statistics(hass, entity_id=[sensor.entity_id, other], days=1)
    assert response[other]["reason"] == "no_statistics"
    assert response[sensor.entity_id]["reason"] == "complete"


async def test_devices_can_be_chosen(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    device_id = er.async_get(hass).async_get(sensor.entity_id).device_id  # type: ignore[union-attr]
    response = await import_statistics(hass, device_id=device_id, days=1)
    assert sensor.entity_id in response
    with pytest.raises(ServiceValidationError):
        await import_statistics(hass, device_id=er.async_get(hass).async_get(progress_id(hass, entry)).device_id)  # type: ignore[union-attr]


@pytest.mark.parametrize("recorder_config", [{"exclude": {"domains": ["sensor"]}}])
async def test_sensors_that_are_not_recorded_get_no_statistics(
    hass: HomeAssistant, recorder_config: dict[str, Any], entry: MockConfigEntry
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "not_recorded"


async def test_an_entity_without_a_state_has_a_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    hass.states.async_remove(sensor.entity_id)
    await async_wait_recording_done(hass)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "no_state"


async def test_waiting_for_a_recorder_that_has_ended_times_out(
    hass: HomeAssistant,
    now: datetime,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
    recorder_mock: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    sensor = sensor_of(hass, entry, is_meter=True)
    await async_wait_recording_done(hass)
    is_queued = asyncio.Event()
    monkeypatch.setattr(recorder_mock, "queue_task", lambda _: is_queued.set())
    task = hass.async_create_task(import_statistics(hass, entity_id=sensor.entity_id, days=2))
    await is_queued.wait()
    freezer.tick(601)
    with pytest.raises(HomeAssistantError, match="The recorder has not responded"):
        await task
    monkeypatch.undo()


@pytest.mark.parametrize("device_names", [{"Countis E50", "Masterys U2 CDS", "Passerelle Sélestat"}])
async def test_devices_are_requested_one_after_another_until_a_rate_limit(
    hass: HomeAssistant,
    now: datetime,
    simulation: Simulation,
    device_names: set[str],
    history: GeneratedHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importer, "_SERIES_PER_REQUEST", 1)
    entry = await add_account(hass, simulation, "sodata")
    history.is_meter = meters_of(hass, entry)
    history.raises = [None, None, None, RateLimited(Reason.QUOTA_EXHAUSTED)]
    response = await import_statistics(hass, config_entry_id=entry.entry_id, days=1)
    assert {one["reason"] for one in response.values()} == {"complete", "rate_limited"}
    assert len(history.requests) == 4  # all series of a device are requested together
