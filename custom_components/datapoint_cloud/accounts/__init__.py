"""The account types, one for each cloud, and functions for an account of any cloud.

Nothing outside `accounts/` and `clouds/` knows one cloud from another. To add a cloud, write a package in `clouds/` and
a file here, and add its texts to the translations.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Mapping
from itertools import count
from operator import attrgetter
from typing import Any, Final

from aiohttp import ClientSession, DummyCookieJar
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from ..clouds.client_store import ClientStore
from ..clouds.cloud import Cloud
from ..const import CONF_CLOUD, DOMAIN, OPTION_GROUPS
from .base import AccountType, ClientContext, Scopes, ScopeType


def load_account_types() -> dict[str, AccountType]:
    """Import every file of this folder, and return the account types by the kind of their cloud, in menu order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f".{module.name}", __name__)
    found = sorted((cls() for cls in AccountType.__subclasses__()), key=attrgetter("menu_position"))
    return {account_type.kind: account_type for account_type in found}


ACCOUNT_TYPES: Final[Mapping[str, AccountType]] = load_account_types()
"""The account types by the kind of their cloud, in the order of the menu."""


def account_type_of(entry: ConfigEntry) -> AccountType:
    """Return the account type of an entry."""
    return ACCOUNT_TYPES[entry.data[CONF_CLOUD]]


def scope_type(subentry_type: str) -> ScopeType:
    """Return the scope type with this type of subentries."""
    scope_types = (account_type.scope_type for account_type in ACCOUNT_TYPES.values())
    return next(found for found in scope_types if found is not None and found.subentry_type == subentry_type)


def cloud_of(hass: HomeAssistant, entry: ConfigEntry, client_store: ClientStore) -> Cloud:
    """Build the client of an entry, with all its scopes and the groups of devices its user chose."""
    data = {**entry.data, OPTION_GROUPS: entry.options.get(OPTION_GROUPS, ())}
    return open_cloud(hass, entry.data[CONF_CLOUD], data, scopes_of(entry), client_store)


def open_cloud(
    hass: HomeAssistant, kind: str, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore
) -> Cloud:
    """Build the client of an account of the kind `kind` from the data of an entry. Sends nothing."""
    context = ClientContext(hass=hass, session=_session(hass), data=data, scopes=scopes, client_store=client_store)
    return ACCOUNT_TYPES[kind].open(context)


async def sub_accounts_of(hass: HomeAssistant, kind: str, data: Mapping[str, Any]) -> Mapping[str, str]:
    """Log in and return the names of the accounts that the credentials open, by id. Raises any `CloudError`."""
    context = ClientContext(hass=hass, session=_session(hass), data=data, scopes={}, client_store=ClientStore())
    return await ACCOUNT_TYPES[kind].sub_accounts(context)


def forget_login(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    """End the session that these credentials may have opened, so that their next use logs in again."""
    ACCOUNT_TYPES[data[CONF_CLOUD]].forget_login(hass, data)


def account_name(entry: ConfigEntry) -> str:
    """Return the name of an account for the log and for the ids of its entities.

    It is the title, unless the title contains the name that the user logs in with.
    """
    login = entry.data.get(CONF_USERNAME, "")
    if "@" not in entry.title and not (login and login in entry.title):
        return entry.title
    number = hashlib.sha256((entry.unique_id or entry.entry_id).encode()).hexdigest()[:4]
    return f"{account_type_of(entry).brand(entry.data)} account {number}"


def groups_of(entry: ConfigEntry) -> list[str]:
    """Return the device groups that the cloud of an entry restricts its lists to."""
    return account_type_of(entry).groups(scopes_of(entry), entry.options.get(OPTION_GROUPS, ()))


def scopes_of(entry: ConfigEntry) -> Scopes:
    """Return the data of the subentries of an entry, by the id of the scope."""
    return {scope_id_of(subentry): subentry.data for subentry in entry.subentries.values()}


def scope_id_of(subentry: ConfigSubentry) -> str:
    """Return the id of a scope in its account."""
    return scope_type(subentry.subentry_type).stored_id(subentry)


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


@singleton(HassKey[ClientSession](f"{DOMAIN}_session"))
def _session(hass: HomeAssistant) -> ClientSession:
    # All accounts share one session: without cookies nothing of one can reach another. It is made while the first
    # entry is set up and outlives it; Home Assistant closes its connections at the end.
    return async_create_clientsession(hass, auto_cleanup=False, cookie_jar=DummyCookieJar())
