"""Builds the client of each of the four clouds against its simulated server.

`changes` replace single credentials or addresses, for tests of wrong ones.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import aiohttp

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.firstlight.api import FirstlightCloud, UsageQuery
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product, SnotiServer
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import PasswordLogin
from custom_components.datapoint_cloud.clouds.hosts import host_and_port
from custom_components.datapoint_cloud.clouds.sodata.api import SoDataCloud
from custom_components.datapoint_cloud.clouds.sodata.auth import KeycloakLogin
from simulator.gizwits.certificate import self_signed
from simulator.simulation import Simulation

from .transports import quick

_PLAIN_QUERY: Mapping[str, Any] = {
    "aty": "content",
    "field": "genre",
    "item_id": None,
    "period": "day",
    "unit": "plays",
}
QUERIES = (
    UsageQuery(id="plain", name="plain", group_by=None, **_PLAIN_QUERY),
    UsageQuery(id="grouped", name="grouped", group_by="service", **_PLAIN_QUERY),
)


class MakeCloud(Protocol):
    """Builds a client of one kind of cloud."""

    def __call__(
        self, session: aiohttp.ClientSession, simulation: Simulation, client_store: ClientStore, **changes: Any
    ) -> Cloud: ...


def make_open_cloud(
    session: aiohttp.ClientSession, simulation: Simulation, client_store: ClientStore, **changes: Any
) -> Cloud:
    server = simulation.gizwits_open
    return GizwitsOpenCloud(
        quick(session),
        api_url=changes.get("api_url", server.url),
        app_id=changes.get("app_id", server.app_id),
        login=PasswordLogin(
            username=changes.get("username", server.username), password=changes.get("password", server.password)
        ),
        client_store=client_store,
    )


def make_enterprise_cloud(
    session: aiohttp.ClientSession, simulation: Simulation, client_store: ClientStore, **changes: Any
) -> Cloud:
    server = simulation.gizwits_enterprise
    address = host_and_port(simulation.gizwits_snoti.address, 2017)
    assert address is not None
    return GizwitsEnterpriseCloud(
        quick(session),
        api_url=changes.get("api_url", server.url),
        enterprise_id=changes.get("enterprise_id", server.enterprise_id),
        enterprise_secret=changes.get("enterprise_secret", server.enterprise_secret),
        products=changes.get("products", products_of(simulation)),
        client_store=client_store,
        snoti=SnotiServer(host=address[0], port=address[1], tls=trust_simulator()),
    )


def products_of(simulation: Simulation) -> list[Product]:
    """Return every product of the simulated enterprise, with the credentials of its push."""
    return [
        Product(
            product_key=product.product_key,
            product_secret=product.product_secret,
            auth_id=product.auth_id,
            auth_secret=product.auth_secret,
        )
        for product in simulation.gizwits_enterprise.products.values()
    ]


def make_sodata_cloud(
    session: aiohttp.ClientSession, simulation: Simulation, client_store: ClientStore, **changes: Any
) -> Cloud:
    keycloak = simulation.keycloak
    login = KeycloakLogin(
        quick(session),
        auth_url=keycloak.url,
        realm=keycloak.realm,
        client_id=keycloak.client_id,
        client_secret=changes.get("client_secret", keycloak.client_secret),
        username=changes.get("username", keycloak.username),
        password=changes.get("password", keycloak.password),
    )
    return SoDataCloud(
        quick(session),
        api_url=changes.get("api_url", simulation.sodata.url),
        login=login,
        corporate_account=None,
        client_store=client_store,
    )


def make_firstlight_cloud(
    session: aiohttp.ClientSession, simulation: Simulation, client_store: ClientStore, **changes: Any
) -> Cloud:
    server = simulation.firstlight
    return FirstlightCloud(
        quick(session),
        api_url=changes.get("api_url", server.url),
        authorization_token=changes.get("authorization_token", server.authorization_token),
        user_token=changes.get("user_token", server.user_token),
        queries=QUERIES,
        time_zone=ZoneInfo("Europe/Paris"),
        client_store=client_store,
    )


MAKERS: Mapping[str, MakeCloud] = {
    "gizwits_open": make_open_cloud,
    "gizwits_enterprise": make_enterprise_cloud,
    "sodata": make_sodata_cloud,
    "firstlight": make_firstlight_cloud,
}


def trust_simulator() -> ssl.SSLContext:
    """Return TLS settings that accept the simulator's own certificate."""
    return ssl.create_default_context(cadata=self_signed()[1].decode())
