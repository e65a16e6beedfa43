"""The format of profiles: what a file says, and how it is told what is wrong."""

import pytest

from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Value
from custom_components.datapoint_cloud.profiles import Product, Profiles, our_profiles
from custom_components.datapoint_cloud.profiles.format import BadProfile, read_profiles
from custom_components.datapoint_cloud.profiles.model import Profile, Refinement
from custom_components.datapoint_cloud.profiles.roles import Composite, Role

_HEATER = """
model: Heater
match: {has: [cur_temp, mode]}
"""


def _profile(text: str) -> Profile:
    (profile,) = read_profiles(text, "mine.yaml")
    assert isinstance(profile, Profile), profile
    return profile


def _entity(text: str) -> Composite:
    (entity,) = _profile(f"{_HEATER}\nentities:\n  - {text}").composites
    return entity


def _role(text: str, role: str = "preset") -> Role:
    return _entity(f"climate: {{high: a, low: b, {role}: {text}}}").roles[role]


def _datapoints(*keys: str, desc: str | None = None) -> dict[str, Datapoint]:
    return {key: Datapoint(key=key, name=key, data_type=DataType.BOOL, desc=desc) for key in keys}


def _values(**values: Value) -> dict[str, Value]:
    return values


# What a file says


def test_a_datapoint_is_refined_by_its_patterns_and_then_by_its_key() -> None:
    profile = _profile(
        _HEATER
        + """
datapoints:
  "*": {category: diagnostic}
  channe*: {name: Head *, part: Head *, enabled: true}
  channe2: {name: Second head}
  mode: {options: {1: "on", off: "off"}, reads: {on: [2, 3]}, absent: 255}
"""
    )
    assert profile.refinement("other") == Refinement(category="diagnostic")
    first = Refinement(category="diagnostic", name="Head 1", part="Head 1", is_enabled=True)
    assert profile.refinement("channe1") == first
    assert profile.refinement("channe2").name == "Second head"
    assert profile.refinement("channe2").part == "Head 2"
    assert profile.refinement("mode").options == {1: "on", False: "off"}
    assert profile.refinement("mode").reads == {"on": (2, 3)}
    assert profile.refinement("mode").absent == (255,)


def test_a_product_key_wins_over_a_shape_and_a_large_shape_over_a_small_one() -> None:
    text = """
- {model: small, match: {has: [a, b]}}
- {model: large, match: {has: [a, b, c*], lacks: [d*]}}
- {model: named, match: {products: key}}
"""
    profiles = Profiles(ours=tuple(found for found in read_profiles(text, "f") if isinstance(found, Profile)))
    assert profiles.of(Product("", _datapoints("a"))).model is None
    assert profiles.of(Product("", _datapoints("a", "b"))).model == "small"
    assert profiles.of(Product("", _datapoints("a", "b", "c12"))).model == "large"
    assert profiles.of(Product("", _datapoints("a", "b", "c12", "d"))).model == "small"
    assert profiles.of(Product("key", _datapoints("a", "b", "c12"))).model == "named"


def test_a_profile_for_all_products_with_a_name_lies_over_the_one_for_all_and_below_shapes() -> None:
    text = """
- {model: all, match: {has: "*"}, datapoints: {a: {unit: lx, name: All}}}
- {model: lamp, match: {has: "*", named: [lamp, 灯]}, datapoints: {a: {name: Lamp}}}
- {model: shape, match: {has: [a, b]}, datapoints: {a: {category: config}}}
"""
    profiles = Profiles(ours=tuple(found for found in read_profiles(text, "f") if isinstance(found, Profile)))

    def of(name: str, *keys: str) -> tuple[str | None, Refinement]:
        profile = profiles.of(Product("", _datapoints(*keys), name))
        return profile.model, profile.refinement("a")

    assert of("Toaster", "a") == ("all", Refinement(unit="lx", name="All"))
    assert of("海水灯", "a") == of("Wall LAMP 2", "a") == ("lamp", Refinement(unit="lx", name="Lamp"))
    assert of("Lamp", "a", "b") == ("shape", Refinement(unit="lx", name="Lamp", category="config"))


def test_a_shape_may_depend_on_what_the_definition_says() -> None:
    text = """
- {model: plants, match: {has: blue, says: {blue: green lamp}}, datapoints: {blue: {unit: "%"}}}
- {model: all, match: {has: "*"}, datapoints: {blue: {unit: lx, name: Blue}}}
"""
    profiles = Profiles(ours=tuple(found for found in read_profiles(text, "f") if isinstance(found, Profile)))
    assert profiles.of(Product("", _datapoints("blue", desc="a blue lamp"))).refinement("blue") == Refinement(
        unit="lx", name="Blue"
    )
    plants = profiles.of(Product("", _datapoints("blue", desc="a green lamp")))
    assert (plants.model, plants.refinement("blue")) == ("plants", Refinement(unit="%", name="Blue"))


def test_what_a_user_says_wins_and_what_is_not_said_stays() -> None:
    ours = _profile(
        _HEATER + "datapoints: {cur_temp: {unit: °C, scale: 0.1}, mode: {name: Level}}\n"
        "entities: [{climate: {current: cur_temp, preset: mode}}]"
    )
    shape = _profile("{match: {has: mode}, datapoints: {cur_temp: {scale: 1, name: Room}}}")
    device = _profile("{match: {devices: d1}, datapoints: {cur_temp: {name: Attic}}, manufacturer: Me}")
    profiles = Profiles(ours=(ours,), users=(device, shape))
    other = profiles.of(Product("p", _datapoints("cur_temp", "mode")), "d2")
    assert other.refinement("cur_temp") == Refinement(unit="°C", scale=1, name="Room")
    assert (other.refinement("mode").name, other.composites) == ("Level", ours.composites)
    own = profiles.of(Product("p", _datapoints("cur_temp", "mode")), "d1")
    assert (own.refinement("cur_temp").name, own.manufacturer) == ("Attic", "Me")
    assert own.refinement("cur_temp").unit == "°C"


def test_an_entity_has_roles() -> None:
    entity = _entity(
        "climate: {name: Attic, target: set, unit: {u: {0: °F, 1: °C}}, limits: {°C: [20, 40]}, step: 0.5, on: p}"
    )
    assert (entity.name, entity.step, entity.limits) == ("Attic", 0.5, {"°C": (20, 40)})
    assert entity.keys == {"set", "u", "p"}
    assert _entity("button: {name: Feed, writes: {Feed: true}}").writes == {"Feed": True}
    light = _entity("light: {levels: [a, {key: b, range: [0, 125]}], on: s}")
    assert [role.keys for role in light.levels] == [{"a"}, {"b"}]
    assert light.levels[1].sources[0].maximum == 125


# Roles


def test_a_role_has_words_for_values() -> None:
    role = _role('{heat: {0: off, 3: heat, 4: heat, "*": heat}}', "mode")
    assert [role.word(_values(heat=heat).get) for heat in (0, 3, 4, 7)] == ["off", "heat", "heat", "heat"]
    assert role.word(_values().get) is None
    assert role.words == role.writable_words == ("off", "heat")
    assert [role.values_of_word(word) for word in ("heat", "off", "cool")] == [{"heat": 3}, {"heat": 0}, None]


def test_a_role_has_words_for_ranges() -> None:
    role = _role("{set: {0..45: °C, 50..120: °F}}", "unit")
    assert [role.word(_values(set=value).get) for value in (0, 38, 46, 100.5)] == ["°C", "°C", None, "°F"]
    assert role.writable_words == ()


def test_the_first_source_with_a_word_wins_and_later_ones_clear_it() -> None:
    role = _role(
        "[{key: derog, values: {0: ~, 1: away, 2: boost}, with: {boost: {time: 60}}}, {mode: {cft: comfort, eco: eco}}]"
    )
    assert role.word(_values(derog=0, mode="eco").get) == "eco"
    assert role.word(_values(derog=2, mode="eco").get) == "boost"
    assert role.word(_values(derog=9, mode="eco").get) == "eco"
    assert role.values_of_word("boost") == {"derog": 2, "time": 60}
    assert role.values_of_word("comfort") == {"derog": 0, "mode": "cft"}
    assert role.keys == {"derog", "time", "mode"}


def test_bytes_are_joined_to_a_number_and_written_back() -> None:
    role = _role("{join: [high, low], scale: 0.1}", "target")
    assert role.number(_values(high=1, low=4).get) == 26.0
    assert role.number(_values(high=1).get) is None
    assert role.values_of_number(26.0) == {"high": 1, "low": 4}
    assert role.values_of_number(0) == {"high": 0, "low": 0}
    for impossible in (-0.1, 6553.6):
        with pytest.raises(ValueError, match=str(impossible)):
            role.values_of_number(impossible)


def test_a_scale_and_an_offset_are_undone_on_writing() -> None:
    role = _role("{key: used, scale: -0.5, offset: 100}", "target")
    assert role.number(_values(used=30).get) == 85
    assert role.values_of_number(85) == {"used": 30}


@pytest.mark.parametrize(("value", "is_on"), [("08", True), ("f7", False), (8, True), (7, False), (None, None)])
def test_a_bit_is_cut_out_of_a_number_or_of_bytes(value: Value | None, is_on: bool | None) -> None:
    role = _entity("binary_sensor: {name: Demand, on: {key: info, bit: 3}, class: heat}").roles["on"]
    assert role.flag({"info": value}.get) is is_on
    assert role.values_of_flag(is_on=True) is None


@pytest.mark.parametrize(
    ("text", "value", "is_on"),
    [
        ("p", True, True),
        ("p", 0, False),
        ("p", 2, True),
        ("p", "on", True),
        ("{p: {0: off, 3: on, '*': on}}", 5, True),
        ("{p: {0: off, 3: on, '*': on}}", 0, False),
        ("{p: {stop: off, '*': on}}", "eco", True),
        ("p", None, None),
    ],
)
def test_a_flag_is_on_or_off(text: str, value: Value | None, is_on: bool | None) -> None:
    assert _role(text, "on").flag({"p": value}.get) is is_on


def test_a_flag_is_written_by_its_words_if_it_has_some() -> None:
    assert _role("p", "on").values_of_flag(is_on=True) == {"p": True}
    worded = _role("{p: {0: off, 3: on, '*': on}}", "on")
    assert [worded.values_of_flag(is_on=is_on) for is_on in (True, False)] == [{"p": 3}, {"p": 0}]
    assert _role("{p: {stop: off, '*': on}}", "on").values_of_flag(is_on=True) is None


# Records


def test_a_record_is_the_layout_of_bytes() -> None:
    profile = _profile(
        _HEATER
        + """
records:
  "CH{channel}Timer{slot}":
    bytes:
      - start.hour
      - start.minute
      - "-"
      - mode: {options: {0: stop, 1: feed}}
      - pause: {when: {mode: feed}}
        flow: {unit: "%"}
    repeat: 3
    empty: ff
  YMDData: {clock: [century, year, month, day]}
  "p{weekday}_data{slot}": {grid: {minutes: 30, bits: 2, options: {0: comfort, 1: eco}, order: highest}}
"""
    )
    slots, clock, grid = profile.records
    assert (slots.places, slots.length, slots.repeat, slots.empty) == (("channel", "slot"), 15, 3, (255,))
    assert slots.places_of("CH2Timer12") == {"channel": 2, "slot": 12}
    assert slots.places_of("CH2Timer") is None
    assert [[meaning.name for meaning in byte.meanings] for byte in slots.layout[2:]] == [
        [],
        ["mode"],
        ["pause", "flow"],
    ]
    assert slots.layout[4].meanings[0].when == {"mode": ("feed",)}
    assert (clock.is_clock, clock.length, clock.places_of("YMDData")) == (True, 4, {})
    assert grid.grid is not None
    assert (grid.grid.minutes, grid.grid.is_highest_first, grid.empty) == (30, True, (0, 0xEE))


# What is wrong


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("match: {}", "match: needs devices, products or has"),
        ("match: {has: a}\ncolour: red", "colour"),
        ("match: {has: a}\ndatapoints: {t: {class: warmth}}", "datapoints → t → class"),
        ("match: {has: a}\ndatapoints: {t: {scale: 0}}", "datapoints → t → scale: value must be higher than 0"),
        ("match: {has: a}\ndatapoints: {t: {scale: yes}}", "datapoints → t → scale: expected a number"),
        ("match: {has: a}\ndatapoints: {t: {min: 5, max: 5}}", "datapoints → t → min: min has to be less than max"),
        ("match: {has: a}\ndatapoints: {t: {options: {0: a}, reads: {b: 1}}}", "'b' is none of the options"),
        ("match: {has: a}\nentities: [{oven: {}}]", "entities → 1: unknown platform 'oven'"),
        ("match: {has: a}\nentities: [{climate: {current: t}}]", "needs target or high, low or mode or preset"),
        ("match: {has: a}\nentities: [{climate: {mode: {m: {0: warm}}}}]", "→ climate → mode: 'warm' is none of"),
        ("match: {has: a}\nentities: [{climate: {target: {t: {0: warm}}}}]", "target: a number has no words"),
        ("match: {has: a}\nentities: [{fan: {on: p, target: t}}]", "entities → 1 → fan → target"),
        ("match: {has: a}\nentities: [{climate: {target: t, limits: [40, 20]}}]", "limits"),
        ("match: {has: a}\nrecords: {T: {repeat: 2}}", "records → T: needs bytes, clock or grid"),
        ("match: {has: a}\nrecords: {T: {clock: [noon]}}", "a clock consists of"),
        ("match: {has: a}\nrecords: {T: {bytes: [a], empty: zz}}", "records → T → empty"),
        (
            "match: {has: a}\nrecords: {T: {bytes: [5]}}",
            "records → T → bytes → 0: expected a name, or a name",
        ),
        ("match: {has: a}\nrecords: {'{slot}T{slot}': {bytes: [a]}}", "a place stands only once in a key"),
        ("match: {has: a}\ndatapoints: {t: {absent: [[1]]}}", "expected a value: a text, a number, true or false"),
        ("match: {has: a}\ndatapoints: {t: {options: {0: ' '}}}", "expected a word"),
        ("match: {has: a}\nentities: [{climate: {target: t}, fan: {on: p}}]", "entities → 1: expected one word"),
    ],
)
def test_a_bad_profile_says_where_it_is_wrong(text: str, where: str) -> None:
    (found,) = read_profiles(f"model: Thing\n{text}", "mine.yaml")
    assert isinstance(found, BadProfile)
    assert str(found).startswith("mine.yaml, profile 1 (Thing): ")
    assert where in str(found)


def test_a_bad_profile_costs_only_itself() -> None:
    found = read_profiles("- {match: {has: a}}\n- 5\n- {match: {has: b}}", "mine.yaml")
    assert [type(profile) for profile in found] == [Profile, BadProfile, Profile]


@pytest.mark.parametrize("text", ["", "a: [", "text", "[]", "a: !secret b"])
def test_a_file_without_profiles_is_refused(text: str) -> None:
    with pytest.raises(BadProfile, match=r"mine\.yaml"):
        read_profiles(text, "mine.yaml")


def test_our_own_profiles_are_valid() -> None:
    assert len(our_profiles()) > 2
