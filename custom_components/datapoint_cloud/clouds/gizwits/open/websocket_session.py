"""One WebSocket connection from its login to its end ("Open API, WebSocket"): pings, reads, and the news that arrive.

It knows frames, neither addresses nor when to connect again.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from ... import coerce
from ...errors import AuthFailed, CloudError
from ...model import Device
from ...push import CoverageChanged, DevicesChanged, News, Presence, Report
from ...tokens import Token
from ...traffic import Event, Line
from ...transport import Transport
from .. import wire_values
from ..definitions import Definitions
from ..stored_token import StoredToken
from ..timings import PushTimings

_LOGGER = logging.getLogger(__name__)

_HEARTBEAT_SECONDS: Final = 180  # announced to the server; the longest it allows
_SESSION_OVER_CODES: Final = (1003, 1009, 1011)  # not logged in (any more), or no heartbeat: the server pushes no more
_SIGNS_OF_LIFE: Final = ("pong", "s2c_noti", "s2c_raw", "s2c_online_status", "s2c_binding_changed")


class Lost(Exception):
    """The connection can no longer be used."""


class SessionOver(Lost):
    """The server accepts nothing more on this connection; a login on a new one may work."""


class LoginRefused(Exception):
    """The server refused the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAccess:
    """What a connection needs from the account.

    `enter` returns a token that has not expired, or raises any `CloudError`.
    """

    transport: Transport
    app_id: str
    token: StoredToken
    enter: Callable[[], Awaitable[Token]]
    definitions: Definitions
    timings: PushTimings


class WebSocketSession:
    """One connection, from its login to its end."""

    def __init__(
        self,
        access: PushAccess,
        socket: aiohttp.ClientWebSocketResponse,
        line: Line,
        devices: Mapping[str, Device],
        on_news: Callable[[News], None],
        on_alive: Callable[[], None],
    ) -> None:
        """Pass the news of `devices` (by id) to `on_news`; call `on_alive` at each sign of life.

        `line` is told what passes.

        The owner of `devices` may change it, and calls `follow` afterwards.
        """
        self._access = access
        self._socket = socket
        self._line = line
        self._close_code: int | None = None
        self._devices = devices
        self._on_news = on_news
        self._on_alive = on_alive
        self._logged_in = asyncio.Event()
        self._has_work = asyncio.Event()  # there may be devices to subscribe to or to read
        self._requested: set[str] = set()  # the devices we sent a subscription for, whether accepted or not
        self._refused: set[str] = set()  # those of them that we request again after the next list of devices
        self._unread: dict[str, None] = {}  # in the order of reading
        self._covered: set[str] = set()  # the devices whose news the server sends
        self._read_number = 0  # the serial number of the last read
        self.alive_since: float | None = None
        """When the server first sent a pong or news, in seconds of the event loop's clock.

        An accepted login does not count: a server may accept it and push nothing.
        """

    def hears(self, device_id: str) -> bool:
        """Whether news of the device arrive."""
        return self.alive_since is not None and device_id in self._covered

    def follow(self) -> None:
        """Subscribe to devices that were added, and once more to those that the server refused."""
        self._requested -= self._refused
        self._refused.clear()
        self._has_work.set()

    async def run(self, token: Token) -> None:
        """Log in and go on until the connection ends.

        Raises, in groups, `Lost`, `SessionOver`, `LoginRefused`, `AuthFailed`, or what a failed connection raises.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive())
                tasks.create_task(self._send_requests(token))
        finally:
            self._line.close(self._close_code)

    async def _send_requests(self, token: Token) -> None:
        login = {
            "appid": self._access.app_id,
            "uid": self._access.token.uid,
            "token": token.value,
            "p0_type": "attrs_v4",
            "heartbeat_interval": _HEARTBEAT_SECONDS,
            "auto_subscribe": True,
        }
        await self._send("login_req", login)
        async with asyncio.timeout(self._access.timings.answer):
            await self._logged_in.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ping())
            tasks.create_task(self._read_devices())

    async def _ping(self) -> None:
        while True:
            await self._send("ping")
            await asyncio.sleep(self._access.timings.ping)

    async def _read_devices(self) -> None:
        """Subscribe to each device and read it, since the server sends no state after a login."""
        while True:
            await self._subscribe()
            if self._unread:
                await self._read(next(iter(self._unread)))
            else:
                await self._has_work.wait()
                self._has_work.clear()

    async def _subscribe(self) -> None:
        # A login subscribes to all devices, but the document does not mention devices that are bound later.
        self._requested &= self._devices.keys()
        if new := [did for did in self._devices if did not in self._requested]:
            self._requested.update(new)
            self._unread.update(dict.fromkeys(new))
            await self._send("subscribe_req", [{"did": did} for did in new])

    async def _read(self, did: str) -> None:
        del self._unread[did]
        if did in self._devices:
            self._read_number += 1
            await self._send("c2s_read", {"did": did}, req_sn=self._read_number)
            await asyncio.sleep(self._access.timings.read)

    async def _receive(self) -> None:
        clock = asyncio.get_running_loop().time
        silent_at = clock() + self._access.timings.silence
        while True:
            async with asyncio.timeout_at(silent_at):
                message = await self._socket.receive()
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._close_code = message.data if message.type is aiohttp.WSMsgType.CLOSE else None
                raise Lost
            self._line.tell(Event.RECEIVED, message.data)
            frame = _decoded(message.data)
            await self._handle(frame)
            # Error frames are no sign of life: a server that sends nothing else pushes nothing.
            if frame.get("cmd") in _SIGNS_OF_LIFE:
                self._mark_alive()
                silent_at = clock() + self._access.timings.silence

    async def _handle(self, frame: Mapping[str, Any]) -> None:
        cmd = frame.get("cmd")
        content = {**frame, **coerce.fields(frame.get("data"))}  # `req_sn` stands beside `data`, or in it
        match cmd:
            case "login_res" | "s2c_login_res":
                self._on_login(wire_values.flag(content.get("success")))
            case "s2c_noti":
                await self._on_report(content)
            case "s2c_online_status":
                self._on_presence(content)
            case "s2c_binding_changed":
                self._on_binding(content)
            case "subscribe_res":
                self._on_subscription(content)
            case "s2c_invalid_msg":
                self._on_invalid_message(wire_values.count(content.get("error_code")))
            case "pong":
                pass
            case _:
                _LOGGER.debug("Push: an unknown frame was ignored")

    def _mark_alive(self) -> None:
        if not self._logged_in.is_set():
            return
        self._on_alive()
        if self.alive_since is None:
            self.alive_since = asyncio.get_running_loop().time()
            self._on_news(CoverageChanged())

    def _on_login(self, is_success: bool | None) -> None:  # noqa: FBT001  # the value of the frame
        if is_success is False:
            raise LoginRefused
        if is_success and not self._logged_in.is_set():
            self._covered.update(self._devices)
            self._logged_in.set()

    async def _on_report(self, content: Mapping[str, Any]) -> None:
        did, attrs = coerce.text(content.get("did")), content.get("attrs")
        if did is None or not isinstance(attrs, dict):
            return
        device = self._devices.get(did)
        if device is not None and attrs:
            try:
                snapshot = await self._access.definitions.snapshot(device.schema_id, attrs, None)
            except AuthFailed:
                raise
            except CloudError as error:
                _LOGGER.debug("Push: no definition for a report: %s", error)
                return
            # No field says when the device reported. A report has just been made; the answer to a read may hold old
            # values.
            is_answer = content.get("res_sn") is not None
            if not is_answer:
                snapshot = replace(snapshot, reported_at=datetime.now(UTC))
            self._on_news(Report(device_id=did, snapshot=snapshot))
            if not is_answer:
                self._set_covered(accepted={did})
        if (serial := content.get("req_sn")) is not None:
            await self._send("c2s_ack", res_sn=serial, did=did)

    def _on_presence(self, content: Mapping[str, Any]) -> None:
        did = coerce.text(content.get("did"))
        is_online = wire_values.flag(content.get("online", content.get("is_online")))
        if did is None or did not in self._devices or is_online is None:
            return
        self._on_news(Presence(device_id=did, is_online=is_online))
        if is_online:
            self._unread[did] = None
            self._has_work.set()

    def _on_binding(self, content: Mapping[str, Any]) -> None:
        if (did := coerce.text(content.get("did"))) is None:
            return
        # An earlier binding may have ended the subscription; a new device arrives with the next list of devices.
        self._set_covered(refused={did})
        if wire_values.flag(content.get("bind")) is not False:
            self._requested.discard(did)
            self._refused.discard(did)
            self._has_work.set()
        self._on_news(DevicesChanged())

    def _on_subscription(self, content: Mapping[str, Any]) -> None:
        self._set_covered(accepted=_dids(content.get("success")), refused=_dids(content.get("failed")))

    def _set_covered(
        self, *, accepted: AbstractSet[str] = frozenset(), refused: AbstractSet[str] = frozenset()
    ) -> None:
        self._refused = (self._refused | refused) - accepted
        for did in refused:
            self._unread.pop(did, None)  # the server would refuse the read too
        covered = (self._covered | (accepted & self._devices.keys())) - refused
        if covered == self._covered:
            return
        self._covered = covered
        if self.alive_since is not None:
            self._on_news(CoverageChanged())

    def _on_invalid_message(self, code: int | None) -> None:
        _LOGGER.debug("Push: the server rejected a message with code %s", code)
        if code in _SESSION_OVER_CODES:
            raise SessionOver

    async def _send(self, cmd: str, content: Any = None, **beside: Any) -> None:
        frame = json.dumps({"cmd": cmd, **beside} if content is None else {"cmd": cmd, **beside, "data": content})
        self._line.tell(Event.SENT, frame)
        await self._socket.send_str(frame)


def _decoded(content: str | bytes) -> Mapping[str, Any]:
    try:
        return coerce.fields(coerce.decode(content))
    except ValueError:
        return {}


def _dids(items: Any) -> set[str]:
    return {did for item in coerce.records(items) if (did := coerce.text(item.get("did"))) is not None}
