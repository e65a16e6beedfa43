"""Reads the byte layouts that a Gizwits definition states in the free text `desc` of a binary attribute.

Vendors list the bytes of a schedule's slot or of the device's clock there (`Byte0：开始时，Byte1：开始分…`). Only lists
that name each byte are read; any other text is left alone, because a wrong layout would write nonsense to a device.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

from ..model import Datapoint, DataType
from ..records import HOUR, SLOT, WEEKDAY, ByteMeaning, ClockField, Record, RecordByte, TimeField
from .desc import read_choices

_BYTE: Final = re.compile(r"byte\s*(\d{1,3})\s*(?:为|是|:)?\s*", re.IGNORECASE)
_END_OF_NAME: Final = re.compile(r"[,。;、(\n]")
_PUNCTUATION: Final = " ,。;、\n"
_LONGEST_NAME: Final = 20  # characters; a longer text explains and names nothing
_SPARE: Final = re.compile(r"空|备用|预留|保留|reserved|spare", re.IGNORECASE)
_LEVEL: Final = re.compile(r"(?<=灯)亮度值$")
"""What the name of the first of several lights ends with, as if it were another kind of value."""
_LIGHT: Final = re.compile(r"[色灯光。\s]+$")
"""What the names of a light's channels end with."""
_NOW: Final = "当前定时"
"""What the name of a setting begins with that shows what the schedule does now."""
_MODE: Final = "模式"
_FEEDING: Final = "喂食"
_DURATION: Final = "时间"
_ZERO_WHILE: Final = re.compile(r"(\w+?)时\w+=0")
_HOUR_ALONE: Final = re.compile(r"(\d{1,2}):00")
_LAST_NUMBER: Final = re.compile(r"\d+$")
_WEEKDAYS: Final = "一二三四五六日"
_OF_WEEKDAY: Final = re.compile(rf"周([{_WEEKDAYS}])的定时")

_HOUR: Final = re.compile(r"(.*?)[-_ ]*(?:小时|时|hour)", re.IGNORECASE)
_MINUTE: Final = re.compile(r"(.*?)[-_ ]*(?:分钟|分|minute|min)", re.IGNORECASE)
_STARTS: Final = frozenset({"", "开始", "开始时间", "开始时间点", "时间点", "start", "begin", "on"})
_ENDS: Final = frozenset({"结束", "结束时间", "结束时间点", "end", "stop", "off"})
_DATE: Final = ("年千位百位", "年十位个位", "月", "日")
_DATE_FIELDS: Final = (ClockField.CENTURY, ClockField.YEAR, ClockField.MONTH, ClockField.DAY)
_TIME: Final = ("空", "时", "分", "秒")
_TIME_FIELDS: Final = (None, ClockField.HOUR, ClockField.MINUTE, ClockField.SECOND)
_ONLY_IN_CLOCKS: Final = frozenset({ClockField.YEAR, ClockField.SECOND})

# "The first byte is the hour at which the first group starts, …, and so on, three groups in all."
_IN_WORDS: Final = re.compile(r"第([一二三四])个字节表示第一组(开始|结束)时间的?[\"“']([时分])[\"”']")
_IN_WORDS_START: Final = [("一", "开始", "时"), ("二", "开始", "分"), ("三", "结束", "时"), ("四", "结束", "分")]
_AND_SO_ON: Final = re.compile(r"以此类推一共([一二三四五六七八九])组")
_SLOT_IN_WORDS: Final = tuple(RecordByte((ByteMeaning(name=found),)) for found in TimeField)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a list says about one byte: its name, and what follows the name."""

    name: str
    note: str = ""
    choices: Mapping[int, str] = field(default_factory=dict)


def read_record(key: str, desc: str, length: int | None) -> Record | None:
    """Return the layout of a binary attribute of `length` bytes; None if `desc` does not state it."""
    if length is None or length <= 0:
        return None
    text = unicodedata.normalize("NFKC", desc).strip()
    layout = _listed(text) or _in_words(text)
    if not layout or length % len(layout):
        return None
    is_clock = _is_clock(meaning.name for byte in layout for meaning in byte.meanings)
    return Record(pattern=_pattern(key, text), layout=layout, repeat=length // len(layout), is_clock=is_clock)


def _is_clock(names: Iterable[str]) -> bool:
    """Whether bytes are the time of a clock. An hour and a minute alone are when something happens."""
    found = set(names)
    return found <= set(ClockField) and not found.isdisjoint(_ONLY_IN_CLOCKS)


def linked(record: Record, datapoints: Iterable[Datapoint]) -> Record:
    """Return a layout whose numbers are linked to the settings of the same product that they are a schedule of."""
    if record.is_clock:
        return record
    settings = tuple(found for found in datapoints if found.data_type in {DataType.NUMBER, DataType.BOOL})
    layout = (
        RecordByte(tuple(replace(meaning, like=_setting(meaning.name, settings)) for meaning in byte.meanings))
        for byte in record.layout
    )
    return replace(record, layout=tuple(layout))


def _setting(name: str, settings: tuple[Datapoint, ...]) -> str | None:
    """The key of the setting with the name that a list gives to a byte."""
    for candidate in (name, f"{_NOW}{name}", name.removeprefix(_FEEDING)):
        for setting in settings:
            if setting.name.strip() == candidate:
                return setting.key
    color = _LIGHT.sub("", name)
    if not color or color == name:
        return None
    # The vendor copies names from other products, so what it writes about a channel counts more than its name.
    colors = [(setting, _LIGHT.sub("", text)) for setting in settings for text in (setting.desc or "", setting.name)]
    exact = next((setting.key for setting, found in colors if found == color), None)
    alike = {setting.key for setting, found in colors if found.endswith(color)}
    return exact or (alike.pop() if len(alike) == 1 else None)


def _pattern(key: str, text: str) -> str:
    """Put a place where the number of the attribute stands, named after what the number is."""
    number = _LAST_NUMBER.search(key)
    if number is None:
        return key
    hour, weekday = _HOUR_ALONE.match(text), _OF_WEEKDAY.match(text)
    if hour is not None and int(hour[1]) == int(number[0]):
        place = HOUR
    elif weekday is not None and _WEEKDAYS.index(weekday[1]) + 1 == int(number[0]):
        place = WEEKDAY
    else:
        place = SLOT
    return f"{key[: number.start()]}{{{place}}}"


@lru_cache(maxsize=256)  # a product has dozens of attributes with the same text
def _listed(text: str) -> tuple[RecordByte, ...]:
    """The bytes of a list that counts up from 0 or 1 and names each one."""
    found = list(_BYTE.finditer(text))
    numbers = [int(byte[1]) for byte in found]
    if not numbers or numbers[0] not in {0, 1} or any(later != number + 1 for number, later in pairwise(numbers)):
        return ()
    ends = [byte.start() for byte in found[1:]]
    said = [_said(text[byte.end() : end]) for byte, end in zip(found, [*ends, len(text)], strict=True)]
    names = tuple(byte.name for byte in said)
    if not all(name[:1].isalpha() and len(name) <= _LONGEST_NAME for name in names):
        return ()
    for known, fields in ((_DATE, _DATE_FIELDS), (_TIME, _TIME_FIELDS)):
        if names == known:
            return tuple(RecordByte((ByteMeaning(name=name),) if name else ()) for name in fields)
    in_english = [name.lower() for name in names]
    if _is_clock(in_english):
        return tuple(RecordByte((ByteMeaning(name=name),)) for name in in_english)
    return tuple(_meanings(said))


def _said(text: str) -> _Said:
    name, *rest = _END_OF_NAME.split(text.strip(_PUNCTUATION), maxsplit=1)
    note = rest[0] if rest else ""
    return _Said(_LEVEL.sub("", name.strip()), note, read_choices(note))


def _meanings(said: list[_Said]) -> Iterator[RecordByte]:
    mode = next((byte for byte in said if byte.name == _MODE and byte.choices), None)
    stops = _stops(said, () if mode is None else mode.choices.values())
    is_after_mode = False
    for byte, name in zip(said, _with_times([byte.name for byte in said]), strict=True):
        if name is None:
            yield RecordByte()
        elif byte is mode or mode is None or not is_after_mode:
            yield RecordByte(_plain(name, byte.choices))
        else:
            running = tuple(label for label in mode.choices.values() if label not in stops)
            yield RecordByte(tuple(_in_modes(_plain(name, byte.choices), running, has_stop=bool(stops))))
        is_after_mode = is_after_mode or byte is mode


def _stops(said: Iterable[_Said], modes: Iterable[str]) -> frozenset[str]:
    """The modes in which the device stands still, so that the bytes after the mode are 0 (`停机时流量=0`)."""
    notes = (found[1] for byte in said for found in _ZERO_WHILE.finditer(byte.note))
    return frozenset(notes) & frozenset(modes)


def _with_times(names: list[str]) -> Iterator[str | None]:
    """Name the hours and minutes of a time, which follow each other; None for a spare byte."""
    following = [*names[1:], ""]
    preceding = ["", *names[:-1]]
    for before, name, after in zip(preceding, names, following, strict=True):
        if _SPARE.match(name):
            yield None
        elif (of := _of_time(name, after)) is not None:
            yield f"{of}.hour"
        elif (of := _of_time(before, name)) is not None:
            yield f"{of}.minute"
        else:
            yield name


def _of_time(hour: str, minute: str) -> str | None:
    """Return whose time two bytes are that follow each other; None if they are not its hour and its minute."""
    hours, minutes = _HOUR.fullmatch(hour), _MINUTE.fullmatch(minute)
    if hours is None or minutes is None or hours[1] != minutes[1]:
        return None
    stem = hours[1].lower()
    return "start" if stem in _STARTS else "end" if stem in _ENDS else hours[1]


def _plain(name: str, choices: Mapping[int, str]) -> tuple[ByteMeaning, ...]:
    """What a byte means by its name; `A/B` are two choices, or a value and a time that replaces it while feeding."""
    alternatives = [part.strip() for part in name.split("/")]
    if choices or len(alternatives) != 2 or not all(alternatives):
        return (ByteMeaning(name=name, options=choices),)
    if alternatives[1].endswith(_DURATION):
        return (ByteMeaning(name=alternatives[1], when={_MODE: (_FEEDING,)}), ByteMeaning(name=alternatives[0]))
    return (ByteMeaning(name="".join(alternatives), options=dict(enumerate(alternatives))),)


def _in_modes(meanings: tuple[ByteMeaning, ...], running: tuple[str, ...], *, has_stop: bool) -> Iterator[ByteMeaning]:
    """Limit meanings to the modes in which the device runs."""
    *special, usual = meanings
    yield from special
    yield replace(usual, when={_MODE: running}) if has_stop else usual


def _in_words(text: str) -> tuple[RecordByte, ...]:
    """The bytes of groups of a start and an end that a text describes in sentences."""
    is_stated = _IN_WORDS.findall(text) == _IN_WORDS_START and _AND_SO_ON.search(text) is not None
    return _SLOT_IN_WORDS if is_stated else ()
