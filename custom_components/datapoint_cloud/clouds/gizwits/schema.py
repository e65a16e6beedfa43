"""Parses the datapoint definitions of Gizwits products, and converts values from and to the API.

Both APIs and both kinds of push write the same datapoints slightly differently. This module does not know where a
definition comes from.
"""

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from itertools import islice
from typing import Any, Final

from .. import coerce
from ..errors import Reason, Rejected
from ..model import Datapoint, DataType, Reading, Role, Schema, Snapshot, Value
from . import wire_values

_BITS: Final = {"uint8": 8, "uint16": 16, "uint32": 32}
_WRITABLE: Final = ("status_writable", "W")
_ALARMS: Final = ("alert", "N", "fault", "E")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_COUNTABLE: Final = 2**53  # a float cannot distinguish more steps
_LONGEST_BINARY: Final = 65_535  # bytes; a longer one has an unknown length
_MOST_DATAPOINTS: Final = 500  # real products have up to 180; each one becomes an entity of each device
_NOISE: Final = 1e-5  # absolute error of binary fractions
_RELATIVE_NOISE: Final = 1e-7  # relative error of single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The datapoints of a product."""

    name: str | None = None
    schema: Schema = field(default_factory=Schema)
    by_key: Mapping[str, Datapoint] = field(default_factory=dict)
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
            value = None if raw is None else self._value(key, raw)
            if value is None and raw is not None:
                skipped.append(key)
            else:
                readings[key] = Reading(value, reported_at)
        return Snapshot(readings=readings, reported_at=reported_at, skipped=tuple(skipped))

    def attrs(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Encode values as the attributes of a control request. The device will report them in the same form.

        Raises `Rejected` (SCHEMA_MISMATCH, with the datapoint's key) for a datapoint that is unknown or read-only, and
        for a value that it does not accept.
        """
        return {key: self._attr(key, value) for key, value in values.items()}

    def _value(self, key: str, raw: Any) -> Value | None:
        datapoint = self.by_key.get(key)
        if datapoint is None:
            return _plain(raw)
        match datapoint.data_type:
            case DataType.BOOL:
                return wire_values.flag(raw)
            case DataType.ENUM:
                return _label(datapoint.options, raw)
            case DataType.NUMBER:
                return _without_noise(datapoint, coerce.number(raw))
            case DataType.BINARY:
                return _bytes(datapoint.length, raw)
            case DataType.TEXT:
                return coerce.text(raw)

    def _attr(self, key: str, value: Value) -> Value:
        datapoint = self.by_key.get(key)
        attr = _written(datapoint, value) if datapoint is not None and datapoint.is_writable else None
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
    found: dict[str, Datapoint | None] = {}
    for entity in coerce.records(body["entities"]):
        for attr in coerce.records(entity.get("attrs")):
            if (key := coerce.text(attr.get("name"))) is not None and key not in found:
                found[key] = _datapoint(key, attr, steps.get(f"{entity.get('name')}.{key}"))
    understood = ((key, datapoint) for key, datapoint in found.items() if datapoint is not None)
    by_key = dict(islice(understood, _MOST_DATAPOINTS))
    skipped = tuple(key for key in found if key not in by_key)
    schema = Schema(datapoints=tuple(by_key.values()), skipped=skipped)
    return Definition(name=coerce.text(body.get("name")), schema=schema, by_key=by_key)


def _steps(body: Mapping[str, Any]) -> dict[str, float]:
    """Return the steps of numbers by "entity.attribute"; only the descriptions of the vendor's screens have them."""
    steps: dict[str, float] = {}
    for section in coerce.records(coerce.fields(body.get("ui")).get("sections")):
        for element in coerce.records(section.get("elements")):
            appearance = coerce.fields(element.get("object"))
            step = coerce.number(_spec(appearance).get("step"))
            if isinstance(element.get("key"), str) and step is not None and step > 0:
                steps[element["key"]] = step
    return steps


def _spec(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    # The documents spell it unit_spec, all real definitions uint_spec.
    return coerce.fields(holder.get("uint_spec") or holder.get("unit_spec"))


def _datapoint(key: str, attr: Mapping[str, Any], step: float | None) -> Datapoint | None:
    kind = attr.get("type")
    described = partial(
        Datapoint, key=key, name=coerce.text(attr.get("display_name")) or key, is_writable=kind in _WRITABLE
    )
    datapoint: Datapoint | None = None
    match attr.get("data_type"):
        case "bool":
            datapoint = described(data_type=DataType.BOOL, role=Role.ALARM if kind in _ALARMS else Role.STATUS)
        case "enum":
            labels = attr.get("enum")
            if isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels):
                datapoint = described(data_type=DataType.ENUM, options=tuple(labels))
        case "uint8" | "uint16" | "uint32" as size:
            if (scale := _scale(_spec(attr), _BITS[size], step)) is not None:
                minimum, maximum, distance = scale
                datapoint = described(data_type=DataType.NUMBER, minimum=minimum, maximum=maximum, step=distance)
            else:
                # Values come in engineering units, so they can be read without the range, but not written.
                datapoint = described(data_type=DataType.NUMBER, is_writable=False)
        case "binary":
            length = wire_values.count(coerce.fields(attr.get("position")).get("len"))
            is_sound = length is not None and length <= _LONGEST_BINARY
            datapoint = described(data_type=DataType.BINARY, length=length if is_sound else None)
    return datapoint


def _scale(spec: Mapping[str, Any], bits: int, step: float | None) -> tuple[float, float, float] | None:
    """Return the minimum, the maximum and the step in engineering units.

    `step` is the one of the vendor's screens. None if the range is unreadable or unrealistic.
    """
    defaults = {"min": 0, "max": 2**bits - 1, "ratio": 1, "addition": 0}
    least, greatest, ratio, addition = (coerce.number(spec.get(name, default)) for name, default in defaults.items())
    if least is None or greatest is None or not ratio or addition is None:
        return None
    farthest = max(abs(float(least)), abs(float(greatest))) * abs(float(ratio)) + abs(float(addition))
    if not farthest / abs(ratio) <= _COUNTABLE:  # also false for infinity and NaN
        return None
    places = max(_places(ratio), _places(addition))
    ends = sorted(round(raw * ratio + addition, places) for raw in (least, greatest))
    fits = step is not None and step <= ends[1] - ends[0] and farthest / step <= _COUNTABLE
    return ends[0], ends[1], step if step is not None and fits else abs(ratio)


@cache
def _places(number: float) -> int:
    """Return the decimal places of a number."""
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _rounded(datapoint: Datapoint, number: float) -> int | float:
    places = max(_places(datapoint.step or 1), _places(datapoint.minimum or 0))
    return round(number, places)


def _without_noise(datapoint: Datapoint, number: float | None) -> int | float | None:
    if not isinstance(number, float) or datapoint.step is None:
        return number
    rounded = _rounded(datapoint, number)
    # A device may report finer values than its definition has, so remove only artefacts of floating-point numbers.
    return rounded if math.isclose(number, rounded, rel_tol=_RELATIVE_NOISE, abs_tol=_NOISE) else number


def _label(labels: tuple[str, ...], raw: Any) -> Value | None:
    """Return the option for a label or an index; an unknown label or number stays as it is."""
    if isinstance(raw, str):
        if raw in labels:
            return raw
        return next((label for label in labels if label.strip() == raw.strip()), raw)
    index = coerce.number(raw)
    return labels[int(index)] if index is not None and index in range(len(labels)) else index


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
    if isinstance(raw, bool | str):
        return raw
    return coerce.number(raw) if isinstance(raw, int | float) else _hex(raw)


def _written(datapoint: Datapoint, value: Value) -> Value | None:
    match datapoint.data_type:
        case DataType.BOOL:
            return wire_values.flag(value)
        case DataType.ENUM:
            label = _label(datapoint.options, value)
            return label if label in datapoint.options else None
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
