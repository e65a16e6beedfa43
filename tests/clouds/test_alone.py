"""Tests that the client library works in any folder, without Home Assistant."""

import shutil
import subprocess
import sys
from pathlib import Path

CLOUDS = Path(__file__).parent.parent.parent / "custom_components" / "datapoint_cloud" / "clouds"

IMPORT_ALL = """
import importlib, importlib.abc, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("homeassistant", "voluptuous", "custom_components"):
            raise ImportError(f"the client library reaches for {name}")

sys.meta_path.insert(0, Refuse())
import lifted
names = [module.name for module in pkgutil.walk_packages(lifted.__path__, "lifted.")]
for name in names:
    importlib.import_module(name)
print(*names)
"""


def test_the_client_library_can_be_copied_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(CLOUDS, tmp_path / "lifted", ignore=shutil.ignore_patterns("__pycache__"))
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    imported = set(run.stdout.split())
    written = {
        ".".join(("lifted", *path.relative_to(CLOUDS).with_suffix("").parts))
        for path in CLOUDS.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert written <= imported


def test_the_client_library_mentions_neither_home_assistant_nor_its_folder() -> None:
    for path in CLOUDS.rglob("*.py"):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in imports if "homeassistant" in line or "datapoint_cloud" in line], path
        if path.name != "http.py":
            assert "session.request" not in path.read_text(), path
