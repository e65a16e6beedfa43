"""Plain HTTP clients of the simulated Gizwits clouds."""

from dataclasses import dataclass, field
from typing import Any

import aiohttp

from simulator.gizwits import EnterpriseProduct, GizwitsEnterpriseServer, GizwitsOpenServer


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> tuple[int, int | str]:
        return self.status, self.body["error_code"]


@dataclass
class Caller:
    session: aiohttp.ClientSession
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    async def request(self, method: str, path: str, **more: Any) -> Answer:
        headers = self.headers | more.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **more) as response:
            body = await response.json(content_type=None)
            return Answer(response.status, body, dict(response.headers))

    async def get(self, path: str, **params: Any) -> Answer:
        return await self.request("GET", path, params=params)


async def logged_in(session: aiohttp.ClientSession, server: GizwitsOpenServer) -> Caller:
    caller = Caller(session, server.url, {"X-Gizwits-Application-Id": server.app_id})
    answer = await caller.request("POST", "/app/login", json={"username": server.username, "password": server.password})
    caller.headers["X-Gizwits-User-token"] = answer.body["token"]
    return caller


def token_body(server: GizwitsEnterpriseServer, product: EnterpriseProduct) -> dict[str, Any]:
    return {
        "enterprise_id": server.enterprise_id,
        "enterprise_secret": server.enterprise_secret,
        "product_secret": product.product_secret,
    }


async def authorized(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, product: EnterpriseProduct
) -> Caller:
    """Return a caller with a token, whose paths begin after the product key."""
    caller = Caller(session, f"{server.url}/v1/products/{product.product_key}")
    answer = await caller.request("POST", "/access_token", json=token_body(server, product))
    caller.headers["Authorization"] = f"token {answer.body['token']}"
    return caller
