"""The Enterprise API: all devices of an organisation's products, within a quota."""

from collections.abc import Callable

from ..server import Server


class EnterpriseProduct:
    """A product."""


class GizwitsEnterpriseServer(Server):
    """The organisations' cloud with one organisation."""

    def __init__(self, clock: Callable[[], float], seed: int) -> None:
        """Make the organisation's fleet."""
        super().__init__("gizwits_enterprise")
        self.products: dict[str, EnterpriseProduct] = {}
