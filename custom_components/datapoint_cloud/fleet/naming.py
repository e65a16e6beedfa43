"""Names datapoints in the user's language, and options by keys that no language changes.

The cloud's own name in that language comes first, then the vocabulary's words for the vendor's Chinese, then the
identifier. Users whose Home Assistant speaks Chinese see the vendor's own words.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final, Self

from homeassistant.util.language import matches

from ..clouds.model import Datapoint, Device, Role
from ..vocabulary import Vocabulary, capitalized, is_chinese, readable
from ..vocabulary.pinyin import from_pinyin

OTHER_OPTION: Final = "other"
"""The key of a reported option that the schema lacks and no vocabulary knows."""
_LONGEST_KEY: Final = 100
_LONGEST_DESC: Final = 20  # characters; a longer one is an explanation and no name
_SENTENCE: Final = re.compile(r"[:;,.=()、。\n]")
_NO_NAME: Final = re.compile(
    r"\d|单位|unit\b|%|(?:百分比|[A-Za-z]{1,2}|[A-Za-zμ]{1,4}/[A-Za-z0-9]{1,4}|分钟|小时)$", re.IGNORECASE
)
"""What a `desc` says of a number: its unit or its choices."""
_ORDER: Final = re.compile(r"^Set (?!temp|hum|point|value)(?=[A-Za-z])", re.IGNORECASE)
_NUMBERED_ALARM: Final = re.compile(r"[A-Za-z]{1,2}\d{1,3}")
_NO_KEY: Final = re.compile(r"[^a-z0-9]+")
_OFF: Final = "off"
_CLOSED: Final = "关闭"
_OPEN: Final = "打开"
_SYMBOLS: Final = {"°C": "celsius", "°F": "fahrenheit", "%": " percent ", "+": " plus "}
_ENDING: Final = re.compile(r"(?: [0-9A-Za-z]{1,4})?")
"""What clouds add to the name of the model where a device has no name: the end of its address."""
_ENGLISH: Final = "en"


def key_of(words: str) -> str:
    """Return the key for an option's English words: "Sine wave" becomes `sine_wave`. Empty if no letter is left."""
    for symbol, name in _SYMBOLS.items():
        words = words.replace(symbol, name)
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return _NO_KEY.sub("_", plain)[:_LONGEST_KEY].strip("_")


@dataclass(frozen=True, slots=True)
class Naming:
    """The words of one language of Home Assistant; `words` is None if users see the vendor's own."""

    language: str
    words: Vocabulary | None
    english: Vocabulary

    @classmethod
    def load(cls, language: str) -> Self:
        """Read the words of Home Assistant's language; English stands in for languages without a file. Blocks."""
        english = _vocabulary(_ENGLISH)
        is_chinese_user = language.lower().partition("-")[0] == "zh"
        words = None if is_chinese_user else _vocabulary(language) or english
        return cls(language, words, english or Vocabulary({}, _ENGLISH))

    def name(self, datapoint: Datapoint) -> str:
        """Return the name of a datapoint in the user's language."""
        return self._own(datapoint) or self._name(datapoint, self.words)

    def object_name(self, datapoint: Datapoint) -> str:
        """Return the name that a new entity id is made from: never Chinese, which would become pinyin there."""
        own = self._own(datapoint)
        return own if own and not is_chinese(own) else self._name(datapoint, self.words or self.english)

    def english_name(self, datapoint: Datapoint) -> str:
        """Return the English name of a datapoint, whatever the user's language is."""
        return _english_name(datapoint.name, datapoint.key, datapoint.desc, datapoint.role, self.english)

    def words_of(self, name: str) -> str:
        """Put a name that a profile gives in English into the user's language, if the vocabulary has it."""
        if self.words is self.english or (phrase := self.english.phrase_of(name)) is None:
            return name
        return phrase if self.words is None else self.words.translate(phrase) or name

    def with_part(self, datapoint: Datapoint) -> Datapoint:
        """Put the name of the part that a profile assigns a datapoint to into the user's language."""
        part = datapoint.part
        if part is None or (name := self.words_of(part.name)) == part.name:
            return datapoint
        return replace(datapoint, part=replace(part, name=name))

    def text(self, text: str) -> str:
        """Put the name of a product into the user's language, if there are words for all its parts."""
        words = self.words
        if words is None or not is_chinese(text):
            return text
        pieces = [(piece, words.translate(piece)) for piece in text.split("_") if piece]
        found = [
            translated[:1].lower() + translated[1:] if index and is_chinese(piece[:1]) else translated
            for index, (piece, translated) in enumerate(pieces)
            if translated is not None
        ]
        return " ".join(found) if len(found) == len(pieces) else text

    def device(self, device: Device) -> Device:
        """Put the model of a device into the user's language, and a name that is only that of the model."""
        if device.model is None or (model := self.text(device.model)) == device.model:
            return device
        rest = device.name.removeprefix(device.model)
        is_own = rest == device.name or _ENDING.fullmatch(rest) is None
        name = device.name if is_own else model + rest
        return replace(device, model=model, product_name=device.model, name=name)

    def option_keys(self, labels: tuple[str, ...]) -> dict[str, str]:
        """Return the vendor's labels by their keys, each of which is unique."""
        keys: dict[str, str] = {}
        for index, label in enumerate(dict.fromkeys(labels), start=1):
            # "Closed" is the opposite of "open"; without that option, the word means "off".
            key = plain = (
                _OFF if label.strip() == _CLOSED and _OPEN not in labels else self.key(label)
            ) or f"option_{index}"
            number = 2
            while key in keys:
                key, number = f"{plain}_{number}", number + 1
            keys[key] = label
        return keys

    def unknown_option_key(self, label: str) -> str:
        """Return the key of a reported option that the schema lacks."""
        return self.key(label) or OTHER_OPTION

    def key(self, label: str) -> str:
        """Return the key of a vendor's word, which no language changes; empty if there are no English words for it."""
        if not is_chinese(label):
            return key_of(label)
        return key_of(self.english.translate(label) or "")

    def _own(self, datapoint: Datapoint) -> str | None:
        """The cloud's name in this language, which clouds may call `zh-cn` where Home Assistant says `zh-Hans`."""
        names = datapoint.names
        exact = names.get(self.language.lower())
        if exact is not None or not names:
            return exact
        return next((names[language] for language in matches(self.language, names)), None)

    @staticmethod
    def _name(datapoint: Datapoint, words: Vocabulary | None) -> str:
        if words is None:
            return datapoint.name.strip() or datapoint.key
        return _name_of(datapoint.name, datapoint.key, datapoint.desc, datapoint.role, words)


NO_WORDS = Naming(_ENGLISH, Vocabulary({}, _ENGLISH), Vocabulary({}, _ENGLISH))


@cache  # one for all accounts
def _vocabulary(language: str) -> Vocabulary | None:
    return Vocabulary.load(language)


def _name_of(name: str, key: str, desc: str | None, role: Role, words: Vocabulary) -> str:
    name = name.strip() or key
    name = from_pinyin(name) or name
    if name != key and not is_chinese(name):
        is_identifier = "_" in name and " " not in name
        return readable(name) if is_identifier else capitalized(_ORDER.sub("", name))
    translated = words.translate(name) if is_chinese(name) else None
    by_desc = _named_by_desc(desc, words)
    if role is Role.ACTION and by_desc:
        return by_desc  # "manual feeding", where the name only says "manual"
    if translated or is_chinese(key):
        # A key in Chinese is content that somebody named, such as a genre, and no identifier.
        return translated or name
    if role is Role.ALARM and by_desc is None and _NUMBERED_ALARM.fullmatch(key):
        return f"{words.translate('故障') or ''} {key}".strip()
    return by_desc or readable(key)


@lru_cache(maxsize=4096)  # asked for again whenever a device is described
def _english_name(name: str, key: str, desc: str | None, role: Role, english: Vocabulary) -> str:
    return _name_of(name, key, desc, role, english)


def _named_by_desc(desc: str | None, words: Vocabulary) -> str | None:
    """Return a short `desc` as a name: the vendor writes there what the identifier means."""
    text = unicodedata.normalize("NFKC", desc or "").strip(" 。.")
    if not text or len(text) > _LONGEST_DESC or _SENTENCE.search(text) or _NO_NAME.match(text):
        return None
    return words.translate(text) if is_chinese(text) else capitalized(text)
