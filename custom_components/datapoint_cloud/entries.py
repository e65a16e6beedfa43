"""Config entries as accounts: their types, scopes, names and clients."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

from aiohttp import ClientSession, DummyCookieJar
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ssl import client_context, client_context_no_verify

from .accounts import ACCOUNT_TYPES, scope_type
from .accounts.base import AccountType, Answers, ClientContext, Logins, NoDevices, Scopes
from .clouds.client_store import ClientStore
from .clouds.cloud import Cloud
from .clouds.traffic import Observer
from .clouds.transport import Transport
from .const import CONF_CLOUD, CONF_USERNAME, DOMAIN, OPTION_GROUPS
from .timings import timings_of

_LOGINS: Final[HassKey[Logins]] = HassKey(f"{DOMAIN}_logins")
_ANSWERS: Final[HassKey[Answers]] = HassKey(f"{DOMAIN}_answers")


def account_type_of(entry: ConfigEntry) -> AccountType:
    """Return the account type of an entry."""
    return ACCOUNT_TYPES[entry.data[CONF_CLOUD]]


def cloud_of(hass: HomeAssistant, entry: ConfigEntry, client_store: ClientStore) -> Cloud:
    """Build the client of an entry, with all its scopes and the groups of devices its user chose."""
    data = {**entry.data, OPTION_GROUPS: entry.options.get(OPTION_GROUPS, ())}
    return open_cloud(hass, entry.data[CONF_CLOUD], data, scopes_of(entry), client_store)


def open_cloud(
    hass: HomeAssistant, kind: str, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore
) -> Cloud:
    """Build the client of an account of the kind `kind` from the data of an entry. Sends nothing."""
    return ACCOUNT_TYPES[kind].open(_context(hass, data, scopes, client_store))


def observed_cloud(hass: HomeAssistant, entry: ConfigEntry, observer: Observer) -> Cloud:
    """Build another client of an entry, which logs in anew, shares nothing with the entry's own and is observed."""
    account_type = account_type_of(entry)
    data = {**entry.data, OPTION_GROUPS: entry.options.get(OPTION_GROUPS, ())}
    context = _context(hass, data, scopes_of(entry), ClientStore(account_type.temporary_store))
    return account_type.open(replace(context, logins={}, transport=replace(context.transport, observer=observer)))


async def sub_accounts_of(hass: HomeAssistant, kind: str, data: Mapping[str, Any]) -> Mapping[str, str]:
    """Log in and return the names of the accounts that the credentials open, by id. Raises any `CloudError`."""
    return await ACCOUNT_TYPES[kind].sub_accounts(_context(hass, data, {}, ClientStore()))


async def explain_no_devices(
    hass: HomeAssistant, kind: str, data: Mapping[str, Any], client_store: ClientStore
) -> NoDevices | None:
    """Find out why an account that works has no devices; None if that is nothing unusual. Raises any `CloudError`."""
    return await ACCOUNT_TYPES[kind].explain_no_devices(_context(hass, data, {}, client_store))


def forget_login(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    """End the session that these credentials may have opened, so that their next use logs in again."""
    ACCOUNT_TYPES[data[CONF_CLOUD]].forget_login(_logins(hass), data)


def account_name(entry: ConfigEntry) -> str:
    """Return the name of an account for the log: its title, unless that contains the login."""
    words = words_of_account(entry)
    return entry.title if words is None else "{brand} account {number}".format(**words)


def words_of_account(entry: ConfigEntry) -> Mapping[str, str] | None:
    """Return what an account is called by if its title contains the name that the user logs in with.

    The name of its device must not contain that, because it becomes a part of the ids of entities.
    """
    login = entry.data.get(CONF_USERNAME, "")
    if "@" not in entry.title and not (login and login in entry.title):
        return None
    number = hashlib.sha256((entry.unique_id or entry.entry_id).encode()).hexdigest()[:4]
    return {"brand": account_type_of(entry).brand(entry.data), "number": number}


def groups_of(entry: ConfigEntry) -> list[str]:
    """Return the device groups that the cloud of an entry restricts its lists to."""
    return account_type_of(entry).groups(scopes_of(entry), entry.options.get(OPTION_GROUPS, ()))


def scopes_of(entry: ConfigEntry) -> Scopes:
    """Return the data of the subentries of an entry, by the id of the scope."""
    return {scope_id_of(subentry): subentry.data for subentry in entry.subentries.values()}


def scope_id_of(subentry: ConfigSubentry) -> str:
    """Return the id of a scope in its account."""
    return scope_type(subentry.subentry_type).stored_id(subentry.unique_id, subentry.data)


def subentry_of(entry: ConfigEntry, scope_id: str | None) -> str | None:
    """Return the id of the subentry of a scope."""
    return next((key for key, subentry in entry.subentries.items() if scope_id_of(subentry) == scope_id), None)


def scope_id_to_store(
    entry: ConfigEntry, changed: ConfigSubentry | None, subentry_type: str, data: Mapping[str, Any]
) -> str:
    """Return the id for a scope with this data: a new one (`changed` is None), or one that is changed.

    It is never the id that another scope of the entry was made with.
    """
    type_ = scope_type(subentry_type)
    if changed is not None and type_.keeps_id(changed.data, data):
        return scope_id_of(changed)
    taken = {scope_id_of(other) for other in entry.subentries.values() if other is not changed}
    wanted = type_.id_of(data)
    return next(free for number in count(1) if (free := wanted if number == 1 else f"{wanted}{number}") not in taken)


def _context(hass: HomeAssistant, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore) -> ClientContext:
    return ClientContext(
        transport=Transport(_session(hass), timings=timings_of(hass).http),
        data=data,
        scopes=scopes,
        client_store=client_store,
        # Home Assistant has both contexts ready.
        tls=lambda is_checked: client_context() if is_checked else client_context_no_verify(),
        time_zone=dt_util.get_default_time_zone(),
        logins=_logins(hass),
        answers=hass.data.setdefault(_ANSWERS, {}),
    )


def _logins(hass: HomeAssistant) -> Logins:
    return hass.data.setdefault(_LOGINS, {})


@singleton(HassKey[ClientSession](f"{DOMAIN}_session"))
def _session(hass: HomeAssistant) -> ClientSession:
    # All accounts share one session: without cookies nothing of one can reach another. It is made while the first
    # entry is set up and outlives it; Home Assistant closes its connections at the end.
    return async_create_clientsession(hass, auto_cleanup=False, cookie_jar=DummyCookieJar())
