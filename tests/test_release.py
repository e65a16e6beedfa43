"""Tests that the version is written once, and that scripts/release refuses a release with mismatches."""

import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parent.parent
_MANIFEST = "custom_components/datapoint_cloud/manifest.json"
_CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n- Later.\n\n## 1.2.3\n\n- One.\n\n### Fixed\n\n- Two.\n\n## 1.2.2\n\n- Old.\n"
)
_ZIPPED = {"zip_release": True, "filename": "datapoint_cloud.zip"}


def _run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Create a small project, ready for the release of version 1.2.3, with the real scripts/release."""
    files = {
        _MANIFEST: json.dumps({"version": "1.2.3"}),
        "custom_components/datapoint_cloud/translations/en.json": "{}",
        "CHANGELOG.md": _CHANGELOG,
        "LICENSE": "A licence.",
        "hacs.json": json.dumps(_ZIPPED),
        "scripts/release": (_PROJECT / "scripts/release").read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    _run(tmp_path, "git", "init", "-q")
    _run(tmp_path, "git", "add", ".")
    _run(tmp_path, "git", "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "Test")
    return tmp_path


def test_only_the_manifest_has_the_version() -> None:
    project = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]


def test_the_version_of_the_manifest_is_in_the_changelog() -> None:
    version = json.loads((_PROJECT / _MANIFEST).read_text(encoding="utf-8"))["version"]
    assert f"## {version}" in (_PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()


def test_a_release_is_a_zip_for_hacs_and_the_notes_of_its_version(checkout: Path) -> None:
    made = _run(checkout, "bash", "scripts/release", "1.2.3")
    assert made.returncode == 0, made.stderr
    with zipfile.ZipFile(checkout / "dist/datapoint_cloud.zip") as archive:
        files = {name for name in archive.namelist() if not name.endswith("/")}
    assert files == {"manifest.json", "translations/en.json", "LICENSE"}
    assert (checkout / "dist/notes.md").read_text(encoding="utf-8").strip() == "- One.\n\n### Fixed\n\n- Two."


@pytest.mark.parametrize(
    ("tag", "file", "text", "complaint"),
    [
        ("1.2.4", "LICENSE", "A licence.", "manifest.json says version 1.2.3"),
        ("1.2.3", "CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- Later.\n", "no section"),
        ("1.2.3", "CHANGELOG.md", "# Changelog\n\n## 1.2.3\n\n## 1.2.2\n\n- Old.\n", "it is empty"),
        ("1.2.3", "hacs.json", "{}", "zip_release"),
        ("1.2.3", "hacs.json", json.dumps(_ZIPPED | {"filename": "other.zip"}), "filename"),
    ],
    ids=["another tag", "no section", "an empty section", "no zip for HACS", "another zip for HACS"],
)
def test_a_release_with_a_mismatch_is_refused(checkout: Path, tag: str, file: str, text: str, complaint: str) -> None:
    (checkout / file).write_text(text, encoding="utf-8")
    refused = _run(checkout, "bash", "scripts/release", tag)
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert not (checkout / "dist/datapoint_cloud.zip").exists()
