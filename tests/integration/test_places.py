"""Device trackers: where devices are, as their clouds state it."""

from dataclasses import replace
from functools import partial

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.clouds import coerce
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import Place
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, make_entry, poll, state_of
from .passing_time import settle, until
from .pushed import Pushed


async def test_places_are_disabled_at_first(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    trackers = [
        entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.domain == "device_tracker"
    ]
    assert len(trackers) == len(entry.runtime_data.coordinator.fleet)
    assert {entity.disabled_by for entity in trackers} == {er.RegistryEntryDisabler.INTEGRATION}


@pytest.mark.usefixtures("all_enabled")
async def test_a_device_is_where_its_cloud_says(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    device = next(iter(next(iter(simulation.gizwits_enterprise.products.values())).devices.values()))
    assert device.place is not None
    device.is_online = False
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    attributes = state_of(hass, "device_tracker", entry, device.did, "$place").attributes
    assert (attributes["latitude"], attributes["longitude"]) == (device.place.latitude, device.place.longitude)
    assert attributes["source_type"] == "gps"

    device.place = replace(device.place, latitude=48.37, longitude=7.59)
    await poll(hass, entry)
    attributes = state_of(hass, "device_tracker", entry, device.did, "$place").attributes
    assert (attributes["latitude"], attributes["longitude"]) == (48.37, 7.59)


@pytest.mark.usefixtures("all_enabled")
async def test_a_device_of_sodata_is_where_its_record_says(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    for device in simulation.sodata.devices.values():
        attributes = state_of(hass, "device_tracker", entry, device.uuid, "$place").attributes
        assert (attributes["latitude"], attributes["longitude"]) == (device.site.latitude, device.site.longitude)


@pytest.mark.usefixtures("all_enabled")
async def test_a_device_without_a_place_has_no_tracker_until_it_has_one(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    device = next(iter(next(iter(simulation.gizwits_enterprise.products.values())).devices.values()))
    device.place = None
    entry = make_entry(hass, simulation, "gizwits_enterprise")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    unique_id = f"{entry.unique_id}_{device.did}_$place"
    assert er.async_get(hass).async_get_entity_id("device_tracker", DOMAIN, unique_id) is None
    device.place = Place("Germany", "Hesse", "Frankfurt", 8.682127, 50.110924)
    await poll(hass, entry)
    assert entity_id_of(hass, "device_tracker", entry, device.did, "$place")


@pytest.mark.usefixtures("all_enabled", "fixed_time")
async def test_a_device_is_where_it_reports_to_be_whatever_the_list_says(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    pushed = Pushed(hass, simulation, freezer, "gizwits_enterprise")
    await pushed.add()

    def position() -> tuple[float, float]:
        attributes = state_of(hass, "device_tracker", pushed.entry, pushed.device.did, "$place").attributes
        return attributes["latitude"], attributes["longitude"]

    def is_at(expected: tuple[float, float]) -> bool:
        return position() == expected

    for by, reported in (("gps", (48.3729, 7.59328)), ("lbs", (48.38, 7.6))):
        freezer.tick()
        simulation.gizwits_snoti.report_position(pushed.device, *reported, by=by)
        await until(partial(is_at, reported))
    assert pushed.device.place is not None
    pushed.device.place = replace(pushed.device.place, latitude=1.5, longitude=2.5)
    await poll(hass, pushed.entry)
    assert position() == (48.38, 7.6)

    await hass.config_entries.async_reload(pushed.entry.entry_id)
    await settle(hass)
    await poll(hass, pushed.entry)
    assert position() == (48.38, 7.6)


@pytest.mark.usefixtures("all_enabled", "fixed_time")
@pytest.mark.parametrize("is_older", [False, True])
async def test_a_device_without_a_place_has_a_tracker_once_it_reports_one(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, *, is_older: bool
) -> None:
    pushed = Pushed(hass, simulation, freezer, "gizwits_enterprise")
    pushed.device.place = None
    simulation.gizwits_snoti.is_older = is_older
    await pushed.add()
    unique_id = f"{pushed.entry.unique_id}_{pushed.device.did}_$place"
    simulation.gizwits_snoti.report_position(pushed.device, 48.3729, 7.59328)
    pushed.report(12)
    await pushed.wait_for_value(12)  # the push of an older server goes on without positions
    await settle(hass)
    has_tracker = er.async_get(hass).async_get_entity_id("device_tracker", DOMAIN, unique_id) is not None
    assert has_tracker is not is_older


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"latitude": "23.125178", "longitude": 113.280637}, (23.125178, 113.280637)),
        ({"latitude": -90, "longitude": 180}, (-90.0, 180.0)),
        ({"latitude": 0, "longitude": 0.0}, (None, None)),
        ({"latitude": 0, "longitude": 6.6}, (0.0, 6.6)),
        ({"latitude": 113.280637, "longitude": 23.125178}, (None, None)),
        ({"latitude": 23.1}, (None, None)),
        ({"latitude": None, "longitude": "here"}, (None, None)),
    ],
)
def test_only_places_on_earth_are_places(record: dict[str, object], found: tuple[float | None, float | None]) -> None:
    assert coerce.coordinates(record) == found
