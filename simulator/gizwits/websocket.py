"""The push of the Open API: the reports of a user's devices over WebSocket, as the document describes it.

The vendor pushes from hosts apart from the Open API; here each binding names the Open API's own host. Where the
document leaves something open, this server is strict: a device that is bound after the login needs a subscription,
an offline device does not answer a read, and `attrs_v4` is the only mode.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from .behaviours import Value
from .devices import GizwitsDevice
from .errors import OPEN_API_TEXTS, Refused
from .open_core import OpenCore
from .products import Product

_NOT_LOGGED_IN = 1009
_BAD_CONTENT = 1010


@dataclass(eq=False, slots=True)
class Connection:
    """The connection of one client. `uid` is None until the client has logged in."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    heartbeat_seconds: float
    uid: str | None = None
    subscribed: set[str] = field(default_factory=set)
    outgoing: asyncio.Queue[str] = field(default_factory=asyncio.Queue)


class OpenPush:
    """The push service. Public attributes may be changed at any time.

    `is_offered`: bindings name its host and port. `refuses_logins`: it refuses every login. `is_silent`: it sends
    nothing. `refused`: the devices for which it refuses subscriptions. `wants_acks`: reports ask for an
    acknowledgement. `longest_heartbeat_seconds`: how long a connection may be silent until its login, and the longest
    interval that a login may name. `look_seconds`: between two checks for devices whose regular report is due.
    `connections`: the open connections. `received`: all frames, in order.
    """

    def __init__(self, core: OpenCore) -> None:
        self._core = core
        self.is_offered = True
        self.refuses_logins = False
        self.refused: set[str] = set()
        self.is_silent = False
        self.wants_acks = False
        self.longest_heartbeat_seconds = 180.0
        self.look_seconds = 1.0
        self.on_login: Callable[[Callable[[Mapping[str, Any]], None]], None] | None = None
        """Called after each accepted login with a function that sends a frame to the client."""
        self.connections: list[Connection] = []
        self.received: list[Mapping[str, Any]] = []
        self._serial = 0
        self._timers: set[asyncio.TimerHandle] = set()
        core.app.router.add_get("/ws/app/v1", self._serve)
        core.app.on_shutdown.append(self._stop)

    def commands(self, cmd: str) -> list[Any]:
        """Return the content of all received frames of one command."""
        return [frame.get("data") for frame in self.received if frame.get("cmd") == cmd]

    def drop(self) -> None:
        """Drop all connections without closing them."""
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abort()

    def send(self, frame: Mapping[str, Any] | str) -> None:
        """Send a frame, or any text, to all clients."""
        for connection in self.connections:
            self._send(connection, frame)

    def invalidate(self, code: int = _NOT_LOGGED_IN) -> None:
        """Answer the last message of all clients as invalid."""
        self.send(_invalid(code))

    def push_binding(self, did: str, uid: str, *, is_bound: bool) -> None:
        """Push to a user's clients that a device was bound or unbound. The caller changes `devices` before."""
        for connection in self._connections_of(uid):
            self._send(connection, _frame("s2c_binding_changed", {"did": did, "bind": is_bound}))

    # Events of devices

    def on_report(self, device: GizwitsDevice, at: float, values: Mapping[str, Value]) -> None:
        """Push a device's values at the time of its report, now or later."""
        if not self.connections:
            return
        loop = asyncio.get_running_loop()

        def push() -> None:
            self._timers.discard(timer)
            self._push(device, values)

        timer = loop.call_later(max(0.0, at - self._core.clock()), push)
        self._timers.add(timer)

    def on_online_change(self, device: GizwitsDevice) -> None:
        """Push that a device came online or went offline."""
        state = {"did": device.did, "passcode": device.passcode, "mac": device.mac, "online": device.is_online}
        for connection in self._subscribers(device):
            self._send(connection, _frame("s2c_online_status", state))

    def _push(self, device: GizwitsDevice, values: Mapping[str, Value]) -> None:
        for connection in self._subscribers(device):
            more = {}
            if self.wants_acks:
                self._serial += 1
                more["req_sn"] = self._serial
            self._send(connection, _report(device, values) | more)

    def _connections_of(self, uid: str | None) -> list[Connection]:
        return [connection for connection in self.connections if uid is not None and connection.uid == uid]

    def _subscribers(self, device: GizwitsDevice) -> list[Connection]:
        return [client for client in self._connections_of(device.uid) if device.did in client.subscribed]

    # Frames from clients

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        connection = Connection(socket, request.transport, self.longest_heartbeat_seconds)
        self.connections.append(connection)
        tasks = [asyncio.create_task(work(connection)) for work in (self._write, self._report_regularly)]
        try:
            await self._receive(connection)
        finally:
            self.connections.remove(connection)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return socket

    async def _stop(self, _app: web.Application) -> None:
        for timer in self._timers:
            timer.cancel()
        for connection in list(self.connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _write(self, connection: Connection) -> None:
        while True:
            content = await connection.outgoing.get()
            with contextlib.suppress(ConnectionError):
                await connection.socket.send_str(content)

    async def _report_regularly(self, connection: Connection) -> None:
        """Push each device's values every `report_seconds`, while `pushes_regularly` is set."""
        last = self._core.clock()
        while True:
            await asyncio.sleep(self.look_seconds)
            now = self._core.clock()
            for did in sorted(connection.subscribed) if self._core.pushes_regularly else ():
                device = self._core.devices.get(did)
                if device is None or device.uid != connection.uid or not device.is_online or device.is_forgotten:
                    continue
                if now // device.report_seconds > last // device.report_seconds:
                    self._send(connection, _report(device, device.attrs))
            last = now

    async def _receive(self, connection: Connection) -> None:
        """Handle frames until the client disconnects or does not ping in time."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(connection.heartbeat_seconds) as heartbeat:
                async for message in connection.socket:
                    if message.type is not WSMsgType.TEXT:
                        break
                    frame = _parse_frame(message.data)
                    self.received.append(frame)
                    self._handle(connection, frame)
                    if frame.get("cmd") in ("login_req", "ping"):
                        heartbeat.reschedule(loop.time() + connection.heartbeat_seconds)
        await connection.socket.close()

    def _handle(self, connection: Connection, frame: Mapping[str, Any]) -> None:
        cmd, content = frame.get("cmd"), frame.get("data")
        if cmd == "login_req":
            self._log_in(connection, content if isinstance(content, dict) else {})
            return
        if connection.uid is None:
            self._send(connection, _invalid(_NOT_LOGGED_IN))
            return
        self._listen()
        try:
            match cmd:
                case "ping":
                    self._send(connection, {"cmd": "pong"})
                case "subscribe_req":
                    self._subscribe(connection, content)
                case "c2s_read":
                    self._read(connection, frame, content)
                case "c2s_write":
                    self._control(connection, frame, content)
                case "c2s_ack" if type(frame.get("res_sn")) is int and isinstance(frame.get("did"), str):
                    pass
                case _:
                    self._send(connection, _invalid(_BAD_CONTENT))
        except Refused as refused:
            self._send(connection, _invalid(_BAD_CONTENT, refused.detail or OPEN_API_TEXTS[refused.code]))

    def _log_in(self, connection: Connection, login: Mapping[str, Any]) -> None:
        heartbeat = login.get("heartbeat_interval")
        is_well_formed = (
            login.get("p0_type") == "attrs_v4"
            and type(heartbeat) is int
            and 0 < heartbeat <= self.longest_heartbeat_seconds
            and isinstance(login.get("auto_subscribe"), bool)
        )
        is_granted = is_well_formed and not self.refuses_logins and self._is_our_user(login)
        if is_granted and type(heartbeat) is int:
            connection.uid = login["uid"]
            connection.heartbeat_seconds = heartbeat
            self._listen()
            if login["auto_subscribe"]:
                connection.subscribed |= {device.did for device in self._bound_to(connection)}
        self._send(connection, _frame("login_res", {"success": is_granted}))
        if is_granted and self.on_login is not None:
            self.on_login(partial(self._send, connection))

    def _is_our_user(self, login: Mapping[str, Any]) -> bool:
        token = login.get("token")
        try:
            user = self._core.accounts.user_of(token if isinstance(token, str) else None)
        except Refused:
            return False
        return login.get("appid") == self._core.app_id and login.get("uid") == user.uid

    def _subscribe(self, connection: Connection, content: object) -> None:
        if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
            raise Refused(9015, "data")
        bound = {device.did for device in self._bound_to(connection)} - self.refused
        dids = [item.get("did") for item in content]
        connection.subscribed |= bound.intersection(dids)
        success = [{"did": did, "error_code": 0, "msg": "ok"} for did in dids if did in bound]
        failed = [{"did": did, "error_code": 9017, "msg": OPEN_API_TEXTS[9017]} for did in dids if did not in bound]
        self._send(connection, _frame("subscribe_res", {"success": success, "failed": failed}))

    def _read(self, connection: Connection, frame: Mapping[str, Any], content: object) -> None:
        device, body = self._device(connection, content)
        names = body.get("names")
        if names is not None and device.product.protocol_type != "var_len":
            raise Refused(9015, "names")
        if device.is_online and not device.is_forgotten:
            attrs = device.read().attrs
            chosen = attrs if names is None else {name: attrs[name] for name in names if name in attrs}
            self._send(connection, _report(device, chosen) | _answer_to(frame))

    def _control(self, connection: Connection, frame: Mapping[str, Any], content: object) -> None:
        device, body = self._device(connection, content)
        if not isinstance(body.get("attrs"), dict):
            raise Refused(9015, "attrs")
        self._core.command(device, {"attrs": _from_frame(body["attrs"])})
        if answer := _answer_to(frame):
            self._send(connection, {"cmd": "s2c_ack", "did": device.did} | answer)

    def _device(self, connection: Connection, content: object) -> tuple[GizwitsDevice, Mapping[str, Any]]:
        body = content if isinstance(content, dict) else {}
        device = self._core.devices.get(str(body.get("did")))
        if device is None or device.uid != connection.uid:
            raise Refused(9017)
        return device, body

    def _bound_to(self, connection: Connection) -> list[GizwitsDevice]:
        return [device for device in self._core.devices.values() if device.uid == connection.uid]

    def _listen(self) -> None:
        for device in self._core.devices.values():
            if self not in device.listeners:
                device.listeners.append(self)

    def _send(self, connection: Connection, frame: Mapping[str, Any] | str) -> None:
        if not self.is_silent:
            content = frame if isinstance(frame, str) else json.dumps(frame, ensure_ascii=False)
            connection.outgoing.put_nowait(content)


def _parse_frame(text: str) -> Mapping[str, Any]:
    try:
        frame = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return frame if isinstance(frame, dict) else {}


def _frame(cmd: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"cmd": cmd, "data": content}


def _invalid(code: int, text: str = "") -> dict[str, Any]:
    return _frame("s2c_invalid_msg", {"error_code": code, "msg": text or "invalid message"})


def _answer_to(frame: Mapping[str, Any]) -> dict[str, Any]:
    return {"res_sn": frame["req_sn"]} if "req_sn" in frame else {}


def _report(device: GizwitsDevice, values: Mapping[str, Value]) -> dict[str, Any]:
    return _frame("s2c_noti", {"did": device.did, "attrs": _to_frame(device.product, values)})


def _to_frame(product: Product, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return values as the push sends them: booleans stay booleans, bytes are a list."""
    binary = {attribute.name for attribute in product.attributes if attribute.data_type == "binary"}
    return {
        name: list(bytes.fromhex(value)) if name in binary and isinstance(value, str) else value
        for name, value in values.items()
    }


def _from_frame(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a frame as the HTTP command has them: bytes are a hexadecimal text."""

    def hexadecimal(value: object) -> object:
        is_byte_list = isinstance(value, list) and all(type(byte) is int and 0 <= byte <= 255 for byte in value)
        return bytes(value).hex() if isinstance(value, list) and is_byte_list else value

    return {name: hexadecimal(value) for name, value in values.items()}
