"""The pages of the documentation: what they link to and name exists, and they describe all that a user meets."""

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import hass_frontend
import pytest
from homeassistant.helpers import update_coordinator
from homeassistant.util.yaml import parse_yaml

from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.firstlight.api import FirstlightCloud
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import KNOWN_APPS
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from custom_components.datapoint_cloud.const import DEFAULT_SHARE
from custom_components.datapoint_cloud.statistics.schedule import DEFAULT_DAYS

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
INTEGRATION = PROJECT / "custom_components" / "datapoint_cloud"
TEXTS: Mapping[str, Any] = json.loads((INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8"))
_PAGES_FOR_USERS = [*sorted(DOCS.glob("*.md")), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("benchmarks/*.md")])
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
_PICTURE = re.compile(r'<img src="([^":]+)"()')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_NAME = re.compile(r"(?<!\*)\*(?![*\s])([^*\n]+)\*(?!\*)")
_WAY = re.compile(r"\*\*([^*\n]*→[^*\n]*)\*\*")


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
    for file, anchor in [*_LINK.findall(_text(page)), *_PICTURE.findall(_text(page))]:
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{file}#{anchor}" if anchor else file)
    assert broken == []


# Names on the screen


def _strings(texts: Any) -> Iterator[str]:
    if isinstance(texts, Mapping):
        for text in texts.values():
            yield from _strings(text)
    elif isinstance(texts, list):
        for text in texts:
            yield from _strings(text)
    else:
        yield str(texts)


def _as_name(text: str) -> str:
    """Return a name as it is compared: in capitals or not, with any number."""
    return re.sub(r"\d+", "#", text.casefold().rstrip(".:"))


@cache
def _names_on_the_screen() -> frozenset[str]:
    """Return all texts of the integration, its profiles and vocabulary, and of Home Assistant's front end."""
    translations = Path(hass_frontend.where()) / "static" / "translations"
    files = [INTEGRATION / "translations" / "en.json", INTEGRATION / "vocabulary" / "en.json"]
    files += list(translations.rglob("en-*.json"))
    loaded = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    loaded += [parse_yaml(path.read_text(encoding="utf-8")) for path in (INTEGRATION / "profiles").glob("*.yaml")]
    return frozenset(map(_as_name, _strings(loaded)))


@pytest.mark.parametrize("page", _PAGES_FOR_USERS, ids=lambda page: page.name)
def test_what_is_in_italics_or_a_way_through_menus_is_called_so_on_the_screen(page: Path) -> None:
    text = _CODE.sub("", _text(page))
    names = [*_NAME.findall(text), *(name for way in _WAY.findall(text) for name in way.split(" → "))]
    assert [name for name in names if _as_name(name) not in _names_on_the_screen()] == []


def test_names_that_nothing_has_are_noticed() -> None:
    assert {"settings", "import history", "pv #"} <= _names_on_the_screen()
    assert "developer tools" not in _names_on_the_screen()


def test_each_line_of_the_log_is_one_that_is_logged() -> None:
    sources = [path.read_text(encoding="utf-8") for path in INTEGRATION.rglob("*.py")]
    sources.append(Path(update_coordinator.__file__).read_text(encoding="utf-8"))
    _, _, section = _text(DOCS / "troubleshooting.md").partition("### Lines in the log")
    table = section.partition("### ")[0]
    lines = [
        line for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for line in re.findall(r"`([^`]+)`", row)
    ]
    assert len(lines) > 10
    parts = [part.strip() for line in lines for part in re.split(r"…|^\d+|(?<=cause:)", line)]
    assert [part for part in parts if not any(part in source for source in sources)] == []


@pytest.mark.parametrize("kind", ["triggers", "conditions"])
def test_each_trigger_and_condition_has_the_row_of_the_editor(kind: str) -> None:
    page = _text(DOCS / "automations.md")
    for key, texts in TEXTS[kind].items():
        options = ", ".join(f"`{option}`" for option in texts.get("fields", ()))
        assert f"| *{texts['name']}* | {texts['description']} | `datapoint_cloud.{key}` | {options} |" in page
        assert [
            name for name in (field["name"] for field in texts.get("fields", {}).values()) if name not in page
        ] == []


_OURS = re.compile(r"(?<![\w.])datapoint_cloud\.([a-z_]+)")


@pytest.mark.parametrize("page", _PAGES_FOR_USERS, ids=lambda page: page.name)
def test_each_action_trigger_and_condition_that_a_page_names_exists(page: Path) -> None:
    known = {*TEXTS["services"], *TEXTS["triggers"], *TEXTS["conditions"], "zip"}
    assert set(_OURS.findall(page.read_text(encoding="utf-8"))) - known == set()


_PROGRAM = re.compile(r"(?:^|[\s`])(scripts/[\w-]+)|python -m ([\w.]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_each_program_exists(page: Path) -> None:
    programs = _PROGRAM.findall(page.read_text(encoding="utf-8"))
    missing = [script for script, _ in programs if script and not (PROJECT / script).is_file()]
    missing += [module for _, module in programs if module and importlib.util.find_spec(module) is None]
    assert missing == []


# Numbers


def _in_words(interval: timedelta) -> str:
    seconds = round(interval.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    return "1 minute" if seconds == 60 else f"{seconds // 60} minutes"


@pytest.mark.parametrize(
    ("name", "cloud"),
    [
        ("Gizwits Open API", GizwitsOpenCloud),
        ("Gizwits Enterprise API", GizwitsEnterpriseCloud),
        ("SoData", SoDataCloud),
        ("Firstlight", FirstlightCloud),
    ],
)
def test_the_intervals_are_those_of_the_clouds(name: str, cloud: type[Cloud]) -> None:
    (row,) = re.findall(rf"^\| {name} \|.*$", _text(DOCS / "updates.md"), re.MULTILINE)
    usual = _in_words(cloud.default_interval).removeprefix("1 ")
    is_shortest = cloud.default_interval == cloud.shortest_interval
    least = "never more often" if is_shortest else f"at least {_in_words(cloud.shortest_interval)} apart"
    assert f"| every {usual}, {least} |" in row


def test_the_defaults_of_the_options_are_those_of_the_form() -> None:
    page = _text(DOCS / "accounts.md")
    assert f" {DEFAULT_SHARE} % by default" in page
    assert f"; {DEFAULT_DAYS} by default" in page


def test_the_apps_are_those_that_the_form_lists() -> None:
    assert f": {', '.join(KNOWN_APPS.values())}." in _text(DOCS / "entities.md")


# What a user meets


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
