"""The classes of requests that each cloud gets, and the servers that answer them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from aiohttp import web

from simulator.server import Fault, Server
from simulator.simulation import Simulation
from tests.integration.subjects import SUBJECTS

_DEVICE = "DEVICE"  # stands for the id of the device under test


class Concern(Enum):
    """What may become unavailable when a request fails."""

    ACCOUNT = auto()
    DEVICE = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class RequestClass:
    """`path` begins with the method. `is_seldom`: a running account may not send it within the time of a cell."""

    cloud: str
    name: str
    path: str
    concern: Concern
    server: str
    is_seldom: bool = False

    def strike(self, simulation: Simulation, fault: Fault) -> None:
        """Let every request of the class meet the fault, until `relieve`."""
        fault.matches = self._is_mine(simulation)
        self._struck(simulation).faults.append(fault)

    def relieve(self, simulation: Simulation) -> None:
        """End the fault."""
        faults = self._struck(simulation).faults
        for fault in faults:
            if fault.gate is not None:
                fault.gate.set()
        faults.clear()

    def asked(self, simulation: Simulation) -> int:
        """The number of its requests since the last reset."""
        return sum(map(self._is_mine(simulation), self._struck(simulation).log))

    def _is_mine(self, simulation: Simulation) -> Callable[[web.Request], bool]:
        device = re.escape(SUBJECTS[self.cloud].device_id(simulation))
        path = re.compile(self.path.replace(_DEVICE, device) + "$")
        return lambda request: path.search(f"{request.method} {request.path}") is not None

    def _struck(self, simulation: Simulation) -> Server:
        server: Server = getattr(simulation, self.server)
        return server


def _of(cloud: str, *classes: tuple[str, str, Concern, bool], server: str | None = None) -> tuple[RequestClass, ...]:
    return tuple(
        RequestClass(cloud, name, path, concern, server or cloud, is_seldom)
        for name, path, concern, is_seldom in classes
    )


READS = (
    *_of(
        "gizwits_open",
        ("token", "POST /app/login", Concern.ACCOUNT, True),
        ("list", "GET /app/bindings", Concern.ACCOUNT, False),
        ("definition", "GET /app/datapoint", Concern.ACCOUNT, True),
        ("last values", "GET /app/devdata/.*/latest", Concern.ACCOUNT, False),
        ("last values of one", f"GET /app/devdata/{_DEVICE}/latest", Concern.DEVICE, False),
    ),
    *_of(
        "gizwits_enterprise",
        ("token", "POST /v1/products/.*/access_token", Concern.ACCOUNT, True),
        ("list", "GET /v1/products/.*/devices/search", Concern.ACCOUNT, False),
        ("definition", "GET /v1/products/.*/datapoint", Concern.ACCOUNT, True),
        ("last values", "GET /v1/products/.*/data", Concern.ACCOUNT, False),
        ("last values of one", f"GET /v1/products/.*/devices/{_DEVICE}/data", Concern.DEVICE, False),
    ),
    *_of("sodata", ("token", "POST /realms/.*/token", Concern.ACCOUNT, True), server="keycloak"),
    *_of(
        "sodata",
        ("sites", "GET /api/v1/.*/sites", Concern.NONE, True),
        ("list", "GET /api/v1/.*/devices", Concern.ACCOUNT, True),
        ("definition", "GET /api/v1/.*/variables", Concern.ACCOUNT, True),
        ("last values of all", "PUT /api/v1/.*/last-values", Concern.ACCOUNT, False),
        ("last values of one", f"GET /api/v1/.*/devices/{_DEVICE}/last-values", Concern.DEVICE, True),
    ),
    *_of("firstlight", ("usage", "GET /user/usage/aggregate/.*", Concern.ACCOUNT, False)),
)

COMMANDS = (
    *_of("gizwits_open", ("command", f"POST /app/control/{_DEVICE}", Concern.DEVICE, True)),
    *_of(
        "gizwits_enterprise",
        ("command", f"POST /v1/products/.*/devices/{_DEVICE}/control", Concern.DEVICE, True),
    ),
)

HISTORIES = (
    *_of("gizwits_open", ("history", "(GET|PUT) /app/devdata/.*/agg_data", Concern.NONE, True)),
    *_of("gizwits_open", ("log", "GET /app/devices/.*/raw_data", Concern.NONE, True)),
    *_of(
        "gizwits_enterprise",
        ("history", f"GET /v1/products/.*/devices/{_DEVICE}/data", Concern.DEVICE, True),
        ("aggregates", "(GET|PUT) /v1/products/.*/agg_data", Concern.NONE, True),
        ("log", "GET /v1/products/.*/online", Concern.NONE, True),
    ),
    *_of("sodata", ("history", "PUT /api/v1/.*/datapoints", Concern.NONE, True)),
    *_of("firstlight", ("history", "GET /user/usage/aggregate/.*", Concern.ACCOUNT, True)),
)


def servers(simulation: Simulation, cloud: str) -> list[Server]:
    """The servers that an account of this cloud uses."""
    mine: Server = getattr(simulation, cloud)
    return [mine, simulation.keycloak] if cloud == "sodata" else [mine]
