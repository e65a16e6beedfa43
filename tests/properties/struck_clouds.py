"""The simulated clouds behind a network that damages their answers."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from custom_components.datapoint_cloud.clouds.errors import CloudError
from simulator.simulation import Simulation

from .damage import Damage

_LONGEST_SECONDS = 30  # on a machine with other work to do
_MOST_REQUESTS = 1500


@dataclass(frozen=True, slots=True)
class Strike:
    """Damages the answers to all requests whose path ends with `path_ends`; `status` replaces the real one."""

    path_ends: str
    damage: Damage
    status: int | None
    headers: Mapping[str, str]


class StruckClouds:
    """One simulation on its own event loop, for many examples in turn."""

    def __init__(self) -> None:
        self.strikes: tuple[Strike, ...] = ()
        self.simulation = Simulation()
        self.session: aiohttp.ClientSession
        self._runner = asyncio.Runner()
        for server in self.simulation.servers:
            server.app.middlewares.append(self._strike)

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._close())
        self._runner.close()

    async def _open(self) -> None:
        await self.simulation.start()
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def _close(self) -> None:
        await self.session.close()
        await self.simulation.stop()

    def run[Result](self, work: Coroutine[Any, Any, Result], *strikes: Strike) -> Result:
        """Run the work while answers are damaged; fail if it takes long or sends many requests."""
        self.strikes = strikes
        for server in self.simulation.servers:
            server.reset_counts()
        result = self._runner.run(self._within_bounds(work))
        assert sum(server.requests.total() for server in self.simulation.servers) <= _MOST_REQUESTS
        return result

    async def _within_bounds[Result](self, work: Coroutine[Any, Any, Result]) -> Result:
        async with asyncio.timeout(_LONGEST_SECONDS):
            return await work

    @web.middleware
    async def _strike(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        answer = await handler(request)
        strike = next((strike for strike in self.strikes if request.path.rstrip("/").endswith(strike.path_ends)), None)
        if strike is None or not isinstance(answer, web.Response):
            return answer
        real = answer.body if isinstance(answer.body, bytes) else b""
        with contextlib.suppress(ValueError):  # aiohttp refuses an invalid header
            return web.Response(
                status=answer.status if strike.status is None else strike.status,
                body=strike.damage.of(real),
                headers=strike.headers,
                content_type="application/json",
            )
        return answer


class Found:
    """Collects the answers of a client and its `CloudError`s; any other error fails the test."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    async def of[Result](self, call: Awaitable[Result]) -> Result | None:
        """Await the call and keep its answer or error; return the answer, or None."""
        try:
            answer = await call
        except CloudError as error:
            self.all.append(error)
            return None
        self.all.append(answer)
        return answer
