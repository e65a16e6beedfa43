"""How evidence decides whether a device is available: the cloud's flag, its readings, and how often both failed."""

import logging
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.fleet.presentation import CONNECTIVITY
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, poll, state_of
from .passing_time import pass_time
from .subjects import SUBJECTS, air_conditioner, chiller, ups

_MINUTES = 60

# After this time since its last report a device is certainly no longer fresh.
_STALE_SECONDS = {"gizwits_open": 1000, "gizwits_enterprise": 1000, "sodata": 4300, "firstlight": 1}


def connectivity(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> str:
    return state_of(hass, "binary_sensor", entry, device_id, "$connectivity").state


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_an_offline_device_is_lost_at_the_third_poll_once_its_reading_is_old(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device = air_conditioner(simulation) if kind == "gizwits_open" else chiller(simulation)
    before = subject.state(hass, simulation, entry)

    device.is_online = False
    freezer.tick(1000)
    for _ in range(2):
        await poll(hass, entry)
        assert connectivity(hass, entry, device.did) == "off"
        assert subject.state(hass, simulation, entry) == before
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"
    assert connectivity(hass, entry, device.did) == "off"

    device.is_online = True
    subject.report(simulation, 20)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 20
    assert connectivity(hass, entry, device.did) == "on"


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_failed_reads_after_a_command_are_no_evidence_against_the_device(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device_id = subject.device_id(simulation)
    before = subject.state(hass, simulation, entry)
    freezer.tick(1000)
    subject.server(simulation).faults = [
        Fault(matches=lambda request: f"/{device_id}/" in request.path, status=500, body="")
    ]
    for _ in range(5):
        await entry.runtime_data.coordinator.async_read_device(device_id)
        assert subject.state(hass, simulation, entry) == before
    for _ in range(3):
        await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
async def test_devices_are_read_although_their_list_fails(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, status: int
) -> None:
    subject = SUBJECTS["sodata"]
    entry = await add_account(hass, simulation, "sodata")
    lists = Fault(matches=lambda request: request.path.endswith("/devices"), status=status, body="")
    simulation.sodata.faults = [lists]
    for value in range(10, 15):
        freezer.tick(3700)
        subject.report(simulation, value)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
        assert not entry.runtime_data.coordinator.last_update_success
    simulation.sodata.faults = []
    await poll(hass, entry)
    assert entry.runtime_data.coordinator.last_update_success


async def test_devices_are_read_before_a_list_that_breaks_off(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    subject = SUBJECTS["sodata"]
    entry = await add_account(hass, simulation, "sodata")
    freezer.tick(3700)
    await poll(hass, entry)
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith("/devices"), drops=True)]
    freezer.tick(3700)
    await poll(hass, entry)
    for value in range(10, 15):
        freezer.tick(1200)
        subject.report(simulation, value)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
    simulation.sodata.faults = []
    await poll(hass, entry)
    assert caplog.text.count("Error fetching") == 1
    assert entry.runtime_data.coordinator.last_update_success


async def test_a_read_after_a_command_does_not_disturb_the_running_round(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    coordinator = entry.runtime_data.coordinator
    mine = subject.device_id(simulation)
    other = next(device_id for device_id in coordinator.fleet if device_id != mine)
    device = air_conditioner(simulation)
    report = device.read()
    monkeypatch.setattr(device, "read", lambda: report)  # it is online and has nothing new to report
    read = coordinator.cloud.readings
    reads_of_rounds: list[int] = []

    async def read_and_confirm(devices: Any, on_snapshot: Any) -> Any:
        readings = await read(devices, on_snapshot)
        if len(devices) > 1:
            reads_of_rounds.append(len(devices))
            freezer.tick(1)
            await coordinator.async_read_device(other)
        return readings

    monkeypatch.setattr(coordinator.cloud, "readings", read_and_confirm)
    simulation.gizwits_open.faults = [
        Fault(matches=lambda request: request.path == "/app/bindings", status=200, body="{}")
    ]
    for _ in range(4):
        freezer.tick(1000)
        await poll(hass, entry)
        assert subject.state(hass, simulation, entry) != "unavailable"
    assert len(reads_of_rounds) == 4


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_an_offline_device_stays_available_as_long_as_its_reading_is_new(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    device = air_conditioner(simulation) if kind == "gizwits_open" else chiller(simulation)
    before = subject.state(hass, simulation, entry)
    device.is_online = False
    for _ in range(7):
        freezer.tick(120)
        await poll(hass, entry)
        assert subject.state(hass, simulation, entry) == before
    freezer.tick(120)
    for _ in range(3):
        assert subject.state(hass, simulation, entry) == before
        await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"


async def test_a_device_called_offline_that_reports_is_available(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    device.is_online = False
    for value in (17, 18, 19, 20, 21, 22):
        freezer.tick(10 * _MINUTES)
        device.set(set_temp=value)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
        assert connectivity(hass, entry, device.did) == "off"


async def test_a_device_called_offline_returns_with_its_reading(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    device.is_online = False
    freezer.tick(1000)
    for _ in range(3):
        await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"
    freezer.tick(3600)
    device.set(set_temp=19)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 19


async def test_a_longer_interval_gives_a_device_more_time(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open", options={"interval": 1200})
    air_conditioner(simulation).is_online = False
    freezer.tick(3400)
    for _ in range(4):
        await poll(hass, entry)
        assert subject.state(hass, simulation, entry) != "unavailable"
    freezer.tick(300)
    for _ in range(3):
        assert subject.state(hass, simulation, entry) != "unavailable"
        await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"


async def test_a_silent_device_is_lost_after_the_time_its_cloud_allows(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    subject = SUBJECTS["sodata"]
    device = ups(simulation)
    device.no_communication_period = 30
    entry = await add_account(hass, simulation, "sodata")
    before = subject.state(hass, simulation, entry)
    device.is_silent = True

    freezer.tick(24 * _MINUTES)
    for _ in range(4):
        await poll(hass, entry)
        assert connectivity(hass, entry, device.uuid) == "on"
        assert subject.state(hass, simulation, entry) == before

    freezer.tick(12 * _MINUTES)
    for _ in range(2):
        await poll(hass, entry)
        assert connectivity(hass, entry, device.uuid) == "off"
        assert subject.state(hass, simulation, entry) == before
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"

    device.is_silent = False
    subject.report(simulation, 20)
    await poll(hass, entry)
    assert connectivity(hass, entry, device.uuid) == "on"
    assert float(subject.state(hass, simulation, entry)) == 20


async def test_a_device_silent_for_days_is_unavailable_from_the_start(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    device = ups(simulation)
    device.silent_since = simulation.sodata.clock() - 3 * 86400
    entry = await add_account(hass, simulation, "sodata")
    assert state_of(hass, "binary_sensor", entry, device.uuid, "$problem").state == "unavailable"
    assert connectivity(hass, entry, device.uuid) == "off"


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    records = (record for record in caplog.records if record.name.startswith("custom_components.datapoint_cloud"))
    return [(record.levelno, record.getMessage()) for record in records if record.levelno >= logging.INFO]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_cloud_makes_its_entities_unavailable_by_the_rule_and_logs_it_once(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    caplog.set_level(logging.INFO)
    subject = SUBJECTS[kind]
    subject.report(simulation, 16)
    entry = await add_account(hass, simulation, kind)
    caplog.clear()
    server = subject.server(simulation)
    server.faults = [Fault(drops=True)]
    for _ in range(2):
        freezer.tick(1)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == 16
        assert state_of(hass, "sensor", entry, "$devices").state == "unavailable"
    freezer.tick(_STALE_SECONDS[kind])
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"
    device = (entry, subject.device_id(simulation), CONNECTIVITY)
    if kind != "firstlight":
        assert state_of(hass, "binary_sensor", *device).state == "unknown"
    await poll(hass, entry)
    ((level, text),) = _lines(caplog)
    assert level == logging.ERROR
    assert entry.title in text
    assert "Cannot connect" in text

    caplog.clear()
    server.faults = []
    subject.report(simulation, 17)
    await poll(hass, entry)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 17
    assert state_of(hass, "sensor", entry, "$devices").state != "unavailable"
    if kind != "firstlight":
        assert state_of(hass, "binary_sensor", *device).state == "on"
    ((level, text),) = _lines(caplog)
    assert level == logging.INFO
    assert entry.title in text


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_cloud_is_polled_further_and_returns_without_the_user(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    server = subject.server(simulation)
    server.faults = [Fault(drops=True)]
    interval = entry.runtime_data.coordinator.update_interval.total_seconds() + 1
    for _ in range(3):
        server.reset_counts()
        await pass_time(hass, freezer, interval)
        assert server.log
    server.faults = []
    subject.report(simulation, 18)
    await pass_time(hass, freezer, interval)
    assert float(subject.state(hass, simulation, entry)) == 18


async def test_a_lost_cloud_leaves_other_accounts_alone(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entries = {kind: await add_account(hass, simulation, kind) for kind in KINDS}
    simulation.gizwits_open.faults = [Fault(drops=True)]
    for minute in range(1, 5):
        for kind in KINDS:
            SUBJECTS[kind].report(simulation, 10 + minute)
        freezer.tick(400)
        for kind in KINDS:
            await poll(hass, entries[kind])
        states = {kind: SUBJECTS[kind].state(hass, simulation, entries[kind]) for kind in KINDS}
        lost = states.pop("gizwits_open")
        assert {float(state) for state in states.values()} == {10 + minute}
    assert lost == "unavailable"


async def test_only_the_device_that_cannot_be_read_is_lost(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    subject = SUBJECTS["gizwits_open"]
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    spa = list(simulation.gizwits_open.devices.values())[1]
    simulation.gizwits_open.faults = [Fault(matches=lambda request: device.did in request.path, status=502)]
    caplog.clear()
    before = subject.state(hass, simulation, entry)
    freezer.tick(1000)
    for value in (30, 31):
        spa.set(set_temp=value)
        await poll(hass, entry)
        assert subject.state(hass, simulation, entry) == before
        assert float(state_of(hass, "number", entry, spa.did, "set_temp").state) == value
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"
    assert float(state_of(hass, "number", entry, spa.did, "set_temp").state) == 31
    assert [(level, device.alias in text) for level, text in _lines(caplog)] == [(logging.WARNING, True)]

    simulation.gizwits_open.faults = []
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == before


@pytest.mark.parametrize("body", ['{"total": 4, "results": []}', '{"results": [{"name": "without a uuid"}]}', "<html>"])
async def test_devices_are_read_further_while_their_list_is_damaged(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    body: str,
) -> None:
    subject = SUBJECTS["sodata"]
    entry = await add_account(hass, simulation, "sodata")
    simulation.sodata.faults = [Fault(matches=lambda request: request.path.endswith("/devices"), body=body)]
    for number in range(2 * 30 + 5):
        subject.report(simulation, 6 + number % 20)
        await pass_time(hass, freezer, 120)
        assert float(subject.state(hass, simulation, entry)) == 6 + number % 20
    assert not entry.runtime_data.coordinator.last_update_success
    assert connectivity(hass, entry, subject.device_id(simulation)) == "on"
    assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1
    simulation.sodata.faults = []
    await pass_time(hass, freezer, 120)
    assert entry.runtime_data.coordinator.last_update_success
