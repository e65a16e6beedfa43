"""Looks through the ways in which texts are written inside other texts: escapes, hexadecimal digits and base64.

It knows nothing of what is private.
"""

import base64
import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

HEX_RUNS: Final = re.compile(r"[0-9A-Fa-f]{10,}")
SPACED_HEX_RUNS: Final = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[ :,.-][0-9A-Fa-f]{2}){4,}(?![0-9A-Fa-f])")
BASE64_RUNS: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}")
URL_SAFE: Final = str.maketrans("-_", "+/")
NOT_URL_SAFE: Final = str.maketrans("+/", "-_")

_ESCAPES: Final = re.compile(
    r"""(?P<percent>(?:%[0-9A-Fa-f]{2})+)
    | \\(?:u(?P<unicode>[0-9A-Fa-f]{4})|(?P<escaped>["\\/]))
    | (?P<entity>&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[a-zA-Z]{2,8});)""",
    re.VERBOSE,
)
_SHORTEST_HIDDEN: Final = 12  # characters of a run that may hide a text worth looking at


def unescaped(text: str) -> str:
    """Return a text with one level of the escapes of JSON, HTML and addresses resolved."""
    return _ESCAPES.sub(lambda found: "".join(char for _, char in _of_escape(found)), text)


def units(text: str) -> Iterator[tuple[str, str]]:
    """Yield how each character of `unescaped(text)` is written, and the character."""
    end = 0
    for found in _ESCAPES.finditer(text):
        yield from ((char, char) for char in text[end : found.start()])
        yield from _of_escape(found)
        end = found.end()
    yield from ((char, char) for char in text[end:])


def written_like(unit: str, char: str) -> str:
    """Write another character in the way of a unit."""
    if unit.startswith("%"):
        return quote(char, safe="", errors="surrogateescape")
    if unit.startswith("\\u"):
        return f"\\u{ord(char):04x}"
    return f"&#{ord(char)};" if len(unit) > 1 and unit.startswith("&") else char


def _of_escape(found: re.Match[str]) -> list[tuple[str, str]]:
    """Return the units of an escape; only percent signs may stand for several characters."""
    written = found[0]
    if found["percent"]:
        pairs, start = [], 0
        for char in bytes.fromhex(written.replace("%", "")).decode(errors="surrogateescape"):
            end = start + 3 * len(char.encode(errors="surrogateescape"))
            pairs.append((written[start:end], char))
            start = end
        return pairs
    char = chr(int(found["unicode"], 16)) if found["unicode"] else found["escaped"] or html.unescape(written)
    return [(written, char)] if len(char) == 1 else [(one, one) for one in written]


def hidden_texts(text: str) -> Iterator[str]:
    """Yield the texts that stand inside a text in another way of writing."""
    if (plain := unescaped(text)) != text:
        yield plain
    for pattern, decode in ((HEX_RUNS, bytes.fromhex), (BASE64_RUNS, from_base64)):
        for found in pattern.finditer(text):
            run = found[0][: len(found[0]) - len(found[0]) % 2] if pattern is HEX_RUNS else found[0]
            if len(run) >= _SHORTEST_HIDDEN and (hidden := _printable(decode(run))) is not None:
                yield hidden


def from_base64(run: str) -> bytes:
    """Decode a run of the characters of base64, of either alphabet and without its padding; drop what is too much."""
    usable = run[: len(run) - (len(run) % 4 == 1)].translate(URL_SAFE)
    return base64.b64decode(usable + "=" * (-len(usable) % 4))


def _printable(content: bytes) -> str | None:
    try:
        text = content.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
