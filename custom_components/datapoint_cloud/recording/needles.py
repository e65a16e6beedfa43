"""Finds private values in any text, in all the ways in which they may be written, and replaces them.

A value may stand in a text of another case, escaped in JSON, HTML or an address, as hexadecimal digits or base64 of its
characters or of its bytes, and a MAC address or a UUID with or without separators.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final

from .encodings import (
    BASE64_RUNS,
    HEX_RUNS,
    NOT_URL_SAFE,
    SPACED_HEX_RUNS,
    URL_SAFE,
    from_base64,
    unescaped,
    units,
    written_like,
)
from .made_up import lower, with_case_of

_SHORTEST_ENCODED: Final = 5  # bytes; shorter values would be found in encoded text by chance
_HEXADECIMAL: Final = re.compile(r"(?:[0-9a-f]{2}){6,}")
_SEPARATORS: Final = re.compile(r"[:.\- ]")
_SEPARATED: Final = {
    12: ((":", (2,) * 6), ("-", (2,) * 6), (".", (4,) * 3), (" ", (2,) * 6)),
    32: (("-", (8, 4, 4, 4, 12)),),
}
"""How the digits of a MAC address and of a UUID may be separated."""
_DEEPEST: Final = 4  # levels of escapes
_MOST_REMEMBERED: Final = 100_000

type _Trie = dict[str, "_Trie"]


class Needles:
    """The private values of a recording and their replacements."""

    def __init__(self) -> None:
        """Start without any."""
        self._values: dict[str, str] = {}
        self._whole_words: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._tokens_pattern: re.Pattern[str] | None = None
        self._pattern: re.Pattern[str] | None = None
        self._seen: dict[str, str] = {}
        """What became of words that might be base64: the same ones come again and again."""

    def add(self, value: str, made: str, *, is_whole_word: bool) -> None:
        """Replace `value` by `made` in any case. `is_whole_word` leaves it inside other words."""
        value, made = lower(value), lower(made)
        values = self._whole_words if is_whole_word else self._values
        for written, replacement in ((value, made), *_spellings(value, made)):
            values.setdefault(written, replacement)
        self._pattern = None
        self._seen.clear()

    def add_token(self, token: str, made: str) -> None:
        """Replace a token whose case means something."""
        self._tokens[token] = made
        self._tokens_pattern = re.compile(f"({_pattern(self._tokens)})")

    def replace(self, text: str) -> str:
        """Return a text with all values replaced."""
        if not self._values and not self._whole_words:
            return text
        pieces = [text] if self._tokens_pattern is None else self._tokens_pattern.split(text)
        return "".join(self._tokens.get(piece) or self._without(piece) for piece in pieces)

    def _without(self, text: str, *, depth: int = 0) -> str:
        # Escapes first: without one, a part of a value would be replaced, and the whole not be found any more.
        text = self._replaced(self._in_escapes(text, depth))
        text = SPACED_HEX_RUNS.sub(lambda found: self._in_spaced_hexadecimal(found[0]), text)
        text = HEX_RUNS.sub(lambda found: self._in_hexadecimal(found[0]), text)
        return BASE64_RUNS.sub(lambda found: self._in_base64(found[0]), text)

    def _in_escapes(self, text: str, depth: int) -> str:
        """Replace values that are partly or wholly escaped; what is replaced is written in the same way."""
        plain = unescaped(text)
        if plain == text or depth == _DEEPEST:
            return text
        made = self._without(plain, depth=depth + 1)
        if made == plain:
            return text
        pairs = zip(units(text), made, strict=True)  # a replacement is as long as its value
        return "".join(unit if char == new else written_like(unit, new) for (unit, char), new in pairs)

    def found_in(self, text: str) -> bool:
        """Return whether a text still contains one of the values."""
        return self.replace(text) != text

    def _replaced(self, text: str, *, shortest: int = 1) -> str:
        """Replace the values that are written as text and have at least `shortest` bytes."""
        lowered, pieces, end = lower(text), [], 0
        for found in self._compiled().finditer(lowered):
            if len(found[0].encode(errors="replace")) < shortest:
                continue
            made = self._values.get(found[0]) or self._whole_words[found[0]]
            pieces += [text[end : found.start()], with_case_of(text[found.start() : found.end()], made)]
            end = found.end()
        return "".join([*pieces, text[end:]]) if pieces else text

    def _in_bytes(self, content: bytes) -> bytes:
        """Replace values in bytes: as characters, or as the bytes that hexadecimal digits stand for."""
        text = content.decode(errors="surrogateescape")
        replaced = self._in_escapes(text, _DEEPEST - 1) if "\\" in text or "%" in text else text
        replaced = self._replaced(replaced, shortest=_SHORTEST_ENCODED)
        if replaced != text:
            return replaced.encode(errors="surrogateescape")
        digits = content.hex()
        for found in self._compiled().finditer(digits):
            value = found[0]
            if found.start() % 2 == 0 and _HEXADECIMAL.fullmatch(value) and value in self._values:
                digits = digits[: found.start()] + self._values[value] + digits[found.end() :]
        return bytes.fromhex(digits)

    def _in_hexadecimal(self, run: str) -> str:
        for start in (0, 1):
            digits = run[start : len(run) - (len(run) - start) % 2]
            content = bytes.fromhex(digits)
            replaced = self._in_bytes(content)
            if replaced != content and len(replaced) == len(content):
                made = replaced.hex()
                return run[:start] + (made.upper() if digits.isupper() else made) + run[start + len(digits) :]
        return run

    def _in_spaced_hexadecimal(self, run: str) -> str:
        digits = _SEPARATORS.sub("", run.replace(",", ""))
        made = self._in_hexadecimal(digits)
        return run if made == digits else run[2].join(made[start : start + 2] for start in range(0, len(made), 2))

    def _in_base64(self, run: str) -> str:
        if run not in self._seen:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[run] = self._searched_base64(run)
        return self._seen[run]

    def _searched_base64(self, run: str) -> str:
        standard = run.translate(URL_SAFE)
        for start in range(4):
            usable = len(run) - start - ((len(run) - start) % 4 == 1)
            content = from_base64(run[start:])
            replaced = self._in_bytes(content)
            if replaced != content and len(replaced) == len(content):
                made = base64.b64encode(replaced).decode().rstrip("=")[:usable]
                made = made.translate(NOT_URL_SAFE) if standard != run else made
                return run[:start] + made + run[start + usable :]
        return run

    def _compiled(self) -> re.Pattern[str]:
        if self._pattern is None:
            parts = [] if not self._values else [_pattern(self._values)]
            if self._whole_words:
                parts.append(rf"(?<![^\W_]){_pattern(self._whole_words)}(?![^\W_])")
            self._pattern = re.compile("|".join(parts))
        return self._pattern


def _spellings(value: str, made: str) -> Iterator[tuple[str, str]]:
    """Yield other ways to write a value as text, as long as the replacement."""
    if " " in value:
        yield value.replace(" ", "+"), made.replace(" ", "+")
    digits, made_digits = _SEPARATORS.sub("", value), _SEPARATORS.sub("", made)
    if _HEXADECIMAL.fullmatch(digits) and len(digits) in _SEPARATED:
        yield digits, made_digits
        for separator, sizes in _SEPARATED[len(digits)]:
            yield _separated(digits, separator, sizes), _separated(made_digits, separator, sizes)


def _separated(digits: str, separator: str, sizes: Iterable[int]) -> str:
    remaining = iter(digits)
    return separator.join("".join(next(remaining) for _ in range(size)) for size in sizes)


def _pattern(values: Iterable[str]) -> str:
    """Return a pattern that finds the longest of many values quickly: it shares their beginnings."""
    root: _Trie = {}
    for value in values:
        node = root
        for char in value:
            node = node.setdefault(char, {})
        node[""] = {}
    return _pattern_of(root)


def _pattern_of(node: _Trie) -> str:
    prefix = ""
    while len(node) == 1 and "" not in node:
        ((char, node),) = node.items()
        prefix += re.escape(char)
    branches = [re.escape(char) + _pattern_of(child) for char, child in node.items() if char]
    if not branches:
        return prefix
    return f"{prefix}(?:{'|'.join(branches)}){'?' if '' in node else ''}"
