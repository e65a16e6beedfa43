"""Puts the Chinese words of vendors' definitions into the languages of the users.

One file a language maps a Chinese phrase to the words for it, as they stand in the middle of a sentence; `#` stands for
a number. The module knows words only, and nothing about devices or datapoints.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_HEAD_FIRST: Final = frozenset({"es", "fr", "it", "pl", "pt"})
"""Languages that name the thing before what qualifies it, the other way round than Chinese."""
_COMPOUNDING: Final = "de"
"""A language that writes nouns with a capital letter and joins them."""
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_NUMBER: Final = re.compile(r"\d+")
_LONGEST_PHRASE: Final = 20
# A run of Chinese with the numbers in it, or a run of anything else.
_PART: Final = re.compile(r"\d*[\u3400-\u9fff](?:[\d\u3400-\u9fff]*[\d\u3400-\u9fff])?|[^\u3400-\u9fff]+")
_SEPARATORS: Final = re.compile(r"(?:[\s_\-/:,;()]|(?<!\d)\.|\.(?!\d))+")
_SWITCH: Final = "开关"
"""Ends the names of most switches, and says no more than that they are switches."""
_WORD_BREAK: Final = re.compile(r"(?<=[a-z]{2})(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[0-9])(?=[A-Za-z])|[_\s]+")
# A word of a name in capitals alone, but no abbreviation such as "CH".
_SHOUTED: Final = re.compile(r"(?<![A-Z])(?=[A-Z]*[AEIOU])[A-Z]{3,}(?![A-Z])")
_SAID_OF: Final = frozenset(
    {
        *("异常", "正常", "过高", "过低", "过大", "过小", "不足", "堵转", "堵塞", "断线", "脱落", "卡死", "失效"),
        *("损坏", "老化", "超时", "超限", "被困", "未安装", "悬空", "按下"),
    }
)
"""What is said of the thing that is named before it."""
_ALONE: Final = frozenset({"中", "无", "分", "卡"})
"""Words that mean another thing beside others: 中 is "medium", and 打开中 is "opening"."""
_WITH: Final = "与"
"""Begins the names of faults of the communication with a part."""
_ABBREVIATION: Final = re.compile(r"(?<![a-z])[A-Z][A-Z0-9.]+$")


def is_chinese(text: str) -> bool:
    """Whether a text holds a Chinese character."""
    return _CHINESE.search(text) is not None


def readable(name: str) -> str:
    """Separate the words of an identifier: `SwitchON` becomes "Switch on", `temp_set_unit` "Temp set unit"."""
    if name.isupper() and "_" in name:
        name = _SHOUTED.sub(lambda found: found[0].lower(), name)
    words = [word for word in _WORD_BREAK.split(name) if word]
    shown = [word.lower() if len(word) > 1 and word.upper() in {"ON", "OFF"} else _lowered(word) for word in words]
    return capitalized(" ".join(shown))


def capitalized(words: str) -> str:
    """Begin with a capital letter, and leave the other letters alone; "pH" and "mV" stay as they are."""
    return words if words[1:2].isupper() else words[:1].upper() + words[1:]


def _lowered(word: str) -> str:
    # An abbreviation such as "CH" or "pH" keeps its letters.
    return word.lower() if word[1:].islower() else word


def _compound(words: list[str]) -> str:
    """Join words, and nouns with hyphens: Filter and Alarm become "Filter-Alarm"."""
    text = words[0]
    for before, word in pairwise(words):
        are_nouns = before.rpartition(" ")[2][:1].isupper() and word[:1].isupper()
        text += f"-{word}" if are_nouns else f" {word}"
    return text


class Vocabulary:
    """The words of one language."""

    def __init__(self, words: Mapping[str, str], language: str) -> None:
        """Translate with `words`, which map Chinese phrases to `language`."""
        self._words = words
        self._is_head_first = language in _HEAD_FIRST
        self._has_compounds = language == _COMPOUNDING

    @classmethod
    def load(cls, language: str) -> Vocabulary | None:
        """Read the file of a language such as `de` or `pt-BR`; None if there is none. Blocks."""
        for name in dict.fromkeys((language, language.partition("-")[0])):
            file = _FOLDER / f"{name}.json"
            if file.is_file():
                return cls(json.loads(file.read_text(encoding="utf-8")), name)
        return None

    def phrase_of(self, words: str) -> str | None:
        """Return the Chinese phrase that `words` translate, with their numbers; None if the list lacks it."""
        numbers = _NUMBER.findall(words)
        phrase = self._phrases.get(_NUMBER.sub("#", words).casefold())
        if phrase is None or phrase.count("#") != len(numbers):
            return None
        for number in numbers:
            phrase = phrase.replace("#", number, 1)
        return phrase

    @cached_property
    def _phrases(self) -> Mapping[str, str]:
        """The phrases by their words; the first one of several with the same words."""
        return {words.casefold(): phrase for phrase, words in reversed(list(self._words.items()))}

    def translate(self, text: str) -> str | None:
        """Put a text that holds Chinese into this language, or return None if a part of it is unknown.

        Digits, letters and symbols are kept: 通道3 becomes "Channel 3".
        """
        text = unicodedata.normalize("NFKC", text).strip()
        whole = self._phrase(text)
        if whole is not None:
            return capitalized(whole)
        translated = ""
        for part in _PART.findall(text):
            words = self._phrase(part) or self._composed(part) if is_chinese(part) else _SEPARATORS.sub(" ", part)
            if words is None:
                return None
            is_compound = self._has_compounds and is_chinese(part) and _ABBREVIATION.search(translated)
            translated += "-" if is_compound and words[:1].isupper() else " "
            translated += words if not is_chinese(part) else words.strip()
        return capitalized(" ".join(translated.split())) or None

    def _phrase(self, phrase: str) -> str | None:
        """The words for a phrase that the list has, with its numbers in the places of the `#`."""
        exact = self._words.get(phrase)
        if exact is not None:
            return exact
        numbers = _NUMBER.findall(phrase)
        words = self._words.get(_NUMBER.sub("#", phrase)) if numbers else None
        if words is None or words.count("#") != len(numbers):
            return None
        for number in numbers:
            words = words.replace("#", number, 1)
        return words

    def _composed(self, phrase: str) -> str | None:
        """Put a phrase together from the longest phrases that the list has."""
        found: list[tuple[str, str]] = []  # phrases and their words
        rest = phrase.removeprefix(_WITH).removesuffix(_SWITCH) or phrase
        while rest:
            lengths = range(min(len(rest), _LONGEST_PHRASE), 0, -1)
            match = next(((rest[:size], words) for size in lengths if (words := self._piece(rest[:size]))), None)
            if match is None:
                return None
            found.append(match)
            rest = rest[len(match[0]) :]
        if self._has_compounds:
            return _compound([words for _, words in found])
        if self._is_head_first:
            # "Too high" is said of the temperature, and follows it in all languages.
            found = [
                *reversed([one for one in found if one[0] not in _SAID_OF]),
                *(one for one in found if one[0] in _SAID_OF),
            ]
        return " ".join(words for _, words in found)

    def _piece(self, piece: str) -> str | None:
        return piece if piece.isdigit() else None if piece in _ALONE else self._phrase(piece)
