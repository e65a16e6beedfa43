"""The fields of the forms: what the user enters, how its text is cleaned, and which errors belong to it.

It knows no cloud, and not how a field is shown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..clouds.errors import Reason
from ..const import CONF_PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form; it is stored under its name. It holds one line of text unless it says otherwise."""

    name: str
    default: str | bool | None = None
    """The value of a field that was left empty. A field with a bool is a switch."""
    choices: Collection[str] = ()
    """The values to choose from. Their texts are translated, unless this is a mapping that has their labels."""
    is_open: bool = False
    """Whether other values than the choices are accepted too."""
    limits: tuple[int, int] | None = None
    """The least and the greatest value of a whole number."""
    is_required: bool = True
    is_advanced: bool = False
    """Whether the field stands in the collapsed section."""
    is_secret: bool = False
    is_address: bool = False
    is_public: bool = False
    """Whether diagnostics and recordings may show the value."""
    is_for_reauth: bool = False
    """Whether the form to sign in again shows the field though it is no secret."""
    reasons: Collection[Reason] = ()
    """The reasons for which the cloud refuses the value of this field."""
    parameters: Collection[str] = ()
    """The names that the vendor's errors give to the request parameters made from this field."""

    def clean(self, value: str) -> str:
        """Remove blanks and other additions around the typed value."""
        if self.name == CONF_PASSWORD:
            return value  # blanks may belong to it
        value = value.strip()
        if self.is_secret:
            return value.removeprefix("Bearer ").strip()  # tokens are often copied together with it
        if self.is_open:
            return self._choice(value) or value
        return (self.is_address and address(value)) or value

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the choices by value, unless their texts are translated."""
        return self.choices if isinstance(self.choices, Mapping) else {}

    def shown(self, value: Any) -> Any:
        """Return what the form shows of a value; `clean` returns the value again.

        The front end shows the value of an open choice, not its label: the user would choose a name and see an id.
        """
        return self.labels.get(value, value) if self.is_open else value

    def _choice(self, typed: str) -> str | None:
        """Return the choice that was typed instead of chosen: by its value or label, in capitals or not."""
        for value in self.choices:
            if typed.casefold() in (value.casefold(), self.labels.get(value, value).casefold()):
                return value
        return None


def secret_field(name: str, *reasons: Reason, is_required: bool = True, is_advanced: bool = False) -> Field:
    """Describe a password, a secret or a token."""
    return Field(name=name, is_secret=True, is_required=is_required, is_advanced=is_advanced, reasons=reasons)


def address_field(
    name: str, *, default: str | None = None, is_required: bool = True, is_advanced: bool = True
) -> Field:
    """Describe the address of a server."""
    return Field(name=name, is_address=True, default=default, is_required=is_required, is_advanced=is_advanced)


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
