"""Simulates a day of 1,000 Enterprise devices with faults that come and go: `python -m benchmarks.long_run`.

Nothing may grow, no change may be lost, and no request may exceed the quota; otherwise it exits with 1. The account is
set up as a user's is, with its entities. The API is the stand-in of `enterprise`; push is a TLS server on loopback.
"""

import asyncio
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from unittest.mock import patch

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import accounts
from simulator.gizwits.certificate import server_context

from .enterprise import PRODUCT_KEY, EnterpriseFleet, Reporter
from .home import home_assistant, set_up
from .report import Goal, Part, run
from .virtual_time import run_in_virtual_time

_HOURS = 24
_MINUTE = 60.0
_HOUR = 60 * _MINUTE
_DEVICES = 1_000
_ACTIVE = 0.1
_SLOW = 40 * _MINUTE  # longer than a full turn and any fault
_SLOW_DEVICES = 50
_GROWTH = 1.02


@dataclass(frozen=True, slots=True)
class _Fault:
    """A fault: the minute of the day when it begins, for how many minutes it lasts, and what fails."""

    begin: float
    minutes: float
    failure: int | str


_FAULTS = (
    _Fault(3 * 60, 10, 502),
    _Fault(5 * 60, 10, "timeout"),
    _Fault(7 * 60, 5, "quota"),
    _Fault(9 * 60, 60, "offline"),
    *(_Fault(11 * 60 + 20 * number, 1, "push") for number in range(9)),
    _Fault(16 * 60, 3 * 60, "push"),
    _Fault(18 * 60, 5, 503),
    _Fault(21 * 60, 10, "timeout"),
    _Fault(22 * 60, 30, "offline"),
)


class _Push:
    """SNoti for one client. It sends each report while the client is connected, and drops the others."""

    def __init__(self, fleet: EnterpriseFleet) -> None:
        self.address = ""
        self.is_dead = False
        self.pushed: list[tuple[str, int]] = []
        """Device and number of each report that the client acknowledged."""
        self._fleet = fleet
        self._writer: asyncio.StreamWriter | None = None
        self._sent: dict[int, tuple[str, int]] = {}
        self._serial = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=server_context())
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def drop(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    def send(self, device: Reporter, now: float) -> None:
        if self._writer is None or self.is_dead or not device.is_online:
            return
        at = device.reported_at(now)
        self._serial += 1
        self._sent[self._serial] = device.did, number_at(device, at)
        self._send(
            self._writer,
            {
                "cmd": "event_push",
                "delivery_id": self._serial,
                "msg_id": f"m{self._serial}",
                "event_type": "device_status_kv",
                "product_key": PRODUCT_KEY,
                "did": device.did,
                "mac": device.mac,
                "created_at": at,
                "data": device.values_at(at),
            },
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            while line := await reader.readline():
                if self.is_dead:
                    break
                message = json.loads(line)
                match message["cmd"]:
                    case "login_req":
                        self._send(writer, {"cmd": "login_res", "data": {"result": True, "msg": "ok"}})
                        self._sent.clear()
                        self._writer = writer
                    case "ping":
                        self._send(writer, {"cmd": "pong"})
                    case "event_ack":
                        self.pushed.append(self._sent.pop(message["delivery_id"]))
        writer.close()

    @staticmethod
    def _send(writer: asyncio.StreamWriter, message: object) -> None:
        writer.write(json.dumps(message).encode() + b"\n")


def number_at(device: Reporter, reported_at: float) -> int:
    """Return the value of `count` in a report, which numbers the device's reports."""
    return device.values_at(reported_at)["count"]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The counts that must not grow."""

    objects: int
    tasks: int
    listeners: int

    @classmethod
    def of(cls, hass: HomeAssistant, entry: MockConfigEntry) -> _Sizes:
        gc.collect()
        listeners = entry.runtime_data.coordinator.listeners
        return cls(
            objects=len(gc.get_objects()),
            tasks=len(asyncio.all_tasks()),
            listeners=sum(hass.bus.async_listeners().values())
            + sum(map(len, listeners._listeners.values()))  # noqa: SLF001  # nobody else can count them
            + len(listeners._inventory_listeners),  # noqa: SLF001
        )


class _Seen:
    """The values of `count` that showed in states, by device."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        prefix, suffix = f"{entry.unique_id}_", "_count"
        self._dids = {
            entity.entity_id: entity.unique_id.removeprefix(prefix).removesuffix(suffix)
            for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
            if entity.unique_id.endswith(suffix)
        }
        self.numbers: defaultdict[str, set[int]] = defaultdict(set)
        for entity_id in self._dids:
            self._add(entity_id, hass.states.get(entity_id))
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._on_state)

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        self._add(event.data["entity_id"], event.data["new_state"])

    def _add(self, entity_id: str, state: object) -> None:
        text = getattr(state, "state", "")
        if entity_id in self._dids and text.replace(".", "").isdecimal():
            self.numbers[self._dids[entity_id]].add(int(float(text)))


class _Day:
    """The simulated day: the fleet, its push and the faults."""

    def __init__(self) -> None:
        self.fleet = EnterpriseFleet(_DEVICES, _ACTIVE)
        self.push = _Push(self.fleet)
        self.active = [device for device in self.fleet.devices if device.is_active]
        for device in self.active[:_SLOW_DEVICES]:
            device.every = _SLOW
        for device in self.active[_SLOW_DEVICES:]:
            device.every *= 2
        self._faulty: tuple[_Fault, ...] = ()

    async def run(self, until: float) -> None:
        """Push the reports of all devices and apply the faults until a time."""
        pushed = {device.did: device.reported_at(time.time()) for device in self.active}
        begin = time.time()
        while (now := time.time()) < until:
            self._fail((now - begin) / _MINUTE)
            for device in self.active:
                at = device.reported_at(now)
                if at > pushed[device.did]:
                    pushed[device.did] = at
                    self.push.send(device, now)
            await asyncio.sleep(1)

    def _fail(self, minute: float) -> None:
        faulty = tuple(fault for fault in _FAULTS if fault.begin <= minute < fault.begin + fault.minutes)
        if faulty == self._faulty:
            return
        self._faulty = faulty
        failures = [fault.failure for fault in faulty]
        self.fleet.failure = next((failure for failure in failures if failure not in {"offline", "push"}), None)
        self.push.is_dead = "push" in failures
        if self.push.is_dead:
            self.push.drop()
        for device in self.active[-20:]:
            if device.is_online and "offline" in failures:
                device.gone_at = time.time()
            device.is_online = "offline" not in failures


def _entry(address: str) -> MockConfigEntry:
    product = {"product_key": PRODUCT_KEY, "product_secret": "secret", "auth_id": "id", "auth_secret": "secret"}
    return MockConfigEntry(
        domain="datapoint_cloud",
        title="Fleet",
        unique_id="enterprise",
        data={
            "cloud": "gizwits_enterprise",
            "api_url": "http://stand-in",
            "enterprise_id": "enterprise",
            "enterprise_secret": "secret",
            "snoti_host": address,
        },
        options={"fleet": "chosen"},
        subentries_data=[
            ConfigSubentryData(subentry_type="product", title="Benchmark", data=product, unique_id=PRODUCT_KEY)
        ],
    )


def _missed(day: _Day, seen: _Seen, begin: float) -> Iterator[tuple[str, int]]:
    """Yield the reports that never showed in a state: of slow devices all, of others only those that were pushed."""
    for device in day.active[:_SLOW_DEVICES]:
        at = device.reported_at(begin) + device.every
        while at + device.every < time.time():
            if number_at(device, at) not in seen.numbers[device.did]:
                yield device.did, number_at(device, at)
            at += device.every
    for did, number in day.push.pushed:
        if number not in seen.numbers[did]:
            yield did, number


async def _run() -> tuple[_Sizes, _Sizes, _Day, int, int]:
    day = _Day()
    server = await day.push.start()
    async with home_assistant() as hass:
        with patch.object(accounts, "_session", lambda _: day.fleet):
            entry = await set_up(hass, _entry(day.push.address))
        seen = _Seen(hass, entry)
        begin = time.time()
        running = asyncio.create_task(day.run(begin + _HOURS * _HOUR))
        await asyncio.sleep(_HOURS / 2 * _HOUR)
        early = _Sizes.of(hass, entry)
        await running
        missed = list(_missed(day, seen, begin))
        pushed = len(day.push.pushed)
        day.push.pushed.clear()
        late = _Sizes.of(hass, entry)
        await hass.config_entries.async_unload(entry.entry_id)
    server.close()
    return early, late, day, len(missed), pushed


def measure() -> Part:
    """Simulate the day."""
    early, late, day, missed, pushed = run_in_virtual_time(_run())
    rows = [
        (name, f"{getattr(early, name):,}", f"{getattr(late, name):,}") for name in ("objects", "tasks", "listeners")
    ]
    return Part(
        title=f"{_HOURS} hours of {_DEVICES:,} devices",
        columns=("", f"after {_HOURS // 2} hours", f"after {_HOURS}"),
        rows=rows,
        remarks=(f"{day.fleet.requests:,} requests, {pushed:,} reports by push",),
        goals=[
            Goal("objects, times those at noon", late.objects / early.objects, _GROWTH),
            Goal("tasks more than at noon", late.tasks - early.tasks, 2),
            Goal("listeners more than at noon", late.listeners - early.listeners, 0),
            Goal("requests beyond the quota", day.fleet.refused, 0),
            Goal("changes that never showed in a state", missed, 0),
        ],
    )


if __name__ == "__main__":
    sys.exit(run(measure))
