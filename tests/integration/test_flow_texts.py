"""The texts of the flows are exactly those that the flows can show: none is missing, and none is left over.

`flows.check_texts` checks the texts of each form wherever a test shows one.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from homeassistant.helpers.selector import SelectSelector

import custom_components.datapoint_cloud as integration
from custom_components.datapoint_cloud.accounts import ACCOUNT_TYPES
from custom_components.datapoint_cloud.accounts.fields import Field
from custom_components.datapoint_cloud.accounts.values import fields_of
from custom_components.datapoint_cloud.clouds import errors
from custom_components.datapoint_cloud.clouds.errors import CloudError, Reason
from custom_components.datapoint_cloud.clouds.firstlight import errors as firstlight_errors
from custom_components.datapoint_cloud.clouds.gizwits import errors as gizwits_errors
from custom_components.datapoint_cloud.flow.forms import selector_of
from custom_components.datapoint_cloud.reasons import row_of

from .flows import TEXTS


def _literals() -> set[str]:
    folder = Path(integration.__file__).parent
    modules = (
        folder / "config_flow.py",
        folder / "reasons.py",
        *(folder / "accounts").glob("*.py"),
        *(folder / "flow").glob("*.py"),
    )
    trees = (ast.parse(module.read_text()) for module in modules)
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


LITERALS = _literals()
SCOPE_TYPES = [
    account_type.scope_type for account_type in ACCOUNT_TYPES.values() if account_type.scope_type is not None
]


def test_every_error_and_abort_text_is_used() -> None:
    parts = [TEXTS["config"], TEXTS["options"], *TEXTS["config_subentries"].values()]
    keys = {key for part in parts for key in (*part.get("error", ()), *part.get("abort", ()))}
    assert keys
    assert keys <= LITERALS


def test_every_step_text_is_used() -> None:
    assert TEXTS["config"]["step"].keys() == {
        "user",
        *ACCOUNT_TYPES,
        *(f"reconfigure_{kind}" for kind in ACCOUNT_TYPES),
        "corporate_account",
        "unencrypted",
        "reauth_confirm",
    }
    assert TEXTS["config"]["step"]["user"]["menu_options"].keys() == ACCOUNT_TYPES.keys()
    assert TEXTS["config_subentries"].keys() == {scope_type.subentry_type for scope_type in SCOPE_TYPES}


def _fields_shown() -> Iterator[tuple[str, tuple[Field, ...], dict[str, Any]]]:
    for kind, account_type in ACCOUNT_TYPES.items():
        yield kind, fields_of(account_type.field_groups), TEXTS["config"]["step"][kind]
        yield f"changed {kind}", account_type.fields, TEXTS["config"]["step"][f"reconfigure_{kind}"]
    for scope_type in SCOPE_TYPES:
        scope = scope_type.subentry_type
        for step, texts in TEXTS["config_subentries"][scope]["step"].items():
            yield f"{scope} {step}", scope_type.fields, texts


@pytest.mark.parametrize(("name", "fields", "texts"), _fields_shown())
def test_every_field_has_its_texts_and_no_others(name: str, fields: tuple[Field, ...], texts: dict[str, Any]) -> None:
    in_section = texts.get("sections", {}).get("advanced", {})
    for is_advanced, within in ((False, texts), (True, in_section)):
        names = {field.name for field in fields if field.is_advanced is is_advanced}
        assert within.get("data", {}).keys() == names
        assert within.get("data_description", {}).keys() == names


def test_only_the_forms_of_changes_speak_of_stored_values() -> None:
    new = [TEXTS["config"]["step"][kind] for kind in ACCOUNT_TYPES]
    new += [scope["step"]["user"] for scope in TEXTS["config_subentries"].values()]
    changed = [TEXTS["config"]["step"][f"reconfigure_{kind}"] for kind in ACCOUNT_TYPES]
    assert not [text for texts in new for text in _texts(texts) if "stored" in text or "you change" in text]
    assert all(any("stored" in text for text in _texts(texts)) for texts in changed)


def test_the_fields_of_signing_in_again_are_those_of_the_accounts() -> None:
    texts = TEXTS["config"]["step"]["reauth_confirm"]
    expected = {
        field.name
        for account_type in ACCOUNT_TYPES.values()
        for field in account_type.fields
        if field.is_secret or field.is_for_reauth
    }
    assert texts["data"].keys() == texts["data_description"].keys() == expected
    assert {"username", "client_id"} <= expected


def test_every_choice_has_a_text_and_no_other() -> None:
    groups = (*ACCOUNT_TYPES.values(), *SCOPE_TYPES)
    selectors = (selector_of(field) for field in fields_of(groups))
    translated = {
        selector.config["translation_key"]: {str(option) for option in selector.config["options"]}
        for selector in selectors
        if isinstance(selector, SelectSelector) and "translation_key" in selector.config
    }
    for name, options in translated.items():
        assert TEXTS["selector"][name]["options"].keys() == options


def _keys(meanings: Iterable[tuple[type[CloudError], Reason | None]]) -> set[str]:
    return {row_of(kind(reason)).form for kind, reason in meanings}


_CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, CloudError)]


def test_every_refusal_of_a_cloud_has_a_text() -> None:
    anywhere = (
        _keys([(CloudError, reason) for reason in Reason]) | _keys((kind, None) for kind in _CLASSES) | {"unknown"}
    )
    assert anywhere <= TEXTS["config"]["error"].keys()
    # No request of a subentry names an app.
    product = _keys(gizwits_errors.ENTERPRISE_API.values()) - {"unknown_app"}
    query = _keys((kind, reason) for kind, reason, _ in firstlight_errors._CODES.values()) | {"right_missing"}
    common = _keys((kind, None) for kind in _CLASSES) | {"unknown", "missing"}
    assert product | common <= TEXTS["config_subentries"]["product"]["error"].keys()
    assert query | common <= TEXTS["config_subentries"]["usage_query"]["error"].keys()


def test_an_error_has_the_same_text_everywhere() -> None:
    for scope in TEXTS["config_subentries"].values():
        for key, text in scope["error"].items():
            assert TEXTS["config"]["error"].get(key, text) == text


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        for inner in part.values():
            yield from _texts(inner)


def test_texts_are_plain() -> None:
    for text in _texts({key: TEXTS[key] for key in ("config", "config_subentries", "options", "selector")}):
        assert text == text.strip()
        assert "'{" not in text
        assert "<" not in text
        assert "//" not in text
