"""Decides which entity shows a datapoint, with tables and pure functions.

The vendor's schema decides, and a profile adds what a schema cannot say. Keys are used for one guess alone: a long
numbered series is a time table, whose entities are disabled at first, unless its members are switches.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from operator import eq
from typing import Any, assert_never

from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.number import NumberDeviceClass, NumberMode
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_UNITS as SENSOR_UNITS
from homeassistant.const import EntityCategory, Platform

from ..clouds.model import Datapoint, DataType, Reading, Role, Value
from ..profiles.model import UNREFINED, Profile, Refinement
from ..profiles.refine import can_be, option_of, options_of, payloads_of, refined
from ..profiles.values import as_word, is_same, number_of, scaled
from ..vocabulary import is_chinese, readable
from .first_dozen import DOZEN, Measurement, first_dozen, is_wanted_alarm
from .hints import hint_of
from .naming import Naming, key_of
from .temperature_units import Temperatures, temperatures_of
from .units import COUNTER, allowed_state_classes, fitting_class, state_class_of, unit_of

LONGEST_STATE = 255
"""Characters: Home Assistant rejects a longer state."""
_SERIES = 6  # from this number of siblings on, a numbered series is a time table or a row of counters
_MOST_SWITCHES = 16  # of a series: the outlets of a board or the heads of a pump, and no time table
_SILENT = timedelta(days=1)
_STEPS_OF_A_SLIDER = 200
_ON = "on"
_BINARY_CLASSES = frozenset(found.value for found in BinarySensorDeviceClass)
_USEFUL = frozenset({Role.STATUS, Role.ACTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatapointDescription:
    """How a datapoint is shown; `datapoint` is as its profile wants it.

    The cloud's number is multiplied by `scale`, which gives the value in `unit`. `options` maps the key of each option
    to the cloud's value for it, `reads` has further values that mean one, and `otherwise` is the key for all others.
    `absent` are the values that mean "no value". `payloads` has the bytes that are sent instead of some values.
    New entity ids are made from `object_name`. `unit_keys` are the datapoints that tell the unit.
    """

    datapoint: Datapoint
    platform: Platform
    name: str
    object_name: str
    naming: Naming = field(repr=False, compare=False)
    device_class: str | None = None
    unit: str | None = None
    unit_keys: frozenset[str] = frozenset()
    state_class: SensorStateClass | None = None
    category: EntityCategory | None = None
    mode: NumberMode = NumberMode.AUTO
    scale: float = 1.0
    is_enabled: bool = True
    options: Mapping[str, Value] = field(default_factory=dict)
    reads: tuple[tuple[Value, str], ...] = ()
    otherwise: str | None = None
    absent: tuple[Value, ...] = ()
    payloads: Mapping[Value, bytes] = field(default_factory=dict)

    def shown(self, value: Value | None) -> Value | None:
        """Return what an entity shows for the cloud's value: a key of an option, a number in the unit, on or off."""
        if value is None or (self.absent and any(is_same(absent, value) for absent in self.absent)):
            return None
        match self.datapoint.data_type:
            case DataType.ENUM:
                return self.shown_option(value)
            case DataType.BOOL if self.options:
                return self.shown_option(value) == _ON
            case DataType.NUMBER:
                number = number_of(value)
                return value if number is None else scaled(number, self.scale)
            case _:
                return value

    def shown_option(self, value: Value) -> str:
        """Return the key of a value. Newer firmware may report values that the schema lacks."""
        known = [*((option, key) for key, option in self.options.items()), *self.reads]
        for is_meant in (eq, is_same):
            if (key := next((key for option, key in known if is_meant(option, value)), None)) is not None:
                return key
        if self.otherwise is not None:
            return self.otherwise
        return self.naming.unknown_option_key(value) if isinstance(value, str) else as_word(value)

    def vendors_value(self, value: Value) -> Value:
        """Return the cloud's value for an option, also for on and off. Any other value stays: the cloud checks it."""
        if not self.options or not isinstance(value, (str, bool)):
            return value
        key = self.key_of_option(as_word(value))
        return value if key is None else self.options[key]

    def key_of_option(self, word: str) -> str | None:
        """Return the key of an option that a user calls by its key, its English name or the vendor's word."""
        for key, option in self.options.items():
            if word in (key, option):
                return key
        plain = word.strip()
        spelled = (key for key, option in self.options.items() if plain in (key, as_word(option).strip()))
        return next(spelled, None) or next((key for key in self.options if key == key_of(plain) != ""), None)


def describe(
    datapoints: Iterable[Datapoint], readings: Mapping[str, Reading], profile: Profile, naming: Naming
) -> dict[str, DatapointDescription]:
    """Describe all datapoints of one device, by key."""
    by_key = {datapoint.key: datapoint for datapoint in datapoints}
    temperatures = cache(lambda: temperatures_of(by_key.values()))
    known = {key: _with_hint(profile.refinement(key), source, naming, temperatures) for key, source in by_key.items()}
    refinements = {key: _with_unit(refinement, by_key, readings) for key, refinement in known.items()}
    described = {key: _describe_one(source, refinements[key], naming) for key, source in by_key.items()}
    descriptions = _told_apart(described) if naming.words is not None else described
    enabled = _enabled(descriptions.values(), readings)
    for key, refinement in refinements.items():
        if refinement.is_enabled is not None:
            (enabled.add if refinement.is_enabled else enabled.discard)(key)
        if _is_unfitted(refinement, readings):
            enabled.discard(key)
    return {
        key: description if key in enabled else replace(description, is_enabled=False)
        for key, description in descriptions.items()
    }


def _is_unfitted(refinement: Refinement, readings: Mapping[str, Reading]) -> bool:
    """Whether a datapoint belongs to a part that this device reports not to have."""
    counter = readings.get(refinement.counted_by or "")
    count = None if counter is None or counter.value is None else number_of(counter.value)
    return refinement.number is not None and count is not None and 0 < count < refinement.number


def _told_apart(descriptions: dict[str, DatapointDescription]) -> dict[str, DatapointDescription]:
    """Add the identifier to a name that another entity of the same kind has: several Chinese words mean the same."""
    seen: set[tuple[Any, ...]] = set()
    for key, shown in descriptions.items():
        datapoint = shown.datapoint
        place = (shown.platform, datapoint.part and datapoint.part.id, shown.name)
        if place in seen and datapoint.service is None and is_chinese(datapoint.name):
            words = readable(key).lower()
            descriptions[key] = replace(
                shown, name=f"{shown.name} ({words})", object_name=f"{shown.object_name} {words}"
            )
        seen.add(place)
    return descriptions


def _with_hint(
    refinement: Refinement, source: Datapoint, naming: Naming, temperatures: Callable[[], Temperatures]
) -> Refinement:
    """Add what the name of a datapoint says, where neither its cloud nor its profile says more."""
    if source.service is not None or source.role is Role.ALARM or source.data_type is DataType.BINARY:
        return refinement
    hint = hint_of(source, naming.english_name(source), temperatures)
    if hint is UNREFINED:
        return refinement
    if refinement.unit or refinement.unit_role or refinement.device_class or refinement.scale:
        hint = replace(hint, unit=None, unit_role=None, device_class=None)
    if naming.words is None:
        hint = replace(hint, name=None)
    return refinement.over(hint)


def _with_unit(
    refinement: Refinement, datapoints: Mapping[str, Datapoint], readings: Mapping[str, Reading]
) -> Refinement:
    """Give a datapoint the unit that other datapoints tell now; while they are unknown, the first one it can have."""
    role = refinement.unit_role
    if role is None:
        return refinement
    values = {key: reading.value for key in role.keys if (reading := readings.get(key)) and reading.value is not None}
    sources = (
        replace(
            source,
            meanings=tuple((option_of(datapoints[source.keys[0]], named), word) for named, word in source.meanings),
        )
        for source in role.sources
        if datapoints.keys() >= set(source.keys)
    )
    unit = replace(role, sources=tuple(sources)).word(values.get) if values else next(iter(role.words), None)
    # A class such as temperature needs a unit.
    return replace(refinement, unit=unit, device_class=refinement.device_class if unit else None)


def _describe_one(source: Datapoint, refinement: Refinement, naming: Naming) -> DatapointDescription:
    datapoint = naming.with_part(refined(source, refinement))
    options, reads = _options(source, refinement, naming)
    name = None if refinement.name is None else naming.words_of(refinement.name)
    plain = DatapointDescription(
        datapoint=datapoint,
        platform=Platform.SENSOR,
        name=name or naming.name(datapoint),
        object_name=refinement.name or naming.object_name(datapoint),
        naming=naming,
        unit_keys=frozenset() if refinement.unit_role is None else refinement.unit_role.keys,
        scale=refinement.scale or 1.0,
        options=options,
        reads=reads,
        otherwise=None if refinement.otherwise is None else _option_key(refinement.otherwise),
        absent=refinement.absent,
        payloads=payloads_of(source, refinement),
    )
    description = _of_role(plain, refinement)
    if refinement.category is None:
        return description
    return replace(description, category=EntityCategory(refinement.category))


def _options(
    source: Datapoint, refinement: Refinement, naming: Naming
) -> tuple[dict[str, Value], tuple[tuple[Value, str], ...]]:
    """Return the values of the options by their keys, and further values that mean one of them."""
    if refinement is UNREFINED:
        return dict(naming.option_keys(source.options)), ()
    words = options_of(source, refinement)
    keys = naming.option_keys(source.options)
    options: dict[str, Value] = {key: label for key, label in keys.items() if label not in words}
    reads: list[tuple[Value, str]] = []
    for value, word in words.items():
        key = _option_key(word)
        if key in options or not can_be(source, value):
            reads.append((value, key))  # read so, but written as the first value of the word
        else:
            options[key] = value
    reads += [(value, _option_key(word)) for word, values in refinement.reads.items() for value in values]
    return options, tuple(reads)


def _option_key(word: str) -> str:
    return key_of(word) or word  # a user's own profile may have words in any script


def _of_role(plain: DatapointDescription, refinement: Refinement) -> DatapointDescription:
    is_control = plain.datapoint.is_writable
    match plain.datapoint.role:
        case Role.ALARM:
            return replace(
                plain, platform=Platform.BINARY_SENSOR, device_class="problem", category=EntityCategory.DIAGNOSTIC
            )
        case Role.ACTION if is_control:
            return replace(plain, platform=Platform.BUTTON)
        case Role.MAINTENANCE if is_control:
            return replace(plain, platform=Platform.BUTTON, category=EntityCategory.CONFIG)
        case Role.INTERNAL:
            return replace(_of_type(plain, refinement), category=EntityCategory.DIAGNOSTIC)
        case _:
            return _of_type(plain, refinement)


def _of_type(plain: DatapointDescription, refinement: Refinement) -> DatapointDescription:
    datapoint, is_control = plain.datapoint, plain.datapoint.is_writable
    match datapoint.data_type:
        case DataType.BOOL:
            platform = Platform.SWITCH if is_control else Platform.BINARY_SENSOR
            has_class = not is_control and refinement.device_class in _BINARY_CLASSES
            plain = replace(plain, platform=platform, device_class=refinement.device_class if has_class else None)
        case DataType.ENUM:
            platform, device_class = (
                (Platform.SELECT, None) if is_control else (Platform.SENSOR, SensorDeviceClass.ENUM)
            )
            plain = replace(plain, platform=platform, device_class=device_class)
        case DataType.NUMBER if is_control and datapoint.minimum is not None and datapoint.maximum is not None:
            plain = _number(plain, refinement, datapoint.maximum - datapoint.minimum)
        case DataType.NUMBER:
            plain = _sensor(plain, refinement)
        case DataType.BINARY:
            plain = replace(plain, category=EntityCategory.DIAGNOSTIC)
        case DataType.TEXT:
            pass
        case _ as unreachable:
            assert_never(unreachable)
    return plain


def _number(plain: DatapointDescription, refinement: Refinement, span: float) -> DatapointDescription:
    is_wide = span / (plain.datapoint.step or 1.0) > _STEPS_OF_A_SLIDER
    unit = unit_of(plain.datapoint)
    shown = refinement.unit or unit.symbol or None
    own_class = None if refinement.unit else unit.device_class
    device_class = fitting_class(refinement.device_class, shown, NUMBER_UNITS) or own_class
    return replace(
        plain,
        platform=Platform.NUMBER,
        device_class=NumberDeviceClass(device_class) if device_class else None,
        unit=shown,
        mode=NumberMode.BOX if is_wide else NumberMode.AUTO,
    )


def _sensor(plain: DatapointDescription, refinement: Refinement) -> DatapointDescription:
    unit = unit_of(plain.datapoint)
    shown = refinement.unit or unit.symbol or None
    known_class = fitting_class(refinement.device_class, shown, SENSOR_UNITS)
    allowed = allowed_state_classes(known_class)
    if refinement.state_class and refinement.state_class in allowed:
        state_class: SensorStateClass | None = SensorStateClass(refinement.state_class)
    elif plain.datapoint.is_difference and shown is not None:
        state_class = None
    elif plain.datapoint.is_period_total:
        state_class = SensorStateClass.TOTAL if SensorStateClass.TOTAL in allowed else None
    elif refinement.unit or known_class:
        state_class = state_class_of(known_class)
    else:
        state_class = unit.state_class
    if refinement.unit or refinement.device_class or refinement.state_class:
        return replace(plain, device_class=known_class, unit=shown, state_class=state_class)
    device_class = None if plain.datapoint.is_difference else unit.device_class
    return replace(plain, device_class=device_class, unit=shown, state_class=state_class)


def _enabled(descriptions: Iterable[DatapointDescription], readings: Mapping[str, Reading]) -> set[str]:
    """Choose the datapoints whose entities are enabled at first: the useful ones, never all of a long list."""
    candidates = [
        description
        for description in descriptions
        if description.datapoint.role in _USEFUL and description.datapoint.data_type is not DataType.BINARY
    ]
    series = Counter(_family(description.datapoint) for description in candidates)
    others = {_family(found.datapoint) for found in candidates if found.platform is not Platform.SWITCH}
    newest = max((reading.taken_at for reading in readings.values() if reading.taken_at), default=None)
    enabled: set[str] = set()
    measured: dict[str | None, list[Measurement]] = defaultdict(list)  # by the id of their part
    for description in candidates:
        datapoint = description.datapoint
        if datapoint.service is None:
            # A product's schema lists what its device is for. Only its long series stay disabled.
            family = _family(datapoint)
            if series[family] < _SERIES or (series[family] <= _MOST_SWITCHES and family not in others):
                enabled.add(datapoint.key)
            continue
        reading = readings.get(datapoint.key)
        taken_at = reading.taken_at if reading else None
        is_silent = newest is not None and (taken_at is None or newest - taken_at > _SILENT)
        if description.unit is not None and not is_silent:
            measured[datapoint.part.id if datapoint.part else None].append(_measurement(description, description.unit))
    alarms = _wanted_alarms(descriptions)
    enabled |= set().union(*alarms.values())
    for part, measurements in measured.items():
        enabled |= first_dozen(measurements, DOZEN - len(alarms.get(part, ())))
    # The numbers in the labels of a usage query name contents or channels.
    figures = [description.datapoint.key for description in candidates if description.datapoint.is_period_total]
    enabled.update([key for key in figures if key not in enabled][:DOZEN])
    if not enabled:
        # All datapoints are one series: the relays of a board.
        named = [description.datapoint.key for description in candidates if description.datapoint.service is None]
        enabled.update(named[:DOZEN])
    return enabled


def _wanted_alarms(descriptions: Iterable[DatapointDescription]) -> dict[str | None, set[str]]:
    """Return the keys of the alarms that are enabled on a new device, by the part of the device; None: the whole."""
    wanted: dict[str | None, set[str]] = {}
    for datapoint in (description.datapoint for description in descriptions):
        if (
            datapoint.role is Role.ALARM
            and datapoint.service is not None
            and is_wanted_alarm(datapoint.names.get("en", datapoint.name))
        ):
            wanted.setdefault(datapoint.part.id if datapoint.part else None, set()).add(datapoint.key)
    return wanted


def _measurement(description: DatapointDescription, unit: str) -> Measurement:
    datapoint = description.datapoint
    return Measurement(
        key=datapoint.key,
        words=datapoint.name.lower(),
        unit=unit,
        kind=description.device_class or unit,
        group=datapoint.group,
        family=_numbered(datapoint.name),
        is_meter=description.state_class is COUNTER,
    )


def _family(datapoint: Datapoint) -> str:
    shape = _numbered(datapoint.key)
    # A key without a number is a family of its own.
    return shape if "#" in shape else datapoint.key


def _numbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)
