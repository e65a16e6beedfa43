"""Identifiers of the vendor's shapes, derived from a text: the same text always gives the same identifier."""

import hashlib
import string

_HEX_DIGITS = string.digits + "abcdef"


def derive_text(text: str, length: int, alphabet: str) -> str:
    """Return `length` characters of the alphabet."""
    digest = hashlib.sha512(text.encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def derive_id(text: str) -> str:
    """Return 22 letters and digits, as a did and the identifiers of the push have."""
    return derive_text(text, 22, string.ascii_uppercase + string.ascii_lowercase + string.digits)


def derive_hex(text: str, length: int) -> str:
    """Return lower-case hexadecimal digits: 12 for a mac, 24 or 32 for a group, 32 for a user or a token."""
    return derive_text(text, length, _HEX_DIGITS)
