"""Parses the datapoint definitions of Gizwits products, and converts values from and to the API.

Both APIs and both kinds of push write the same datapoints slightly differently. This module does not know where a
definition comes from.
"""

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Final

from .. import coerce
from ..errors import Reason, Rejected
from ..model import Datapoint, DataType, Reading, Schema, Snapshot, Value
from . import wire_values
from .attributes import Attribute, places, read_attribute, spec_of
from .record_desc import linked

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_MOST_DATAPOINTS: Final = 500  # real products have up to 180; each one becomes an entity of each device
_NOISE: Final = 1e-5  # absolute error of binary fractions
_RELATIVE_NOISE: Final = 1e-7  # relative error of single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The datapoints of a product."""

    name: str | None = None
    schema: Schema = field(default_factory=Schema)
    by_key: Mapping[str, Datapoint] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    is_defined: bool = True  # False if the vendor states that the product has no datapoints

    def lacks(self, attrs: Mapping[str, Any]) -> set[str]:
        """Return the names of attributes that the definition does not have at all."""
        return {name for name in attrs if name not in self.by_key and name not in self.schema.skipped}

    def snapshot(self, attrs: Mapping[str, Any], reported_at: datetime | None) -> Snapshot:
        """Convert the attributes that a device reported.

        Null becomes a reading without a value; attributes that the definition lacks keep their values.
        """
        readings: dict[str, Reading] = {}
        skipped: list[str] = []
        for key, raw in attrs.items():
            is_absent = raw is None or self._is_absent(key, raw)
            value = None if is_absent else self._value(key, raw)
            if value is None and not is_absent:
                skipped.append(key)
            else:
                readings[key] = Reading(value, reported_at)
        return Snapshot(readings=readings, reported_at=reported_at, skipped=tuple(skipped))

    def attrs(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Encode values as the attributes of a control request.

        Raises `Rejected` (SCHEMA_MISMATCH, with the datapoint's key) for a datapoint that is unknown or read-only, and
        for a value that it does not accept.
        """
        return {key: self._attr(key, value) for key, value in values.items()}

    def with_byte_lists(self, attrs: Mapping[str, Value]) -> dict[str, Value | list[int]]:
        """Return the attributes of a control request with binaries as lists of bytes instead of hex digits."""
        binaries = {key for key in attrs if key in self.by_key and self.by_key[key].data_type is DataType.BINARY}
        return {key: list(bytes.fromhex(str(raw))) if key in binaries else raw for key, raw in attrs.items()}

    def accepted(self, attrs: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values that the device will report once it has taken over the attributes of a control request."""
        return {key: value for key, raw in attrs.items() if (value := self._value(key, raw)) is not None}

    def _is_absent(self, key: str, raw: Any) -> bool:
        """Whether a device wrote the number that stands for "no value"."""
        attribute = self.attributes.get(key)
        return attribute is not None and attribute.absent is not None and coerce.number(raw) == attribute.absent

    def _value(self, key: str, raw: Any) -> Value | None:
        attribute = self.attributes.get(key)
        if attribute is None:
            return _plain(raw)
        datapoint = attribute.datapoint
        match datapoint.data_type:
            case DataType.BOOL:
                return wire_values.flag(raw)
            case DataType.ENUM:
                return _option(attribute, raw)
            case DataType.NUMBER:
                return _without_noise(datapoint, coerce.number(raw))
            case DataType.BINARY:
                return _bytes(datapoint.length, raw)
            case DataType.TEXT:
                return coerce.text(raw)

    def _attr(self, key: str, value: Value) -> Value:
        attribute = self.attributes.get(key)
        attr = _written(attribute, value) if attribute is not None and attribute.datapoint.is_writable else None
        if attr is None:
            raise Rejected(Reason.SCHEMA_MISMATCH, subject=key)
        return attr


def parse(body: Any) -> Definition | None:
    """Parse a definition ("Datapoint definition" of either API); None if the body is none.

    Attributes that cannot be understood are skipped, as are those beyond a realistic number. If several attributes have
    the same name, the first one counts.
    """
    if not isinstance(body, dict) or not isinstance(body.get("entities"), list):
        return None
    steps = _steps(body)
    found: dict[str, Attribute | None] = {}
    for entity in coerce.records(body["entities"]):
        for attr in coerce.records(entity.get("attrs")):
            if (key := coerce.text(attr.get("name"))) is not None and key not in found:
                found[key] = read_attribute(key, attr, steps.get(f"{entity.get('name')}.{key}"))
    understood = ((key, attribute) for key, attribute in found.items() if attribute is not None)
    attributes = _with_linked_records(dict(islice(understood, _MOST_DATAPOINTS)))
    by_key = {key: attribute.datapoint for key, attribute in attributes.items()}
    skipped = tuple(key for key in found if key not in by_key)
    schema = Schema(datapoints=tuple(by_key.values()), skipped=skipped)
    return Definition(name=coerce.text(body.get("name")), schema=schema, by_key=by_key, attributes=attributes)


def _with_linked_records(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    datapoints = [attribute.datapoint for attribute in attributes.values()]
    found = dict(attributes)
    for key, attribute in attributes.items():
        if (record := attribute.datapoint.record) is not None:
            datapoint = replace(attribute.datapoint, record=linked(record, datapoints))
            found[key] = replace(attribute, datapoint=datapoint)
    return found


def _steps(body: Mapping[str, Any]) -> dict[str, float]:
    """Return the steps of numbers by "entity.attribute"; only the descriptions of the vendor's screens have them."""
    steps: dict[str, float] = {}
    for section in coerce.records(coerce.fields(body.get("ui")).get("sections")):
        for element in coerce.records(section.get("elements")):
            appearance = coerce.fields(element.get("object"))
            step = coerce.number(spec_of(appearance).get("step"))
            if isinstance(element.get("key"), str) and step is not None and step > 0:
                steps[element["key"]] = step
    return steps


def _rounded(datapoint: Datapoint, number: float) -> int | float:
    return round(number, max(places(datapoint.step or 1), places(datapoint.minimum or 0)))


def _without_noise(datapoint: Datapoint, number: float | None) -> int | float | None:
    if not isinstance(number, float) or datapoint.step is None:
        return number
    rounded = _rounded(datapoint, number)
    # A device may report finer values than its definition has, so remove only artefacts of floating-point numbers.
    return rounded if math.isclose(number, rounded, rel_tol=_RELATIVE_NOISE, abs_tol=_NOISE) else number


def _option(attribute: Attribute, raw: Any) -> Value | None:
    """Return the option for a label, a code or an index; an unknown label or number stays as it is."""
    options, codes = attribute.datapoint.options, attribute.codes
    if isinstance(raw, bool):
        return options[raw] if codes and isinstance(codes[0], bool) else None
    if isinstance(raw, str):
        for words in (options, codes):
            if raw in words:
                return options[words.index(raw)]
        label = next((label for label in options if label.strip() == raw.strip()), None)
        if label is not None:
            return label
    number = coerce.number(raw)
    if number in codes:
        return options[codes.index(number)]
    if isinstance(raw, str):
        return raw
    has_own_numbers = bool(codes) and not isinstance(codes[0], str)
    return (
        options[int(number)] if number in range(len(options)) and not has_own_numbers and number is not None else number
    )


def _hex(raw: Any) -> str | None:
    if isinstance(raw, str):
        return raw.lower() if _HEX.fullmatch(raw) else None
    if not isinstance(raw, list) or not all(type(byte) is int and byte in range(256) for byte in raw):
        return None
    return bytes(raw).hex()


def _bytes(length: int | None, raw: Any) -> str | None:
    """Return hex digits of bytes in any spelling. If a text could be hex or Base64, the length decides."""
    digits = _hex(raw)
    if isinstance(raw, str) and length is not None and (digits is None or len(digits) != 2 * length):
        try:
            decoded = base64.b64decode(raw, validate=True)
        except ValueError:
            return digits
        return decoded.hex() if len(decoded) == length else digits
    return digits


def _plain(raw: Any) -> Value | None:
    if isinstance(raw, (bool, str)):
        return raw
    return coerce.number(raw) if isinstance(raw, (int, float)) else _hex(raw)


def _written(attribute: Attribute, value: Value) -> Value | None:
    datapoint, codes = attribute.datapoint, attribute.codes
    match datapoint.data_type:
        case DataType.BOOL:
            is_on = wire_values.flag(value)
            return is_on if is_on is None or not codes else codes[is_on]
        case DataType.ENUM:
            option = _option(attribute, value)
            if option not in datapoint.options:
                return None
            return codes[datapoint.options.index(str(option))] if codes else option
        case DataType.NUMBER:
            return _on_scale(datapoint, coerce.number(value))
        case DataType.BINARY:
            return _padded(datapoint.length, _hex(value))
        case DataType.TEXT:
            return None


def _on_scale(datapoint: Datapoint, number: float | None) -> int | float | None:
    """Return the nearest number that the datapoint accepts; None outside its range."""
    if number is None or datapoint.minimum is None or datapoint.maximum is None or datapoint.step is None:
        return None
    number = _rounded(datapoint, number)
    if not datapoint.minimum <= number <= datapoint.maximum:
        return None
    steps = round((number - datapoint.minimum) / datapoint.step)
    number = min(_rounded(datapoint, datapoint.minimum + steps * datapoint.step), datapoint.maximum)
    return int(number) if number == int(number) else number


def _padded(length: int | None, digits: str | None) -> str | None:
    # The cloud refuses a value with fewer bytes than the datapoint has.
    if digits is None or length is None:
        return digits
    return digits.ljust(2 * length, "0") if len(digits) <= 2 * length else None
