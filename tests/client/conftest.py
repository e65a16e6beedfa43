"""Runs the client in a thread, while the simulated clouds answer it."""

import asyncio
import io
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from custom_components.datapoint_cloud.client.main import main
from custom_components.datapoint_cloud.clouds.transport import HttpTimings
from simulator.simulation import Simulation

from .logins import login_of


@dataclass(frozen=True, slots=True)
class Printed:
    """What a run of the client printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The only line of its output, decoded."""
        return json.loads(self.out)


type Run = Callable[..., Coroutine[Any, Any, Printed]]
"""Runs the client with arguments and the text of its input, in which a terminal's user types."""


@pytest.fixture
def typed_secretly() -> list[str]:
    """The answers to questions for secrets, in order; a test fills it."""
    return []


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed_secretly: list[str]) -> Run:
    """Run the client as a user does."""
    monkeypatch.setattr("getpass.getpass", lambda _: typed_secretly.pop(0))

    async def run(*arguments: str, typed: str = "") -> Printed:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = await asyncio.to_thread(main, arguments, HttpTimings(longest_pause=0))
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    return run


@pytest.fixture
def run_as(run: Run, simulation: Simulation) -> Run:
    """Run the client with the login of a cloud's account, whose kind is the first argument."""

    async def run_with_login(kind: str, *arguments: str) -> Printed:
        return await run("--login", "-", *arguments, typed=json.dumps(login_of(simulation, kind)))

    return run_with_login
