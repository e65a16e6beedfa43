"""The raw protocol as far as logs show it: a command that writes datapoints, framed for the device."""

from collections.abc import Mapping

from .behaviours import Value
from .products import WRITABLE, Product

_WRITE = 0x01


def framed(data: bytes) -> bytes:
    """Put the prefix of a command from app to device before the business data."""
    length = 3 + len(data)
    coded = bytearray()
    while length > 127:
        coded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([0, 0, 0, 3, *coded, length, 0, 0, 0x90]) + data


def encode_write(product: Product, attrs: Mapping[str, Value]) -> bytes:
    """Code the values a command sets: the action, a mask of the writable ids, then bits, numbers and bytes."""
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
