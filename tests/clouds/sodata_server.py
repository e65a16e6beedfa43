"""Helpers for tests of SoData's client: both servers on a clock that tests advance, and a client."""

import json
from typing import Any

import aiohttp
from aiohttp import web

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from custom_components.datapoint_cloud.clouds.sodata.auth import KeycloakLogin
from simulator.server import Fault
from simulator.sodata import KeycloakServer, SoDataServer

from .transports import quick

TOKEN = "POST /realms/{realm}/protocol/openid-connect/token"
BULK = "PUT /api/v1/ca/{ca}/last-values"
SINGLE = "GET /api/v1/ca/{ca}/devices/{uuid}/last-values"
VARIABLES = "GET /api/v1/ca/{ca}/devices/{uuid}/variables"
DEVICES = "GET /api/v1/ca/{ca}/devices"
SITES = "GET /api/v1/ca/{ca}/sites"
ACCOUNTS = "GET /api/v1/ca"


class SoData:
    """The simulated Keycloak and API, and their clients."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.seconds = 1_790_000_000.0
        self.transport = quick(session)
        self.keycloak = KeycloakServer(self.now)
        self.api = SoDataServer(self.keycloak, self.now)
        self.client_store = ClientStore()

    def now(self) -> float:
        return self.seconds

    async def start(self) -> None:
        await self.keycloak.start()
        await self.api.start()

    async def stop(self) -> None:
        await self.api.stop()
        await self.keycloak.stop()

    def client(self, **changes: Any) -> SoDataCloud:
        credentials: dict[str, Any] = {
            "auth_url": self.keycloak.url,
            "realm": self.keycloak.realm,
            "client_id": self.keycloak.client_id,
            "client_secret": self.keycloak.client_secret,
            "username": self.keycloak.username,
            "password": self.keycloak.password,
        }
        login = KeycloakLogin(self.transport, **{name: changes.pop(name, value) for name, value in credentials.items()})
        options: dict[str, Any] = {
            "api_url": self.api.url,
            "login": login,
            "corporate_account": None,
            "client_store": self.client_store,
        }
        return SoDataCloud(self.transport, **options | changes)


def route(name: str, **fault: Any) -> Fault:
    """Return a fault of one route, given as "METHOD /route/{template}"."""

    def matches(request: web.Request) -> bool:
        resource = request.match_info.route.resource
        return resource is not None and f"{request.method} {resource.canonical}" == name

    return Fault(matches=matches, **fault)


def answer(name: str, body: Any, **fault: Any) -> Fault:
    """Return a fault that replaces the answer of one route."""
    return route(name, body=json.dumps(body), **fault)
