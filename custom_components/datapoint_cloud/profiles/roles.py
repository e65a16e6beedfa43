"""Entities that show several datapoints at once, such as a thermostat, and the roles of the datapoints in them.

A role reads what it means from the values of datapoints, and says which values to write for a meaning. Pure: it knows
neither devices nor Home Assistant. The values are those of the cloud (`Datapoint`), not those that entities show.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..clouds.model import Value
from .values import as_word, is_range, is_same, number_of, scaled, slug

type ValueOf = Callable[[str], Value | None]
"""Returns the last value of the datapoint with a key; None while it is unknown."""

ON: Final = "on"
OFF: Final = "off"
_BYTE: Final = 8  # bits


class CompositePlatform(StrEnum):
    """What an entity of several datapoints can be."""

    BINARY_SENSOR = "binary_sensor"
    BUTTON = "button"
    CLIMATE = "climate"
    FAN = "fan"
    LIGHT = "light"
    SCHEDULE = "schedule"
    SENSOR = "sensor"
    TIME = "time"
    WATER_HEATER = "water_heater"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Datapoints that a role reads together, usually one.

    Several `keys` are the bytes of one number, the highest first. Without any, the role is always `constant`. `bit`
    takes a single bit of the value. The number that the role means is the cloud's number times `scale` plus `offset`;
    `minimum`, `maximum` and `step` are those of the meaning. `meanings` lists values and the words for them: the first
    value that has a word is written for it. A value without a word (None) leaves the role to its next source.
    `otherwise` is the word for all other values. `along` has the values of other datapoints to write with a word.
    Instead of by its key, a datapoint can be found by what it is `called`, one of these English names in small letters,
    and by limits that are `up_to` these: a kettle that is set to 40 to 100 °C is no thermostat.
    A role that fits no device yet does not know whether its datapoints are writable.
    """

    keys: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    up_to: tuple[float, float] | None = None
    constant: str | None = None
    bit: int | None = None
    scale: float = 1.0
    offset: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    meanings: tuple[tuple[Value, str | None], ...] = ()
    otherwise: str | None = None
    along: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    is_writable: bool = True

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it can mean, in the order of the profile."""
        found = [word for _, word in self.meanings if word is not None]
        found += [word for word in (self.otherwise, self.constant) if word is not None]
        return tuple(dict.fromkeys(found))

    def raw(self, value_of: ValueOf) -> Value | None:
        """Return the value before it gets a meaning: of one datapoint, or joined or cut out of numbers."""
        if self.bit is None and len(self.keys) == 1:
            return value_of(self.keys[0])
        numbers = [number_of(value_of(key)) for key in self.keys]
        if not numbers or None in numbers:
            return None
        joined = 0
        for number in numbers:
            joined = (joined << _BYTE) | int(number or 0)
        return joined if self.bit is None else bool(joined >> self.bit & 1)

    def number(self, value_of: ValueOf) -> float | None:
        """Return the number that the values mean; None while they are unknown."""
        number = number_of(self.raw(value_of))
        return None if number is None else scaled(number, self.scale, self.offset)

    def values_of_number(self, number: float) -> dict[str, Value]:
        """Return the values to write for a number. Raises `ValueError` if the bytes cannot hold it."""
        raw = scaled(number - self.offset, 1 / self.scale)
        if len(self.keys) == 1:
            return {self.keys[0]: raw}
        size = len(self.keys)
        digits = round(raw).to_bytes(size) if 0 <= round(raw) < 1 << _BYTE * size else None
        if digits is None:
            raise ValueError(number)
        return dict(zip(self.keys, digits, strict=True))

    def word(self, value_of: ValueOf) -> str | None:
        """Return the word that the value means; None while it is unknown or if it has none."""
        if self.constant is not None:
            return self.constant
        if (raw := self.raw(value_of)) is None:
            return None
        if not self.meanings and self.otherwise is None:
            return as_word(raw)
        for value, word in self.meanings:
            if is_same(value, raw):
                return word
        return self.otherwise

    def values_of_word(self, word: str) -> dict[str, Value] | None:
        """Return the values to write for a word; None if no value stands for it."""
        if len(self.keys) != 1 or self.bit is not None or not self.is_writable:
            return None
        if not self.meanings:
            return {self.keys[0]: word}
        found = next((value for value, meant in self.meanings if meant == word and not is_range(value)), None)
        return None if found is None else {self.keys[0]: found, **self.along.get(word, {})}

    @property
    def values_of_nothing(self) -> dict[str, Value]:
        """The value to write so that the role is left to its next source; empty if none is listed."""
        value = next((value for value, word in self.meanings if word is None), None)
        return {} if value is None or len(self.keys) != 1 else {self.keys[0]: value}


@dataclass(frozen=True, slots=True)
class Role:
    """What one aspect of an entity means. The first source that has a meaning wins."""

    sources: tuple[Source, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all datapoints that it reads or writes."""
        return frozenset(self._keys())

    def _keys(self) -> Iterator[str]:
        for source in self.sources:
            yield from source.keys
            for values in source.along.values():
                yield from values

    @property
    def words(self) -> tuple[str, ...]:
        """All words that it can mean, in the order of the profile."""
        return tuple(dict.fromkeys(word for source in self.sources for word in source.words))

    @property
    def writable_words(self) -> tuple[str, ...]:
        """The words that can be written."""
        return tuple(word for word in self.words if self.values_of_word(word) is not None)

    @property
    def is_writable(self) -> bool:
        """Whether a number can be written, or the first of several sources can."""
        return self.sources[0].is_writable

    def number(self, value_of: ValueOf) -> float | None:
        """Return the number that the values mean; None while it is unknown."""
        return next((found for source in self.sources if (found := source.number(value_of)) is not None), None)

    def word(self, value_of: ValueOf) -> str | None:
        """Return the word that the values mean; None while it is unknown."""
        return next((found for source in self.sources if (found := source.word(value_of)) is not None), None)

    def flag(self, value_of: ValueOf) -> bool | None:
        """Return whether it is on; None while that is unknown. A number is on unless it is 0."""
        for source in self.sources:
            if source.meanings or source.otherwise is not None:
                if (word := source.word(value_of)) is not None:
                    return word == ON
            elif (raw := source.raw(value_of)) is not None:
                number = number_of(raw)
                return raw == ON if number is None else number != 0
        return None

    def values_of_number(self, number: float) -> dict[str, Value]:
        """Return the values to write for a number. Raises `ValueError` if the datapoints cannot hold it."""
        return self.sources[0].values_of_number(number)

    def values_of_word(self, word: str) -> dict[str, Value] | None:
        """Return the values to write for a word, None if it cannot be written.

        The sources before the one that has the word are written as well, so that they do not win over it.
        """
        values: dict[str, Value] = {}
        for source in self.sources:
            if (found := source.values_of_word(word)) is not None:
                return values | found
            values |= source.values_of_nothing
        return None

    def values_of_flag(self, *, is_on: bool) -> dict[str, Value] | None:
        """Return the values to write to turn it on or off; None if it cannot be turned so."""
        source = self.sources[0]
        if source.meanings:
            return self.values_of_word(ON if is_on else OFF)
        is_plain = len(source.keys) == 1 and source.bit is None and source.is_writable
        return {source.keys[0]: is_on} if is_plain else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """An entity of several datapoints.

    `name` is English, or None for the primary entity of a device, which is called like the device. `limits` are the
    least and the greatest target by unit, or under None whatever the unit is. `in_force` has the role of the target
    that counts while a preset or a mode is chosen, by its word. `levels` are the channels of a light.
    `writes` is what a button writes. `requires` are the roles without which there is no such entity.
    """

    platform: CompositePlatform
    name: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    limits: Mapping[str | None, tuple[float, float]] = field(default_factory=dict)
    step: float | None = None
    in_force: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[Role, ...] = ()
    writes: Mapping[str, Value] = field(default_factory=dict)
    requires: frozenset[str] = frozenset()
    device_class: str | None = None
    unit: str | None = None
    category: str | None = None
    is_enabled: bool = True

    @property
    def key(self) -> str:
        """The key of the entity, which is unique in its device and lasts as long as its platform and its name."""
        return f"${self.platform}" if self.name is None else f"${self.platform}_{slug(self.name)}"

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all datapoints that it uses."""
        roles = (*self.roles.values(), *self.levels)
        return frozenset(self.writes).union(*(role.keys for role in roles))
