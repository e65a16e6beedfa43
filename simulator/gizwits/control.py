"""What a command may set: the checks both APIs make before they pass it on."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .behaviours import Value
from .errors import Refused
from .products import WRITABLE, Attribute, Product


@dataclass(frozen=True, slots=True)
class Codes:
    """What an API answers to a malformed body, an attribute that cannot be set, and malformed raw data."""

    form: int
    attribute: int
    raw: int


def checked_command(product: Product, body: Mapping[str, Any], codes: Codes) -> dict[str, Value]:
    """Give the engineering values a command sets (none for a raw one), or refuse it naming the first offender."""
    attrs, raw, coding = body.get("attrs"), body.get("raw"), body.get("binary_coding", "hex")
    if attrs is None and raw is None:
        raise Refused(codes.form, "attrs or raw is required")
    if coding not in ("hex", "base64"):
        raise Refused(codes.form, "binary_coding")
    if raw is not None and not _is_byte_list(raw):
        raise Refused(codes.raw, "raw")
    if attrs is None:
        return {}
    if not isinstance(attrs, dict) or not attrs:
        raise Refused(codes.form, "attrs")
    by_name = product.by_name
    values: dict[str, Value] = {}
    for name, value in attrs.items():
        attribute = by_name.get(name)
        accepted = None if attribute is None else _accepted(attribute, value, coding)
        if accepted is None:
            raise Refused(codes.attribute, f"attr {name} invalid")
        values[name] = accepted
    return values


def _is_byte_list(raw: object) -> bool:
    return isinstance(raw, list) and bool(raw) and all(type(byte) is int and 0 <= byte <= 255 for byte in raw)


def _accepted(attribute: Attribute, value: object, coding: str) -> Value | None:
    if attribute.type != WRITABLE:
        return None
    if attribute.data_type == "bool":
        return bool(value) if isinstance(value, int) and value in (0, 1) else None
    if attribute.data_type == "enum":
        return value if isinstance(value, str) and value in attribute.labels else None
    if attribute.data_type == "binary":
        return _padded_hex(attribute, value, coding)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    raw = (value - attribute.addition) / attribute.ratio
    is_on_a_step = abs(raw - round(raw)) < 1e-3
    return attribute.scaled(raw) if is_on_a_step and attribute.minimum <= round(raw) <= attribute.maximum else None


def _padded_hex(attribute: Attribute, value: object, coding: str) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        content = base64.b64decode(value, validate=True) if coding == "base64" else binascii.unhexlify(value)
    except ValueError:
        return None
    return content.hex() if len(content) == attribute.length else None
