"""The pages of the documentation: where their links lead exists, and they describe all that a user meets."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
TEXTS: Mapping[str, Any] = json.loads(
    (PROJECT / "custom_components" / "datapoint_cloud" / "translations" / "en.json").read_text(encoding="utf-8")
)
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("benchmarks/*.md")])
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


_WITH_ACTIONS = [
    (DOCS / f"{name}.md").read_text(encoding="utf-8")
    for name in ("actions", "administration", "automations", "profiles", "recordings")
]


def _text(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def _slug(heading: str) -> str:
    """Return the anchor that a forge makes of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = _text(page)
    return {*map(_slug, _HEADING.findall(text)), *_ANCHOR.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_to_something(page: Path) -> None:
    broken = []
    for file, anchor in _LINK.findall(_text(page)):
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{file}#{anchor}" if anchor else file)
    assert broken == []


def test_each_issue_has_a_section() -> None:
    assert sorted(_ANCHOR.findall(_text(DOCS / "repairs.md"))) == sorted(TEXTS["issues"])


def _labels(step: Mapping[str, Any]) -> set[str]:
    sections = step.get("sections", {}).values()
    return {label for fields in (step, *sections) for label in fields.get("data", {}).values()}


def test_each_field_of_an_account_and_each_option_is_described() -> None:
    steps = TEXTS["config"]["step"]
    scopes = (texts["step"]["user"] for texts in TEXTS["config_subentries"].values())
    forms = (steps[kind] for kind in steps["user"]["menu_options"])
    labels = {"Corporate account"}.union(*map(_labels, (*forms, *scopes, TEXTS["options"]["step"]["init"])))
    page = _text(DOCS / "accounts.md")
    assert len(labels) > 40
    assert {label for label in labels if label not in page} == set()


def test_each_action_trigger_and_condition_is_described_with_its_fields() -> None:
    for kind in ("services", "triggers", "conditions"):
        for name, texts in TEXTS[kind].items():
            pages = [page for page in _WITH_ACTIONS if f"datapoint_cloud.{name}`" in page or f"`{name}`" in page]
            assert pages, name
            missing = [field for field in texts.get("fields", {}) if not any(f"`{field}`" in page for page in pages)]
            assert missing == [], name
