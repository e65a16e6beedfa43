"""How an entry of the Enterprise API configures its push: which server it uses, and how it verifies the server."""

import asyncio
import ssl
from typing import Any

import pytest
from homeassistant.core import HomeAssistant

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti import SnotiPush
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.push import Push
from custom_components.datapoint_cloud.entries import open_cloud
from simulator.simulation import Simulation

from .flows import STORED


def _push(hass: HomeAssistant, simulation: Simulation, **changes: Any) -> Push | None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    names = ("product_key", "product_secret", "auth_id", "auth_secret")
    scope = {name: getattr(product, name) for name in names if changes.get(name, True)}
    data = STORED["gizwits_enterprise"](simulation) | changes
    return open_cloud(hass, "gizwits_enterprise", data, {product.product_key: scope}, ClientStore()).push


def _server(push: Push | None) -> Any:
    assert isinstance(push, SnotiPush)
    (connection,) = push._connections.values()
    return connection._server


@pytest.mark.parametrize(
    ("host", "address", "is_verified"),
    [
        ("", ("snoti.gizwits.com", 2017), True),
        ("ussnoti.gizwits.com", ("ussnoti.gizwits.com", 2017), True),
        ("192.0.2.1:99", ("192.0.2.1", 99), True),
        ("127.0.0.1:99", ("127.0.0.1", 99), False),
        ("localhost", ("localhost", 2017), False),
        ("[::1]:99", ("::1", 99), False),
    ],
)
async def test_a_remote_server_has_to_prove_its_identity(
    hass: HomeAssistant, simulation: Simulation, host: str, address: tuple[str, int], is_verified: bool
) -> None:
    server = _server(_push(hass, simulation, api_url="https://enterpriseapi.gizwits.com", snoti_host=host))
    assert (server.host, server.port) == address
    assert server.tls.check_hostname is is_verified
    assert server.tls.verify_mode is (ssl.CERT_REQUIRED if is_verified else ssl.CERT_NONE)
    assert server.tls is _server(_push(hass, simulation, snoti_host=address[0])).tls  # shared, not made for this entry


async def test_an_account_with_a_local_api_uses_a_local_push_server(
    hass: HomeAssistant, simulation: Simulation
) -> None:
    server = _server(_push(hass, simulation, api_url="http://127.0.0.1:1"))
    assert (server.host, server.port) == ("127.0.0.1", 2017)


async def test_without_a_push_id_there_is_no_push(hass: HomeAssistant, simulation: Simulation) -> None:
    assert _push(hass, simulation, auth_id=False, auth_secret=False) is None


async def test_the_typed_values_lead_to_pushed_news(hass: HomeAssistant, simulation: Simulation) -> None:
    product = next(iter(simulation.gizwits_enterprise.products.values()))
    device = Device(id="x", name="x", schema_id=product.product_key)
    push = _push(hass, simulation, snoti_host=simulation.gizwits_snoti.address)
    assert push is not None
    push.follow([])
    task = asyncio.create_task(push.listen(lambda _: None))
    async with asyncio.timeout(2):
        while not push.hears(device):  # noqa: ASYNC110  # no event announces the condition
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not push.hears(device)
