"""Tests that packages pinned by Home Assistant have the same version here and are left out of weekly updates."""

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
    """Return the version of each package that pyproject.toml pins."""
    groups = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return dict(package.split("==") for package in groups["dev"])


@pytest.fixture(scope="module")
def required() -> dict[str, str]:
    """Return the version of each package that the integrations of Home Assistant require."""
    manifests = Path(components.__path__[0]).glob("*/manifest.json")
    requirements = [json.loads(manifest.read_bytes()).get("requirements", []) for manifest in manifests]
    return dict(package.split("==") for packages in requirements for package in packages if "==" in package)


def test_packages_shared_with_home_assistant_have_the_versions_it_requires(
    pinned: dict[str, str], required: dict[str, str]
) -> None:
    if version(_TEST_KIT) != pinned[_TEST_KIT]:
        pytest.skip("another Home Assistant than the pinned one requires other versions")
    shared = pinned.keys() & required.keys()
    assert shared
    assert {package: pinned[package] for package in shared} == {package: required[package] for package in shared}


def test_weekly_updates_ignore_these_packages(pinned: dict[str, str], required: dict[str, str]) -> None:
    described: Any = parse_yaml((_PROJECT / ".github/dependabot.yml").read_text(encoding="utf-8"))
    ignored = {package["dependency-name"] for package in described["updates"][0]["ignore"]}
    assert ignored == pinned.keys() & required.keys()
