"""The queue of commands for each device: which commands are merged, which keep their order, and who never waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import SPA
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of
from .passing_time import ChangeTimings, settle
from .subjects import twenty_devices

_CONTROL = "POST /app/control/{did}"


@pytest.fixture(autouse=True)
def _no_early_readings(change_timings: ChangeTimings) -> None:
    change_timings(confirmation_reads=(3600.0,))


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
def spa(simulation: Simulation) -> GizwitsDevice:
    return next(device for device in simulation.gizwits_open.devices.values() if device.product is SPA)


def _is_control(request: web.Request) -> bool:
    return "/control" in request.path


class Gate:
    """Holds requests at the servers from `shut` until `open`, and counts them."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0
        self.passed = 0
        self._where = ""
        self._is_open = asyncio.Event()
        self._is_open.set()

    @web.middleware
    async def hold(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._where and self._where in request.path:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await self._is_open.wait()
            self.waiting -= 1
            self.passed += 1
        return await handler(request)

    def shut(self, where: str = "/control") -> None:
        self._where = where
        self._is_open.clear()

    def open(self) -> None:
        self._is_open.set()

    async def until(self, waiting: int) -> None:
        """Return when this number of requests waits."""
        await _until(lambda: self.waiting >= waiting)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # no event announces the condition
            await asyncio.sleep(0)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def simulation(socket_enabled: None, gate: Gate) -> AsyncIterator[Simulation]:
    simulation = Simulation()
    simulation.gizwits_open.push.is_offered = False
    for server in simulation.servers:
        server.app.middlewares.append(gate.hold)
    await simulation.start()
    yield simulation
    gate.open()
    await simulation.stop()


def _attrs(device: GizwitsDevice) -> list[dict[str, Any]]:
    return [body["attrs"] for body in device.received]


async def _turn(hass: HomeAssistant, entry: MockConfigEntry, device: GizwitsDevice, key: str, way: str) -> None:
    entity_id = entity_id_of(hass, "switch", entry, device.did, key)
    await hass.services.async_call("switch", f"turn_{way}", {"entity_id": entity_id}, blocking=True)


async def _set(hass: HomeAssistant, entry: MockConfigEntry, device: GizwitsDevice, key: str, value: float) -> None:
    entity_id = entity_id_of(hass, "number", entry, device.did, key)
    await hass.services.async_call("number", "set_value", {"entity_id": entity_id, "value": value}, blocking=True)


# Merging


async def test_calls_made_side_by_side_share_one_request(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    await asyncio.gather(_turn(hass, entry, spa, "bubble", "on"), _set(hass, entry, spa, "set_temp", 30))
    assert _attrs(spa) == [{"bubble": True, "set_temp": 30}]


async def test_entities_of_one_call_share_one_request(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    entity_ids = [entity_id_of(hass, "switch", entry, spa.did, key) for key in ("bubble", "locked", "power")]
    await hass.services.async_call("switch", "turn_on", {"entity_id": entity_ids}, blocking=True)
    assert _attrs(spa) == [{"bubble": True, "locked": True, "power": True}]


async def test_a_scene_is_sent_in_one_request(hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice) -> None:
    entities = {
        "bubble": entity_id_of(hass, "switch", entry, spa.did, "bubble"),
        "locked": entity_id_of(hass, "switch", entry, spa.did, "locked"),
        "set_temp": entity_id_of(hass, "number", entry, spa.did, "set_temp"),
        "temp_set_unit": entity_id_of(hass, "select", entry, spa.did, "temp_set_unit"),
    }

    async def apply(**states: str) -> None:
        scene = {entities[key]: state for key, state in states.items()}
        await hass.services.async_call("scene", "apply", {"entities": scene}, blocking=True)

    assert await async_setup_component(hass, "scene", {})
    await hass.async_block_till_done()
    # On first use Home Assistant still loads the code that turns states into actions, one platform after another.
    await apply(bubble="on", locked="on", set_temp="25", temp_set_unit="fahrenheit")
    spa.received.clear()
    await apply(bubble="off", locked="off", set_temp="26", temp_set_unit="celsius")
    assert _attrs(spa) == [{"bubble": False, "locked": False, "set_temp": 26, "temp_set_unit": "摄氏"}]


async def test_parallel_actions_of_a_script_share_one_request(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    steps = [
        {"action": "switch.turn_on", "target": {"entity_id": entity_id_of(hass, "switch", entry, spa.did, key)}}
        for key in ("bubble", "locked")
    ]
    assert await async_setup_component(hass, "script", {"script": {"both": {"sequence": [{"parallel": steps}]}}})
    await hass.services.async_call("script", "both", blocking=True)
    assert _attrs(spa) == [{"bubble": True, "locked": True}]


async def test_commands_for_different_devices_are_never_merged(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    first = next(iter(simulation.gizwits_open.devices.values()))
    await asyncio.gather(_turn(hass, entry, spa, "bubble", "on"), _turn(hass, entry, first, "switch", "off"))
    assert (_attrs(spa), _attrs(first)) == ([{"bubble": True}], [{"switch": False}])


async def test_commands_made_during_a_request_share_the_next_one(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice, gate: Gate
) -> None:
    gate.shut()
    calls = [hass.async_create_task(_turn(hass, entry, spa, "bubble", "on"))]
    await gate.until(1)
    calls += [hass.async_create_task(_turn(hass, entry, spa, key, "on")) for key in ("locked", "power")]
    await asyncio.sleep(0.01)
    assert gate.most == 1
    gate.open()
    await asyncio.gather(*calls)
    assert _attrs(spa) == [{"bubble": True}, {"locked": True, "power": True}]


async def test_all_callers_of_a_merged_request_get_its_refusal(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    spa.is_online = False
    results = await asyncio.gather(
        _turn(hass, entry, spa, "bubble", "on"), _turn(hass, entry, spa, "locked", "on"), return_exceptions=True
    )
    assert [type(result) for result in results] == [HomeAssistantError] * 2
    assert simulation.gizwits_open.requests[_CONTROL] == 1


# Order


@pytest.mark.parametrize("is_gated", [False, True])
async def test_ten_clicks_are_ten_requests_in_their_order(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice, gate: Gate, is_gated: bool
) -> None:
    ways = ["on", "off"] * 5
    if is_gated:
        gate.shut()
    clicks = [hass.async_create_task(_turn(hass, entry, spa, "bubble", way)) for way in ways]
    await gate.until(int(is_gated))
    gate.open()
    await asyncio.gather(*clicks)
    assert _attrs(spa) == [{"bubble": way == "on"} for way in ways]
    assert gate.most <= 1  # requests at the same time
    assert state_of(hass, "switch", entry, spa.did, "bubble").state == "off"


async def test_the_same_value_twice_is_sent_twice(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    await asyncio.gather(*(_turn(hass, entry, spa, "bubble", "on") for _ in range(3)))
    assert _attrs(spa) == [{"bubble": True}] * 3


async def test_two_alternating_datapoints_each_keep_their_order(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    calls = []
    for number in range(6):
        calls.append(_turn(hass, entry, spa, "bubble", "off" if number % 2 else "on"))
        calls.append(_set(hass, entry, spa, "set_temp", 21 + number))
    await asyncio.gather(*calls)
    sent = _attrs(spa)
    assert [attrs["bubble"] for attrs in sent if "bubble" in attrs] == [True, False] * 3
    assert [attrs["set_temp"] for attrs in sent if "set_temp" in attrs] == list(range(21, 27))
    assert len(sent) == 6


async def test_merging_never_lets_an_earlier_value_overtake_a_later_one(
    hass: HomeAssistant, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    await asyncio.gather(
        _set(hass, entry, spa, "set_temp", 21),
        _set(hass, entry, spa, "set_temp", 22),
        _turn(hass, entry, spa, "bubble", "on"),
        _set(hass, entry, spa, "set_temp", 23),
    )
    assert _attrs(spa) == [{"set_temp": 21}, {"set_temp": 22, "bubble": True}, {"set_temp": 23}]


async def test_a_refused_command_does_not_stop_those_behind_it(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    simulation.gizwits_open.faults.append(Fault(matches=_is_control, status=502, body="", times=1))
    results = await asyncio.gather(
        *(_set(hass, entry, spa, "set_temp", value) for value in (21, 22, 23)), return_exceptions=True
    )
    assert [type(result) for result in results] == [HomeAssistantError, type(None), type(None)]
    assert _attrs(spa) == [{"set_temp": 22}, {"set_temp": 23}]


# Commands for several devices


@pytest.mark.parametrize(("kind", "bound"), [("gizwits_open", 16), ("gizwits_enterprise", 4)])
async def test_twenty_devices_get_commands_side_by_side_within_the_limit_of_the_cloud(
    hass: HomeAssistant, simulation: Simulation, kind: str, bound: int, gate: Gate
) -> None:
    devices = twenty_devices(simulation, kind)
    entry = await add_account(hass, simulation, kind)
    gate.shut()
    entity_ids = [entity_id_of(hass, "switch", entry, device.did, "switch") for device in devices]
    call = hass.async_create_task(
        hass.services.async_call("switch", "turn_off", {"entity_id": entity_ids}, blocking=True)
    )
    await gate.until(bound)
    await asyncio.sleep(0.05)
    assert gate.waiting == bound
    gate.open()
    await call
    assert gate.most == bound
    assert [_attrs(device) for device in devices] == [[{"switch": False}]] * 20


async def test_a_round_of_readings_does_not_delay_a_command(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice, gate: Gate
) -> None:
    gate.shut("/latest")
    polling = hass.async_create_task(poll(hass, entry))
    await gate.until(4)
    async with asyncio.timeout(5):
        await _turn(hass, entry, spa, "bubble", "on")
    assert gate.passed == 0
    assert _attrs(spa) == [{"bubble": True}]
    assert state_of(hass, "switch", entry, spa.did, "bubble").state == "on"
    gate.open()
    await polling
    assert state_of(hass, "switch", entry, spa.did, "bubble").state == "on"


# Callers that stop waiting


async def test_a_command_is_sent_although_its_caller_is_cancelled(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice, gate: Gate
) -> None:
    gate.shut()
    write = entry.runtime_data.commands.async_write
    gone = [asyncio.ensure_future(write(spa.did, {"set_temp": value})) for value in (21, 22)]
    await gate.until(1)
    for caller in gone:
        caller.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    assert all(caller.cancelled() for caller in gone)
    gate.open()
    await write(spa.did, {"set_temp": 23})
    assert _attrs(spa) == [{"set_temp": 21}, {"set_temp": 22}, {"set_temp": 23}]


async def test_a_refusal_without_a_waiting_caller_logs_no_exception(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    spa: GizwitsDevice,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate.shut()
    gone = asyncio.ensure_future(entry.runtime_data.commands.async_write(spa.did, {"bubble": True}))
    await gate.until(1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    spa.is_online = False
    gate.open()
    await hass.async_block_till_done()
    with pytest.raises(HomeAssistantError):
        await _turn(hass, entry, spa, "bubble", "on")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("waits", [False, True])
async def test_unloading_ends_every_wait(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    spa: GizwitsDevice,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    waits: bool,
) -> None:
    gate.shut()
    line = entry.runtime_data.commands
    write = line.async_write_and_wait if waits else line.async_write
    callers = [asyncio.ensure_future(write(spa.did, {"set_temp": value})) for value in (21, 22)]
    await gate.until(1)
    async with asyncio.timeout(5):
        assert await hass.config_entries.async_unload(entry.entry_id)
        results = await asyncio.gather(*callers, return_exceptions=True)
    gate.open()
    assert [str(result) for result in results] == [
        "The account was unloaded before the cloud responded for Terrace spa"
    ] * 2
    await settle(hass)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert simulation.gizwits_open.requests[_CONTROL] == 1


async def test_unloading_ends_the_wait_for_a_confirmation(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice
) -> None:
    spa.change({"obedience": {"is_lost": True}})
    caller = asyncio.ensure_future(entry.runtime_data.commands.async_write_and_wait(spa.did, {"bubble": True}))
    await _until(lambda: bool(entry.runtime_data.coordinator.fleet[spa.did].pending))
    async with asyncio.timeout(5):
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert await caller is False


async def test_the_wait_for_a_removed_device_ends_at_once(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    spa: GizwitsDevice,
    change_timings: ChangeTimings,
) -> None:
    change_timings(confirmation_reads=(), pending_for=timedelta(0), revert_margin=0.5)
    spa.change({"obedience": {"is_lost": True}})
    coordinator = entry.runtime_data.coordinator
    caller = asyncio.ensure_future(entry.runtime_data.commands.async_write_and_wait(spa.did, {"bubble": True}))
    await _until(lambda: bool(coordinator.fleet[spa.did].pending))
    del coordinator.fleet[spa.did]
    async with asyncio.timeout(5):
        assert await caller is False
    with pytest.raises(HomeAssistantError):
        await entry.runtime_data.commands.async_write(spa.did, {"bubble": True})


# No command is sent twice


@pytest.mark.parametrize(
    "fault",
    [
        Fault(matches=_is_control, drops=True, times=1),
        Fault(matches=_is_control, status=500, body="", times=1),
        Fault(matches=_is_control, status=503, body="<html>", content_type="text/html", times=1),
        Fault(matches=_is_control, cuts_at=1, status=504, body="{", times=1),
    ],
    ids=["dropped", "500", "503", "504"],
)
async def test_no_command_is_repeated_after_any_kind_of_answer(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, spa: GizwitsDevice, fault: Fault
) -> None:
    simulation.gizwits_open.faults.append(fault)
    data = {"device_id": _target(hass, entry, spa), "values": {"bubble": True, "locked": True}}
    with pytest.raises(HomeAssistantError) as refused:
        await hass.services.async_call(DOMAIN, "set_datapoints", data, blocking=True)
    assert "Terrace spa may have received the command" in str(refused.value)
    assert simulation.gizwits_open.requests[_CONTROL] == 1
    assert spa.received == []
    assert state_of(hass, "switch", entry, spa.did, "bubble").state == "off"


def _target(hass: HomeAssistant, entry: MockConfigEntry, device: GizwitsDevice) -> str:
    found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, device.did), entry.entry_id)
    assert found is not None
    return found.id
