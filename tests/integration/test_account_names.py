"""The login of an account appears in its title only: neither the log nor the ids of its entities contain it."""

import logging

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import entity_id_of, make_entry, poll
from .subjects import air_conditioner


def _make(hass: HomeAssistant, simulation: Simulation, title: str | None = None) -> MockConfigEntry:
    entry = make_entry(hass, simulation, "gizwits_open")
    hass.config_entries.async_update_entry(entry, title=title or simulation.gizwits_open.username)
    return entry


def _account_device(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, str(entry.unique_id)), entry.entry_id)
    assert device is not None
    return device


@pytest.mark.parametrize("title", [None, "household", "+33 612345678"])
async def test_new_entity_ids_contain_no_login(hass: HomeAssistant, simulation: Simulation, title: str | None) -> None:
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


async def test_an_account_is_called_so_in_the_language_of_home_assistant(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    hass.config.language = "fr"
    entry = _make(hass, simulation)
    await hass.config_entries.async_setup(entry.entry_id)
    assert str(_account_device(hass, entry).name).startswith("Compte Gizwits ")


async def test_two_accounts_of_one_cloud_are_distinguishable(hass: HomeAssistant, simulation: Simulation) -> None:
    names = set()
    for number in range(2):
        entry = _make(hass, simulation)
        hass.config_entries.async_update_entry(entry, unique_id=f"app_{number}")
        await hass.config_entries.async_setup(entry.entry_id)
        names.add(_account_device(hass, entry).name)
    assert len(names) == 2


async def test_a_title_without_the_login_names_the_account(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = _make(hass, simulation, "Our spa")
    await hass.config_entries.async_setup(entry.entry_id)
    assert _account_device(hass, entry).name == "Our spa"


async def test_existing_entity_ids_stay(hass: HomeAssistant, simulation: Simulation) -> None:
    entry = _make(hass, simulation)
    registry = er.async_get(hass)
    unique_id = f"{entry.unique_id}_$devices"
    known = registry.async_get_or_create("sensor", DOMAIN, unique_id, config_entry=entry, suggested_object_id="a_b_c")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entity_id_of(hass, "sensor", entry, "$devices") == known.entity_id == "sensor.a_b_c"


@pytest.mark.parametrize("kind", ["gizwits_open", "sodata"])
async def test_our_log_does_not_contain_the_login(
    hass: HomeAssistant, simulation: Simulation, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    entry = make_entry(hass, simulation, kind)
    login = entry.data["username"]
    assert "@" in login
    hass.config_entries.async_update_entry(entry, title=login)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    for fault in (Fault(status=500, body=""), Fault(drops=True), Fault(status=401, body="{}")):
        for server in simulation.servers:
            server.faults = [fault]
        for _ in range(3):
            await poll(hass, entry)
        for server in simulation.servers:
            server.faults = []
        await poll(hass, entry)
    records = [record for record in caplog.records if record.name.startswith(f"custom_components.{DOMAIN}")]
    # Home Assistant's own lines about an entry use its title, through the same logger.
    texts = [record.getMessage() for record in records if not record.pathname.endswith("config_entries.py")]
    assert texts
    assert not [text for text in texts if login in text]


@pytest.mark.parametrize("action", ["get_history", "get_usage"])
async def test_a_refused_action_does_not_name_the_login(
    hass: HomeAssistant, simulation: Simulation, action: str
) -> None:
    # The error of an automation is written into the log.
    entry = _make(hass, simulation)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, air_conditioner(simulation).did), entry.entry_id
    )
    assert device is not None
    of_device = {"device_id": device.id, "datapoints": "set_temp", "range": "last_24_hours"}
    data = of_device if action == "get_history" else {"config_entry_id": entry.entry_id}
    with pytest.raises(HomeAssistantError) as refused:
        await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert "Gizwits account" in str(refused.value)
    assert simulation.gizwits_open.username not in str(refused.value)
