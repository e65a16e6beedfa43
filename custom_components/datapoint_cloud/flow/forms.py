"""Forms built from fields, and the values that were submitted in them.

Pure: it asks no cloud and drives no flow.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import voluptuous as vol
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    Selector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from ..accounts.base import AccountType
from ..accounts.fields import Field
from ..accounts.values import clean_values, values_of
from ..clouds.model import Device
from ..const import CONF_USERNAME, DOCS_URL

BASE: Final = "base"
"""The key of an error that belongs to no field."""
ADVANCED: Final = "advanced"
"""The collapsed section; its fields are submitted under this key and stored beside the others."""


def placeholders(account_type: AccountType | None = None) -> dict[str, str]:
    """Return the values for the texts of a form: the addresses of pages."""
    if account_type is None:
        return {"docs_url": DOCS_URL}
    return {"docs_url": f"{DOCS_URL}/{account_type.docs_page}", **account_type.placeholders}


def schema(fields: Iterable[Field], *, keeps_secrets: bool, opens_advanced: bool = False) -> vol.Schema:
    """Return the schema of a form. With `keeps_secrets`, a secret that is left empty stays what it was."""
    top: dict[vol.Marker, Any] = {}
    advanced: dict[vol.Marker, Any] = {}
    for field in fields:
        place = advanced if field.is_advanced else top
        place[_marker(field, is_kept=keeps_secrets and field.is_secret)] = selector_of(field)
    if advanced:
        # Not required: a form that is submitted without the section takes its defaults.
        top[vol.Optional(ADVANCED)] = section(vol.Schema(advanced), {"collapsed": not opens_advanced})
    return vol.Schema(top)


def _marker(field: Field, *, is_kept: bool) -> vol.Marker:
    """Return the key of a field in a schema. With `is_kept`, the user may leave it empty to keep its value."""
    # The front end fills in the first choice of a required selection, which would pick someone's app.
    would_preselect = bool(field.choices) and field.default is None
    kind = vol.Required if field.is_required and not is_kept and not would_preselect else vol.Optional
    return kind(field.name) if field.default is None else kind(field.name, default=field.default)


def selector_of(field: Field) -> Selector[Any]:
    """Return how a form shows a field."""
    if field.choices:
        return SelectSelector(_select_config(field))
    if isinstance(field.default, bool):
        return BooleanSelector()
    if field.limits is not None:
        least, greatest = field.limits
        return NumberSelector(NumberSelectorConfig(min=least, max=greatest, step=1, mode=NumberSelectorMode.BOX))
    if field.is_secret:
        return TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password"))
    if field.is_address:
        return TextSelector(TextSelectorConfig(type=TextSelectorType.URL, autocomplete="off"))
    return TextSelector(TextSelectorConfig(autocomplete="username" if field.name == CONF_USERNAME else "off"))


def _select_config(field: Field) -> SelectSelectorConfig:
    config = SelectSelectorConfig(options=list(field.choices), mode=SelectSelectorMode.DROPDOWN)
    config["custom_value"] = field.is_open
    if field.labels:
        config["options"] = [
            SelectOptionDict(value=field.shown(value), label=field.labels[value]) for value in field.labels
        ]
        config["sort"] = True
    else:
        config["translation_key"] = field.name
    return config


def submitted_values(fields: Iterable[Field], user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the submitted values, flat and clean, without the fields that were left empty."""
    return clean_values(fields, {**user_input, **user_input.get(ADVANCED, {})})


def suggested(fields: Collection[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in the shape of the form, to show them in it."""
    shown = {field.name: field.shown(values[field.name]) for field in fields if field.name in values}
    top = values_of((field for field in fields if not field.is_advanced), shown)
    advanced = values_of((field for field in fields if field.is_advanced), shown)
    return top | ({ADVANCED: advanced} if advanced else {})


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


def device_labels(devices: Iterable[Device]) -> dict[str, str]:
    """Return the names of devices by id; if several have the same name, each also shows what tells it apart."""
    listed = list(devices)
    times = Counter(device.name for device in listed)
    return {
        device.id: device.name if times[device.name] == 1 else f"{device.name} ({_mark(device)})" for device in listed
    }


def _mark(device: Device) -> str:
    return device.serial_number or device.mac or device.id
