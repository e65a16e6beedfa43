"""Simulated Socomec SoData, as the vendor documents it: the Keycloak that grants tokens, and the API.

`KeycloakServer` knows no devices, `SoDataServer` no passwords.
"""

from .api import SoDataServer
from .fleet import SoDataDevice
from .keycloak import KeycloakServer

__all__ = ["KeycloakServer", "SoDataDevice", "SoDataServer"]
