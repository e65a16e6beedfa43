"""The forms of the flows as data, and what was typed into them as clean values.

Pure: it knows fields, sections and addresses, no cloud is asked and no flow is driven.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

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

from ..clouds.firstlight.api import FirstlightCloud
from ..clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from ..clouds.gizwits.enterprise.snoti import DEFAULT_PORT
from ..clouds.gizwits.open.api import GizwitsOpenCloud
from ..clouds.gizwits.open.login import KNOWN_APPS, REGIONS
from ..clouds.hosts import host_and_port, is_loopback
from ..clouds.sodata.api import DEFAULT_API_URL, DEFAULT_AUTH_URL, DEFAULT_REALM, SoDataCloud
from ..const import (
    CONF_API_URL,
    CONF_APP_ID,
    CONF_ATY,
    CONF_AUTH_ID,
    CONF_AUTH_SECRET,
    CONF_AUTH_URL,
    CONF_AUTHORIZATION_TOKEN,
    CONF_CLIENT_ID,
    CONF_CLIENT_SECRET,
    CONF_CORPORATE_ACCOUNT,
    CONF_DATE_FORMAT,
    CONF_ENTERPRISE_ID,
    CONF_ENTERPRISE_SECRET,
    CONF_FIELD,
    CONF_GROUP_BY,
    CONF_GROUP_ID,
    CONF_ITEM_ID,
    CONF_ITEM_ID_AS_PARAMETER,
    CONF_MOST_ROWS,
    CONF_PASSWORD,
    CONF_PERIOD,
    CONF_PHONE_ID,
    CONF_PRODUCT_KEY,
    CONF_PRODUCT_SECRET,
    CONF_REALM,
    CONF_REGION,
    CONF_SNOTI_HOST,
    CONF_SORT_BY,
    CONF_SORT_ORDER,
    CONF_UNIT,
    CONF_USER_TOKEN,
    CONF_USERNAME,
    SUBENTRY_PRODUCT,
    SUBENTRY_USAGE_QUERY,
)

ADVANCED: Final = "advanced"
"""The collapsed section; its fields are submitted under this key and stored beside the others."""

ENTERPRISE_API_URL: Final = "https://enterpriseapi.gizwits.com"


_DOCS = "https://github.com/datapoint-cloud/datapoint-cloud/tree/main/docs"
_PAGES = {
    GizwitsOpenCloud.kind: "gizwits-open-api.md",
    GizwitsEnterpriseCloud.kind: "gizwits-enterprise-api.md",
    SoDataCloud.kind: "sodata.md",
    FirstlightCloud.kind: "firstlight.md",
}


def _text(type_: TextSelectorType = TextSelectorType.TEXT, autocomplete: str = "off") -> TextSelector:
    return TextSelector(TextSelectorConfig(type=type_, autocomplete=autocomplete))


def _select(name: str, options: Sequence[str], *, is_open: bool = False) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=options, translation_key=name, custom_value=is_open, mode=SelectSelectorMode.DROPDOWN
        )
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form. `default` is what holds when nothing is typed."""

    name: str
    selector: Selector[Any] = dataclasses.field(default_factory=_text)
    is_required: bool = True
    is_advanced: bool = False
    is_secret: bool = False
    is_address: bool = False
    default: str | bool | None = None

    def marker(self, *, is_kept: bool) -> vol.Marker:
        """The key of the field in a schema. One that is kept may be left empty."""
        # The front end fills in the first choice of a required selection, which would pick someone's app.
        would_preselect = isinstance(self.selector, SelectSelector) and self.default is None
        kind = vol.Required if self.is_required and not is_kept and not would_preselect else vol.Optional
        return kind(self.name) if self.default is None else kind(self.name, default=self.default)

    def clean(self, value: str) -> str:
        """What was meant by what was typed."""
        if self.name == CONF_PASSWORD:
            return value  # blanks may belong to it
        value = value.strip()
        if self.is_secret:
            return value.removeprefix("Bearer ").strip()  # tokens are copied together with it
        return (self.is_address and address(value)) or value


def _secret(name: str, *, is_required: bool = True, is_advanced: bool = False) -> Field:
    return Field(
        name=name,
        selector=_text(TextSelectorType.PASSWORD, "new-password"),
        is_secret=True,
        is_required=is_required,
        is_advanced=is_advanced,
    )


def _address(name: str, *, default: str | None = None, is_required: bool = True, is_advanced: bool = True) -> Field:
    return Field(
        name=name,
        selector=_text(TextSelectorType.URL),
        is_address=True,
        default=default,
        is_required=is_required,
        is_advanced=is_advanced,
    )


_APPS = [SelectOptionDict(value=app_id, label=brand) for app_id, brand in KNOWN_APPS.items()]

ACCOUNT_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    GizwitsOpenCloud.kind: (
        Field(name=CONF_REGION, selector=_select(CONF_REGION, list(REGIONS)), default="eu"),
        Field(
            name=CONF_APP_ID,
            selector=SelectSelector(
                SelectSelectorConfig(options=_APPS, custom_value=True, sort=True, mode=SelectSelectorMode.DROPDOWN)
            ),
        ),
        Field(name=CONF_USERNAME, selector=_text(autocomplete="username"), is_required=False),
        _secret(CONF_PASSWORD, is_required=False),
        _secret(CONF_PHONE_ID, is_required=False, is_advanced=True),
        _address(CONF_API_URL, is_required=False),
    ),
    GizwitsEnterpriseCloud.kind: (
        Field(name=CONF_ENTERPRISE_ID),
        _secret(CONF_ENTERPRISE_SECRET),
        _address(CONF_API_URL, default=ENTERPRISE_API_URL),
        Field(name=CONF_SNOTI_HOST, is_required=False, is_advanced=True),
    ),
    SoDataCloud.kind: (
        Field(name=CONF_USERNAME, selector=_text(autocomplete="username")),
        _secret(CONF_PASSWORD),
        Field(name=CONF_CLIENT_ID),
        _secret(CONF_CLIENT_SECRET),
        _address(CONF_API_URL, default=DEFAULT_API_URL),
        _address(CONF_AUTH_URL, default=DEFAULT_AUTH_URL),
        Field(name=CONF_REALM, default=DEFAULT_REALM, is_advanced=True),
    ),
    FirstlightCloud.kind: (
        _address(CONF_API_URL, is_advanced=False),
        _secret(CONF_AUTHORIZATION_TOKEN),
        _secret(CONF_USER_TOKEN),
    ),
}

SCOPE_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    SUBENTRY_PRODUCT: (
        Field(name=CONF_PRODUCT_KEY),
        _secret(CONF_PRODUCT_SECRET),
        Field(name=CONF_GROUP_ID, is_required=False, is_advanced=True),
        Field(name=CONF_AUTH_ID, is_required=False, is_advanced=True),
        _secret(CONF_AUTH_SECRET, is_required=False, is_advanced=True),
    ),
    SUBENTRY_USAGE_QUERY: (
        Field(
            name=CONF_ATY,
            selector=_select(CONF_ATY, ["content", "platform", "application", "user"], is_open=True),
            default="content",
        ),
        Field(name=CONF_FIELD),
        Field(name=CONF_ITEM_ID, is_required=False),
        Field(
            name=CONF_PERIOD,
            selector=_select(CONF_PERIOD, ["hour", "day", "week", "month", "year"], is_open=True),
            default="day",
        ),
        Field(
            name=CONF_GROUP_BY,
            selector=_select(CONF_GROUP_BY, ["service", "genre", "network"]),
            is_required=False,
        ),
        Field(name=CONF_UNIT, is_required=False),
        Field(
            name=CONF_DATE_FORMAT,
            selector=_select(CONF_DATE_FORMAT, ["iso", "date", "ms"]),
            default="iso",
            is_advanced=True,
        ),
        Field(name=CONF_ITEM_ID_AS_PARAMETER, selector=BooleanSelector(), default=False, is_advanced=True),
        Field(name=CONF_SORT_BY, is_required=False, is_advanced=True),
        Field(
            name=CONF_SORT_ORDER,
            selector=_select(CONF_SORT_ORDER, ["asc", "desc"]),
            is_required=False,
            is_advanced=True,
        ),
        Field(
            name=CONF_MOST_ROWS,
            selector=NumberSelector(NumberSelectorConfig(min=1, max=5000, step=1, mode=NumberSelectorMode.BOX)),
            is_required=False,
            is_advanced=True,
        ),
    ),
}

SCOPE_OF: Final[Mapping[str, str]] = {
    GizwitsEnterpriseCloud.kind: SUBENTRY_PRODUCT,
    FirstlightCloud.kind: SUBENTRY_USAGE_QUERY,
}
"""The type of the scopes of those clouds that have any."""


def placeholders(kind: str = "", detail: str = "") -> dict[str, str]:
    """What the texts of a form want filled in: addresses, and what a cloud said."""
    return {
        "docs_url": f"{_DOCS}/{_PAGES[kind]}" if kind else _DOCS,
        "gizwits_url": "https://dev.gizwits.com",
        "detail": detail,
    }


def schema(fields: Iterable[Field], *, keeps_secrets: bool, opens_advanced: bool = False) -> vol.Schema:
    """The schema of a form. Where it keeps secrets, one left empty stays what it was."""
    top: dict[vol.Marker, Any] = {}
    advanced: dict[vol.Marker, Any] = {}
    for field in fields:
        place = advanced if field.is_advanced else top
        place[field.marker(is_kept=keeps_secrets and field.is_secret)] = field.selector
    if advanced:
        # Not required: who submits the form without it takes the defaults.
        top[vol.Optional(ADVANCED)] = section(vol.Schema(advanced), {"collapsed": not opens_advanced})
    return vol.Schema(top)


def suggested(fields: Collection[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in the shape of the form, to show them in it."""
    top = {field.name: values[field.name] for field in fields if field.name in values and not field.is_advanced}
    advanced = {field.name: values[field.name] for field in fields if field.name in values and field.is_advanced}
    return top | ({ADVANCED: advanced} if advanced else {})


def entered(fields: Iterable[Field], user_input: Mapping[str, Any]) -> dict[str, Any]:
    """What was submitted, flat and clean; without the fields that were left empty."""
    flat = {**user_input, **user_input.get(ADVANCED, {})}
    values: dict[str, Any] = {}
    for field in fields:
        value = flat.get(field.name, field.default)
        if isinstance(value, str):
            value = field.clean(value)
        elif isinstance(value, float):
            value = round(value)  # numbers come from the front end as such
        if value is not None and value != "":
            values[field.name] = value
    return values


def only(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that belong to the fields."""
    return {field.name: values[field.name] for field in fields if field.name in values}


def account_data(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that belong to an account; the corporate account has no field of its own in the form."""
    corporate = {name: values[name] for name in (CONF_CORPORATE_ACCOUNT,) if name in values}
    return only(ACCOUNT_FIELDS[kind], values) | corporate


def without_secrets(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that belong to the fields and may be shown."""
    return only((field for field in fields if not field.is_secret), values)


def problems(fields: Collection[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with clean values before any cloud is asked: error key by field."""
    errors = {field.name: "missing" for field in fields if field.is_required and field.name not in values}
    for field in fields:
        if field.is_address and field.name in values and address(values[field.name]) is None:
            errors[field.name] = "invalid_address"
    if CONF_SNOTI_HOST in values and host_and_port(values[CONF_SNOTI_HOST], DEFAULT_PORT) is None:
        errors[CONF_SNOTI_HOST] = "invalid_host"
    names = {field.name for field in fields}
    if CONF_PHONE_ID in names:
        errors |= _login_problems(values)
    if CONF_AUTH_ID in names:
        errors |= _push_problems(values)
    return errors


def kept(fields: Iterable[Field], values: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The stored secrets that were left empty and still belong to what was typed beside them."""
    secrets = {
        field.name: stored[field.name]
        for field in fields
        if field.is_secret and field.name in stored and field.name not in values
    }
    if CONF_PHONE_ID in values:
        secrets.pop(CONF_PASSWORD, None)
    elif CONF_USERNAME in values:
        secrets.pop(CONF_PHONE_ID, None)
    if CONF_AUTH_ID not in values:
        secrets.pop(CONF_AUTH_SECRET, None)
    return secrets


def _push_problems(values: Mapping[str, Any]) -> dict[str, str]:
    pair = (CONF_AUTH_ID, CONF_AUTH_SECRET)
    absent = [name for name in pair if name not in values]
    return dict.fromkeys(absent, "incomplete_push") if len(absent) == 1 else {}


def _login_problems(values: Mapping[str, Any]) -> dict[str, str]:
    user = [name for name in (CONF_USERNAME, CONF_PASSWORD) if name in values]
    if CONF_PHONE_ID in values:
        return {CONF_PHONE_ID: "two_logins"} if user else {}
    return {name: "missing" for name in (CONF_USERNAME, CONF_PASSWORD) if name not in user}


def placed(errors: Mapping[str, str], fields: Collection[Field]) -> dict[str, str]:
    """Errors by field, and also where the form can show them.

    The front end shows what stands under a section's own name, never what stands under that of a field inside it.
    """
    advanced = {field.name for field in fields if field.is_advanced}
    names = {field.name for field in fields}
    shown: dict[str, str] = {}
    for name, error in errors.items():
        shown.setdefault(name if name in names else "base", error)
        if name in advanced:
            shown.setdefault(ADVANCED, error)
    return shown


def address(text: str) -> str | None:
    """An address without its trailing slash, or None if it is none."""
    try:
        parts = urlsplit(text)
        is_usable = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.username or parts.password or parts.query or parts.fragment)
            and not any(character.isspace() for character in text)
        )
    except ValueError:
        return None
    return parts.geturl().rstrip("/") if is_usable else None


def unencrypted(fields: Iterable[Field], values: Mapping[str, Any]) -> list[str]:
    """The addresses that would carry secrets over a network in the clear."""
    return [
        values[field.name]
        for field in fields
        if field.is_address and field.name in values and not _is_safe(values[field.name])
    ]


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
