"""Servers that are named by host and port, as users type them, and which of them are this machine.

It knows no vendor and connects to nothing.
"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)


def host_and_port(text: str, default_port: int) -> tuple[str, int] | None:
    """Read "host", "host:port" or an address of either version, version 6 with a port in brackets; None for others."""
    text = text.strip()
    if _is_ip_address(text):
        return text, default_port
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.netloc != text or "@" in text or not host or port == 0:
        return None
    return (host, port or default_port) if _is_ip_address(host) or _NAME.fullmatch(host) else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host == "localhost" or (_is_ip_address(host) and ip_address(host).is_loopback)


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
