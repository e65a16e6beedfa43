"""Our conditions: each holds for what it says, for any or all of the devices that its target names."""

from collections.abc import Mapping
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import (
    async_from_config,
    async_get_all_descriptions,
    async_validate_condition_config,
)
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP
from simulator.simulation import Simulation

from ..accounts import add_account, poll
from ..passing_time import ChangeTimings, settle
from ..subjects import air_conditioner, ups
from .automating import add_automation, device_of

pytestmark = pytest.mark.usefixtures("fixed_time", "hass_storage")

_HOUR = 3600


@pytest.fixture(autouse=True)
def _no_delay(change_timings: ChangeTimings) -> None:
    change_timings(online_log_delay=0)


@pytest.fixture
def pump(simulation: Simulation) -> GizwitsDevice:
    """A pump without alarms."""
    server = simulation.gizwits_open
    pump = next(device for device in server.devices.values() if device.product is PUMP and device.uid == server.uid)
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    return pump


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation, pump: GizwitsDevice) -> MockConfigEntry:
    """The account of the Open API, without push."""
    return await add_account(hass, simulation, "gizwits_open")


async def _holds(
    hass: HomeAssistant, condition: str, target: Mapping[str, Any] | None = None, **options: Any
) -> bool | None:
    config: dict[str, Any] = {"condition": f"{DOMAIN}.{condition}", "options": options}
    config |= {"target": dict(target)} if target is not None else {}
    checker = await async_from_config(hass, await async_validate_condition_config(hass, config))
    return checker.async_check()


async def test_a_device_is_offline_for_as_long_as_it_is_gone(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    device = air_conditioner(simulation)
    target = {"device_id": device_of(hass, entry, device.did).id}
    assert await _holds(hass, "is_offline", target) is False
    device.is_online = False
    await poll(hass, entry)
    await settle(hass)
    hour = {"hours": 1}
    assert await _holds(hass, "is_offline", target) is True
    assert await _holds(hass, "is_offline", target, **{"for": hour}) is False
    freezer.tick(_HOUR)
    assert await _holds(hass, "is_offline", target, **{"for": hour}) is True
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert await _holds(hass, "is_offline", target, **{"for": hour}) is True
    device.is_online = True
    await poll(hass, entry)
    assert await _holds(hass, "is_offline", target) is False


async def test_any_device_is_enough_unless_all_are_asked_for(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    devices = [air_conditioner(simulation), pump]
    target = {"device_id": [device_of(hass, entry, device.did).id for device in devices]}
    results = []
    for device in devices:
        device.is_online = False
        await poll(hass, entry)
        await settle(hass)
        results.append([await _holds(hass, "is_offline", target, behavior=behavior) for behavior in ("any", "all")])
    assert results == [[True, False], [True, True]]
    assert await _holds(hass, "is_offline") is True
    assert await _holds(hass, "is_offline", behavior="all") is False


async def test_a_device_has_an_alarm_while_it_reports_it(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    target = {"device_id": device_of(hass, entry, pump.did).id}
    assert await _holds(hass, "has_alarm", target) is False
    pump.set(Fault_Overcurrent=True)
    await poll(hass, entry)
    assert await _holds(hass, "has_alarm", target) is True
    assert await _holds(hass, "has_alarm", target, name=["overcurrent"], severity="fault") is True
    assert await _holds(hass, "has_alarm", target, name="no load") is False
    assert await _holds(hass, "has_alarm", target, severity=["alert"]) is False
    pump.set(Fault_Overcurrent=False)
    await poll(hass, entry)
    assert await _holds(hass, "has_alarm", target) is False


async def test_a_device_is_fresh_as_long_as_it_reports(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    target = {"device_id": device_of(hass, entry, ups(simulation).uuid).id}
    assert await _holds(hass, "is_fresh", target) is True
    ups(simulation).is_silent = True
    freezer.tick(2 * _HOUR)
    await poll(hass, entry)
    assert await _holds(hass, "is_fresh", target) is False


async def test_nothing_holds_for_no_device_and_for_an_account_that_is_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    pump.set(Fault_Overcurrent=True)
    await poll(hass, entry)
    target = {"device_id": device_of(hass, entry, pump.did).id}
    assert await _holds(hass, "has_alarm", target) is True
    assert await _holds(hass, "has_alarm", {"device_id": "gone"}, behavior="all") is False
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await _holds(hass, "has_alarm", target) is False


async def test_an_automation_goes_on_only_if_the_condition_holds(
    hass: HomeAssistant, entry: MockConfigEntry, pump: GizwitsDevice
) -> None:
    target = {"device_id": device_of(hass, entry, pump.did).id}
    notes = await add_automation(
        hass,
        {
            "triggers": [{"trigger": "event", "event_type": "look"}],
            "conditions": [{"condition": f"{DOMAIN}.has_alarm", "target": target}],
            "actions": [{"action": "test.note", "data": {"text": "it has"}}],
        },
    )
    for has_alarm in (False, True):
        pump.set(Fault_Overcurrent=has_alarm)
        await poll(hass, entry)
        hass.bus.async_fire("look")
        await hass.async_block_till_done()
    assert notes == ["it has"]


async def test_every_condition_is_described(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    descriptions = await async_get_all_descriptions(hass)
    ours = {key.partition(".")[2]: found for key, found in descriptions.items() if key.startswith(f"{DOMAIN}.")}
    assert all(ours.values())
    assert set(ours) == {"is_offline", "has_alarm", "is_fresh"}
