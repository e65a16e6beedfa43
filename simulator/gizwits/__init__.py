"""The vendor Gizwits: the consumers' Open API, the Enterprise API and its push, each on a host of its own."""

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
