"""Firstlight's usage aggregate API as the vendor documents it."""

from .api import FirstlightServer

__all__ = ["FirstlightServer"]
