"""Tests that imports go from higher levels to lower ones, without circles, and not out of the library.

Imports for annotations alone count as well.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_INTEGRATION = "custom_components.datapoint_cloud"
_LIBRARY = f"{_INTEGRATION}.clouds"
_PLATFORMS = (
    *("binary_sensor", "button", "calendar", "climate", "device_tracker", "event", "fan", "light", "number", "select"),
    *("sensor", "switch", "time", "water_heater"),
)
_OF_AUTOMATIONS = ("condition", "logbook", "trigger")

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("clouds",),
    ("announcements", "const", "light_mix", "plain_text", "profiles", "reasons", "texts", "vocabulary", "wording"),
    (
        "accounts",
        "client",
        "disconnect_reasons",
        "entries",
        "exceptions",
        "pause",
        "recording",
        "recording_storage",
        "storage",
        "timings",
    ),
    ("user_profiles",),
    ("flow.forms", "flow.validation", "fleet", "schedules"),
    ("poller", "reauth"),
    ("coordinator",),
    (
        *("announcer", "commands", "confirmation", "datapoint_names", "device_registry", "group_command", "issues"),
        *("push", "scenes"),
    ),
    ("entity",),
    ("statistics",),
    ("report_schedule", "runtime"),
    ("composite", "figures", "temperatures"),
    (
        "account_sensors",
        "actions",
        "automation",
        "flow.device_search",
        "flow.options",
        "flow.refinements",
        "flow.subentry",
        "group_entities",
    ),
    ("assist",),
    (
        *(*_PLATFORMS, *_OF_AUTOMATIONS, "check_profile", "config_flow", "diagnostics", "llm"),
        *("repairs", "services", "system_health"),
    ),
    ("__init__",),
)
"""The modules and packages of the integration, the lowest level first. None imports from a higher level."""


def _modules(package: str) -> Mapping[str, Path]:
    """Return all modules of a package by their names."""
    files = (_ROOT / package.replace(".", "/")).rglob("*.py")
    names = {".".join(file.relative_to(_ROOT).with_suffix("").parts): file for file in files}
    return {name.removesuffix(".__init__"): file for name, file in names.items()}


def _imported(name: str, file: Path) -> Iterator[str]:
    """Yield the absolute names of everything that a module imports."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _graph(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for name, file in modules.items():
        found = (full if full in modules else full.rpartition(".")[0] for full in _imported(name, file))
        graph[name] = {full for full in found if full in modules} - {name}
    return graph


def _level(name: str) -> int | None:
    """Return the level of a module of the integration; None if the table has neither it nor its package."""
    local = name.removeprefix(_INTEGRATION).removeprefix(".") or "__init__"
    for number, level in enumerate(_LEVELS):
        if any(local == part or local.startswith(f"{part}.") for part in level):
            return number
    return None


def _upward(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports from a lower level to a higher one."""
    levels = {name: _level(name) or 0 for name in graph}
    return {(name, other) for name, others in graph.items() for other in others if levels[other] > levels[name]}


@pytest.mark.parametrize("package", [_INTEGRATION, "simulator"])
def test_no_modules_import_each_other_in_circles(package: str) -> None:
    assert len(list(TopologicalSorter(_graph(_modules(package))).static_order())) > 20


def test_a_circle_is_detected() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def test_no_module_imports_from_a_higher_level() -> None:
    graph = _graph(_modules(_INTEGRATION))
    without_level = {name for name in graph if _level(name) is None}
    assert without_level <= {f"{_INTEGRATION}.flow"}  # This package is empty.
    assert _upward(graph) == set()


def test_an_import_from_a_higher_level_is_detected() -> None:
    low, high = f"{_INTEGRATION}.fleet.inventory", f"{_INTEGRATION}.coordinator"
    assert _upward({low: {high}, high: {low}}) == {(low, high)}


def test_the_library_imports_neither_home_assistant_nor_the_integration() -> None:
    for name, file in _modules(_LIBRARY).items():
        for full in _imported(name, file):
            assert not full.startswith("homeassistant"), name
            assert not full.startswith(_INTEGRATION) or full.startswith(_LIBRARY), name


def test_the_command_line_client_needs_nothing_of_home_assistant() -> None:
    modules, graph = _modules(_INTEGRATION), _graph(_modules(_INTEGRATION))
    needed = {name for name in modules if name.startswith((f"{_INTEGRATION}.accounts", f"{_INTEGRATION}.client"))}
    while more := set().union(*(graph[name] for name in needed)) - needed:
        needed |= more
    assert {f"{_INTEGRATION}.clouds.http", f"{_INTEGRATION}.reasons"} <= needed
    for name in needed:
        imported = _imported(name, modules[name])
        assert not [full for full in imported if full.startswith(("homeassistant", "voluptuous"))], name


def test_no_module_imports_a_platform() -> None:
    graph = _graph(_modules(_INTEGRATION))
    platforms = {f"{_INTEGRATION}.{name}" for name in (*_PLATFORMS, *_OF_AUTOMATIONS)}
    assert platforms <= graph.keys()
    assert not platforms & set().union(*graph.values())
