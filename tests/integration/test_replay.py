"""Entities of a replay are the same as those of the account that was recorded, but for what is private."""

import json
import time
from typing import Any

import pytest
from homeassistant.core import HomeAssistant

from simulator.replay import Replay
from simulator.replay.recording import Recording
from simulator.simulation import Simulation
from tests.recording.recorded import record

from .accounts import KINDS
from .replays import add_entry, summary


@pytest.mark.parametrize("kind", KINDS)
async def test_entities_of_a_replay_equal_those_of_the_account(
    hass: HomeAssistant, fixed_time: None, simulation: Simulation, all_enabled: None, kind: str
) -> None:
    simulation.gizwits_open.push.is_offered = True
    await hass.config.async_set_time_zone("UTC")
    recording = await record(simulation, kind, seconds=0)  # time does not pass
    original = await add_entry(hass, simulation, kind)
    expected = summary(hass, original)
    await hass.config_entries.async_remove(original.entry_id)
    lines = [*recording.lines, *map(json.dumps, _late_messages(kind))]
    replay = Replay(Recording.parse(lines), clock=lambda: time.time())  # noqa: PLW0108  # frozen later
    await replay.start()
    entry = await add_entry(hass, replay, kind)
    # Not as JSON, in which the names of fields would say what is private.
    assert summary(hass, entry) == json.loads(recording.masker.text(f"shown: {json.dumps(expected)}")[len("shown: ") :])
    assert len(expected) > 5
    await hass.config_entries.async_unload(entry.entry_id)
    await replay.stop()


def _late_messages(kind: str) -> list[dict[str, Any]]:
    """Return a connection whose message is due long after the replay has been stopped."""
    if kind != "gizwits_open":
        return []
    line = {"at": 0.1, "connection": 99, "url": "wss://m2m.gizwits.com:8880/ws/app/v1"}
    message = {"cmd": "s2c_noti", "data": {"did": "a", "attrs": {}}}
    return [line | {"event": "opened"}, line | {"at": 600, "event": "received", "json": message}]
