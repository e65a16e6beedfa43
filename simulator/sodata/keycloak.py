"""Keycloak's token endpoint for one realm, one client and one user."""

from collections.abc import Callable

from simulator.server import Server


class KeycloakServer(Server):
    """One realm of a Keycloak."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a Keycloak that reads the time from `clock` (seconds since 1970)."""
        super().__init__("keycloak")
        self.clock = clock
