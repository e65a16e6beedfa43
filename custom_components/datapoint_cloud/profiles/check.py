"""Compares a profile with the definition of a product, and says what does not fit."""

from collections.abc import Iterator, Mapping

from ..clouds.model import Datapoint, DataType
from ..clouds.records import Record
from .entities import PLATFORMS, Kind
from .keys import matched
from .model import Product, Profile, Refinement, ShownAs
from .refine import can_be, options_of, payloads_of
from .roles import Composite, Role

_NUMBERS = frozenset({DataType.NUMBER, DataType.BINARY})


def complaints(profile: Profile, product: Product) -> Iterator[str]:
    """Yield what a profile says that the definition of a product contradicts, or has no datapoint for."""
    datapoints = product.datapoints
    for key, refinement in profile.datapoints.items():
        found = [datapoint for datapoint in datapoints.values() if matched(key, datapoint.key) is not None]
        if not found:
            yield f"{key}: the product has no such datapoint"
        for datapoint in found:
            yield from (f"{datapoint.key}: {complaint}" for complaint in _of_datapoint(refinement, datapoint))
    for composite in profile.composites:
        yield from (f"{composite.key}: {complaint}" for complaint in _of_composite(composite, datapoints))
    for record in profile.records:
        yield from (f"{record.pattern}: {complaint}" for complaint in _of_record(record, datapoints))


def _of_datapoint(refinement: Refinement, datapoint: Datapoint) -> Iterator[str]:
    for value in dict.fromkeys((*options_of(datapoint, refinement), *payloads_of(datapoint, refinement))):
        if not can_be(datapoint, value):
            yield f"it is never {value}"
    least, greatest = datapoint.minimum, datapoint.maximum
    scale = refinement.scale or 1.0
    if refinement.minimum is not None and least is not None and refinement.minimum < least * scale:
        yield f"the definition allows nothing below {least * scale:g}"
    if refinement.maximum is not None and greatest is not None and refinement.maximum > greatest * scale:
        yield f"the definition allows nothing above {greatest * scale:g}"
    if refinement.unit is not None and datapoint.data_type is not DataType.NUMBER:
        yield f"it is no number, and so has no unit {refinement.unit}"
    if refinement.shown_as is ShownAs.NUMBER and datapoint.data_type is not DataType.NUMBER:
        yield "it is no number"
    if refinement.shown_as is ShownAs.SELECT and not (refinement.options or datapoint.options):
        yield "a select needs options"
    is_control = refinement.shown_as in {ShownAs.SWITCH, ShownAs.SELECT, ShownAs.NUMBER, ShownAs.BUTTON}
    if is_control and not datapoint.is_writable and not refinement.raw:
        yield f"it cannot be written, and so is no {refinement.shown_as}"


def _of_composite(composite: Composite, datapoints: Mapping[str, Datapoint]) -> Iterator[str]:
    kinds = PLATFORMS[composite.platform].roles
    for name, role in (*composite.roles.items(), *(("levels", level) for level in composite.levels)):
        yield from (f"{name}: {complaint}" for complaint in _of_role(role, kinds.get(name, Kind.NUMBER), datapoints))
    for key in composite.writes:
        if key not in datapoints:
            yield f"writes: the product has no datapoint {key}"
        elif not datapoints[key].is_writable:
            yield f"writes: {key} cannot be written"


def _of_role(role: Role, kind: Kind, datapoints: Mapping[str, Datapoint]) -> Iterator[str]:
    for source in role.sources:
        for key in source.keys:
            found = [datapoint for datapoint in datapoints.values() if matched(key, datapoint.key) is not None]
            if not found:
                yield f"the product has no datapoint {key}"
            if kind is Kind.NUMBER and any(datapoint.data_type not in _NUMBERS for datapoint in found):
                yield f"{key} is no number"


def _of_record(record: Record, datapoints: Mapping[str, Datapoint]) -> Iterator[str]:
    found = [datapoint for datapoint in datapoints.values() if record.places_of(datapoint.key) is not None]
    if not found:
        yield "the product has no such datapoint"
    for datapoint in found:
        if record.layout and datapoint.length is not None and datapoint.length != record.length:
            yield f"{datapoint.key} has {datapoint.length} bytes, and not {record.length}"
