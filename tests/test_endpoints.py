"""docs/endpoints.md names exactly what the library requests, and only actions that exist.

The requests are read from the code: a path is a text constant, and its method the constant in the same call. Where a
call does not state its method, it may be any of its module; where its caller does, any at all.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from homeassistant.util.yaml import parse_yaml

from custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti_events import EVENTS, POSITION_EVENTS
from simulator.gizwits import snoti

_ROOT = Path(__file__).parent.parent
_INTEGRATION = _ROOT / "custom_components" / "datapoint_cloud"
_CLIENTS: Mapping[str, str] = {
    "Gizwits Open API": "gizwits/open",
    "Gizwits Enterprise API": "gizwits/enterprise",
    "Socomec SoData": "sodata",
    "Firstlight": "firstlight",
}
"""The package of each client by the heading of its table."""
_BEGINNING = "/v1/products/{product_key}"
_NO_ENDPOINTS = {"/v1", _BEGINNING}  # a version, and the beginning of other addresses
_PATH = re.compile(r"(?:/[\w{}-]+)+")
_METHODS = {"GET", "POST", "PUT", "DELETE"}
_ROW = re.compile(r"\| `(GET|POST|PUT|DELETE) (\S+)` \| (.+) \|")

type Requests = Mapping[str, set[str]]
"""Methods by path; empty where the code does not state them."""


def _bare(path: str) -> str:
    """A path without the names of its parts, which the client and the document choose differently."""
    return re.sub(r"\{\w+\}", "{}", path)


def _rows(text: str) -> Iterator[tuple[str, str, str, str]]:
    """The client, the method, the path and the use of each row."""
    client = ""
    for line in text.splitlines():
        if line.startswith("## "):
            client = line.removeprefix("## ")
        elif (row := _ROW.fullmatch(line)) is not None:
            yield client, row[1], _bare(row[2]), row[3]


def documented_requests() -> Iterator[tuple[str, str, str]]:
    """The client, the method and the path of each request that the document says is sent."""
    for client, method, path, use in _rows((_ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8")):
        if not use.startswith("left out: "):
            yield client, method, path


def _paths_in(node: ast.AST, names: Mapping[str, str]) -> Iterator[str]:
    """The paths that an expression consists of, written out or by the name of a constant."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _PATH.fullmatch(part.value):
            yield part.value
        elif isinstance(part, ast.Name) and part.id in names:
            yield names[part.id]


def _constants(tree: ast.Module) -> dict[str, str]:
    """The paths that a module gives names to."""
    named: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            paths = list(_paths_in(node.value, named))
            if isinstance(target, ast.Name) and paths:
                named[target.id] = paths[-1]
    return named


def _methods_in(node: ast.AST) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value in _METHODS}


def _requests(folder: Path) -> Requests:
    """What the modules of a client request."""
    trees = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in folder.glob("*.py")}
    constants = {name: _constants(tree) for name, tree in trees.items()}
    found: dict[str, set[str]] = defaultdict(set)
    for module, tree in trees.items():
        names = dict(constants[module])
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in constants:
                theirs = constants[node.module]
                names |= {one.asname or one.name: theirs[one.name] for one in node.names if one.name in theirs}
            elif isinstance(node, ast.JoinedStr):
                node.values = []  # parts of a text are no paths
        for path in _paths_in(tree, {}):
            found[path] |= set()
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for path in {path for argument in call.args for path in _paths_in(argument, names)}:
                stated = {method for argument in call.args for method in _methods_in(argument)}
                is_of_caller = any(isinstance(argument, ast.Name) and argument.id == "method" for argument in call.args)
                found[path] |= stated or (_METHODS if is_of_caller else _methods_in(tree))
    in_full = {path: _BEGINNING + path if folder.name == "enterprise" and path[:3] != "/v1" else path for path in found}
    return {_bare(in_full[path]): methods for path, methods in found.items() if path not in _NO_ENDPOINTS}


def _differences(text: str, requests: Mapping[str, Requests]) -> set[str]:
    """What the document and the clients say differently."""
    used = {(client, path, method) for client, method, path, use in _rows(text) if not use.startswith("left out: ")}
    described = {(client, path) for client, path, _ in used}
    different = set()
    for client, path, method in used:
        methods = requests[client].get(path)
        if methods is None or (methods and method not in methods):
            different.add(f"{method} {path} is not requested")
    for client, of_client in requests.items():
        for path in of_client:
            if (client, path) not in described:
                different.add(f"{path} is not described")
    return different


@pytest.fixture(scope="module")
def text() -> str:
    return (_ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def requests() -> Mapping[str, Requests]:
    return {client: _requests(_INTEGRATION / "clouds" / folder) for client, folder in _CLIENTS.items()}


def test_the_document_describes_what_is_requested(text: str, requests: Mapping[str, Requests]) -> None:
    assert {client for client, *_ in _rows(text)} == set(_CLIENTS)
    assert len(list(_rows(text))) > 100
    assert _differences(text, requests) == set()


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("| `DELETE /app/bindings` |", "| `PUT /app/bindings` |", "PUT /app/bindings is not requested"),
        ("| `GET /v1/users/location` |", "| `GET /v1/users/place` |", "GET /v1/users/place is not requested"),
        ("| `GET /v1/users/location` |", "| `GET /v1/users/place` |", "/v1/users/location is not described"),
        (
            "| `PUT /ca/{ca}/datapoints` | ",
            "| `PUT /ca/{ca}/datapoints` | left out: ",
            "/ca/{}/datapoints is not described",
        ),
        ("left out: the list has its total |", "sensors |", "GET /ca/{}/sites/count is not requested"),
    ],
)
def test_a_difference_would_be_found(
    text: str, requests: Mapping[str, Requests], before: str, after: str, difference: str
) -> None:
    assert before in text
    assert difference in _differences(text.replace(before, after), requests)


def _unknown_actions(text: str) -> set[str]:
    described = parse_yaml((_INTEGRATION / "services.yaml").read_text(encoding="utf-8"))
    assert isinstance(described, dict)
    uses = [use for *_, use in _rows(text) if not use.startswith("left out: ")]
    return {action for use in uses for action in re.findall(r"`(\w+)`", use)} - set(described)


def test_the_document_names_actions_that_exist(text: str) -> None:
    assert _unknown_actions(text) == set()
    assert _unknown_actions(text.replace("`find_users`", "`find_people`")) == {"find_people"}


def test_the_document_names_the_events_that_are_subscribed_to(text: str) -> None:
    uses = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| (.+) \|$", text, re.MULTILINE))
    assert uses.keys() == snoti.EVENTS.keys()
    assert {event for event, use in uses.items() if not use.startswith("left out: ")} == {*EVENTS, *POSITION_EVENTS}
