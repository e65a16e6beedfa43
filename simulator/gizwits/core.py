"""The base of both Gizwits APIs' servers: it lets tests change devices, and delivers commands to them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from simulator.server import Server

from .aggregation import AggregationDialect
from .control import Command
from .devices import GizwitsDevice
from .errors import Refused
from .obedience import Obedience, parse_obedience


class GizwitsCore(Server, ABC):
    """The host of one API. Public attributes may be changed at any time.

    `write_delay`: seconds until a command shows in a reading. `obedience`: what happens to commands for devices that
    have no obedience of their own. `aggregation`: what the documents of the aggregation leave open.
    """

    def __init__(self, name: str, clock: Callable[[], float], aggregation: AggregationDialect) -> None:
        """Make a server that does not listen yet."""
        super().__init__(name)
        self.clock = clock
        self.aggregation = aggregation
        self.write_delay = 0.0
        self.obedience = Obedience()

    @abstractmethod
    def all_devices(self) -> Mapping[str, GizwitsDevice]:
        """Return every device of the server by its did."""

    def describe_devices(self) -> dict[str, object]:
        """Return the state of each device by its did."""
        return {did: device.describe() for did, device in self.all_devices().items()}

    def set_device(self, did: str, changes: dict[str, Any]) -> None:
        """Change a device. Raises KeyError for an unknown did, ValueError for what cannot be changed."""
        self.all_devices()[did].change(changes)

    def set_obedience(self, settings: dict[str, Any]) -> None:
        """Set what happens to commands. Raises ValueError with the names of invalid settings."""
        self.obedience = parse_obedience(settings)

    def deliver(self, device: GizwitsDevice, command: Command, *, undelivered_code: int) -> None:
        """Pass a command on to a device. Raises Refused if the cloud cannot deliver it, or is set to refuse it."""
        if device.fails_commands:
            raise Refused(undelivered_code)
        obedience = device.obedience or self.obedience
        if obedience.refused_with is not None:
            raise Refused(obedience.refused_with)
        device.obey(command, obedience, self.write_delay)
