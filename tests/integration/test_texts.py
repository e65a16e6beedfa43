"""The texts of entities, exceptions, issues and system health: what is used exists, and what exists is used.

Each language has all of them. `same_as_english/` lists the texts of a language that are right although they are those
of English.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud import exceptions
from custom_components.datapoint_cloud.clouds import errors
from custom_components.datapoint_cloud.clouds.errors import CloudError, Reason
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType
from custom_components.datapoint_cloud.composite import COMPOSITE
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.reasons import REASONS, Repair
from develop.option_labels import composite_labels, in_order, labels, languages
from simulator.simulation import Simulation

from .accounts import KINDS, add_account

_FOLDER = Path(integration.__file__).parent
_TEXTS: dict[str, Any] = json.loads((_FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))
_ICONS: dict[str, Any] = json.loads((_FOLDER / "icons.json").read_text(encoding="utf-8"))
_NAMES = {"Base64", "DD TR", "Datapoint Cloud", "Gizwits Enterprise", "Socomec SoData", "UV", "Vaillant TR", "°C", "°F"}
"""Names and symbols, which a language may leave as they are without listing them."""
_NUMBER = re.compile(r" \d+$")
_LINK = re.compile(r"\[[^\[\]]+\]\(\{(\w+)\}\)")
_MARKS = ("[", "]", "`", "**", "\n")


def _leaves(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, content


def _file_of(language: str) -> Path:
    return _FOLDER / "translations" / f"{language}.json"


def _texts_of(language: str) -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(_file_of(language).read_text(encoding="utf-8"))
    return texts


_ENGLISH = dict(_leaves(_TEXTS))


def _placeholders(text: str) -> set[str]:
    """Return the names of the placeholders; the frontend formats `{name, number}` in the user's language."""
    return {name.removesuffix(", number") for _, name, _, _ in Formatter().parse(text) if name is not None}


def _all_errors() -> list[CloudError]:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CloudError)]
    return [
        kind(reason, code=code, subject=subject)
        for kind in classes
        for reason in (None, *Reason)
        for code in (None, 9025)
        for subject in (None, "key")
    ]


def _all_failures() -> list[HomeAssistantError]:
    """Every exception that an error of a cloud can become."""
    datapoints = [
        None,
        *(
            Datapoint(key="key", name="Name", data_type=kind, is_writable=writable, minimum=0, maximum=1, step=0.5)
            for kind in DataType
            for writable in (False, True)
        ),
    ]
    of_actions = [exceptions.of_action(error, "Pump", point) for error in _all_errors() for point in datapoints]
    of_groups = [exceptions.of_group(error, "group") for error in _all_errors()]
    return [
        *(exceptions.of_poll(error) for error in _all_errors()),
        *of_actions,
        *of_groups,
        *(exceptions.of_history(error, "Pump", is_to_be_granted=True) for error in _all_errors()),
        *(
            exceptions.of_administration(error, subject, is_change=is_change)
            for error in _all_errors()
            for subject in ("", "group")
            for is_change in (False, True)
        ),
        *(exceptions.of_item(error, "item") for error in (None, *_all_errors())),
        exceptions.of_items({"item": "reason"}),
        *(exceptions.not_kept(since) for since in (None, datetime.now(UTC))),
        exceptions.not_told_yet(datetime.now(UTC)),
        exceptions.of_recorder(),
        exceptions.of_unknown_datapoint("Pump", "tea", ["Team", "Key"]),
        *(exceptions.of_import(error) for error in _all_errors()),
        exceptions.of_unloading("Pump"),
        exceptions.of_busy_group("group"),
        exceptions.of_unforeseen("Pump"),
        *(exceptions.of_scene(error, "Evening") for error in _all_errors()),
    ]


@pytest.fixture
async def entries(hass: HomeAssistant, simulation: Simulation, our_profiles: None) -> list[MockConfigEntry]:
    simulation.gizwits_open.add_appliances()
    simulation.gizwits_open.add_wavemaker()
    entries = [await add_account(hass, simulation, kind, options={"administration": True}) for kind in KINDS]
    group = {"config_entry_id": entries[0].entry_id, "group_id": simulation.gizwits_open.heater_group_id}
    data = group | {"values": {"lock_switch": True}}
    await hass.services.async_call(DOMAIN, "set_group_datapoints", data, blocking=True, return_response=True)
    return entries


async def test_entities_use_all_texts_and_icons_and_no_others(
    hass: HomeAssistant, entries: list[MockConfigEntry]
) -> None:
    registry = er.async_get(hass)
    entities = [entity for entry in entries for entity in er.async_entries_for_config_entry(registry, entry.entry_id)]
    used = {(entity.domain, entity.translation_key) for entity in entities if entity.translation_key is not None}
    assert used == {(platform, key) for platform, of_keys in _TEXTS["entity"].items() for key in of_keys}
    # Some are named by their datapoint, or like their device.
    used -= {("select", "option"), ("sensor", "option"), *((platform, COMPOSITE) for platform, _ in used)}
    with_class = {
        (entity.domain, entity.translation_key)
        for entity in entities
        if entity.translation_key and entity.original_device_class
    }
    icons = {(platform, key) for platform, of_keys in _ICONS["entity"].items() for key in of_keys if key != COMPOSITE}
    assert used - with_class == icons
    assert all(_TEXTS["entity"][platform][key]["name"] for platform, key in used)


async def test_the_states_and_attributes_of_events_have_texts(
    hass: HomeAssistant, entries: list[MockConfigEntry]
) -> None:
    event = next(state for state in hass.states.async_all("event"))
    attributes = _TEXTS["entity"]["event"]["alarm"]["state_attributes"]
    assert set(attributes) == {"event_type", "key", "name"}
    assert set(attributes["event_type"]["state"]) == set(event.attributes["event_types"])


def test_every_reason_has_a_row() -> None:
    assert set(REASONS) == set(Reason)


def test_every_failure_has_a_text_and_every_text_a_failure() -> None:
    of_services = {
        key
        for module in (_FOLDER / "services.py", *(_FOLDER / "actions").glob("*.py"))
        for key in re.findall(
            r"(?:translation_key=|of_call\(\s*|_error\(|_require_capability\(\s*|not_offered=|_NOT_OFFERED: Final = )"
            r'"(\w+)"',
            module.read_text(encoding="utf-8"),
        )
    }
    of_schedules = {
        key
        for module in (_FOLDER / "schedules").glob("*.py")
        for key in re.findall(r'ScheduleError\(\s*"(\w+)"', module.read_text(encoding="utf-8"))
    }
    known = {failure.translation_key for failure in _all_failures()} | of_services | of_schedules
    assert known == set(_TEXTS["exceptions"])


def test_the_text_of_a_failure_gets_all_it_wants() -> None:
    for failure in _all_failures():
        assert failure.translation_domain == "datapoint_cloud"
        text = _TEXTS["exceptions"][str(failure.translation_key)]["message"]
        assert _placeholders(text) <= set(failure.translation_placeholders or {})


def test_every_issue_has_its_texts_and_every_text_an_issue() -> None:
    issues = _TEXTS["issues"]
    notices = set(re.findall(r'_notice\(\s*"(\w+)"', (_FOLDER / "issues.py").read_text(encoding="utf-8")))
    repairs = {str(reason): row.repair for reason, row in REASONS.items() if row.repair is not None}
    assert repairs.keys() | notices | {"bad_profile"} == set(issues)
    for key, repair in repairs.items():
        texts = issues[key]
        if repair is not Repair.OUTSIDE:
            assert set(texts) == {"title", "fix_flow"}
            assert set(texts["fix_flow"]["step"]) == {"confirm"}
            assert set(texts["fix_flow"]["step"]["confirm"]) == {"title", "description"}
            ends = {"form_opened", "scope_gone"} if repair is Repair.SCOPE_FORM else {"account_gone"}
            assert set(texts["fix_flow"]["abort"]) == ends
        else:
            assert set(texts) == {"title", "description"}
        for _, text in _leaves(texts):
            assert _placeholders(text) <= {"account", "account_name", "scope", "scope_name", "subject"}


@pytest.mark.parametrize("language", ["en", *languages()])
def test_texts_keep_the_rules_of_home_assistant(language: str) -> None:
    assert language in LANGUAGES
    for keys, text in _leaves(_texts_of(language)):
        where = ".".join(keys)
        assert text == text.strip(), where
        assert text, where
        assert not re.search(r"<[a-z/!]", text), where
        assert "://" not in text, where
        assert "[%key:" not in text, where
        # Right before a brace, an apostrophe starts a quotation: the frontend would show the braces of "l'{device}".
        assert not re.search(r"'[{}<>']", text), where
        assert all(name.isidentifier() for name in _placeholders(text)), where
        assert all(re.fullmatch(r"[a-z0-9]+([_-][a-z0-9]+)*", key) for key in keys), where
        assert "state" not in keys or not _placeholders(text), where


# Other languages


def test_every_language_of_the_vocabulary_has_texts() -> None:
    # In Chinese, the words of the vendors stay as they are.
    words = {path.stem for path in (_FOLDER / "vocabulary").glob("*.json")}
    assert {"en", *languages()} == words | {"zh-Hans"}


@pytest.mark.parametrize("language", languages())
def test_a_language_has_the_keys_of_english_in_the_same_order(language: str) -> None:
    texts = _texts_of(language)
    keys = [keys for keys, _ in _leaves(texts)]
    assert set(_ENGLISH) - set(keys) == set(), "missing"
    assert set(keys) - set(_ENGLISH) == set(), "extra"
    assert _file_of(language).read_text(encoding="utf-8") == (
        json.dumps(in_order(texts, _TEXTS), ensure_ascii=False, indent=2) + "\n"
    )


@pytest.mark.parametrize("language", languages())
def test_a_language_keeps_the_placeholders_and_the_markup_of_english(language: str) -> None:
    for keys, text in _leaves(_texts_of(language)):
        english = _ENGLISH[keys]
        assert _placeholders(text) == _placeholders(english), keys
        assert sorted(_LINK.findall(text)) == sorted(_LINK.findall(english)), keys
        assert [text.count(mark) for mark in _MARKS] == [english.count(mark) for mark in _MARKS], keys
        assert text.endswith((".", "。")) == english.endswith("."), keys
        assert "  " not in text, keys


@pytest.mark.parametrize("language", languages())
def test_a_language_leaves_nothing_in_english_but_what_it_lists(language: str) -> None:
    listed = Path(__file__).parent / "same_as_english" / f"{language}.json"
    expected = json.loads(listed.read_text(encoding="utf-8")) if listed.is_file() else []
    same = {_NUMBER.sub("", text) for keys, text in _leaves(_texts_of(language)) if text == _ENGLISH[keys]}
    assert sorted(same - _NAMES) == expected


@pytest.mark.parametrize("language", languages())
def test_a_language_has_the_labels_of_its_vocabulary(language: str) -> None:
    texts = _texts_of(language)["entity"]
    known = texts["select"]["option"]["state"]
    assert known == labels(language, known), "python -m develop.option_labels mends this"
    assert texts["sensor"]["option"]["state"] == known
    composites = {platform: of_keys[COMPOSITE] for platform, of_keys in texts.items() if COMPOSITE in of_keys}
    assert composites == composite_labels(_TEXTS, known)


@pytest.mark.parametrize("language", languages())
async def test_home_assistant_accepts_each_text_of_a_language(hass: HomeAssistant, language: str) -> None:
    texts = _texts_of(language)
    loaded: dict[str, str] = {}
    for category in texts:
        loaded |= await async_get_translations(hass, language, category, {DOMAIN})
    expected = {".".join(("component", DOMAIN, *keys)): text for keys, text in _leaves(texts)}
    assert loaded == expected


def test_icons_are_those_that_home_assistant_has() -> None:
    assert set(_ICONS) <= {"entity", "services", "triggers", "conditions"}
    for keys, icon in _leaves(_ICONS):
        assert re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icon), keys
    for icons in _icons_by_state(_ICONS["entity"]):
        assert icons.get("default") not in icons["state"].values()
        assert len(set(icons["state"].values())) == len(icons["state"])


def _icons_by_state(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "state" in content:
        yield content
    for key, inner in content.items():
        if isinstance(inner, dict) and key != "state":
            yield from _icons_by_state(inner)
