"""Commands to groups of hundreds of devices: their progress, their end, and what else happens meanwhile."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, make_pushed_entry, state_of
from .passing_time import let_traffic_arrive, pass_time, settle, until

_CONTROL = "POST /v1/products/{product_key}/devices/{did}/control"
_DEVICES = 300


@pytest.fixture
def product(simulation: Simulation) -> EnterpriseProduct:
    """The only product of the enterprise, with 300 meters in its top group, every tenth of them offline."""
    server = simulation.gizwits_enterprise
    product = list(server.products.values())[1]
    for key in [key for key in server.products if key != product.product_key]:
        del server.products[key]
    product.devices = {
        device.did: device
        for number in range(_DEVICES)
        if (
            device := GizwitsDevice(
                product=product.product,
                did=f"meter{number:017}",
                mac=f"{number:012x}",
                clock=server.clock,
                uid="bound",
                offline_for=9000.0 if number % 10 == 9 else None,
            )
        )
    }
    product.groups[product.root_gid].macs = [device.mac for device in product.devices.values()]
    return product


def _options(product: EnterpriseProduct) -> dict[str, Any]:
    """Show the first three devices."""
    return {"fleet": "figures_and_chosen", "devices": list(product.devices)[:3]}


def _is_pushed(entry: MockConfigEntry) -> bool:
    coordinator = entry.runtime_data.coordinator
    return all(coordinator.is_pushed(state.device) for state in coordinator.fleet.values())


def _send(
    hass: HomeAssistant, entry: MockConfigEntry, product: EnterpriseProduct, **values: Any
) -> Awaitable[dict[str, Any]]:
    data = {"config_entry_id": entry.entry_id, "group_id": product.root_gid, "values": values}
    call = hass.services.async_call(DOMAIN, "set_group_datapoints", data, blocking=True, return_response=True)
    return asyncio.ensure_future(call)  # type: ignore[arg-type]  # Home Assistant would wait for a task of its own


def _progress(hass: HomeAssistant, entry: MockConfigEntry) -> State:
    return state_of(hass, "sensor", entry, "$group_command")


async def _stop(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": entity_id_of(hass, "button", entry, "$stop_group_command")}
    await hass.services.async_call("button", "press", target, blocking=True)


def _hold(simulation: Simulation, after: int, passes: GizwitsDevice) -> asyncio.Event:
    """Let the HTTP API hold back all but so many commands, and those to one device, until the event is set."""
    gate, sent = asyncio.Event(), 0

    def is_held(request: web.Request) -> bool:
        nonlocal sent
        sent += request.path.endswith("/control")
        return request.path.endswith("/control") and sent > after and passes.did not in request.path

    simulation.gizwits_enterprise.faults.append(Fault(matches=is_held, gate=gate))
    return gate


async def test_a_command_to_a_large_group_tells_who_did_not_obey(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct
) -> None:
    entry = make_pushed_entry(hass, simulation, "gizwits_enterprise", options=_options(product))
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    await until(lambda: _is_pushed(entry))
    assert er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{entry.unique_id}_$group_command") is None
    simulation.gizwits_enterprise.reset_counts()
    changes = async_capture_events(hass, "state_changed")
    result = (await _send(hass, entry, product, relay=False))["devices"]
    for device in product.devices.values():
        registered = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device.did), entry.entry_id)
        told = result[registered.id if registered else device.did]
        if device.is_online:
            assert told == {"result": "accepted"}
            assert device.attrs["relay"] is False
        else:
            assert told["reason"].endswith("was not contacted: it is offline")
    # Push carries the command; only those that did not obey cost a request, which says why.
    assert simulation.gizwits_enterprise.requests[_CONTROL] == 30
    assert state_of(hass, "switch", entry, next(iter(product.devices)), "relay").state == "off"
    state = _progress(hass, entry)
    assert state.state == "100"
    assert state.attributes["status"] == "finished"
    assert (state.attributes["devices"], state.attributes["accepted"]) == (_DEVICES, 270)
    assert state.attributes["reasons"] == {"offline": 30}
    percents = [event.data["new_state"].state for event in changes if event.data["entity_id"] == state.entity_id]
    assert len(percents) > 5
    assert percents == sorted(percents, key=int)
    assert state_of(hass, "button", entry, "$stop_group_command").state == "unavailable"

    # The entities stay over a restart.
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert _progress(hass, entry).state == "unknown"
    await until(lambda: _is_pushed(entry))


async def test_a_command_to_a_large_group_is_stopped(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=_options(product))
    devices = list(product.devices.values())
    sent_late = devices[0]  # the cloud does not list the devices in this order
    gate = _hold(simulation, after=100, passes=sent_late)
    sending = _send(hass, entry, product, relay=False, limit=5000)
    await until(lambda: simulation.gizwits_enterprise.requests[_CONTROL] == 104)
    assert _progress(hass, entry).state == "33"
    assert _progress(hass, entry).attributes["status"] == "running"

    # A second group command does not wait for ever. A single command waits for nothing: its device has its turn first.
    monkeypatch.setattr("custom_components.datapoint_cloud.commands._GROUP_PATIENCE", 0)
    with pytest.raises(HomeAssistantError, match="A command is still being sent to the group"):
        await _send(hass, entry, product, limit=10)
    switch = {"entity_id": entity_id_of(hass, "switch", entry, sent_late.did, "relay")}
    assert sent_late.received == []
    await hass.services.async_call("switch", "turn_on", switch, blocking=True)
    received = [{"attrs": {"relay": False, "limit": 5000}}, {"attrs": {"relay": True}}]
    assert sent_late.received == received

    await _stop(hass, entry)
    gate.set()
    result = list((await sending)["devices"].values())
    assert (
        sum(one["result"] == "accepted" for one in result) == simulation.gizwits_enterprise.requests[_CONTROL] - 1 - 10
    )
    unsent = [one for one in result if "the command was stopped first" in one.get("reason", "")]
    assert len(unsent) == _DEVICES - 105
    accepted = sum(one["result"] == "accepted" for one in result)
    assert accepted == sum(bool(device.received) for device in devices)
    assert sent_late.received == received
    state = _progress(hass, entry)
    assert (state.state, state.attributes["status"]) == ("35", "stopped")
    assert (state.attributes["accepted"], state.attributes["refused"]) == (accepted, 105 - accepted)


async def test_a_group_command_goes_at_the_pace_of_the_quota(
    hass: HomeAssistant, simulation: Simulation, product: EnterpriseProduct, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_enterprise
    server.quota_limit = server.quota_remaining = 400
    entry = await add_account(hass, simulation, "gizwits_enterprise", options=_options(product))
    sending = _send(hass, entry, product, relay=False)
    await until(lambda: server.requests[_CONTROL] == 200)  # half of the quota
    await let_traffic_arrive()
    assert server.requests[_CONTROL] == 200
    assert _progress(hass, entry).state == "66"
    for _ in range(13):
        server.quota_remaining = 400
        await pass_time(hass, freezer, 300)
    assert {one["result"] for one in (await sending)["devices"].values()} == {"accepted", "refused"}
    assert _progress(hass, entry).attributes["reasons"] == {"offline": 30}
