"""What an entry holds, turned into the cloud it is an account of.

The only module that knows how each cloud is built. It asks nothing and keeps nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import ClientSession, DummyCookieJar
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ssl import client_context, client_context_no_verify

from .clouds.client_store import ClientStore
from .clouds.cloud import Cloud
from .clouds.firstlight.api import FirstlightCloud, UsageQuery
from .clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product, SnotiServer
from .clouds.gizwits.enterprise.snoti import DEFAULT_HOST, DEFAULT_PORT
from .clouds.gizwits.open.api import GizwitsOpenCloud
from .clouds.gizwits.open.login import KNOWN_APPS, REGIONS, AnonymousLogin, PasswordLogin
from .clouds.hosts import host_and_port, is_loopback
from .clouds.sodata.api import SoDataCloud
from .clouds.sodata.auth import KeycloakLogin
from .const import (
    CONF_API_URL,
    CONF_APP_ID,
    CONF_ATY,
    CONF_AUTH_ID,
    CONF_AUTH_SECRET,
    CONF_AUTH_URL,
    CONF_AUTHORIZATION_TOKEN,
    CONF_CLIENT_ID,
    CONF_CLIENT_SECRET,
    CONF_CLOUD,
    CONF_CORPORATE_ACCOUNT,
    CONF_DATE_FORMAT,
    CONF_ENTERPRISE_ID,
    CONF_ENTERPRISE_SECRET,
    CONF_FIELD,
    CONF_GROUP_BY,
    CONF_GROUP_ID,
    CONF_ITEM_ID,
    CONF_ITEM_ID_AS_PARAMETER,
    CONF_MOST_ROWS,
    CONF_PASSWORD,
    CONF_PERIOD,
    CONF_PHONE_ID,
    CONF_PRODUCT_KEY,
    CONF_PRODUCT_SECRET,
    CONF_REALM,
    CONF_REGION,
    CONF_SNOTI_HOST,
    CONF_SORT_BY,
    CONF_SORT_ORDER,
    CONF_UNIT,
    CONF_USER_TOKEN,
    CONF_USERNAME,
    DOMAIN,
    OPTION_GROUPS,
    SUBENTRY_PRODUCT,
)

_LOGINS: HassKey[dict[tuple[str, ...], KeycloakLogin]] = HassKey(f"{DOMAIN}_logins")
MAKERS: Final[Mapping[str, str]] = {
    GizwitsOpenCloud.kind: "Gizwits",
    GizwitsEnterpriseCloud.kind: "Gizwits",
    SoDataCloud.kind: "Socomec",
    FirstlightCloud.kind: "Firstlight",
}

type Scopes = Mapping[str, Mapping[str, Any]]
"""What the subentries hold, by the id of the scope."""


def cloud_of(hass: HomeAssistant, entry: ConfigEntry, client_store: ClientStore) -> Cloud:
    """The cloud of a config entry, with all its scopes and the chosen groups of devices."""
    data = {**entry.data, OPTION_GROUPS: entry.options.get(OPTION_GROUPS, ())}
    return open_cloud(hass, entry.data[CONF_CLOUD], data, scopes_of(entry), client_store)


def scopes_of(entry: ConfigEntry) -> Scopes:
    """What the subentries of an entry hold."""
    return {scope_id_of(subentry): subentry.data for subentry in entry.subentries.values()}


def groups_of(entry: ConfigEntry) -> list[str]:
    """The groups that the products of an entry are seen through, each after its product's key."""
    if entry.data[CONF_CLOUD] != GizwitsEnterpriseCloud.kind:
        return []
    chosen = entry.options.get(OPTION_GROUPS, ())
    return [f"{key}/{group}" for key, scope in scopes_of(entry).items() for group in _group_ids(scope, chosen) if group]


def subentry_of(entry: ConfigEntry, scope: str | None) -> str | None:
    """The id of the subentry that a scope was named in."""
    return next((key for key, found in entry.subentries.items() if scope_id_of(found) == scope), None)


def account_name(entry: ConfigEntry) -> str:
    """What an account is called where its login has no business: in the log, and in the ids of its entities.

    That is its title, unless the title is what the user logs in with.
    """
    login = entry.data.get(CONF_USERNAME, "")
    if "@" not in entry.title and not (login and login in entry.title):
        return entry.title
    brand = KNOWN_APPS.get(entry.data.get(CONF_APP_ID, ""), MAKERS[entry.data[CONF_CLOUD]])
    number = hashlib.sha256((entry.unique_id or entry.entry_id).encode()).hexdigest()[:4]
    return f"{brand} account {number}"


def open_cloud(
    hass: HomeAssistant, kind: str, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore
) -> Cloud:
    """The cloud of kind `kind` with the credentials of `data`. Asks it nothing."""
    return _BUILDERS[kind](hass, data, scopes, client_store)


def sodata_cloud(hass: HomeAssistant, data: Mapping[str, Any], client_store: ClientStore) -> SoDataCloud:
    """The SoData cloud; without a corporate account in `data` it can only tell which there are."""
    return SoDataCloud(
        _session(hass),
        api_url=data[CONF_API_URL],
        login=_keycloak_login(hass, data),
        corporate_account=data.get(CONF_CORPORATE_ACCOUNT),
        client_store=client_store,
    )


def _keycloak_login(hass: HomeAssistant, data: Mapping[str, Any]) -> KeycloakLogin:
    """The login of a SoData user, the same for a form, the set-up that follows and reloads: one signs in for all.

    It is kept in memory alone, and for no longer than its session lasts.
    """
    logins = hass.data.setdefault(_LOGINS, {})
    for known in [known for known, login in logins.items() if not login.is_signed_in]:
        del logins[known]
    credentials = _login_of(data)
    if credentials not in logins:
        auth_url, realm, client_id, client_secret, username, password = credentials
        logins[credentials] = KeycloakLogin(
            _session(hass),
            auth_url=auth_url,
            realm=realm,
            client_id=client_id,
            client_secret=client_secret,
            username=username,
            password=password,
        )
    return logins[credentials]


def forget_login(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    """Sign in anew with these credentials when next they are used, whatever session there is."""
    if data[CONF_CLOUD] == SoDataCloud.kind:
        hass.data.get(_LOGINS, {}).pop(_login_of(data), None)


def _login_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    names = (CONF_AUTH_URL, CONF_REALM, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_USERNAME, CONF_PASSWORD)
    return tuple(data[name] for name in names)


def scope_id_of(subentry: ConfigSubentry) -> str:
    """The id of a scope in its account. A usage query keeps the one it was made with, whatever its period is now."""
    if subentry.subentry_type != SUBENTRY_PRODUCT and subentry.unique_id:
        return subentry.unique_id
    return scope_id(subentry.subentry_type, subentry.data)


def scope_id(subentry_type: str, data: Mapping[str, Any]) -> str:
    """What a scope names, as one text: two scopes with the same text are the same. A new scope has it as its id."""
    return data[CONF_PRODUCT_KEY] if subentry_type == SUBENTRY_PRODUCT else _usage_query(data)


def id_of_change(
    entry: ConfigEntry, changed: ConfigSubentry | None, subentry_type: str, data: Mapping[str, Any]
) -> str:
    """The id of a scope that is new, or is changed to `data`: none that another one was made with.

    The figures of a query stay the same ones when nothing but its period is another.
    """
    if changed is not None and scope_id(subentry_type, {**changed.data, CONF_PERIOD: ""}) == scope_id(
        subentry_type, {**data, CONF_PERIOD: ""}
    ):
        return scope_id_of(changed)
    taken = {scope_id_of(other) for other in entry.subentries.values() if other is not changed}
    wanted = scope_id(subentry_type, data)
    return next(found for number in count(1) if (found := wanted if number == 1 else f"{wanted}{number}") not in taken)


def _usage_query(data: Mapping[str, Any]) -> str:
    parts = (CONF_ATY, CONF_FIELD, CONF_ITEM_ID, CONF_PERIOD, CONF_GROUP_BY)
    return "/".join(quote(data.get(part) or "", safe="") for part in parts)


def usage_query_name(data: Mapping[str, Any]) -> str:
    """A name such as "content genre per day"."""
    name = f"{data[CONF_ATY]} {data[CONF_FIELD]}"
    if item_id := data.get(CONF_ITEM_ID):
        name += f" of {item_id}"
    name += f" per {data[CONF_PERIOD]}"
    if group_by := data.get(CONF_GROUP_BY):
        name += f" by {group_by}"
    return name


@singleton(HassKey[ClientSession](f"{DOMAIN}_session"))
def _session(hass: HomeAssistant) -> ClientSession:
    # Without cookies nothing of one account can reach another, so that all may share one session. It is made in the
    # setting up of whichever entry comes first and outlives it; Home Assistant closes its connections at the end.
    return async_create_clientsession(hass, auto_cleanup=False, cookie_jar=DummyCookieJar())


def _gizwits_open(hass: HomeAssistant, data: Mapping[str, Any], _: Scopes, client_store: ClientStore) -> Cloud:
    login = (
        AnonymousLogin(phone_id=data[CONF_PHONE_ID])
        if CONF_PHONE_ID in data
        else PasswordLogin(username=data[CONF_USERNAME], password=data[CONF_PASSWORD])
    )
    return GizwitsOpenCloud(
        _session(hass),
        api_url=data.get(CONF_API_URL) or REGIONS[data[CONF_REGION]].api_url,
        app_id=data[CONF_APP_ID],
        login=login,
        client_store=client_store,
    )


def _gizwits_enterprise(
    hass: HomeAssistant, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore
) -> Cloud:
    return GizwitsEnterpriseCloud(
        _session(hass),
        api_url=data[CONF_API_URL],
        enterprise_id=data[CONF_ENTERPRISE_ID],
        enterprise_secret=data[CONF_ENTERPRISE_SECRET],
        products=[
            Product(
                product_key=scope[CONF_PRODUCT_KEY],
                product_secret=scope[CONF_PRODUCT_SECRET],
                group_id=group_id,
                auth_id=scope.get(CONF_AUTH_ID),
                auth_secret=scope.get(CONF_AUTH_SECRET),
            )
            for scope in scopes.values()
            for group_id in _group_ids(scope, data.get(OPTION_GROUPS, ()))
        ],
        client_store=client_store,
        snoti=_snoti_server(data.get(CONF_SNOTI_HOST, ""), urlsplit(data[CONF_API_URL]).hostname or ""),
    )


def _group_ids(scope: Mapping[str, Any], chosen: Iterable[str]) -> list[str | None]:
    """The groups that a product is seen through: the chosen ones, its own, or none at all."""
    prefix = f"{scope[CONF_PRODUCT_KEY]}/"
    of_product: list[str | None] = [group.removeprefix(prefix) for group in chosen if group.startswith(prefix)]
    return of_product or [scope.get(CONF_GROUP_ID)]


def _snoti_server(address: str, api_host: str) -> SnotiServer:
    # The push of an API on this machine is on it, too, unless the user says otherwise: no secret leaves it unasked.
    usual_host = api_host if is_loopback(api_host) else DEFAULT_HOST
    host, port = host_and_port(address, DEFAULT_PORT) or (usual_host, DEFAULT_PORT)
    # What does not leave this machine needs no certificate that anyone has signed. Both contexts are ready made.
    tls = client_context_no_verify() if is_loopback(host) else client_context()
    return SnotiServer(host=host, port=port, tls=tls)


def _sodata(hass: HomeAssistant, data: Mapping[str, Any], _: Scopes, client_store: ClientStore) -> Cloud:
    return sodata_cloud(hass, data, client_store)


def _firstlight(hass: HomeAssistant, data: Mapping[str, Any], scopes: Scopes, client_store: ClientStore) -> Cloud:
    return FirstlightCloud(
        _session(hass),
        api_url=data[CONF_API_URL],
        authorization_token=data[CONF_AUTHORIZATION_TOKEN],
        user_token=data[CONF_USER_TOKEN],
        queries=[
            UsageQuery(
                id=query_id,
                name=usage_query_name(scope),
                aty=scope[CONF_ATY],
                field=scope[CONF_FIELD],
                item_id=scope.get(CONF_ITEM_ID),
                is_item_id_in_query=scope.get(CONF_ITEM_ID_AS_PARAMETER, False),
                period=scope[CONF_PERIOD],
                group_by=scope.get(CONF_GROUP_BY),
                unit=scope.get(CONF_UNIT),
                date_format=scope[CONF_DATE_FORMAT],
                sort_by=scope.get(CONF_SORT_BY),
                sort_order=scope.get(CONF_SORT_ORDER),
                most_rows=scope.get(CONF_MOST_ROWS),
            )
            for query_id, scope in scopes.items()
        ],
        time_zone=dt_util.get_default_time_zone(),
        client_store=client_store,
    )


_BUILDERS: Mapping[str, Callable[[HomeAssistant, Mapping[str, Any], Scopes, ClientStore], Cloud]] = {
    GizwitsOpenCloud.kind: _gizwits_open,
    GizwitsEnterpriseCloud.kind: _gizwits_enterprise,
    SoDataCloud.kind: _sodata,
    FirstlightCloud.kind: _firstlight,
}
