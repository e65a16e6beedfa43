"""The vendor Gizwits: the consumers' Open API and the Enterprise API, each on a host of its own."""

from .devices import GizwitsDevice
from .enterprise import EnterpriseProduct, GizwitsEnterpriseServer
from .obedience import Obedience
from .open_api import GizwitsOpenServer

__all__ = ["EnterpriseProduct", "GizwitsDevice", "GizwitsEnterpriseServer", "GizwitsOpenServer", "Obedience"]
