"""The one endpoint of Firstlight's usage aggregates."""

from collections.abc import Callable

from simulator.server import Server


class FirstlightServer(Server):
    """The usage aggregate service."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Make a service that reads the time from `clock` (seconds since 1970)."""
        super().__init__("firstlight")
        self.clock = clock

    def describe_devices(self) -> dict[str, object]:
        """Tell what `set_device` may change, by query."""
        return {}

    def set_device(self, query: str, changes: dict[str, object]) -> None:
        """Change a query's figures; KeyError if there is none of this name."""
