"""Reads the identifiers of SoData's services as words: `IUpsBypass_F` in hertz becomes "UPS bypass frequency".

A service without a title has nothing else by which a person could call it.
"""

import re
from typing import Final

_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+")
_WORD: Final = re.compile(r"[A-Z]{2,}(?![a-z])\d*|[A-Z]?[a-z]+|[A-Z]\d*|\d+[a-z]*")
_QUANTITIES: Final = {
    ("F", "hertz"): "frequency",
    ("V", "volt"): "voltage",
    ("U", "volt"): "phase-to-phase voltage",
    ("I", "ampere"): "current",
    ("P", "watt"): "active power",
    ("P", "kilowatt"): "active power",
    ("S", "voltampere"): "apparent power",
    ("S", "kilovoltampere"): "apparent power",
    ("Q", "var"): "reactive power",
    ("Q", "kilovar"): "reactive power",
    ("Lr", "percent"): "load rate",
}
"""What a letter stands for, if the unit confirms it."""
_WORDS: Final = {
    "Ups": "UPS",
    "Temp": "temperature",
    "Pf": "power factor",
    "Ea": "active energy",
    "Er": "reactive energy",
}


def readable(name: str, unit: str) -> str:
    """Return the words of an identifier, and any other name as it is. `unit` is in lower case without separators."""
    if _IDENTIFIER.fullmatch(name) is None:
        return name
    # The vendor puts an I in front of the name of each group of services.
    words = _WORD.findall(re.sub(r"^I(?=[A-Z])", "", name))
    text = " ".join(_word(word, unit) for word in words)
    return text[:1].upper() + text[1:]


def _word(word: str, unit: str) -> str:
    if (known := _QUANTITIES.get((word, unit.removesuffix("s"))) or _WORDS.get(word)) is not None:
        return known
    return word.lower() if word[1:].islower() else word
