"""Applies what a profile says of a datapoint to the datapoint itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..clouds.model import Datapoint, DataType, Part, Role, Value
from .model import UNREFINED, Refinement, ShownAs
from .values import is_same, number_of, scaled, slug

_FLAGS: Final = frozenset({ShownAs.ALARM, ShownAs.BINARY_SENSOR, ShownAs.SWITCH})
_PRESSED: Final = frozenset({Role.ACTION, Role.MAINTENANCE})
_READ_ONLY: Final = frozenset({ShownAs.ALARM, ShownAs.BINARY_SENSOR, ShownAs.SENSOR})


def refined(datapoint: Datapoint, refinement: Refinement) -> Datapoint:
    """Return a datapoint as a profile wants it. Its values stay those of the cloud, and so do its limits."""
    if refinement is UNREFINED:
        return datapoint
    step = _in_cloud(refinement.step, refinement)
    minimum = _within(_in_cloud(refinement.minimum, refinement), datapoint.minimum, max)
    maximum = _within(_in_cloud(refinement.maximum, refinement), datapoint.maximum, min)
    if minimum is not None and maximum is not None and minimum > maximum:
        minimum, maximum = datapoint.minimum, datapoint.maximum  # the profile is not for this product
    return replace(
        datapoint,
        data_type=_data_type(datapoint, refinement),
        role=_role(datapoint, refinement),
        is_writable=(datapoint.is_writable or bool(refinement.raw)) and refinement.shown_as not in _READ_ONLY,
        part=_part(datapoint, refinement),
        minimum=minimum,
        maximum=maximum,
        step=datapoint.step if step is None else step,
    )


def _data_type(datapoint: Datapoint, refinement: Refinement) -> DataType:
    shown_as, data_type = refinement.shown_as, datapoint.data_type
    if data_type in {DataType.BINARY, DataType.TEXT}:
        return data_type
    if shown_as in _FLAGS or shown_as is ShownAs.BUTTON:
        return DataType.BOOL
    if refinement.options or (shown_as is ShownAs.SELECT and datapoint.options):
        return DataType.ENUM
    return data_type


def _role(datapoint: Datapoint, refinement: Refinement) -> Role:
    match refinement.shown_as:
        case None:
            return datapoint.role
        case ShownAs.ALARM:
            return Role.ALARM
        case ShownAs.BUTTON:
            return datapoint.role if datapoint.role in _PRESSED else Role.ACTION
        case _:
            return Role.STATUS


def _part(datapoint: Datapoint, refinement: Refinement) -> Part | None:
    if refinement.part is None:
        return datapoint.part
    return Part(id=slug(refinement.part) or refinement.part, name=refinement.part)


def _in_cloud(number: float | None, refinement: Refinement) -> float | None:
    """Return a limit or a step of a profile in the cloud's numbers."""
    return None if number is None else scaled(number, 1 / (refinement.scale or 1.0))


def _within(limit: float | None, own: float | None, narrower: Callable[[float, float], float]) -> float | None:
    """Return the limit of a profile if it is the narrower one; a profile never widens what a definition allows."""
    if limit is None or own is None:
        return own if limit is None else limit
    return narrower(limit, own)


def options_of(datapoint: Datapoint, refinement: Refinement) -> dict[Value, str]:
    """Return the English words that a profile has for values of a datapoint, by the cloud's value.

    An option of the definition can be named by its place in the list, too. A number or a flag that is shown as on or
    off has these words even if the profile does not list them.
    """
    words: dict[Value, str] = {}
    for named, word in refinement.options.items():
        words[option_of(datapoint, named)] = word
    is_number = datapoint.data_type is DataType.NUMBER
    if not words and is_number and (refinement.shown_as in _FLAGS or refinement.shown_as is ShownAs.BUTTON):
        return {0: "off", 1: "on"}
    return words


def option_of(datapoint: Datapoint, named: Value) -> Value:
    """Return the option of a definition that a profile names by its word or its place; any other value as it is."""
    found = next((option for option in datapoint.options if is_same(named, option)), None)
    if found is None and isinstance(named, int) and named in range(len(datapoint.options)):
        found = datapoint.options[named]
    return named if found is None else found


def payloads_of(datapoint: Datapoint, refinement: Refinement) -> dict[Value, bytes]:
    """Return the bytes with which a device is told a value instead of the value itself, by the cloud's value."""
    return {option_of(datapoint, named): payload for named, payload in refinement.raw.items()}


def can_be(datapoint: Datapoint, value: Value) -> bool:
    """Whether a datapoint can have a value by its definition."""
    match datapoint.data_type:
        case DataType.ENUM:
            return value in datapoint.options
        case DataType.NUMBER:
            number = number_of(value)
            least = number if datapoint.minimum is None else datapoint.minimum
            greatest = number if datapoint.maximum is None else datapoint.maximum
            return None not in {number, least, greatest} and (least or 0) <= (number or 0) <= (greatest or 0)
        case _:
            return True
