"""Converts one record of bytes into the words of a slot and back, exactly.

Bytes that no field explains keep their values. It does not know where a record comes from or goes to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..clouds import coerce
from ..fleet.naming import key_of
from .words import (
    END,
    MINUTES_OF_A_DAY,
    START,
    ScheduleError,
    SlotWords,
    Word,
    listed,
    minutes_of,
    time_word,
    word_of_minutes,
)

_LONGEST_LIST = 12  # of options in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeField:
    """A time of the day: a byte for the hour and, if `minute_at` is not None, one for the minute."""

    key: str
    name: str
    hour_at: int
    minute_at: int | None

    @property
    def latest(self) -> int:
        """The last time that it can be, in minutes from midnight. Only an end can be 24:00."""
        return MINUTES_OF_A_DAY - (0 if self.key == END else 1)

    def read(self, record: bytes) -> str:
        """Return the time, which may be impossible."""
        return time_word(record[self.hour_at], 0 if self.minute_at is None else record[self.minute_at])

    def write(self, word: Word, record: bytearray) -> None:
        """Put a time into a record. Raises `ScheduleError` if it is none."""
        minutes = minutes_of(word, latest=self.latest)
        if minutes is None or (self.minute_at is None and minutes % 60):
            raise ScheduleError("slot_time", field=self.key, value=str(word), latest=word_of_minutes(self.latest))
        record[self.hour_at] = minutes // 60
        if self.minute_at is not None:
            record[self.minute_at] = minutes % 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField:
    """A number in one byte. `minimum` and `maximum` are in the unit that is shown: the byte times `scale`."""

    key: str
    name: str
    minimum: float = 0
    maximum: float = 255
    scale: float = 1
    unit: str | None = None

    def read(self, byte: int) -> Word:
        """Return the number in its unit."""
        return byte if self.scale == 1 else round(byte * self.scale, 10)

    def write(self, word: Word) -> int:
        """Return the byte for a number. Raises `ScheduleError` if the field cannot have it."""
        number, byte = coerce.number(word), -1
        if number is not None and self.minimum <= number <= self.maximum:
            byte = round(number / self.scale)
        if byte not in range(256) or self.read(byte) != number:
            limits = {
                "minimum": f"{self.minimum:.10g}",
                "maximum": f"{self.maximum:.10g}",
                "step": f"{self.scale:.10g}",
            }
            raise ScheduleError("slot_number", field=self.key, value=str(word), **limits)
        return byte


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    """A choice in one byte: `options` has the word for each number, `spellings` the words that mean it as well."""

    key: str
    name: str
    options: Mapping[int, str]
    spellings: Mapping[str, int] = field(default_factory=dict)

    def read(self, byte: int) -> Word:
        """Return the option; the number itself if it is none."""
        return self.options.get(byte, byte)

    def find(self, word: Word) -> int | None:
        """Return the number of an option that a user calls by its word, a spelling of it, or the number."""
        for number, option in self.options.items():
            if word == option or (word == number and not isinstance(word, bool)):
                return number
        # YAML reads on, off, yes and no as booleans.
        spelled = self.spellings.get(str(word).strip().lower())
        plain = key_of(str(word))
        return next((number for number, option in self.options.items() if option == plain != ""), spelled)

    def write(self, word: Word) -> int:
        """Return the byte for an option. Raises `ScheduleError` if there is no such option."""
        if (number := self.find(word)) is None:
            options = listed([*self.options.values()][:_LONGEST_LIST])
            raise ScheduleError("slot_option", field=self.key, value=str(word), options=options)
        return number


type ByteField = NumberField | ChoiceField


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a byte means while other fields have certain options (`when`, by their keys)."""

    says: ByteField
    when: Mapping[str, frozenset[Word]] = field(default_factory=dict)

    def holds(self, words: Mapping[str, Word]) -> bool:
        """Whether the byte has this meaning in a slot."""
        return all(words.get(key) in options for key, options in self.when.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The fields of a record of `size` bytes, in the order of their bytes; `meanings` are by the byte."""

    size: int
    times: tuple[TimeField, ...] = ()
    meanings: Mapping[int, tuple[Meaning, ...]] = field(default_factory=dict)

    @property
    def unknown(self) -> tuple[int, ...]:
        """The bytes that no field explains."""
        explained = {at for time in self.times for at in (time.hour_at, time.minute_at)} | self.meanings.keys()
        return tuple(at for at in range(self.size) if at not in explained)

    def fields_in(self, words: Mapping[str, Word]) -> dict[int, ByteField]:
        """Return the fields that a slot has apart from its times, by their bytes."""
        found: dict[int, ByteField] = {}
        for at, meanings in self.meanings.items():
            meaning = next((meaning for meaning in meanings if meaning.holds(words)), None)
            if meaning is not None:
                found[at] = meaning.says
        return found

    def keys_in(self, words: Mapping[str, Word]) -> list[str]:
        """Return the keys of all words that a slot needs."""
        return [*(time.key for time in self.times), *(found.key for found in self.fields_in(words).values())]

    def read(self, record: bytes) -> SlotWords:
        """Return the words of a record of `size` bytes."""
        words: SlotWords = {time.key: time.read(record) for time in self.times}
        always = {
            meaning.says.key: meaning.says.read(record[at])
            for at, meanings in self.meanings.items()
            for meaning in meanings
            if not meaning.when
        }
        return words | {found.key: found.read(record[at]) for at, found in self.fields_in(always).items()}

    def write(self, words: Mapping[str, Word], before: bytes) -> bytes:
        """Return the record for words; bytes that no field explains are those of `before`.

        Raises `ScheduleError` if a word is missing, unknown or impossible.
        """
        words = self.normalized(words)
        self._check_names(words)
        record = bytearray(before)
        for time in self.times:
            time.write(words[time.key], record)
        fields = self.fields_in(words)
        for at in self.meanings:
            # A byte without a meaning in this mode is 0.
            record[at] = fields[at].write(words[fields[at].key]) if at in fields else 0
        if START in words and words[START] == words.get(END):
            raise ScheduleError("slot_without_length", value=str(words[START]))
        return bytes(record)

    def normalized(self, words: Mapping[str, Word]) -> SlotWords:
        """Return words in the spelling of `read`; what is no time or option stays as it is."""
        found = dict(words)
        for time in self.times:
            if time.key in found and (minutes := minutes_of(found[time.key])) is not None:
                found[time.key] = word_of_minutes(minutes)
        for choice in self._choices():
            if choice.key in found and (number := choice.find(found[choice.key])) is not None:
                found[choice.key] = choice.read(number)
        return found

    def _choices(self) -> Iterable[ChoiceField]:
        for meanings in self.meanings.values():
            yield from (meaning.says for meaning in meanings if isinstance(meaning.says, ChoiceField))

    def _check_names(self, words: Mapping[str, Word]) -> None:
        for choice in self._choices():
            # Which other words a slot needs depends on it.
            if choice.key in words:
                choice.write(words[choice.key])
        keys = self.keys_in(words)
        missing = [key for key in keys if key not in words]
        unknown = [key for key in words if key not in keys]
        if missing:
            raise ScheduleError("slot_word_missing", words=listed(missing), all_words=listed(keys))
        if unknown:
            raise ScheduleError("slot_word_unknown", words=listed(unknown), all_words=listed(keys))
