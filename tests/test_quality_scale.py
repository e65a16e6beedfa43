"""The quality scale: each rule that is done names what proves it, and that exists."""

import re
from pathlib import Path

from homeassistant.util.yaml import load_yaml_dict

from custom_components.datapoint_cloud import PLATFORMS

_PROJECT = Path(__file__).parent.parent
_INTEGRATION = _PROJECT / "custom_components" / "datapoint_cloud"
_PATH = re.compile(r"(?<![\w/])[\w./-]*\w(?:\.(?:py|md|toml|json|yaml|typed)\b|/(?=[\s,.;)]|$))|scripts/\w+")


def test_every_rule_names_what_proves_it() -> None:
    rules = load_yaml_dict(_INTEGRATION / "quality_scale.yaml")["rules"]
    assert len(rules) == 54
    missing = {}
    for name, rule in rules.items():
        named = _PATH.findall(rule["comment"])
        folders = (_PROJECT, _INTEGRATION, _INTEGRATION / "clouds", _PROJECT / "tests" / "integration")
        lost = [path for path in named if not any((folder / path).exists() for folder in folders)]
        if lost or not (named or rule["status"] == "exempt"):
            missing[name] = lost
    assert missing == {}


def test_every_platform_says_how_many_updates_run_at_once() -> None:
    for platform in PLATFORMS:
        text = (_INTEGRATION / f"{platform}.py").read_text(encoding="utf-8")
        assert re.search(r"^PARALLEL_UPDATES = 0\b", text, re.MULTILINE), platform
