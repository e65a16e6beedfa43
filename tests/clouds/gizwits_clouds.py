"""Helpers: both Gizwits clients against their simulated clouds, and devices of both."""

from collections.abc import Iterator

import aiohttp

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product
from custom_components.datapoint_cloud.clouds.gizwits.open.api import GizwitsOpenCloud
from custom_components.datapoint_cloud.clouds.gizwits.open.login import PasswordLogin
from custom_components.datapoint_cloud.clouds.model import Device
from simulator.gizwits import GizwitsEnterpriseServer, GizwitsOpenServer
from simulator.gizwits.devices import GizwitsDevice

from .transports import quick


def enterprise_cloud(
    session: aiohttp.ClientSession, server: GizwitsEnterpriseServer, client_store: ClientStore | None = None
) -> GizwitsEnterpriseCloud:
    return GizwitsEnterpriseCloud(
        quick(session),
        api_url=server.url,
        enterprise_id=server.enterprise_id,
        enterprise_secret=server.enterprise_secret,
        products=[
            Product(product_key=product.product_key, product_secret=product.product_secret)
            for product in server.products.values()
        ],
        client_store=client_store or ClientStore(),
    )


def open_cloud(
    session: aiohttp.ClientSession, server: GizwitsOpenServer, client_store: ClientStore | None = None
) -> GizwitsOpenCloud:
    login = PasswordLogin(username=server.username, password=server.password)
    return GizwitsOpenCloud(
        quick(session),
        api_url=server.url,
        app_id=server.app_id,
        login=login,
        client_store=client_store or ClientStore(),
    )


def device_of(simulated: GizwitsDevice) -> Device:
    return Device(id=simulated.did, name=simulated.alias or simulated.did, schema_id=simulated.product.key)


def online(server: GizwitsEnterpriseServer | GizwitsOpenServer) -> Iterator[GizwitsDevice]:
    """Yield the online devices, product by product."""
    if isinstance(server, GizwitsOpenServer):
        devices = [device for device in server.devices.values() if device.uid == server.uid]
    else:
        devices = [device for product in server.products.values() for device in product.devices.values()]
    return (device for device in devices if device.is_online and not device.is_disabled)
