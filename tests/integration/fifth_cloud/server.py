"""A server of the fifth cloud."""

from aiohttp import web
from aiohttp.typedefs import Handler


class TidewaterServer:
    """Two gauges at the river Ill, for one token."""

    def __init__(self) -> None:
        self.token = "correct horse"
        self.gauges = {"g1": ("Sélestat", {"level": 154.5, "flooded": False}), "g2": ("Colmar", {"level": 98})}
        self.url = ""

    async def start(self) -> web.AppRunner:
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/account", self._account)
        app.router.add_get("/rivers/{river}/gauges", self._list)
        app.router.add_get("/gauges/{id}", self._read)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPUnauthorized
        return await handler(request)

    async def _account(self, _: web.Request) -> web.Response:
        return web.json_response({"id": "a1"})

    async def _list(self, request: web.Request) -> web.Response:
        gauges = self.gauges if request.match_info["river"] == "ill" else {}
        return web.json_response([{"id": key, "name": name} for key, (name, _) in gauges.items()])

    async def _read(self, request: web.Request) -> web.Response:
        return web.json_response(self.gauges[request.match_info["id"]][1])
