"""The corporate account of a SoLive Pro user at Socomec SoData."""

from collections.abc import Mapping
from typing import Any, Final, override

from ..clouds.errors import Forbidden, Reason
from ..clouds.sodata.api import DEFAULT_API_URL, DEFAULT_AUTH_URL, DEFAULT_REALM, SoDataCloud
from ..clouds.sodata.auth import KeycloakLogin
from ..const import CONF_API_URL, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_PASSWORD, CONF_USERNAME
from .base import AccountType, ClientContext, Logins
from .fields import Field, address_field, secret_field

CONF_AUTH_URL: Final = "auth_url"
CONF_REALM: Final = "realm"
CONF_CORPORATE_ACCOUNT: Final = "corporate_account"

_LOGIN_FIELDS = (CONF_AUTH_URL, CONF_REALM, CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_USERNAME, CONF_PASSWORD)


class SoDataAccount(AccountType):
    """One of the corporate accounts that a user belongs to."""

    kind = SoDataCloud.kind
    maker = "Socomec"
    menu_position = 30
    docs_page = "sodata.md"
    sub_account_field = CONF_CORPORATE_ACCOUNT
    fields = (
        Field(
            name=CONF_USERNAME,
            is_for_reauth=True,
            reasons=(Reason.UNKNOWN_USER, Reason.ACCOUNT_DISABLED),
        ),
        secret_field(CONF_PASSWORD, Reason.WRONG_PASSWORD),
        Field(
            name=CONF_CLIENT_ID,
            is_for_reauth=True,
            reasons=(Reason.WRONG_CLIENT, Reason.PASSWORD_LOGIN_NOT_ALLOWED, Reason.CONSENT_REQUIRED),
        ),
        secret_field(CONF_CLIENT_SECRET),
        address_field(CONF_API_URL, default=DEFAULT_API_URL),
        address_field(CONF_AUTH_URL, default=DEFAULT_AUTH_URL),
        Field(name=CONF_REALM, default=DEFAULT_REALM, is_advanced=True, is_public=True, reasons=(Reason.WRONG_REALM,)),
    )

    @override
    def open(self, context: ClientContext) -> SoDataCloud:
        data = context.data
        return SoDataCloud(
            context.transport,
            api_url=data[CONF_API_URL],
            login=_keycloak_login(context),
            corporate_account=data.get(CONF_CORPORATE_ACCOUNT),
            client_store=context.client_store,
        )

    @override
    async def sub_accounts(self, context: ClientContext) -> Mapping[str, str]:
        self.forget_login(context.logins, context.data)
        accounts = await self.open(context).corporate_accounts()
        if not accounts:
            raise Forbidden(Reason.NO_CORPORATE_ACCOUNT)
        return {account.uuid: account.name for account in accounts}

    @override
    def forget_login(self, logins: Logins, data: Mapping[str, Any]) -> None:
        logins.pop(_credentials(data), None)


def _keycloak_login(context: ClientContext) -> KeycloakLogin:
    """Return the login of a user, shared by the form, the set-up that follows and reloads, so that one login does.

    It is kept in memory only, and only while its session lasts.
    """
    logins = context.logins
    for ended in [credentials for credentials, login in logins.items() if not login.is_signed_in]:
        del logins[ended]
    credentials = _credentials(context.data)
    if credentials not in logins:
        auth_url, realm, client_id, client_secret, username, password = credentials
        logins[credentials] = KeycloakLogin(
            context.transport,
            auth_url=auth_url,
            realm=realm,
            client_id=client_id,
            client_secret=client_secret,
            username=username,
            password=password,
        )
    login: KeycloakLogin = logins[credentials]
    return login


def _credentials(data: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(data[name] for name in _LOGIN_FIELDS)
