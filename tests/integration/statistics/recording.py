"""How tests import statistics, write rows of their own and let the recorder compile hours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.datapoint_cloud.clouds.history import Series
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.statistics.sensors import StatisticsSensor
from simulator.simulation import Simulation

from ..accounts import entity_id_of, poll
from .generated_history import HOUR

# Not today: at its start the recorder marks the current five minutes as compiled.
NOW = datetime(2030, 5, 14, 10, 20, tzinfo=UTC)
HOURS_OF_A_DAY = [datetime(2030, 5, 13, 10, tzinfo=UTC) + number * HOUR for number in range(1, 24)]


def meters_of(hass: HomeAssistant, entry: MockConfigEntry) -> Callable[[Series], bool]:
    """Return a function that says whether a series of the account is a meter."""
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


async def set_value(
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


def progress_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the entity id of the sensor that shows the import in the background."""
    return entity_id_of(hass, "sensor", entry, "$history_import")
