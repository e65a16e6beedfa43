"""The recordings that the command-line client makes."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from custom_components.datapoint_cloud.client import record as recording_file
from custom_components.datapoint_cloud.recording.recorder import Recorder, read
from simulator.simulation import Simulation

from .conftest import Run
from .logins import login_of


def _lines(path: Path) -> list[dict[str, object]]:
    return list(read(path.read_text(encoding="utf-8").splitlines()))


async def test_it_records_an_account(run_as: Run, simulation: Simulation, tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    recorded = await run_as("gizwits_open", "record", str(path), "--minutes", "0.01")
    assert (recorded.code, recorded.out) == (0, "")
    assert "Look at it before you pass it on." in recorded.err
    header, *lines = await asyncio.to_thread(_lines, path)
    assert (header["cloud"], header["is_complete"]) == ("gizwits_open", True)
    assert {line.get("method") or line["event"] for line in lines} >= {"GET", "POST", "opened", "sent", "received"}
    text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    assert not [secret for secret in (simulation.gizwits_open.password, simulation.gizwits_open.uid) if secret in text]


async def test_it_records_any_command(run_as: Run, simulation: Simulation, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    await run_as("gizwits_open", "--record", str(path), "set", "Terrace spa", "set_temp=31")
    _, *lines = await asyncio.to_thread(_lines, path)
    sent = [line["sent"] for line in lines if "/app/control/" in str(line["url"])]
    assert sent == [{"json": {"attrs": {"set_temp": 31}}}]


async def test_it_keeps_other_files_and_no_empty_ones(
    run: Run, run_as: Run, simulation: Simulation, tmp_path: Path
) -> None:
    path = tmp_path / "account.jsonl"
    await asyncio.to_thread(path.write_text, "mine")
    refused = await run_as("firstlight", "record", str(path))
    assert (refused.code, refused.err) == (1, f"{path} exists already.\n")
    assert await asyncio.to_thread(path.read_text) == "mine"
    other = tmp_path / "other.jsonl"
    failed = await run("--login", "-", "record", str(other), typed="no login")
    assert failed.code == 1
    assert not await asyncio.to_thread(other.exists)


async def test_a_recording_that_becomes_too_large_says_so(
    run_as: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_file, "Recorder", partial(Recorder, largest=5000))
    path = tmp_path / "account.jsonl"
    recorded = await run_as("gizwits_open", "--record", str(path), "read")
    assert recorded.err.endswith("It ends early because it would have become too large.\n")
    header, *_ = await asyncio.to_thread(_lines, path)
    assert header["is_complete"] is False


async def test_a_recording_without_a_folder_is_refused_before_the_login(
    run_as: Run, simulation: Simulation, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "account.jsonl"
    refused = await run_as("firstlight", "record", str(path))
    assert (refused.code, refused.err) == (1, f"{path} cannot be made: No such file or directory.\n")
    assert not simulation.firstlight.requests


async def test_a_recording_begins_with_a_login_although_a_token_is_kept(
    run: Run, simulation: Simulation, tmp_path: Path
) -> None:
    kept = tmp_path / "login.json"
    await asyncio.to_thread(kept.write_text, json.dumps(login_of(simulation, "gizwits_open")))
    await asyncio.to_thread(kept.chmod, 0o600)
    await run("--login", str(kept), "devices")
    await run("--login", str(kept), "record", str(tmp_path / "account.jsonl"), "--minutes", "0.001")
    _, *lines = await asyncio.to_thread(_lines, tmp_path / "account.jsonl")
    assert [line for line in lines if str(line["url"]).endswith("/app/login")]


async def test_a_client_beside_home_assistant_takes_none_of_its_events(run_as: Run, simulation: Simulation) -> None:
    await run_as("gizwits_enterprise", "watch", "--minutes", "0.02")
    logins = [login for login in simulation.gizwits_snoti.received if login.get("cmd") == "login_req"]
    assert {item["subkey"] for login in logins for item in login["data"]} == {"datapoint_temporary"}


async def test_it_reports_what_a_recording_teaches(run: Run, run_as: Run, tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    await run_as("firstlight", "record", str(path), "--minutes", "0.001")
    reported = await run("report", str(path))
    assert (reported.code, reported.err) == (0, "")
    assert reported.out.startswith("## Recording of firstlight: ")
    refused = await run("report", str(tmp_path / "missing"))
    assert (refused.code, refused.out) == (1, "")
    await asyncio.to_thread(path.write_text, "{}")
    assert (await run("report", str(path))).err == f"{path}: The file is not a recording of version 1.\n"
