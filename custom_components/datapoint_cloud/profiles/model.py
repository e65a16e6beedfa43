"""What is known about a product beyond its definition: a profile."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, Self

from ..clouds.model import Datapoint, Value
from ..clouds.records import Record
from ..vocabulary import readable
from .keys import ANY, filled, is_pattern, matched
from .roles import Composite, Role


class ShownAs(StrEnum):
    """What a datapoint can be shown as."""

    ALARM = "alarm"
    BINARY_SENSOR = "binary_sensor"
    BUTTON = "button"
    NUMBER = "number"
    SELECT = "select"
    SENSOR = "sensor"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """What is known about one datapoint; None or empty: what its definition says.

    `unit_role` tells the unit from the values of other datapoints, where the device can change it. The cloud's number
    times `scale` is the value in the unit, to which `minimum`, `maximum` and `step` belong.
    `options` maps the cloud's values to English words, `reads` the words to further values that mean the same;
    `otherwise` is the word for all other values.
    `absent` lists the cloud's values that mean "no value". `raw` has the bytes that set a value, of a device that obeys
    nothing else. `part` names the part of the device that it belongs to.
    `counted_by` is the key of the datapoint that says how many such parts are fitted; this is the one with `number`.
    """

    name: str | None = None
    unit: str | None = None
    unit_role: Role | None = None
    device_class: str | None = None
    state_class: str | None = None
    scale: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: Mapping[Value, str] = field(default_factory=dict)
    reads: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    otherwise: str | None = None
    shown_as: ShownAs | None = None
    category: str | None = None
    is_enabled: bool | None = None
    absent: tuple[Value, ...] = ()
    raw: Mapping[Value, bytes] = field(default_factory=dict)
    part: str | None = None
    counted_by: str | None = None
    number: int | None = None

    def over(self, other: Self) -> Self:
        """Return both; where both say something, this one wins."""
        said = {found.name: getattr(self, found.name) for found in fields(self)}
        return replace(other, **{name: value for name, value in said.items() if value not in (None, {}, ())})

    def named(self, part: str) -> Self:
        """Put what the wildcard of its pattern stands for into the names."""
        return replace(
            self,
            name=None if self.name is None else filled(self.name, part),
            part=None if self.part is None else filled(self.part, part),
            number=int(part) if self.counted_by and part.isdecimal() else None,
        )


UNREFINED: Final = Refinement()
"""What is known about most datapoints: nothing beyond their definitions."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a profile is chosen by: a product's key, its datapoints by their keys, and its name in lists of devices."""

    key: str
    datapoints: Mapping[str, Datapoint]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which devices a profile is for: those listed, those of the products listed, or those with a shape.

    A shape is a set of keys that a product must have (`has`) and a set that it must not have (`lacks`); `says` are
    texts that the definition of a datapoint must contain, by its key, and `named` texts of which the product's name
    must contain one. A profile for every product, or for every product with such a name, lies below those for some.
    """

    devices: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    says: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()

    @property
    def conditions(self) -> int:
        """How many conditions the shape has."""
        return len(self.has) + len(self.lacks) + len(self.says) + bool(self.named)

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every product, or every one with a name."""
        return self.has == (ANY,) and not self.lacks

    def fits(self, product: Product) -> bool:
        """Whether a product has the shape."""
        datapoints = product.datapoints
        return (
            bool(self.has)
            and (not self.named or _is_called(product.name, self.named))
            and all(_is_among(pattern, datapoints) for pattern in self.has)
            and not any(_is_among(pattern, datapoints) for pattern in self.lacks)
            and all(key in datapoints and text in _text(datapoints[key]) for key, text in self.says.items())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known about a product or about all products of a shape. `source` is the file that it stands in."""

    match: Match = Match()
    model: str | None = None
    manufacturer: str | None = None
    datapoints: Mapping[str, Refinement] = field(default_factory=dict)
    composites: tuple[Composite, ...] = ()
    records: tuple[Record, ...] = ()
    source: str | None = None

    def refinement(self, key: str) -> Refinement:
        """Return all that is known about a datapoint: the entry of its key wins over the patterns that match it."""
        known = UNREFINED
        for pattern, refinement in self.datapoints.items():
            if is_pattern(pattern) and (part := matched(pattern, key)) is not None:
                known = refinement.named(part).over(known)
        exact = self.datapoints.get(key)
        return known if exact is None else exact.over(known)

    def over(self, other: Self) -> Self:
        """Return both; where both say something about a datapoint, this one wins.

        Its entities and its records replace all those of the other one.
        """
        own = {
            pattern: refinement.over(other.datapoints.get(pattern, Refinement()))
            for pattern, refinement in self.datapoints.items()
        }
        return replace(
            other,
            match=self.match,
            model=self.model or other.model,
            manufacturer=self.manufacturer or other.manufacturer,
            datapoints={**other.datapoints, **own},
            composites=self.composites or other.composites,
            records=self.records or other.records,
            source=self.source or other.source,
        )


NO_PROFILE = Profile()


@lru_cache(maxsize=1024)  # asked again for each device of a product
def _is_called(name: str, parts: tuple[str, ...]) -> bool:
    """Whether the name of a product contains one of some texts, as it is or as words: `CeilingFan` is a ceiling fan."""
    names = (name.casefold(), readable(name).casefold())
    return any(part.casefold() in called for part in parts for called in names)


def _text(datapoint: Datapoint) -> str:
    return f"{datapoint.name}\n{datapoint.desc or ''}"


def _is_among(pattern: str, keys: Collection[str]) -> bool:
    return any(matched(pattern, key) is not None for key in keys) if is_pattern(pattern) else pattern in keys
