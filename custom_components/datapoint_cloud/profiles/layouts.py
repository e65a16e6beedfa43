"""Reads the `records` of a profile: what the bytes of its schedules and of its clock mean."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from ..clouds.records import UNUSED, ByteMeaning, ClockField, Grid, Record, RecordByte
from .words import BYTE, COUNT, LIMITS, LIST, SCALE, TEXT, WORD

_UNKNOWN: Final = "-"
_OPTIONS: Final = vol.Schema(vol.All({BYTE: WORD}, vol.Length(min=1)))
_MEANING: Final = vol.Schema(
    {
        vol.Optional("options"): _OPTIONS,
        vol.Optional("unit"): TEXT,
        vol.Optional("scale"): SCALE,
        vol.Optional("range"): LIMITS,
        vol.Optional("when"): {WORD: vol.All(LIST, [WORD])},
    }
)


def _fill(value: Any) -> int:
    """Read the byte that an unused slot consists of, as two hexadecimal digits."""
    try:
        (byte,) = bytes.fromhex(str(value))
    except ValueError:
        raise vol.Invalid('expected two hexadecimal digits in quotes, such as "ee"') from None
    return byte


def _byte(item: Any) -> RecordByte:
    """Read `-`, the name of a field, or a mapping of names to what is known about them."""
    if item == _UNKNOWN:
        return RecordByte()
    if isinstance(item, str):
        return RecordByte((ByteMeaning(name=TEXT(item)),))
    if not isinstance(item, Mapping) or not item:
        raise vol.Invalid("expected a name, or a name with a colon and what is known about it")
    return RecordByte(tuple(_meaning(name, content) for name, content in item.items()))


def _meaning(name: Any, content: Any) -> ByteMeaning:
    # A name with nothing after its colon.
    fields = _MEANING({} if content is None else content)
    least, greatest = fields.get("range", (None, None))
    return ByteMeaning(
        name=TEXT(name),
        options=fields.get("options", {}),
        unit=fields.get("unit"),
        scale=fields.get("scale", 1.0),
        minimum=least,
        maximum=greatest,
        when={other: tuple(words) for other, words in fields.get("when", {}).items()},
    )


_GRID: Final = vol.Schema(
    {
        vol.Required("minutes"): COUNT,
        vol.Required("bits"): vol.In([1, 2, 4, 8]),
        vol.Required("options"): _OPTIONS,
        vol.Optional("name"): TEXT,
        vol.Optional("order"): vol.In(["lowest", "highest"]),
    }
)
_RECORD: Final = vol.Schema(
    {
        vol.Optional("name"): TEXT,
        vol.Exclusive("bytes", "layout"): vol.All([_byte], vol.Length(min=1)),
        vol.Exclusive("clock", "layout"): vol.All([_byte], vol.Length(min=1)),
        vol.Exclusive("grid", "layout"): _GRID,
        vol.Optional("repeat"): COUNT,
        vol.Optional("empty"): vol.All(LIST, [_fill]),
    }
)


def read_record(pattern: str, content: Any) -> Record:
    """Read one entry of `records`. Raises `vol.Invalid`."""
    fields = _RECORD(content)
    if not {"bytes", "clock", "grid"} & fields.keys():
        raise vol.Invalid("needs bytes, clock or grid")
    clock = fields.get("clock")
    if clock is not None and not {found.name for byte in clock for found in byte.meanings} <= set(ClockField):
        raise vol.Invalid(f"a clock consists of {', '.join(ClockField)} and {_UNKNOWN}")
    grid = fields.get("grid")
    record = Record(
        pattern=pattern,
        layout=tuple(fields.get("bytes", clock) or ()),
        grid=None if grid is None else _grid(grid),
        repeat=fields.get("repeat", 1),
        empty=tuple(fields.get("empty", UNUSED)),
        is_clock=clock is not None,
        name=fields.get("name"),
    )
    if len(set(record.places)) != len(record.places):
        raise vol.Invalid("a place stands only once in a key")
    return record


def _grid(fields: Mapping[str, Any]) -> Grid:
    return Grid(
        minutes=fields["minutes"],
        bits=fields["bits"],
        options=fields["options"],
        name=fields.get("name", "mode"),
        is_highest_first=fields.get("order") == "highest",
    )
