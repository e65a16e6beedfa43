"""SNoti, the push of the Enterprise API: lines of JSON over TLS. It is strict where the document is.

The document has no error codes for `invalid_msg`, so the codes here are made up.
"""

import asyncio
import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from .behaviours import Value
from .certificate import server_context
from .devices import GizwitsDevice
from .fleet import EnterpriseProduct
from .snoti_control import Control, carry_out
from .snoti_queues import Client, Message, Queues

EVENTS = {
    "device.online": "device_online",
    "device.offline": "device_offline",
    "device.status.kv": "device_status_kv",
    "device.status.raw": "device_status_raw",
    "device.attr_fault": "attr_fault",
    "device.attr_alert": "attr_alert",
    "datapoints.changed": "datapoints_changed",
    "center_control.sub_device_added": "sub_device_added",
    "center_control.sub_device_deleted": "sub_device_deleted",
    "device.bind": "device_bind",
    "device.unbind": "device_unbind",
    "device.reset": "device_reset",
    "device.file.download": "device_file_download",
    "device.app2dev.raw": "app2dev_raw",
    "device.app2dev.kv": "app2dev_kv",
    "device.gps.kv": "device_gps_kv",
    "device.lbs.kv": "device_lbs_kv",
}
"""The `event_type` of each event, by the name with which clients subscribe to it."""

NEWER_EVENTS = frozenset({"device.gps.kv", "device.lbs.kv"})
"""The events that only the newer of the two documents has, as it alone has `subscribe_req`."""

_SUBKEY = re.compile(r"[A-Za-z0-9_]{1,32}")
_MAX_SUBKEYS = 5
_MALFORMED, _UNKNOWN, _NOT_LOGGED_IN, _UNKNOWN_DELIVERY = 4001, 4002, 4003, 4004


class _Refused(Exception):
    """The server refuses a login; the text says why."""


class SnotiServer:
    """The push service of one organisation's products. Public attributes may be changed at any time.

    `refuses`: product keys whose logins it refuses. `login_error`: it refuses all logins with this code.
    `is_silent`: it accepts everything and sends nothing. `heartbeat_seconds`: after how long it drops a silent client.
    `binaries_as`: "bytes", "base64" or "hex". `booleans_as_numbers`: booleans are 0 and 1. `gives_msg_ids`: events have
    a `msg_id`. `report_every`: seconds between reports of all devices that are online, None for none; it is read by
    `start`. `answers_control`: it answers commands. `knows_control`: it knows them at all. `repeats_msg_ids`: its
    answers name the command. `results_in_data`: its answers have the result in `data`. `is_older`: it is a server of
    the older document, which refuses `NEWER_EVENTS` and does not know `subscribe_req`.
    """

    def __init__(self, clock: Callable[[], float], products: Mapping[str, EnterpriseProduct], control: Control) -> None:
        """Listen to the products' devices. Their events are queued for each subkey that ever logged in.

        `control` passes a command on to a device.
        """
        self.name = "gizwits_snoti"
        self.address = ""
        self.refuses: set[str] = set()
        self.login_error: int | None = None
        self.is_silent = False
        self.heartbeat_seconds = 300.0
        self.binaries_as = "bytes"
        self.booleans_as_numbers = False
        self.gives_msg_ids = True
        self.answers_control = True
        self.knows_control = True
        self.repeats_msg_ids = True
        self.results_in_data = False
        self.is_older = False
        self._control = control
        self.report_every: float | None = None
        self.on_login: Callable[[set[str], Callable[[Message], None]], None] | None = None
        """Called after each accepted login with the product keys and a function that sends a message to the client."""
        self.received: list[dict[str, Any]] = []
        """Every valid message, in order."""
        self._clock = clock
        self._products = products
        self._queues = Queues(clock)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._listener: asyncio.Server | None = None
        self._serial = itertools.count(1)
        self._alarms: dict[tuple[str, str], str] = {}
        """The ids of active alarms by device and datapoint. An alarm ends with the id that it began with."""
        for product in products.values():
            for device in product.devices.values():
                device.listeners.append(self)
                self._alarms |= {(device.did, name): self._event_id() for name in _active_alarms(device)}

    @property
    def connections(self) -> int:
        """The number of connected clients."""
        return len(self._writers)

    @property
    def repeated(self) -> int:
        """How many events were queued again, because their client left without acknowledging them."""
        return self._queues.repeated

    def of(self, command: str) -> list[dict[str, Any]]:
        """Return the received messages of one command."""
        return [message for message in self.received if message["cmd"] == command]

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen on a port, or on any free one if it is 0. `address` then holds host and port."""
        self._listener = await asyncio.start_server(
            self._serve, host, port, ssl=server_context(), ssl_shutdown_timeout=1
        )
        self.address = f"{host}:{self._listener.sockets[0].getsockname()[1]}"
        if self.report_every is not None:
            self._track(asyncio.create_task(self._report_regularly(self.report_every)))

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener is None:
            return
        self._listener.close()
        for timer in self._timers:
            timer.cancel()
        self.drop_connections()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()
        self._listener = None

    def drop_connections(self) -> None:
        """Drop all connections without closing them."""
        for writer in self._writers:
            writer.transport.abort()

    def send_line(self, line: bytes) -> None:
        """Send these bytes to all clients, without a newline after them."""
        for writer in self._writers:
            writer.write(line)

    def push(
        self,
        product_key: str,
        event: str,
        device: GizwitsDevice | None = None,
        *,
        created_at: float | None = None,
        **more: Any,
    ) -> None:
        """Queue an event by the name for subscriptions. Without a device, it is one of the whole product."""
        message: dict[str, Any] = {"event_type": EVENTS[event], "product_key": product_key}
        if self.gives_msg_ids:
            message["msg_id"] = f"m{next(self._serial)}"
        if device is not None:
            message |= {"did": device.did, "mac": device.mac, "group_id": self._group_of(product_key, device)}
        message["created_at"] = self._clock() if created_at is None else created_at
        self._queues.put(product_key, event, message | more)

    def report(self, device: GizwitsDevice, attrs: Mapping[str, Any], created_at: float | None = None) -> None:
        """Push values of a device, and an event for each alarm among them that began or ended."""
        by_name = device.product.by_name
        data = {
            name: self._encoded(value, is_binary=name in by_name and by_name[name].data_type == "binary")
            for name, value in attrs.items()
        }
        self.push(device.product.key, "device.status.kv", device, created_at=created_at, data=data)
        for name, value in attrs.items():
            if name in by_name and (kind := by_name[name].type) in ("alert", "fault"):
                self._push_alarm_change(device, kind, name, created_at, is_on=bool(value))

    def _push_alarm_change(
        self, device: GizwitsDevice, kind: str, name: str, created_at: float | None, *, is_on: bool
    ) -> None:
        if is_on == ((device.did, name) in self._alarms):
            return
        event_id = self._alarms.setdefault((device.did, name), self._event_id())
        if not is_on:
            del self._alarms[device.did, name]
        title = device.product.by_name[name].title
        data = {"attr_name": name, "attr_displayname": title, "value": int(is_on)}
        key = device.product.key
        self.push(key, f"device.attr_{kind}", device, created_at=created_at, event_id=event_id, data=data)

    def on_report(self, device: GizwitsDevice, at: float, _: Mapping[str, Value]) -> None:
        """Push a device's values at the time of its report, now or later."""
        delay = at - self._clock()
        if delay > 0:
            self._timers.append(asyncio.get_running_loop().call_later(delay, self._report_at, device, at))
        else:
            self._report_at(device, at)

    def on_online_change(self, device: GizwitsDevice) -> None:
        """Push that a device came online or went offline."""
        place = device.place
        where = {"ip": "192.0.2.7"} | {
            name: getattr(place, name) if place else "" for name in ("country", "region", "city")
        }
        if device.is_online:
            self.push(device.product.key, "device.online", device, **where)
        else:
            self.push(device.product.key, "device.offline", device)

    def report_position(self, device: GizwitsDevice, latitude: float, longitude: float, *, by: str = "gps") -> None:
        """Push where a device is: by satellite ("gps"), with texts for numbers, or by its mobile network ("lbs")."""
        where = {"longitude": longitude, "latitude": latitude}
        data: dict[str, Any] = {name: str(degrees) for name, degrees in where.items()} if by == "gps" else where
        more = {"hdop": "1.2", "num_satellites": "7"} if by == "gps" else {"country": "", "imsi": "460000000000000"}
        self.push(device.product.key, f"device.{by}.kv", device, data=data | more)

    def _report_at(self, device: GizwitsDevice, at: float) -> None:
        self.report(device, device.values_at(at), at)

    async def _report_regularly(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            for product in self._products.values():
                for device in product.devices.values():
                    if device.is_online and device.attrs:
                        self.report(device, device.attrs)

    def _encoded(self, value: Any, *, is_binary: bool) -> Any:
        if isinstance(value, bool) and self.booleans_as_numbers:
            return int(value)
        if not is_binary or not isinstance(value, str) or self.binaries_as == "hex":
            return value
        try:
            content = bytes.fromhex(value)
        except ValueError:
            return value
        return list(content) if self.binaries_as == "bytes" else base64.b64encode(content).decode()

    def _event_id(self) -> str:
        return f"e{next(self._serial):08}"

    def _group_of(self, product_key: str, device: GizwitsDevice) -> str | None:
        groups = self._products[product_key].groups.values()
        return next((group.gid for group in groups if device.mac in group.macs), None)

    def _track(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._track(task)
        async with self._connected(writer):
            client: Client | None = None
            try:
                while True:
                    async with asyncio.timeout(self.heartbeat_seconds):
                        line = await reader.readuntil(b"\n")
                    client = self._handle(line, client, writer)
            finally:
                if client is not None:
                    self._queues.leave(client)

    @asynccontextmanager
    async def _connected(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._writers.add(writer)
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, _Refused):
                yield
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _handle(self, line: bytes, client: Client | None, writer: asyncio.StreamWriter) -> Client | None:
        """Answer a message. Returns the client once it is logged in. Raises _Refused for a refused login."""

        def send(message: Message) -> None:
            if not self.is_silent:
                writer.write(json.dumps(message).encode() + b"\n")

        try:
            message = json.loads(line)
            command = message["cmd"]
        except ValueError, TypeError, KeyError:
            send(_invalid(_MALFORMED, "not a message"))
            return client
        self.received.append(message)
        if client is None:
            return self._log_in(message, send)
        match command:
            case "ping":
                send({"cmd": "pong"})
            case "event_ack":
                if not self._queues.acknowledge(client, message.get("delivery_id"), message.get("msg_id")):
                    send(_invalid(_UNKNOWN_DELIVERY, "unknown delivery"))
            case "remote_control_req" if self.knows_control:
                self._remote_control(message, send)
            case "subscribe_req" | "unsubscribe_req" if not self.is_older:
                send(self._subscribe(message, client))
            case _:
                send(_invalid(_UNKNOWN, "unknown cmd"))
        return client

    def _subscribe(self, message: Mapping[str, Any], client: Client) -> Message:
        """Add events to a client's subscriptions, or remove some; return the answer, which repeats what was asked."""
        command, items = message["cmd"], message.get("data")
        answer = {"cmd": command.replace("req", "res"), "result": True, "msg": "ok", "data": items}
        try:
            for item in self._checked(items):
                queue = self._queues.of(client, item["product_key"], item["subkey"])
                events = frozenset(item["events"])
                queue.events = queue.events | events if command == "subscribe_req" else queue.events - events
        except _Refused as refused:
            return answer | {"result": False, "msg": str(refused)}
        except KeyError:
            return answer | {"result": False, "msg": "subkey"}
        return answer

    def _remote_control(self, message: Mapping[str, Any], send: Callable[[Message], None]) -> None:
        result = {"result": carry_out(message["data"], self._products, self._control)}
        if self.answers_control:
            ids = {"msg_id": message["msg_id"]} if "msg_id" in message and self.repeats_msg_ids else {}
            send({"cmd": "remote_control_res", **ids, **({"data": result} if self.results_in_data else result)})

    def _log_in(self, message: Mapping[str, Any], send: Callable[[Message], None]) -> Client | None:
        if message["cmd"] != "login_req":
            send(_invalid(_NOT_LOGGED_IN, "not logged in"))
            return None
        if self.login_error is not None:
            send(_invalid(self.login_error, "login"))
            raise _Refused
        try:
            client = self._granted(message, send)
        except _Refused as refused:
            send({"cmd": "login_res", "data": {"result": False, "msg": str(refused)}})
            raise
        send({"cmd": "login_res", "data": {"result": True, "msg": "ok"}})
        for queue in client.queues:
            self._queues.distribute(queue)
        if self.on_login is not None:
            self.on_login({item["product_key"] for item in message["data"]}, send)
        return client

    def _granted(self, message: Mapping[str, Any], send: Callable[[Message], None]) -> Client:
        prefetch_count = message.get("prefetch_count", 50)
        if type(prefetch_count) is not int or not 1 <= prefetch_count <= 32767:
            raise _Refused("prefetch_count")
        items = self._checked(message.get("data"))
        client = Client(send, prefetch_count)
        for item in items:
            self._queues.join(client, item["product_key"], item["subkey"], frozenset(item["events"]))
        return client

    def _checked(self, items: Any) -> list[Any]:
        """Return the items of a login or a subscription. Raises _Refused if one is not valid."""
        if not isinstance(items, list) or not items:
            raise _Refused("data")
        for item in items:
            self._check(item)
        return items

    def _check(self, item: Any) -> None:
        if not isinstance(item, dict):
            raise _Refused("data")
        product = self._products.get(str(item.get("product_key")))
        if product is None or product.product_key in self.refuses:
            raise _Refused("product_key")
        if (item.get("auth_id"), item.get("auth_secret")) != (product.auth_id, product.auth_secret):
            raise _Refused("auth_id or auth_secret")
        subkey, events = item.get("subkey"), item.get("events")
        if not isinstance(subkey, str) or not _SUBKEY.fullmatch(subkey):
            raise _Refused("subkey")
        if len(self._queues.subkeys_of(product.product_key) | {subkey}) > _MAX_SUBKEYS:
            raise _Refused("too many subkeys")
        known = EVENTS.keys() - NEWER_EVENTS if self.is_older else EVENTS.keys()
        if not isinstance(events, list) or not events or not all(isinstance(e, str) and e in known for e in events):
            raise _Refused("events")


def _invalid(code: int, text: str) -> Message:
    return {"cmd": "invalid_msg", "error_code": code, "msg": text}


def _active_alarms(device: GizwitsDevice) -> list[str]:
    names = {attribute.name for attribute in device.product.attributes if attribute.type in ("alert", "fault")}
    return [name for name, is_on in device.values_at(device.clock(), names).items() if is_on]
