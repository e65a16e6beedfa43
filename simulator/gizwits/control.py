"""Parses commands with the checks that both APIs make before they pass a command on."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .behaviours import Value
from .errors import Refused
from .frames import decode_write, encode_write
from .products import WRITABLE, Attribute, Product


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """The codes with which an API refuses a malformed body, an attribute that cannot be set, and malformed raw data."""

    form: int
    attribute: int
    raw: int


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command: its body, the engineering values it sets, and the bytes after 0x0090 in the device's frame."""

    body: Mapping[str, Any]
    values: Mapping[str, Value]
    payload: bytes


def parse_command(product: Product, body: Mapping[str, Any], codes: ErrorCodes) -> Command:
    """Parse a command. Raises Refused, with the name of the first invalid attribute.

    Raw data that are not a write of datapoints are passed on, but set nothing.
    """
    attrs, raw, coding = body.get("attrs"), body.get("raw"), body.get("binary_coding", "hex")
    if attrs is None and raw is None:
        raise Refused(codes.form, "attrs or raw is required")
    if coding not in ("hex", "base64"):
        raise Refused(codes.form, "binary_coding")
    payload = None if raw is None else _raw_bytes(raw, body.get("binary_coding"))
    if raw is not None and not payload:
        raise Refused(codes.raw, "raw")
    values = {} if attrs is None else _parse_values(product, attrs, coding, codes)
    if payload is None:
        return Command(body, values, encode_write(product, values))
    return Command(body, values | decode_write(product, payload), payload)


def _parse_values(product: Product, attrs: object, coding: str, codes: ErrorCodes) -> dict[str, Value]:
    if not isinstance(attrs, dict) or not attrs:
        raise Refused(codes.form, "attrs")
    by_name = product.by_name
    values: dict[str, Value] = {}
    for name, value in attrs.items():
        attribute = by_name.get(name)
        parsed = None if attribute is None else _parse_value(attribute, value, coding)
        if parsed is None:
            raise Refused(codes.attribute, f"attr {name} invalid")
        values[name] = parsed
    return values


def _raw_bytes(raw: object, coding: object) -> bytes | None:
    """Return the bytes of a list, or of a text if the body names its coding; None if they are malformed."""
    if isinstance(raw, str) and coding is not None:
        return _decode(raw, coding)
    is_byte_list = isinstance(raw, list) and all(type(byte) is int and 0 <= byte <= 255 for byte in raw)
    return bytes(raw) if isinstance(raw, list) and is_byte_list else None


def _decode(text: str, coding: object) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if coding == "base64" else binascii.unhexlify(text)
    except ValueError:
        return None


def _parse_value(attribute: Attribute, value: object, coding: str) -> Value | None:
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
    content = _decode(value, coding) if isinstance(value, str) else None
    return content.hex() if content is not None and len(content) == attribute.length else None
