"""The SoData API, version 1."""

from collections.abc import Callable

from simulator.server import Server

from .keycloak import KeycloakServer


class SoDataServer(Server):
    """The SoData API, whose bearer tokens come from `keycloak`."""

    def __init__(self, keycloak: KeycloakServer, clock: Callable[[], float]) -> None:
        """Make an API that reads the time from `clock` (seconds since 1970)."""
        super().__init__("sodata")
        self.keycloak = keycloak
        self.clock = clock

    def describe_devices(self) -> dict[str, object]:
        """Tell what `set_device` may change, by device uuid."""
        return {}

    def set_device(self, uuid: str, changes: dict[str, object]) -> None:
        """Change a device; KeyError if there is none of this uuid."""
