"""The push of the Enterprise API: SNoti, lines of JSON over TLS, one connection for each product.

One for each, since a refused login does not say which of several products it is about and ends them all. It knows how
news come, not what they mean.
"""

import asyncio
import json
import logging
import random
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from ... import coerce
from ...client_store import ClientStore
from ...errors import CloudError, Forbidden, Reason
from ...model import Device
from ...push import CoverageChanged, News, OutageWatch
from .. import wire_values
from ..definitions import Definitions
from .product_access import Product
from .snoti_events import EVENTS, Events

_LOGGER = logging.getLogger(__name__)

DEFAULT_HOST: Final = "snoti.gizwits.com"
DEFAULT_PORT: Final = 2017

# All in seconds.
_CONNECT_WITHIN = 20
_ANSWER_WITHIN = 20
_CLOSE_WITHIN = 1
_HEARTBEAT = 60  # the server allows five minutes
_SETTLED_AFTER = 120  # a connection that lived so long had no part in the loss of the one before
_FIRST_PAUSE, _LONGEST_PAUSE = 2, 300
_FIRST_PAUSE_OF_THE_REFUSED, _LONGEST_PAUSE_OF_THE_REFUSED = 60, 3600

_PREFETCH: Final = 50  # events that may come before those ahead of them are acknowledged
_LONGEST_LINE = 2**20  # bytes
_SUBKEY: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
_SUBKEY_SLOT: Final = "snoti subkey"
_LOSSES: Final = (OSError, EOFError, asyncio.LimitOverrunError)

type Message = Mapping[str, Any]
type OnNews = Callable[[News], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnotiServer:
    """Where SNoti is, and how far it is trusted."""

    host: str
    port: int
    tls: ssl.SSLContext


class SnotiPush:
    """The connections of an account's products. Those without credentials of their own for it have none."""

    def __init__(
        self, server: SnotiServer, products: Sequence[Product], definitions: Definitions, client_store: ClientStore
    ) -> None:
        """Connect to nothing yet; keep in `client_store` the name that events are queued under."""
        self._client_store = client_store
        self._events = Events(definitions)
        self._connections = {
            product.product_key: _Connection(server, product, self._events) for product in products if product.is_pushed
        }
        self._is_told_whom_to_follow = asyncio.Event()

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """The products whose login is refused (`Forbidden`, PUSH_REFUSED, with the product key), by product key."""
        return {
            key: connection.refusal for key, connection in self._connections.items() if connection.refusal is not None
        }

    def follow(self, devices: Sequence[Device]) -> None:
        """Take news of these devices, and of no others."""
        self._events.follow(devices)
        self._is_told_whom_to_follow.set()

    def hears(self, device: Device) -> bool:
        """Whether the connection of the device's product is alive."""
        connection = self._connections.get(device.schema_id)
        return connection is not None and connection.is_alive

    async def listen(self, on_news: OnNews) -> None:
        """Keep all connections up until cancelled, from the first `follow` on: events of nobody would be lost."""
        await self._is_told_whom_to_follow.wait()
        subkey = self._subkey()
        async with asyncio.TaskGroup() as tasks:
            for connection in self._connections.values():
                tasks.create_task(connection.keep(subkey, on_news))

    def _subkey(self) -> str:
        # The server deals the events of one subkey out among those who use it, and keeps them for who comes back.
        known = self._client_store.get(_SUBKEY_SLOT)
        if isinstance(known, str) and _SUBKEY.fullmatch(known):
            return known
        made = f"datapoint_{secrets.token_hex(10)}"
        self._client_store.put(_SUBKEY_SLOT, made)
        return made


class _Connection:
    """The connection of one product, made again whenever it is lost."""

    def __init__(self, server: SnotiServer, product: Product, events: Events) -> None:
        self.is_alive = False
        self.refusal: Forbidden | None = None
        self._server = server
        self._product = product
        self._events = events
        self._on_news: OnNews = lambda _: None
        self._outage: OutageWatch | None = None
        self._has_failed = False
        self._is_logged_in = False
        self._pauses = _Pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        self._pauses_of_the_refused = _Pauses(_FIRST_PAUSE_OF_THE_REFUSED, _LONGEST_PAUSE_OF_THE_REFUSED)

    async def keep(self, subkey: str, on_news: OnNews) -> None:
        """Connect, and again after a pause whatever ended that."""
        self._on_news = on_news
        self._outage = OutageWatch(self._server.host, on_news)
        try:
            while True:
                pause = await self._spend(subkey)
                await asyncio.sleep(pause)
        finally:
            self.is_alive = False

    async def _spend(self, subkey: str) -> float:
        """Be connected once, and say how long to wait until the next time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._talk(subkey)
        except Forbidden as refusal:
            self._become(is_alive=False, refusal=refusal)
            return self._pauses_of_the_refused.take()
        except _LOSSES as error:
            _LOGGER.debug("No SNoti of product %s: %s", self._product.product_key, type(error).__name__)
        except Exception:
            # Whatever it is, one connection must not end the others, and the next one may do better.
            if not self._has_failed:
                self._has_failed = True
                _LOGGER.exception("SNoti of product %s failed by a fault of its own", self._product.product_key)
        if self._outage is not None:
            self._outage.note_loss()
        if self.is_alive and loop.time() - began >= _SETTLED_AFTER:
            self._pauses.reset()
        self._become(is_alive=False, refusal=self.refusal)
        return self._pauses.take()

    async def _talk(self, subkey: str) -> None:
        """Log in and take all that comes. Raises `Forbidden` when refused, one of `_LOSSES` at the end."""
        self._is_logged_in = False
        async with _lines(self._server) as lines:
            await lines.send(self._login(subkey))
            async with asyncio.timeout(_ANSWER_WITHIN):
                while not self._is_logged_in:
                    await self._take(await lines.next(), lines)
            while True:  # that a login was granted does not tell that anything comes
                await lines.send({"cmd": "ping"})
                if not await self._take_sign_of_life(lines, within=_ANSWER_WITHIN):
                    raise TimeoutError
                while await self._take_sign_of_life(lines, within=_HEARTBEAT):
                    pass

    async def _take_sign_of_life(self, lines: _Lines, *, within: float) -> bool:
        """Take all that comes until a sign of life is among it; whether there was one in time."""
        until = asyncio.get_running_loop().time() + within
        while True:
            try:
                async with asyncio.timeout_at(until):
                    line = await lines.next()
            except TimeoutError:
                return False
            if await self._take(line, lines):
                return True

    def _login(self, subkey: str) -> Message:
        item = {
            "product_key": self._product.product_key,
            "auth_id": self._product.auth_id,
            "auth_secret": self._product.auth_secret,
            "subkey": subkey,
            "events": list(EVENTS),
        }
        return {"cmd": "login_req", "prefetch_count": _PREFETCH, "data": [item]}

    async def _take(self, line: bytes, lines: _Lines) -> bool:
        """Take a line; whether it is a sign of life. What a server only complains with is none."""
        message = _decoded(line)
        match message.get("cmd"):
            case "login_res":
                self._take_login(message)
            case "pong":
                self._come_alive()
                return True
            case "event_push":
                self._come_alive()
                await self._take_event(message, lines)
                return True
            case "invalid_msg" if not self._is_logged_in:
                raise self._refused(wire_values.count(message.get("error_code")))
            case "invalid_msg":
                _LOGGER.debug(
                    "SNoti did not understand a message: code %s", wire_values.count(message.get("error_code"))
                )
            case _:
                _LOGGER.debug("A line of SNoti was not understood")
        return False

    def _take_login(self, message: Message) -> None:
        result = wire_values.flag(coerce.fields(message.get("data")).get("result"))
        if result is False:
            raise self._refused()
        self._is_logged_in = self._is_logged_in or result is True

    def _refused(self, code: int | None = None) -> Forbidden:
        return Forbidden(Reason.PUSH_REFUSED, endpoint="login_req", code=code, subject=self._product.product_key)

    def _come_alive(self) -> None:
        if self._is_logged_in:
            if self._outage is not None:
                self._outage.note_life()
            self._pauses_of_the_refused.reset()
            self._become(is_alive=True, refusal=None)

    def _become(self, *, is_alive: bool, refusal: Forbidden | None) -> None:
        is_change = is_alive != self.is_alive or (refusal is None) != (self.refusal is None)
        self.is_alive, self.refusal = is_alive, refusal
        if is_change:
            self._on_news(CoverageChanged())

    async def _take_event(self, event: Message, lines: _Lines) -> None:
        """Tell what an event means and acknowledge it: also one that means nothing, or it would come for ever."""
        if (news := await self._events.news(self._product.product_key, event)) is not None:
            self._on_news(news)
        if "delivery_id" in event:
            ids = {name: event[name] for name in ("delivery_id", "msg_id") if name in event}
            await lines.send({"cmd": "event_ack", **ids})


class _Lines:
    """JSON objects, one a line, both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Message) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(_ANSWER_WITHIN):
            await self._writer.drain()

    async def next(self) -> bytes:
        return await self._reader.readuntil(b"\n")


@asynccontextmanager
async def _lines(server: SnotiServer) -> AsyncIterator[_Lines]:
    async with asyncio.timeout(_CONNECT_WITHIN):
        reader, writer = await asyncio.open_connection(
            server.host, server.port, ssl=server.tls, limit=_LONGEST_LINE, ssl_shutdown_timeout=_CLOSE_WITHIN
        )
    try:
        yield _Lines(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


class _Pauses:
    """Pauses between attempts, each twice as long as the one before it, no two accounts in step."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = self._next = first
        self._longest = longest

    def take(self) -> float:
        pause, self._next = self._next, min(2 * self._next, self._longest)
        return pause * random.uniform(0.5, 1)  # noqa: S311  # no secret

    def reset(self) -> None:
        self._next = self._first


def _decoded(line: bytes) -> Message:
    """The object in a line; an empty one for anything else."""
    try:
        return coerce.fields(coerce.decode(line))
    except ValueError:
        return {}
