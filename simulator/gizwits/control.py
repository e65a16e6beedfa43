"""What a command says: the checks both APIs make before they pass it on."""

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
class Codes:
    """What an API answers to a malformed body, an attribute that cannot be set, and malformed raw data."""

    form: int
    attribute: int
    raw: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is passed on: its body, the engineering values it sets, what the device is sent after 0x0090."""

    body: Mapping[str, Any]
    values: Mapping[str, Value]
    payload: bytes


def checked_command(product: Product, body: Mapping[str, Any], codes: Codes) -> Command:
    """Read a command, or refuse it naming the first offender. Raw data that no device understands sets nothing."""
    attrs, raw, coding = body.get("attrs"), body.get("raw"), body.get("binary_coding", "hex")
    if attrs is None and raw is None:
        raise Refused(codes.form, "attrs or raw is required")
    if coding not in ("hex", "base64"):
        raise Refused(codes.form, "binary_coding")
    payload = None if raw is None else _raw_bytes(raw, body.get("binary_coding"))
    if raw is not None and not payload:
        raise Refused(codes.raw, "raw")
    values = {} if attrs is None else _checked_values(product, attrs, coding, codes)
    if payload is None:
        return Command(body, values, encode_write(product, values))
    return Command(body, values | decode_write(product, payload), payload)


def _checked_values(product: Product, attrs: object, coding: str, codes: Codes) -> dict[str, Value]:
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


def _raw_bytes(raw: object, coding: object) -> bytes | None:
    """Read a list of bytes, or a text if the body names its coding."""
    if isinstance(raw, str) and coding is not None:
        return _decoded(raw, coding)
    is_byte_list = isinstance(raw, list) and all(type(byte) is int and 0 <= byte <= 255 for byte in raw)
    return bytes(raw) if isinstance(raw, list) and is_byte_list else None


def _decoded(text: str, coding: object) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if coding == "base64" else binascii.unhexlify(text)
    except ValueError:
        return None


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
    content = _decoded(value, coding) if isinstance(value, str) else None
    return content.hex() if content is not None and len(content) == attribute.length else None
