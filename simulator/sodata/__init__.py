"""Socomec's SoData as the vendor documents it: the Keycloak that gives tokens and the API that asks for them.

`KeycloakServer` knows nothing of devices, `SoDataServer` nothing of passwords.
"""

from .api import SoDataServer
from .fleet import SoDataDevice
from .keycloak import KeycloakServer

__all__ = ["KeycloakServer", "SoDataDevice", "SoDataServer"]
