"""Pauses that clouds demand: what entities, issues and the log show during them, and how wrong clocks affect them."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.server import Fault
from simulator.simulation import Simulation

from .. import conftest
from .accounts import KINDS, add_account, poll, state_of
from .passing_time import pass_time
from .subjects import SUBJECTS, air_conditioner, chiller, ups

pytestmark = pytest.mark.usefixtures("hass_storage")

_DEFAULT_SECONDS = {"gizwits_open": 60, "gizwits_enterprise": 60, "sodata": 120, "firstlight": 900}


@pytest.mark.parametrize("kind", KINDS)
async def test_old_values_are_not_shown_as_live_during_a_pause(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    ups(simulation).no_communication_period = 30
    entry = await add_account(hass, simulation, kind)
    server = subject.server(simulation)
    server.faults = [Fault(status=429, body="{}", headers={"Retry-After": "80000"})]
    await poll(hass, entry)
    assert subject.state(hass, simulation, entry) != "unavailable"
    server.reset_counts()
    for _ in range(3):
        await pass_time(hass, freezer, 1100)
    assert subject.state(hass, simulation, entry) == "unavailable"
    assert not server.log


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pause_of_more_than_an_hour_has_an_issue_with_its_end(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    issue_registry: ir.IssueRegistry,
    kind: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    server = SUBJECTS[kind].server(simulation)
    server.faults = [Fault(status=429, body="{}", headers={"Retry-After": "80000"})]

    def issue() -> ir.IssueEntry | None:
        return issue_registry.async_get_issue(DOMAIN, f"{entry.entry_id}_long_pause")

    await poll(hass, entry)
    # The client limits each pause, but a cloud that refuses again when one is over has made one long pause.
    for _ in range(5):
        await pass_time(hass, freezer, 1000)
    open_issue = issue()
    assert open_issue is not None
    assert not open_issue.is_fixable
    left = entry.runtime_data.coordinator.pause.left(dt_util.utcnow())
    until = f"{dt_util.now() + timedelta(seconds=left):%Y-%m-%d %H:%M}"
    assert (open_issue.translation_placeholders or {})["until"] == until
    # The issue stays until the pause is over, also after a restart.
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert issue() is not None
    server.faults = []
    for _ in range(5):
        await pass_time(hass, freezer, 1000)
    assert issue() is None


async def test_a_pause_of_an_hour_has_no_issue(
    hass: HomeAssistant, simulation: Simulation, issue_registry: ir.IssueRegistry
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    simulation.sodata.faults = [Fault(status=429, body="{}", headers={"Retry-After": "3600"})]
    await poll(hass, entry)
    assert issue_registry.async_get_issue(DOMAIN, f"{entry.entry_id}_long_pause") is None


async def test_the_log_names_the_day_on_which_a_pause_ends(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await add_account(hass, simulation, "sodata")
    local = dt_util.now()
    freezer.tick((local.replace(hour=23, minute=30, second=0) - local).total_seconds() % 86_400)
    simulation.sodata.faults = [Fault(status=429, body="{}", headers={"Retry-After": "3000"})]
    await poll(hass, entry)
    tomorrow = f"{dt_util.now() + timedelta(seconds=3000):%Y-%m-%d %H:%M}"
    assert f"at {tomorrow}" in caplog.text


_KEPT_PAUSES = {
    "years ahead": {"paused until": 3e9},
    "years ahead, with its beginning": {"paused since": 3e9, "paused until": 3e9 + 600},
    "no time at all": {"paused until": "soon"},
    "no number at all": {"paused since": None, "paused until": float("inf")},
}


@pytest.mark.parametrize("kept", _KEPT_PAUSES.values(), ids=_KEPT_PAUSES)
async def test_a_pause_stored_under_a_wrong_clock_is_limited(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    kept: dict[str, Any],
) -> None:
    entry = await add_account(hass, simulation, "gizwits_open")
    await hass.config_entries.async_unload(entry.entry_id)
    hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["memory"] |= kept
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    for _ in range(24):
        await pass_time(hass, freezer, 3601)
        await hass.config_entries.async_reload(entry.entry_id)  # reloads do not extend the pause
    SUBJECTS["gizwits_open"].report(simulation, 23)
    await poll(hass, entry)
    assert float(SUBJECTS["gizwits_open"].state(hass, simulation, entry)) == 23


@pytest.mark.parametrize("kind", KINDS)
async def test_correcting_a_clock_stops_nothing(
    hass: HomeAssistant,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    # Our clock is ahead of the clouds' clocks until it is set back.
    ahead = 30 * 86_400
    clouds = SimpleNamespace(time=lambda: time.time() - ahead)
    monkeypatch.setattr(conftest, "time", clouds)
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    for _ in range(3):
        await pass_time(hass, freezer, _DEFAULT_SECONDS[kind] + 1)
    entry.runtime_data.coordinator.pause.begin(600, dt_util.utcnow())
    freezer.tick(-ahead)
    ahead = 0
    for _ in range(11):
        await poll(hass, entry)
        freezer.tick(_DEFAULT_SECONDS[kind])
    subject.report(simulation, 27)
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 27
    if kind.startswith("gizwits"):
        device = air_conditioner(simulation) if kind == "gizwits_open" else chiller(simulation)
        device.is_online = False
        await poll(hass, entry)
        assert state_of(hass, "binary_sensor", entry, device.did, "$connectivity").state == "off"
        device.is_online = True
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    subject.report(simulation, 28)
    freezer.tick(_DEFAULT_SECONDS[kind])
    await poll(hass, entry)
    assert float(subject.state(hass, simulation, entry)) == 28
    subject.server(simulation).faults = [Fault(drops=True)]
    for _ in range(4):
        freezer.tick(4000)
        await poll(hass, entry)
    assert subject.state(hass, simulation, entry) == "unavailable"


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_throttled_commands_do_not_stop_the_readings(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    subject = SUBJECTS[kind]
    entry = await add_account(hass, simulation, kind)
    subject.server(simulation).faults = [
        Fault(matches=lambda request: "control" in request.path, status=429, body="{}", headers={"Retry-After": "300"})
    ]
    for value in (20, 21, 22):
        with pytest.raises(HomeAssistantError):
            await entry.runtime_data.commands.async_write(subject.device_id(simulation), {"set_temp": 25})
        subject.report(simulation, value)
        await pass_time(hass, freezer, 299)
        await poll(hass, entry)
        assert float(subject.state(hass, simulation, entry)) == value
