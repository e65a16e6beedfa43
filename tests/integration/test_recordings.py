"""Every recording in `tests/recordings/` shows the entities that its summary lists, and real payloads do so too.

With WRITE_SUMMARIES=1, the summaries are written instead of compared: look at what changed before you commit them.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.replay import Replay
from simulator.replay.recording import Recording

from .replays import add_entry, summary
from .test_real_payloads import Recorded

_FOLDER = Path(__file__).parent.parent / "recordings"
_RECORDINGS = sorted(_FOLDER.glob("*.jsonl"))

type AddRecorded = Callable[[Recording], Coroutine[Any, Any, MockConfigEntry]]


@pytest.fixture
async def add_recorded(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, socket_enabled: None
) -> AsyncIterator[AddRecorded]:
    """Add the account of a recording, at the time of the recording."""
    replays: list[Replay] = []

    async def add(recording: Recording) -> MockConfigEntry:
        freezer.move_to(recording.started_at_utc)
        await hass.config.async_set_time_zone("UTC")
        replays.append(Replay(recording, clock=lambda: recording.started_at))
        await replays[-1].start()
        entry = await add_entry(hass, replays[-1], recording.cloud)
        assert entry.state is ConfigEntryState.LOADED
        return entry

    yield add
    for entry in hass.config_entries.async_entries("datapoint_cloud"):
        await hass.config_entries.async_unload(entry.entry_id)
    for replay in replays:
        await replay.stop()


def _rows(entities: dict[str, Any]) -> list[str]:
    """Return a line for each entity: device, kind, name, state and unit; those that are disabled without a state."""
    rows = []
    for entity in entities.values():
        unit = entity["attributes"].get("unit_of_measurement", "")
        state = "disabled" if entity["state"] is None else f"{entity['state'][:60]} {unit}".rstrip()
        rows.append(f"{entity['device'] or '-'} | {entity['platform']} | {entity['name']} | {state}")
    return sorted(rows)


@pytest.mark.parametrize("path", _RECORDINGS, ids=[path.stem for path in _RECORDINGS])
async def test_a_recording_shows_the_entities_of_its_summary(
    hass: HomeAssistant, add_recorded: AddRecorded, path: Path
) -> None:
    entry = await add_recorded(await asyncio.to_thread(Recording.load, path))
    text = "".join(f"{row}\n" for row in _rows(summary(hass, entry)))
    summaries = path.with_suffix(".entities.txt")
    if os.environ.get("WRITE_SUMMARIES"):
        await asyncio.to_thread(summaries.write_text, text, encoding="utf-8")
    assert text == await asyncio.to_thread(summaries.read_text, encoding="utf-8")


def test_every_summary_has_its_recording() -> None:
    assert {path.name.removesuffix(".entities.txt") for path in _FOLDER.glob("*.entities.txt")} == {
        path.stem for path in _RECORDINGS
    }
    assert len(_RECORDINGS) >= 4


# Real payloads, from where they lie


def _line(method: str, url: str, answer: Any, status: int = 200) -> str:
    return json.dumps(
        {
            "at": 0,
            "method": method,
            "url": f"https://euapi.gizwits.com{url}",
            "status": status,
            "headers": {"Content-Type": "text/html; charset=utf-8"},
            "answer": {"json": answer},
        }
    )


def _recording(recorded: Recorded) -> Recording:
    """Return real definitions and answers as a recording of one account that has all their devices."""
    header = {
        "format": "datapoint-cloud-recording",
        "version": 1,
        "cloud": "gizwits_open",
        "started_at": "2027-01-15T08:00:00+00:00",
        "account": {"region": "eu", "app_id": "a" * 32, "username": "user", "password": "password"},
        "scopes": [],
    }
    unknown = {"error_message": "datapoint not found!", "error_code": 9029, "detail_message": None}
    lines = [
        json.dumps(header),
        _line("GET", "/app/bindings?limit=100&skip=0", {"devices": list(recorded.rows.values())}),
        _line("GET", "/app/scene", []),
    ]
    for key in {row["product_key"] for row in recorded.rows.values()}:
        found = recorded.definitions.get(key)
        lines.append(_line("GET", f"/app/datapoint?product_key={key}", found or unknown, 200 if found else 400))
    for did in recorded.rows:
        latest = recorded.latest.get(did, {"did": did, "updated_at": 0, "attr": {}})
        lines.append(_line("GET", f"/app/devdata/{quote(did)}/latest", latest))
    return Recording.parse(lines)


@pytest.mark.slow
async def test_real_payloads_are_served_like_a_recording(
    hass: HomeAssistant, add_recorded: AddRecorded, all_enabled: None, real_payloads: Path
) -> None:
    entry = await add_recorded(_recording(await asyncio.to_thread(Recorded, real_payloads)))
    shown = Counter(entity["platform"] for entity in summary(hass, entry).values())
    kinds = ("binary_sensor", "button", "event", "number", "select", "sensor", "switch")
    assert {kind: shown[kind] > 10 for kind in kinds} == dict.fromkeys(kinds, True)
    assert shown.total() > 1900
    states = Counter(entity["state"] for entity in summary(hass, entry).values())
    assert states["unavailable"] < 50  # only devices that the answers call offline
