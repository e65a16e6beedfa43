"""Close the form to sign in again if the cloud accepts the old credentials after all.

Clouds sometimes refuse correct credentials for a while. So they are tried again, at growing intervals and with a new
client, because the old one remembers the refusal.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .const import CONF_CLOUD, DOMAIN
from .entries import scopes_of
from .flow.validation import FormErrors, attempt, verify
from .storage import hand_over

_LOGGER = logging.getLogger(__name__)

_FIRST_RETRY_AFTER = 900.0  # seconds
_LONGEST_INTERVAL = 4 * 3600.0


@dataclass(slots=True)
class _Retry:
    """The next try of an account that waits for its user to sign in."""

    count: int
    cancel: Callable[[], None]


_RETRIES: HassKey[dict[str, _Retry]] = HassKey(f"{DOMAIN}_waiting_for_sign_in")


@callback
def async_try_again_later(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Schedule the next try of the credentials, in case the user has not signed in by then."""
    retries = hass.data.setdefault(_RETRIES, {})
    previous = retries.get(entry.entry_id)
    count = 0
    if previous is not None:
        previous.cancel()
        count = previous.count + 1

    @callback
    def try_again(_: datetime) -> None:
        is_able = entry.state in {ConfigEntryState.LOADED, ConfigEntryState.SETUP_ERROR} and not entry.disabled_by
        if is_able and any(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
            entry.async_create_background_task(hass, _async_try(hass, entry), f"{DOMAIN} sign-in")

    job = HassJob(try_again, f"{DOMAIN} sign-in {entry.entry_id}", cancel_on_shutdown=True)
    seconds = min(_FIRST_RETRY_AFTER * 2.0**count, _LONGEST_INTERVAL)
    retries[entry.entry_id] = _Retry(count, async_call_later(hass, seconds, job))


async def _async_try(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Try the credentials; reload the account if the cloud accepts them, which also closes the form."""
    kind, scopes = entry.data[CONF_CLOUD], scopes_of(entry)
    answer = await attempt(verify(hass, kind, entry.data, scopes, are_scopes_new=False), ())
    if entry.entry_id not in hass.data.get(_RETRIES, {}):
        return  # the user signed in during the request
    if isinstance(answer, FormErrors):
        async_try_again_later(hass, entry)
        return
    hand_over(hass, entry.unique_id or "", answer.client_store)
    hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def async_end(hass: HomeAssistant, entry: ConfigEntry, name: str) -> None:
    """Close the form to sign in again, because the cloud accepted the credentials."""
    flows = list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    if flows or entry.entry_id in hass.data.get(_RETRIES, {}):
        _LOGGER.info("%s: the cloud accepts the credentials again, signing in is no longer necessary", name)
    async_forget(hass, entry)
    for flow in flows:
        hass.config_entries.flow.async_abort(flow["flow_id"])


@callback
def async_forget(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Cancel the next try of the credentials."""
    if (retry := hass.data.get(_RETRIES, {}).pop(entry.entry_id, None)) is not None:
        retry.cancel()
