"""The push of the consumer's cloud: which connections there are, and when a lost one is made again.

A device's news arrive at the host its own binding names, so there is a connection a host. What is said on it is not
known here.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ... import coerce
from ...errors import AuthFailed, CloudError, RateLimited
from ...hosts import host_name, is_loopback, is_public
from ...model import Device
from ...push import CoverageChanged, News, OutageWatch
from ...tokens import Token
from .. import wire_values
from .websocket_session import LoginRefused, Lost, PushAccess, SessionOver, WebSocketSession

_LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 120.0
_REFUSED_PAUSE_SECONDS: Final = 900.0  # each try costs an HTTP login, and those are throttled
_STEADY_SECONDS: Final = 60.0  # alive for so long, a connection has proved itself
_CONNECT_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 2.0
_ENDINGS_THAT_DOUBT_THE_TOKEN: Final = 3


class _End(StrEnum):
    """How a connection ended."""

    LOST = "lost"
    OF_SESSION = "the session is over"
    REFUSED = "the login was refused"


class WebSocketPush:
    """The connections of one user ("Open API, WebSocket")."""

    def __init__(self, access: PushAccess, *, api_url: str) -> None:
        """Connect as the user of `access`.

        An API on the internet has its push there, too: it names no host of the user's own network. The token of a
        server on this machine is sent to no other. It goes unencrypted only where it does so to the API, and only
        within the user's own network.
        """
        self._access = access
        api = urlsplit(api_url)
        self._is_on_this_machine = is_loopback(api.hostname or "")
        self._is_public = is_public(api.hostname or "")
        self._is_open = api.scheme == "http" and not self._is_public
        self._addresses: dict[str, URL] = {}  # by device id
        self._followed: dict[str, Device] = {}
        self._served: dict[str, URL] = {}  # by device id, while it listens
        self._lines: dict[URL, _Line] = {}
        self._rewired = asyncio.Event()

    def locate(self, bindings: Iterable[Mapping[str, Any]]) -> None:
        """Learn from a whole list of bindings where the news of each device arrive."""
        self._addresses = {
            did: address
            for row in bindings
            if (did := coerce.text(row.get("did"))) is not None and (address := self._address(row)) is not None
        }
        self._rewired.set()

    def _address(self, binding: Mapping[str, Any]) -> URL | None:
        host = host_name(coerce.text(binding.get("host")) or "")
        if host is None or not self._may_reach(host):
            return None
        is_secure = is_public(host) or not self._is_open
        port = wire_values.count(binding.get("wss_port" if is_secure else "ws_port"))
        if port is None or not 0 < port < 2**16:
            return None
        return URL.build(scheme="wss" if is_secure else "ws", host=host, port=port, path="/ws/app/v1")

    def _may_reach(self, host: str) -> bool:
        if self._is_on_this_machine:
            return is_loopback(host)
        return is_public(host) or not self._is_public

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """None ever: the user's own login serves for push, too."""
        return {}

    def follow(self, devices: Sequence[Device]) -> None:
        """Want to hear of these devices from now on, and of no others."""
        self._followed = {device.id: device for device in devices}
        self._rewired.set()

    def hears(self, device: Device) -> bool:
        """Whether news of this device arrive now."""
        if device.id not in self._followed or device.id not in self._served:
            return False
        return self._lines[self._served[device.id]].hears(device.id)

    async def listen(self, on_news: Callable[[News], None]) -> None:
        """Keep the connections; until cancelled. Raises `AuthFailed` alone."""
        tasks: dict[URL, asyncio.Task[None]] = {}
        # The account's session in all but one thing: it cannot be told to follow no redirect of a handshake.
        session = aiohttp.ClientSession(
            connector=self._access.session.connector,
            connector_owner=False,
            headers=self._access.session.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=[_take_no_redirect],
        )
        try:
            async with session, asyncio.TaskGroup() as group:
                while True:
                    self._rewired.clear()
                    self._rewire(group, session, tasks, on_news)
                    await self._rewired.wait()
        except BaseExceptionGroup as failures:
            raise _cause(failures) from None
        finally:
            self._served = {}
            self._lines.clear()

    def _rewire(
        self,
        group: asyncio.TaskGroup,
        session: aiohttp.ClientSession,
        tasks: dict[URL, asyncio.Task[None]],
        on_news: Callable[[News], None],
    ) -> None:
        before, self._served = self._served, {did: a for did, a in self._addresses.items() if did in self._followed}
        wanted: defaultdict[URL, dict[str, Device]] = defaultdict(dict)
        for did, address in self._served.items():
            wanted[address][did] = self._followed[did]
        for address in self._lines.keys() - wanted:
            del self._lines[address]
            tasks.pop(address).cancel()
        for address, devices in wanted.items():
            if address in self._lines:
                self._lines[address].follow(devices)
            else:
                line = self._lines[address] = _Line(self._access, session, address, devices, on_news)
                tasks[address] = group.create_task(line.keep())
        if before.items() - self._served.items():
            on_news(CoverageChanged())


class _Line:
    """The connection to one host, made again whenever it is lost.

    After a loss, and after the end of a session, the next one is logged in with the same token. A token costs a login
    over HTTP, and those are throttled: it is renewed when the socket refuses it, or when several sessions in a row
    ended before they proved themselves. If a fresh one is refused, too, the next is tried a quarter of an hour later.
    """

    def __init__(
        self,
        access: PushAccess,
        session: aiohttp.ClientSession,
        address: URL,
        devices: dict[str, Device],
        on_news: Callable[[News], None],
    ) -> None:
        self._access = access
        self._session = session
        self._address = address
        self._devices = devices
        self._on_news = on_news
        self._outage = OutageWatch(address.raw_host or "", on_news)
        self._current: WebSocketSession | None = None
        self._pause = _FIRST_PAUSE_SECONDS
        self._endings = 0  # sessions that ended, and
        self._refusals = 0  # tokens that were refused, since the connection last proved itself
        self._has_failed = False

    def hears(self, device_id: str) -> bool:
        return self._current is not None and self._current.hears(device_id)

    def follow(self, devices: Mapping[str, Device]) -> None:
        # In place: the conversation looks devices up in the same mapping.
        self._devices.clear()
        self._devices.update(devices)
        if self._current is not None:
            self._current.follow()

    async def keep(self) -> None:
        """Connect, and connect again; until cancelled. Raises `AuthFailed` alone, perhaps in groups."""
        while True:
            least = await self._spend()
            self._outage.note_loss()
            pause = random.uniform(self._pause, 1.5 * self._pause)  # noqa: S311  # jitter, not cryptography
            await asyncio.sleep(max(least, pause))
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    async def _spend(self) -> float:
        """Hold one connection as long as it lasts; for how long to make none after it."""
        try:
            token = await self._access.enter()
        except AuthFailed:
            raise
        except CloudError as error:
            _LOGGER.debug("Push: no token: %s", error)
            return (error.retry_after or _REFUSED_PAUSE_SECONDS) if isinstance(error, RateLimited) else 0.0
        end = await self._hold(token)
        if end is _End.REFUSED:
            self._refusals += 1
            self._access.token.keeper.drop(token)
            return _REFUSED_PAUSE_SECONDS if self._refusals > 1 else 0.0
        if end is _End.OF_SESSION:
            self._endings += 1
            if self._endings == _ENDINGS_THAT_DOUBT_THE_TOKEN:
                self._access.token.keeper.drop(token)
        return 0.0

    async def _hold(self, token: Token) -> _End:
        """Hold one connection until it is lost, and say how it was."""
        end = _End.LOST
        try:
            await self._converse(token)
        except* AuthFailed:
            raise
        except* LoginRefused:
            end = _End.REFUSED
        except* SessionOver:
            end = _End.OF_SESSION
        except* Lost, OSError, aiohttp.ClientError:
            pass
        except* Exception as faults:
            # Whatever it is, one connection must not end the others, and the next one may do better.
            if not self._has_failed:
                self._has_failed = True
                _LOGGER.exception("Push failed by a fault of its own", exc_info=faults)
        finally:
            alive_since = None if self._current is None else self._current.alive_since
            self._current = None
        _LOGGER.debug("Push: no connection any more: %s", end)
        if alive_since is not None:
            self._on_news(CoverageChanged())
            if asyncio.get_running_loop().time() - alive_since >= _STEADY_SECONDS:
                self._endings = self._refusals = 0
                self._pause = _FIRST_PAUSE_SECONDS
        return end

    async def _converse(self, token: Token) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            socket = await self._session.ws_connect(
                self._address, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS)
            )
        self._current = WebSocketSession(self._access, socket, self._devices, self._on_news, self._outage.note_life)
        try:
            await self._current.hold(token)
        finally:
            # The socket's own limit begins anew with each frame that comes instead of the end.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await socket.close()


async def _take_no_redirect(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Fail where a server sends the handshake elsewhere: the token would be handed to whoever is there."""
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise aiohttp.WSServerHandshakeError(response.request_info, (), status=response.status)
    return response


def _cause(failures: BaseExceptionGroup) -> BaseException:
    cause: BaseException = failures
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause
