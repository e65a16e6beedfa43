"""The push of the Open API: which WebSocket connections there are, and when a lost one is made again.

The binding of each device names the host that sends its news, so there is one connection for each host. What is said
on a connection is the matter of `websocket_session`.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ... import coerce
from ...backoff import Backoff
from ...errors import AuthFailed, CloudError, RateLimited
from ...hosts import host_name, is_loopback, is_public
from ...model import Device
from ...push import CoverageChanged, News, OutageMonitor
from ...tokens import Token
from ...traffic import Line
from .. import wire_values
from .websocket_session import LoginRefused, Lost, PushAccess, SessionOver, WebSocketSession

_LOGGER = logging.getLogger(__name__)

_ENDED_SESSIONS_THAT_DOUBT_THE_TOKEN: Final = 3


class _End(StrEnum):
    """How a connection ended."""

    LOST = "lost"
    SESSION_OVER = "the session is over"
    LOGIN_REFUSED = "the login was refused"


class WebSocketPush:
    """The connections of one user ("Open API, WebSocket")."""

    def __init__(self, access: PushAccess, *, api_url: str) -> None:
        """Connect as the user of `access`.

        A public API may not name a host in the user's own network as its push server, and the token of a server on
        this machine goes to no other machine. The token is sent unencrypted only if the API is used that way too, and
        only within the user's own network.
        """
        self._access = access
        api = urlsplit(api_url)
        self._is_on_this_machine = is_loopback(api.hostname or "")
        self._is_public = is_public(api.hostname or "")
        self._is_unencrypted = api.scheme == "http" and not self._is_public
        self._addresses: dict[str, URL] = {}  # of all devices, by id
        self._followed: dict[str, Device] = {}
        self._connected: dict[str, URL] = {}  # the addresses of followed devices, by id, while `listen` runs
        self._connections: dict[URL, _Connection] = {}
        self._has_changed = asyncio.Event()

    def set_bindings(self, bindings: Iterable[Mapping[str, Any]]) -> None:
        """Read from the complete list of bindings which host sends the news of each device."""
        self._addresses = {
            did: address
            for row in bindings
            if (did := coerce.text(row.get("did"))) is not None and (address := self._address(row)) is not None
        }
        self._has_changed.set()

    def _address(self, binding: Mapping[str, Any]) -> URL | None:
        host = host_name(coerce.text(binding.get("host")) or "")
        if host is None or not self._is_allowed(host):
            return None
        is_secure = is_public(host) or not self._is_unencrypted
        port = wire_values.count(binding.get("wss_port" if is_secure else "ws_port"))
        if port is None or not 0 < port < 2**16:
            return None
        return URL.build(scheme="wss" if is_secure else "ws", host=host, port=port, path="/ws/app/v1")

    def _is_allowed(self, host: str) -> bool:
        if self._is_on_this_machine:
            return is_loopback(host)
        return is_public(host) or not self._is_public

    @property
    def refused(self) -> Mapping[str, CloudError]:
        """Always empty: push uses the login of the user and has no credentials of its own."""
        return {}

    def follow(self, devices: Sequence[Device], *, is_selection: bool = False) -> None:
        """Replace the devices whose news are wanted; this server sends none of other devices."""
        self._followed = {device.id: device for device in devices}
        self._has_changed.set()

    def hears(self, device: Device) -> bool:
        """Whether news of this device arrive now."""
        if device.id not in self._followed or device.id not in self._connected:
            return False
        return self._connections[self._connected[device.id]].hears(device.id)

    async def listen(self, on_news: Callable[[News], None]) -> None:
        """Keep the connections up until cancelled. Raises only `AuthFailed`."""
        tasks: dict[URL, asyncio.Task[None]] = {}
        # A session of our own on the account's connector, since only a middleware can keep a handshake from being
        # redirected.
        session = aiohttp.ClientSession(
            connector=self._access.transport.session.connector,
            connector_owner=False,
            headers=self._access.transport.session.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=[_refuse_redirect],
        )
        try:
            async with session, asyncio.TaskGroup() as group:
                while True:
                    self._has_changed.clear()
                    self._update_connections(group, session, tasks, on_news)
                    await self._has_changed.wait()
        except BaseExceptionGroup as failures:
            raise _cause(failures) from None
        finally:
            self._connected = {}
            self._connections.clear()

    def _update_connections(
        self,
        group: asyncio.TaskGroup,
        session: aiohttp.ClientSession,
        tasks: dict[URL, asyncio.Task[None]],
        on_news: Callable[[News], None],
    ) -> None:
        """Start and end connections so that there is one for each host of a followed device."""
        before = self._connected
        self._connected = {did: address for did, address in self._addresses.items() if did in self._followed}
        devices_by_address: defaultdict[URL, dict[str, Device]] = defaultdict(dict)
        for did, address in self._connected.items():
            devices_by_address[address][did] = self._followed[did]
        for address in self._connections.keys() - devices_by_address:
            tasks.pop(address).cancel()
            self._connections.pop(address).end_outage()
        for address, devices in devices_by_address.items():
            if address in self._connections:
                self._connections[address].follow(devices)
            else:
                connection = _Connection(self._access, session, address, devices, on_news)
                self._connections[address] = connection
                tasks[address] = group.create_task(connection.run())
        if before.items() - self._connected.items():
            on_news(CoverageChanged())


class _Connection:
    """The connection to one host, made again whenever it is lost.

    A new token costs a login over HTTP, and those are throttled. So after a loss, or after the server ended the
    session, the next login uses the same token. It is only renewed when the server refuses it, or when several
    sessions in a row ended before they had been up for a while. After a second refusal there is a long pause.
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
        self._timings = access.timings
        self._session = session
        self._address = address
        self._devices = devices
        self._on_news = on_news
        self._outage = OutageMonitor(address.raw_host or "", on_news)
        self._current: WebSocketSession | None = None
        self._backoff = Backoff(self._timings.first_pause, self._timings.longest_pause, jitter=1 / 3)
        self._ended_sessions = 0  # since a connection was last up for a while, as are
        self._refused_tokens = 0
        self._has_logged_fault = False

    def hears(self, device_id: str) -> bool:
        return self._current is not None and self._current.hears(device_id)

    def follow(self, devices: Mapping[str, Device]) -> None:
        # In place, because the session looks devices up in the same dictionary.
        self._devices.clear()
        self._devices.update(devices)
        if self._current is not None:
            self._current.follow()

    def end_outage(self) -> None:
        """Report that an outage is over, because no device needs the connection any more."""
        self._outage.end()

    async def run(self) -> None:
        """Connect again and again until cancelled. Raises only `AuthFailed`, perhaps in groups."""
        while True:
            shortest_pause = await self._run_once()
            self._outage.mark_lost()
            await asyncio.sleep(max(shortest_pause, self._backoff.next()))

    async def _run_once(self) -> float:
        """Run one connection until it ends; return the seconds that must pass before the next one."""
        try:
            token = await self._access.enter()
        except AuthFailed:
            raise
        except CloudError as error:
            _LOGGER.debug("Push: no token: %s", error)
            refused_pause = self._timings.first_refused_pause
            return (error.retry_after or refused_pause) if isinstance(error, RateLimited) else 0.0
        end = await self._run_session(token)
        if end is _End.LOGIN_REFUSED:
            self._refused_tokens += 1
            self._access.token.keeper.drop(token)
            return self._timings.first_refused_pause if self._refused_tokens > 1 else 0.0
        if end is _End.SESSION_OVER:
            self._ended_sessions += 1
            if self._ended_sessions == _ENDED_SESSIONS_THAT_DOUBT_THE_TOKEN:
                self._access.token.keeper.drop(token)
        return 0.0

    async def _run_session(self, token: Token) -> _End:
        """Run one connection until it ends, and return how it did."""
        end = _End.LOST
        try:
            await self._open_session(token)
        except* AuthFailed:
            raise
        except* LoginRefused:
            end = _End.LOGIN_REFUSED
        except* SessionOver:
            end = _End.SESSION_OVER
        except* Lost, OSError, aiohttp.ClientError:
            pass
        except* Exception as faults:
            # A bug must not end the connections to other hosts, and the next connection may not meet it.
            if not self._has_logged_fault:
                self._has_logged_fault = True
                _LOGGER.exception("Push failed because of a bug", exc_info=faults)
        finally:
            alive_since = None if self._current is None else self._current.alive_since
            self._current = None
        _LOGGER.debug("Push: the connection ended: %s", end)
        if alive_since is not None:
            self._on_news(CoverageChanged())
            if asyncio.get_running_loop().time() - alive_since >= self._timings.settled:
                self._ended_sessions = self._refused_tokens = 0
                self._backoff.reset()
        return end

    async def _open_session(self, token: Token) -> None:
        line = Line(self._access.transport.observer, str(self._address))
        async with line.opening(self._timings.connect):
            socket = await self._session.ws_connect(
                self._address, timeout=aiohttp.ClientWSTimeout(ws_close=self._timings.close)
            )
        self._current = WebSocketSession(
            self._access, socket, line, self._devices, self._on_news, self._outage.mark_alive
        )
        try:
            await self._current.run(token)
        finally:
            # The socket's own time limit starts over with each frame that arrives instead of the close frame.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timings.close):
                    await socket.close()


async def _refuse_redirect(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Fail when a server redirects the handshake: the token would go to another server."""
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
