"""Forms built from fields, and the values that were submitted in them.

Pure: it asks no cloud and drives no flow.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import voluptuous as vol
from homeassistant.data_entry_flow import section

from ..accounts.base import AccountType, FieldGroup
from ..accounts.fields import Field, address
from ..clouds.hosts import is_loopback

BASE: Final = "base"
"""The key of an error that belongs to no field."""
ADVANCED: Final = "advanced"
"""The collapsed section; its fields are submitted under this key and stored beside the others."""

_DOCS: Final = "https://github.com/datapoint-cloud/datapoint-cloud/tree/main/docs"


def fields_of(groups: Iterable[FieldGroup]) -> tuple[Field, ...]:
    """Return the fields of a form with these groups."""
    return tuple(field for group in groups for field in group.fields)


def placeholders(account_type: AccountType | None = None, detail: str = "") -> dict[str, str]:
    """Return the values for the texts of a form: addresses, and the `detail` of an error."""
    if account_type is None:
        return {"docs_url": _DOCS}
    return {"docs_url": f"{_DOCS}/{account_type.docs_page}", "detail": detail, **account_type.placeholders}


def schema(fields: Iterable[Field], *, keeps_secrets: bool, opens_advanced: bool = False) -> vol.Schema:
    """Return the schema of a form. With `keeps_secrets`, a secret that is left empty stays what it was."""
    top: dict[vol.Marker, Any] = {}
    advanced: dict[vol.Marker, Any] = {}
    for field in fields:
        place = advanced if field.is_advanced else top
        place[field.marker(is_kept=keeps_secrets and field.is_secret)] = field.selector
    if advanced:
        # Not required: a form that is submitted without the section takes its defaults.
        top[vol.Optional(ADVANCED)] = section(vol.Schema(advanced), {"collapsed": not opens_advanced})
    return vol.Schema(top)


def suggested(fields: Collection[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in the shape of the form, to show them in it."""
    top = values_of((field for field in fields if not field.is_advanced), values)
    advanced = values_of((field for field in fields if field.is_advanced), values)
    return top | ({ADVANCED: advanced} if advanced else {})


def submitted_values(fields: Iterable[Field], user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the submitted values, flat and clean, without the fields that were left empty."""
    flat = {**user_input, **user_input.get(ADVANCED, {})}
    values: dict[str, Any] = {}
    for field in fields:
        value = flat.get(field.name, field.default)
        if isinstance(value, str):
            value = field.clean(value)
        elif isinstance(value, float):
            value = round(value)  # the front end submits every number as a float
        if value is not None and value != "":
            values[field.name] = value
    return values


def values_of(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong to the fields."""
    return {field.name: values[field.name] for field in fields if field.name in values}


def without_secrets(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that belong to the fields and may be shown."""
    return values_of((field for field in fields if not field.is_secret), values)


def problems(groups: Collection[FieldGroup], values: Mapping[str, Any]) -> dict[str, str]:
    """Check clean values without the cloud; return the key of an error by field name."""
    fields = fields_of(groups)
    errors = {field.name: "missing" for field in fields if field.is_required and field.name not in values}
    for field in fields:
        if field.is_address and field.name in values and address(values[field.name]) is None:
            errors[field.name] = "invalid_address"
    for group in groups:
        errors |= group.problems(values)
    return errors


def kept_secrets(groups: Iterable[FieldGroup], values: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored secrets that were left empty and still belong to the new values beside them."""
    return {
        field.name: stored[field.name]
        for group in groups
        for field in group.fields
        if field.is_secret and field.name in stored and field.name not in values
        if field.name not in group.obsolete_secrets(values)
    }


def shown_errors(errors: Mapping[str, str], fields: Collection[Field]) -> dict[str, str]:
    """Return errors by field, and repeat those of the collapsed section where the form can show them.

    The front end shows an error under the name of a section, but not under the name of a field inside it.
    """
    advanced = {field.name for field in fields if field.is_advanced}
    shown = dict(errors)
    for name, error in errors.items():
        if name in advanced:
            shown.setdefault(ADVANCED, error)
    return shown


def unencrypted(fields: Iterable[Field], values: Mapping[str, Any]) -> list[str]:
    """Return the addresses to which secrets would travel over a network without encryption."""
    addresses = (values[field.name] for field in fields if field.is_address and field.name in values)
    return [url for url in addresses if not _is_safe(url)]


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
