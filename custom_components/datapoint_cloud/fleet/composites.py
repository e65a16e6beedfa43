"""Fits the entities of several datapoints that a profile describes to the datapoints that a device has.

It knows which values the roles compare, and not how Home Assistant shows them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..clouds.model import DataType, Value
from ..clouds.model import Role as DatapointRole
from ..profiles.entities import PLATFORMS, Kind
from ..profiles.keys import filled, is_pattern, matched
from ..profiles.model import Profile
from ..profiles.roles import OFF, ON, Composite, CompositePlatform, Role, Source
from ..profiles.values import is_same, scaled
from .description import DatapointDescription

type Descriptions = Mapping[str, DatapointDescription]
type Names = Mapping[str, Sequence[str]]

SHOWN: Final = frozenset(CompositePlatform) - {CompositePlatform.SCHEDULE}
"""The platforms that show such entities. The datapoints of the others keep their own entities enabled."""
_TYPES: Final = {
    Kind.FLAG: frozenset({DataType.BOOL}),
    Kind.NUMBER: frozenset({DataType.NUMBER}),
    Kind.WORD: frozenset({DataType.BOOL, DataType.ENUM}),
}
"""What a datapoint that is found by its name can be."""
_ONLY_SHOWN: Final = frozenset({"action", "current", "humidity"})
"""Roles that command nothing. A datapoint that is found by its name for any other role has to be writable."""
_SHARES: Final = frozenset({"brightness", "percentage", "levels", "red", "green", "blue", "white"})
"""Roles that are a share of the greatest number, whatever that counts."""
_CONTROLS: Final = frozenset(
    {CompositePlatform.CLIMATE, CompositePlatform.FAN, CompositePlatform.LIGHT, CompositePlatform.WATER_HEATER}
)


def composites_of(profile: Profile, descriptions: Descriptions) -> tuple[Composite, ...]:
    """Return the entities of a profile that a device with these datapoints has.

    A role whose datapoints are missing is left out, and so is an entity that lacks a role it needs; of several with the
    same key, the first one counts. The values that roles compare become those of the cloud, and their numbers get the
    unit and the limits of their datapoints.
    """
    expanded = (found for composite in profile.composites for found in _expanded(composite, descriptions))
    names = _names(descriptions) if any(composite.requires for composite in profile.composites) else {}
    fitted = (_fitted(composite, descriptions, names) for composite in expanded)
    found: dict[str, Composite] = {}
    for composite in fitted:
        if _is_complete(composite):
            found.setdefault(composite.key, composite)
    return tuple(found.values())


def _names(descriptions: Descriptions) -> Names:
    """Return the keys of what a device shows and accepts by their English names, in small letters."""
    names: dict[str, list[str]] = {}
    for key, shown in descriptions.items():
        if shown.datapoint.role is DatapointRole.STATUS and shown.datapoint.data_type is not DataType.BINARY:
            names.setdefault(shown.naming.english_name(shown.datapoint).lower(), []).append(key)
    return names


def without_parts_of(
    composites: tuple[Composite, ...], descriptions: Descriptions, profile: Profile
) -> dict[str, DatapointDescription]:
    """Disable the entities of datapoints that another entity shows, unless the profile wants them enabled."""
    used = {
        key
        for composite in composites
        if composite.platform in SHOWN
        for key in composite.keys
        # A sensor that was found by its name stays enabled, because a thermostat has no statistics of its temperature.
        if not (composite.requires and key in descriptions and not descriptions[key].datapoint.is_writable)
    }
    return {
        key: replace(description, is_enabled=False)
        if key in used and profile.refinement(key).is_enabled is not True
        else description
        for key, description in descriptions.items()
    }


def _expanded(composite: Composite, descriptions: Descriptions) -> Iterator[Composite]:
    """Yield an entity for everything that the wildcard in its keys stands for; itself if it has no wildcard."""
    pattern = next((key for key in sorted(composite.keys) if is_pattern(key)), None)
    if pattern is None:
        yield composite
        return
    parts = (matched(pattern, key) for key in descriptions)
    for part in dict.fromkeys(part for part in parts if part is not None):
        yield replace(
            composite,
            name=None if composite.name is None else filled(composite.name, part),
            roles={name: _filled(role, part) for name, role in composite.roles.items()},
            levels=tuple(_filled(role, part) for role in composite.levels),
            writes={filled(key, part): value for key, value in composite.writes.items()},
        )


def _filled(role: Role, part: str) -> Role:
    return Role(tuple(replace(source, keys=tuple(filled(key, part) for key in source.keys)) for source in role.sources))


def _is_complete(composite: Composite) -> bool:
    roles = (*composite.roles.values(), *composite.levels)
    is_writable = [source.is_writable for role in roles for source in role.sources if source.keys]
    if composite.platform in _CONTROLS and not any(is_writable):
        return False
    if composite.platform is CompositePlatform.TIME and not all(is_writable):
        return False
    if not composite.requires <= composite.roles.keys():
        return False
    there = {*composite.roles, *(["levels"] if composite.levels else []), *(["writes"] if composite.writes else [])}
    needs = PLATFORMS[composite.platform].needs
    return not needs or any(names <= there for names in needs)


def _fitted(composite: Composite, descriptions: Descriptions, names: Names) -> Composite:
    kinds = PLATFORMS[composite.platform].roles
    roles = {name: _fitted_role(name, role, kinds[name], descriptions, names) for name, role in composite.roles.items()}
    levels = (_fitted_role("levels", role, Kind.NUMBER, descriptions, names) for role in composite.levels)
    has_all = all(key in descriptions and descriptions[key].datapoint.is_writable for key in composite.writes)
    return replace(
        composite,
        roles={name: role for name, role in roles.items() if role.sources},
        levels=tuple(role for role in levels if role.sources),
        writes=_clouds_values(composite.writes, descriptions) if has_all else {},
    )


def _fitted_role(name: str, role: Role, kind: Kind, descriptions: Descriptions, names: Names) -> Role:
    sources = (_found(name, source, kind, descriptions, names) if source.called else source for source in role.sources)
    there = (source for source in sources if source is not None and set(source.keys) <= descriptions.keys())
    return Role(tuple(_fitted_source(source, kind, descriptions) for source in there))


def _found(role: str, source: Source, kind: Kind, descriptions: Descriptions, names: Names) -> Source | None:
    """Return the source with the key of the one datapoint that is called so; None if there is none, or several."""
    found = [
        shown
        for shown in (descriptions[key] for name in source.called for key in names.get(name, ()))
        if shown.datapoint.data_type in _TYPES[kind]
        # A number without a unit is not certain to be a temperature.
        and (kind is not Kind.NUMBER or shown.unit is not None or role in _SHARES)
        and (shown.datapoint.is_writable or role in _ONLY_SHOWN)
        and _explains(source, shown)
        and _is_up_to(source, shown)
    ]
    if len(found) != 1:
        return None
    (shown,) = found
    can_be = tuple(shown.options.values())
    meanings = tuple(meant for meant in source.meanings if not can_be or _clouds_value(shown, meant[0]) in can_be)
    return replace(source, keys=(shown.datapoint.key,), meanings=meanings)


def _is_up_to(source: Source, shown: DatapointDescription) -> bool:
    """Whether the limits of a number are low enough for a source that says how low they have to be."""
    ends = (shown.datapoint.minimum, shown.datapoint.maximum)
    found = [scaled(end, shown.scale) for end in ends if end is not None]
    return source.up_to is None or (
        len(found) == len(ends) and all(end <= most for end, most in zip(found, source.up_to, strict=True))
    )


def _explains(source: Source, shown: DatapointDescription) -> bool:
    """Whether a source has a word for each option of a datapoint, if it has words."""
    values = [_clouds_value(shown, value) for value, _ in source.meanings]
    return not values or all(any(is_same(value, option) for value in values) for option in shown.options.values())


def _fitted_source(source: Source, kind: Kind, descriptions: Descriptions) -> Source:
    if not source.keys:
        return source
    shown = descriptions[source.keys[0]]
    is_switch = kind is Kind.FLAG and shown.datapoint.data_type is DataType.NUMBER and source.bit is None
    if is_switch and not source.words:
        source = replace(source, meanings=((0, OFF), (1, ON)), otherwise=ON)
    source = replace(
        source,
        is_writable=all(descriptions[key].datapoint.is_writable for key in source.keys),
        meanings=tuple((_clouds_value(shown, value), word) for value, word in source.meanings)
        or _own_words(source, kind, shown),
        along={word: _clouds_values(values, descriptions) for word, values in source.along.items()},
    )
    return _scaled(source, shown) if kind is Kind.NUMBER and len(source.keys) == 1 else source


def _own_words(source: Source, kind: Kind, shown: DatapointDescription) -> tuple[tuple[Value, str | None], ...]:
    """Return the words that a datapoint has for its own values, for a role that names none."""
    if kind is Kind.NUMBER or source.otherwise is not None or source.bit is not None:
        return ()
    return (*((value, key) for key, value in shown.options.items()), *shown.reads)


def _scaled(source: Source, shown: DatapointDescription) -> Source:
    """Give a number the scale of its datapoint, and the limits of the datapoint where it has none of its own."""
    scale, offset = source.scale * shown.scale, source.offset
    datapoint = shown.datapoint
    ends = [None if end is None else scaled(end, scale, offset) for end in (datapoint.minimum, datapoint.maximum)]
    least, greatest = sorted(end for end in ends if end is not None) if None not in ends else (None, None)
    return replace(
        source,
        scale=scale,
        minimum=least if source.minimum is None else source.minimum,
        maximum=greatest if source.maximum is None else source.maximum,
        step=source.step or (None if datapoint.step is None else abs(scaled(datapoint.step, scale))),
    )


def _clouds_values(values: Mapping[str, Value], descriptions: Descriptions) -> dict[str, Value]:
    """Return values to write as the cloud expects them; those of datapoints that the device lacks are left out."""
    return {key: _clouds_value(descriptions[key], value) for key, value in values.items() if key in descriptions}


def _clouds_value(shown: DatapointDescription, named: Value) -> Value:
    """Return the cloud's value for one that a profile names by its key, its word, its number or on and off."""
    options = tuple(shown.options.values())
    if options:
        found = next((option for option in options if is_same(named, option)), None)
        if found is not None:
            return found
        by_word = shown.vendors_value(named)
        if by_word is not named or isinstance(named, str):
            return by_word
        # By its place in the list of the definition.
        is_place = isinstance(named, int) and isinstance(options[0], str) and named in range(len(options))
        return options[int(named)] if is_place else named
    is_flag = shown.datapoint.data_type is DataType.BOOL
    return bool(named) if is_flag and not isinstance(named, str) else _number_or_text(named)


def _number_or_text(named: Value) -> Value:
    # YAML reads "on" as true, which no number can be.
    return int(named) if isinstance(named, bool) else named
