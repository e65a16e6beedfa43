"""The actions that read the user's profiles again, and that return those of a device to be shared."""

import asyncio
from typing import Final

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service

from .. import exceptions, user_profiles
from ..const import DOMAIN
from ..runtime import DatapointConfigEntry
from .targets import devices_to_control

RELOAD_PROFILES: Final = "reload_profiles"
EXPORT_PROFILE: Final = "export_profile"

_EXPORT_PROFILE: Final = vol.Schema(
    {vol.Required("device_id"): vol.All(cv.ensure_list, [cv.string], vol.Length(max=1))}
)


@callback
def async_setup_profile_actions(hass: HomeAssistant) -> None:
    """Register the actions, which only administrators may call."""
    service.async_register_admin_service(
        hass, DOMAIN, RELOAD_PROFILES, _reload_profiles, vol.Schema({}), supports_response=SupportsResponse.OPTIONAL
    )
    service.async_register_admin_service(
        hass, DOMAIN, EXPORT_PROFILE, _export_profile, _EXPORT_PROFILE, supports_response=SupportsResponse.ONLY
    )


async def async_find_outdated(hass: HomeAssistant) -> tuple[list[str], dict[str, str]]:
    """Read the profiles; return the loaded accounts that have others, and what is wrong with files by their names."""
    profiles = await user_profiles.async_load(hass)
    entries: list[DatapointConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    outdated = [
        entry.entry_id
        for entry in entries
        if entry.state is ConfigEntryState.LOADED and entry.runtime_data.coordinator.profiles.users != profiles.users
    ]
    return outdated, dict(profiles.failures)


async def _reload_profiles(call: ServiceCall) -> ServiceResponse:
    """Reload the accounts whose profiles have changed; return how many, and what is wrong with files."""
    outdated, failures = await async_find_outdated(call.hass)
    await asyncio.gather(*map(call.hass.config_entries.async_reload, outdated))
    return {"accounts": len(outdated), "errors": dict(failures)}


async def _export_profile(call: ServiceCall) -> ServiceResponse:
    """Return the user's files that say something about a device."""
    (target,) = devices_to_control(call)
    state = target.state
    sources = dict.fromkeys(
        profile.source for profile in state.profiles.users_of(state.product, state.device.id) if profile.source
    )
    if not sources:
        raise exceptions.of_call("no_profile", device=state.device.name)
    folder = user_profiles.folder_of(call.hass)
    texts = await call.hass.async_add_executor_job(user_profiles.texts_of, folder, tuple(sources))
    return {"files": dict(texts)}
