"""What the files about the vendors' documents have to contain."""

from collections.abc import Mapping

import pytest

from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.clouds.firstlight import errors as firstlight_errors
from custom_components.datapoint_cloud.clouds.gizwits import errors as gizwits_errors
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType
from custom_components.datapoint_cloud.fleet.units import unit_of
from custom_components.datapoint_cloud.recording.documents import Documents
from custom_components.datapoint_cloud.recording.kinds import Kind
from tests.test_endpoints import documented_requests

_KINDS: Mapping[str, str] = {
    "Gizwits Open API": "gizwits_open",
    "Gizwits Enterprise API": "gizwits_enterprise",
    "Socomec SoData": "sodata",
    "Firstlight": "firstlight",
}


def test_every_cloud_has_a_file() -> None:
    for kind in ACCOUNT_TYPES:
        assert Documents.load(kind).endpoint("GET", "/nowhere") is None
        assert Documents.load(kind).page_fields, kind
    assert Documents.load("a fifth cloud").page_fields == ()


def test_every_request_of_a_client_is_described() -> None:
    missing = set()
    for client, method, path in documented_requests():
        in_full = f"/api/v1{path}" if path.startswith("/ca") else path
        if Documents.load(_KINDS[client]).endpoint(method, in_full) is None and not path.startswith("/ws/"):
            missing.add(f"{method} {path}")
    assert missing == set()


def test_every_code_that_a_client_knows_is_listed() -> None:
    known: dict[str, set[int | str]] = {
        "gizwits_open": {*gizwits_errors.OPEN_API, *gizwits_errors.FRONT},
        "gizwits_enterprise": {*gizwits_errors.ENTERPRISE_API},
        "firstlight": {*firstlight_errors._CODES},
    }
    for kind, codes in known.items():
        assert {str(code) for code in codes} <= Documents.load(kind).codes


def test_every_unit_that_counts_as_known_is_understood() -> None:
    for kind in ACCOUNT_TYPES:
        for word in Documents.load(kind).units:
            datapoint = Datapoint(key="a", name="A", data_type=DataType.NUMBER, unit=word)
            assert unit_of(datapoint).symbol != word, word


@pytest.mark.parametrize(
    ("cloud", "method", "path", "kinds"),
    [
        ("gizwits_open", "GET", "/app/devdata/abc/latest", [Kind.ID]),
        ("gizwits_enterprise", "GET", "/v1/products/abc/devices/def/data", [Kind.PLAIN, Kind.ID]),
        ("sodata", "GET", "/api/v1/ca/abc/devices/def/variables", [Kind.ID, Kind.ID]),
    ],
)
def test_ids_in_addresses_are_private(cloud: str, method: str, path: str, kinds: list[Kind]) -> None:
    found = Documents.load(cloud).endpoint(method, path)
    assert found is not None
    endpoint, parts = found
    assert list(endpoint.parts) == kinds
    assert parts == [part for part in ("abc", "def") if part in path]
