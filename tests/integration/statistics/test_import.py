"""The rows that an import writes, and the rows and hours that it leaves alone."""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.datapoint_cloud.clouds.errors import Reason, UnexpectedAnswer
from custom_components.datapoint_cloud.statistics.sensors import StatisticsSensor
from simulator.simulation import Simulation

from ..accounts import add_account
from .generated_history import HOUR, WITH_READINGS, GeneratedHistory, measured, metered, rows_of, sensor_of
from .recording import HOURS_OF_A_DAY, NOW, compile_hour, import_statistics, meters_of, put_rows, rise, set_value

pytestmark = pytest.mark.usefixtures("_few_devices")


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
    shown = await set_value(hass, simulation, freezer, entry, sensor, 2e6)
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
    shown = await set_value(hass, simulation, freezer, entry, sensor, 2e6)
    await compile_hour(hass, freezer, NOW.replace(minute=0))  # the recorder's first row, with sum 0
    history.meter = lambda hour: shown - (NOW.replace(minute=0) - hour) / HOUR
    freezer.move_to(NOW + HOUR)
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    before = await rows_of(hass, sensor.entity_id)
    assert before[NOW.replace(minute=0)] == {"state": shown, "sum": 0}
    assert rise(before) == pytest.approx([1.0] * 22)
    await set_value(hass, simulation, freezer, entry, sensor, shown + 5)
    await compile_hour(hass, freezer, NOW.replace(minute=0) + HOUR)
    assert rise(await rows_of(hass, sensor.entity_id))[-1] == pytest.approx(5.0)
    assert "Blocked attempt" not in caplog.text


async def test_the_sums_start_at_zero_if_the_user_says_so(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    simulation: Simulation,
    history: GeneratedHistory,
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    shown = await set_value(hass, simulation, freezer, entry, sensor, 2e6)
    await compile_hour(hass, freezer, NOW.replace(minute=0))
    history.meter = lambda hour: shown - (NOW.replace(minute=0) - hour) / HOUR
    freezer.move_to(NOW + HOUR)
    await import_statistics(hass, entity_id=sensor.entity_id, days=1)
    assert await _total(hass, sensor) == 0  # what Home Assistant makes of sums that are negative before it began
    await import_statistics(hass, entity_id=sensor.entity_id, days=1, start_sums_at_zero=True)
    assert await _total(hass, sensor) == pytest.approx(22)
    # The recorder goes on from there, and so does an import of older hours.
    await set_value(hass, simulation, freezer, entry, sensor, shown + 5)
    await compile_hour(hass, freezer, NOW.replace(minute=0) + HOUR)
    await import_statistics(hass, entity_id=sensor.entity_id, days=2, start_sums_at_zero=True)
    assert await _total(hass, sensor) == pytest.approx(22 + 23 + 5)
    rises = rise(await rows_of(hass, sensor.entity_id))
    assert [min(rises), max(rises)] == pytest.approx([1, 5])


async def _total(hass: HomeAssistant, sensor: StatisticsSensor) -> float:
    """Return the change of a month, as the energy dashboard adds it up."""
    start, types = NOW.replace(day=1, hour=0, minute=0), {"change"}
    found = await get_instance(hass).async_add_executor_job(
        lambda: statistics_during_period(hass, start, None, {sensor.entity_id}, "month", None, types)  # type: ignore[arg-type]
    )
    [month] = found[sensor.entity_id]
    return month["change"] or 0


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
    history.is_meter = meters_of(hass, entry)
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


async def test_the_sum_ends_at_an_existing_five_minute_row(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    history: GeneratedHistory,
) -> None:
    sensor = sensor_of(hass, entry, is_meter=True)
    shown = await set_value(hass, simulation, freezer, entry, sensor, 2e6)
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
