"""Encodes, decodes and frames the raw command that writes datapoints. The rest of the raw protocol is not needed."""

from collections.abc import Mapping

from .behaviours import Value
from .products import WRITABLE, Attribute, Product

_WRITE = 0x01


def framed(data: bytes) -> bytes:
    """Return the payload with the header of a command from app to device before it."""
    length = 3 + len(data)
    coded = bytearray()
    while length > 127:
        coded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([0, 0, 0, 3, *coded, length, 0, 0, 0x90]) + data


def encode_write(product: Product, attrs: Mapping[str, Value]) -> bytes:
    """Encode the values of a command: the action, a mask of the writable ids, then bits, numbers and bytes."""
    writable = [attribute for attribute in product.attributes if attribute.type == WRITABLE]
    mask = sum(1 << index for index, attribute in enumerate(writable) if attribute.name in attrs)
    bits, bit_count, rest = 0, 0, b""
    for attribute in writable:
        value = attrs.get(attribute.name)
        if attribute.data_type == "bool":
            bits |= int(bool(value)) << bit_count
            bit_count += 1
        elif attribute.data_type == "enum":
            bits |= (attribute.labels.index(value) if isinstance(value, str) else 0) << bit_count
            bit_count += attribute.bits
        elif isinstance(value, str):
            rest += bytes.fromhex(value)
        elif isinstance(value, int | float):
            rest += round((value - attribute.addition) / attribute.ratio).to_bytes(attribute.bits // 8)
        else:
            rest += bytes(attribute.bits // 8)
    mask_bytes = mask.to_bytes((len(writable) + 7) // 8)
    return bytes([_WRITE]) + mask_bytes + bits.to_bytes((bit_count + 7) // 8) + rest


def decode_write(product: Product, data: bytes) -> dict[str, Value]:
    """Decode a command as a device of the fixed-length protocol does. Only a complete write sets anything."""
    writable = [attribute for attribute in product.attributes if attribute.type == WRITABLE]
    bitwise = [attribute for attribute in writable if attribute.data_type in ("bool", "enum")]
    bytewise = [attribute for attribute in writable if attribute not in bitwise]
    mask_end = 1 + (len(writable) + 7) // 8
    bits_end = mask_end + (sum(attribute.bits for attribute in bitwise) + 7) // 8
    length = bits_end + sum(attribute.bits // 8 for attribute in bytewise)
    mask = int.from_bytes(data[1:mask_end])
    if product.protocol_type != "standard" or len(data) != length or data[0] != _WRITE or mask >> len(writable):
        return {}
    bits, rest = int.from_bytes(data[mask_end:bits_end]), data[bits_end:]
    values: dict[str, Value | None] = {}
    for attribute in bitwise:
        values[attribute.name] = _bit_value(attribute, bits & (1 << attribute.bits) - 1)
        bits >>= attribute.bits
    for attribute in bytewise:
        content, rest = rest[: attribute.bits // 8], rest[attribute.bits // 8 :]
        values[attribute.name] = _byte_value(attribute, content)
    written = {attribute.name: values[attribute.name] for i, attribute in enumerate(writable) if mask >> i & 1}
    valid = {name: value for name, value in written.items() if value is not None}
    return valid if len(valid) == len(written) else {}


def _bit_value(attribute: Attribute, number: int) -> Value | None:
    if attribute.data_type == "bool":
        return bool(number)
    return attribute.labels[number] if number < len(attribute.labels) else None


def _byte_value(attribute: Attribute, content: bytes) -> Value | None:
    if attribute.data_type == "binary":
        return content.hex()
    number = int.from_bytes(content)
    return attribute.scaled(number) if attribute.minimum <= number <= attribute.maximum else None
