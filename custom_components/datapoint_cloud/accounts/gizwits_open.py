"""The account of an app's user at the Gizwits Open API."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, override

from ..clouds.client_store import ClientStore
from ..clouds.errors import Reason
from ..clouds.gizwits.open.api import GizwitsOpenCloud
from ..clouds.gizwits.open.login import KNOWN_APPS, REGIONS, AnonymousLogin, PasswordLogin
from ..clouds.gizwits.open.whereabouts import Finding, Place, Whereabouts, find_devices
from ..const import CONF_API_URL, CONF_PASSWORD, CONF_REGION, CONF_USERNAME
from .base import AccountType, ClientContext, NoDevices
from .fields import Field, address_field, secret_field

CONF_APP_ID: Final = "app_id"
CONF_PHONE_ID: Final = "phone_id"

_SEARCH_SECONDS: Final = 20.0  # for the devices of a user who has none
_IN_REGION: Final[Mapping[str, str]] = {"cn": "devices_in_cn", "us": "devices_in_us", "eu": "devices_in_eu"}


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
    async def explain_no_devices(self, context: ClientContext) -> NoDevices:
        data = context.data
        if CONF_PHONE_ID in data:
            # An unknown phone id makes a new user, so no other server is asked.
            return NoDevices(field_name=CONF_PHONE_ID, text="no_devices_anonymous")
        if CONF_API_URL in data:
            return NoDevices(field_name=CONF_REGION)  # a server of the user's own, which has no other regions
        answers = context.answers.setdefault((data[CONF_USERNAME], data[CONF_PASSWORD]), {})

        def user_in(place: Place) -> GizwitsOpenCloud:
            other = {**data, CONF_REGION: place[0], CONF_APP_ID: place[1]}
            return self.open(replace(context, data=other, client_store=ClientStore()))

        try:
            async with asyncio.timeout(_SEARCH_SECONDS):
                found = await find_devices(self.open(context), (data[CONF_REGION], data[CONF_APP_ID]), user_in, answers)
        except TimeoutError:
            found = Finding(whereabouts=Whereabouts.UNKNOWN)
        return _explained(found)

    @override
    def open(self, context: ClientContext) -> GizwitsOpenCloud:
        data = context.data
        login = (
            AnonymousLogin(phone_id=data[CONF_PHONE_ID])
            if CONF_PHONE_ID in data
            else PasswordLogin(username=data[CONF_USERNAME], password=data[CONF_PASSWORD])
        )
        return GizwitsOpenCloud(
            context.transport,
            api_url=data.get(CONF_API_URL) or REGIONS[data[CONF_REGION]].api_url,
            app_id=data[CONF_APP_ID],
            login=login,
            client_store=context.client_store,
        )


def _explained(found: Finding) -> NoDevices:
    devices = {"devices": str(found.devices)}
    match found.whereabouts:
        case Whereabouts.OTHER_REGION:
            values = {CONF_REGION: found.region}
            return NoDevices(field_name=CONF_REGION, text=_IN_REGION[found.region], placeholders=devices, values=values)
        case Whereabouts.OTHER_APP:
            named = devices | {"app": KNOWN_APPS[found.app_id]}
            values = {CONF_APP_ID: found.app_id}
            return NoDevices(field_name=CONF_APP_ID, text="devices_in_other_app", placeholders=named, values=values)
        case Whereabouts.INVITED:
            return NoDevices(field_name=CONF_USERNAME, text="invitation_waits")
        case Whereabouts.NO_LONGER_SHARED:
            return NoDevices(field_name=CONF_USERNAME, text="sharing_ended")
        case Whereabouts.NOWHERE:
            return NoDevices(field_name=CONF_USERNAME, text="no_devices_anywhere")
        case Whereabouts.UNKNOWN:
            return NoDevices(field_name=CONF_REGION)
