"""The fields of the forms: how each is shown, how its text is cleaned, and which errors belong to it.

Pure; it knows no cloud.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

import voluptuous as vol
from homeassistant.const import CONF_PASSWORD
from homeassistant.helpers.selector import (
    Selector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from ..clouds.errors import Reason


def text_selector(type_: TextSelectorType = TextSelectorType.TEXT, autocomplete: str = "off") -> TextSelector:
    """Show one line of text."""
    return TextSelector(TextSelectorConfig(type=type_, autocomplete=autocomplete))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form; it is stored under its name."""

    name: str
    selector: Selector[Any] = dataclasses.field(default_factory=text_selector)
    default: str | bool | None = None
    """The value of a field that was left empty."""
    is_required: bool = True
    is_advanced: bool = False
    """Whether the field stands in the collapsed section."""
    is_secret: bool = False
    is_address: bool = False
    is_public: bool = False
    """Whether diagnostics may show the value."""
    is_for_reauth: bool = False
    """Whether the form to sign in again shows the field though it is no secret."""
    reasons: Collection[Reason] = ()
    """The reasons for which the cloud refuses the value of this field."""
    parameters: Collection[str] = ()
    """The names that the vendor's errors give to the request parameters made from this field."""

    def marker(self, *, is_kept: bool) -> vol.Marker:
        """Return the key of the field in a schema. With `is_kept`, the user may leave it empty to keep its value."""
        # The front end fills in the first choice of a required selection, which would pick someone's app.
        would_preselect = isinstance(self.selector, SelectSelector) and self.default is None
        kind = vol.Required if self.is_required and not is_kept and not would_preselect else vol.Optional
        return kind(self.name) if self.default is None else kind(self.name, default=self.default)

    def clean(self, value: str) -> str:
        """Remove blanks and other additions around the typed value."""
        if self.name == CONF_PASSWORD:
            return value  # blanks may belong to it
        value = value.strip()
        if self.is_secret:
            return value.removeprefix("Bearer ").strip()  # tokens are often copied together with it
        return (self.is_address and address(value)) or value


def select(name: str, options: Sequence[str], *, is_open: bool = False) -> SelectSelector:
    """Show a choice among options whose texts are translated under `name`; `is_open` accepts other values too."""
    return SelectSelector(
        SelectSelectorConfig(
            options=options, translation_key=name, custom_value=is_open, mode=SelectSelectorMode.DROPDOWN
        )
    )


def secret_field(name: str, *reasons: Reason, is_required: bool = True, is_advanced: bool = False) -> Field:
    """Describe a password, a secret or a token."""
    return Field(
        name=name,
        selector=text_selector(TextSelectorType.PASSWORD, "new-password"),
        is_secret=True,
        is_required=is_required,
        is_advanced=is_advanced,
        reasons=reasons,
    )


def address_field(
    name: str, *, default: str | None = None, is_required: bool = True, is_advanced: bool = True
) -> Field:
    """Describe the address of a server."""
    return Field(
        name=name,
        selector=text_selector(TextSelectorType.URL),
        is_address=True,
        default=default,
        is_required=is_required,
        is_advanced=is_advanced,
    )


def address(text: str) -> str | None:
    """Return an address without its trailing slash, or None if the text is not a usable address."""
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
