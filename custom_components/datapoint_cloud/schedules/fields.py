"""Gives the bytes of a record the words, units and limits by which people know them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..clouds.model import DataType
from ..clouds.records import ByteMeaning, Record
from ..fleet.description import DatapointDescription
from ..fleet.naming import Naming, key_of
from ..vocabulary import capitalized, is_chinese, readable
from .layout import ByteField, ChoiceField, Layout, Meaning, NumberField, TimeField
from .words import END, START

_HOUR = ".hour"
_MINUTE = ".minute"
_LARGEST_BYTE = 255
_SWITCH = {0: "off", 1: "on"}
_BOOLEANS = {"on": "true", "off": "false", "yes": "true", "no": "false"}
"""What YAML makes of words without quotes."""


def layout_of(record: Record, descriptions: Mapping[str, DatapointDescription], naming: Naming) -> Layout:
    """Return the layout of a record in words; `descriptions` are those of the device."""
    fields = _Fields(descriptions, naming)
    for at, byte in enumerate(record.layout):
        for meaning in byte.meanings:
            if not meaning.name.endswith((_HOUR, _MINUTE)):
                fields.add(at, meaning)
    return Layout(size=len(record.layout), times=tuple(_times(record, naming)), meanings=fields.meanings())


def _times(record: Record, naming: Naming) -> Iterator[TimeField]:
    at_of = {meaning.name: at for at, byte in enumerate(record.layout) for meaning in byte.meanings}
    for name, at in at_of.items():
        stem = name.removesuffix(_HOUR)
        if stem != name:
            key = stem if stem in {START, END} else naming.key(stem) or f"time_{at}"
            yield TimeField(
                key=key, name=capitalized(naming.text(stem)), hour_at=at, minute_at=at_of.get(f"{stem}{_MINUTE}")
            )


@dataclass(slots=True)
class _Fields:
    """The fields of one record that were found so far."""

    descriptions: Mapping[str, DatapointDescription]
    naming: Naming
    _found: list[tuple[int, ByteMeaning, ByteField]] = field(default_factory=list)

    def add(self, at: int, meaning: ByteMeaning) -> None:
        """Add what a byte means."""
        key, number = plain, _ = self._key(at, meaning), 2
        while any(found.key == key and other != at for other, _, found in self._found):
            key, number = f"{plain}_{number}", number + 1
        self._found.append((at, meaning, self._field(key, meaning)))

    def meanings(self) -> dict[int, tuple[Meaning, ...]]:
        """Return the meanings of all bytes."""
        choices = {meaning.name: found for _, meaning, found in self._found if isinstance(found, ChoiceField)}
        meanings: dict[int, tuple[Meaning, ...]] = {}
        for at, meaning, found in self._found:
            when = {
                choices[name].key: _options(choices[name], labels)
                for name, labels in meaning.when.items()
                if name in choices
            }
            meanings[at] = (*meanings.get(at, ()), Meaning(says=found, when=when))
        return meanings

    def _key(self, at: int, meaning: ByteMeaning) -> str:
        if not is_chinese(meaning.name):
            return key_of(readable(meaning.name)) or f"byte_{at}"
        return self.naming.key(meaning.name) or key_of(readable(meaning.like or "")) or f"byte_{at}"

    def _field(self, key: str, meaning: ByteMeaning) -> ByteField:
        like = self.descriptions.get(meaning.like or meaning.name)
        name = self._name(key, meaning)
        is_switch = like is not None and like.datapoint.data_type is DataType.BOOL
        labels = meaning.options or (_SWITCH if is_switch else {})
        if labels:
            return _choice(key, name, labels, self.naming)
        return _number(key, name, meaning, like)

    def _name(self, key: str, meaning: ByteMeaning) -> str:
        same = self.descriptions.get(meaning.name)
        if same is not None:
            return same.name
        if not is_chinese(meaning.name):
            return self.naming.words_of(capitalized(readable(meaning.name)))
        name = self.naming.text(meaning.name)
        is_untranslated = is_chinese(name) and self.naming.words is not None
        return capitalized(readable(key) if is_untranslated else name)


def _choice(key: str, name: str, labels: Mapping[int, str], naming: Naming) -> ChoiceField:
    keys = {label: option for option, label in naming.option_keys(tuple(labels.values())).items()}
    options = {number: keys[label] for number, label in labels.items()}
    spellings = {label.strip().lower(): number for number, label in labels.items()}
    spellings |= {_BOOLEANS[option]: number for number, option in options.items() if option in _BOOLEANS}
    return ChoiceField(key=key, name=name, options=options, spellings=spellings)


def _number(key: str, name: str, meaning: ByteMeaning, like: DatapointDescription | None) -> NumberField:
    scale, minimum, maximum = meaning.scale, meaning.minimum, meaning.maximum
    if like is not None and scale == 1 and like.datapoint.step == 1:
        # The byte is the number that the setting has before it is scaled.
        scale = like.scale
        minimum, maximum = (
            limit if limit is not None or of_setting is None else of_setting * scale
            for limit, of_setting in ((minimum, like.datapoint.minimum), (maximum, like.datapoint.maximum))
        )
    return NumberField(
        key=key,
        name=name,
        minimum=0 if minimum is None else minimum,
        maximum=_LARGEST_BYTE * scale if maximum is None else maximum,
        scale=scale,
        unit=meaning.unit or (None if like is None else like.unit),
    )


def _options(choice: ChoiceField, labels: Iterable[str]) -> frozenset[str | int | float]:
    numbers = (choice.find(label) for label in labels)
    return frozenset(choice.options[number] for number in numbers if number is not None)
