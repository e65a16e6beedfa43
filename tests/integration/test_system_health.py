"""The information on the system health page."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, poll
from .flows import TEXTS


async def test_system_health_counts_accounts_and_devices(hass: HomeAssistant, simulation: Simulation) -> None:
    opened = await add_account(hass, simulation, "gizwits_open")
    sodata = await add_account(hass, simulation, "sodata")
    assert await async_setup_component(hass, "system_health", {})
    devices = sum(len(entry.runtime_data.coordinator.fleet) for entry in (opened, sodata))
    info = await get_system_health_info(hass, DOMAIN)
    assert info == {"accounts": 2, "polling": 2, "devices": devices}
    assert set(info) == set(TEXTS["system_health"]["info"])

    simulation.gizwits_open.faults.append(Fault(status=502, body="<html>"))
    await poll(hass, opened)
    assert await get_system_health_info(hass, DOMAIN) == {"accounts": 2, "polling": 1, "devices": devices}


async def test_system_health_counts_an_account_that_is_not_set_up(hass: HomeAssistant, simulation: Simulation) -> None:
    simulation.firstlight.faults.append(Fault(status=502, body="<html>"))
    await add_account(hass, simulation, "firstlight")
    await add_account(hass, simulation, "gizwits_open")
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    assert (info["accounts"], info["polling"]) == (2, 1)
