"""Customers and sites: service devices that count the devices which belong to them."""

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import account_sensors
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation
from simulator.sodata.fleet import Site

from .accounts import add_account, poll, state_of
from .subjects import ups

pytestmark = pytest.mark.usefixtures("whole_fleets")

_COUNTS = ("$devices", "$online", "$with_alarm")


def _place(hass: HomeAssistant, entry: MockConfigEntry, uuid: str) -> dr.DeviceEntry | None:
    return dr.async_get(hass).async_get_device_by_identifier((DOMAIN, f"{entry.unique_id}_{uuid}"), entry.entry_id)


def _counts(hass: HomeAssistant, entry: MockConfigEntry, *uuid: str) -> tuple[str, ...]:
    return tuple(state_of(hass, "sensor", entry, *uuid, key).state for key in _COUNTS)


def _sites(simulation: Simulation) -> dict[str, Site]:
    return {site.technical_name: site for site in simulation.sodata.sites}


async def test_customers_and_sites_are_service_devices(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata")
    for site in simulation.sodata.sites:
        customer, place = _place(hass, entry, site.customer.uuid), _place(hass, entry, site.uuid)
        assert customer is not None
        assert place is not None
        assert (place.name, customer.name) == (f"Site {site.name}", f"Customer {site.customer.name}")
        assert {place.entry_type, customer.entry_type} == {dr.DeviceEntryType.SERVICE}
        assert (place.via_device_id, customer.via_device_id) == (customer.id, None)
    for device in simulation.sodata.devices.values():
        found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device.uuid), entry.entry_id)
        assert found is not None
        assert (found.via_device_id is None) == (device.gateway is None)


async def test_places_count_their_devices_as_connectivity_and_alarms_do(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    devices = simulation.sodata.devices.values()

    def counted(uuid: str | None) -> tuple[str, ...]:
        members = [device for device in devices if uuid in {None, device.site.uuid, device.site.customer.uuid}]
        problems = {
            device.uuid: hass.states.get(problem)
            for device in members
            if (
                problem := er.async_get(hass).async_get_entity_id(
                    "binary_sensor", DOMAIN, f"{entry.unique_id}_{device.uuid}_$problem"
                )
            )
        }
        connected = [state_of(hass, "binary_sensor", entry, device.uuid, "$connectivity").state for device in members]
        raised = [state.state for state in problems.values() if state is not None]
        return str(len(members)), str(connected.count("on")), str(raised.count("on")) if raised else "unknown"

    def check() -> None:
        assert _counts(hass, entry) == counted(None)
        for uuid in (
            place.uuid for places in (simulation.sodata.sites, simulation.sodata.customers) for place in places
        ):
            assert _counts(hass, entry, uuid) == counted(uuid)

    check()
    unit = ups(simulation)
    before = _counts(hass, entry, unit.site.uuid)
    alarm = next(variable for variable in unit.variables.values() if variable.service.type == "Alarm")
    unit.set(alarm.item.type, str(alarm.item.index), alarm.service.id, "1")
    await poll(hass, entry)
    check()
    after = _counts(hass, entry, unit.site.uuid)
    assert int(after[2]) == int(before[2]) + 1


async def test_places_come_and_go_with_their_devices(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    london = _sites(simulation)["GB_London"]
    devices = dict(simulation.sodata.devices)
    of_london = {uuid: device for uuid, device in devices.items() if device.site is london}

    async def list_devices() -> dr.DeviceEntry | None:
        freezer.tick(3601)
        await poll(hass, entry)
        return _place(hass, entry, london.uuid)

    simulation.sodata.devices = {uuid: device for uuid, device in devices.items() if uuid not in of_london}
    assert await list_devices() is not None
    assert state_of(hass, "sensor", entry, london.uuid, "$devices").state == "0"
    assert await list_devices() is not None
    assert await list_devices() is None
    simulation.sodata.devices = devices
    assert await list_devices() is not None
    assert state_of(hass, "sensor", entry, london.uuid, "$devices").state == str(len(of_london))


async def test_only_places_with_chosen_devices_are_shown(hass: HomeAssistant, simulation: Simulation) -> None:
    london = _sites(simulation)["GB_London"]
    entry = await add_account(hass, simulation, "sodata", options={"sites": [london.uuid]})
    shown = {site.name for site in simulation.sodata.sites if _place(hass, entry, site.uuid) is not None}
    assert shown == {london.name}
    assert _place(hass, entry, london.customer.uuid) is not None


async def test_places_whose_names_the_user_may_not_see_are_not_shown(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith("/customers"), status=403)]
    entry = await add_account(hass, simulation, "sodata")
    assert all(_place(hass, entry, customer.uuid) is None for customer in simulation.sodata.customers)
    sites = [_place(hass, entry, site.uuid) for site in simulation.sodata.sites]
    assert [site and site.via_device_id for site in sites] == [None] * 3
    assert None not in sites


async def test_figures_alone_include_the_places(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = await add_account(hass, simulation, "sodata", options={"fleet": "figures"})
    london = _sites(simulation)["GB_London"]
    assert state_of(hass, "sensor", entry, london.uuid, "$devices").state == "3"


async def test_the_sensors_of_very_many_sites_are_disabled_by_default(
    hass: HomeAssistant, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_sensors, "_MOST_ENABLED_PLACES", 2)
    entry = await add_account(hass, simulation, "sodata")
    disabled = {
        entity.unique_id
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.disabled and entity.unique_id.endswith(_COUNTS)
    }
    assert disabled == {f"{entry.unique_id}_{site.uuid}_{key}" for site in simulation.sodata.sites for key in _COUNTS}


async def test_places_keep_their_entities_over_a_restart_without_the_cloud(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    sites = [_place(hass, entry, site.uuid) for site in simulation.sodata.sites]
    await hass.config_entries.async_unload(entry.entry_id)
    simulation.sodata.faults = [Fault(matches=lambda _: True, status=503)]
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert [_place(hass, entry, site.uuid) for site in simulation.sodata.sites] == sites
    assert state_of(hass, "sensor", entry, simulation.sodata.sites[0].uuid, "$devices").state != "unknown"
