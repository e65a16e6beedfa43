"""What users may call who may not do everything: each action asks for the right on what it is about."""

from typing import Any

import pytest
from homeassistant.auth.models import User
from homeassistant.auth.permissions.types import PolicyType
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of
from .history.fake_history import device_id_of, response_of, set_history
from .passing_time import ChangeTimings
from .subjects import air_conditioner


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


def _user(hass: HomeAssistant, policy: PolicyType) -> Context:
    user = MockUser(name="Somebody").add_to_hass(hass)
    user.mock_policy(policy)
    return Context(user_id=user.id)


async def _call(hass: HomeAssistant, name: str, context: Context, **data: Any) -> None:
    await hass.services.async_call(DOMAIN, name, data, blocking=True, context=context)


def _controls(simulation: Simulation) -> int:
    return sum(times for route, times in simulation.gizwits_open.requests.items() if "control" in route)


async def test_who_may_only_read_controls_nothing(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    context = Context(user_id=hass_read_only_user.id)
    target = device_id_of(hass, entry, air_conditioner(simulation).did)
    with pytest.raises(Unauthorized) as refused:
        await _call(hass, "set_datapoints", context, device_id=target, values={"switch": True})
    assert refused.value.context is context
    assert refused.value.entity_id == entity_id_of(hass, "switch", entry, air_conditioner(simulation).did, "switch")
    with pytest.raises(Unauthorized):
        await _call(hass, "set_datapoints", context, device_id=target, values={"made_up": True})
    group = {"config_entry_id": entry.entry_id, "group_id": "a", "values": {"switch": True}}
    with pytest.raises(Unauthorized):
        await _call(hass, "set_group_datapoints", context, **group)
    assert _controls(simulation) == 0


async def test_a_right_on_an_entity_is_one_on_its_datapoint(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    did = air_conditioner(simulation).did
    target = device_id_of(hass, entry, did)
    switch = entity_id_of(hass, "switch", entry, did, "switch")
    context = _user(hass, {"entities": {"entity_ids": {switch: True}}})
    await _call(hass, "set_datapoints", context, device_id=target, values={"switch": True})
    assert _controls(simulation) == 1
    with pytest.raises(Unauthorized):
        await _call(hass, "set_datapoints", context, device_id=target, values={"switch": True, "set_temp": 20})
    assert _controls(simulation) == 1


async def test_who_may_do_everything_but_is_no_administrator_controls(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    context = _user(hass, {"entities": True})
    target = device_id_of(hass, entry, air_conditioner(simulation).did)
    await _call(hass, "set_datapoints", context, device_id=target, values={"switch": True})
    assert _controls(simulation) == 1


async def test_a_user_who_is_gone_may_do_nothing(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry
) -> None:
    target = device_id_of(hass, entry, air_conditioner(simulation).did)
    with pytest.raises(UnknownUser):
        await _call(hass, "set_datapoints", Context(user_id="gone"), device_id=target, values={"switch": True})


async def test_the_past_is_for_those_who_may_read(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    did = air_conditioner(simulation).did
    set_history(entry)
    asked: dict[str, dict[str, Any]] = {
        "get_history": {"datapoints": ["set_temp"]},
        "get_aggregate": {"datapoints": ["set_temp"], "period": "hour", "aggregation": "avg"},
        "get_online_log": {},
    }
    switch = entity_id_of(hass, "switch", entry, did, "switch")
    stranger = _user(hass, {"entities": {"entity_ids": {switch: True}}})
    for name, data in asked.items():
        call = {"device_id": device_id_of(hass, entry, did), "range": "today", **data}
        await response_of(hass, name, Context(user_id=hass_read_only_user.id), **call)
        with pytest.raises(Unauthorized):
            await response_of(hass, name, stranger, **call)


async def test_usage_is_for_those_who_may_read(
    hass: HomeAssistant, simulation: Simulation, hass_read_only_user: User
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    call = {"config_entry_id": entry.entry_id, "range": "today"}
    assert (await response_of(hass, "get_usage", Context(user_id=hass_read_only_user.id), **call))["rows"]
    with pytest.raises(Unauthorized):
        await response_of(hass, "get_usage", _user(hass, {}), **call)
