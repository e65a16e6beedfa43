"""Host names and ports of servers, and whether a host is this machine or on the internet.

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
"""The last parts of names in private networks: reserved for them, or commonly used there (RFC 6762, appendix G)."""


def host_and_port(text: str, default_port: int) -> tuple[str, int] | None:
    """Parse "host", "host:port" or an IP address, version 6 in brackets if a port follows; None for anything else."""
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
    """Return a host name in its ASCII form, or an IP address; None for anything else."""
    text = text.strip().lower()
    if _is_ip_address(text):
        return None if "%" in text else text  # an address with a zone is valid on one machine only
    try:
        name = text.encode("idna").decode()
        name.encode().decode("idna")  # raises for a name that only looks encoded
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host == "localhost" or (_is_ip_address(host) and ip_address(host).is_loopback)


def is_public(host: str) -> bool:
    """Whether a host can be on the internet, judged by its name or address alone; names are not resolved."""
    if _is_ip_address(host):
        address = ip_address(host)
        return address.is_global and not address.is_multicast
    *before, last = host.lower().removesuffix(".").split(".")
    is_number = last[:1].isdigit()  # most systems read "127.1" and "0x7f.1" as IP addresses
    return bool(before) and not is_number and last not in _NEVER_PUBLIC


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
