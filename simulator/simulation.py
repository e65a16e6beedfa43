"""All simulated clouds together, with a common clock and a common seed."""

import time
from collections.abc import Callable, Mapping

from .firstlight import FirstlightServer
from .gizwits import GizwitsEnterpriseServer, GizwitsOpenServer, SnotiServer
from .remote import add_remote_control
from .server import Server
from .sodata import KeycloakServer, SoDataServer


class Simulation:
    """The vendors' servers. Their values depend only on `seed`, `clock` (epoch seconds) and explicit changes."""

    def __init__(self, *, seed: int = 1, clock: Callable[[], float] = time.time) -> None:
        """Make servers that do not listen yet."""
        self.seconds_ahead = 0.0
        """How far the vendors' clocks are ahead of `clock`; may be changed at any time."""

        def vendors_clock() -> float:
            return clock() + self.seconds_ahead

        self.gizwits_open = GizwitsOpenServer(vendors_clock, seed)
        self.gizwits_enterprise = GizwitsEnterpriseServer(vendors_clock, seed)
        self.gizwits_snoti = SnotiServer(
            vendors_clock, self.gizwits_enterprise.products, self.gizwits_enterprise.control
        )
        self.keycloak = KeycloakServer(vendors_clock)
        self.sodata = SoDataServer(self.keycloak, vendors_clock)
        self.firstlight = FirstlightServer(vendors_clock)
        self.servers: tuple[Server, ...] = (
            self.gizwits_open,
            self.gizwits_enterprise,
            self.keycloak,
            self.sodata,
            self.firstlight,
        )
        """The servers for HTTP: all but SNoti."""
        self._all: tuple[Server | SnotiServer, ...] = (*self.servers, self.gizwits_snoti)
        for server in self.servers:
            add_remote_control(server)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all servers, the one without HTTP last."""
        return tuple(server.name for server in self._all)

    async def start(self, ports: Mapping[str, int] | None = None, host: str = "127.0.0.1") -> None:
        """Start all servers, each on the port that `ports` has for its name, else on any free one."""
        try:
            for server in self._all:
                await server.start((ports or {}).get(server.name, 0), host)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all servers."""
        for server in self._all:
            await server.stop()
