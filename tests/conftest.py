"""What all tests share: the simulated clouds, the real payloads, the integration on Home Assistant's path."""

import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import custom_components  # noqa: F401  # before the test kit puts a package of the same name first on the path
from simulator.simulation import Simulation


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the whole fault table be asked for, which takes a while."""
    parser.addoption("--whole-fault-table", action="store_true", help="run every cell of the fault table")


REAL_PAYLOADS = Path(__file__).parent.parent.parent / "shared" / "data" / "gizwits"


@pytest.fixture
async def simulation(socket_enabled: None) -> AsyncIterator[Simulation]:
    """All simulated clouds, listening on loopback, in the time of the test."""
    simulation = Simulation(clock=lambda: time.time())  # noqa: PLW0108  # looked up anew, for it may be frozen
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
