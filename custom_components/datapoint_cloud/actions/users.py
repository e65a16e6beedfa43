"""The actions for the users of a product: finding them, and binding devices to them.

Personal data is returned only if the caller wants it.
"""

from typing import Any, Final

import voluptuous as vol
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType

from .. import exceptions
from ..clouds.administration import User, UserAdministration
from ..clouds.errors import Rejected
from . import words
from .account_action import PRODUCT_FIELD, TEXT, TEXTS, AccountAction, AccountCall, Fields, item_results, offered

_BOUND: Final = "bound"
_REGISTERED: Final = "registered"
_KEYS: Final = ("user_id", "username", "phone", "email", "device_id", "mac", "serial_number")
_ONLY_OF: Final = {"group_id": _BOUND, "app_id": _REGISTERED}  # the kind of users that a limit is for
_users = offered(lambda administration: administration.users)
_NOT_OFFERED: Final = "users_not_offered"
_BINDING: Final[Fields] = {
    **PRODUCT_FIELD,
    vol.Required("user_id"): TEXT,
    vol.Required("app_id"): TEXT,
    vol.Optional("devices"): TEXTS,
    vol.Optional("device_id"): TEXTS,
}


async def _find_users(call: AccountCall, users: UserAdministration) -> JsonObjectType:
    """Return the users of a product who have bound a device, or who have registered in an app."""
    kind, by = call.data["kind"], call.data.get("by")
    if (by is None) != ("value" not in call.data):
        raise exceptions.of_call("value_missing")
    for field, only in _ONLY_OF.items():
        if field in call.data and kind != only:
            raise _misuse(call, kind, field)
    limits: dict[str, Any] = {
        "by": by,
        "value": call.data.get("value"),
        "limit": call.data["limit"],
        "with_personal": call.data["include_personal"],
    }
    try:
        if kind == _BOUND:
            found = await users.bound(_product(call), group_id=call.data.get("group_id"), **limits)
        else:
            found = await users.registered(_product(call), app_id=call.data.get("app_id"), **limits)
    except Rejected as error:
        if error.code is not None or error.subject != "by":
            raise
        raise _misuse(call, kind, by or "") from error
    return {"users": [_row(user) for user in found]}


def _misuse(call: AccountCall, kind: str, field: str) -> ServiceValidationError:
    name = (
        words.option_names(call.hass, "user_key", [field])
        if field in _KEYS
        else words.field_names(call.hass, "find_users", [field])
    )
    return exceptions.of_call("not_of_these_users", kind=words.option_names(call.hass, "user_kind", [kind]), field=name)


def _row(user: User) -> JsonObjectType:
    personal: JsonObjectType = {"personal": dict(user.personal)} if user.personal else {}
    return {"id": user.id, "anonymous": user.is_anonymous, "owner": user.is_owner} | personal


async def _bind_user(call: AccountCall, users: UserAdministration) -> JsonObjectType:
    """Bind devices to a user."""
    data = call.data
    return item_results(
        call, await users.bind(_product(call), data["user_id"], data["app_id"], call.device_ids("devices"))
    )


async def _unbind_user(call: AccountCall, users: UserAdministration) -> JsonObjectType:
    """Unbind devices from a user."""
    data = call.data
    return item_results(
        call, await users.unbind(_product(call), data["user_id"], data["app_id"], call.device_ids("devices"))
    )


def _product(call: AccountCall) -> str:
    product = call.product()
    if product is None:
        raise exceptions.of_call("users_not_offered", account=call.account)
    return product


ACTIONS: Final = (
    AccountAction(
        name="find_users",
        fields={
            **PRODUCT_FIELD,
            vol.Required("kind"): vol.In([_BOUND, _REGISTERED]),
            vol.Optional("by"): vol.In(_KEYS),
            vol.Optional("value"): TEXT,
            vol.Optional("group_id"): TEXT,
            vol.Optional("app_id"): TEXT,
            vol.Optional("limit", default=100): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
            vol.Optional("include_personal", default=False): cv.boolean,
        },
        part=_users,
        not_offered=_NOT_OFFERED,
        run=_find_users,
        is_for_administrators=True,
    ),
    AccountAction(
        name="bind_user",
        fields=_BINDING,
        part=_users,
        not_offered=_NOT_OFFERED,
        run=_bind_user,
        is_change=True,
    ),
    AccountAction(
        name="unbind_user",
        fields=_BINDING,
        part=_users,
        not_offered=_NOT_OFFERED,
        run=_unbind_user,
        is_change=True,
    ),
)
