"""What the client asks for and prints on a terminal: questions, tables, and JSON for programs."""

import getpass
import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..plain_text import plain

type Row = Mapping[str, Any]
"""What a command prints about one thing, by the headings of the table."""

_LONGEST_CELL = 100  # characters, in a table
_WIDE = frozenset("WF")  # the classes of characters that fill two columns


class Stopped(Exception):
    """The client cannot go on; the text says why."""


def ask(question: str, default: str = "") -> str:
    """Ask for a line of text; an empty answer is the default."""
    sys.stderr.write(f"{question} [{default}]: " if default else f"{question}: ")
    sys.stderr.flush()
    try:
        return input().strip() or default
    except EOFError:
        raise Stopped("The input ended. A program passes a login with --login -.") from None


def agrees(question: str, *, default: bool = False) -> bool:
    """Ask a question that the user answers with yes or no; an empty answer is the default."""
    return ask(f"{question} (y/n)", "y" if default else "n").lower().startswith("y")


def ask_for_secret(question: str) -> str:
    """Ask for a text that the terminal does not show."""
    try:
        return getpass.getpass(f"{question}: ")
    except EOFError:
        raise Stopped("The input ended. A program passes a login with --login -.") from None


def say(text: str) -> None:
    """Print a remark, apart from the results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Printer:
    """Prints results as tables, or as JSON for programs."""

    def __init__(self, *, is_json: bool) -> None:
        """Print one line of JSON for each result with `is_json`."""
        self._is_json = is_json

    def rows(self, rows: Sequence[Row]) -> None:
        """Print all rows of a result: a table, or a list of objects."""
        if self._is_json:
            _write(_json(rows))
        elif rows:
            _write("\n".join(_table(rows)))
        else:
            say("There is nothing to show.")

    def row(self, row: Row) -> None:
        """Print one row of a result that goes on: its values, or an object."""
        _write(_json(row) if self._is_json else "  ".join(cell for value in row.values() if (cell := _cell(value))))


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_iso)


def _iso(time: datetime) -> str:
    return time.astimezone().isoformat()


def _table(rows: Sequence[Row]) -> list[str]:
    headings = [heading for heading in rows[0] if any(row.get(heading) not in (None, "", ()) for row in rows)]
    cells = [[heading.upper() for heading in headings]]
    cells += [[_cell(row.get(heading)) for heading in headings] for row in rows]
    widths = [max(_width(line[column]) for line in cells) for column in range(len(headings))]
    return ["  ".join(map(_padded, line, widths, strict=True)).rstrip() for line in cells]


def _cell(value: Any) -> str:
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case float():
            text = f"{value:.10g}"
        case datetime():
            text = value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return plain(text, _LONGEST_CELL)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in _WIDE else 1 for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
