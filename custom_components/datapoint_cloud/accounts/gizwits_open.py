"""The account of an app's user at the Gizwits Open API."""

from collections.abc import Collection, Mapping
from typing import Any, Final, override

from ..clouds.cloud import Cloud
from ..clouds.errors import Reason
from ..clouds.gizwits.open.api import GizwitsOpenCloud
from ..clouds.gizwits.open.login import KNOWN_APPS, REGIONS, AnonymousLogin, PasswordLogin
from ..const import CONF_API_URL, CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from .base import AccountType, ClientContext
from .fields import Field, address_field, secret_field

CONF_APP_ID: Final = "app_id"
CONF_PHONE_ID: Final = "phone_id"


class GizwitsOpenAccount(AccountType):
    """A user with a username and a password, or an anonymous one with a phone id."""

    kind = GizwitsOpenCloud.kind
    maker = "Gizwits"
    menu_position = 10
    docs_page = "gizwits-open-api.md"
    field_of_no_devices = CONF_REGION
    fields = (
        Field(name=CONF_REGION, choices=tuple(REGIONS), default="eu", is_public=True),
        Field(name=CONF_APP_ID, choices=KNOWN_APPS, is_open=True, reasons=(Reason.UNKNOWN_APP,)),
        Field(
            name=CONF_USERNAME,
            is_required=False,
            is_for_reauth=True,
            reasons=(Reason.UNKNOWN_USER, Reason.ACCOUNT_DISABLED),
        ),
        secret_field(CONF_PASSWORD, Reason.WRONG_PASSWORD, is_required=False),
        secret_field(CONF_PHONE_ID, is_required=False, is_advanced=True),
        address_field(CONF_API_URL, is_required=False),
    )

    @override
    def problems(self, values: Mapping[str, Any]) -> dict[str, str]:
        user = [name for name in (CONF_USERNAME, CONF_PASSWORD) if name in values]
        if CONF_PHONE_ID in values:
            return {CONF_PHONE_ID: "two_logins"} if user else {}
        return {name: "missing" for name in (CONF_USERNAME, CONF_PASSWORD) if name not in user}

    @override
    def obsolete_secrets(self, values: Mapping[str, Any]) -> Collection[str]:
        if CONF_PHONE_ID in values:
            return (CONF_PASSWORD,)
        return (CONF_PHONE_ID,) if CONF_USERNAME in values else ()

    @override
    def reauth_fields(self, data: Mapping[str, Any]) -> tuple[Field, ...]:
        is_anonymous = CONF_PHONE_ID in data
        return tuple(field for field in super().reauth_fields(data) if (field.name == CONF_PHONE_ID) == is_anonymous)

    @override
    def brand(self, data: Mapping[str, Any]) -> str:
        return KNOWN_APPS.get(data.get(CONF_APP_ID, ""), self.maker)

    @override
    def open(self, context: ClientContext) -> Cloud:
        data = context.data
        login = (
            AnonymousLogin(phone_id=data[CONF_PHONE_ID])
            if CONF_PHONE_ID in data
            else PasswordLogin(username=data[CONF_USERNAME], password=data[CONF_PASSWORD])
        )
        return GizwitsOpenCloud(
            context.session,
            api_url=data.get(CONF_API_URL) or REGIONS[data[CONF_REGION]].api_url,
            app_id=data[CONF_APP_ID],
            login=login,
            client_store=context.client_store,
            observer=context.observer,
        )
