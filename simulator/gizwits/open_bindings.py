"""The Open API's endpoints that bind devices to a user, rename and unbind them."""

import hashlib
from typing import Any

from aiohttp import web

from .devices import GizwitsDevice
from .errors import Refused
from .identifiers import derive_hex
from .open_core import OpenCore
from .websocket import OpenPush
from .wire import json_object, required_text

_CLOCK_TOLERANCE = 300  # seconds


class OpenBindings:
    """The endpoints of bindings. A QR code holds `product_key=…&did=…&passcode=…`."""

    def __init__(self, core: OpenCore, push: OpenPush) -> None:
        self._core = core
        self._push = push
        route = core.app.router
        route.add_post("/app/bind_mac", self._bind_by_mac)
        route.add_post("/app/bind_latest", self._bind_by_qr)
        route.add_delete("/app/bindings", self._unbind)
        route.add_put("/app/bindings/{did}", self._rename)

    def product_secret(self, product_key: str) -> str:
        """Return the secret of a product."""
        return derive_hex(f"secret {product_key}", 32)

    def qr_content(self, device: GizwitsDevice) -> str:
        """Return the text of a device's QR code."""
        return f"product_key={device.product.key}&did={device.did}&passcode={device.passcode}"

    async def _bind_by_mac(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        body = await json_object(request, malformed=9015, form=9015)
        key, mac = required_text(body, "product_key", 9015), required_text(body, "mac", 9015)
        if key not in self._core.products:
            raise Refused(9002)
        timestamp = request.headers.get("X-Gizwits-Timestamp", "")
        if not timestamp.isdigit() or abs(int(timestamp) - self._core.clock()) > _CLOCK_TOLERANCE:
            raise Refused(9043)
        signature = hashlib.md5(f"{self.product_secret(key)}{timestamp}".encode()).hexdigest()
        if request.headers.get("X-Gizwits-Signature") != signature:
            raise Refused(9044)
        device = next((found for found in self._core.devices.values() if found.mac == mac), None)
        if device is None or device.product.key != key:
            raise Refused(9014)
        alias = body.get("dev_alias")
        if isinstance(alias, str):
            device.alias = alias
        self._bind(device, uid)
        return self._core.answer({"did": device.did, "mac": device.mac, "product_key": key}, 201)

    async def _bind_by_qr(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        body = await json_object(request, malformed=9015, form=9015)
        content = required_text(body, "qr_content", 9015)
        device = next((found for found in self._core.devices.values() if self.qr_content(found) == content), None)
        if device is None:
            raise Refused(9040)
        self._bind(device, uid)
        return web.Response(status=201)

    def _bind(self, device: GizwitsDevice, uid: str) -> None:
        device.uid = uid
        device.bound_at = self._core.clock()
        self._push.push_binding(device.did, uid, is_bound=True)

    async def _unbind(self, request: web.Request) -> web.Response:
        uid = self._core.user(request).uid
        body = await json_object(request, malformed=9015, form=9015)
        dids = _dids(body)
        bound = [did for did in dids if did in self._core.devices and self._core.devices[did].uid == uid]
        for did in bound:
            self._core.devices[did].uid = None
            self._push.push_binding(did, uid, is_bound=False)
        return self._core.answer({"success": bound, "failed": [did for did in dids if did not in bound]})

    async def _rename(self, request: web.Request) -> web.Response:
        device = self._core.device(request)
        body = await json_object(request, malformed=9015, form=9015)
        if not body.keys() & {"remark", "dev_alias", "dev_label"}:
            raise Refused(9015)
        device.alias = str(body.get("dev_alias", device.alias))
        device.remark = str(body.get("remark", device.remark))
        return self._core.answer({"remark": device.remark, "dev_alias": device.alias, "dev_label": []})


def _dids(body: dict[str, Any]) -> list[str]:
    devices = body.get("devices")
    if not isinstance(devices, list) or not devices or not all(isinstance(device, dict) for device in devices):
        raise Refused(9015, "devices")
    return [required_text(device, "did", 9015) for device in devices]
