"""Recognizes texts that are private by their own shape, such as addresses of e-mail, wherever they stand."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

_TOKEN: Final = r"eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]{6,}"  # JSON Web Token format
_EMAIL: Final = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_UUID: Final = r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"
_MAC: Final = (
    r"(?<![0-9a-f])(?<![0-9a-f][:-])[0-9a-f]{2}(?P<mark>[:-])[0-9a-f]{2}(?:(?P=mark)[0-9a-f]{2}){4}"
    r"(?!(?P=mark)?[0-9a-f])"
)
_POSITION: Final = r"(?<![\w.])-?\d{1,3}\.\d{4,}[,;/\ ]{1,2}-?\d{1,3}\.\d{4,}(?![\w.])"

_ANYWHERE: Final = re.compile(f"{_TOKEN}|{_EMAIL}|{_UUID}|{_MAC}", re.IGNORECASE)
_OUTSIDE_VALUES: Final = re.compile(
    rf"""{_POSITION}
    | (?<!\w)(?=\w*\d)(?=\w*[a-z])[0-9a-z]{{16,}}(?!\w)            # long ids of letters and digits
    | \+\d[\d\ ().-]{{7,}}\d                                     # phone numbers
    | (?<![\w.])0\d{{2,4}}[\ /-]\d{{4,}}(?:[\ -]?\d+)*(?![\w.])
    | (?<![\w.])(?:\(\d{{3}}\)\ ?|\d{{3}}-)\d{{3}}-\d{{4}}(?![\w.])
    | (?<!\w)0\d{{9,14}}(?!\w)""",
    re.VERBOSE | re.IGNORECASE,
)
_IP: Final = re.compile(
    r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*[0-9a-f])(?![\w:])", re.IGNORECASE
)
_LEAST_AMONG_VALUES: Final = 10  # the first number of an IP address; that of a version is smaller

_MAY_BE_PUBLIC: Final = re.compile(rf"[0-9a-z]{{16,}}|{_UUID}|\d(?:\.\d{{1,3}}){{3}}", re.IGNORECASE)


def may_be_public(text: str) -> bool:
    """Whether what looks private may be the vendor's own, such as a product key, the id of a type or a version."""
    return _MAY_BE_PUBLIC.fullmatch(text) is not None


def private_in(text: str, *, among_values: bool) -> Iterator[str]:
    """Yield the parts of a text that look private. `among_values` leaves out what readings and versions look like."""
    for pattern in (_ANYWHERE,) if among_values else (_ANYWHERE, _OUTSIDE_VALUES):
        yield from (found[0] for found in pattern.finditer(text))
    yield from (found[0] for found in _IP.finditer(text) if _is_ip(found[0], among_values=among_values))


def _is_ip(text: str, *, among_values: bool) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return address.version == 6 or not among_values or address.packed[0] >= _LEAST_AMONG_VALUES
