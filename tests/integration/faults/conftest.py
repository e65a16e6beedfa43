"""Makes the accounts, selects the cells that run, and prints the summary of the table at the end."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant

from simulator.simulation import Simulation

from . import table
from .account import Account
from .right import RIGHT

type MakeAccount = Callable[[str], Account]
type Record = Callable[[str, str, Sequence[str]], None]


@pytest.fixture
def make_account(
    hass: HomeAssistant,
    fixed_time: None,
    simulation: Simulation,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> MakeAccount:
    """Make an account of a cloud whose devices are all online, so that only faults make them unavailable."""
    for device in simulation.gizwits_open.devices.values():
        device.is_online = True
    return lambda cloud: Account(hass, simulation, freezer, caplog, cloud)


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Record a cell for the table; fail if it has complaints that `RIGHT` does not explain, or none where it does."""

    def record(cloud: str, cell: str, complaints: Sequence[str]) -> None:
        reason = RIGHT.get((cloud, cell), "")
        properties = {"cloud": cloud, "cell": cell, "complaints": "; ".join(complaints), "reason": reason}
        for name, text in properties.items():
            record_property(name, text.encode("ascii", "backslashreplace").decode())
        assert bool(complaints) is bool(reason), complaints or f"it is clean, although {reason}"

    return record


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect most cells, unless the whole table was requested."""
    if config.getoption("--whole-fault-table"):
        return
    cells = [item for item in items if item.get_closest_marker("fault_cell")]
    kept = table.short_form(cells)
    deselected = [cell for cell in cells if cell not in kept]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many cells of each cloud are clean."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    cells = [dict(report.user_properties) for report in reports if report.when == "call"]
    for number, line in enumerate(table.lines(cell for cell in cells if "cell" in cell)):
        if number == 0:
            terminalreporter.section("fault table")
        terminalreporter.line(line)
