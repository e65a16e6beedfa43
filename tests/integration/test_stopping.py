"""Home Assistant stops while clouds are silent: no task is left running, and no error is logged."""

import asyncio
import logging
from typing import Any

import pytest
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import Event, HomeAssistant

from simulator.server import Fault
from simulator.simulation import Simulation

from .accounts import KINDS, add_account, make_entry
from .passing_time import until
from .subjects import SUBJECTS

pytestmark = pytest.mark.usefixtures("hass_storage", "freezer")


def _silence(simulation: Simulation) -> asyncio.Event:
    gate = asyncio.Event()
    for server in simulation.servers:
        server.faults = [Fault(gate=gate)]
        server.reset_counts()
    return gate


async def _stop(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    gate: asyncio.Event,
    running: asyncio.Task[Any],
) -> list[str]:
    """Stop Home Assistant, for which no time passes; return the errors that it logs."""

    async def write(_event: Event) -> None:  # writing to disk needs a few turns of the loop
        for _ in range(50):
            await asyncio.sleep(0)

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, write)
    caplog.clear()
    stopping = hass.async_create_task(hass.async_stop(force=True))
    await until(stopping.done)
    await until(running.done)
    lines = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    lines += [record for record in caplog.records if record.name.startswith("custom_components")]
    gate.set()
    return [record.getMessage() for record in lines if record.levelno > logging.INFO]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_during_a_poll_is_clean(
    hass: HomeAssistant,
    simulation: Simulation,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    entry = await add_account(hass, simulation, kind)
    gate = _silence(simulation)
    server = SUBJECTS[kind].server(simulation)
    polling = hass.async_create_task(entry.runtime_data.coordinator.async_request_refresh())
    await until(lambda: server.log)
    assert not await _stop(hass, caplog, gate, polling)
    assert not entry._background_tasks


@pytest.mark.parametrize(
    ("kind", "is_known"),
    # Set-up does not poll a query that was answered a short while ago.
    [(kind, is_known) for kind in KINDS for is_known in (True, False) if kind != "firstlight" or not is_known],
)
async def test_a_stop_during_a_set_up_is_clean(
    hass: HomeAssistant,
    simulation: Simulation,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    *,
    is_known: bool,
) -> None:
    entry = await add_account(hass, simulation, kind) if is_known else make_entry(hass, simulation, kind)
    if is_known:
        await hass.config_entries.async_unload(entry.entry_id)
    gate = _silence(simulation)
    starting = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))
    await until(lambda: any(server.log for server in simulation.servers))
    assert not await _stop(hass, caplog, gate, starting)
    assert not entry._background_tasks
