"""The targets of the history actions, and clouds that do not answer."""

import asyncio
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.simulation import Simulation

from ..accounts import entity_id_of
from ..passing_time import until
from ..subjects import air_conditioner, ups
from .fake_history import FakeHistory, device_id_of, error_of, response_of, set_history

pytestmark = pytest.mark.usefixtures("on_a_tuesday")


async def test_invalid_targets_are_refused_with_a_hint_at_valid_ones(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry)
    device_id, account = (device_id_of(hass, entry, name) for name in (device.did, str(entry.unique_id)))
    er.async_get(hass).async_get_or_create("sensor", "another", "1", suggested_object_id="another")
    connectivity = entity_id_of(hass, "binary_sensor", entry, device.did, "$connectivity")
    figure = entity_id_of(hass, "sensor", entry, "$devices")
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    of_series = "Choose devices together with the names of their datapoints, or entities of datapoints"
    texts: list[tuple[dict[str, Any], str]] = [
        ({"device_id": device_id}, of_series),
        ({"datapoints": "switch"}, of_series),
        ({"datapoints": "switch", "entity_id": number}, of_series),
        ({}, of_series),
        ({"entity_id": "sensor.another"}, "sensor.another is not an entity of Datapoint Cloud"),
        ({"entity_id": "sensor.unknown"}, "sensor.unknown is not an entity of Datapoint Cloud"),
        ({"entity_id": connectivity}, f"{connectivity} does not show a datapoint. "),
        ({"entity_id": figure}, f"{figure} does not show a datapoint. "),
        ({"device_id": account, "datapoints": "switch"}, "Account of gizwits_open has no history of its own"),
        ({"device_id": "none", "datapoints": "switch"}, ""),
    ]
    for data, text in texts:
        assert (await error_of(hass, "get_history", range="today", **data)).startswith(text)
    texts = [
        ({}, "Choose devices or their connectivity sensors"),
        ({"entity_id": number}, f"{number} is not the connectivity sensor of a device"),
        ({"device_id": account}, "Account of gizwits_open has no history of its own"),
    ]
    for data, text in texts:
        assert (await error_of(hass, "get_online_log", range="today", **data)).startswith(text)
    assert not history.requests


async def test_an_account_that_is_not_loaded_gets_no_request(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    history = set_history(entry)
    device_id = device_id_of(hass, entry, device.did)
    number = entity_id_of(hass, "number", entry, device.did, "set_temp")
    await hass.config_entries.async_unload(entry.entry_id)
    await error_of(hass, "get_history", device_id=device_id, datapoints="switch", range="today")
    await error_of(hass, "get_history", entity_id=number, range="today")
    await error_of(hass, "get_online_log", device_id=device_id, range="today")
    await error_of(hass, "get_usage", config_entry_id=entry.entry_id, range="today")
    assert not history.requests


async def test_an_unknown_datapoint_is_named(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    device = air_conditioner(simulation)
    device_id = device_id_of(hass, entry, device.did)
    set_history(entry)
    text = f"{device.alias} has no datapoint room_tmep. Choose one of: Room temperature"
    aggregate = {"period": "hour", "aggregation": "avg"}
    for name, more in (("get_history", {}), ("get_aggregate", aggregate)):
        call: dict[str, Any] = {"device_id": device_id, "range": "today", **more}
        assert await error_of(hass, name, datapoints="room_tmep", **call) == text
        response = await response_of(hass, name, datapoints=["room_temp", "room_tmep"], **call)
        assert [(one["complete"], one.get("reason")) for one in response["series"]] == [(True, None), (False, text)]


async def _response_after_hanging(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, history: FakeHistory, **call: Any
) -> Any:
    """Return the response of an action whose cloud does not answer, which takes 90 seconds."""
    task = hass.async_create_task(response_of(hass, **call))
    await until(lambda: history.requests)
    freezer.tick(89)
    await asyncio.sleep(0)
    assert not task.done()
    freezer.tick(2)
    return await task


async def test_an_action_times_out(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    entry: MockConfigEntry,
    firstlight: MockConfigEntry,
    sodata: MockConfigEntry,
) -> None:
    hanging = set_history(entry, hangs=True)
    set_history(sodata)
    here = device_id_of(hass, entry, air_conditioner(simulation).did)
    text = "The cloud did not respond in time"
    for name, more in (("get_history", {"datapoints": "switch"}), ("get_online_log", {})):
        with pytest.raises(HomeAssistantError, match=text):
            await _response_after_hanging(hass, freezer, hanging, name=name, device_id=here, range="today", **more)
        hanging.requests.clear()
    # The results of another account are returned all the same.
    devices = [here, device_id_of(hass, sodata, ups(simulation).uuid)]
    response = await _response_after_hanging(
        hass, freezer, hanging, name="get_online_log", device_id=devices, range="today"
    )
    assert [(one["complete"], one.get("reason")) for one in response["devices"]] == [(False, text), (True, None)]
    hanging = set_history(firstlight, hangs=True)
    with pytest.raises(HomeAssistantError, match=text):
        await _response_after_hanging(
            hass, freezer, hanging, name="get_usage", config_entry_id=firstlight.entry_id, range="today"
        )
