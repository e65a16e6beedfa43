"""The packages that Home Assistant pins are pinned here alike, and no weekly update moves them by themselves."""

import json
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from homeassistant import components
from homeassistant.util.yaml import parse_yaml

_PROJECT = Path(__file__).parent.parent
_TEST_KIT = "pytest-homeassistant-custom-component"


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    """The version of each package that pyproject.toml pins."""
    groups = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return dict(package.split("==") for package in groups["dev"])


@pytest.fixture(scope="module")
def wanted() -> dict[str, str]:
    """The version of each package that Home Assistant's integrations want."""
    manifests = Path(components.__path__[0]).glob("*/manifest.json")
    requirements = [json.loads(manifest.read_bytes()).get("requirements", []) for manifest in manifests]
    return dict(package.split("==") for packages in requirements for package in packages if "==" in package)


def test_home_assistant_finds_the_versions_it_wants(pinned: dict[str, str], wanted: dict[str, str]) -> None:
    if version(_TEST_KIT) != pinned[_TEST_KIT]:
        pytest.skip("another Home Assistant than the pinned one wants other versions")
    shared = pinned.keys() & wanted.keys()
    assert shared
    assert {package: pinned[package] for package in shared} == {package: wanted[package] for package in shared}


def test_weekly_updates_leave_these_packages_alone(pinned: dict[str, str], wanted: dict[str, str]) -> None:
    described: Any = parse_yaml((_PROJECT / ".github/dependabot.yml").read_text(encoding="utf-8"))
    ignored = {package["dependency-name"] for package in described["updates"][0]["ignore"]}
    assert ignored == pinned.keys() & wanted.keys()
