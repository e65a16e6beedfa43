"""Make text from outside, such as the name of a device, safe to use as a placeholder in our texts."""

import re
import unicodedata
from typing import Final

_LONGEST: Final = 100
_JOINER: Final = "\u200d"  # of one emoji's parts
_MARKUP: Final = re.compile(
    r"""
    [\\`*\[\]<>#|~!&@^$]            # emphasis, code, links, images, tables, HTML and its entities, addresses of e-mail
    | (?<![^\W_])_ | _(?![^\W_])    # an underscore, except inside a word, where it has no effect
    | :(?=//) | (?<=www)\.          # becomes a link automatically
    | ^[-+=]                        # starts a list or a heading
    """,
    re.VERBOSE | re.IGNORECASE,
)


def plain(text: str, most: int = _LONGEST) -> str:
    """Return one line of at most `most` characters, without invisible ones and those that change the text direction."""
    spaced = " ".join(text.split())
    seen = "".join(char for char in spaced if char == _JOINER or unicodedata.category(char)[0] != "C")
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def in_markdown(text: str, most: int = _LONGEST) -> str:
    """Return the same line, escaped so that markdown shows it literally."""
    return _MARKUP.sub(r"\\\g<0>", plain(text, most))
