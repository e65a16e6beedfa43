"""The names of fields and of their choices as the actions page shows them, for the texts of errors."""

from collections.abc import Iterable

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from ..const import DOMAIN


@callback
def field_names(hass: HomeAssistant, action: str, fields: Iterable[str]) -> str:
    """Return the names of fields of an action, separated by commas."""
    return ", ".join(_text(hass, "services", f"services.{action}.fields.{field}.name", field) for field in fields)


@callback
def option_names(hass: HomeAssistant, selector: str, options: Iterable[str]) -> str:
    """Return the names of options of a selector, separated by commas."""
    return ", ".join(_text(hass, "selector", f"selector.{selector}.options.{option}", option) for option in options)


def _text(hass: HomeAssistant, category: str, key: str, otherwise: str) -> str:
    texts = async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    return texts.get(f"component.{DOMAIN}.{key}", otherwise)
