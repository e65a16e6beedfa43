"""Simulated Gizwits servers: the Open API with its push, the Enterprise API, and SNoti, the push of the latter."""

from .devices import GizwitsDevice
from .enterprise_api import GizwitsEnterpriseServer
from .fleet import EnterpriseProduct
from .obedience import Obedience
from .open_api import GizwitsOpenServer
from .snoti import SnotiServer

__all__ = [
    "EnterpriseProduct",
    "GizwitsDevice",
    "GizwitsEnterpriseServer",
    "GizwitsOpenServer",
    "Obedience",
    "SnotiServer",
]
