"""Device trackers: where devices are, as their clouds state it."""

from dataclasses import replace

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.datapoint_cloud.clouds import coerce
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import Place
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, make_entry, poll, state_of


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
