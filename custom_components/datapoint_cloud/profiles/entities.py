"""Reads the `entities` of a profile: platforms, and the roles that datapoints have in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

import voluptuous as vol
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.climate.const import HVACAction, HVACMode
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.water_heater.const import (
    STATE_ECO,
    STATE_ELECTRIC,
    STATE_GAS,
    STATE_HEAT_PUMP,
    STATE_HIGH_DEMAND,
    STATE_PERFORMANCE,
)

from ..clouds.model import Value
from .roles import OFF, ON, Composite, CompositePlatform, Role, Source
from .values import as_word
from .words import (
    BIT,
    CATEGORY,
    FLAG,
    KEY,
    LIMITS,
    LIST,
    NUMBER,
    OTHER,
    POSITIVE,
    SCALE,
    TEXT,
    VALUE,
    WORD,
    one_entry,
    worded,
)

UNITS: Final = ("°C", "°F")


class Kind(Enum):
    """What a role reads and writes."""

    FLAG = auto()
    NUMBER = auto()
    WORD = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Platform:
    """The roles that a platform knows, and those of which it needs at least one."""

    roles: Mapping[str, Kind]
    needs: tuple[frozenset[str], ...]
    """Sets of roles; all roles of one of them have to be there."""
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The words that a role may mean, where Home Assistant knows only some."""


_TEMPERATURES: Final = dict.fromkeys(("current", "target", "high", "low", "minimum", "maximum"), Kind.NUMBER)
_UNIT: Final = {"unit": frozenset(UNITS)}
_MODES: Final = frozenset(mode.value for mode in HVACMode)
_ACTIONS: Final = frozenset(action.value for action in HVACAction)
_OPERATIONS: Final = frozenset(
    {OFF, STATE_ECO, STATE_ELECTRIC, STATE_GAS, STATE_HEAT_PUMP, STATE_HIGH_DEMAND, STATE_PERFORMANCE}
)


def _needs(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split()) for names in sets)


PLATFORMS: Final[Mapping[CompositePlatform, _Platform]] = {
    CompositePlatform.BINARY_SENSOR: _Platform(roles={"on": Kind.FLAG}, needs=_needs("on")),
    CompositePlatform.BUTTON: _Platform(roles={}, needs=_needs("writes")),
    CompositePlatform.CLIMATE: _Platform(
        roles={
            "on": Kind.FLAG,
            **dict.fromkeys(("mode", "preset", "fan", "swing", "action", "unit"), Kind.WORD),
            **_TEMPERATURES,
            "humidity": Kind.NUMBER,
        },
        needs=_needs("target", "high low", "mode", "preset"),
        words={"mode": _MODES, "action": _ACTIONS, **_UNIT},
    ),
    CompositePlatform.FAN: _Platform(
        roles={
            "on": Kind.FLAG,
            "percentage": Kind.NUMBER,
            "preset": Kind.WORD,
            "oscillating": Kind.FLAG,
            "direction": Kind.WORD,
        },
        needs=_needs("on", "percentage", "preset"),
        words={"direction": frozenset({"forward", "reverse"})},
    ),
    CompositePlatform.LIGHT: _Platform(
        roles={
            "on": Kind.FLAG,
            **dict.fromkeys(("brightness", "color_temp", "red", "green", "blue", "white"), Kind.NUMBER),
            "effect": Kind.WORD,
        },
        needs=_needs("on", "brightness", "levels", "red green blue"),
    ),
    CompositePlatform.SCHEDULE: _Platform(roles={"on": Kind.FLAG}, needs=()),
    CompositePlatform.SENSOR: _Platform(roles={"value": Kind.NUMBER}, needs=_needs("value")),
    CompositePlatform.TIME: _Platform(
        roles=dict.fromkeys(("hour", "minute", "second"), Kind.NUMBER), needs=_needs("hour minute")
    ),
    CompositePlatform.WATER_HEATER: _Platform(
        roles={
            "on": Kind.FLAG,
            **dict.fromkeys(("mode", "unit"), Kind.WORD),
            **dict.fromkeys(("current", "target", "minimum", "maximum"), Kind.NUMBER),
        },
        needs=_needs("target", "on", "mode"),
        words={"mode": _OPERATIONS, **_UNIT},
    ),
}
"""The platforms of composite entities and their roles."""


def read_entity(content: Any) -> Composite:
    """Read one entry of `entities`: a platform with the roles of the entity. Raises `vol.Invalid`."""
    name, fields = one_entry(content)
    if name not in PLATFORMS:
        raise vol.Invalid(f"unknown platform {name!r}; known are {', '.join(PLATFORMS)}")
    platform = CompositePlatform(name)
    try:
        return _composite(platform, _schema(platform)(worded(fields)))
    except vol.MultipleInvalid as error:
        raise vol.MultipleInvalid([vol.Invalid(found.msg, [name, *found.path]) for found in error.errors]) from error


def _schema(platform: CompositePlatform) -> vol.Schema:
    known = PLATFORMS[platform]
    schema: dict[Any, Any] = {vol.Optional("name"): TEXT, vol.Optional("category"): CATEGORY}
    schema |= {vol.Optional("enabled"): FLAG, vol.Optional("requires"): [vol.In(known.roles)]}
    for role, kind in known.roles.items():
        schema[vol.Optional(role)] = _role(kind, known.words.get(role))
    match platform:
        case CompositePlatform.BINARY_SENSOR:
            schema[vol.Optional("class")] = vol.In([found.value for found in BinarySensorDeviceClass])
        case CompositePlatform.SENSOR:
            schema[vol.Optional("class")] = vol.In([found.value for found in SensorDeviceClass])
            schema[vol.Optional("unit")] = TEXT
        case CompositePlatform.CLIMATE | CompositePlatform.WATER_HEATER:
            schema[vol.Optional("limits")] = vol.Any({vol.In(UNITS): LIMITS}, LIMITS)
            schema[vol.Optional("step")] = POSITIVE
            if platform is CompositePlatform.CLIMATE:
                schema[vol.Optional("in_force")] = {WORD: vol.In(["high", "low"])}
        case CompositePlatform.LIGHT:
            schema[vol.Optional("levels")] = [_role(Kind.NUMBER, None)]
        case CompositePlatform.BUTTON:
            schema[vol.Optional("writes")] = vol.All({KEY: VALUE}, vol.Length(min=1))
        case _:
            pass
    return vol.Schema(vol.All(schema, _complete(known)))


def _complete(known: _Platform) -> Any:
    def check(fields: dict[str, Any]) -> dict[str, Any]:
        if known.needs and not any(names <= fields.keys() for names in known.needs):
            needed = " or ".join(", ".join(sorted(names)) for names in known.needs)
            raise vol.Invalid(f"needs {needed}")
        return fields

    return check


def _composite(platform: CompositePlatform, fields: Mapping[str, Any]) -> Composite:
    limits = fields.get("limits", {})
    roles = PLATFORMS[platform].roles
    return Composite(
        platform=platform,
        name=fields.get("name"),
        roles={role: fields[role] for role in roles if role in fields},
        limits=limits if isinstance(limits, Mapping) else {None: limits},
        step=fields.get("step"),
        in_force=fields.get("in_force", {}),
        levels=tuple(fields.get("levels", ())),
        writes=fields.get("writes", {}),
        requires=frozenset(fields.get("requires", ())),
        device_class=fields.get("class"),
        unit=fields.get("unit") if "unit" not in roles else None,
        category=fields.get("category"),
        is_enabled=fields.get("enabled", True),
    )


def _role(kind: Kind, words: frozenset[str] | None) -> Any:
    def read(value: Any) -> Role:
        sources = tuple(_source(item, kind) for item in LIST(value))
        if not sources:
            raise vol.Invalid("expected the key of a datapoint")
        allowed = frozenset({ON, OFF}) if kind is Kind.FLAG else words
        for word in (word for source in sources for word in source.words):
            if allowed is not None and word not in allowed:
                raise vol.Invalid(f"{word!r} is none of {', '.join(sorted(allowed))}")
        return Role(sources)

    return read


def read_unit_role(value: Any) -> Role:
    """Read a unit that another datapoint tells: `{key: {value: unit}}`."""
    if isinstance(value, str):
        raise vol.Invalid("expected a unit")
    return Role(tuple(_source(item, Kind.WORD) for item in LIST(value)))


_MEANINGS: Final = vol.Schema(vol.All({VALUE: vol.Any(None, WORD)}, vol.Length(min=1)))
_SOURCE: Final = vol.Schema(
    {
        vol.Exclusive("key", "keys"): KEY,
        vol.Exclusive("called", "keys"): vol.All(LIST, [TEXT]),
        vol.Exclusive("join", "keys"): vol.All([KEY], vol.Length(min=2, max=4)),
        vol.Optional("values"): _MEANINGS,
        vol.Optional("with"): {WORD: {KEY: VALUE}},
        vol.Optional("bit"): BIT,
        vol.Optional("scale"): SCALE,
        vol.Optional("offset"): NUMBER,
        vol.Optional("range"): LIMITS,
        vol.Optional("up_to"): LIMITS,
        vol.Optional("step"): POSITIVE,
    }
)


def _source(value: Any, kind: Kind) -> Source:
    """Read a key, `{key: {value: meaning}}`, or the long form with `key` or `join`."""
    if isinstance(value, bool):
        value = as_word(value)  # a datapoint that is called "on"
    if isinstance(value, str):
        is_unit = kind is Kind.WORD and value in UNITS
        return Source(constant=value) if is_unit else Source(keys=(KEY(value),))
    if isinstance(value, Mapping) and not {"key", "join", "called"} & value.keys():
        name, words = one_entry(value)
        value = {"key": name, "values": words}
    fields = _SOURCE(value)
    meanings: dict[Value, str | None] = fields.get("values", {})
    if meanings and kind is Kind.NUMBER:
        raise vol.Invalid("a number has no words")
    least, greatest = fields.get("range", (None, None))
    return Source(
        keys=tuple(fields.get("join", ())) or ((fields["key"],) if "key" in fields else ()),
        called=tuple(name.lower() for name in fields.get("called", ())),
        up_to=fields.get("up_to"),
        bit=fields.get("bit"),
        scale=fields.get("scale", 1.0),
        offset=fields.get("offset", 0.0),
        minimum=least,
        maximum=greatest,
        step=fields.get("step"),
        meanings=tuple((named, word) for named, word in meanings.items() if named != OTHER),
        otherwise=meanings.get(OTHER),
        along=fields.get("with", {}),
    )
