"""The push of the Enterprise API: SNoti, lines of JSON over TLS, one connection for each product.

With a shared connection, one refused product would end the push of all, and the server does not say which one it is.
This module knows how events arrive, not what they mean.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from ... import coerce
from ...backoff import Backoff
from ...client_store import ClientStore
from ...errors import CloudError, Forbidden, Reason
from ...model import Device, Value
from ...push import CoverageChanged, News, OutageMonitor
from ...traffic import Observer
from .. import wire_values
from ..definitions import Definitions
from ..timings import PushTimings
from .product_access import Product
from .snoti_control import RemoteControl
from .snoti_events import EVENTS, POSITION_EVENTS, EventConverter
from .snoti_lines import PREFETCH, Lines, Message, SnotiServer, decoded, open_lines

_LOGGER = logging.getLogger(__name__)

DEFAULT_HOST: Final = "snoti.gizwits.com"
DEFAULT_PORT: Final = 2017

_SUBKEY: Final = re.compile(r"[A-Za-z0-9_]{1,32}")
SUBKEY_SLOT: Final = "snoti subkey"
"""Where the client store keeps the subkey."""
_LOSSES: Final = (OSError, EOFError, asyncio.LimitOverrunError)

type OnNews = Callable[[News], None]


class SnotiPush:
    """The connections of an account's products, as far as they have push credentials."""

    def __init__(
        self,
        server: SnotiServer,
        products: Sequence[Product],
        definitions: Definitions,
        client_store: ClientStore,
        *,
        timings: PushTimings,
        observer: Observer | None = None,
    ) -> None:
        """Prepare the connections; keep in `client_store` the subkey under which the server queues events."""
        self._client_store = client_store
        self._timings = timings
        self._events = EventConverter(definitions)
        self._connections = {
            product.product_key: _Connection(server, product, self._events, timings, observer)
            for product in products
            if product.is_pushed
        }
        self._follows = asyncio.Event()

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """The products whose login is refused (`Forbidden`, PUSH_REFUSED, with the product key), by product key."""
        return {
            key: connection.refusal for key, connection in self._connections.items() if connection.refusal is not None
        }

    def follow(self, devices: Sequence[Device], *, is_selection: bool = False) -> None:
        """Replace the devices whose news are wanted; with `is_selection`, no other device is ever wanted."""
        self._events.follow(devices, is_selection=is_selection)
        self._follows.set()

    def hears(self, device: Device) -> bool:
        """Whether the connection of the device's product is alive."""
        connection = self._connections.get(device.schema_id)
        return connection is not None and connection.is_alive

    async def write(
        self, product_key: str, macs: Mapping[str, str], attrs: Mapping[str, Value | list[int]]
    ) -> Collection[str] | None:
        """Send attributes to a few devices of a product, given with their MAC addresses by id, outside of the quota.

        Binaries are lists of bytes: only a newer command, which older servers do not know, takes hex digits.

        Returns the ids of those that the server passed them on to; None without a connection or an answer.
        """
        connection = self._connections.get(product_key)
        if connection is None or not connection.is_alive:
            return None
        return await connection.control.write(product_key, macs, attrs, within=self._timings.control)

    async def listen(self, on_news: OnNews) -> None:
        """Keep all connections up until cancelled.

        It connects after the first `follow`, since events of devices that are not followed would be lost.
        """
        await self._follows.wait()
        subkey = self._subkey()
        async with asyncio.TaskGroup() as tasks:
            for connection in self._connections.values():
                tasks.create_task(connection.run(subkey, on_news))

    def _subkey(self) -> str:
        # Clients with the same subkey share its events between them, so each account needs one of its own; the server
        # queues events under it while the client is away.
        known = self._client_store.get(SUBKEY_SLOT)
        if isinstance(known, str) and _SUBKEY.fullmatch(known):
            return known
        subkey = f"datapoint_{secrets.token_hex(10)}"
        self._client_store.put(SUBKEY_SLOT, subkey)
        return subkey


class _Connection:
    """The connection of one product, made again whenever it is lost."""

    def __init__(
        self,
        server: SnotiServer,
        product: Product,
        events: EventConverter,
        timings: PushTimings,
        observer: Observer | None,
    ) -> None:
        self.is_alive = False
        self.control = RemoteControl()
        self.refusal: Forbidden | None = None
        self._server = server
        self._product = product
        self._events = events
        self._on_news: OnNews = lambda _: None
        self._timings = timings
        self._observer = observer
        self._outage: OutageMonitor | None = None
        self._has_logged_fault = False
        self._is_logged_in = False
        self._session = 0
        self._handled: dict[tuple[str, ...], int] = {}
        """The newest events that were handled, as many as can still be repeated, each with the session it came in."""
        self._backoff = Backoff(timings.first_pause, timings.longest_pause, jitter=0.5)
        self._refused_backoff = Backoff(timings.first_refused_pause, timings.longest_refused_pause, jitter=0.5)

    async def run(self, subkey: str, on_news: OnNews) -> None:
        """Connect again and again until cancelled, whatever ends a connection."""
        self._on_news = on_news
        self._outage = OutageMonitor(self._server.host, on_news)
        try:
            while True:
                pause = await self._run_once(subkey)
                await asyncio.sleep(pause)
        finally:
            self.is_alive = False

    async def _run_once(self, subkey: str) -> float:
        """Run one connection until it ends; return the reconnect delay in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._run_session(subkey)
        except Forbidden as refusal:
            self._set_state(is_alive=False, refusal=refusal)
            return self._refused_backoff.next()
        except _LOSSES as error:
            _LOGGER.debug("No SNoti of product %s: %s", self._product.product_key, type(error).__name__)
        except Exception:
            # A bug must not end the connections of other products, and the next connection may not meet it.
            if not self._has_logged_fault:
                self._has_logged_fault = True
                _LOGGER.exception("SNoti of product %s failed because of a bug", self._product.product_key)
        if self._outage is not None:
            self._outage.mark_lost()
        if self.is_alive and loop.time() - began >= self._timings.settled:
            self._backoff.reset()
        self._set_state(is_alive=False, refusal=self.refusal)
        return self._backoff.next()

    async def _run_session(self, subkey: str) -> None:
        """Log in and handle all messages. Raises `Forbidden` for a refused login, one of `_LOSSES` at the end."""
        self._is_logged_in = False
        self._session += 1
        async with open_lines(self._server, self._timings, self._observer) as lines:
            await lines.send(self._login(subkey))
            async with asyncio.timeout(self._timings.answer):
                while not self._is_logged_in:
                    await self._handle(await lines.next(), lines)
            await lines.send({"cmd": "subscribe_req", "data": [self._subscription(subkey, POSITION_EVENTS)]})
            self.control.open(lines.send)
            try:
                await self._stay(lines)
            finally:
                self.control.close()

    async def _stay(self, lines: Lines) -> None:
        """Handle messages until the server is silent. An accepted login does not prove that it sends anything."""
        while True:
            await lines.send({"cmd": "ping"})
            if not await self._await_sign_of_life(lines, within=self._timings.answer):
                raise TimeoutError
            while await self._await_sign_of_life(lines, within=self._timings.ping):
                pass

    async def _await_sign_of_life(self, lines: Lines, *, within: float) -> bool:
        """Handle messages until one of them is a sign of life; return whether one came in time."""
        until = asyncio.get_running_loop().time() + within
        while True:
            try:
                async with asyncio.timeout_at(until):
                    line = await lines.next()
            except TimeoutError:
                return False
            if await self._handle(line, lines):
                return True

    def _login(self, subkey: str) -> Message:
        return {"cmd": "login_req", "prefetch_count": PREFETCH, "data": [self._subscription(subkey, EVENTS)]}

    def _subscription(self, subkey: str, events: Iterable[str]) -> Message:
        return {
            "product_key": self._product.product_key,
            "auth_id": self._product.auth_id,
            "auth_secret": self._product.auth_secret,
            "subkey": subkey,
            "events": list(events),
        }

    async def _handle(self, line: bytes, lines: Lines) -> bool:
        """Handle a message; return whether it is a sign of life, which an error message is not."""
        message = decoded(line)
        match message.get("cmd"):
            case "login_res":
                self._handle_login(message)
            case "pong":
                self._mark_alive()
                return True
            case "event_push":
                self._mark_alive()
                await self._handle_event(message, lines)
                return True
            case "remote_control_res":
                self.control.handle(message)
                return True
            case "subscribe_res":
                _LOGGER.debug("SNoti answered a subscription with %s", wire_values.flag(message.get("result")))
            case "invalid_msg" if not self._is_logged_in:
                raise self._refused(wire_values.count(message.get("error_code")))
            case "invalid_msg":
                self.control.reject()
                _LOGGER.debug("SNoti rejected a message with code %s", wire_values.count(message.get("error_code")))
            case _:
                _LOGGER.debug("An unknown message of SNoti was ignored")
        return False

    def _handle_login(self, message: Message) -> None:
        result = wire_values.flag(coerce.fields(message.get("data")).get("result"))
        if result is False:
            raise self._refused()
        self._is_logged_in = self._is_logged_in or result is True

    def _refused(self, code: int | None = None) -> Forbidden:
        return Forbidden(Reason.PUSH_REFUSED, endpoint="login_req", code=code, subject=self._product.product_key)

    def _mark_alive(self) -> None:
        if self._is_logged_in:
            if self._outage is not None:
                self._outage.mark_alive()
            self._refused_backoff.reset()
            self._set_state(is_alive=True, refusal=None)

    def _set_state(self, *, is_alive: bool, refusal: Forbidden | None) -> None:
        is_change = is_alive != self.is_alive or (refusal is None) != (self.refusal is None)
        self.is_alive, self.refusal = is_alive, refusal
        if is_change:
            self._on_news(CoverageChanged())

    async def _handle_event(self, event: Message, lines: Lines) -> None:
        """Pass the news of an event on and acknowledge it, even without news: the server repeats it until then.

        An event is repeated after a lost connection if its acknowledgement was lost. It is acknowledged again then, but
        passed on only once.
        """
        key = _key_of(event)
        if not self._is_repeated(event, key):
            for news in await self._events.convert(self._product.product_key, event):
                self._on_news(news)
        self._remember(event, key)  # also a repeated one: it is of this session now
        if "delivery_id" in event:
            ids = {name: event[name] for name in ("delivery_id", "msg_id") if name in event}
            lines.acknowledge({"cmd": "event_ack", **ids})

    def _is_repeated(self, event: Message, key: tuple[str, ...]) -> bool:
        """Whether the event was handled before.

        Without an id of its own, an event that equals one of the same session is another one: a switch that went on,
        off and on within a second.
        """
        session = self._handled.get(key)
        return session is not None and ("msg_id" in event or session < self._session)

    def _remember(self, event: Message, key: tuple[str, ...]) -> None:
        """Remember an event that was handled, in place of the oldest.

        The server repeats no more of them than it may send ahead of their acknowledgements.
        """
        if "msg_id" in event or "created_at" in event:
            self._handled[key] = self._session
            if len(self._handled) > PREFETCH:
                del self._handled[next(iter(self._handled))]


def _key_of(event: Message) -> tuple[str, ...]:
    """Return what tells an event from others. The document promises no id."""
    return tuple(str(event.get(name)) for name in ("msg_id", "event_type", "did", "created_at", "data"))
