"""A simulated Enterprise API with an operator's fleet and its push, which runs in a process of its own.

The devices are spread evenly over the products. The push server counts which messages were acknowledged, and how often.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.enterprise_api import GizwitsEnterpriseServer
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.gizwits.identifiers import derive_hex
from simulator.gizwits.products import METER
from simulator.gizwits.snoti import SnotiServer
from simulator.simulation import Simulation

_TICK = 0.01  # seconds between two batches of messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the server is to push: messages a second, for how long, or all devices coming online at once."""

    per_second: float = 0.0
    seconds: float = 0.0
    are_all_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an entry needs: its data, the products, and a sample of devices."""

    data: dict[str, Any]
    unique_id: str
    products: list[dict[str, Any]]
    chosen: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many messages were pushed, of them to chosen devices, how often each was acknowledged, and the last values.

    `lag` is by how many seconds the server fell behind its orders.
    """

    pushed: int
    to_chosen: int
    acknowledged: dict[int, int]
    last: dict[str, float]
    requests: dict[str, int]
    lag: float


class _Fleet:
    """The servers and the devices."""

    def __init__(self, devices: int, products: int, chosen: int) -> None:
        self.simulation = Simulation()
        self.server = self.simulation.gizwits_enterprise
        self.server.quota_limit = self.server.quota_remaining = 3600
        self.server.products.clear()
        each = devices // products
        for number in range(products):
            self._add_product(number, each)
        self.snoti: SnotiServer = self.simulation.gizwits_snoti
        self.devices = [device for product in self.server.products.values() for device in product.devices.values()]
        first = (list(product.devices)[: chosen // products] for product in self.server.products.values())
        self.chosen = {did for dids in first for did in dids}
        self.pushed = self.to_chosen = 0
        self.last: dict[str, float] = {}
        self.lag = 0.0
        self._values: Counter[str] = Counter()

    def _add_product(self, number: int, devices: int) -> None:
        key = derive_hex(f"product {number}", 32)
        product = replace(METER, key=key)
        self.server.products[key] = EnterpriseProduct(
            product=product,
            product_secret=derive_hex(f"secret {number}", 32),
            auth_id=f"auth{number}",
            auth_secret=f"secret{number}",
            devices={
                did: GizwitsDevice(
                    product=product,
                    did=did,
                    mac=f"{number:04x}{index:08x}",
                    clock=self.server.clock,
                    passcode="secret",  # deriving one takes long
                )
                for index in range(devices)
                if (did := f"did{number:03}{index:016}")
            },
        )

    def account(self) -> Account:
        server: GizwitsEnterpriseServer = self.server
        return Account(
            data={
                "cloud": "gizwits_enterprise",
                "api_url": server.url,
                "enterprise_id": server.enterprise_id,
                "enterprise_secret": server.enterprise_secret,
                "snoti_host": self.snoti.address,
            },
            unique_id=server.enterprise_id,
            products=[
                {
                    "product_key": key,
                    "product_secret": product.product_secret,
                    "auth_id": product.auth_id,
                    "auth_secret": product.auth_secret,
                }
                for key, product in server.products.items()
            ],
            chosen=sorted(self.chosen),
        )

    async def push(self, orders: Orders) -> Outcome:
        self.pushed = self.to_chosen = 0
        self.snoti.received.clear()
        if orders.are_all_back:
            for device in self.devices:
                self._push(device, "device.online", {"ip": "192.0.2.7"})
                await asyncio.sleep(0)
        else:
            await self._push_evenly(orders)
        await self._until_acknowledged()
        acks = Counter(str(message.get("msg_id")) for message in self.snoti.of("event_ack"))
        requests = {f"{name}": count for name, count in self.server.requests.items()}
        return Outcome(
            pushed=self.pushed,
            to_chosen=self.to_chosen,
            acknowledged=dict(Counter(acks.values())),
            last=dict(self.last),
            requests=requests,
            lag=self.lag,
        )

    async def _push_evenly(self, orders: Orders) -> None:
        chance = random.Random(1)
        began = time.monotonic()
        total = round(orders.per_second * orders.seconds)
        while self.pushed < total:
            due = min(total, round((time.monotonic() - began) * orders.per_second))
            while self.pushed < due:
                self._report(chance.choice(self.devices))
            await asyncio.sleep(_TICK)
        self.lag = time.monotonic() - began - orders.seconds

    def _report(self, device: GizwitsDevice) -> None:
        self._values[device.did] += 1
        value = self._values[device.did] / 10
        self._push(device, "device.status.kv", {"data": {"voltage": 200 + value % 60, "power": value, "relay": True}})
        if device.did in self.chosen:
            self.to_chosen += 1
            self.last[device.did] = value

    def _push(self, device: GizwitsDevice, event: str, more: dict[str, Any]) -> None:
        self.pushed += 1
        self.snoti.push(device.product.key, event, device, **more)

    async def _until_acknowledged(self) -> None:
        until = time.monotonic() + 120
        while len(self.snoti.of("event_ack")) < self.pushed and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def serve(pipe: Connection) -> None:
    """Run the servers: receive the numbers of devices, products and chosen devices, send the account, obey orders."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    fleet = _Fleet(*await loop.run_in_executor(None, pipe.recv))
    await fleet.simulation.start()
    pipe.send(fleet.account())
    while (orders := await loop.run_in_executor(None, pipe.recv)) is not None:
        pipe.send(await fleet.push(orders))
    await fleet.simulation.stop()


def entry(account: Account, **options: Any) -> MockConfigEntry:
    """Make the config entry for an account."""
    return MockConfigEntry(
        domain="datapoint_cloud",
        entry_id="fleet",
        title="Fleet",
        unique_id=account.unique_id,
        data=account.data,
        options=options,
        subentries_data=[
            ConfigSubentryData(
                subentry_type="product", title=f"Product {number}", data=product, unique_id=product["product_key"]
            )
            for number, product in enumerate(account.products)
        ],
    )
