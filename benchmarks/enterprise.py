"""A stand-in for the HTTP session that simulates the Enterprise API with a fleet of any size.

It returns bytes and headers as the vendor's document shows them, counts the quota, and fails on demand. It has no
sockets, which would take most of the time with thousands of devices over hours.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

PRODUCT_KEY = "benchmark0000000000000000000product"
QUOTA = 3600
_ATTRS = ("power", "temperature", "count")


@dataclass(slots=True)
class Reporter:
    """A device that reports every `every` seconds or, if it is inactive, reported once at `phase`."""

    did: str
    mac: str
    is_active: bool
    phase: float
    every: float = 60.0
    is_online: bool = True
    gone_at: float = 0.0

    def reported_at(self, now: float) -> float:
        """Return when it last reported, epoch seconds."""
        if not self.is_active:
            return self.phase
        until = now if self.is_online else self.gone_at
        return (until - self.phase) // self.every * self.every + self.phase

    def values_at(self, reported_at: float) -> dict[str, int]:
        """Return the values of the report at that time."""
        number = int(reported_at // self.every)
        return {name: (number * (index + 1)) % 60_000 for index, name in enumerate(_ATTRS)}


class EnterpriseFleet:
    """A stand-in for `aiohttp.ClientSession`. `failure` lets all requests fail.

    It is an HTTP status, "timeout", or "quota": other clients have used up the quota.
    """

    def __init__(self, devices: int, active: float, *, answers_in: float = 0.1) -> None:
        """Make devices. The share `active` (0 to 1) reports every minute. Responses take `answers_in` seconds."""
        chance = random.Random(devices)
        now = time.time()
        actives = set(chance.sample(range(devices), max(1, round(devices * active))))
        self.devices = [
            Reporter(
                did=f"did{number:019}",
                mac=f"{number:012x}",
                is_active=number in actives,
                phase=now - (chance.uniform(0, 60) if number in actives else chance.uniform(3600, 86_400)),
                every=chance.uniform(58, 62),  # not exactly a minute, or reports would be in step with polls
            )
            for number in range(devices)
        ]
        self.by_did = {device.did: device for device in self.devices}
        self.failure: int | str | None = None
        self.closed = False  # as an `aiohttp.ClientSession` says
        self.requests = 0
        self.refused = 0
        """The number of requests beyond the quota."""
        self._answers_in = answers_in
        self._remaining, self._reset = QUOTA, 0.0

    @asynccontextmanager
    async def request(
        self, _method: str, url: str, *, params: Mapping[str, Any] | None = None, **_: Any
    ) -> AsyncIterator[SimpleNamespace]:
        """Respond to a request."""
        self.requests += 1
        if self.failure == "timeout":
            await asyncio.sleep(30)
            raise TimeoutError
        await asyncio.sleep(self._answers_in)
        status, text = self._answer(urlsplit(url).path.split("/")[4:], params or {})
        headers = {
            "X-RateLimit-Limit": f"{QUOTA}",
            "X-RateLimit-Remaining": f"{self._remaining}",
            "X-RateLimit-Reset": f"{self._reset:.0f}",
        }
        yield SimpleNamespace(status=status, headers=headers, content=_Content(text))

    def _answer(self, path: list[str], params: Mapping[str, Any]) -> tuple[int, bytes]:
        now = time.time()
        if now >= self._reset:
            self._remaining, self._reset = QUOTA, (now // 3600 + 1) * 3600
        if isinstance(self.failure, int):
            return self.failure, b""
        if self._remaining <= 0 or self.failure == "quota":
            self.refused += self._remaining <= 0
            return 400, b'{"error_code": 5013, "error_message": "quota exhausted", "detail_message": ""}'
        self._remaining -= 1
        return self._success(path, params, now)

    def _success(self, path: list[str], params: Mapping[str, Any], now: float) -> tuple[int, bytes]:
        match path:
            case ["access_token"]:
                return 201, json.dumps({"token": "0" * 32, "expired_at": int(now) + 7 * 86_400}).encode()
            case ["datapoint"]:
                return 200, json.dumps(_DEFINITION).encode()
            case ["devices", "search"]:
                return 200, self._search(now, params)
            case ["devices", did, "data"]:
                return 200, _report(self.by_did[did], now)
        return 404, b"{}"

    def _search(self, now: float, params: Mapping[str, Any]) -> bytes:
        since = float(params.get("liveness_start", 0))
        found = [device for device in self.devices if not since or device.reported_at(now) >= since]
        limit, skip = int(params.get("limit", 20)), int(params.get("skip", 0))
        rows = b",".join(_row(device, now) for device in found[skip : skip + limit])
        meta = b'{"total": %d, "limit": %d, "skip": %d, "previous": null, "next": null}' % (len(found), limit, skip)
        return b'{"meta": %b, "objects": [%b]}' % (meta, rows)


class _Content:
    """The body of a response, in one piece."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._text


def _row(device: Reporter, now: float) -> bytes:
    return json.dumps(
        {
            "did": device.did,
            "mac": device.mac,
            "is_online": device.is_online,
            "is_faulty": False,
            "is_alert": False,
            "online_latest": int(device.reported_at(now)),
            "wifi_soft_version": "04020028",
        }
    ).encode()


def _report(device: Reporter, now: float) -> bytes:
    at = device.reported_at(now)
    row = {"ts": int(at * 1000), "attrs": device.values_at(at), "did": device.did}
    return json.dumps({"meta": {"total": 1, "limit": 1, "skip": 0}, "objects": [row]}).encode()


_DEFINITION = {
    "name": "Benchmark",
    "product_key": PRODUCT_KEY,
    "entities": [
        {
            "name": "entity0",
            "attrs": [
                {
                    "name": name,
                    "display_name": name,
                    "data_type": "uint16",
                    "type": "status_readonly",
                    "uint_spec": {"min": 0, "max": 65535, "ratio": 1, "addition": 0},
                }
                for name in _ATTRS
            ],
        }
    ],
}
