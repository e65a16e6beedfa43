"""Imports point one way: there is no circle among modules, and the library knows nothing above it."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_INTEGRATION = "custom_components.datapoint_cloud"
_LIBRARY = f"{_INTEGRATION}.clouds"


def _modules(package: str) -> Mapping[str, Path]:
    """All modules of a package by their names."""
    files = (_ROOT / package.replace(".", "/")).rglob("*.py")
    names = {".".join(file.relative_to(_ROOT).with_suffix("").parts): file for file in files}
    return {name.removesuffix(".__init__"): file for name, file in names.items()}


def _imported(name: str, file: Path, *, with_types: bool) -> Iterator[str]:
    """The absolute names of what a module imports when it is loaded, on demand also for types alone."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {id(node) for test in ast.walk(tree) if _is_for_types(test) for node in ast.walk(test)}
    for node in ast.walk(tree):
        if id(node) in for_types and not with_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _graph(modules: Mapping[str, Path], *, with_types: bool = False) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for name, file in modules.items():
        imported = _imported(name, file, with_types=with_types)
        found = (full if full in modules else full.rpartition(".")[0] for full in imported)
        graph[name] = {full for full in found if full in modules} - {name}
    return graph


@pytest.mark.parametrize(("package", "with_types"), [(_INTEGRATION, False), ("simulator", True)])
def test_no_modules_import_each_other_in_a_circle(package: str, with_types: bool) -> None:
    graph = _graph(_modules(package), with_types=with_types)
    assert len(list(TopologicalSorter(graph).static_order())) > 20


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def test_the_library_imports_neither_home_assistant_nor_the_integration() -> None:
    for name, file in _modules(_LIBRARY).items():
        for full in _imported(name, file, with_types=False):
            assert not full.startswith("homeassistant"), name
            assert not full.startswith(_INTEGRATION) or full.startswith(_LIBRARY), name


def test_platforms_are_imported_by_nobody() -> None:
    graph = _graph(_modules(_INTEGRATION))
    platforms = {
        f"{_INTEGRATION}.{name}" for name in ("binary_sensor", "event", "number", "select", "sensor", "switch")
    }
    assert platforms <= graph.keys()
    assert not platforms & set().union(*graph.values())
