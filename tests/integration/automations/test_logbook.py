"""The activity log: it has what a person wants to read, and nothing that floods it."""

from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.datapoint_cloud.const import DOMAIN
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.products import PUMP, SPA
from simulator.simulation import Simulation

from ..accounts import KINDS, add_account, entity_id_of, poll
from ..passing_time import ChangeTimings, pass_time, settle
from .automating import device_of

pytestmark = pytest.mark.usefixtures("recorder_mock", "fixed_time")


@pytest.fixture
def mock_recorder_before_hass(async_test_recorder: object) -> None:
    """Choose the database before Home Assistant starts."""


class Log:
    """Reads the activity log as the page of it does."""

    def __init__(self, hass: HomeAssistant, connect: WebSocketGenerator) -> None:
        self.hass = hass
        self.connect = connect
        self.start = dt_util.utcnow()

    async def lines(self, **which: Any) -> list[dict[str, Any]]:
        """Return what was written since the start."""
        await async_wait_recording_done(self.hass)
        client = await self.connect(self.hass)
        end = dt_util.utcnow() + timedelta(seconds=1)
        await client.send_json_auto_id(
            {
                "type": "logbook/get_events",
                "start_time": self.start.isoformat(),
                "end_time": end.isoformat(),
                **which,
            }
        )
        answer = await client.receive_json()
        assert answer["success"], answer
        found: list[dict[str, Any]] = answer["result"]
        return found

    async def ours(self, **which: Any) -> list[str]:
        """Return the lines that our events wrote."""
        lines = await self.lines(**which)
        return [f"{line['name']}: {line['message']}" for line in lines if line.get("domain") == DOMAIN]


@pytest.fixture
async def log(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> Log:
    """The activity log from now on."""
    assert await async_setup_component(hass, "logbook", {})
    await hass.async_block_till_done()
    return Log(hass, hass_ws_client)


def _of(simulation: Simulation, product: object) -> GizwitsDevice:
    server = simulation.gizwits_open
    return next(device for device in server.devices.values() if device.product is product and device.uid == server.uid)


async def test_alarms_outages_and_refusals_are_written_in_words(
    hass: HomeAssistant,
    simulation: Simulation,
    log: Log,
    freezer: FrozenDateTimeFactory,
    change_timings: ChangeTimings,
) -> None:
    change_timings(online_log_delay=0)
    pump, spa = _of(simulation, PUMP), _of(simulation, SPA)
    pump.set(Fault_Overcurrent=False, Fault_LockedRotor=False, Fault_NoLoad=False)
    entry = await add_account(hass, simulation, "gizwits_open")
    assert await log.ours() == []
    for is_raised in (True, False):
        pump.set(Fault_Overcurrent=is_raised)
        freezer.tick(60)
        await poll(hass, entry)
    for is_online in (False, True):
        pump.is_online = is_online
        freezer.tick(60)
        await poll(hass, entry)
        await settle(hass)
    spa.fails_commands = True
    switch = entity_id_of(hass, "switch", entry, spa.did, "bubble")
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call("switch", "turn_on", {"entity_id": switch}, blocking=True)
    await settle(hass)
    of_pump = [
        "鱼缸水泵: Alarm: Motor overcurrent (Fault)",
        "鱼缸水泵: Alarm is over: Motor overcurrent (Fault)",
        "鱼缸水泵: Offline: The device stopped responding because it lost its network or its power",
        "鱼缸水泵: Back online after 1 min",
    ]
    refused = "Terrace spa: Command refused. The cloud could not send the command to Terrace spa. Try again."
    assert await log.ours() == [*of_pump, refused]
    assert await log.ours(device_ids=[device_of(hass, entry, pump.did).id]) == of_pump


async def test_five_minutes_of_all_accounts_write_no_line_that_only_says_that_a_number_changed(
    hass: HomeAssistant, simulation: Simulation, log: Log, freezer: FrozenDateTimeFactory, all_enabled: None
) -> None:
    entries = [await add_account(hass, simulation, kind, options={"interval": 30}) for kind in KINDS]
    await settle(hass)
    log.start = dt_util.utcnow()
    changes: list[str] = []
    hass.bus.async_listen("state_changed", lambda event: changes.append(event.data["entity_id"]))
    for _ in range(10):
        await pass_time(hass, freezer, 30)
        for entry in entries:
            await poll(hass, entry)
    lines = [line for line in await log.lines() if line.get("entity_id", "").startswith("sensor.")]
    assert len(changes) > 100  # the devices do report
    assert [line for line in lines if _is_number(line["state"])] == []
    assert len(lines) < 10


def _is_number(state: str) -> bool:
    try:
        float(state)
    except ValueError:
        return dt_util.parse_datetime(state) is not None
    return True
