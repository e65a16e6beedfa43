"""The import of a daily figure of reports, the active devices, into the statistics of its sensor."""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.simulation import Simulation

from ..accounts import add_account, entity_id_of
from ..passing_time import pass_time, settle
from .generated_history import rows_of

pytestmark = pytest.mark.slow

_MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
_DAY = timedelta(days=1)
_IMPORTS = {"import_history": True, "import_days": 1}


@pytest.fixture(autouse=True)
def _small(recorder_mock: Recorder, fixed_time: None) -> None:
    """Set up a recorder and small fleets."""


@pytest.fixture
def product(simulation: Simulation) -> EnterpriseProduct:
    """A product whose devices were last online today and on the days before. The other one has a single device."""
    product, other = simulation.gizwits_enterprise.products.values()
    other.devices = dict([other.devices.popitem()])
    for device, days in zip(list(product.devices.values()), (0, 2, 2, 9), strict=True):
        product.devices[device.did] = GizwitsDevice(
            product=device.product,
            did=device.did,
            mac=device.mac,
            clock=device.clock,
            offline_for=days * 86400.0 + 3600 if days else None,
        )
    return product


async def _add(hass: HomeAssistant, simulation: Simulation, options: dict[str, int]) -> MockConfigEntry:
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=options)
    await async_wait_recording_done(hass)
    return entry


async def test_the_past_of_the_active_devices_is_imported(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add(hass, simulation, _IMPORTS)
    await pass_time(hass, freezer, 305)
    await async_wait_recording_done(hass)
    rows = await rows_of(hass, entity_id_of(hass, "sensor", entry, product.product_key, "$active_yesterday"))
    assert list(rows) == [_MIDNIGHT - number * _DAY for number in range(29, -1, -1)]
    by_day = {day: [rows[day][name] for name in ("mean", "min", "max")] for day in rows}
    online = [datetime.fromtimestamp(device.online_latest, UTC) for device in product.devices.values()]
    for row, found in by_day.items():
        assert found == [sum(row - _DAY <= at < row for at in online)] * 3
    assert {found[0] for found in by_day.values()} == {0.0, 1.0, 2.0}

    requests = simulation.gizwits_enterprise.requests
    path = "GET /v1/products/{product_key}/devices/report/liveness/history"
    assert requests[path] == 2  # one a product
    await pass_time(hass, freezer, 20 * 3600)
    assert requests[path] == 2
    await pass_time(hass, freezer, 5 * 3600)
    assert requests[path] == 4


async def test_days_with_a_row_are_left_alone(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add(hass, simulation, {})
    entity_id = entity_id_of(hass, "sensor", entry, product.product_key, "$active_yesterday")
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.ARITHMETIC,
        has_sum=False,
        name=None,
        source="recorder",
        statistic_id=entity_id,
        unit_class=None,
        unit_of_measurement=hass.states.get(entity_id).attributes["unit_of_measurement"],  # type: ignore[union-attr]
    )
    noon = _MIDNIGHT - 3 * _DAY + timedelta(hours=12)
    newest = _MIDNIGHT - 2 * _DAY + timedelta(hours=5)
    known = [StatisticData(start=start, mean=77.0, min=77.0, max=77.0) for start in (noon, newest)]
    async_import_statistics(hass, metadata, known)
    await async_wait_recording_done(hass)

    hass.config_entries.async_update_entry(entry, options=_IMPORTS)
    await settle(hass)
    await pass_time(hass, freezer, 305)
    await async_wait_recording_done(hass)
    rows = await rows_of(hass, entity_id)
    assert [rows[at]["mean"] for at in (noon, newest)] == [77.0, 77.0]
    days = {at.date() for at in rows}
    assert len(days) == len(rows) == 28
    assert max(rows) == newest  # the recorder writes what comes after it


async def test_nothing_is_imported_unless_it_was_chosen(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _add(hass, simulation, {})
    await pass_time(hass, freezer, 305)
    await async_wait_recording_done(hass)
    assert await rows_of(hass, entity_id_of(hass, "sensor", entry, product.product_key, "$active_yesterday")) == {}
    assert simulation.gizwits_enterprise.requests["GET /v1/products/{product_key}/devices/report/liveness/history"] == 0
