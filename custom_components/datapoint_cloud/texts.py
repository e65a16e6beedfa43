"""Texts of the integration in Home Assistant's language, for what is put into words when it happens."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import translation

from .const import DOMAIN


async def async_load_texts(hass: HomeAssistant) -> None:
    """Load the texts, so that `text` and `text_or_none` find them."""
    await translation.async_load_integrations(hass, {DOMAIN})


@callback
def text_or_none(hass: HomeAssistant, *path: str) -> str | None:
    """Return the text at a path such as ("selector", "severity", "options", "fault"); None if there is none."""
    category, *_ = path
    texts = translation.async_get_cached_translations(hass, hass.config.language, category, DOMAIN)
    return texts.get(".".join(("component", DOMAIN, *path)))


@callback
def message_of(hass: HomeAssistant, error: HomeAssistantError) -> str:
    """Return the text of an error in Home Assistant's language, without its full stop; `str` has it in English."""
    if error.translation_domain != DOMAIN or error.translation_key is None:
        return str(error)
    placeholders = error.translation_placeholders or {}
    return text(hass, "exceptions", error.translation_key, "message", **placeholders).rstrip(".。")


@callback
def text(hass: HomeAssistant, *path: str, **placeholders: str) -> str:
    """Return the text at a path with its placeholders filled in."""
    found = text_or_none(hass, *path)
    return ".".join(path) if found is None else found.format(**placeholders)
