"""Reads the facts that a Gizwits definition states about an attribute in its free text `desc`.

Vendors list choices, ranges and units there, in a few fixed forms (`0.classic 1.sine`, `范围是0~100%`, `单位秒`). Only
these forms are read; any other text is left alone, because a wrong guess would change what a user may set.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

_FEWEST_CHOICES: Final = 2
_LONGEST_LABEL: Final = 60

# A number that begins an item: "0.", "0:", "0为", "0 表示", "12" directly before its label.
_ITEM: Final = re.compile(r"(?<![\d.~%-])(\d{1,2})\s*(?:[.:=]|为|表示|是)?\s*(?=[^\W\d_]|[\"“])")
# The other way round: "LPS:0".
_REVERSED_ITEM: Final = re.compile(r"([^\s;,:。、()]+)\s*:\s*(\d{1,2})(?=\s*(?:[;,。]|$))")
_END_OF_LABEL: Final = re.compile(r"[;,。、(\n]|\s{2,}")

_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_WORDS_OF_UNITS: Final[Mapping[str, str]] = {
    "%": "% 百分比",
    "°C": "°C 摄氏度",
    "°F": "°F",
    "K": "K 开尔文",
    "s": "秒 秒钟 s S",
    "min": "分钟 分 min Min",
    "h": "小时 h H",
    "d": "天",
    "W": "W 瓦",
    "kW": "kW KW",
    "VA": "VA",
    "kWh": "kWh KWH 度电",
    "Wh": "Wh",
    "V": "V 伏",
    "mV": "mV",
    "A": "A 安",
    "mA": "mA",
    "Hz": "Hz HZ 赫兹",
    "mL": "mL ml 毫升",
    "L": "L 升",
    "m³": "m3 立方米",
    "L/min": "L/min",
    "L/h": "L/h",
    "m³/h": "m3/h",
    "rpm": "rpm RPM r/min 转/分",
    "Pa": "Pa",
    "kPa": "kPa KPa",
    "MPa": "MPa Mpa",
    "bar": "bar",
    "psi": "psi",
    "μg/m³": "ug/m3 μg/m3",
    "mg/m³": "mg/m3",
    "ppm": "ppm",
    "ppb": "ppb",
    "mg/L": "mg/L",
    "g": "g 克",
    "kg": "kg",
    "mm": "mm 毫米",
    "cm": "cm 厘米",
    "lx": "lux Lux",
    "dB": "dB",
    "dBm": "dBm",
    "CNY": "元",
}
_UNIT_WORDS: Final[Mapping[str, str]] = {
    word: unit for unit, words in _WORDS_OF_UNITS.items() for word in words.split()
}
_UNIT: Final = "|".join(sorted(map(re.escape, _UNIT_WORDS), key=len, reverse=True))
_NO_UNITS_OF_NAMES: Final = frozenset({"H", "L", "S", "K"})
_RANGE: Final = re.compile(
    rf"(?:范围(?:是|为)?|range|亮度为)\s*:?\s*({_NUMBER})\s*(?:{_UNIT})?\s*(?:~|-|到|至)\s*({_NUMBER})\s*({_UNIT})?"
)
_UNIT_END: Final = "(?![A-Za-z/])"
_STATED_UNIT: Final = re.compile(
    rf"(?:单位|[Uu]nit)\s*(?:是|为)?\s*:?\s*(?P<size>\d+(?:\.\d+)?)?\s*(?P<stated>{_UNIT}){_UNIT_END}"
    rf"|(?P<last>百分比)$|^(?P<only>{_UNIT})$",
)
_UNIT_OF_NAME: Final = re.compile(rf"\s*[(\[]\s*(?:单位\s*:?\s*)?({_UNIT})\s*[)\]]$")
_ZERO_BESIDE_RANGE: Final = re.compile(r"为\s*0\s*时|0\s*(?:为|表示|:)")
_ABSENT: Final = re.compile(r"0x([0-9a-fA-F]{2,8})\s*-\s*[^;,]*(?:not normal|invalid)", re.IGNORECASE)
_SPARE: Final = re.compile(r"\s*(?:备用|预留|保留|reserved|spare)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescFacts:
    """What a `desc` states.

    `choices` maps the numbers 0…n or 1…n to the vendor's words for them. `minimum` and `maximum` are in engineering
    units. `unit` is a symbol such as `%`, `s` or `°C`, of which the raw number counts `unit_size` each. `absent` is the
    raw number that stands for "no value".
    """

    choices: Mapping[int, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    unit_size: float = 1
    absent: int | None = None
    is_spare: bool = False


def read_desc(desc: str) -> DescFacts:
    """Read a `desc` ("Datapoint definition"). An empty or unknown text states nothing."""
    # Vendors mix full-width and ASCII punctuation.
    text = unicodedata.normalize("NFKC", desc.replace("℃", "°C")).strip()
    found = _RANGE.search(text)
    minimum, maximum = (float(found[1]), float(found[2])) if found else (None, None)
    if minimum is None or maximum is None or minimum >= maximum or _ZERO_BESIDE_RANGE.search(text):
        # "30~100, 0 stops the motor" allows a value outside of its range.
        minimum = maximum = None
    stated = _STATED_UNIT.search(text)
    unit = (stated["stated"] or stated["last"] or stated["only"]) if stated else found[3] if found else None
    absent = _ABSENT.search(text)
    return DescFacts(
        choices=read_choices(text) if not found else {},
        minimum=minimum,
        maximum=maximum,
        unit=_UNIT_WORDS[unit] if unit else None,
        unit_size=float(stated["size"]) if stated and stated["size"] else 1,
        absent=int(absent[1], 16) if absent else None,
        is_spare=_SPARE.match(text) is not None,
    )


def unit_of_name(name: str) -> tuple[str, str | None]:
    """Separate a name such as `功率(W)` from its unit. A name without one stays as it is."""
    text = unicodedata.normalize("NFKC", name.replace("℃", "°C")).strip()
    found = _UNIT_OF_NAME.search(text)
    # "(H)" and "(L)" are the high and the low byte of a number.
    if found is None or not found.start() or found[1] in _NO_UNITS_OF_NAMES:
        return name, None
    return text[: found.start()], _UNIT_WORDS[found[1]]


def read_choices(text: str) -> Mapping[int, str]:
    """Return the choices that a text lists, by number; the text is in Unicode's form NFKC."""
    pairs = [(int(item[2]), item[1]) for item in _REVERSED_ITEM.finditer(text)]
    reversed_choices = dict(zip(count(), _in_order(pairs), strict=False))
    if len(reversed_choices) >= _FEWEST_CHOICES:
        return _checked(reversed_choices)
    return _checked(dict(_items(text)))


def _in_order(pairs: list[tuple[int, str]]) -> Iterator[str]:
    """The labels of the pairs that count up from 0; a default value that is named after them is left out."""
    for expected, (number, label) in zip(count(), pairs, strict=False):
        if number != expected:
            return
        yield label


def _items(text: str) -> Iterator[tuple[int, str]]:
    """The numbers that count up by one from 0 or 1, each with the text up to the next one."""
    starts = list(_ITEM.finditer(text))
    sequence: list[re.Match[str]] = []
    for start in starts:
        number = int(start[1])
        if (not sequence and number in {0, 1}) or (sequence and number == int(sequence[-1][1]) + 1):
            sequence.append(start)
    ends = [start.start() for start in sequence[1:]]
    for start, end in zip(sequence, [*ends, len(text)], strict=False):
        label = text[start.end() : end]
        yield int(start[1]), _END_OF_LABEL.split(label.strip().strip('"“”'), maxsplit=1)[0].strip()


def _checked(choices: dict[int, str]) -> Mapping[int, str]:
    labels = list(choices.values())
    is_list = len(labels) >= _FEWEST_CHOICES and len(set(labels)) == len(labels)
    return choices if is_list and all(0 < len(label) <= _LONGEST_LABEL for label in labels) else {}
