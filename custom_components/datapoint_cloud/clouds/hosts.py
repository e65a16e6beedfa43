"""Servers that are named by host and port, and which of them are this machine, or on the internet.

It knows no vendor and connects to nothing.
"""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)

_NEVER_PUBLIC: Final = frozenset(
    {
        *("arpa", "internal", "invalid", "local", "localhost", "test"),
        *("corp", "home", "intranet", "lan", "private"),
    }
)
"""The last parts of names in networks of one's own: set aside for them, or used there by custom (RFC 6762, G)."""


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


def host_name(text: str) -> str | None:
    """The name or address of a host in the letters of the network; None for what can be none."""
    text = text.strip().lower()
    if _is_ip_address(text):
        return None if "%" in text else text  # which cable an address is on, nobody else can say
    try:
        name = text.encode("idna").decode()
        name.encode().decode("idna")  # what looks encoded may be no encoding of anything
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host == "localhost" or (_is_ip_address(host) and ip_address(host).is_loopback)


def is_public(host: str) -> bool:
    """Whether a host can be on the internet, as far as its name or address says; names are not looked up."""
    if _is_ip_address(host):
        address = ip_address(host)
        return address.is_global and not address.is_multicast
    *before, last = host.lower().removesuffix(".").split(".")
    is_number = last[:1].isdigit()  # "127.1" and "0x7f.1" are addresses to most systems
    return bool(before) and not is_number and last not in _NEVER_PUBLIC


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
