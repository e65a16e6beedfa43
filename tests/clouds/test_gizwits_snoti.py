"""Tests the push of the Enterprise API against the simulated SNoti."""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.errors import DeviceOffline, Forbidden, Reason
from custom_components.datapoint_cloud.clouds.gizwits.enterprise import snoti, snoti_lines
from custom_components.datapoint_cloud.clouds.gizwits.enterprise.api import GizwitsEnterpriseCloud
from custom_components.datapoint_cloud.clouds.hosts import host_and_port, is_loopback
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.push import (
    CoverageChanged,
    DevicesChanged,
    News,
    Position,
    Presence,
    Report,
    SchemaChanged,
)
from simulator.gizwits import EnterpriseProduct, GizwitsDevice
from simulator.gizwits import SnotiServer as SimulatedSnoti
from simulator.server import Fault
from simulator.simulation import Simulation
from tests.waiting import until

from .snoti_push import Listener, listed, of_product, product_of, values

DATAPOINT = "GET /v1/products/{product_key}/datapoint"


@pytest.fixture
def server(simulation: Simulation) -> SimulatedSnoti:
    return simulation.gizwits_snoti


@pytest.fixture
def products(simulation: Simulation) -> list[EnterpriseProduct]:
    return list(simulation.gizwits_enterprise.products.values())


@pytest.fixture
def chiller(products: list[EnterpriseProduct]) -> GizwitsDevice:
    device = next(device for device in products[0].devices.values() if device.is_online)
    device.set(fault_compressor=False, over_pressure=False)
    return device


@pytest.fixture
def meter(products: list[EnterpriseProduct]) -> GizwitsDevice:
    return next(device for device in products[1].devices.values() if device.is_online)


@pytest.fixture
async def listener(simulation: Simulation) -> AsyncIterator[Listener]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        listener = Listener(session, simulation)
        yield listener
        await listener.close()


# Connections


async def test_an_account_without_push_credentials_has_no_push(
    listener: Listener, products: list[EnterpriseProduct]
) -> None:
    assert listener.cloud([product_of(products[0], auth_id=None, auth_secret=None)]).push is None
    assert listener.cloud([product_of(products[0], auth_secret=None)]).push is None
    assert listener.cloud([]).push is None


async def test_each_product_logs_in_on_its_own_connection(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    push = await listener.connect(*products, follow=[])
    assert push.refused == {}
    logins = server.of("login_req")
    assert {login["data"][0]["product_key"] for login in logins} == {product.product_key for product in products}
    for login in logins:
        assert login["prefetch_count"] == 50
        (item,) = login["data"]
        assert item.keys() == {"product_key", "auth_id", "auth_secret", "subkey", "events"}
        assert set(item["events"]) == {
            "device.online",
            "device.offline",
            "device.status.kv",
            "device.attr_fault",
            "device.attr_alert",
            "datapoints.changed",
            "device.bind",
            "device.unbind",
            "device.reset",
            "center_control.sub_device_added",
            "center_control.sub_device_deleted",
        }


@pytest.mark.parametrize("is_older", [False, True])
async def test_events_that_older_servers_do_not_know_are_subscribed_to_after_the_login(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    caplog: pytest.LogCaptureFixture,
    *,
    is_older: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.is_older = is_older
    push = await listener.connect(products[0], follow=[chiller])
    (login,), (subscription,) = server.of("login_req"), server.of("subscribe_req")
    assert subscription["data"] == [login["data"][0] | {"events": ["device.gps.kv", "device.lbs.kv"]}]
    assert ("SNoti rejected a message" in caplog.text) is is_older
    assert ("answered a subscription with True" in caplog.text) is not is_older
    server.report_position(chiller, 23.125178, 113.280637)
    chiller.set(set_temp=9.5)
    await until(lambda: listener.of(Report))
    assert [type(news) for news in listener.news] == ([Report] if is_older else [Position, Report])
    assert push.hears(listed(chiller))
    assert server.connections == 1


async def test_push_does_not_cover_a_product_without_credentials(
    listener: Listener, products: list[EnterpriseProduct], meter: GizwitsDevice
) -> None:
    push = listener.push(product_of(products[0]), product_of(products[1], auth_id=None))
    push.follow([])
    listener.listen(push)
    await until(lambda: push.hears(of_product(products[0])))
    assert not push.hears(listed(meter))


async def test_push_does_not_connect_before_it_knows_which_devices_to_follow(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    push = listener.push(product_of(products[0]))
    listener.listen(push)
    await asyncio.sleep(0.01)
    # A login would first store a subkey.
    assert not listener.client_store.content
    push.follow([])
    await until(lambda: server.connections)
    assert listener.client_store.content


async def test_the_subkey_survives_a_restart(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    await listener.connect(*products, follow=[])
    listener.client_store = ClientStore(json.loads(json.dumps(listener.client_store.content)))
    await listener.connect(*products, follow=[])
    assert len({login["data"][0]["subkey"] for login in server.of("login_req")}) == 1
    listener.client_store = ClientStore({"snoti subkey": "not-allowed"})
    await listener.connect(products[0], follow=[])
    subkeys = {login["data"][0]["subkey"] for login in server.of("login_req")}
    assert len(subkeys) == 2
    assert "not-allowed" not in subkeys


async def test_push_makes_a_subkey_only_when_it_connects(listener: Listener, products: list[EnterpriseProduct]) -> None:
    listener.push(product_of(products[0]))
    assert not listener.client_store.content


async def test_push_refuses_an_untrusted_certificate(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    push = listener.push(product_of(products[0]), tls=ssl.create_default_context())
    push.follow([])
    listener.listen(push)
    await asyncio.sleep(0.05)
    assert not push.hears(of_product(products[0]))
    assert not server.received


async def test_push_covers_no_device_after_the_login_alone(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    listener.timings.answer = 0.05
    server.is_silent = True
    push = listener.push(product_of(products[0]))
    push.follow([])
    listener.listen(push)
    await until(lambda: server.of("login_req"))
    server.send_line(b'{"cmd":"pong"}\n{"cmd":"login_res","data":{"result":true,"msg":"ok"}}\n')
    await until(lambda: server.of("ping"))
    assert not push.hears(of_product(products[0]))
    await until(lambda: len(server.of("login_req")) > 1)
    assert not listener.news
    listener.timings.answer = 5
    server.is_silent = False
    await until(lambda: push.hears(of_product(products[0])))
    assert listener.news == [CoverageChanged()]


async def test_push_covers_devices_after_the_first_event(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    server.is_silent = True
    push = listener.push(product_of(products[0]))
    push.follow([listed(chiller)])
    listener.listen(push)
    await until(lambda: server.of("login_req"))
    server.send_line(
        b'{"cmd":"login_res","data":{"result":"true"}}\n{"cmd":"event_push","event_type":"device_reset"}\n'
    )
    await until(lambda: push.hears(listed(chiller)))
    assert listener.news == [CoverageChanged(), DevicesChanged()]
    assert not server.of("event_ack")  # The event had no id to acknowledge.


async def test_push_sends_pings_while_it_receives_nothing(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    listener.timings.ping = 0.01
    await listener.connect(products[0], follow=[])
    await until(lambda: len(server.of("ping")) > 4)
    assert len(server.of("login_req")) == 1
    assert not listener.news


async def test_push_notices_silence(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
) -> None:
    listener.timings.ping = 0.01
    listener.timings.answer = 0.05
    push = await listener.connect(products[0], follow=[chiller])
    server.is_silent = True
    await until(lambda: not push.hears(listed(chiller)))
    assert listener.news == [CoverageChanged()]
    listener.timings.answer = 5
    server.is_silent = False
    await until(lambda: push.hears(listed(chiller)))


@pytest.mark.parametrize("complaint", [b'{"cmd":"invalid_msg","error_code":1011}\n', b"{}\n", b"no json\n"])
async def test_a_server_that_only_complains_counts_as_silent(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    complaint: bytes,
) -> None:
    listener.timings.ping = 0.01
    listener.timings.answer = 0.1
    push = await listener.connect(products[0], follow=[chiller])
    server.is_silent = True
    async with asyncio.timeout(2):
        while push.hears(listed(chiller)):
            server.send_line(complaint)
            await asyncio.sleep(0.005)
    listener.timings.answer = 5
    server.is_silent = False
    await until(lambda: push.hears(listed(chiller)))


async def test_an_error_of_ours_closes_one_connection_and_no_other(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    meter: GizwitsDevice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    push = await listener.connect(*products, follow=[chiller, meter])

    def fail(*_: Any) -> None:
        raise OverflowError

    before = len(listener.of(CoverageChanged))
    with monkeypatch.context() as broken:
        broken.setattr(snoti._Connection, "_handle_event", fail)
        chiller.set(set_temp=9.5)  # is not acknowledged, so each new connection begins with it
        await until(lambda: len(listener.of(CoverageChanged)) >= before + 6)  # lost and back, three times
        assert push.hears(listed(meter))
    await until(lambda: listener.of(Report))
    assert len(server.of("login_req")) >= 5
    assert sum(record.exc_info is not None for record in caplog.records if record.levelno >= logging.ERROR) == 1


async def test_push_reconnects_after_a_lost_connection(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    push = await listener.connect(products[0], follow=[chiller])
    server.drop_connections()
    await until(lambda: not push.hears(listed(chiller)))
    chiller.set(set_temp=9.5)
    await until(lambda: listener.of(Report))
    assert push.hears(listed(chiller))
    assert listener.of(CoverageChanged) == [CoverageChanged(), CoverageChanged()]


async def test_push_tries_a_server_that_is_down_less_and_less_often(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], monkeypatch: pytest.MonkeyPatch
) -> None:
    push = listener.push(product_of(products[0]))
    push.follow([])
    await server.stop()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real_sleep(0)

    real_sleep = asyncio.sleep
    with monkeypatch.context() as patched:
        patched.setattr("custom_components.datapoint_cloud.clouds.gizwits.enterprise.snoti.asyncio.sleep", sleep)
        task = listener.listen(push)
        while len(pauses) < 1100:  # so often that a power of two would overflow
            await real_sleep(0.001)
        task.cancel()
    assert pauses[0] <= 0.01
    assert all(150 <= pause <= 300 for pause in pauses[-100:])
    assert len(set(pauses[-100:])) > 50
    assert not listener.news


async def test_back_off_starts_over_after_a_settled_connection(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
) -> None:
    listener.timings.longest_pause = 0.04
    push = await listener.connect(products[0], follow=[])
    (connection,) = push._connections.values()

    async def lose_connection() -> float:
        server.drop_connections()
        await until(lambda: not push.hears(of_product(products[0])))
        await until(lambda: push.hears(of_product(products[0])))
        return connection._backoff._pause

    assert [await lose_connection() for _ in range(3)] == [0.02, 0.04, 0.04]
    listener.timings.settled = 0
    assert await lose_connection() == 0.02


async def test_cancelled_push_closes_its_connections(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    push = await listener.connect(*products, follow=[])
    await listener.close()
    await until(lambda: server.connections == 0)
    assert not any(push.hears(of_product(product)) for product in products)
    assert not listener.news


# Refusals


async def test_a_refused_product_does_not_affect_the_others(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    push = listener.push(product_of(products[0], auth_secret="wrong"), product_of(products[1]))
    push.follow([])
    listener.listen(push)
    await until(lambda: push.refused and push.hears(of_product(products[1])))
    assert not push.hears(of_product(products[0]))
    (error,) = push.refused.values()
    assert isinstance(error, Forbidden)
    assert (error.reason, error.subject) == (Reason.PUSH_REFUSED, products[0].product_key)
    assert push.refused.keys() == {products[0].product_key}
    assert listener.news == [CoverageChanged(), CoverageChanged()]


async def test_push_reports_a_refusal_once_and_recovers_when_the_server_accepts(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    server.login_error = 4009
    push = listener.push(product_of(products[0]))
    push.follow([])
    listener.listen(push)
    await until(lambda: len(server.of("login_req")) >= 2)
    assert push.refused[products[0].product_key].code == 4009
    assert listener.news == [CoverageChanged()]
    server.login_error = None
    await until(lambda: push.hears(of_product(products[0])))
    assert push.refused == {}
    assert listener.news == [CoverageChanged(), CoverageChanged()]


async def test_push_pauses_after_a_refused_login(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    listener.timings.first_refused_pause = 60
    server.refuses = {products[0].product_key}
    push = listener.push(product_of(products[0]))
    push.follow([])
    listener.listen(push)
    await until(lambda: push.refused)
    await asyncio.sleep(0.05)
    assert len(server.of("login_req")) == 1


async def test_a_refusal_remains_while_the_server_is_down(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct]
) -> None:
    server.refuses = {products[0].product_key}
    push = listener.push(product_of(products[0]))
    push.follow([])
    listener.listen(push)
    await until(lambda: push.refused)
    await server.stop()
    await asyncio.sleep(0.1)
    assert push.refused
    assert listener.news == [CoverageChanged()]


# Lines


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b"\n",
        b"[1]\n",
        b'"text"\n',
        b"\xff\xfe\n",
        b'{"cmd":7}\n',
        b'{"cmd":"event_push"}\n',
        b'{"cmd":"event_push","event_type":["device_online"],"did":{}}\n',
        b'{"cmd":"event_push","event_type":"device_online","did":null}\n',
        b'{"cmd":"event_push","event_type":"device_status_kv","did":"x","data":[1]}\n',
        b'{"cmd":"event_push","event_type":"attr_fault","did":"x","data":{"attr_name":1.5}}\n',
        b'{"cmd":"invalid_msg","error_code":"4004","msg":7}\n',
        b'{"cmd":"login_res","data":"x"}\n',
        pytest.param(b"[" * 100_000 + b"\n", id="too deep"),
    ],
)
async def test_push_ignores_an_invalid_line(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice, line: bytes
) -> None:
    await listener.connect(products[0], follow=[chiller])
    server.send_line(line)
    chiller.set(set_temp=9.5)
    await until(lambda: listener.news)
    assert len(server.of("login_req")) == 1
    assert [type(news) for news in listener.news] == [Report]


async def test_push_reconnects_after_a_line_that_is_too_long(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snoti_lines, "_LONGEST_LINE", 10_000)
    push = await listener.connect(products[0], follow=[chiller])
    server.send_line(b"x" * 50_000)
    await until(lambda: not push.hears(listed(chiller)))
    await until(lambda: push.hears(listed(chiller)))


async def test_push_logs_no_secrets(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    push = await listener.connect(products[0], follow=[chiller])
    server.refuses = {products[0].product_key}
    server.drop_connections()
    await until(lambda: push.refused)
    texts = caplog.text + repr(product_of(products[0])) + repr(push.refused)
    assert products[0].auth_secret not in texts


# Acknowledgements


async def test_push_acknowledges_an_event_after_handing_it_over(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    acknowledged_before: list[int] = []
    listener.before_news = lambda _: acknowledged_before.append(len(server.of("event_ack")))
    await listener.connect(products[0], follow=[chiller])
    chiller.set(set_temp=9.5)
    await until(lambda: server.of("event_ack"))
    assert acknowledged_before[-1] == 0
    server.gives_msg_ids = False
    chiller.set(set_temp=10)
    await until(lambda: len(server.of("event_ack")) == 2)
    assert [ack.keys() for ack in server.of("event_ack")] == [
        {"cmd", "delivery_id", "msg_id"},
        {"cmd", "delivery_id"},
    ]
    server.drop_connections()
    await until(lambda: len(server.of("login_req")) == 2)
    await asyncio.sleep(0.02)
    # The server accepted the acknowledgements and does not send the events again.
    assert len(server.of("event_ack")) == 2


@pytest.mark.parametrize("delivery_id", [7, "seven", 2**70, None])
async def test_acknowledgements_return_ids_unchanged(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], delivery_id: Any
) -> None:
    await listener.connect(products[0], follow=[])
    event = {"cmd": "event_push", "event_type": "device_reset", "delivery_id": delivery_id, "msg_id": 1.5}
    server.send_line(json.dumps(event).encode() + b"\n")
    await until(lambda: server.of("event_ack"))
    assert server.of("event_ack") == [{"cmd": "event_ack", "delivery_id": delivery_id, "msg_id": 1.5}]


async def test_an_event_that_could_not_be_handed_over_is_sent_again(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    class Crash(Exception):
        pass

    def crash(_: News) -> None:
        raise Crash

    push = listener.push(product_of(products[0]))
    push.follow([listed(chiller)])
    task = listener.listen(push)
    await until(lambda: push.hears(listed(chiller)))
    listener.before_news = crash
    chiller.set(set_temp=9.5)
    with pytest.RaisesGroup(Crash):
        await task
    assert not server.of("event_ack")
    listener.before_news = lambda _: None
    listener.listen(push)
    await until(lambda: listener.of(Report))
    assert values(listener.of(Report)[0])["set_temp"] == 9.5


async def test_push_acknowledges_events_of_other_devices_and_unknown_events(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await listener.connect(products[0], follow=[])
    chiller.set(set_temp=9.5)
    chiller.is_online = False
    await until(lambda: len(server.of("event_ack")) == 2)
    for number in range(2):
        event = {"cmd": "event_push", "event_type": "device_file_download", "delivery_id": number, "did": chiller.did}
        server.send_line(json.dumps(event).encode() + b"\n")
    server.report_position(chiller, 23.125178, 113.280637)
    await until(lambda: len(server.of("event_ack")) == 5)
    assert not listener.news
    assert caplog.text.count("device_file_download") == 1


async def test_push_receives_more_events_than_the_server_sends_ahead(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    for number in range(120):
        server.report(chiller, {"power": number})
    await until(lambda: len(server.of("event_ack")) == 120)
    assert [values(report)["power"] for report in listener.of(Report)] == list(range(120))


async def test_events_of_a_stream_are_acknowledged_together(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    listener.timings.acknowledge = 3600
    await listener.connect(products[0], follow=[chiller])
    for number in range(30):
        server.report(chiller, {"power": number})
    await until(lambda: len(listener.of(Report)) == 30)
    # The first one comes alone, then half of what the server sends ahead; the rest waits.
    await until(lambda: len(server.of("event_ack")) == 26)
    await listener.close()
    await until(lambda: len(server.of("event_ack")) == 30)


# Content of events


async def test_pushed_values_equal_polled_values(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    push = await listener.connect(products[0], follow=[chiller])
    spelling_of_binaries = {"bytes": False, "hex": True, "base64": True}
    for binaries_as, booleans_as_numbers in spelling_of_binaries.items():
        server.binaries_as, server.booleans_as_numbers = binaries_as, booleans_as_numbers
        listener.news.clear()
        chiller.set(switch=False, mode="制热", set_temp=9.5, schedule="00" * 24)
        await until(lambda: listener.news)
        (report,) = listener.of(Report)
        assert report.device_id == chiller.did
        assert values(report) == chiller.attrs
        assert type(values(report)["switch"]) is bool
        assert not report.snapshot.skipped
    polling_cloud = listener.cloud([product_of(products[0])])
    snapshot = (await polling_cloud.readings([listed(chiller)])).snapshots[chiller.did]
    assert {key: reading.value for key, reading in snapshot.readings.items()} == values(report)
    assert push.hears(listed(chiller))


async def test_an_enum_can_be_pushed_by_index(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    server.report(chiller, {"mode": 1})
    await until(lambda: listener.news)
    assert values(listener.of(Report)[0]) == {"mode": "制热"}


@pytest.mark.parametrize("spell", [float, int, lambda at: int(at * 1000), str, lambda at: str(int(at))])
async def test_a_report_has_the_time_of_its_event(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    spell: Callable[[float], Any],
) -> None:
    await listener.connect(products[0], follow=[chiller])
    at = float(int(time.time()) - 2 * 86_400)
    server.report(chiller, {"power": 5}, created_at=spell(at))
    await until(lambda: listener.news)
    (report,) = listener.of(Report)
    assert report.snapshot.reported_at == datetime.fromtimestamp(at, UTC)
    assert report.snapshot.readings["power"].taken_at == datetime.fromtimestamp(at, UTC)


async def test_push_drops_values_older_than_the_last_ones(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    now = time.time()
    server.report(chiller, {"power": 2, "current": 2}, created_at=now - 20)
    server.report(chiller, {"power": 1, "current": 1}, created_at=now - 30)  # older than the report before
    server.report(chiller, {"power": 2, "current": 2}, created_at=now - 20)  # repeated
    server.report(chiller, {"power": 0, "room_temp": 5}, created_at=now - 40)  # late, except for room_temp
    server.report(chiller, {"power": 3}, created_at=now - 10)
    await until(lambda: len(server.of("event_ack")) == 5)
    assert [values(report) for report in listener.of(Report)] == [
        {"power": 2, "current": 2},
        {"power": 2, "current": 2},
        {"room_temp": 5},
        {"power": 3},
    ]


@pytest.mark.parametrize("created_at", [None, "soon", 0, 4_000_000_000])
async def test_an_event_without_a_valid_time_is_reported_and_replaced_by_later_ones(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    created_at: Any,
) -> None:
    await listener.connect(products[0], follow=[chiller])
    event = {"event_type": "device_status_kv", "did": chiller.did, "data": {"power": 2}, "created_at": created_at}
    server.send_line(json.dumps({"cmd": "event_push", **event}).encode() + b"\n")
    server.report(chiller, {"power": 3})
    await until(lambda: server.of("event_ack"))
    reports = listener.of(Report)
    assert [values(report)["power"] for report in reports] == [2, 3]
    assert reports[0].snapshot.reported_at is None


async def test_an_event_can_have_the_name_of_its_subscription(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    event = {"event_type": "device.status.kv", "did": chiller.did, "data": {"power": 2}}
    server.send_line(json.dumps({"cmd": "event_push", "delivery_id": 1, **event}).encode() + b"\n")
    await until(lambda: server.of("event_ack"))
    assert [values(report) for report in listener.of(Report)] == [{"power": 2}]


async def test_alarms_begin_and_end(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    now = time.time()
    for event, name, value, age in (
        ("device.attr_fault", "fault_compressor", 1, 30),
        ("device.attr_alert", "over_pressure", 1, 30),
        ("device.attr_fault", "fault_compressor", 0, 10),
        ("device.attr_fault", "fault_compressor", 1, 30),  # repeated, older than the last event
    ):
        data = {"attr_name": name, "attr_displayname": "x", "value": value}
        server.push(products[0].product_key, event, chiller, created_at=now - age, data=data, event_id="e")
    values_of_before = {"fault_compressor": True}
    server.push(products[0].product_key, "device.status.kv", chiller, created_at=now - 20, data=values_of_before)
    await until(lambda: len(server.of("event_ack")) == 5)
    assert [values(report) for report in listener.of(Report)] == [
        {"fault_compressor": True},
        {"over_pressure": True},
        {"fault_compressor": False},
    ]


async def test_one_event_can_contain_several_alarms(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    data = [{"attr_name": "fault_compressor", "value": "1"}, {"attr_name": "fault_probe", "value": False}, {}]
    server.push(products[0].product_key, "device.attr_fault", chiller, data=data)
    await until(lambda: listener.news)
    assert values(listener.of(Report)[0]) == {"fault_compressor": True, "fault_probe": False}


async def test_push_reports_online_states_in_order(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    now = time.time()
    server.push(products[0].product_key, "device.offline", chiller, created_at=now - 10)
    server.push(products[0].product_key, "device.online", chiller, created_at=now - 20)  # older than the event before
    server.report(chiller, {"power": 1}, created_at=now - 20)  # A report is independent of online states.
    server.push(products[0].product_key, "device.online", chiller, created_at=now - 5)
    await until(lambda: len(server.of("event_ack")) == 4)
    assert [(news.device_id, news.is_online, news.at) for news in listener.of(Presence)] == [
        (chiller.did, False, datetime.fromtimestamp(now - 10, UTC)),
        (chiller.did, True, datetime.fromtimestamp(now - 5, UTC)),
    ]
    assert len(listener.of(Report)) == 1
    assert len(listener.news) == 3


async def test_push_reports_positions_in_order(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    server.report_position(chiller, 23.125178, 113.280637, by="gps")
    server.report_position(chiller, 23.2, 113.3, by="lbs")
    key, now = products[0].product_key, time.time()
    for data, age in (
        ({"latitude": "1", "longitude": "1"}, 30),  # older than the events before
        ({"latitude": "0", "longitude": "0"}, -1),  # no fix
        ({"latitude": "north", "longitude": None}, -1),
        (None, -1),
    ):
        server.push(key, "device.gps.kv", chiller, created_at=now - age, data=data)
    await until(lambda: len(server.of("event_ack")) == 6)
    assert listener.news == [
        Position(device_id=chiller.did, latitude=23.125178, longitude=113.280637),
        Position(device_id=chiller.did, latitude=23.2, longitude=113.3),
    ]


async def test_push_reports_where_a_device_comes_online(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    await listener.connect(products[0], follow=[chiller])
    server.push(products[0].product_key, "device.online", chiller, latitude=23.125178, longitude=113.280637)
    server.push(products[0].product_key, "device.online", chiller)
    await until(lambda: len(server.of("event_ack")) == 2)
    assert [type(news) for news in listener.news] == [Presence, Position, Presence]
    assert listener.of(Position) == [Position(device_id=chiller.did, latitude=23.125178, longitude=113.280637)]


async def test_push_reports_an_unknown_device_that_comes_online_once(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    push = await listener.connect(products[0], follow=[])
    for _ in range(3):
        chiller.is_online = False
        chiller.is_online = True
    await until(lambda: len(server.of("event_ack")) == 6)
    assert listener.news == [DevicesChanged()]
    push.follow([listed(chiller)])
    chiller.is_online = False
    await until(lambda: listener.of(Presence))
    push.follow([])
    chiller.is_online = True
    await until(lambda: len(listener.of(DevicesChanged)) == 2)


@pytest.mark.parametrize(
    "event",
    [
        "device.bind",
        "device.unbind",
        "device.reset",
        "center_control.sub_device_added",
        "center_control.sub_device_deleted",
    ],
)
async def test_push_reports_changes_of_the_device_list(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    event: str,
) -> None:
    await listener.connect(products[0], follow=[])
    server.push(products[0].product_key, event, chiller)
    await until(lambda: server.of("event_ack"))
    assert listener.news == [DevicesChanged()]


async def test_push_refetches_a_changed_definition(
    listener: Listener,
    simulation: Simulation,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = listener.cloud([product_of(products[0])])
    assert cloud.push is not None
    cloud.push.follow([listed(chiller)])
    listener.listen(cloud.push)
    before = await cloud.schema(listed(chiller))
    attrs = products[0].definition["entities"][0]["attrs"]  # type: ignore[index]
    attrs.append({**attrs[0], "name": "boost", "id": len(attrs)})
    try:
        server.push(products[0].product_key, "datapoints.changed")
        await until(lambda: listener.of(SchemaChanged))
        assert listener.of(SchemaChanged) == [SchemaChanged(products[0].product_key)]
        after = await cloud.schema(listed(chiller))
        await cloud.schema(listed(chiller))
        hours_later = SimpleNamespace(time=lambda: time.time() + 3 * 3600)
        monkeypatch.setattr("custom_components.datapoint_cloud.clouds.gizwits.definitions.time", hours_later)
        await cloud.schema(listed(chiller))
        assert simulation.gizwits_enterprise.requests[DATAPOINT] == 2
    finally:
        attrs.pop()
    assert {datapoint.key for datapoint in after.datapoints} - {datapoint.key for datapoint in before.datapoints} == {
        "boost"
    }


async def test_push_refetches_a_changed_definition_once_if_that_fails(
    listener: Listener,
    simulation: Simulation,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
) -> None:
    enterprise = simulation.gizwits_enterprise
    cloud = listener.cloud([product_of(products[0])])
    assert cloud.push is not None
    cloud.push.follow([listed(chiller)])
    listener.listen(cloud.push)
    await cloud.schema(listed(chiller))
    enterprise.faults.append(Fault(matches=lambda request: request.path.endswith("/datapoint"), status=404, body="{}"))
    server.push(products[0].product_key, "datapoints.changed")
    for power in range(5):
        server.report(chiller, {"power": power})
    await until(lambda: len(listener.of(Report)) == 5)
    assert enterprise.requests[DATAPOINT] == 2


async def test_push_reports_values_without_a_definition(
    listener: Listener,
    simulation: Simulation,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
) -> None:
    enterprise = simulation.gizwits_enterprise
    enterprise.faults.append(Fault(status=404, body="{}"))
    await listener.connect(products[0], follow=[chiller])
    server.binaries_as = "hex"
    server.report(chiller, {"power": 5, "schedule": "0aff"})
    await until(lambda: server.of("event_ack"))
    assert values(listener.of(Report)[0]) == {"power": 5, "schedule": "0aff"}
    assert server.of("event_ack")


# Addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("snoti.gizwits.com", ("snoti.gizwits.com", 2017)),
        (" snoti.gizwits.com:2018 ", ("snoti.gizwits.com", 2018)),
        ("SNoti.example.com.", ("snoti.example.com.", 2017)),
        ("localhost:1", ("localhost", 1)),
        ("127.0.0.1:65535", ("127.0.0.1", 65535)),
        ("::1", ("::1", 2017)),
        ("[::1]", ("::1", 2017)),
        ("[::1]:99", ("::1", 99)),
        ("", None),
        (":2017", None),
        ("https://snoti.gizwits.com", None),
        ("snoti.gizwits.com/path", None),
        ("user@host", None),
        ("host:0", None),
        ("host:65536", None),
        ("host:port", None),
        ("a b", None),
        ("a..b", None),
        ("-a", None),
        ("a" * 64, None),
        ("[::1", None),
        ("[x]:1", None),
    ],
)
def test_an_address_is_a_host_and_an_optional_port(text: str, address: tuple[str, int] | None) -> None:
    assert host_and_port(text, 2017) == address


def test_loopback_addresses_are_recognized() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.3.2.1", "::1")))
    assert not any(map(is_loopback, ("", "localhost.example.com", "192.0.2.1", "::2")))


# Large fleets


async def test_news_of_devices_outside_of_a_selection_are_acknowledged_and_dropped(
    listener: Listener, server: SimulatedSnoti, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    push = await listener.connect(products[0], follow=[chiller])
    push.follow([listed(chiller)], is_selection=True)
    others = [device for device in products[0].devices.values() if device is not chiller]
    for other in others:
        for event in ("device.online", "device.bind", "device.reset"):
            server.push(products[0].product_key, event, other)
        server.report(other, {"set_temp": 9})
    chiller.set(set_temp=9.5)
    await until(lambda: listener.of(Report))
    await until(lambda: len(server.of("event_ack")) == 4 * len(others) + 1)
    (report,) = listener.news
    assert isinstance(report, Report)
    assert report.device_id == chiller.did
    server.push(products[0].product_key, "device.reset", chiller)
    await until(lambda: listener.of(DevicesChanged))


@pytest.mark.parametrize("has_msg_id", [True, False])
async def test_an_event_whose_acknowledgement_was_lost_is_passed_on_once(
    listener: Listener,
    server: SimulatedSnoti,
    products: list[EnterpriseProduct],
    chiller: GizwitsDevice,
    has_msg_id: bool,
) -> None:
    await listener.connect(products[0], follow=[chiller])
    event = {"event_type": "device_status_kv", "did": chiller.did, "created_at": time.time(), "data": {"set_temp": 8}}
    if has_msg_id:
        event["msg_id"] = "m1"

    def send(delivery_id: int, **changes: Any) -> None:
        message = {"cmd": "event_push", "delivery_id": delivery_id, **event, **changes}
        server.send_line(json.dumps(message).encode() + b"\n")

    send(1)
    await until(lambda: len(server.of("event_ack")) == 1)
    server.drop_connections()
    await until(lambda: len(server.of("login_req")) == 2 and server.connections == 1)
    send(2)
    send(3, data={"set_temp": 9}, **({"msg_id": "m2"} if has_msg_id else {}))
    send(4)
    await until(lambda: len(server.of("event_ack")) == 4)
    # Without an id, an event that equals one of the same connection is another one: a value that came back at once.
    again = [] if has_msg_id else [8]
    assert [values(report)["set_temp"] for report in listener.of(Report)] == [8, 9, *again]


# Commands

CONTROL = "POST /v1/products/{product_key}/devices/{did}/control"


async def test_commands_go_through_push_and_cost_no_request(
    listener: Listener, simulation: Simulation, products: list[EnterpriseProduct], meter: GizwitsDevice
) -> None:
    cloud = listener.cloud([product_of(products[1])])
    assert cloud.push is not None
    cloud.push.follow([listed(meter)])
    listener.listen(cloud.push)
    device = replace(listed(meter), mac=meter.mac)
    assert await cloud.write(device, {"limit": 5000}) == {"limit": 5000}  # the connection is not up yet
    assert simulation.gizwits_enterprise.requests[CONTROL] == 1
    await until(lambda: cloud.push is not None and cloud.push.hears(device))
    assert await cloud.write(device, {"relay": False}) == {"relay": False}
    assert meter.attrs["relay"] is False
    assert simulation.gizwits_enterprise.requests[CONTROL] == 1

    # What push does not take or answer goes by HTTP, which says why it is refused.
    listener.timings.control = 0.05
    simulation.gizwits_snoti.answers_control = False
    await cloud.write(device, {"relay": True})
    assert simulation.gizwits_enterprise.requests[CONTROL] == 2
    simulation.gizwits_snoti.answers_control = True
    meter.is_online = False
    with pytest.raises(DeviceOffline):
        await cloud.write(device, {"relay": True})
    assert simulation.gizwits_enterprise.requests[CONTROL] == 3


@pytest.fixture
async def pushed_meter(
    listener: Listener, products: list[EnterpriseProduct], meter: GizwitsDevice
) -> tuple[GizwitsEnterpriseCloud, Device]:
    """An account whose push is up, and its meter."""
    cloud = listener.cloud([product_of(products[1])])
    assert cloud.push is not None
    device = replace(listed(meter), mac=meter.mac)
    cloud.push.follow([device])
    listener.listen(cloud.push)
    await until(lambda: cloud.push is not None and cloud.push.hears(device))
    return cloud, device


@pytest.mark.parametrize("change", [{"repeats_msg_ids": False}, {"results_in_data": True}], ids=str)
async def test_variants_of_an_answer_to_a_command_are_understood(
    pushed_meter: tuple[GizwitsEnterpriseCloud, Device], simulation: Simulation, change: dict[str, bool]
) -> None:
    cloud, device = pushed_meter
    for name, value in change.items():
        setattr(simulation.gizwits_snoti, name, value)
    await cloud.write(device, {"relay": False})
    await cloud.write(device, {"relay": True})
    assert simulation.gizwits_enterprise.requests[CONTROL] == 0


@pytest.mark.parametrize("change", ["knows_control", "answers_control"])
async def test_a_server_that_does_not_answer_a_command_gets_no_further_ones_for_a_while(
    pushed_meter: tuple[GizwitsEnterpriseCloud, Device], listener: Listener, simulation: Simulation, change: str
) -> None:
    cloud, device = pushed_meter
    server = simulation.gizwits_snoti
    # An error message is an answer too, so that nothing waits for this limit.
    listener.timings.control = 60 if change == "knows_control" else 0.05
    setattr(server, change, False)
    for number in (1, 2):
        await cloud.write(device, {"relay": number == 1})
        assert (len(server.of("remote_control_req")), simulation.gizwits_enterprise.requests[CONTROL]) == (1, number)
    setattr(server, change, True)
    server.drop_connections()
    push = cloud.push
    assert push is not None
    await until(lambda: len(server.of("login_req")) == 2 and push.hears(device))
    await cloud.write(device, {"relay": True})
    assert (len(server.of("remote_control_req")), simulation.gizwits_enterprise.requests[CONTROL]) == (2, 2)


async def test_a_command_whose_connection_is_lost_goes_by_http(
    pushed_meter: tuple[GizwitsEnterpriseCloud, Device],
    listener: Listener,
    simulation: Simulation,
    meter: GizwitsDevice,
) -> None:
    cloud, device = pushed_meter
    server = simulation.gizwits_snoti
    listener.timings.control = 60  # only the end of the connection ends the wait
    server.answers_control = False
    write = asyncio.create_task(cloud.write(device, {"relay": False}))
    await until(lambda: len(server.of("remote_control_req")) == 1)
    server.drop_connections()
    assert await write == {"relay": False}
    assert simulation.gizwits_enterprise.requests[CONTROL] == 1
    assert meter.attrs["relay"] is False


async def test_a_binary_goes_through_push_as_a_list_of_bytes(
    listener: Listener, simulation: Simulation, products: list[EnterpriseProduct], chiller: GizwitsDevice
) -> None:
    cloud = listener.cloud([product_of(products[0])])
    assert cloud.push is not None
    cloud.push.follow([listed(chiller)])
    listener.listen(cloud.push)
    device = replace(listed(chiller), mac=chiller.mac)
    await until(lambda: cloud.push is not None and cloud.push.hears(device))
    values = {"schedule": "0a" * 24}
    assert await cloud.write(device, values) == values
    assert chiller.attrs["schedule"] == "0a" * 24
    (command,) = simulation.gizwits_snoti.of("remote_control_req")
    assert command["data"][0]["data"]["attrs"] == {"schedule": [10] * 24}
    assert simulation.gizwits_enterprise.requests[CONTROL] == 0


async def test_a_command_for_a_group_goes_through_push_and_names_who_refused(
    listener: Listener, simulation: Simulation, products: list[EnterpriseProduct]
) -> None:
    product = products[0]
    members = [device for device in product.devices.values() if device.mac in product.macs_of(product.root_gid)]
    cloud = listener.cloud([product_of(product)])
    assert cloud.push is not None
    cloud.push.follow([])
    listener.listen(cloud.push)
    await until(lambda: cloud.push is not None and cloud.push.hears(of_product(product)))
    result = await cloud.write_group(product.root_gid, {"set_temp": 12})
    refused = {did for did, error in result.errors.items() if error is not None}
    asked = [device for device in members if device.did in result.errors]
    assert refused == {device.did for device in asked if not device.is_online or device.uid is None}
    assert refused
    assert simulation.gizwits_enterprise.requests[CONTROL] == len(refused)
    assert all(device.attrs["set_temp"] == 12 for device in asked if device.did not in refused)
