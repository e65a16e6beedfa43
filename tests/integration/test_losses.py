"""Log lines and repairs for lost devices and products: one when they are lost, one when they return."""

import logging
from collections.abc import Callable

import pytest
from aiohttp import web
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import add_account, make_entry, poll, state_of
from .subjects import SUBJECTS, air_conditioner, ups

pytestmark = pytest.mark.usefixtures("hass_storage")


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    records = [record for record in caplog.records if record.name.startswith("custom_components.datapoint_cloud")]
    lines = [(record.levelno, record.getMessage()) for record in records if record.levelno >= logging.INFO]
    caplog.clear()
    return lines


def _issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    issues = ir.async_get(hass).issues.items()
    return {str(issue.translation_key): issue for (domain, _), issue in issues if domain == DOMAIN and issue.active}


async def _poll_times(hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, times: int) -> None:
    for _ in range(times):
        freezer.tick(1000)
        await poll(hass, entry)


async def test_a_lost_device_is_logged_when_it_goes_and_when_it_returns(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    simulation.gizwits_open.faults = [Fault(matches=lambda request: device.did in request.path, status=502)]
    caplog.clear()
    await _poll_times(hass, freezer, entry, 6)
    assert SUBJECTS["gizwits_open"].state(hass, simulation, entry) == "unavailable"
    ((level, text),) = _lines(caplog)
    assert level == logging.WARNING
    assert device.alias in text
    assert "server" in text
    assert device.did not in text
    simulation.gizwits_open.faults = []
    await _poll_times(hass, freezer, entry, 3)
    ((level, text),) = _lines(caplog)
    assert level == logging.INFO
    assert device.alias in text
    assert "back" in text


async def test_the_log_says_whether_a_lost_device_is_offline_or_silent(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gizwits = await add_account(hass, simulation, "gizwits_open")
    sodata = await add_account(hass, simulation, "sodata")
    air_conditioner(simulation).is_online = False
    ups(simulation).is_silent = True
    caplog.clear()
    freezer.tick(6000)
    await _poll_times(hass, freezer, gizwits, 5)
    ((_, text),) = [line for line in _lines(caplog) if "lost" in line[1]]
    assert "offline" in text
    await _poll_times(hass, freezer, sodata, 5)
    texts = [text for _, text in _lines(caplog) if "lost" in text]
    assert any(ups(simulation).name in text and "too long" in text for text in texts)


async def test_many_lost_devices_are_logged_in_one_line(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entry = await add_account(hass, simulation, "sodata")
    for device in simulation.sodata.devices.values():
        device.is_silent = True
    caplog.clear()
    freezer.tick(90_000)
    await _poll_times(hass, freezer, entry, 5)
    lines = _lines(caplog)
    assert len(lines) == 1
    assert f"{len(simulation.sodata.devices)} lost" in lines[0][1]


async def test_devices_lost_with_their_account_get_no_line_of_their_own(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    caplog.clear()
    simulation.gizwits_open.faults = [Fault(drops=True)]
    await _poll_times(hass, freezer, entry, 5)
    assert len(_lines(caplog)) == 1
    # One of them stays away when the account returns: that is its own loss.
    simulation.gizwits_open.faults = [Fault(matches=lambda request: device.did in request.path, status=502)]
    await _poll_times(hass, freezer, entry, 4)
    texts = [text for _, text in _lines(caplog)]
    assert ["recovered" in text for text in texts].count(True) == 1
    assert [device.alias in text and "lost" in text for text in texts].count(True) == 1


def _of(product_key: str, *segments: str) -> Callable[[web.Request], bool]:
    return lambda request: product_key in request.path and (not segments or request.path.endswith(segments))


@pytest.mark.parametrize(
    ("segments", "status", "body"),
    [
        (("/search",), 404, '{"error_code": "5206"}'),
        (("/search",), 400, '{"error_code": "5002"}'),
        (("/search",), 404, '{"error_code": "5019"}'),
        (("/search",), 500, "{}"),
        (("/search",), 200, "<html>"),
        (("/search",), 200, '{"meta": {"total": 4}, "objects": []}'),
        ((), 500, "{}"),
        (("/data",), 404, '{"error_code": "5601"}'),
        (("/data",), 500, '{"error_code": "5406"}'),
        (("/data",), 200, "<html>"),
    ],
)
async def test_a_failing_product_gets_a_line_and_an_issue_and_does_not_affect_the_other(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
    segments: tuple[str, ...],
    status: int,
    body: str,
) -> None:
    caplog.set_level(logging.INFO)
    subject = SUBJECTS["gizwits_enterprise"]
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    server = simulation.gizwits_enterprise
    healthy, failing = server.products.values()
    server.faults = [Fault(matches=_of(failing.product_key, *segments), status=status, body=body)]
    lost = next(device for device in failing.devices.values() if device.is_online and not device.is_disabled)
    caplog.clear()
    for value in (20, 21, 22, 23, 24, 25):
        freezer.tick(1000)
        subject.report(simulation, value)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
        assert state_of(hass, "sensor", entry, "$devices").state != "unavailable"
    assert entry.runtime_data.coordinator.last_update_success
    warnings = [text for level, text in _lines(caplog) if level >= logging.WARNING]
    assert len(warnings) == 1, warnings
    (issue,) = _issues(hass).values()
    assert failing.name in str(issue.translation_placeholders)
    assert healthy.name not in str(issue.translation_placeholders)
    if segments != ("/search",):
        assert state_of(hass, "binary_sensor", entry, lost.did, "$problem").state == "unavailable"
    if not segments:
        assert state_of(hass, "binary_sensor", entry, lost.did, "$connectivity").state == "unknown"

    server.faults = []
    lost.set()
    for _ in range(3):
        freezer.tick(61)
        await poll(hass, entry)
    assert _issues(hass) == {}
    assert [level for level, _ in _lines(caplog)] == [logging.INFO]
    assert state_of(hass, "binary_sensor", entry, lost.did, "$connectivity").state == "on"


async def test_a_failing_product_beside_an_empty_one_does_not_fail_the_account(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    server = simulation.gizwits_enterprise
    empty, failing = server.products.values()
    empty.devices.clear()
    entry = await add_account(hass, simulation, "gizwits_enterprise")
    server.faults = [Fault(matches=_of(failing.product_key, "/search"), status=404, body='{"error_code": "5206"}')]
    await _poll_times(hass, freezer, entry, 5)
    assert entry.runtime_data.coordinator.last_update_success
    assert entry.runtime_data.coordinator.fleet


async def test_a_query_that_fails_once_returns_with_the_next_poll(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory
) -> None:
    entry = await add_account(hass, simulation, "firstlight")
    simulation.firstlight.faults = [Fault(status=404, body="{}")]
    await _poll_times(hass, freezer, entry, 1)
    simulation.firstlight.faults = []
    SUBJECTS["firstlight"].report(simulation, 29)
    await _poll_times(hass, freezer, entry, 2)
    assert float(SUBJECTS["firstlight"].state(hass, simulation, entry)) == 29


async def test_removed_devices_are_logged(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    device = air_conditioner(simulation)
    del simulation.gizwits_open.devices[device.did]
    caplog.clear()
    await _poll_times(hass, freezer, entry, 5)
    warnings = [text for level, text in _lines(caplog) if level == logging.WARNING and "removed" in text]
    assert len(warnings) == 1
    assert f"1 removed, not listed or not chosen any more: {device.alias}" in warnings[0]


async def test_no_log_line_contains_the_login(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.datapoint_cloud")
    server = simulation.gizwits_open
    entry = make_entry(hass, simulation, "gizwits_open")
    hass.config_entries.async_update_entry(entry, title=server.username)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    device = air_conditioner(simulation)
    for fault in (
        Fault(matches=lambda request: device.did in request.path, status=502),
        Fault(drops=True),
        Fault(status=429, body="{}"),
        Fault(status=200, body="[]"),
    ):
        server.faults = [fault]
        await _poll_times(hass, freezer, entry, 4)
        await hass.config_entries.async_reload(entry.entry_id)
        server.faults = []
        await _poll_times(hass, freezer, entry, 4)
    del server.devices[device.did]
    await _poll_times(hass, freezer, entry, 4)
    server.password = "another"
    server.revoke_tokens()
    await _poll_times(hass, freezer, entry, 1)
    lines = [text for _, text in _lines(caplog)]
    assert len(lines) > 8
    assert not [text for text in lines if server.username in text]
