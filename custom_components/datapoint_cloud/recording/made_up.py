"""Makes up values that look like the private ones they replace.

Each character is replaced by one of its own class, so that lengths, the case and the places of punctuation stay. The
same value has the same replacement throughout one recording, and another one in each recording.
"""

import hashlib
import re
from random import Random
from typing import Final

_HEX: Final = re.compile(r"[0-9a-f]+")
_HEX_ID: Final = re.compile(r"[0-9a-f]{2,}(?:([:.\- ])[0-9a-f]{2,}(?:\1[0-9a-f]{2,})*)?")
"""Digits of an id with or without separators, such as a MAC address or a UUID."""
_SHORTEST_HEX_ID: Final = 12  # digits
_IP: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_OCTETS: Final = {1: (1, 9), 2: (10, 99), 3: (100, 255)}
_DIGITS: Final = "0123456789"
_HEX_LETTERS: Final = "abcdef"
_HEX_DIGITS: Final = _DIGITS + _HEX_LETTERS
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_POOLS: Final = (
    _DIGITS,
    _LETTERS,
    "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ",
    "абвгдежзийклмноп",
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时",
)
_ATTEMPTS: Final = 50
_SHORTEST_UNIQUE: Final = 4  # shorter values have too few replacements to be all different


class MadeUp:
    """The replacements of one recording."""

    def __init__(self, key: bytes) -> None:
        """Derive all replacements from `key`, which nobody else may know."""
        self._key = key
        self._known: dict[str, str] = {}
        self._used: set[str] = set()

    def text(self, value: str) -> str:
        """Return a made-up text for a private one, with the case of each of its letters."""
        lowered = lower(value)
        return with_case_of(value, self._lowered(lowered))

    def number(self, value: float) -> float:
        """Return a made-up number with the same number of digits."""
        text = repr(abs(value))
        if not re.fullmatch(r"\d+(\.\d+)?", text):  # an exponent
            return value
        digits = self.text(text)
        # A zero at either end would make it shorter.
        digits = (digits if text[0] == "0" or digits[0] != "0" else f"1{digits[1:]}")[:-1] + (
            digits[-1].replace("0", "1")
        )
        made = type(value)(digits)
        return -made if value < 0 else made

    def coordinate(self, value: float, largest: int) -> float:
        """Return a made-up latitude or longitude with as many digits, which is at most `largest`."""
        random = self._random(f"coordinate {value!r}")
        before, _, decimals = repr(abs(float(value))).partition(".")
        made = 0.0
        for _ in range(_ATTEMPTS):
            smallest = 0 if before == "0" else 10 ** (len(before) - 1)
            made = round(random.uniform(smallest, min(largest, 10 ** len(before) - 1)), len(decimals))
            if len(repr(made)) == len(before) + 1 + len(decimals):
                break
        return -made if value < 0 else made

    def _lowered(self, value: str) -> str:
        if (
            not _IP.fullmatch(value)
            and _HEX_ID.fullmatch(value)
            and (digits := re.sub(r"[^0-9a-f]", "", value)) != value
        ):
            made_digits = iter(self._lowered(digits))  # the same ones with any separators
            return "".join(next(made_digits) if char in _HEX_DIGITS else char for char in value)
        if value not in self._known:
            random = self._random(value)
            made = self._attempt(value, random)
            for _ in range(_ATTEMPTS):
                is_free = made != value and made not in self._used
                if is_free or len(value) < _SHORTEST_UNIQUE:
                    break
                made = self._attempt(value, random)
            self._known[value] = made
            self._used.add(made)
        return self._known[value]

    def _random(self, text: str) -> Random:
        return Random(hashlib.blake2b(text.encode(errors="replace"), key=self._key).digest())  # noqa: S311  # keyed

    @staticmethod
    def _attempt(value: str, random: Random) -> str:
        if _IP.fullmatch(value):
            return ".".join(str(random.randint(*_OCTETS[len(octet)])) for octet in value.split("."))
        if _HEX.fullmatch(value) and len(value) >= _SHORTEST_HEX_ID:
            return "".join(_made_character(char, _HEX_LETTERS, random) for char in value)
        # A word of digits and the letters a to f stays one: it may be a hexadecimal id.
        words = re.split(r"([^\W_]+)", value)
        return "".join(_made_word(word, random) for word in words)


def _made_word(word: str, random: Random) -> str:
    letters = _HEX_LETTERS if _HEX.fullmatch(word) and any(char.isdigit() for char in word) else _LETTERS
    return "".join(_made_character(char, letters, random) for char in word)


def _made_character(char: str, letters: str, random: Random) -> str:
    if char.isascii():
        return random.choice(_DIGITS) if char.isdigit() else random.choice(letters) if char.isalpha() else char
    if not char.isalnum():
        return char
    # As many bytes in UTF-8, so that an encoded text keeps its length too.
    size = len(char.encode(errors="replace"))
    pool = next((pool for pool in _POOLS[2:] if len(pool[0].encode()) == size), None)
    return char if pool is None else random.choice(pool)


def lower(text: str) -> str:
    """Return a text in lower case and of the same length: a few letters have more than one in lower case."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)


def with_case_of(pattern: str, text: str) -> str:
    """Return a text in lower case with the case of another text of the same length."""
    if len(pattern) != len(text):
        return text
    return "".join(
        large if char.isupper() and len(large := made.upper()) == 1 else made
        for char, made in zip(pattern, text, strict=True)
    )
