"""Binds devices to the user of an app, renames and unbinds them ("Open API, Binding devices")."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ...administration import ItemResults
from ..item_results import item_results

_BINDINGS_PATH: Final = "/app/bindings"
_BINDING_PATH: Final = "/app/bindings/{did}"
_BIND_BY_MAC_PATH: Final = "/app/bind_mac"
_BIND_BY_QR_PATH: Final = "/app/bind_latest"

type Request = Callable[..., Awaitable[Any]]
"""Sends a request as the user: method, path, options of the HTTP client."""


class Bindings:
    """The devices bound to one user."""

    def __init__(self, request: Request) -> None:
        """Ask with `request`."""
        self._request = request

    async def bind_by_mac(self, product_key: str, product_secret: str, mac: str, *, name: str | None = None) -> None:
        """Bind the device with a MAC address, which only who knows the product's secret may do.

        Raises `Forbidden` (WRONG_PRODUCT_SECRET) for a wrong secret, `DeviceGone` for an unknown device.
        """
        # The signature is valid for five minutes.
        timestamp = str(int(time.time()))
        signature = hashlib.md5(f"{product_secret}{timestamp}".encode(), usedforsecurity=False).hexdigest()
        body = {"product_key": product_key, "mac": mac} | ({} if name is None else {"dev_alias": name})
        headers = {"X-Gizwits-Timestamp": timestamp, "X-Gizwits-Signature": signature}
        await self._request("POST", _BIND_BY_MAC_PATH, json_body=body, headers=headers)

    async def bind_by_qr(self, content: str) -> None:
        """Bind the device of a QR code, given as the text the code holds. Raises `Rejected` for another text."""
        await self._request("POST", _BIND_BY_QR_PATH, json_body={"qr_content": content}, may_be_empty=True)

    async def unbind(self, device_ids: Sequence[str]) -> ItemResults:
        """Unbind devices; the result names each of them."""
        body = {"devices": [{"did": device_id} for device_id in device_ids]}
        return item_results(await self._request("DELETE", _BINDINGS_PATH, json_body=body), device_ids)

    async def rename(self, device_id: str, name: str) -> None:
        """Give a device another name, in the vendor's app as well."""
        await self._request("PUT", _BINDING_PATH, parts={"did": device_id}, json_body={"dev_alias": name})
