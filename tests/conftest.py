"""Shared by all tests: the simulated clouds, the recorded payloads, the integration on Home Assistant's path."""

import asyncio
import gc
import logging
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web_app
from homeassistant.helpers import aiohttp_client
from homeassistant.util import executor

import custom_components  # noqa: F401  # before the test kit puts a package of the same name first on the path
from simulator.simulation import Simulation

_TESTS = Path(__file__).parent
_SLOW_FOLDERS = {("e2e",), ("integration", "faults"), ("properties",)}
REAL_PAYLOADS = Path(__file__).parent.parent.parent / "shared" / "data" / "gizwits"

# Home Assistant gives each idle thread a share of this time to end, 50 ms of its ten seconds, and interrupts those that
# take longer, as they do on a busy machine. A thread that is interrupted while it wakes up the next one leaves the
# others asleep, and the test kit blames the test.
executor.EXECUTOR_SHUTDOWN_TIMEOUT = 120  # seconds

# The test kit logs at the level INFO, and lets SQLAlchemy log each statement. The log of a failed test would be
# thousands of lines long, few of which are ours.
for _name, _level in {
    "asyncio": logging.ERROR,  # it warns of each step that takes long on a busy machine
    "homeassistant.components.recorder": logging.WARNING,
    "homeassistant.helpers.entity_registry": logging.WARNING,
    "homeassistant.loader": logging.ERROR,  # it warns of each custom integration
    "homeassistant.setup": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "sqlalchemy.engine": logging.WARNING,
}.items():
    logging.getLogger(_name).setLevel(_level)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs the whole fault table, which takes a while."""
    parser.addoption("--whole-fault-table", action="store_true", help="run every cell of the fault table")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the folders of tests that take longer than three seconds each, on a machine with nothing else to do."""
    for item in items:
        if item.path.is_relative_to(_TESTS) and item.path.relative_to(_TESTS).parts[:-1] in _SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude all imported modules from the collections of garbage that follow, which become much shorter."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def garbage_collection() -> None:
    """Collect garbage before each module.

    It replaces a fixture of the test kit that also freezes what is alive at that time. That was always a whole Home
    Assistant of the module before, which then stayed in memory: a gigabyte after forty modules.
    """
    gc.collect()


@pytest.fixture(autouse=True)
def forgotten_home_assistants() -> Iterator[None]:
    """Forget each Home Assistant when its test is over: a collection of garbage among those of all took five seconds.

    The test kit's mock that makes resolvers keeps its calls, and aiohttp the middlewares of each application. Both lead
    to a whole Home Assistant.
    """
    yield
    aiohttp_client._async_make_resolver.reset_mock()  # type: ignore[attr-defined]  # a mock of the test kit
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let asyncio check that only the thread of its loop schedules callbacks, as the test kit does.

    In its debug mode asyncio also notes the whole stack for each task, future and callback, which took 40 % of the time
    of all tests. It asks `get_debug` whether to do so.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    monkeypatch.setattr(loop, "get_debug", lambda: False)


@pytest.fixture
async def simulation(socket_enabled: None) -> AsyncIterator[Simulation]:
    """All simulated clouds, listening on loopback, at the time of the test."""
    simulation = Simulation(clock=lambda: time.time())  # noqa: PLW0108  # freezegun replaces `time.time` later
    await simulation.start()
    yield simulation
    await simulation.stop()


@pytest.fixture(scope="session")
def real_payloads() -> Path:
    """The folder of recorded definitions and answers, which is not part of the project."""
    if not REAL_PAYLOADS.is_dir():
        message = f"NOT TESTED against real payloads: there is no {REAL_PAYLOADS}"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    return REAL_PAYLOADS
