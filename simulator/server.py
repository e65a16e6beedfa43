"""The base of all simulated servers: it listens on loopback, counts and logs every request and fails on demand."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler


@dataclass(slots=True)
class Fault:
    """A way to fail. `matches` selects the requests that fail (by default all), `times` how many (None: no end).

    `status` and `body` replace the response. `delay` (seconds) and `gate` hold it back. `drops` closes the connection.
    `cuts_at` sends only that many bytes of the real response. `changes` gets the decoded JSON of the real response and
    returns the content to send instead.
    """

    matches: Callable[[web.Request], bool] = lambda _: True
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0
    gate: asyncio.Event | None = None
    drops: bool = False
    cuts_at: int | None = None
    changes: Callable[[Any], Any] | None = None
    times: int | None = None


class Server:
    """One simulated host: an aiohttp application with its request counts and its faults."""

    def __init__(self, name: str) -> None:
        """Make a server that does not listen yet."""
        self.name = name
        self.app = web.Application(middlewares=[self._count_and_fail])
        self.requests: Counter[str] = Counter()
        """How many requests each route got, by "METHOD /route/{template}"; unknown routes by "METHOD unknown"."""
        self.log: list[web.Request] = []
        """Every request, in order."""
        self.faults: list[Fault] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen on a port, or on any free one if it is 0. `url` then holds the address."""
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def listen_too(self) -> int:
        """Listen on another free port as well, until `stop`; return it."""
        assert self._runner is not None
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port: int = self._runner.addresses[-1][1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def reset_counts(self) -> None:
        """Forget all requests so far."""
        self.requests.clear()
        self.log.clear()

    @web.middleware
    async def _count_and_fail(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        self.requests[f"{request.method} {resource.canonical if resource else 'unknown'}"] += 1
        self.log.append(request)
        fault = next((fault for fault in self.faults if fault.times != 0 and fault.matches(request)), None)
        try:
            return await handler(request) if fault is None else await self._fail(request, handler, fault)
        except ConnectionResetError:
            # The connection is gone, so nobody gets this response. An exception would be logged with its traceback.
            return web.Response()

    async def _fail(self, request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
        if fault.times is not None:
            fault.times -= 1
        await asyncio.sleep(fault.delay)
        if fault.gate is not None:
            await fault.gate.wait()
        if fault.drops:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError
        if fault.status is not None or fault.body is not None:
            return web.Response(
                status=fault.status or 200, text=fault.body, content_type=fault.content_type, headers=fault.headers
            )
        response = await handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            return _altered(response, response.body, fault)
        return response


def _altered(response: web.Response, body: bytes, fault: Fault) -> web.Response:
    if fault.changes is not None and body.startswith((b"{", b"[")):  # some clouds label their JSON as HTML
        body = json.dumps(fault.changes(json.loads(body))).encode()
    if fault.changes is None and fault.cuts_at is None:
        return response
    return web.Response(status=response.status, body=body[: fault.cuts_at], content_type=response.content_type)


def parse_whole_number(text: str) -> int | None:
    """Return the number that a text of ASCII digits stands for, None for any other text."""
    return int(text) if text.isascii() and text.isdigit() else None
