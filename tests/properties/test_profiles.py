"""Whatever a profile of a user says, it makes entities that Home Assistant takes, or an error that names the place."""

from contextlib import suppress
from typing import Any

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import Platform
from homeassistant.util.yaml import dump
from hypothesis import given
from hypothesis import strategies as st

from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Reading, Role
from custom_components.datapoint_cloud.fleet.composites import composites_of, without_parts_of
from custom_components.datapoint_cloud.fleet.description import describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import BadProfile, Product, Profile, Profiles
from custom_components.datapoint_cloud.profiles.check import complaints
from custom_components.datapoint_cloud.profiles.entities import PLATFORMS, Kind
from custom_components.datapoint_cloud.profiles.format import read_profiles
from custom_components.datapoint_cloud.profiles.roles import CompositePlatform

_NAMING = Naming.load("en")
_KEYS = ("flag", "number", "sensor", "choice", "bytes", "text", "gone")
_VALUES = st.one_of(st.booleans(), st.integers(-5, 300), st.floats(), st.sampled_from(["on", "a", "0..9", "*", "慢"]))
_NUMBERS = st.sampled_from([0.1, 1, 2, 5, 10, 255, 1e9, -1, 0, float("nan")])
_TEXTS = st.sampled_from(["°C", "W", "%", "Room *", "慢", "-", "on", "off", "heat", "away"])
_CLASSES = st.sampled_from(["temperature", "energy", "power", "opening", "date", "enum", "monetary", "ph", "warmth"])
_WORDS: dict[str, st.SearchStrategy[Any]] = {
    "name": _TEXTS,
    "unit": _TEXTS | st.fixed_dictionaries({"number": st.dictionaries(_VALUES, _TEXTS, max_size=3)}),
    "class": _CLASSES,
    "state": st.sampled_from(["measurement", "total", "total_increasing"]),
    "scale": _NUMBERS,
    "min": _NUMBERS,
    "max": _NUMBERS,
    "step": _NUMBERS,
    "options": st.dictionaries(_VALUES, _TEXTS, min_size=1, max_size=3),
    "as": st.sampled_from(["alarm", "button", "switch", "select", "number", "sensor", "binary_sensor"]),
    "category": st.sampled_from(["config", "diagnostic"]),
    "enabled": st.booleans(),
    "absent": st.lists(_VALUES, max_size=2),
    "part": _TEXTS,
}
_REFINEMENTS = st.fixed_dictionaries({}, optional=_WORDS)
_KEY = st.sampled_from([*_KEYS, "number*"])
_MEANINGS = st.dictionaries(_VALUES, st.none() | _TEXTS, min_size=1, max_size=3)


def _sources(kind: Kind) -> st.SearchStrategy[Any]:
    plain: list[st.SearchStrategy[Any]] = [_KEY, st.fixed_dictionaries({"key": _KEY, "bit": st.integers(0, 9)})]
    if kind is Kind.NUMBER:
        joined = st.fixed_dictionaries({"join": st.lists(_KEY, min_size=2, max_size=4), "scale": _NUMBERS})
        return st.one_of(*plain, joined, st.fixed_dictionaries({"key": _KEY, "range": st.just([1, 5])}))
    worded = _KEY.flatmap(lambda key: st.fixed_dictionaries({key: _MEANINGS}))
    return st.one_of(*plain, worded, st.fixed_dictionaries({"key": _KEY, "values": _MEANINGS}))


def _entity(platform: CompositePlatform) -> st.SearchStrategy[Any]:
    known = PLATFORMS[platform]
    roles = {name: st.lists(_sources(kind), min_size=1, max_size=2) for name, kind in known.roles.items()}
    needed = known.needs[0] if known.needs else frozenset()
    more = {"writes": st.dictionaries(_KEY, _VALUES, min_size=1), "levels": st.lists(_sources(Kind.NUMBER))}
    offered = {**roles, **{name: more[name] for name in more if any(name in names for names in known.needs)}}
    required = {name: offered[name] for name in needed}
    optional = {"name": _TEXTS, **{name: offered[name] for name in offered if name not in needed}}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: {platform.value: fields})


_ENTITIES = st.sampled_from(sorted(PLATFORMS)).flatmap(_entity)
_PROFILES = st.fixed_dictionaries(
    {"match": st.just({"has": "number"})},
    optional={
        "datapoints": st.dictionaries(_KEY, _REFINEMENTS, max_size=4),
        "entities": st.lists(_ENTITIES, max_size=3),
    },
)
_DATAPOINTS = {
    "flag": Datapoint(key="flag", name="开关", data_type=DataType.BOOL, is_writable=True),
    "number": Datapoint(
        key="number", name="number", data_type=DataType.NUMBER, is_writable=True, minimum=0, maximum=9, step=1
    ),
    "sensor": Datapoint(key="sensor", name="sensor", data_type=DataType.NUMBER, unit="WATT"),
    "choice": Datapoint(key="choice", name="choice", data_type=DataType.ENUM, is_writable=True, options=("a", "慢")),
    "bytes": Datapoint(key="bytes", name="bytes", data_type=DataType.BINARY, length=2, is_writable=True),
    "text": Datapoint(key="text", name="text", data_type=DataType.TEXT, role=Role.INTERNAL),
}
_READINGS = {
    "flag": Reading(True),
    "number": Reading(3),
    "sensor": Reading(2.5),
    "choice": Reading("慢"),
    "bytes": Reading("00ff"),
    "text": Reading("a"),
}


@given(content=_PROFILES)
def test_a_profile_is_refused_or_makes_sound_entities(content: dict[str, Any]) -> None:
    (profile,) = read_profiles(dump(content), "mine.yaml")
    if isinstance(profile, BadProfile):
        assert str(profile).startswith("mine.yaml, profile 1")
        return
    assert isinstance(profile, Profile)
    product = Product("key", _DATAPOINTS)
    chosen = Profiles(users=(profile,)).of(product)
    descriptions = describe(_DATAPOINTS.values(), _READINGS, chosen, _NAMING)
    composites = composites_of(chosen, descriptions)
    assert list(complaints(profile, product)) is not None
    assert without_parts_of(composites, descriptions, chosen).keys() == _DATAPOINTS.keys()
    for key, shown in descriptions.items():
        shown.shown(_READINGS[key].value)
        assert all(shown.options)
        if shown.platform is Platform.SENSOR and shown.device_class not in (None, "enum"):
            device_class = SensorDeviceClass(str(shown.device_class))
            assert shown.unit in DEVICE_CLASS_UNITS.get(device_class, {shown.unit})
            assert shown.state_class is None or shown.state_class in DEVICE_CLASS_STATE_CLASSES[device_class]
    values = {key: reading.value for key, reading in _READINGS.items()}
    for composite in composites:
        assert composite.key
        for role in (*composite.roles.values(), *composite.levels):
            role.number(values.get)
            role.word(values.get)
            role.flag(values.get)
            for word in role.writable_words:
                assert role.values_of_word(word) is not None


@given(text=st.text())
def test_any_text_is_refused_or_is_a_profile(text: str) -> None:
    with suppress(BadProfile):
        assert all(isinstance(profile, Profile | BadProfile) for profile in read_profiles(text, "mine.yaml"))
