"""Finds devices of an enterprise's products by any condition the vendor offers ("Enterprise API, Device search")."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ... import coerce
from ...administration import DeviceQuery, FoundDevice
from ...client_store import ClientStore
from ...errors import DeviceGone, Reason, Rejected
from ...model import Device
from .. import wire_values
from ..paging import Row, find_rows
from .device_search import SEARCH_PATH, search_page
from .product_access import ProductAccess

_DETAIL_PATH: Final = "/device_detail"
_BY: Final[Mapping[str, str]] = {"device_id": "did", "mac": "mac", "user_id": "uid"}
_TAKES: Final = frozenset(
    {*_BY, "group_id", "country", "region", "city", "is_online", "is_faulty", "is_alerting", "active_since"}
)
_FACTS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "country": ("country", coerce.text),
    "region": ("region", coerce.text),
    "city": ("city", coerce.text),
    "latitude": ("latitude", coerce.number),
    "longitude": ("longitude", coerce.number),
    "last_online": ("online_latest", wire_values.timestamp),
    "created_at": ("created_at", wire_values.timestamp),
}

type MakeDevice = Callable[[Mapping[str, Any], str], Awaitable[Device | None]]
"""Turns a row of the search of a product into a device."""


class EnterpriseDeviceFinder:
    """Finds devices of all products of an enterprise."""

    def __init__(
        self,
        access: ProductAccess,
        product_keys: Sequence[str],
        make_device: MakeDevice,
        client_store: ClientStore,
    ) -> None:
        """Search the products `product_keys` through `access`; keep in `client_store` how long a page may be."""
        self._access = access
        self._page_size = search_page(client_store)
        self._product_keys = tuple(dict.fromkeys(product_keys))
        self._make_device = make_device

    async def find(self, query: DeviceQuery) -> Sequence[FoundDevice]:
        """Return at most `query.limit` devices of one product, or of all of them.

        One that is looked for by its MAC address has its type, too. Raises `Rejected` (INVALID_REQUEST, subject: the
        condition) for a condition that the vendor lacks, and any other `CloudError`.
        """
        unknown = query.conditions - _TAKES
        by = [name for name in _BY if getattr(query, name) is not None]
        if unknown or len(by) > 1:
            raise Rejected(Reason.INVALID_REQUEST, endpoint=SEARCH_PATH, subject=min(unknown) if unknown else by[1])
        if query.mac is not None:
            query = replace(query, mac=wire_values.bare_mac(query.mac))
        found: list[FoundDevice] = []
        for product_key in self._product_keys if query.scope is None else (query.scope,):
            found += await self._find_in(product_key, query, query.limit - len(found))
            if len(found) >= query.limit:
                break
        return found

    async def _find_in(self, product_key: str, query: DeviceQuery, most: int) -> list[FoundDevice]:
        rows = await self._rows(product_key, _params(query, shows_disabled=query.shows_disabled), most)
        enabled = rows
        if query.shows_disabled and rows:
            # No row says whether its device is disabled, but a search without disabled devices leaves it out.
            enabled = await self._rows(product_key, _params(query, shows_disabled=False), most)
        enabled_ids = {coerce.text(row.get("did")) for row in enabled}
        return [
            await self._described(product_key, device, row, query, is_disabled=device.id not in enabled_ids)
            for row in rows
            # Other lists leave disabled devices out; a search finds them if it is to.
            if (device := await self._make_device({**row, "is_disabled": None}, product_key)) is not None
        ]

    async def _rows(self, product_key: str, params: Mapping[str, str], most: int) -> list[Row]:
        """Return the rows of a search, `most` at most."""

        def ask(place: Mapping[str, int]) -> Awaitable[Any]:
            return self._access.request(product_key, "GET", SEARCH_PATH, params={**params, **place})

        return await find_rows(
            ask,
            self._page_size,
            most=most,
            endpoint=SEARCH_PATH,
            subject=product_key,
            # The total may count the disabled devices that the list does not show.
            ends_with_empty_page=params["show_disabled"] == "0",
        )

    async def _described(
        self, product_key: str, device: Device, row: Mapping[str, Any], query: DeviceQuery, *, is_disabled: bool
    ) -> FoundDevice:
        facts = {name: value for name, (key, read) in _FACTS.items() if (value := read(row.get(key))) is not None}
        detail = {} if query.mac is None else await self._detail(product_key, query.mac)
        said = wire_values.flag(detail.get("is_disabled"))
        return FoundDevice(
            device=device,
            kind=coerce.text(detail.get("type")),
            is_disabled=is_disabled if said is None else said,
            facts=facts,
        )

    async def _detail(self, product_key: str, mac: str) -> Mapping[str, Any]:
        try:
            return coerce.fields(await self._access.request(product_key, "GET", _DETAIL_PATH, params={"mac": mac}))
        except DeviceGone:
            return {}


def _params(query: DeviceQuery, *, shows_disabled: bool) -> dict[str, str]:
    by = next((name for name in _BY if getattr(query, name) is not None), None)
    flags = {"is_online": query.is_online, "is_faulty": query.is_faulty, "is_alert": query.is_alerting}
    params = {
        "gid": query.group_id,
        "country": query.country,
        "region": query.region,
        "city": query.city,
        "type": None if by is None else _BY[by],
        "val": None if by is None else getattr(query, by),
        "liveness_start": None if query.active_since is None else _epoch(query.active_since),
        # No document says which devices are shown without this parameter.
        "show_disabled": str(int(shows_disabled)),
        **{name: None if flag is None else str(int(flag)) for name, flag in flags.items()},
    }
    return {name: value for name, value in params.items() if value is not None}


def _epoch(time: datetime) -> str:
    return str(int(time.timestamp()))
