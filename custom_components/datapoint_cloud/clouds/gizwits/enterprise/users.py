"""The users of an enterprise's products and the devices bound to them ("Enterprise API, User management").

Users are personal data: a search returns their ids, and everything else only when it is asked for.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from ... import coerce
from ...administration import ItemResults, User
from ...client_store import ClientStore
from ...errors import Reason, Rejected
from .. import wire_values
from ..item_results import item_results
from ..paging import DEVICE_PAGES, Row, find_rows, page_size
from .product_access import ProductAccess

_REGISTERED_PATH: Final = "/v1/users/search"
_BINDING_PATH: Final = "/users/search"
_BINDINGS_PATH: Final = "/devices/bindings"
_USUAL_LIMIT: Final = 100
_REGISTERED_KEYS: Final[Mapping[str, str]] = {"username": "username", "phone": "phone", "email": "email"}
_BINDING_KEYS: Final[Mapping[str, str]] = {
    **_REGISTERED_KEYS,
    "user_id": "uid",
    "device_id": "did",
    "mac": "mac",
    "serial_number": "device_sn",
}
_PERSONAL: Final = ("username", "name", "phone", "email", "birthday", "gender", "address", "remark")


class Users:
    """The users of all products."""

    def __init__(self, access: ProductAccess, client_store: ClientStore) -> None:
        """Ask through `access`; keep in `client_store` how long a page may be."""
        self._access = access
        self._page_size = page_size(client_store, "users page", DEVICE_PAGES)

    async def bound(
        self,
        product_key: str,
        *,
        by: str | None = None,
        value: str | None = None,
        group_id: str | None = None,
        limit: int = _USUAL_LIMIT,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Search the users that have bound a device of a product.

        `by` is one of `_BINDING_KEYS`. Raises `Rejected` (INVALID_REQUEST, subject: `by`) for anything else, and any
        other `CloudError`.
        """
        if (by is None) != (value is None) or (by is not None and by not in _BINDING_KEYS):
            raise Rejected(Reason.INVALID_REQUEST, endpoint=_BINDING_PATH, subject="by")
        if by == "mac" and value is not None:
            value = wire_values.bare_mac(value)
        params = _given({"gid": group_id, "type": None if by is None else _BINDING_KEYS[by], "val": value})

        def ask(place: Mapping[str, int]) -> Awaitable[Any]:
            return self._access.request(product_key, "GET", _BINDING_PATH, params={**params, **place})

        rows = await find_rows(ask, self._page_size, most=limit, endpoint=_BINDING_PATH)
        return _users(rows, with_personal=with_personal)

    async def registered(
        self,
        product_key: str,
        *,
        by: str | None = None,
        value: str | None = None,
        app_id: str | None = None,
        limit: int = _USUAL_LIMIT,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Search the users that have registered in an app of a product, by `username`, `phone` or `email`."""
        if (by is None) != (value is None) or (by is not None and by not in _REGISTERED_KEYS):
            raise Rejected(Reason.INVALID_REQUEST, endpoint=_REGISTERED_PATH, subject="by")
        searched = {} if by is None else {_REGISTERED_KEYS[by]: value}
        params = _given({"product_key": product_key, "appid": app_id, **searched})

        def ask(place: Mapping[str, int]) -> Awaitable[Any]:
            return self._access.request_as_enterprise("GET", _REGISTERED_PATH, params={**params, **place})

        rows = await find_rows(ask, self._page_size, most=limit, endpoint=_REGISTERED_PATH)
        return _users(rows, with_personal=with_personal)

    async def bind(self, product_key: str, user_id: str, app_id: str, device_ids: Sequence[str]) -> ItemResults:
        """Bind devices to a user of an app ("Enterprise API, Bindings")."""
        return await self._change(product_key, "POST", user_id, app_id, device_ids)

    async def unbind(self, product_key: str, user_id: str, app_id: str, device_ids: Sequence[str]) -> ItemResults:
        """Unbind devices from a user of an app."""
        return await self._change(product_key, "DELETE", user_id, app_id, device_ids)

    async def _change(
        self, product_key: str, method: str, user_id: str, app_id: str, device_ids: Sequence[str]
    ) -> ItemResults:
        body = {"uid": user_id, "appid": app_id, "dids": list(device_ids)}
        return item_results(await self._access.request(product_key, method, _BINDINGS_PATH, json_body=body), device_ids)


def _given(params: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}


def _users(rows: Sequence[Row], *, with_personal: bool) -> Sequence[User]:
    return [user for row in rows if (user := _user(row, with_personal)) is not None]


def _user(row: Mapping[str, Any], with_personal: bool) -> User | None:  # noqa: FBT001
    user_id = coerce.text(row.get("uid"))
    if user_id is None:
        return None
    personal = {name: text for name in _PERSONAL if (text := coerce.text(row.get(name)))} if with_personal else {}
    # Older pages of the document misspell the field.
    anonymous = row.get("is_anonymous", row.get("is_anomymous"))
    return User(
        id=user_id,
        is_anonymous=wire_values.flag(anonymous),
        is_owner=wire_values.flag(row.get("is_owner")),
        personal=personal,
    )
