"""Whatever frame arrives on either push, the client goes on listening, and its news can be stored."""

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.client_store import ClientStore
from custom_components.datapoint_cloud.clouds.cloud import Cloud
from custom_components.datapoint_cloud.clouds.model import Device
from custom_components.datapoint_cloud.clouds.push import News, Push, Report
from tests.clouds.make_cloud import MakeCloud, make_enterprise_cloud, make_open_cloud, products_of

from .damage import Damage, damages
from .storable import assert_storable
from .struck_clouds import StruckClouds


class _Listener:
    """Listens to the push of one account, and connects again whenever the connection was lost."""

    def __init__(self, make: Callable[[], Cloud], is_connected: Callable[[], bool]) -> None:
        self.heard: list[News] = []
        self._make = make
        self._is_connected = is_connected
        self._push: Push | None = None
        self._task: asyncio.Task[None] | None = None

    async def listen(self, devices: Sequence[Device]) -> None:
        """Connect if necessary, and wait until the first device is heard."""
        if self._task is None or self._push is None:
            cloud = self._make()
            await cloud.devices()
            self._push = cloud.push
            assert self._push is not None
            self._push.follow(devices)
            self._task = asyncio.create_task(self._push.listen(self.heard.append))
        while not self._push.hears(devices[0]):
            assert not self._task.done()
            await asyncio.sleep(0.001)

    async def send_and_wait(self, send: Callable[[], None], is_last: Callable[[News], bool]) -> None:
        """Send, and wait until the last message arrived or the connection was lost."""
        assert self._task is not None
        self.heard.clear()
        send()
        while not any(map(is_last, self.heard)) and self._is_connected():
            assert not self._task.done()
            await asyncio.sleep(0.001)
        for news in self.heard:
            assert_storable(news)
        if not self._is_connected():
            await self.stop()

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


def _make(clouds: StruckClouds, make: MakeCloud, **changes: Any) -> Cloud:
    return make(clouds.session, clouds.simulation, ClientStore(), **changes)


def _frames(device: Device, attrs: dict[str, Any]) -> list[dict[str, Any]]:
    did = device.id
    return [
        {"cmd": "s2c_noti", "data": {"did": did, "attrs": attrs}},
        {"cmd": "s2c_noti", "req_sn": 7, "data": {"did": did, "attrs": attrs}},
        {"cmd": "s2c_online_status", "data": {"did": did, "passcode": "x", "mac": "y", "online": True}},
        {"cmd": "s2c_binding_changed", "data": {"did": did, "bind": True}},
        {"cmd": "subscribe_res", "data": {"success": [{"did": did, "error_code": 0, "msg": ""}], "failed": []}},
        {"cmd": "login_res", "data": {"success": True}},
        {"cmd": "s2c_invalid_msg", "data": {"error_code": 1003, "msg": "x"}},
        {"cmd": "pong"},
    ]


_DAMAGED = st.lists(st.tuples(st.integers(0, 7), damages), min_size=1, max_size=4)


def _try_all(
    clouds: StruckClouds,
    listener: _Listener,
    example: Callable[[list[tuple[int, Damage]]], Coroutine[Any, Any, None]],
) -> None:
    """Try the example with many damaged messages, and end the listening."""

    @given(_DAMAGED)
    def check(damaged: list[tuple[int, Damage]]) -> None:
        clouds.run(example(damaged))

    try:
        check()
    finally:
        clouds.run(listener.stop())


def test_any_frame_of_the_web_socket_leaves_it_listening(clouds: StruckClouds) -> None:
    push = clouds.simulation.gizwits_open.push
    cloud = _make(clouds, make_open_cloud)
    listener = _Listener(lambda: _make(clouds, make_open_cloud), lambda: bool(push.connections))
    devices = [device for device in clouds.run(cloud.devices()).devices if device.is_online]
    reading = clouds.run(cloud.readings(devices[:1])).snapshots[devices[0].id].readings
    attrs = {key: read.value for key, read in reading.items()}
    frames = [json.dumps(frame).encode() for frame in _frames(devices[0], attrs)]

    async def example(damaged: list[tuple[int, Damage]]) -> None:
        await listener.listen(devices)

        def send() -> None:
            for number, damage in damaged:
                push.send(damage.of(frames[number]).decode(errors="replace"))
            push.send({"cmd": "s2c_noti", "data": {"did": devices[0].id, "attrs": {"last": "x"}}})

        await listener.send_and_wait(send, lambda news: isinstance(news, Report) and "last" in news.snapshot.readings)

    _try_all(clouds, listener, example)


def _events(device: Device) -> list[dict[str, Any]]:
    head = {"cmd": "event_push", "delivery_id": 1, "product_key": device.schema_id, "did": device.id, "mac": "x"}
    head |= {"created_at": 1517384243.5, "msg_id": "m1"}
    alarm = {"attr_name": "over_pressure", "attr_displayname": "x", "value": 1}
    return [
        head | {"event_type": "device_status_kv", "data": {"switch": 1, "set_temp": 20, "mode": "x"}},
        head | {"event_type": "device_online", "ip": "192.0.2.7", "country": ""},
        head | {"event_type": "device_offline"},
        head | {"event_type": "attr_fault", "event_id": "e1", "data": alarm},
        head | {"event_type": "attr_alert", "event_id": "e1", "data": alarm},
        head | {"event_type": "datapoints_changed"},
        {"cmd": "login_res", "data": {"result": True, "msg": "ok"}},
        {"cmd": "pong"},
    ]


def test_any_line_of_snoti_leaves_it_listening(clouds: StruckClouds) -> None:
    snoti = clouds.simulation.gizwits_snoti
    products = products_of(clouds.simulation)[:1]
    cloud = _make(clouds, make_enterprise_cloud, products=products)
    listener = _Listener(
        lambda: _make(clouds, make_enterprise_cloud, products=products), lambda: bool(snoti.connections)
    )
    devices = [device for device in clouds.run(cloud.devices()).devices if device.is_online]
    lines = [json.dumps(event).encode() for event in _events(devices[0])]
    last = {**_events(devices[0])[0], "data": {"last": "x"}}
    numbers = itertools.count()

    async def example(damaged: list[tuple[int, Damage]]) -> None:
        await listener.listen(devices)

        def send() -> None:
            for number, damage in damaged:
                snoti.send_line(damage.of(lines[number]).replace(b"\n", b" ") + b"\n")
            snoti.send_line(json.dumps({**last, "msg_id": f"last {next(numbers)}"}).encode() + b"\n")

        await listener.send_and_wait(send, lambda news: isinstance(news, Report) and "last" in news.snapshot.readings)

    _try_all(clouds, listener, example)
