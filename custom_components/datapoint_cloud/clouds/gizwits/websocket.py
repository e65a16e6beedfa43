"""The push of the consumer's cloud: which connections there are, and when a lost one is made again.

A device's news arrive at the host its own binding names, so there is a connection a host. What is said on it is not
known here.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from .. import wire
from ..errors import AuthFailed, CloudError, RateLimited
from ..hosts import is_loopback
from ..model import Device
from ..push import CoverageChanged, News
from ..tokens import Token
from . import spellings
from .conversation import Conversation, LoginRefused, Lost, PushAccess

_LOGGER = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 120.0
_REFUSED_PAUSE_SECONDS: Final = 900.0  # each try costs an HTTP login, and those are throttled
_STEADY_SECONDS: Final = 60.0  # alive for so long, a connection has proved itself
_CONNECT_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 2.0


class WebSocketPush:
    """The connections of one user ("Open API, WebSocket")."""

    def __init__(self, access: PushAccess, *, api_url: str) -> None:
        """Connect as the user of `access`: to the hosts' open ports where the API's address is open, too.

        The token of a server on this machine is sent to no other: there only hosts on this machine are connected to.
        """
        self._access = access
        self._is_secure = not api_url.lower().startswith("http://")
        self._is_local = is_loopback(urlsplit(api_url).hostname or "")
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
            if (did := wire.text(row.get("did"))) is not None
            and (address := _address(row, is_secure=self._is_secure)) is not None
            and (is_loopback(address.host or "") or not self._is_local)
        }
        self._rewired.set()

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

    async def listen(self, tell: Callable[[News], None]) -> None:
        """Keep the connections; until cancelled. Raises `AuthFailed` alone."""
        tasks: dict[URL, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._rewired.clear()
                    self._rewire(group, tasks, tell)
                    await self._rewired.wait()
        except BaseExceptionGroup as failures:
            raise _cause(failures) from None
        finally:
            self._served = {}
            self._lines.clear()

    def _rewire(
        self, group: asyncio.TaskGroup, tasks: dict[URL, asyncio.Task[None]], tell: Callable[[News], None]
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
                line = self._lines[address] = _Line(self._access, address, devices, tell)
                tasks[address] = group.create_task(line.keep())
        if before.items() - self._served.items():
            tell(CoverageChanged())


class _Line:
    """The connection to one host, made again whenever it is lost."""

    def __init__(
        self, access: PushAccess, address: URL, devices: dict[str, Device], tell: Callable[[News], None]
    ) -> None:
        self._access = access
        self._address = address
        self._devices = devices
        self._tell = tell
        self._conversation: Conversation | None = None

    def hears(self, device_id: str) -> bool:
        return self._conversation is not None and self._conversation.hears(device_id)

    def follow(self, devices: Mapping[str, Device]) -> None:
        # In place: the conversation looks devices up in the same mapping.
        self._devices.clear()
        self._devices.update(devices)
        if self._conversation is not None:
            self._conversation.follow()

    async def keep(self) -> None:
        """Connect, and connect again; until cancelled. Raises `AuthFailed` alone, perhaps in groups."""
        pause = _FIRST_PAUSE_SECONDS
        refusals = 0  # since the connection last proved itself
        while True:
            least = 0.0
            try:
                token = await self._access.enter()
                is_refused, is_steady = await self._hold(token)
                if is_steady:
                    refusals, pause = 0, _FIRST_PAUSE_SECONDS
                if is_refused:
                    refusals += 1
                    self._access.token.keeper.drop(token)
                    least = _REFUSED_PAUSE_SECONDS if refusals > 1 else 0.0
            except AuthFailed:
                raise
            except CloudError as error:
                _LOGGER.debug("Push: no token: %s", error)
                if isinstance(error, RateLimited):
                    least = error.retry_after or _REFUSED_PAUSE_SECONDS
            await asyncio.sleep(max(least, random.uniform(pause, 1.5 * pause)))  # noqa: S311  # jitter, not cryptography
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _hold(self, token: Token) -> tuple[bool, bool]:
        """Hold one connection until it is lost; whether it was refused, and whether it had proved itself."""
        is_refused = False
        alive_since = None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                socket = await self._access.session.ws_connect(
                    self._address, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS)
                )
            async with socket:
                self._conversation = Conversation(self._access, socket, self._devices, self._tell)
                await self._conversation.hold(token)
        except* LoginRefused:
            is_refused = True
            _LOGGER.debug("Push: the login was refused")
        except* Lost, OSError, aiohttp.ClientError:
            _LOGGER.debug("Push: no connection any more")
        finally:
            if self._conversation is not None:
                alive_since = self._conversation.alive_since
                self._conversation = None
        if alive_since is None:
            return is_refused, False
        self._tell(CoverageChanged())
        return is_refused, asyncio.get_running_loop().time() - alive_since >= _STEADY_SECONDS


def _address(binding: Mapping[str, Any], *, is_secure: bool) -> URL | None:
    host = wire.text(binding.get("host"))
    port = spellings.count(binding.get("wss_port" if is_secure else "ws_port"))
    if host is None or port is None or not 0 < port < 2**16:
        return None
    try:
        return URL.build(scheme="wss" if is_secure else "ws", host=host, port=port, path="/ws/app/v1")
    except ValueError:  # no name of a host
        return None


def _cause(failures: BaseExceptionGroup) -> BaseException:
    cause: BaseException = failures
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause
