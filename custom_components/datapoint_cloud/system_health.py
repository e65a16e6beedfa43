"""The integration's section of the system health page."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register the section."""
    register.async_register_info(_async_figures)


async def _async_figures(hass: HomeAssistant) -> dict[str, Any]:
    entries = hass.config_entries.async_entries(DOMAIN)
    loaded = [entry.runtime_data.coordinator for entry in entries if entry.state is ConfigEntryState.LOADED]
    return {
        "accounts": len(entries),
        "polling": sum(coordinator.last_update_success for coordinator in loaded),
        "devices": sum(len(coordinator.fleet) for coordinator in loaded),
    }
