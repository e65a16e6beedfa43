"""What the device lists of both Gizwits APIs have in common."""

import re
from typing import Final

_MAC: Final = re.compile(r"[0-9a-fA-F]{12}")


def bare_mac(mac: str | None) -> str | None:
    """A MAC address as twelve hexadecimal digits; None for the id of a virtual device."""
    return mac if mac is not None and _MAC.fullmatch(mac) else None
