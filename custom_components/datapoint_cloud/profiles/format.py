"""Reads profiles from YAML, and says in words where a file is wrong. `docs/profiles.md` describes the format."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import voluptuous as vol
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.number import NumberDeviceClass
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_UNITS as SENSOR_UNITS
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import parse_yaml

from .entities import read_entity, read_unit_role
from .layouts import read_record
from .model import Match, Profile, Refinement, ShownAs
from .roles import Role
from .words import BYTE, CATEGORY, FLAG, KEY, LIST, NUMBER, OTHER, POSITIVE, TEXT, VALUE, WORD


class BadProfile(ValueError):
    """A profile that cannot be used. The message says where it is wrong and why."""


def _option_words(content: Any) -> dict[Any, str]:
    return vol.Schema(vol.All({VALUE: WORD}, vol.Length(min=1)))(content)  # type: ignore[no-any-return]


def _payloads(content: Any) -> dict[Any, bytes]:
    payloads = vol.Schema(vol.All({VALUE: vol.All([BYTE], vol.Length(min=1))}, vol.Length(min=1)))(content)
    return {value: bytes(payload) for value, payload in payloads.items()}


_CLASSES: Final = sorted(
    {found.value for classes in (SensorDeviceClass, NumberDeviceClass, BinarySensorDeviceClass) for found in classes}
)
_REFINEMENT: Final = vol.Schema(
    {
        vol.Optional("name"): TEXT,
        vol.Optional("unit"): vol.Any(TEXT, read_unit_role),
        vol.Optional("class"): vol.In(_CLASSES),
        vol.Optional("state"): vol.In([found.value for found in SensorStateClass]),
        vol.Optional("scale"): POSITIVE,
        vol.Optional("min"): NUMBER,
        vol.Optional("max"): NUMBER,
        vol.Optional("step"): POSITIVE,
        vol.Optional("options"): _option_words,
        vol.Optional("reads"): {WORD: vol.All(LIST, [VALUE])},
        vol.Optional("as"): vol.In([found.value for found in ShownAs]),
        vol.Optional("category"): CATEGORY,
        vol.Optional("enabled"): FLAG,
        vol.Optional("absent"): vol.All(LIST, [VALUE]),
        vol.Optional("raw"): _payloads,
        vol.Optional("part"): TEXT,
        vol.Optional("counted_by"): KEY,
    }
)
_MATCH: Final = vol.Schema(
    vol.All(
        {
            vol.Optional("devices"): vol.All(LIST, [TEXT]),
            vol.Optional("products"): vol.All(LIST, [TEXT]),
            vol.Optional("has"): vol.All(LIST, [KEY]),
            vol.Optional("lacks"): vol.All(LIST, [KEY]),
            vol.Optional("says"): {KEY: TEXT},
            vol.Optional("named"): vol.All(LIST, [TEXT]),
        },
        vol.Any(
            {vol.Required(vol.Any("devices", "products", "has")): object, vol.Extra: object},
            msg="needs devices, products or has",
        ),
    )
)
_PROFILE: Final = vol.Schema(
    {
        vol.Required("match"): _MATCH,
        vol.Optional("model"): TEXT,
        vol.Optional("manufacturer"): TEXT,
        vol.Optional("datapoints"): {KEY: vol.Any(None, dict)},
        vol.Optional("entities"): [dict],
        vol.Optional("records"): {TEXT: dict},
    }
)


def read_profiles(text: str, source: str) -> list[Profile | BadProfile]:
    """Read the profiles of a file: a list of them, or a single one. A bad one stands in the list as its error.

    Raises `BadProfile` if the text is no YAML, or no profile at all.
    """
    try:
        content = parse_yaml(text)
    except HomeAssistantError as error:
        raise BadProfile(f"{source}: {error}") from error
    entries = [content] if isinstance(content, Mapping) else content
    if not isinstance(entries, list) or not entries:
        raise BadProfile(f"{source}: expected a profile, or a list of profiles")
    return [_checked(entry, number, source) for number, entry in enumerate(entries, start=1)]


def _checked(entry: Any, number: int, source: str) -> Profile | BadProfile:
    try:
        return read_profile(entry, source)
    except vol.Invalid as error:
        model = entry.get("model") if isinstance(entry, Mapping) else None
        found = error.errors[0] if isinstance(error, vol.MultipleInvalid) else error
        where = " → ".join(str(step) for step in found.path)
        return BadProfile(f"{source}, profile {number}{f' ({model})' if model else ''}: {where}: {found.msg}")


def read_profile(entry: Any, source: str | None = None) -> Profile:
    """Read one profile. Raises `vol.Invalid` with the path to what is wrong."""
    fields = _PROFILE(entry)
    match = fields["match"]
    return Profile(
        match=Match(
            devices=frozenset(match.get("devices", ())),
            products=frozenset(match.get("products", ())),
            has=tuple(match.get("has", ())),
            lacks=tuple(match.get("lacks", ())),
            says=match.get("says", {}),
            named=tuple(match.get("named", ())),
        ),
        model=fields.get("model"),
        manufacturer=fields.get("manufacturer"),
        datapoints={
            key: _at(["datapoints", key], _refinement, content or {})
            for key, content in fields.get("datapoints", {}).items()
        },
        composites=tuple(
            _at(["entities", number], read_entity, content)
            for number, content in enumerate(fields.get("entities", ()), start=1)
        ),
        records=tuple(
            _at(["records", pattern], partial(read_record, pattern), content)
            for pattern, content in fields.get("records", {}).items()
        ),
        source=source,
    )


def _at[T](path: list[Any], read: Callable[[Any], T], content: Any) -> T:
    """Read a piece; an error in it names the path to it."""
    try:
        return read(content)
    except vol.Invalid as error:
        found = error.errors[0] if isinstance(error, vol.MultipleInvalid) else error
        raise vol.Invalid(found.msg, [*path, *found.path]) from error


def _units_of(device_class: str | None) -> set[str | None] | None:
    """Return the units that a class can have; None if Home Assistant does not say."""
    by_class: tuple[Mapping[Any, set[Any]], ...] = (SENSOR_UNITS, NUMBER_UNITS)
    found = [units[device_class] for units in by_class if device_class in units]
    return None if not found else set().union(*found)


def _refinement(content: Any) -> Refinement:
    fields = _REFINEMENT(content)
    options: dict[Any, str] = fields.get("options", {})
    reads: dict[str, list[Any]] = fields.get("reads", {})
    for word in reads:
        if word not in options.values():
            raise vol.Invalid(f"{word!r} is none of the options", ["reads"])
    shown_as, unit = fields.get("as"), fields.get("unit")
    least, greatest = fields.get("min"), fields.get("max")
    if least is not None and greatest is not None and least >= greatest:
        raise vol.Invalid("min has to be less than max", ["min"])
    units = _units_of(fields.get("class"))
    for used in unit.words if isinstance(unit, Role) else (unit,):
        if used is not None and units is not None and used not in units:
            raise vol.Invalid(f"the class has no unit {used}", ["unit"])
    return Refinement(
        name=fields.get("name"),
        unit=None if isinstance(unit, Role) else unit,
        unit_role=unit if isinstance(unit, Role) else None,
        device_class=fields.get("class"),
        state_class=fields.get("state"),
        scale=fields.get("scale"),
        minimum=least,
        maximum=greatest,
        step=fields.get("step"),
        options={value: word for value, word in options.items() if value != OTHER},
        otherwise=options.get(OTHER),
        reads={word: tuple(values) for word, values in reads.items()},
        shown_as=None if shown_as is None else ShownAs(shown_as),
        category=fields.get("category"),
        is_enabled=fields.get("enabled"),
        absent=tuple(fields.get("absent", ())),
        raw=fields.get("raw", {}),
        part=fields.get("part"),
        counted_by=fields.get("counted_by"),
    )
