"""The import of history into long-term statistics: which rows it writes, when it runs, and when it fails."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import voluptuous as vol
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.accounts import cloud_of
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.errors import (
    AuthFailed,
    Forbidden,
    RateLimited,
    Reason,
    Rejected,
    UnexpectedAnswer,
    Unreachable,
)
from custom_components.datapoint_cloud.clouds.history import NoHistory, Series
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.statistics import importer
from custom_components.datapoint_cloud.statistics.sensors import StatisticsSensor
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .generated_history import HOUR, WITH_READINGS, GeneratedHistory, measured, metered, rows_of, sensor_of
from .passing_time import pass_time

# Not today: at its start the recorder marks the current five minutes as compiled.
NOW = datetime(2030, 5, 14, 10, 20, tzinfo=UTC)
HOURS_OF_A_DAY = [datetime(2030, 5, 13, 10, tzinfo=UTC) + number * HOUR for number in range(1, 24)]
IMPORT_OPTIONS = {"import_history": True, "import_days": 2}


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


@pytest.fixture
def names() -> set[str]:
    """Return the names of the devices that the simulation keeps: one with meters and measurements."""
    return {"Countis E50"}


@pytest.fixture(autouse=True)
def _small(recorder_mock: Recorder, simulation: Simulation, names: set[str]) -> None:
    """Set up a recorder that does not log each statement, and few devices."""
    devices = simulation.sodata.devices
    simulation.sodata.devices = {uuid: device for uuid, device in devices.items() if device.name in names}
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture
def now(freezer: FrozenDateTimeFactory) -> datetime:
    freezer.move_to(NOW)
    return NOW


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> GeneratedHistory:
    """Replace the history of the accounts that the test adds."""
    history = GeneratedHistory()

    def cloud_with_history(*args: Any) -> Cloud:
        cloud = cloud_of(*args)
        cloud.history = history
        return cloud

    monkeypatch.setattr(integration, "cloud_of", cloud_with_history)
    return history


@pytest.fixture
async def entry(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> MockConfigEntry:
    entry = await add_account(hass, simulation, "sodata")
    history.is_meter = _meters(hass, entry)
    await async_wait_recording_done(hass)
    return entry


def _meters(hass: HomeAssistant, entry: MockConfigEntry) -> Callable[[Series], bool]:
    descriptions = {
        Series(state.device, key).key: description.state_class == "total_increasing"
        for state in entry.runtime_data.coordinator.fleet.values()
        for key, description in state.descriptions.items()
    }
    return lambda series: descriptions[series.key]


async def import_statistics(hass: HomeAssistant, **fields: Any) -> dict[str, Any]:
    """Call the action and return its results by entity id."""
    response = await hass.services.async_call(DOMAIN, "import_statistics", fields, blocking=True, return_response=True)
    await async_wait_recording_done(hass)
    assert response is not None
    entities = response["entities"]
    assert isinstance(entities, dict)
    return entities


def put_rows(
    hass: HomeAssistant, sensor: StatisticsSensor, rows: list[StatisticData], *, unit: str | None = None
) -> None:
    """Write rows as if the recorder had compiled them."""
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.NONE if sensor.is_meter else StatisticMeanType.ARITHMETIC,
        has_sum=sensor.is_meter,
        name=None,
        source="recorder",
        statistic_id=sensor.entity_id,
        unit_class="energy" if sensor.is_meter else None,
        unit_of_measurement=unit or sensor.description.unit,
    )
    if not sensor.is_meter and sensor.description.unit == "V":
        metadata["unit_class"] = "voltage"
    async_import_statistics(hass, metadata, rows)


async def show(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    sensor: StatisticsSensor,
    value: float,
) -> float:
    """Set the value of the device to a constant, and poll it."""
    freezer.tick(1)  # the recorder would keep both of two states with the same timestamp
    device = simulation.sodata.devices[sensor.series.device.id]
    item_type, item_index, service_id = sensor.series.key.split("|")
    device.set(item_type, item_index, service_id, str(value))
    await poll(hass, entry)
    assert float(hass.states.get(sensor.entity_id).state) == value  # type: ignore[union-attr]
    await async_wait_recording_done(hass)
    return value


async def compile_hour(hass: HomeAssistant, freezer: FrozenDateTimeFactory, hour: datetime) -> None:
    """Make the recorder compile an hour."""
    freezer.move_to(hour + HOUR + timedelta(seconds=10))
    do_adhoc_statistics(hass, start=hour + timedelta(minutes=55))
    await async_wait_recording_done(hass)


def rise(rows: dict[datetime, dict[str, Any]]) -> list[float]:
    """Return the increase of the sum from each hour to the next."""
    sums = [row["sum"] for row in rows.values()]
    return [after - before for before, after in pairwise(sums)]


# Rows


async def test_measurements_are_those_of_the_cloud(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows) == HOURS_OF_A_DAY
    for hour, row in rows.items():
        mean = measured(hour)
        assert row == {"mean": pytest.approx(mean), "min": mean - 0.5, "max": mean + 1}
    assert response == {
        sensor.entity_id: {
            "rows_read": 23,
            "rows_written": 23,
            "start": "2030-05-13T11:00:00+00:00",
            "end": "2030-05-14T10:00:00+00:00",
            "reason": "complete",
        }
    }
    assert [what for what, *_ in history.requests] == ["avg", "min", "max"]
    metadata = await _metadata(hass, sensor)
    assert (metadata["unit_of_measurement"], metadata["has_sum"]) == (sensor.description.unit, False)


async def _metadata(hass: HomeAssistant, sensor: StatisticsSensor) -> StatisticMetaData:
    from homeassistant.components.recorder.statistics import get_metadata  # noqa: PLC0415
    from homeassistant.helpers.recorder import get_instance  # noqa: PLC0415

    found = await get_instance(hass).async_add_executor_job(
        lambda: get_metadata(hass, statistic_ids={sensor.entity_id})
    )
    return found[sensor.entity_id][1]


async def test_a_whole_account_takes_three_requests(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    response = await import_statistics(hass, config_entry_id=entry.entry_id, days=1)
    assert len(response) > 10
    assert {one["reason"] for one in response.values()} == {"complete"}
    assert {one["rows_written"] for one in response.values()} == {23}
    batches = [(what, series) for what, _, _, series in history.requests if what == "max"]
    assert sum(series for _, series in batches) == len(response)
    assert len(history.requests) == 3 * len(batches)


async def test_the_sum_of_a_meter_ends_at_the_current_value(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    history: GeneratedHistory,
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    shown = await show(hass, simulation, freezer, entry, sensor, 2e6)
    history.meter = lambda hour: shown - 2 - 2 * (HOURS_OF_A_DAY[-1] - hour) / HOUR
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    await compile_hour(hass, freezer, HOURS_OF_A_DAY[-1] + HOUR)
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows) == [*HOURS_OF_A_DAY, HOURS_OF_A_DAY[-1] + HOUR]
    assert rise(rows) == pytest.approx([2.0] * 23)
    assert rows[HOURS_OF_A_DAY[0]]["state"] == pytest.approx(shown - 46)
    assert {what for what, *_ in history.requests} == {"max"}


async def test_the_recorder_continues_the_sum_without_a_jump(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    simulation: Simulation,
    history: GeneratedHistory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    shown = await show(hass, simulation, freezer, entry, sensor, 2e6)
    await compile_hour(hass, freezer, NOW.replace(minute=0))  # the recorder's first row, with sum 0
    history.meter = lambda hour: shown - (NOW.replace(minute=0) - hour) / HOUR
    freezer.move_to(NOW + HOUR)
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    before = await rows_of(hass, sensor.entity_id)
    assert before[NOW.replace(minute=0)] == {"state": shown, "sum": 0}
    assert rise(before) == pytest.approx([1.0] * 22)
    await show(hass, simulation, freezer, entry, sensor, shown + 5)
    await compile_hour(hass, freezer, NOW.replace(minute=0) + HOUR)
    assert rise(await rows_of(hass, sensor.entity_id))[-1] == pytest.approx(5.0)
    assert "Blocked attempt" not in caplog.text


async def test_a_reset_of_the_meter_does_not_lower_the_sum(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    put_rows(hass, sensor, [StatisticData(start=HOURS_OF_A_DAY[-1], state=30, sum=7)])
    history.meter = lambda hour: 1000 + hour.hour if hour < HOURS_OF_A_DAY[10] else hour.hour
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rises = rise(await rows_of(hass, sensor.entity_id))
    assert min(rises) >= 0
    assert max(rises) <= 30


async def test_hours_are_made_from_readings_if_the_cloud_has_no_hourly_buckets(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    history.capabilities = WITH_READINGS
    sensor = sensor_of(hass, entry, is_meter=False)
    meter = sensor_of(hass, entry, is_meter=True)
    response = await import_statistics(hass, entity_id=[sensor.entity_id, meter.entity_id], days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows) == HOURS_OF_A_DAY
    for hour, row in rows.items():
        value = measured(hour)
        assert row["mean"] == pytest.approx(value + 1)  # it is higher by six for ten minutes
        assert row["max"] == value + 6
    assert response[sensor.entity_id]["rows_read"] == 46
    assert rise(await rows_of(hass, meter.entity_id)) == pytest.approx([2.0] * 22)
    assert history.requests == [("readings", HOURS_OF_A_DAY[0], NOW.replace(minute=0), 2)]


async def test_the_import_goes_back_no_further_than_the_retention(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    history.capabilities = WITH_READINGS
    sensor = sensor_of(hass, entry, is_meter=False)
    await import_statistics(hass, entity_id=sensor.entity_id, days=100)
    assert next(iter(await rows_of(hass, sensor.entity_id))) == NOW.replace(minute=0) + HOUR - timedelta(days=7)


async def test_a_long_range_is_imported_in_pieces_without_gaps(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    put_rows(hass, sensor, [StatisticData(start=HOURS_OF_A_DAY[-1], state=metered(HOURS_OF_A_DAY[-1]), sum=7)])
    await import_statistics(hass, entity_id=sensor.entity_id, days=70)
    rows = await rows_of(hass, sensor.entity_id)
    assert len(rows) == 70 * 24 - 1
    assert rise(rows) == pytest.approx([2.0] * (70 * 24 - 2))
    assert [what for what, *_ in history.requests] == ["max"] * 3
    assert history.requests[0][2] > history.requests[1][2] > history.requests[2][2]


# Existing rows and incomplete hours


async def test_a_second_import_changes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensors = [sensor_of(hass, entry, is_meter=is_meter) for is_meter in (True, False)]
    await import_statistics(hass, config_entry_id=entry.entry_id, days=2)
    before = [await rows_of(hass, sensor.entity_id) for sensor in sensors]
    history.requests.clear()
    history.meter = lambda _: 7.0
    response = await import_statistics(hass, config_entry_id=entry.entry_id, days=2)
    assert [await rows_of(hass, sensor.entity_id) for sensor in sensors] == before
    assert history.requests == []
    assert {(one["reason"], one["rows_written"]) for one in response.values()} == {("nothing_missing", 0)}


async def test_existing_rows_stay_and_gaps_are_filled(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    own = [HOURS_OF_A_DAY[number] for number in (8, 9, 13, 14)]
    put_rows(hass, sensor, [StatisticData(start=hour, mean=-1, min=-2, max=-3) for hour in own])
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows) == HOURS_OF_A_DAY[:15]  # the recorder itself writes the hours after its newest row
    assert all(rows[hour] == {"mean": -1, "min": -2, "max": -3} for hour in own)
    assert rows[HOURS_OF_A_DAY[11]]["mean"] == pytest.approx(measured(HOURS_OF_A_DAY[11]))
    requested = [(start, end) for what, start, end, _ in history.requests if what == "avg"]
    assert requested == [(HOURS_OF_A_DAY[10], HOURS_OF_A_DAY[13]), (HOURS_OF_A_DAY[0], HOURS_OF_A_DAY[8])]


@pytest.mark.parametrize("counted", [10.0, 8.0, 13.0], ids=["as the cloud", "less", "more"])
async def test_sums_in_a_gap_fit_both_neighbours(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory, counted: float
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    before, after = HOURS_OF_A_DAY[5], HOURS_OF_A_DAY[10]
    own = {
        before: {"state": metered(before), "sum": 40.0},
        after: {"state": metered(after), "sum": 40.0 + counted},
    }
    put_rows(hass, sensor, [StatisticData(start=hour, **row) for hour, row in own.items()])  # type: ignore[typeddict-item]
    await import_statistics(hass, entity_id=sensor.entity_id, start=before.isoformat(), end=after.isoformat())
    rows = await rows_of(hass, sensor.entity_id)
    assert list(rows) == HOURS_OF_A_DAY[5:11]
    assert {hour: rows[hour] for hour in own} == own
    assert rise(rows) == pytest.approx([counted / 5] * 5)


@pytest.mark.parametrize(
    ("minute", "last"), [(3, HOURS_OF_A_DAY[-2]), (5, HOURS_OF_A_DAY[-1]), (59, HOURS_OF_A_DAY[-1])]
)
async def test_the_running_hour_is_left_alone(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, minute: int, last: datetime
) -> None:
    freezer.move_to(NOW.replace(minute=minute))
    sensor = sensor_of(hass, entry, is_meter=False)
    await import_statistics(
        hass, entity_id=sensor.entity_id, start=HOURS_OF_A_DAY[0].isoformat(), end=(NOW + 9 * HOUR).isoformat()
    )
    assert list(await rows_of(hass, sensor.entity_id))[-1] == last


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", datetime(2026, 3, 29, tzinfo=UTC), 23),
        ("Europe/Paris", datetime(2026, 10, 25, tzinfo=UTC), 25),
        ("Asia/Kolkata", datetime(2026, 10, 25, tzinfo=UTC), 24),
    ],
    ids=["spring", "autumn", "half an hour off"],
)
async def test_every_hour_of_a_local_day_has_one_row(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    simulation: Simulation,
    history: GeneratedHistory,
    zone: str,
    day: datetime,
    hours: int,
) -> None:
    await hass.config.async_set_time_zone(zone)
    freezer.move_to(day + timedelta(days=3))
    entry = await add_account(hass, simulation, "sodata")
    history.is_meter = _meters(hass, entry)
    sensor, meter = (sensor_of(hass, entry, is_meter=is_meter) for is_meter in (False, True))
    await import_statistics(
        hass,
        entity_id=[sensor.entity_id, meter.entity_id],
        start=day.replace(tzinfo=None).isoformat(),  # on the wall clock
        end=(day + timedelta(days=1)).replace(tzinfo=None).isoformat(),
    )
    rows = await rows_of(hass, sensor.entity_id)
    # In a zone with an offset of half an hour, the UTC hours at both ends lie only partly in the local day.
    assert len(rows) == (hours if zone == "Europe/Paris" else 23)
    assert all(hour.minute == 0 and row["mean"] == pytest.approx(measured(hour)) for hour, row in rows.items())
    assert rise(await rows_of(hass, meter.entity_id)) == pytest.approx([2.0] * (len(rows) - 1))


@pytest.mark.parametrize(
    ("shift", "length"),
    [(timedelta(minutes=30), HOUR), (timedelta(), timedelta(days=1))],
    ids=["half past", "days"],
)
async def test_buckets_that_are_not_utc_hours_are_not_imported(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory, shift: timedelta, length: timedelta
) -> None:
    history.shift, history.length = shift, length
    sensors = [sensor_of(hass, entry, is_meter=is_meter).entity_id for is_meter in (True, False)]
    response = await import_statistics(hass, entity_id=sensors, days=1)
    assert {one["reason"] for one in response.values()} == {"not_hourly"}
    assert [await rows_of(hass, entity_id) for entity_id in sensors] == [{}, {}]


async def test_nothing_is_imported_if_the_zone_of_the_hours_is_unproven(
    hass: HomeAssistant, entry: MockConfigEntry, history: GeneratedHistory
) -> None:
    history.stopped_by = UnexpectedAnswer(Reason.ZONE_UNPROVEN)
    sensor = sensor_of(hass, entry, is_meter=False)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id] == {
        "rows_read": 0, "rows_written": 0, "start": None, "end": None, "reason": "zone_unproven"
    }  # fmt: skip
    assert await rows_of(hass, sensor.entity_id) == {}


# Units


async def test_values_are_converted_to_the_unit_of_the_statistics(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    assert sensor.description.unit == "kWh"
    last = HOURS_OF_A_DAY[-1]
    put_rows(hass, sensor, [StatisticData(start=last, state=metered(last) * 1000, sum=500)], unit="Wh")
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert rise(rows) == pytest.approx([2000.0] * 22)
    assert (await _metadata(hass, sensor))["unit_of_measurement"] == "Wh"


async def test_new_statistics_have_the_unit_that_the_user_chose(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    er.async_get(hass).async_update_entity_options(sensor.entity_id, "sensor", {"unit_of_measurement": "MWh"})
    await hass.async_block_till_done()
    assert hass.states.get(sensor.entity_id).attributes["unit_of_measurement"] == "MWh"  # type: ignore[union-attr]
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert rows[HOURS_OF_A_DAY[0]]["state"] == pytest.approx(metered(HOURS_OF_A_DAY[0]) / 1000)
    assert (await _metadata(hass, sensor))["unit_of_measurement"] == "MWh"


async def test_statistics_with_an_incompatible_unit_are_not_changed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.ARITHMETIC,
        has_sum=False,
        name=None,
        source="recorder",
        statistic_id=sensor.entity_id,
        unit_class=None,
        unit_of_measurement="parsecs",
    )
    async_import_statistics(hass, metadata, [StatisticData(start=HOURS_OF_A_DAY[5], mean=1, min=1, max=1)])
    meter = sensor_of(hass, entry, is_meter=True)
    metadata = metadata | StatisticMetaData(statistic_id=meter.entity_id)  # type: ignore[typeddict-item]
    async_import_statistics(hass, metadata, [StatisticData(start=HOURS_OF_A_DAY[5], mean=1, min=1, max=1)])
    response = await import_statistics(hass, entity_id=[sensor.entity_id, meter.entity_id], days=1)
    assert response[sensor.entity_id]["reason"] == "other_unit"
    assert response[meter.entity_id]["reason"] == "other_statistics"
    assert len(await rows_of(hass, sensor.entity_id)) == 1


# Errors


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


async def test_an_account_without_history_is_refused(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    with pytest.raises(ServiceValidationError) as raised:
        await import_statistics(hass, config_entry_id=entry.entry_id)
    assert raised.value.translation_key == "no_history_of_account"


async def test_entities_without_statistics_have_a_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    other = _progress_id(hass, entry)
    response = await import_statistics(hass, entity_id=[sensor.entity_id, other], days=1)
    assert response[other]["reason"] == "no_statistics"
    assert response[sensor.entity_id]["reason"] == "complete"


async def test_devices_can_be_chosen(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    device_id = er.async_get(hass).async_get(sensor.entity_id).device_id  # type: ignore[union-attr]
    response = await import_statistics(hass, device_id=device_id, days=1)
    assert sensor.entity_id in response
    with pytest.raises(ServiceValidationError):
        await import_statistics(hass, device_id=er.async_get(hass).async_get(_progress_id(hass, entry)).device_id)  # type: ignore[union-attr]


@pytest.mark.parametrize("recorder_config", [{"exclude": {"domains": ["sensor"]}}])
async def test_sensors_that_are_not_recorded_get_no_statistics(
    hass: HomeAssistant, recorder_config: dict[str, Any], entry: MockConfigEntry
) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "not_recorded"


# In the background


def _progress_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return entity_id_of(hass, "sensor", entry, "$history_import")


def _progress(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, dict[str, Any]]:
    state = state_of(hass, "sensor", entry, "$history_import")
    return state.state, dict(state.attributes)


async def _add_importing(
    hass: HomeAssistant, simulation: Simulation, history: GeneratedHistory, **options: Any
) -> MockConfigEntry:
    history.is_meter = lambda _: True
    entry = await add_account(hass, simulation, "sodata", options=IMPORT_OPTIONS | options)
    await hass.async_block_till_done(wait_background_tasks=True)
    await async_wait_recording_done(hass)
    return entry


async def test_the_import_runs_after_set_up_if_the_user_chose_it(
    hass: HomeAssistant, now: datetime, simulation: Simulation, history: GeneratedHistory
) -> None:
    entry = await _add_importing(hass, simulation, history)
    sensor = sensor_of(hass, entry, is_meter=True)
    assert len(await rows_of(hass, sensor.entity_id)) == 47
    state, attributes = _progress(hass, entry)
    assert state == "finished"
    assert attributes["series"] == attributes["series_done"] > 10
    assert attributes["rows_written"] == 47 * attributes["series"]
    assert attributes["resumes_at"] is None


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
    with pytest.raises(HomeAssistantError, match="The recorder has not answered"):
        await task
    monkeypatch.undo()


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


async def test_a_cloud_without_history_has_no_import_sensor(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "firstlight", options=IMPORT_OPTIONS)
    assert isinstance(entry.runtime_data.coordinator.cloud.history, NoHistory)
    unique_id = f"{entry.unique_id}_$history_import"
    assert er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id) is None


async def test_an_entity_without_a_state_has_a_reason(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    sensor = sensor_of(hass, entry, is_meter=False)
    hass.states.async_remove(sensor.entity_id)
    await async_wait_recording_done(hass)
    response = await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert response[sensor.entity_id]["reason"] == "no_state"


async def test_the_sum_ends_at_an_existing_five_minute_row(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    history: GeneratedHistory,
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    shown = await show(hass, simulation, freezer, entry, sensor, 2e6)
    freezer.move_to(NOW + timedelta(minutes=10, seconds=10))
    do_adhoc_statistics(hass, start=NOW + timedelta(minutes=5))  # sum 0 at the current value
    await async_wait_recording_done(hass)
    entry.runtime_data.coordinator.fleet[sensor.series.device.id].readings.clear()
    history.meter = lambda hour: shown - 3 * (NOW.replace(minute=0) - hour) / HOUR
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    rows = await rows_of(hass, sensor.entity_id)
    assert rows[HOURS_OF_A_DAY[-1]]["sum"] == pytest.approx(-3)


async def test_the_sum_ends_at_zero_without_rows_and_without_a_value(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    entry.runtime_data.coordinator.fleet[sensor.series.device.id].readings.clear()
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert (await rows_of(hass, sensor.entity_id))[HOURS_OF_A_DAY[-1]]["sum"] == pytest.approx(0)


@pytest.mark.parametrize("names", [{"Countis E50", "Masterys U2 CDS", "Passerelle Sélestat"}])
async def test_devices_are_requested_one_after_another_until_a_rate_limit(
    hass: HomeAssistant,
    now: datetime,
    simulation: Simulation,
    names: set[str],
    history: GeneratedHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importer, "_SERIES_PER_REQUEST", 1)
    entry = await add_account(hass, simulation, "sodata")
    history.is_meter = _meters(hass, entry)
    history.raises = [None, None, None, RateLimited(Reason.QUOTA_EXHAUSTED)]
    response = await import_statistics(hass, config_entry_id=entry.entry_id, days=1)
    assert {one["reason"] for one in response.values()} == {"complete", "rate_limited"}
    assert len(history.requests) == 4  # all series of a device are requested together
