"""What a person says about appliances is understood by Home Assistant's own sentences."""

from typing import Any

import pytest
from homeassistant.components.conversation import async_converse
from homeassistant.core import Context, HomeAssistant
from homeassistant.setup import async_setup_component

from simulator.gizwits.appliances import GARDEN_SPA, PANEL_HEATER
from simulator.gizwits.devices import GizwitsDevice
from simulator.simulation import Simulation

from ..accounts import add_account

_CHANNELS = {"White": 24, "Warm_White": 8, "Sapphire_Blue": 40, "Blue": 50, "UV": 32, "Purple": 0}
_SAID: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Set the spa to 38 degrees", "Temperature set to 38 degrees", {"Tset": 38}),
    ("What is the temperature of the spa?", "36 degrees", {}),
    ("Turn the aquarium light to 40 %", "Brightness set", {"Light_On": 1} | _CHANNELS),
    ("Set the speed of the aquarium light fan to 30 %", "Speed set", {"Fan_Speed": 30}),
    ("Is the heater on?", "Heater is heat", {}),
    ("Set the heater to 19 degrees", "Temperature set to 19 degrees", {"eco_tempH": 0, "eco_tempL": 190}),
    ("Turn off the heater", "Turned off the thermostat", {"timer_switch": 0, "on_off": 0}),
    ("Is the heater on?", "Heater is off", {}),
    ("Turn off the aquarium light", "Turned off the light", {"Light_On": 0}),
)
"""What is said, what Home Assistant answers, and which values are sent; one after the other."""


@pytest.fixture
async def appliances(hass: HomeAssistant, simulation: Simulation, our_profiles: None) -> list[GizwitsDevice]:
    server = simulation.gizwits_open
    server.devices, server.write_delay = {}, 0
    appliances = server.add_appliances()
    for device in appliances:
        device.alias = {GARDEN_SPA.key: "Spa", PANEL_HEATER.key: "Heater"}.get(device.product.key, device.alias)
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    await add_account(hass, simulation, "gizwits_open")
    return appliances


async def test_appliances_are_asked_and_told_by_their_names(
    hass: HomeAssistant, appliances: list[GizwitsDevice]
) -> None:
    for said, answered, sent in _SAID:
        before = {device.did: len(device.received) for device in appliances}
        result = await async_converse(hass, said, None, Context(), language="en")
        assert result.response.speech["plain"]["speech"] == answered, said
        commands = [command for device in appliances for command in device.received[before[device.did] :]]
        assert commands == ([{"attrs": sent}] if sent else []), said
