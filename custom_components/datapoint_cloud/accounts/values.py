"""The values that a user enters in the fields of a form: cleaned, checked without the cloud, and chosen by field.

It knows no form; `flow.forms` builds those.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..clouds.hosts import is_loopback
from .base import FieldGroup
from .fields import Field, address


def fields_of(groups: Iterable[FieldGroup]) -> tuple[Field, ...]:
    """Return the fields of a form with these groups."""
    return tuple(field for group in groups for field in group.fields)


def clean_values(fields: Iterable[Field], entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entered values, clean, without the fields that were left empty."""
    values: dict[str, Any] = {}
    for field in fields:
        value = entered.get(field.name, field.default)
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


def unencrypted(fields: Iterable[Field], values: Mapping[str, Any]) -> list[str]:
    """Return the addresses to which secrets would travel over a network without encryption."""
    addresses = (values[field.name] for field in fields if field.is_address and field.name in values)
    return [url for url in addresses if not _is_safe(url)]


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
