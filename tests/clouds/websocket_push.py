"""Helpers for tests of the push of the Open API: a listener, and a server that sends what a test wants."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.open import websocket
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import PasswordLogin
from custom_components.datapoint_cloud.clouds.gizwits.timings import PushTimings, websocket_timings
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.push import News, Push, Report
from simulator.gizwits import GizwitsDevice, GizwitsOpenServer

from .transports import quick

REFUSED = '{"cmd": "login_res", "data": {"success": false, "msg": "no"}}'


def cloud_at(
    api_url: str,
    session: aiohttp.ClientSession,
    server: GizwitsOpenServer,
    client_store: ClientStore,
    timings: PushTimings | None = None,
) -> GizwitsOpenCloud:
    login = PasswordLogin(username=server.username, password=server.password)
    return GizwitsOpenCloud(
        quick(session),
        api_url=api_url,
        app_id=server.app_id,
        login=login,
        client_store=client_store,
        timings=timings or quick_timings(),
    )


def quick_timings() -> PushTimings:
    timings = websocket_timings()
    timings.first_pause, timings.longest_pause, timings.close, timings.read = 0.002, 0.01, 0.02, 0.0
    return timings


class PushListener:
    """Listens to the push of a cloud and collects its news until the test ends."""

    def __init__(self, cloud: GizwitsOpenCloud) -> None:
        assert cloud.push is not None
        self.cloud = cloud
        self.push: Push = cloud.push
        self.news: list[News] = []
        self.devices: dict[str, Device] = {}
        self.task: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        listing = await self.cloud.devices()
        self.devices = {device.id: device for device in listing.devices}
        self.push.follow(listing.devices)

    async def listen(self) -> None:
        await self.refresh()
        for device in self.devices.values():
            await self.cloud.schema(device)
        self.task = asyncio.create_task(self.push.listen(self.on_news))

    def on_news(self, news: News) -> None:
        self.news.append(news)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def covers(self, did: str) -> bool:
        return self.push.hears(self.devices[did])

    def covers_all(self) -> bool:
        return all(map(self.push.hears, self.devices.values()))

    def covers_none(self) -> bool:
        return not any(map(self.push.hears, self.devices.values()))

    def reports(self, did: str) -> list[Report]:
        return [news for news in self.news if isinstance(news, Report) and news.device_id == did]

    def values(self, did: str) -> dict[str, Any]:
        return {k: r.value for report in self.reports(did) for k, r in report.snapshot.readings.items()}

    def count(self, kind: type) -> int:
        return sum(isinstance(news, kind) for news in self.news)


class ScriptedServer:
    """A push server that sends what the test wants. By default it accepts every login and answers pings."""

    def __init__(self) -> None:
        self.logins: list[Any] = []
        self.frames: list[Any] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.login_answers: list[str | None] = []  # for the first logins; None: no answer
        self.pong: str | None = '{"cmd": "pong"}'
        self.closes_after_login = False
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/ws/app/v1", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def send(self, content: Any) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        await self.sockets[-1].send_str(text)

    def frames_of(self, cmd: str) -> list[Any]:
        return [frame for frame in self.frames if frame["cmd"] == cmd]

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            frame = json.loads(message.data)
            self.frames.append(frame)
            answer = self.pong if frame["cmd"] == "ping" else None
            if frame["cmd"] == "login_req":
                self.logins.append(frame["data"])
                right = '{"cmd": "login_res", "data": {"success": true}}'
                answer = self.login_answers.pop(0) if self.login_answers else right
            if answer is not None:
                await socket.send_str(answer)
            if frame["cmd"] == "login_req" and self.closes_after_login:
                await socket.close()
        return socket


def called(server: GizwitsOpenServer, alias: str) -> GizwitsDevice:
    return next(device for device in server.devices.values() if device.alias == alias)


def spa_of(server: GizwitsOpenServer) -> GizwitsDevice:
    return called(server, "Terrace spa")


def watched_pauses(monkeypatch: pytest.MonkeyPatch, timings: PushTimings) -> list[float]:
    """Use pauses of the real length, but only record them in the returned list instead of waiting."""
    real = websocket_timings()
    timings.first_pause, timings.longest_pause = real.first_pause, real.longest_pause
    pauses: list[float] = []
    sleep = asyncio.sleep

    class Time:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            pauses.append(seconds)
            await sleep(0.001)

    monkeypatch.setattr(websocket, "asyncio", Time())
    return pauses
