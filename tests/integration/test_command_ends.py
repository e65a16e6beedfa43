"""Every command ends, and its caller always gets the result or the error."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.commands import Commands
from simulator.gizwits.devices import GizwitsDevice
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, poll, state_of
from .passing_time import pass_time, until
from .subjects import air_conditioner, chiller

_PATIENCE_SECONDS = 5


@pytest.fixture
async def entry(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    return await add_account(hass, simulation, "gizwits_open")


@pytest.fixture
def device(simulation: Simulation) -> GizwitsDevice:
    return air_conditioner(simulation)


@pytest.fixture
def commands(entry: MockConfigEntry) -> Commands:
    found: Commands = entry.runtime_data.commands
    return found


def _fail(*_: Any, **__: Any) -> Any:
    raise OverflowError("cannot convert float infinity to integer")


def _logged_exceptions(caplog: pytest.LogCaptureFixture) -> int:
    return sum(bool(record.exc_info) for record in caplog.records)


@pytest.mark.no_fail_on_log_exception
async def test_the_caller_gets_every_error_and_the_next_command_is_sent(
    simulation: Simulation,
    entry: MockConfigEntry,
    commands: Commands,
    device: GizwitsDevice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(entry.runtime_data.coordinator.cloud, "write", _fail)
        for _ in range(2):
            with pytest.raises(HomeAssistantError) as error:
                await asyncio.wait_for(commands.async_write(device.did, {"switch": False}), _PATIENCE_SECONDS)
            assert error.value.translation_key == "action_failed"
    assert _logged_exceptions(caplog) == 2
    await commands.async_write(device.did, {"switch": False})
    assert [body["attrs"] for body in device.received] == [{"switch": False}]


@pytest.mark.no_fail_on_log_exception
async def test_the_caller_gets_an_unexpected_error_of_a_check_too(
    entry: MockConfigEntry, commands: Commands, device: GizwitsDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry.runtime_data.coordinator.cloud, "check", _fail)
    with pytest.raises(HomeAssistantError) as error:
        await commands.async_check(device.did, {"switch": False})
    assert error.value.translation_key == "action_failed"


@pytest.mark.no_fail_on_log_exception
async def test_only_the_failing_command_of_a_queue_gets_its_error(
    entry: MockConfigEntry, commands: Commands, device: GizwitsDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = entry.runtime_data.coordinator.cloud.write

    async def fail_at_first(*arguments: Any) -> None:
        monkeypatch.setattr(entry.runtime_data.coordinator.cloud, "write", write)
        _fail()

    monkeypatch.setattr(entry.runtime_data.coordinator.cloud, "write", fail_at_first)
    results = await asyncio.wait_for(
        asyncio.gather(
            *(commands.async_write(device.did, {"set_temp": value}) for value in (18, 19, 20)), return_exceptions=True
        ),
        _PATIENCE_SECONDS,
    )
    assert [type(result) for result in results] == [HomeAssistantError, type(None), type(None)]
    assert [body["attrs"] for body in device.received] == [{"set_temp": 19}, {"set_temp": 20}]


@pytest.mark.no_fail_on_log_exception
async def test_the_caller_of_a_group_command_gets_an_unexpected_error_too(
    entry: MockConfigEntry, commands: Commands, device: GizwitsDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(entry.runtime_data.coordinator.cloud, "write_group", _fail)
        with pytest.raises(HomeAssistantError) as error:
            await commands.async_write_group("group", {"switch": False})
    assert error.value.translation_key == "action_failed"
    await asyncio.wait_for(commands.async_write(device.did, {"switch": False}), _PATIENCE_SECONDS)


@pytest.mark.no_fail_on_log_exception
async def test_unexpected_errors_of_readings_end_the_wait(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    commands: Commands,
    device: GizwitsDevice,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulation.gizwits_open.write_delay = 3600
    monkeypatch.setattr(entry.runtime_data.coordinator, "async_read_device", _fail)
    caplog.clear()
    waiting = hass.async_create_task(commands.async_write_and_wait(device.did, {"switch": False}))
    await until(lambda: device.received)
    for _ in range(40):
        await _let_a_second_pass(freezer)
    assert waiting.done()
    assert await waiting is False
    assert _logged_exceptions(caplog) == 1
    assert not entry.runtime_data.coordinator.fleet[device.did].pending


async def _let_a_second_pass(freezer: FrozenDateTimeFactory) -> None:
    freezer.tick(1)
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_reading_that_hangs_does_not_delay_the_caller_for_long(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    commands: Commands,
    device: GizwitsDevice,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hang(_: str) -> None:
        await asyncio.Event().wait()

    simulation.gizwits_open.write_delay = 3600
    monkeypatch.setattr(entry.runtime_data.coordinator, "async_read_device", hang)
    waiting = hass.async_create_task(commands.async_write_and_wait(device.did, {"switch": False}))
    await until(lambda: device.received)
    for _ in range(40):
        await _let_a_second_pass(freezer)
    assert waiting.done()
    assert await waiting is False


async def _unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_unloading_ends_the_running_command_and_those_behind_it(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, commands: Commands, device: GizwitsDevice
) -> None:
    gate = asyncio.Event()
    is_control: Callable[[Any], bool] = lambda request: "/control" in request.path  # noqa: E731
    simulation.gizwits_open.faults.append(Fault(matches=is_control, gate=gate))
    calls = [hass.async_create_task(commands.async_write(device.did, {"set_temp": value})) for value in (18, 19)]
    await until(lambda: any(map(is_control, simulation.gizwits_open.log)))
    await _unload(hass, entry)
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), _PATIENCE_SECONDS)
    gate.set()
    assert [getattr(result, "translation_key", None) for result in results] == ["action_unloaded"] * 2


async def test_a_command_in_the_moment_of_unloading_is_not_sent(
    hass: HomeAssistant, entry: MockConfigEntry, commands: Commands, device: GizwitsDevice
) -> None:
    calls: list[asyncio.Task[None]] = []
    entry.async_on_unload(
        lambda: calls.append(hass.async_create_task(commands.async_write(device.did, {"switch": False})))
    )
    await _unload(hass, entry)
    with pytest.raises(HomeAssistantError) as error:
        await asyncio.wait_for(calls[0], _PATIENCE_SECONDS)
    assert error.value.translation_key == "action_unloaded"
    assert not device.received


async def test_unloading_ends_the_wait_for_a_removed_device(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, commands: Commands, device: GizwitsDevice
) -> None:
    simulation.gizwits_open.write_delay = 3600
    waiting = hass.async_create_task(commands.async_write_and_wait(device.did, {"switch": False}))
    await until(lambda: device.received)
    await until(lambda: entry.runtime_data.coordinator.fleet[device.did].pending)
    del entry.runtime_data.coordinator.fleet[device.did]
    await _unload(hass, entry)
    assert await asyncio.wait_for(waiting, _PATIENCE_SECONDS) is False


async def test_a_command_for_an_unloaded_account_is_not_sent(
    hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry, commands: Commands, device: GizwitsDevice
) -> None:
    await _unload(hass, entry)
    for call in (commands.async_write(device.did, {"switch": False}), commands.async_write_group("group", {"a": 1})):
        with pytest.raises(HomeAssistantError) as error:
            await asyncio.wait_for(call, _PATIENCE_SECONDS)
        assert error.value.translation_key == "action_unloaded"
    assert device.received == []


async def test_a_caller_who_stops_waiting_does_not_stop_the_command(
    hass: HomeAssistant,
    simulation: Simulation,
    commands: Commands,
    device: GizwitsDevice,
    freezer: FrozenDateTimeFactory,
) -> None:
    gate = asyncio.Event()
    simulation.gizwits_open.faults.append(Fault(matches=lambda request: "/control" in request.path, gate=gate, times=1))
    cancelled = hass.async_create_task(commands.async_write(device.did, {"set_temp": 18}))
    waiting = hass.async_create_task(commands.async_write(device.did, {"set_temp": 19}))
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.set()
    await asyncio.wait_for(waiting, _PATIENCE_SECONDS)
    assert [body["attrs"]["set_temp"] for body in device.received] == [18, 19]
    await pass_time(hass, freezer, 40)


async def _paused_enterprise(hass: HomeAssistant, simulation: Simulation) -> MockConfigEntry:
    """Add an Enterprise API account whose cloud refused a poll and then accepts requests again."""
    server = simulation.gizwits_enterprise
    chiller(simulation).set(switch=True)
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    refusal = '{"error_code": 5013, "error_message": "rate limit exceeded"}'
    server.faults = [Fault(status=403, body=refusal)]
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success is False
    server.faults = []
    return entry


def _switch(hass: HomeAssistant, simulation: Simulation, entry: MockConfigEntry) -> str:
    return state_of(hass, "switch", entry, chiller(simulation).did, "switch").state


async def test_a_command_accepted_during_a_pause_is_shown_and_confirmed(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _paused_enterprise(hass, simulation)
    device = chiller(simulation)
    call = entry.runtime_data.commands.async_write_and_wait(device.did, {"switch": False})
    waiting = hass.async_create_task(call)
    await until(lambda: device.received)
    for _ in range(45):
        await _let_a_second_pass(freezer)
        assert _switch(hass, simulation, entry) == "off"
        await _let_sockets_run(waiting)
    assert await waiting is True
    assert not entry.runtime_data.coordinator.fleet[device.did].pending


async def test_a_command_that_cannot_be_read_back_stays_shown_until_reading_is_possible(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await _paused_enterprise(hass, simulation)
    device = chiller(simulation)
    refusal = '{"error_code": 5013, "error_message": "rate limit exceeded"}'
    is_no_command: Callable[[Any], bool] = lambda request: not request.path.endswith("/control")  # noqa: E731
    simulation.gizwits_enterprise.faults = [Fault(matches=is_no_command, status=403, body=refusal)]
    simulation.gizwits_enterprise.reset_counts()
    call = entry.runtime_data.commands.async_write_and_wait(device.did, {"switch": False})
    waiting = hass.async_create_task(call)
    await until(lambda: device.received)
    for _ in range(45):
        await _let_a_second_pass(freezer)
        await _let_sockets_run(waiting)
    assert await waiting is False
    assert sum(map(is_no_command, simulation.gizwits_enterprise.log)) == 1
    assert _switch(hass, simulation, entry) == "off"
    simulation.gizwits_enterprise.faults = []
    freezer.tick(3601)
    await poll(hass, entry)
    assert _switch(hass, simulation, entry) == "off"
    assert not entry.runtime_data.coordinator.fleet[device.did].pending


async def _let_sockets_run(waiting: asyncio.Task[Any]) -> None:
    """Give the traffic on sockets some time."""
    await asyncio.sleep(0)
    for _ in range(200):
        if waiting.done():
            return
        await asyncio.sleep(0)
