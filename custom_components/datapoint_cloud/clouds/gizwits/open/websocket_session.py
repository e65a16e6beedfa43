"""What is said on one WebSocket connection ("Open API, WebSocket"): login, pings, reads, and the news that come in.

It knows frames and nothing of addresses, nor of what is done when a connection is lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from ... import coerce
from ...errors import AuthFailed, CloudError
from ...model import Device
from ...push import CoverageChanged, DevicesChanged, News, Presence, Report
from ...tokens import Token
from .. import wire_values
from ..definitions import Definitions
from ..stored_token import StoredToken

_LOGGER = logging.getLogger(__name__)

_HEARTBEAT_SECONDS: Final = 180  # what the server is told: the longest it allows
_PING_SECONDS: Final = 30.0
_SILENCE_SECONDS: Final = 45.0  # a ping unanswered for half its interval
_LOGIN_SECONDS: Final = 20.0
_READ_PAUSE_SECONDS: Final = 0.2  # between two reads
_SESSION_IS_OVER: Final = (1003, 1009, 1011)  # not logged in (any more), or no heartbeat: nothing is pushed after them
_SIGNS_OF_LIFE: Final = ("pong", "s2c_noti", "s2c_raw", "s2c_online_status", "s2c_binding_changed")


class Lost(Exception):
    """The connection is of no use any more."""


class SessionOver(Lost):
    """The server takes nothing more on this connection; another login on a new one may do."""


class LoginRefused(Exception):
    """The token was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAccess:
    """What a connection needs of the account.

    `enter` answers a token that is valid as far as is known, or raises any `CloudError`.
    """

    session: aiohttp.ClientSession
    app_id: str
    token: StoredToken
    enter: Callable[[], Awaitable[Token]]
    definitions: Definitions


class WebSocketSession:
    """One connection, from its login to its end."""

    def __init__(
        self,
        access: PushAccess,
        socket: aiohttp.ClientWebSocketResponse,
        devices: Mapping[str, Device],
        on_news: Callable[[News], None],
        note_life: Callable[[], None],
    ) -> None:
        """Tell the news of `devices`, by id; the mapping may change, and `follow` tells when it does.

        `note_life` is called at each sign of life.
        """
        self._access = access
        self._socket = socket
        self._devices = devices
        self._on_news = on_news
        self._note_life = note_life
        self._logged_in = asyncio.Event()
        self._wanted = asyncio.Event()  # there may be something to subscribe to or to read
        self._subscribed: set[str] = set()  # what was asked for, whatever came of it
        self._unread: dict[str, None] = {}  # in the order they are to be read
        self._covered: set[str] = set()  # the devices whose news the server sends
        self._reads = 0  # the serial number of the last one
        self.alive_since: float | None = None
        """When the server first sent a pong or news, in seconds of the event loop's clock.

        An accepted login does not count: a server may accept it and push nothing.
        """

    def hears(self, device_id: str) -> bool:
        """Whether news of the device arrive."""
        return self.alive_since is not None and device_id in self._covered

    def follow(self) -> None:
        """Take notice of other devices."""
        self._wanted.set()

    async def hold(self, token: Token) -> None:
        """Log in and go on until the connection is lost.

        Raises, in groups, `Lost`, `SessionOver`, `LoginRefused`, `AuthFailed`, or what a failed connection raises.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear())
            tasks.create_task(self._speak(token))

    async def _speak(self, token: Token) -> None:
        login = {
            "appid": self._access.app_id,
            "uid": self._access.token.uid,
            "token": token.value,
            "p0_type": "attrs_v4",
            "heartbeat_interval": _HEARTBEAT_SECONDS,
            "auto_subscribe": True,
        }
        await self._say("login_req", login)
        async with asyncio.timeout(_LOGIN_SECONDS):
            await self._logged_in.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ping())
            tasks.create_task(self._ask())

    async def _ping(self) -> None:
        while True:
            await self._say("ping")
            await asyncio.sleep(_PING_SECONDS)

    async def _ask(self) -> None:
        """Subscribe to each device and read it, for no state is sent by itself."""
        while True:
            await self._subscribe()
            if self._unread:
                await self._read(next(iter(self._unread)))
            else:
                await self._wanted.wait()
                self._wanted.clear()

    async def _subscribe(self) -> None:
        # Logging in subscribes by itself, but the document is silent on devices that are bound later.
        self._subscribed &= self._devices.keys()
        if new := [did for did in self._devices if did not in self._subscribed]:
            self._subscribed.update(new)
            self._unread.update(dict.fromkeys(new))
            await self._say("subscribe_req", [{"did": did} for did in new])

    async def _read(self, did: str) -> None:
        del self._unread[did]
        if did in self._devices:
            self._reads += 1
            await self._say("c2s_read", {"did": did}, req_sn=self._reads)
            await asyncio.sleep(_READ_PAUSE_SECONDS)

    async def _hear(self) -> None:
        clock = asyncio.get_running_loop().time
        patience_ends = clock() + _SILENCE_SECONDS
        while True:
            async with asyncio.timeout_at(patience_ends):
                message = await self._socket.receive()
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                raise Lost
            frame = _decoded(message.data)
            await self._take(frame)
            # A server that does nothing but complain is as good as silent.
            if frame.get("cmd") in _SIGNS_OF_LIFE:
                self._come_alive()
                patience_ends = clock() + _SILENCE_SECONDS

    async def _take(self, frame: Mapping[str, Any]) -> None:
        cmd = frame.get("cmd")
        said = {**frame, **coerce.fields(frame.get("data"))}  # `req_sn` stands beside `data`, or in it
        match cmd:
            case "login_res" | "s2c_login_res":
                self._on_login(wire_values.flag(said.get("success")))
            case "s2c_noti":
                await self._on_report(said)
            case "s2c_online_status":
                self._on_presence(said)
            case "s2c_binding_changed":
                self._on_binding(said)
            case "subscribe_res":
                self._on_subscription(said)
            case "s2c_invalid_msg":
                self._on_invalid_message(wire_values.count(said.get("error_code")))
            case "pong":
                pass
            case _:
                _LOGGER.debug("Push: a frame was ignored")

    def _come_alive(self) -> None:
        if not self._logged_in.is_set():
            return
        self._note_life()
        if self.alive_since is None:
            self.alive_since = asyncio.get_running_loop().time()
            self._on_news(CoverageChanged())

    def _on_login(self, is_success: bool | None) -> None:  # noqa: FBT001  # the server's word
        if is_success is False:
            raise LoginRefused
        if is_success and not self._logged_in.is_set():
            self._covered.update(self._devices)
            self._logged_in.set()

    async def _on_report(self, said: Mapping[str, Any]) -> None:
        did, attrs = coerce.text(said.get("did")), said.get("attrs")
        if did is None or not isinstance(attrs, dict):
            return
        device = self._devices.get(did)
        if device is not None and attrs:
            # What a server answers may be of old, and nobody says when it was reported.
            is_answer = said.get("res_sn") is not None
            reported_at = None if is_answer else datetime.now(UTC)
            try:
                snapshot = await self._access.definitions.snapshot(device.schema_id, attrs, reported_at)
            except AuthFailed:
                raise
            except CloudError as error:
                _LOGGER.debug("Push: a report without a definition: %s", error)
                return
            self._on_news(Report(device_id=did, snapshot=snapshot))
            if not is_answer:
                self._cover(accepted={did})
        if (serial := said.get("req_sn")) is not None:
            await self._socket.send_json({"cmd": "c2s_ack", "res_sn": serial, "did": did})

    def _on_presence(self, said: Mapping[str, Any]) -> None:
        did = coerce.text(said.get("did"))
        is_online = wire_values.flag(said.get("online", said.get("is_online")))
        if did is None or did not in self._devices or is_online is None:
            return
        self._on_news(Presence(device_id=did, is_online=is_online))
        if is_online:
            self._unread[did] = None
            self._wanted.set()

    def _on_binding(self, said: Mapping[str, Any]) -> None:
        if (did := coerce.text(said.get("did"))) is None:
            return
        # What the login subscribed to may have ended with an earlier binding; a new device comes with the next list.
        self._cover(refused={did})
        if wire_values.flag(said.get("bind")) is not False:
            self._subscribed.discard(did)
            self._wanted.set()
        self._on_news(DevicesChanged())

    def _on_subscription(self, said: Mapping[str, Any]) -> None:
        self._cover(accepted=_dids(said.get("success")), refused=_dids(said.get("failed")))

    def _cover(self, *, accepted: AbstractSet[str] = frozenset(), refused: AbstractSet[str] = frozenset()) -> None:
        self._subscribed -= refused  # to be asked for again with the next list
        covered = (self._covered | (accepted & self._devices.keys())) - refused
        if covered == self._covered:
            return
        self._covered = covered
        if self.alive_since is not None:
            self._on_news(CoverageChanged())

    def _on_invalid_message(self, code: int | None) -> None:
        _LOGGER.debug("Push: the server calls a message invalid, code %s", code)
        if code in _SESSION_IS_OVER:
            raise SessionOver

    async def _say(self, cmd: str, content: Any = None, **beside: Any) -> None:
        await self._socket.send_json(
            {"cmd": cmd, **beside} if content is None else {"cmd": cmd, **beside, "data": content}
        )


def _decoded(content: str | bytes) -> Mapping[str, Any]:
    try:
        return coerce.fields(coerce.decode(content))
    except ValueError:
        return {}


def _dids(items: Any) -> set[str]:
    return {did for item in coerce.records(items) if (did := coerce.text(item.get("did"))) is not None}
