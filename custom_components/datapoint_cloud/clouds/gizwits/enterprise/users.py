"""The users of an enterprise's products and the devices bound to them ("Enterprise API, User management").

Users are personal data: a search returns their ids, and everything else only when it is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ... import coerce
from ...administration import ItemResults, User
from ...errors import Reason, Rejected, UnexpectedAnswer
from ...paging import Page, read_pages
from .. import wire_values
from ..item_results import item_results
from .product_access import ProductAccess

_REGISTERED_PATH: Final = "/v1/users/search"
_BINDING_PATH: Final = "/users/search"
_BINDINGS_PATH: Final = "/devices/bindings"
_PAGE: Final = 100
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

    def __init__(self, access: ProductAccess) -> None:
        """Ask through `access`."""
        self._access = access

    async def bound(
        self,
        product_key: str,
        *,
        by: str | None = None,
        value: str | None = None,
        group_id: str | None = None,
        limit: int = _PAGE,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Search the users that have bound a device of a product.

        `by` is one of `_BINDING_KEYS`. Raises `Rejected` (INVALID_REQUEST, subject: `by`) for anything else, and any
        other `CloudError`.
        """
        if (by is None) != (value is None) or (by is not None and by not in _BINDING_KEYS):
            raise Rejected(Reason.INVALID_REQUEST, endpoint=_BINDING_PATH, subject="by")
        params = {"gid": group_id, "type": None if by is None else _BINDING_KEYS[by], "val": value}

        async def fetch(skip: int) -> Page:
            return _page(
                await self._access.request(product_key, "GET", _BINDING_PATH, params=_paged(params, limit, skip)),
                _BINDING_PATH,
            )

        return await _read(fetch, _BINDING_PATH, limit, with_personal=with_personal)

    async def registered(
        self,
        product_key: str,
        *,
        by: str | None = None,
        value: str | None = None,
        app_id: str | None = None,
        limit: int = _PAGE,
        with_personal: bool = False,
    ) -> Sequence[User]:
        """Search the users that have registered in an app of a product, by `username`, `phone` or `email`."""
        if (by is None) != (value is None) or (by is not None and by not in _REGISTERED_KEYS):
            raise Rejected(Reason.INVALID_REQUEST, endpoint=_REGISTERED_PATH, subject="by")
        params = {"product_key": product_key, "appid": app_id, **({} if by is None else {_REGISTERED_KEYS[by]: value})}

        async def fetch(skip: int) -> Page:
            return _page(
                await self._access.request_as_enterprise("GET", _REGISTERED_PATH, params=_paged(params, limit, skip)),
                _REGISTERED_PATH,
            )

        return await _read(fetch, _REGISTERED_PATH, limit, with_personal=with_personal)

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


def _paged(params: Mapping[str, str | None], most: int, skip: int) -> dict[str, str | int]:
    known = {name: value for name, value in params.items() if value is not None}
    return {**known, "limit": min(_PAGE, most), "skip": skip}


def _page(answer: Any, endpoint: str) -> Page:
    body = coerce.fields(answer)
    if not isinstance(rows := body.get("objects"), list):
        raise UnexpectedAnswer(endpoint=endpoint)
    return Page(rows, wire_values.count(coerce.fields(body.get("meta")).get("total")))


async def _read(fetch: Any, endpoint: str, most: int, *, with_personal: bool) -> Sequence[User]:
    users: list[User] = []
    async for page in read_pages(fetch, endpoint=endpoint, full_page=min(_PAGE, most)):
        users += [user for row in coerce.records(page.rows) if (user := _user(row, with_personal)) is not None]
        if len(users) >= most:
            break
    return users[:most]


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
