"""A sign-in that the user was asked for and that turns out to be needless: it ends by itself.

Whether it is, only asking again tells. That is done ever less often, by a new client: the old one knows its refusal.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .accounts import scopes_of
from .const import CONF_CLOUD, DOMAIN
from .flow.validation import Refused, attempt, verify
from .storage import hand_over

_LOGGER = logging.getLogger(__name__)

_FIRST_TRY_AFTER = 900.0  # seconds
_LONGEST_WAIT = 4 * 3600.0


@dataclass(slots=True)
class _Waiting:
    """An account that waits for its user."""

    tries: int
    cancel: Callable[[], None]


_WAITING: HassKey[dict[str, _Waiting]] = HassKey(f"{DOMAIN}_waiting_for_sign_in")


@callback
def async_try_again_later(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Try the account again after a while, if its user has not signed in until then."""
    waiting = hass.data.setdefault(_WAITING, {})
    before = waiting.get(entry.entry_id)
    tries = 0
    if before is not None:
        before.cancel()
        tries = before.tries + 1

    @callback
    def try_again(_: datetime) -> None:
        is_able = entry.state in {ConfigEntryState.LOADED, ConfigEntryState.SETUP_ERROR} and not entry.disabled_by
        if is_able and any(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
            entry.async_create_background_task(hass, _async_try(hass, entry), f"{DOMAIN} sign-in")

    job = HassJob(try_again, f"{DOMAIN} sign-in {entry.entry_id}", cancel_on_shutdown=True)
    seconds = min(_FIRST_TRY_AFTER * 2.0**tries, _LONGEST_WAIT)
    waiting[entry.entry_id] = _Waiting(tries, async_call_later(hass, seconds, job))


async def _async_try(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Reload the account if its cloud accepts it as it is; a reload ends the form that the user may be filling in."""
    kind, scopes = entry.data[CONF_CLOUD], scopes_of(entry)
    answer = await attempt(verify(hass, kind, entry.data, scopes, are_scopes_new=False), ())
    if entry.entry_id not in hass.data.get(_WAITING, {}):
        return  # the user has signed in meanwhile
    if isinstance(answer, Refused):
        async_try_again_later(hass, entry)
        return
    hand_over(hass, entry.unique_id or "", answer.client_store)
    hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def async_end(hass: HomeAssistant, entry: ConfigEntry, name: str) -> None:
    """Ask for no sign-in any more: the cloud accepts the account."""
    flows = list(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))
    if flows or entry.entry_id in hass.data.get(_WAITING, {}):
        _LOGGER.info("%s: the credentials are accepted again, nobody needs to sign in", name)
    async_forget(hass, entry)
    for flow in flows:
        hass.config_entries.flow.async_abort(flow["flow_id"])


@callback
def async_forget(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Try the account no more because of what was refused."""
    if (waiting := hass.data.get(_WAITING, {}).pop(entry.entry_id, None)) is not None:
        waiting.cancel()
