"""The bytes that the values of datapoints stand for: hexadecimal digits, or a number of one byte."""

from collections.abc import Callable, Iterable

from ..clouds.model import DataType, Value


def bytes_of(value: Value | None) -> bytes | None:
    """Return the bytes of a value; None if it has none."""
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            return None
    is_byte = isinstance(value, int) and not isinstance(value, bool) and value in range(256)
    return bytes([value]) if is_byte and isinstance(value, int) else None


def bytes_by_key(keys: Iterable[str], value_of: Callable[[str], Value | None]) -> dict[str, bytes]:
    """Return the bytes of those datapoints that have a value."""
    found = ((key, bytes_of(value_of(key))) for key in keys)
    return {key: content for key, content in found if content is not None}


def value_of_bytes(content: bytes, data_type: DataType) -> Value:
    """Return the value of a datapoint of this type for bytes."""
    return content[0] if data_type is DataType.NUMBER else content.hex()
