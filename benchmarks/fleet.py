"""A simulated Enterprise API with an operator's fleet and its push, which runs in a process of its own.

The devices are spread evenly over the products. The push server counts which messages were acknowledged, and how often.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud.clouds.administration import DeviceQuery
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.enterprise_api import GizwitsEnterpriseServer
from simulator.gizwits.fleet import EnterpriseProduct
from simulator.gizwits.identifiers import derive_hex
from simulator.gizwits.products import METER
from simulator.gizwits.snoti import SnotiServer
from simulator.simulation import Simulation

_ABOVE_ALL = 10_000  # watts: more than the simulated devices have on their own
_TICK = 0.01  # seconds between two batches of messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the server is to push: messages a second, for how long, or all devices coming online at once.

    It waits until as many `copies` of each message were acknowledged as there are subkeys.
    """

    per_second: float = 0.0
    seconds: float = 0.0
    are_all_back: bool = False
    copies: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an entry needs: its data, the products, and a sample of devices."""

    data: dict[str, Any]
    unique_id: str
    products: list[dict[str, Any]]
    chosen: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many messages were pushed, of them to chosen devices, and how often each was acknowledged.

    `last` and `reports` are the last value and the number of reports of each chosen device. `lag` is by how many
    seconds the server fell behind its orders. `repeated` is how many messages were sent again, because the connection
    was lost before their acknowledgement.
    """

    pushed: int
    to_chosen: int
    acknowledged: dict[int, int]
    last: dict[str, float]
    reports: dict[str, int]
    requests: dict[str, int]
    lag: float
    repeated: int


def value_of(report: int) -> float:
    """Return the value that the first, second … report of a device pushes; each is larger than the one before."""
    return _ABOVE_ALL + report / 10


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
        await self._until_acknowledged(orders.copies)
        acks = Counter(str(message.get("msg_id")) for message in self.snoti.of("event_ack"))
        requests = {f"{name}": count for name, count in self.server.requests.items()}
        return Outcome(
            pushed=self.pushed,
            to_chosen=self.to_chosen,
            acknowledged=dict(Counter(acks.values())),
            last=dict(self.last),
            reports={did: self._values[did] for did in self.chosen},
            requests=requests,
            lag=self.lag,
            repeated=self.snoti.repeated,
        )

    async def _push_evenly(self, orders: Orders) -> None:
        order = itertools.cycle(random.Random(1).sample(self.devices, len(self.devices)))
        began = time.monotonic()
        total = round(orders.per_second * orders.seconds)
        while self.pushed < total:
            due = min(total, round((time.monotonic() - began) * orders.per_second))
            while self.pushed < due:
                self._report(next(order))
            await asyncio.sleep(_TICK)
        self.lag = time.monotonic() - began - orders.seconds

    def _report(self, device: GizwitsDevice) -> None:
        self._values[device.did] += 1
        value = value_of(self._values[device.did])
        attrs = {"voltage": 200 + value % 60, "power": value, "relay": True}
        if device.did in self.chosen:
            device.set(**attrs)  # the HTTP API answers with the same values
            self.to_chosen += 1
            self.last[device.did] = value
        self._push(device, "device.status.kv", {"data": attrs})

    def _push(self, device: GizwitsDevice, event: str, more: dict[str, Any]) -> None:
        self.pushed += 1
        self.snoti.push(device.product.key, event, device, **more)

    async def _until_acknowledged(self, copies: int) -> None:
        until = time.monotonic() + 120
        while len(self.snoti.of("event_ack")) < self.pushed * copies and time.monotonic() < until:  # noqa: ASYNC110
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
            ConfigSubentryDataWithId(
                subentry_id=f"product{number}",  # the same after a restart
                subentry_type="product",
                title=f"Product {number}",
                data=product,
                unique_id=product["product_key"],
            )
            for number, product in enumerate(account.products)
        ],
    )


async def choose(hass: HomeAssistant, entry: Any, account: Account) -> None:
    """Find the first devices of each product and choose them, as the options do, which reloads the account."""
    inventory, finder = (
        entry.runtime_data.coordinator.inventory,
        entry.runtime_data.coordinator.cloud.administration.finder,
    )
    each = len(account.chosen) // len(account.products)
    for product in account.products:
        found = await finder.find(DeviceQuery(scope=product["product_key"], limit=each))
        inventory.async_remember(one.device for one in found)
    options = {"fleet": "figures_and_chosen", "devices": [device.id for device in inventory.listed]}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done(wait_background_tasks=False)
    if set(entry.runtime_data.coordinator.fleet) != set(account.chosen):
        raise RuntimeError("not all chosen devices are shown")


async def until_pushed(entry: Any) -> None:
    """Wait until push covers all devices that are shown."""
    coordinator = entry.runtime_data.coordinator
    async with asyncio.timeout(120):
        while not all(coordinator.is_pushed(state.device) for state in coordinator.fleet.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def ask(pipe: Connection, orders: Orders) -> Outcome:
    """Give orders to the cloud's process and wait for their outcome."""
    pipe.send(orders)
    outcome: Outcome = await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    return outcome
