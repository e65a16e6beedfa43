"""Helpers for tests of the push of the Enterprise API: a listener and its devices."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud, Product, SnotiServer
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti import SnotiPush
from custom_components.datapoint_cloud.clouds.gizwits.timings import snoti_timings
from custom_components.datapoint_cloud.clouds.hosts import host_and_port
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.push import News, Push, Report
from simulator.gizwits import EnterpriseProduct, GizwitsDevice
from simulator.simulation import Simulation
from tests.waiting import until

from .make_cloud import trust_simulator
from .transports import quick


def listed(device: GizwitsDevice) -> Device:
    """Return a device as the cloud lists it."""
    return Device(id=device.did, name="x", schema_id=device.product.key, scope=device.product.key)


def product_of(product: EnterpriseProduct, **changes: Any) -> Product:
    fields = {
        "product_key": product.product_key,
        "product_secret": product.product_secret,
        "auth_id": product.auth_id,
        "auth_secret": product.auth_secret,
    }
    return Product(**(fields | changes))


class Listener:
    """Listens to the push of an account and collects its news."""

    def __init__(self, session: aiohttp.ClientSession, simulation: Simulation) -> None:
        self.news: list[News] = []
        self.before_news: Callable[[News], None] = lambda _: None
        self.client_store = ClientStore()
        self.timings = snoti_timings()
        self.timings.first_pause, self.timings.first_refused_pause = 0.01, 0.03
        self._session = session
        self._simulation = simulation
        self._tasks: list[asyncio.Task[None]] = []

    def cloud(self, products: Sequence[Product], tls: ssl.SSLContext | None = None) -> GizwitsEnterpriseCloud:
        enterprise = self._simulation.gizwits_enterprise
        address = host_and_port(self._simulation.gizwits_snoti.address, 2017)
        assert address is not None
        return GizwitsEnterpriseCloud(
            quick(self._session),
            api_url=enterprise.url,
            enterprise_id=enterprise.enterprise_id,
            enterprise_secret=enterprise.enterprise_secret,
            products=products,
            client_store=self.client_store,
            snoti=SnotiServer(host=address[0], port=address[1], tls=tls or trust_simulator()),
            timings=self.timings,
        )

    def push(self, *products: Product, tls: ssl.SSLContext | None = None) -> SnotiPush:
        push = self.cloud(products, tls).push
        assert isinstance(push, SnotiPush)
        return push

    def listen(self, push: Push) -> asyncio.Task[None]:
        self._tasks.append(asyncio.create_task(push.listen(self._on_news)))
        return self._tasks[-1]

    async def connect(self, *products: EnterpriseProduct, follow: Sequence[GizwitsDevice]) -> SnotiPush:
        """Listen, and return when push covers all products."""
        push = self.push(*map(product_of, products))
        push.follow([listed(device) for device in follow])
        self.listen(push)
        await until(lambda: all(push.hears(of_product(product)) for product in products))
        self.news.clear()
        return push

    def of[N](self, kind: type[N]) -> list[N]:
        return [news for news in self.news if isinstance(news, kind)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_news(self, news: News) -> None:
        self.before_news(news)
        self.news.append(news)


def of_product(product: EnterpriseProduct) -> Device:
    return listed(next(iter(product.devices.values())))


def values(report: Report) -> dict[str, Any]:
    return {key: reading.value for key, reading in report.snapshot.readings.items()}
