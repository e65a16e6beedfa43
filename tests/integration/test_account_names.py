"""The login of an account stands in its title at the most: not in the log, not in the ids of its entities."""

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import entity_id_of, make_entry

pytestmark = pytest.mark.usefixtures("small_fleets")


def _make(hass: HomeAssistant, simulation: Simulation, title: str | None = None) -> MockConfigEntry:
    entry = make_entry(hass, simulation, "gizwits_open")
    hass.config_entries.async_update_entry(entry, title=title or simulation.gizwits_open.username)
    return entry


def _account_device(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, str(entry.unique_id)), entry.entry_id)
    assert device is not None
    return device


@pytest.mark.parametrize("title", [None, "household", "+33 612345678"])
async def test_new_entities_have_no_login_in_their_ids(
    hass: HomeAssistant, simulation: Simulation, title: str | None
) -> None:
    if title is not None:
        simulation.gizwits_open.accounts.users[simulation.gizwits_open.uid].username = title
    login = title or simulation.gizwits_open.username
    entry = _make(hass, simulation, f"My account {login}")
    hass.config_entries.async_update_entry(entry, data={**entry.data, "username": login})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    device = _account_device(hass, entry)
    assert str(device.name).startswith("Gizwits account ")
    entity_id = entity_id_of(hass, "sensor", entry, "$devices")
    assert entity_id == f"sensor.{str(device.name).lower().replace(' ', '_')}_devices"


async def test_two_accounts_of_one_cloud_are_told_apart(hass: HomeAssistant, simulation: Simulation) -> None:
    names = set()
    for number in range(2):
        entry = _make(hass, simulation)
        hass.config_entries.async_update_entry(entry, unique_id=f"app_{number}")
        await hass.config_entries.async_setup(entry.entry_id)
        names.add(_account_device(hass, entry).name)
    assert len(names) == 2


async def test_a_title_that_says_nothing_of_the_login_names_the_account(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    entry = _make(hass, simulation, "Our spa")
    await hass.config_entries.async_setup(entry.entry_id)
    assert _account_device(hass, entry).name == "Our spa"


async def test_ids_that_are_there_stay(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = _make(hass, simulation)
    registry = er.async_get(hass)
    unique_id = f"{entry.unique_id}_$devices"
    known = registry.async_get_or_create("sensor", DOMAIN, unique_id, config_entry=entry, suggested_object_id="a_b_c")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id_of(hass, "sensor", entry, "$devices") == known.entity_id == "sensor.a_b_c"
