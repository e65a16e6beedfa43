"""The user's own profiles: files in the configuration directory, which forms write as well.

A file that cannot be used has an issue that names it. This module knows neither accounts nor devices.
"""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.file import write_utf8_file_atomic
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.yaml import dump, parse_yaml

from .const import DOMAIN, REPAIRS_URL
from .plain_text import in_markdown, plain
from .profiles import BadProfile, Profiles, load_profiles
from .profiles.format import read_profiles
from .profiles.values import slug

_LOGGER = logging.getLogger(__name__)

_FAILURES: HassKey[Mapping[str, str]] = HassKey(f"{DOMAIN}_profile_failures")
_ISSUE: Final = "bad_profile"
_LONGEST_FAILURE: Final = 1000  # it may list all allowed words
_HEADER: Final = "# Written by the form for datapoints. Comments in this file are lost when the form writes it again.\n"


def folder_of(hass: HomeAssistant) -> Path:
    """Return the folder of the user's profiles, which need not exist."""
    return Path(hass.config.path(DOMAIN, "profiles"))


async def async_load(hass: HomeAssistant) -> Profiles:
    """Read all profiles, and open an issue for each file of the user that cannot be used."""
    profiles = await hass.async_add_executor_job(load_profiles, folder_of(hass))
    _report(hass, profiles.failures)
    return profiles


@callback
def _report(hass: HomeAssistant, failures: Mapping[str, str]) -> None:
    known = hass.data.get(_FAILURES, {})
    hass.data[_FAILURES] = failures
    for file, failure in failures.items():
        if known.get(file) != failure:  # otherwise it is logged already
            _LOGGER.warning("A profile is not used: %s", failure)
        ir.async_create_issue(
            hass,
            DOMAIN,
            f"{_ISSUE}_{file}",
            is_fixable=False,
            learn_more_url=f"{REPAIRS_URL}#{_ISSUE}",
            severity=ir.IssueSeverity.WARNING,
            translation_key=_ISSUE,
            translation_placeholders={"file_name": plain(file), "error": in_markdown(failure, _LONGEST_FAILURE)},
        )
    registry = ir.async_get(hass)
    for domain, issue_id in list(registry.issues):
        if domain == DOMAIN and issue_id.startswith(f"{_ISSUE}_") and issue_id[len(_ISSUE) + 1 :] not in failures:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def file_of(folder: Path, *, product: str | None = None, device: str | None = None) -> Path:
    """Return the file that forms write for a product, or for a single device."""
    name = f"product_{product}" if device is None else f"device_{device}"
    return folder / f"{slug(name)}.yaml"


def write_refinement(
    folder: Path, key: str, refinement: Mapping[str, Any], *, product: str | None = None, device: str | None = None
) -> None:
    """Put what a form says of a datapoint into the file of its product or device; nothing removes its entry.

    Raises `BadProfile` if the file cannot be read, and `OSError` or `HomeAssistantError` if it cannot be written.
    """
    path = file_of(folder, product=product, device=device)
    content = _content(path)
    content["match"] = {"products": [product]} if device is None else {"devices": [device]}
    datapoints = dict(content.get("datapoints") or {})
    datapoints.pop(key, None)
    if refinement:
        datapoints[key] = dict(refinement)
    content["datapoints"] = datapoints
    text = _HEADER + dump(content)
    for found in read_profiles(text, path.name):
        if isinstance(found, BadProfile):
            raise found
    folder.mkdir(parents=True, exist_ok=True)
    write_utf8_file_atomic(str(path), text)


def written_refinement(
    folder: Path, key: str, *, product: str | None = None, device: str | None = None
) -> Mapping[str, Any]:
    """Return what a form said of a datapoint. Raises `BadProfile` if the file cannot be read."""
    content = _content(file_of(folder, product=product, device=device))
    found: Mapping[str, Any] | None = (content.get("datapoints") or {}).get(key)
    return found or {}


def texts_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the texts of files by their names; files that are gone are left out."""
    paths = {name: folder / name for name in names}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (HomeAssistantError, OSError, UnicodeDecodeError) as error:
        raise BadProfile(f"{path.name}: {error}") from error
    if not isinstance(content, dict):
        raise BadProfile(f"{path.name}: expected a profile")
    return dict(content)
