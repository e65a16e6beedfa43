"""The Open API: accounts, bindings, last values and control, refused as the vendor refuses them."""

from collections.abc import Callable

from ..server import Server
from .devices import GizwitsDevice


class GizwitsOpenServer(Server):
    """The consumers' cloud of one region with one vendor's app."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the household of the app's user."""
        super().__init__("gizwits_open")
        self.devices: dict[str, GizwitsDevice] = {}
