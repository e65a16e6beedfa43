"""What the client asks for on the terminal, and what becomes of answers that do not fit."""

import asyncio
import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from simulator.simulation import Simulation

from .conftest import Run
from .logins import login_of


def _lines(*answers: str) -> str:
    return "".join(f"{answer}\n" for answer in answers)


@pytest.mark.parametrize(("answer", "is_sent"), [("Yes", True), ("n", False), ("", False)])
async def test_credentials_are_sent_without_encryption_only_if_the_user_agrees(
    run: Run, typed_secretly: list[str], answer: str, is_sent: bool
) -> None:
    typed_secretly += ["the password", ""]
    typed = _lines("eu", "an app", "somebody", "http://127.1:9", answer)  # an address that nobody can reach
    listed = await run("--cloud", "gizwits_open", "--advanced", "devices", typed=typed)
    assert "http://127.1:9 is not encrypted." in listed.err
    assert listed.code == 1
    assert listed.err.endswith("Nothing was sent.\n") is not is_sent


async def test_what_is_missing_is_asked_for_again(run: Run, simulation: Simulation, typed_secretly: list[str]) -> None:
    server = simulation.gizwits_open
    typed_secretly += ["", "", server.password, ""]
    answers = ["eu", server.app_id, server.username, server.url]
    listed = await run("--cloud", "gizwits_open", "--advanced", "devices", typed=_lines(*answers, *answers, "y"))
    assert "Password: Fill in this field.\n" in listed.err
    assert (listed.code, typed_secretly) == (0, [])


async def test_every_field_of_several_queries_is_asked_for(
    run: Run, simulation: Simulation, typed_secretly: list[str], tmp_path: Path
) -> None:
    server, kept = simulation.firstlight, tmp_path / "login.json"
    typed_secretly += [server.authorization_token, server.user_token]
    first = ["content", "genre", "", "day", "", "", "", "n", "", "", ""]
    second = ["content", "genre", "", "week", "", "", "", "y", "", "", "300"]
    typed = _lines(server.url, *first, "y", *second, "n", "y")
    await run("--cloud", "firstlight", "--advanced", "--login", str(kept), "devices", typed=typed)
    scopes = json.loads(await asyncio.to_thread(kept.read_text))["scopes"]
    assert [scope["period"] for scope in scopes] == ["day", "week"]
    assert [scope["item_id_as_parameter"] for scope in scopes] == [False, True]
    assert [scope.get("most_rows") for scope in scopes] == [None, 300]


async def test_a_user_of_several_corporate_accounts_chooses_one(
    run: Run, simulation: Simulation, tmp_path: Path
) -> None:
    other = simulation.sodata.add_corporate_account("Second company")
    login = login_of(simulation, "sodata")
    del login["account"]["corporate_account"]
    kept = tmp_path / "login.json"
    await asyncio.to_thread(kept.write_text, json.dumps(login))
    await asyncio.to_thread(kept.chmod, 0o600)
    chosen = await run("--login", str(kept), "--json", "devices", typed=_lines("3", "second COMPANY"))
    assert "  2  Second company\n" in chosen.err
    again = await run("--login", str(kept), "--json", "devices")
    assert (again.code, again.err, again.json) == (0, "", chosen.json)
    assert json.loads(await asyncio.to_thread(kept.read_text))["account"]["corporate_account"] == other.uuid


async def test_the_only_corporate_account_needs_no_choice(run: Run, simulation: Simulation) -> None:
    login = login_of(simulation, "sodata")
    del login["account"]["corporate_account"]
    listed = await run("--login", "-", "devices", typed=json.dumps(login))
    assert (listed.code, listed.err) == (0, "")


_BEFORE_THE_PASSWORD = _lines("eu", "an app", "somebody")


@pytest.mark.parametrize("typed", ["", _BEFORE_THE_PASSWORD])
async def test_an_input_that_ends_is_explained(run: Run, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("getpass.getpass", Mock(side_effect=EOFError))
    ended = await run("--cloud", "gizwits_open", "devices", typed=typed)
    assert ended.code == 1
    assert ended.err.endswith("The input ended. A program passes a login with --login -.\n")


async def test_ctrl_c_at_a_question_ends_it_as_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", Mock(side_effect=KeyboardInterrupt))
    interrupted = await run("--cloud", "gizwits_open", "devices", typed=_BEFORE_THE_PASSWORD)
    assert (interrupted.code, interrupted.out) == (130, "")


async def test_a_login_that_cannot_be_read_or_kept_is_explained(
    run: Run, simulation: Simulation, typed_secretly: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "login.json"
    await asyncio.to_thread(kept.write_bytes, b"\xff\xfe")
    await asyncio.to_thread(kept.chmod, 0o600)
    assert (await run("--login", str(kept), "devices")).err == f"{kept} cannot be read.\n"
    server, lost = simulation.gizwits_open, tmp_path / "missing" / "login.json"
    typed_secretly += [server.password, ""]
    typed = _lines("eu", server.app_id, server.username, server.url, "y")
    refused = await run("--cloud", "gizwits_open", "--advanced", "--login", str(lost), "devices", typed=typed)
    assert refused.code == 1
    assert refused.err.endswith(f"{lost} cannot be written: No such file or directory.\n")
