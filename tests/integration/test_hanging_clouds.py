"""Clouds that never answer delay neither the start of Home Assistant for long nor its stop."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import Literal

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import HomeAssistant

from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry
from .passing_time import until
from .subjects import SUBJECTS

LONGEST_WAIT = 20  # seconds


class _Gate(asyncio.Event):
    """Holds requests until it is set, and counts those that it holds."""

    held = 0

    async def wait(self) -> Literal[True]:
        self.held += 1
        try:
            return await super().wait()
        finally:
            self.held -= 1


def _hang(simulation: Simulation, kind: str, last_segment: str = "") -> _Gate:
    """Hold all answers of a cloud, or those to paths that end with the segment, until the event is set."""
    gate = _Gate()
    for server in (SUBJECTS[kind].server(simulation), simulation.keycloak):
        server.faults = [Fault(gate=gate, matches=lambda request: request.path.endswith(last_segment))]
    return gate


async def _seconds_until_done(
    hass: HomeAssistant, waiting: asyncio.Future[bool], gate: _Gate, freezer: FrozenDateTimeFactory
) -> int:
    """Move the time on by single seconds until the future is done; return their number."""
    await until(lambda: gate.held or waiting.done())
    for second in range(100):
        for _ in range(200):  # lets everything that is due run
            await asyncio.sleep(0)
        await hass.async_add_import_executor_job(time.sleep, 0.01)  # after the imports of platforms, one at a time
        if not gate.held:  # a pause before the next try, or work of a thread, which takes time that is not frozen
            await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.1)
        if waiting.done():
            return second
        freezer.tick(timedelta(seconds=1))
    raise AssertionError("it was never done")


@pytest.mark.parametrize("kind", KINDS)
async def test_start_waits_for_a_hanging_cloud_no_longer_than_its_time_limit(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    gate = _hang(simulation, kind)
    entry = make_entry(hass, simulation, kind)
    starting = asyncio.ensure_future(hass.config_entries.async_setup(entry.entry_id))
    seconds = await _seconds_until_done(hass, starting, gate, freezer)
    gate.set()
    assert seconds <= LONGEST_WAIT
    assert entry.state is ConfigEntryState.SETUP_RETRY


@pytest.mark.parametrize("kind", ["gizwits_open", "gizwits_enterprise"])
async def test_start_waits_for_the_definitions_of_all_products_no_longer_than_for_one(
    hass: HomeAssistant, simulation: Simulation, freezer: FrozenDateTimeFactory, kind: str
) -> None:
    gate = _hang(simulation, kind, "/datapoint")
    entry = make_entry(hass, simulation, kind)
    starting = asyncio.ensure_future(hass.config_entries.async_setup(entry.entry_id))
    seconds = await _seconds_until_done(hass, starting, gate, freezer)
    gate.set()
    assert seconds <= LONGEST_WAIT
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_during_a_request_logs_nothing(
    hass: HomeAssistant, simulation: Simulation, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    entry = await add_account(hass, simulation, kind)
    server = SUBJECTS[kind].server(simulation)
    gate = _hang(simulation, kind)
    server.reset_counts()
    polling = hass.async_create_task(entry.runtime_data.coordinator.async_refresh())
    await until(server.requests.total)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)  # closes the connections
    await polling
    await entry.runtime_data.coordinator.async_refresh()
    gate.set()
    assert not [record for record in caplog.records if record.exc_info and record.levelno >= logging.WARNING]
    assert entry.runtime_data.coordinator.last_exception.translation_key
