"""The action that records what passes between an account and its cloud, with a client of its own."""

import asyncio
from typing import Final

import voluptuous as vol
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.loader import async_get_integration
from homeassistant.util.hass_dict import HassKey

from .. import exceptions, recording_storage
from ..clouds.errors import CloudError
from ..const import DOMAIN
from ..entries import account_name, account_type_of, observed_cloud, scopes_of
from ..recording.recorder import Recorder
from ..recording.tour import tour

RECORD_ACCOUNT: Final = "record_account"

_LARGEST: Final = 8 * 2**20  # bytes: the diagnostics contain the recording
_SCHEMA: Final = vol.Schema(
    {
        vol.Required("config_entry_id"): cv.string,
        vol.Optional("minutes", default=5): vol.All(vol.Coerce(float), vol.Range(min=0, max=30)),
    }
)
_RUNNING: Final[HassKey[set[str]]] = HassKey(f"{DOMAIN}_recordings")


@callback
def async_setup_record_action(hass: HomeAssistant) -> None:
    """Register the action."""
    service.async_register_admin_service(
        hass, DOMAIN, RECORD_ACCOUNT, _record_account, _SCHEMA, supports_response=SupportsResponse.OPTIONAL
    )


async def _record_account(call: ServiceCall) -> ServiceResponse:
    """Record an account for some minutes, and return where the recording is. The account need not be set up."""
    hass, entry = call.hass, _entry_of(call)
    running = hass.data.setdefault(_RUNNING, set())
    if entry.entry_id in running:
        raise exceptions.of_call("recording_running", account=account_name(entry))
    running.add(entry.entry_id)
    work = entry.async_create_background_task(hass, _async_record(hass, entry, call.data["minutes"] * 60), "recording")
    try:
        await asyncio.wait([work])
        if work.cancelled():
            raise exceptions.of_call("recording_ended", account=account_name(entry))
        response: ServiceResponse = work.result()
    except CloudError as error:
        raise exceptions.of_administration(error, is_change=False) from error
    finally:
        work.cancel()
        running.discard(entry.entry_id)
    return response if call.return_response else None


def _entry_of(call: ServiceCall) -> ConfigEntry:
    entry = call.hass.config_entries.async_get_entry(call.data["config_entry_id"])
    if entry is None or entry.domain != DOMAIN:
        # Raises the translated error of Home Assistant.
        return service.async_get_config_entry(call.hass, DOMAIN, call.data["config_entry_id"])
    return entry


async def _async_record(hass: HomeAssistant, entry: ConfigEntry, seconds: float) -> ServiceResponse:
    """Make the recording and store it. Raises the `CloudError` that ended it early, after it was stored."""
    recorder = Recorder(largest=_LARGEST)
    try:
        await tour(observed_cloud(hass, entry, recorder), seconds)
    except CloudError:
        await _async_store(hass, entry, recorder)
        raise
    return await _async_store(hass, entry, recorder)


async def _async_store(hass: HomeAssistant, entry: ConfigEntry, recorder: Recorder) -> ServiceResponse:
    version = str((await async_get_integration(hass, DOMAIN)).version)
    path = recording_storage.path_of(hass, entry.entry_id)

    def store() -> int:
        scopes = list(scopes_of(entry).values())
        lines, _ = recorder.lines(account_type_of(entry), entry.data, scopes, made_with=version)
        recording_storage.write(path, lines)
        return len(lines) - 1

    count = await hass.async_add_executor_job(store)
    return {"file": str(path), "recorded": count, "complete": recorder.is_complete}
