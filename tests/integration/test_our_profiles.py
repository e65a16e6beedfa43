"""The project's own profiles, held against real definitions and recorded values."""

import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS

from benchmarks import readable
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Value
from custom_components.datapoint_cloud.fleet.composites import composites_of
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming, key_of
from custom_components.datapoint_cloud.profiles import Product, Profile, candidates, load_profiles, our_profiles
from custom_components.datapoint_cloud.profiles.check import complaints
from custom_components.datapoint_cloud.profiles.roles import Composite
from custom_components.datapoint_cloud.vocabulary import Vocabulary

_TEXTS = Path(load_profiles.__code__.co_filename).parents[1] / "translations"
_WORDS = _TEXTS.parent / "vocabulary"
_NAMING = Naming.load("en")
_ABSENT = "the product has no such datapoint"
_NO_DEFINITION = {
    *("Every product", "Micro inverter", "Air conditioner", "Airjet", "Airjet V01", "Hydrojet"),
    *("Glow, Onyx, INEA", "Pilote Pro", "Bloom", "Heatzy V1", "Pool filter", "Colored light"),
    *("HY09RF", "Lamp", "Fan", "Pump", "Spa", "Sauna", "Thermostat", "Water heater"),
}
"""Profiles for products of which there is no definition, but recorded values, documents or published clients."""


def _products(payloads: Path) -> Iterator[Product]:
    for path in sorted((payloads / "products").glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        definition = parse(body)
        assert definition is not None
        yield Product(body.get("product_key", ""), definition.by_key, definition.name or "")


@cache
def _recorded(payloads: Path, name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((payloads / "devdata" / f"{name}.json").read_text(encoding="utf-8"))["attr"]
    return values


def _product_of(values: dict[str, Any], key: str = "", name: str = "") -> Product:
    """Make a product that has these values, all of them writable."""
    datapoints = {
        key: Datapoint(
            key=key,
            name=key,
            data_type=DataType.TEXT if isinstance(value, str) else DataType.NUMBER,
            is_writable=True,
            minimum=None if isinstance(value, str) else 0,
            maximum=None if isinstance(value, str) else 65_535,
            step=1,
        )
        for key, value in values.items()
    }
    return Product(key, datapoints, name)


def _described(product: Product) -> tuple[Profile, dict[str, DatapointDescription]]:
    profile = load_profiles().of(product)
    return profile, describe(product.datapoints.values(), {}, profile, _NAMING)


def _composites(product: Product) -> dict[str, Composite]:
    return {composite.key: composite for composite in composites_of(*_described(product))}


# Real definitions


def test_no_product_has_two_shapes_unless_one_is_a_special_case_of_the_other(real_payloads: Path) -> None:
    for product in _products(real_payloads):
        found = candidates(our_profiles(), product)
        for special, general in pairwise(found):
            assert set(special.match.has) >= set(general.match.has), (product.name, special.model, general.model)
            assert special.match.conditions > general.match.conditions, (product.name, special.model, general.model)


def test_every_real_definition_has_a_profile_that_it_does_not_contradict(real_payloads: Path) -> None:
    wrong: dict[str, list[str]] = {}
    for product in _products(real_payloads):
        profile = candidates(our_profiles(), product)[0]
        found = [complaint for complaint in complaints(profile, product) if "has no" not in complaint]
        if found:
            wrong[f"{product.name} ({profile.model})"] = found
    assert wrong == {"Pilote2 (Pilote)": ["derog_mode: it is never 3"]}  # other heaters of the shape have it


def test_every_key_of_a_profile_is_one_of_a_real_definition(real_payloads: Path) -> None:
    unknown: dict[str, set[str]] = {}
    for product in _products(real_payloads):
        profile = candidates(our_profiles(), product)[0]
        found = {complaint for complaint in complaints(profile, product) if "has no" in complaint}
        unknown[str(profile.model)] = unknown.get(str(profile.model), found) & found
    assert {profile.model for profile in our_profiles()} - unknown.keys() == _NO_DEFINITION
    assert {model: found for model, found in unknown.items() if found} == {}


def test_every_entity_of_a_profile_is_made(real_payloads: Path) -> None:
    for product in _products(real_payloads):
        profile, descriptions = _described(product)
        made = [composite.key for composite in composites_of(profile, descriptions)]
        certain = [composite.key for composite in profile.composites if not composite.requires]
        assert made == certain, product.name


def test_the_entities_that_people_expect_are_made(real_payloads: Path) -> None:
    made = {product.key: set(_composites(product)) for product in _products(real_payloads)}
    expected = {
        "ea61c58a699b4c03bd8ed959d52c5326": {"$climate", "$water_heater_hot_water"},
        "747be354e00449e799883a966d0c9cbd": {"$climate", "$sensor_filter_life_left"},
        "1d8c63eaccac4205b92c84d77d5a08fb": {"$fan", "$schedule"},
        "cb5ef5c7f1994511bd0d5655c9789429": {"$light", "$schedule"},
        "de9e8d18d9394cce9081b25a531e552b": {"$light"},
        "4bde5ccdff4a48c0840e055204a71e1f": {"$climate", "$light_interior_light", "$time_preheating_time"},
    }
    assert {key: made[key] >= keys for key, keys in expected.items()} == dict.fromkeys(expected, True)


def test_the_channels_of_lights_have_the_colors_that_their_definitions_tell(real_payloads: Path) -> None:
    products = {product.key[:6]: product for product in _products(real_payloads)}

    def channels(key: str) -> dict[str, str]:
        (light,) = (found for found in _composites(products[key]).values() if found.platform == "light")
        return {color: min(light.roles[color].keys) for color in ("red", "green", "blue") if color in light.roles}

    assert channels("83139e") == channels("cf4aae")
    assert channels("83139e") == {"red": "color_red", "green": "color_green", "blue": "color_blue2"}
    assert channels("cb5ef5") == {"red": "color_green", "green": "color_blue1", "blue": "color_blue2"}
    assert channels("684082") == {}


def test_the_goals_for_readable_entities_are_reached(real_payloads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert readable.main(real_payloads), capsys.readouterr().out


# Recorded values


def _shown(product: Product, values: dict[str, Any], role: str) -> Value | None:
    climate = _composites(product)["$climate"]
    if (found := climate.roles.get(role)) is None:
        return None
    is_number = role in {"current", "target", "high", "low", "humidity"}
    return found.number(values.get) if is_number else found.word(values.get)


@pytest.mark.parametrize(
    ("name", "product", "shown"),
    [
        ("bestway-airjet", ("", ""), ("heat", "heating", 34, 39, "°C", None)),
        ("bestway-airjet-v01-celsius", ("", "Airjet_V01"), ("heat", "heating", 37, 38, "°C", None)),
        ("bestway-airjet-v01-fahrenheit", ("", "Airjet_V01"), ("off", "off", 104, 104, "°F", None)),
        ("heatzy-glow-simple", ("", ""), ("heat", None, 11.7, None, "°C", "eco")),
        ("heatzy-inea", ("", ""), ("heat", None, 17.0, None, "°C", "away")),
        ("heatzy-onyx", ("", ""), ("heat", None, 19.9, None, "°C", "vacation")),
        ("heatzy-pilote-soc-c3-cft1", ("", ""), ("heat", None, None, None, None, "comfort minus 1")),
        ("heatzy-pilote2-2019", ("", ""), ("heat", None, None, None, None, "comfort")),
        (
            "heatzy-heatzy",
            ("9420ae048da545c88fc6274d204dd25f", "Heatzy"),
            ("heat", None, None, None, None, "comfort"),
        ),
    ],
)
def test_recorded_values_are_shown_as_people_know_them(
    real_payloads: Path, name: str, product: tuple[str, str], shown: tuple[Value | None, ...]
) -> None:
    values = _recorded(real_payloads, name)
    found = _product_of(values, *product)
    roles = ("mode", "action", "current", "target", "unit", "preset")
    assert tuple(_shown(found, values, role) for role in roles) == shown


def test_two_bytes_of_a_heater_are_written_together(real_payloads: Path) -> None:
    climate = _composites(_product_of(_recorded(real_payloads, "heatzy-glow-simple")))["$climate"]
    assert climate.roles["high"].number(_recorded(real_payloads, "heatzy-glow-simple").get) == 13.0
    assert climate.roles["high"].values_of_number(26.5) == {"cft_tempH": 1, "cft_tempL": 9}
    assert climate.roles["mode"].values_of_word("heat") == {"timer_switch": 0, "on_off": 1}
    assert climate.roles["preset"].values_of_word("eco") == {"derog_mode": 0, "mode": "eco"}


@pytest.mark.parametrize(("name", "wave"), [("Airjet_V01", 50), ("Hydrojet", 40), ("", 50)])
def test_a_hydrojet_has_other_bubbles(real_payloads: Path, name: str, wave: int) -> None:
    values = _recorded(real_payloads, "bestway-airjet-v01-celsius")
    _, descriptions = _described(_product_of(values, name=name))
    bubbles = descriptions["wave"]
    assert (bubbles.name, bubbles.vendors_value("medium"), bubbles.shown(41)) == ("Bubbles", wave, "medium")
    assert bubbles.shown(values["wave"]) == "maximum"
    assert descriptions["E32"].datapoint.role != descriptions["E31"].datapoint.role


def test_a_thermostat_of_which_only_a_client_was_published_shows_what_that_client_shows() -> None:
    values: dict[str, Any] = {"power": 1, "work_mode": 3, "heating_state": 1, "C_F": 0}
    values |= {"set_temperature": 21.5, "room_temperature": 20, "set_temperature_min": 5, "set_temperature_max": 35}
    product = _product_of(values)
    roles = ("mode", "action", "current", "target", "unit")
    assert tuple(_shown(product, values, role) for role in roles) == ("heat", "heating", 20, 21.5, "°C")
    assert _composites(product)["$climate"].roles["mode"].values_of_word("auto") == {"work_mode": 1}
    _, shown = _described(product)
    assert [shown["work_mode"].shown(number) for number in (0, 1, 2, 3)] == ["manual", "automatic", "away", "manual"]


# The files


def test_a_pool_filter_says_when_it_has_to_be_replaced() -> None:
    _, shown = _described(_product_of({"power": 1, "filter": 0, "time": 4, "error": 0}, name="泳池过滤器"))
    assert {key: (found.name, found.platform) for key, found in shown.items()} == {
        "power": ("Power", "switch"),
        "filter": ("Replace filter", "binary_sensor"),
        "time": ("Timer", "number"),
        "error": ("Fault", "binary_sensor"),
    }


def test_a_heater_with_a_motion_sensor_tells_whether_somebody_is_there() -> None:
    keys = ("mode", "derog_mode", "derog_time", "cur_mode", "cur_temp", "cft_temp", "eco_temp", "cur_humi")
    composites = _composites(_product_of(dict.fromkeys(keys, 0) | {"mode": "cft"}))
    assert "presence" in composites["$climate"].roles["preset"].words
    presence = composites["$binary_sensor_presence"].roles["on"]
    values = [{"derog_mode": 3, "cur_mode": 0}, {"derog_mode": 3, "cur_mode": 1}, {"derog_mode": 0, "cur_mode": 0}]
    assert [presence.flag(value.get) for value in values] == [True, False, False]


def test_home_assistant_takes_all_units_and_classes() -> None:
    for profile in our_profiles():
        for key, refinement in profile.datapoints.items():
            if refinement.device_class is None or refinement.device_class not in set(SensorDeviceClass):
                continue
            device_class = SensorDeviceClass(refinement.device_class)
            role = refinement.unit_role
            units = {refinement.unit} if role is None else set(role.words)
            if units != {None}:
                assert units <= DEVICE_CLASS_UNITS.get(device_class, units), (profile.model, key)
            if refinement.state_class is not None:
                assert refinement.state_class in DEVICE_CLASS_STATE_CLASSES[device_class]


def _names(profile: Profile) -> Iterator[str]:
    for refinement in profile.datapoints.values():
        yield from (name for name in (refinement.name, refinement.part) if name is not None)
    yield from (composite.name for composite in profile.composites if composite.name is not None)
    yield from (record.name for record in profile.records if record.name is not None)


@pytest.mark.parametrize("language", sorted(path.stem for path in _WORDS.glob("*.json")))
def test_every_name_of_a_profile_has_words_in_each_language(language: str) -> None:
    english, words = Vocabulary.load("en"), Vocabulary.load(language)
    assert english is not None
    assert words is not None
    for name in {name.replace("#", "1") for profile in our_profiles() for name in _names(profile)}:
        phrase = english.phrase_of(name)
        assert phrase is not None, name
        assert english.translate(phrase) == name
        assert words.translate(phrase), name


@pytest.mark.parametrize("language", sorted(path.stem for path in _TEXTS.glob("*.json")))
def test_every_option_of_a_profile_has_a_label_in_each_language(language: str) -> None:
    texts = json.loads((_TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    labels = texts["entity"]["select"]["option"]["state"]
    used = {
        key_of(word)
        for profile in our_profiles()
        for refinement in profile.datapoints.values()
        for word in refinement.options.values()
    }
    assert used - labels.keys() == set()
