"""Text that others wrote (vendors, servers, whoever named a device), made fit to be filled into texts of ours."""

import re
import unicodedata
from typing import Final

_LONGEST: Final = 100
_JOINER: Final = "\u200d"  # of one emoji's parts
_MARKUP: Final = re.compile(
    r"""
    [\\`*\[\]<>#|~!&@^$]            # emphasis, code, links, images, tables, HTML and its entities, addresses of e-mail
    | (?<![^\W_])_ | _(?![^\W_])    # an underline, but for one inside a word, which means nothing
    | :(?=//) | (?<=www)\.          # what becomes a link by itself
    | ^[-+=]                        # what makes a list or a heading of what follows
    """,
    re.VERBOSE | re.IGNORECASE,
)


def plain(text: str, most: int = _LONGEST) -> str:
    """One line of at most `most` characters, without those that cannot be seen or turn the writing around."""
    spaced = " ".join(text.split())
    seen = "".join(char for char in spaced if char == _JOINER or unicodedata.category(char)[0] != "C")
    line = " ".join(seen.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def in_markdown(text: str) -> str:
    """The same, to be shown as it stands where markdown is rendered."""
    return _MARKUP.sub(r"\\\g<0>", plain(text))
