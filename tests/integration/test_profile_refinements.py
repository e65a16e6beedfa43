"""What a profile says of a product's datapoints is how they are shown and written."""

from collections.abc import Iterable
from typing import Any

import pytest
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.datapoint_cloud import user_profiles
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Part, Reading, Role, Value
from custom_components.datapoint_cloud.const import DOMAIN
from custom_components.datapoint_cloud.fleet.composites import composites_of
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import Product, Profile, Profiles
from custom_components.datapoint_cloud.profiles.check import complaints
from custom_components.datapoint_cloud.profiles.format import read_profiles
from custom_components.datapoint_cloud.profiles.roles import Composite, Source
from simulator.gizwits.behaviours import steady
from simulator.gizwits.devices import GizwitsDevice
from simulator.gizwits.household import device_of
from simulator.gizwits.products import READABLE, WRITABLE, Attribute
from simulator.gizwits.products import Product as SimulatedProduct
from simulator.simulation import Simulation

from .accounts import add_account, entity_id_of, poll, state_of

_NAMING = Naming.load("en")
_NUMBER: dict[str, Any] = {"data_type": DataType.NUMBER, "is_writable": True, "minimum": 0, "maximum": 100, "step": 1}
_WAVES = ("经典造浪", " 正弦造浪", "随机造浪")


def _profile(text: str) -> Profile:
    (profile,) = read_profiles(f"match: {{has: k}}\n{text}", "test.yaml")
    assert isinstance(profile, Profile), profile
    return profile


def _described(words: str, **fields: Any) -> DatapointDescription:
    datapoint = Datapoint(key="k", name="Name", **(_NUMBER | fields))
    return describe([datapoint], {}, _profile(f"datapoints: {{k: {words}}}"), _NAMING)["k"]


def _composites(entity: str, datapoints: Iterable[Datapoint], words: str = "{}") -> tuple[Composite, ...]:
    profile = _profile(f"datapoints: {words}\nentities: [{entity}]")
    return composites_of(profile, describe(datapoints, {}, profile, _NAMING))


def _source(entity: str, role: str, *datapoints: Datapoint, words: str = "{}") -> Source:
    (composite,) = _composites(entity, datapoints, words)
    return composite.roles[role].sources[0]


# Parts


def test_parts_that_a_device_reports_not_to_have_are_off() -> None:
    profile = _profile('datapoints: {"head#": {part: "Head #", counted_by: fitted, enabled: true}}')
    heads = [
        Datapoint(key=f"head{number}", name="Head", data_type=DataType.BOOL, is_writable=True) for number in (1, 2, 3)
    ]
    datapoints = [*heads, Datapoint(key="fitted", name="Heads", **_NUMBER)]

    def enabled(fitted: Value | None) -> list[str]:
        shown = describe(datapoints, {"fitted": Reading(fitted)}, profile, _NAMING)
        return [key for key, description in shown.items() if description.is_enabled]

    assert enabled(2) == ["head1", "head2", "fitted"]
    # Nothing is known yet, or a device that counts none counts wrongly.
    assert enabled(None) == enabled(0) == ["head1", "head2", "head3", "fitted"]


# One datapoint


def test_a_number_whose_values_are_choices_is_a_select() -> None:
    wave = _described('{options: {0: "off", 50: medium, 100: Full power}, reads: {medium: [40, 51]}}')
    assert (wave.platform, wave.unit, list(wave.options)) == (Platform.SELECT, None, ["off", "medium", "full_power"])
    assert [wave.shown(value) for value in (0, 40, 50, 51, 100, 7, None)] == [
        *("off", "medium", "medium", "medium", "full_power", "7"),
        None,
    ]
    assert [wave.vendors_value(word) for word in ("medium", "full_power", "Full power", "100")] == [50, 100, 100, 100]


def test_a_word_for_several_values_is_written_as_the_first_of_them() -> None:
    heat = _described('{options: {0: "off", 3: "on", 4: "on"}}')
    assert (heat.options, heat.shown(4)) == ({"off": 0, "on": 3}, "on")


@pytest.mark.parametrize("named", ["经典造浪", "0"])
def test_an_option_is_named_by_the_vendors_word_or_by_its_place(named: str) -> None:
    mode = _described(f"{{options: {{{named}: Gentle}}}}", data_type=DataType.ENUM, options=_WAVES)
    assert mode.options == {"gentle": "经典造浪", "sine_wave": " 正弦造浪", "random_wave": "随机造浪"}


def test_a_read_only_choice_is_a_sensor() -> None:
    shown = _described("{options: {0: low, 1: high}, as: sensor}")
    assert (shown.platform, shown.device_class, shown.state_class) == (Platform.SENSOR, "enum", None)


@pytest.mark.parametrize(
    ("words", "written"), [("{as: switch}", (0, 1)), ('{as: switch, options: {5: "off", 3: "on"}}', (5, 3))]
)
def test_a_number_that_is_on_or_off_is_a_switch(words: str, written: tuple[int, int]) -> None:
    switch = _described(words)
    assert switch.platform is Platform.SWITCH
    assert [switch.shown(value) for value in written] == [False, True]
    assert (switch.vendors_value(False), switch.vendors_value(True)) == written


def test_a_number_can_be_an_alarm() -> None:
    alarm = _described("{as: alarm}")
    assert (alarm.datapoint.role, alarm.device_class) == (Role.ALARM, "problem")
    assert (alarm.shown(1), alarm.is_enabled) == (True, False)


def test_a_flag_is_a_button_or_two_words() -> None:
    assert _described("{as: button}", data_type=DataType.BOOL).platform is Platform.BUTTON
    unit = _described("{options: {false: °F, true: °C}}", data_type=DataType.BOOL)
    assert (unit.platform, unit.options) == (Platform.SELECT, {"fahrenheit": False, "celsius": True})
    assert unit.shown(True) == "celsius"


def test_a_range_is_narrowed_in_the_unit_and_never_widened() -> None:
    target = _described("{scale: 0.1, min: 5, max: 90, step: 0.5}", maximum=300)
    assert (target.datapoint.minimum, target.datapoint.maximum, target.datapoint.step) == (50, 300, 5)
    assert target.shown(185) == 18.5


def test_no_value_is_unknown() -> None:
    shown = _described("{absent: [255, -1], as: sensor}")
    assert [shown.shown(value) for value in (255, -1, 254)] == [None, None, 254]


def test_category_and_whether_it_is_enabled_are_those_of_the_profile() -> None:
    assert _described("{category: config, enabled: false}").category is EntityCategory.CONFIG
    assert not _described("{enabled: false}").is_enabled
    assert _described("{enabled: true}", role=Role.INTERNAL).is_enabled


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", ("Channel 3", "Running time")), ("zh-Hans", ("通道3", "运行时间")), ("fr", ("Canal 3", None))],
)
def test_names_and_parts_are_in_the_users_language(language: str, names: tuple[str, str | None]) -> None:
    profile = _profile("datapoints: {k*: {name: Running time, part: Channel *}}")
    shown = describe([Datapoint(key="k3", name="x", **_NUMBER)], {}, profile, Naming.load(language))["k3"]
    part = shown.datapoint.part
    assert part == Part(id="channel_3", name=names[0])
    assert shown.name == names[1] or (names[1] is None and shown.name != "Running time")
    assert shown.object_name == "Running time"


def test_a_unit_can_be_told_by_another_datapoint() -> None:
    profile = _profile("datapoints: {k: {unit: {u: {0: °F, 1: °C}}, class: temperature}}")
    datapoints = [Datapoint(key=key, name=key, **_NUMBER) for key in ("k", "u")]
    units = [describe(datapoints, {"u": Reading(value)}, profile, _NAMING)["k"].unit for value in (None, 0, 1, 2)]
    assert units == ["°F", "°F", "°C", None]
    datapoints[1] = Datapoint(key="u", name="u", data_type=DataType.ENUM, options=("华氏", "摄氏"))
    assert describe(datapoints, {"u": Reading("摄氏")}, profile, _NAMING)["k"].unit == "°C"


# Several datapoints


def test_an_entity_is_left_out_if_the_device_lacks_what_it_needs() -> None:
    entity = "climate: {target: k, current: other, humidity: k}"
    (composite,) = _composites(entity, [Datapoint(key="k", name="K", **_NUMBER)])
    assert composite.roles.keys() == {"target", "humidity"}
    assert _composites(entity, [Datapoint(key="other", name="O", **_NUMBER)]) == ()
    assert _composites("button: {name: B, writes: {k: 1, gone: 2}}", [Datapoint(key="k", name="K", **_NUMBER)]) == ()


def test_a_number_of_a_role_has_the_scale_and_the_limits_of_its_datapoint() -> None:
    source = _source(
        "climate: {target: k}", "target", Datapoint(key="k", name="K", **_NUMBER), words="{k: {scale: 0.5, max: 40}}"
    )
    assert (source.scale, source.minimum, source.maximum, source.step) == (0.5, 0, 40, 0.5)
    assert source.values_of_number(20) == {"k": 40}


@pytest.mark.parametrize(
    ("fields", "named", "value"),
    [
        ({"data_type": DataType.BOOL}, "1", True),
        ({"data_type": DataType.BOOL}, "on", True),
        ({"data_type": DataType.NUMBER}, "3", 3),
        ({"data_type": DataType.NUMBER}, "true", 1),
        ({"data_type": DataType.ENUM, "options": _WAVES}, "1", " 正弦造浪"),
        ({"data_type": DataType.ENUM, "options": _WAVES}, "sine_wave", " 正弦造浪"),
        ({"data_type": DataType.ENUM, "options": _WAVES}, "正弦造浪", " 正弦造浪"),
        ({"data_type": DataType.ENUM, "options": ("1", "0")}, "0", "0"),
    ],
)
def test_the_values_of_a_role_are_those_of_the_cloud(fields: dict[str, Any], named: str, value: Value) -> None:
    datapoint = Datapoint(**({"key": "k", "name": "K"} | _NUMBER | fields))
    source = _source(f"fan: {{preset: {{k: {{{named}: fast}}}}}}", "preset", datapoint)
    assert source.values_of_word("fast") == {"k": value}
    assert source.word({"k": value}.get) == "fast"


def test_a_role_without_words_has_those_of_its_datapoint() -> None:
    datapoint = Datapoint(key="k", name="K", **_NUMBER)
    source = _source("fan: {preset: k}", "preset", datapoint, words="{k: {options: {1: low, 2: high, 3: high}}}")
    assert source.words == ("low", "high")
    assert (source.word({"k": 3}.get), source.values_of_word("high")) == ("high", {"k": 2})


def test_what_is_read_only_cannot_be_written() -> None:
    datapoint = Datapoint(**({"key": "k", "name": "K"} | _NUMBER | {"is_writable": False}))
    other = Datapoint(key="other", name="O", **_NUMBER)
    (composite,) = _composites("climate: {target: k, on: k, preset: {k: {1: eco}}, fan: other}", [datapoint, other])
    assert not composite.roles["target"].is_writable
    assert composite.roles["on"].values_of_flag(is_on=True) is None
    assert composite.roles["preset"].writable_words == ()


@pytest.mark.parametrize(
    "entity",
    ["climate: {target: k}", "time: {hour: other, minute: k}", "button: {name: B, writes: {other: 1, k: 1}}"],
)
def test_an_entity_that_could_set_nothing_is_left_out(entity: str) -> None:
    other = Datapoint(key="other", name="O", **_NUMBER)
    read_only = Datapoint(**({"key": "k", "name": "K"} | _NUMBER | {"is_writable": False}))
    assert _composites(entity, [other, read_only]) == ()


def test_a_number_that_turns_something_on_is_written_as_a_number() -> None:
    (composite,) = _composites("fan: {on: k}", [Datapoint(key="k", name="K", **_NUMBER)])
    role = composite.roles["on"]
    assert [role.values_of_flag(is_on=is_on) for is_on in (False, True)] == [{"k": 0}, {"k": 1}]
    assert [role.flag({"k": value}.get) for value in (0, 1, 40)] == [False, True, True]


def test_a_wildcard_makes_an_entity_for_each_match() -> None:
    datapoints = [Datapoint(key=f"speed{number}", name="S", **_NUMBER) for number in (1, 2)]
    found = _composites("fan: {name: Fan *, percentage: speed*}", datapoints)
    assert [(composite.name, set(composite.keys)) for composite in found] == [
        ("Fan 1", {"speed1"}),
        ("Fan 2", {"speed2"}),
    ]


# In Home Assistant

_SPA = SimulatedProduct(
    key="fa4ed05e0000000000000000000000b7",
    name="Spa",
    attributes=tuple(
        Attribute(name=name, title=name, type=kind, data_type="uint16", behaviour=steady(value), maximum=65_535)
        for name, kind, value in (
            ("wave", WRITABLE, 40),
            ("E01", READABLE, 0),
            ("word2", READABLE, 65_535),
            ("head1", WRITABLE, 1),
            ("Tnow", READABLE, 371),
            ("Tunit", WRITABLE, 1),
        )
    ),
)
_REFINED = """
manufacturer: Maker
datapoints:
  wave: {name: Bubbles, options: {0: "off", 50: medium, 100: max}, reads: {medium: [40, 51]}}
  E*: {as: alarm}
  word2: {absent: 65535, unit: min}
  head*: {as: switch, part: Channel *}
  Tnow: {unit: {Tunit: {0: °F, 1: °C}}, class: temperature, scale: 0.1}
"""


@pytest.fixture
def spa(simulation: Simulation) -> GizwitsDevice:
    server = simulation.gizwits_open
    device = device_of(server.clock, 7, server.uid, _SPA, "Spa")
    device.did = "refinedSpa000000000001"
    server.devices = {device.did: device}
    server.products = {_SPA.key: _SPA}
    return device


@pytest.fixture
async def entry(
    hass: HomeAssistant, simulation: Simulation, spa: GizwitsDevice, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    (profile,) = read_profiles(f"match: {{has: [wave, Tnow]}}\n{_REFINED}", "test.yaml")
    assert isinstance(profile, Profile)
    monkeypatch.setattr(user_profiles, "load_profiles", lambda _: Profiles(ours=(profile,)))
    return await add_account(hass, simulation, "gizwits_open")


async def test_a_refined_number_is_selected(hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry) -> None:
    wave = state_of(hass, "select", entry, spa.did, "wave")
    assert (wave.state, wave.attributes["options"], wave.name) == ("medium", ["off", "medium", "max"], "Spa Bubbles")
    call = {"entity_id": wave.entity_id}
    await hass.services.async_call("select", "select_option", {**call, "option": "max"}, blocking=True)
    assert spa.received == [{"attrs": {"wave": 100}}]
    await poll(hass, entry)
    assert state_of(hass, "select", entry, spa.did, "wave").state == "max"
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call("select", "select_option", {**call, "option": "storm"}, blocking=True)


async def test_a_refined_alarm_is_a_problem_of_the_device(
    hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry
) -> None:
    assert state_of(hass, "binary_sensor", entry, spa.did, "$problem").state == "off"
    spa.set(E01=1)
    await poll(hass, entry)
    problem = state_of(hass, "binary_sensor", entry, spa.did, "$problem")
    assert (problem.state, problem.attributes["active"]) == ("on", ["Fault E01"])
    assert state_of(hass, "event", entry, spa.did, "$alarm").attributes["event_type"] == "raised"


async def test_refined_numbers_are_shown_in_their_unit_or_not_at_all(
    hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry
) -> None:
    now = state_of(hass, "sensor", entry, spa.did, "Tnow")
    assert (now.state, now.attributes["unit_of_measurement"]) == ("37.1", "°C")
    assert state_of(hass, "sensor", entry, spa.did, "word2").state == "unknown"


async def test_a_unit_changes_with_the_datapoint_that_tells_it(
    hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry
) -> None:
    spa.set(Tunit=0, Tnow=1004)
    await poll(hass, entry)
    now = state_of(hass, "sensor", entry, spa.did, "Tnow")
    assert (now.state, now.attributes["unit_of_measurement"]) == ("38.0", "°C")
    spa.set(Tunit=1)
    await poll(hass, entry)
    assert state_of(hass, "sensor", entry, spa.did, "Tnow").state == "100.4"


async def test_a_part_of_a_profile_is_a_device_of_its_own(
    hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry
) -> None:
    head = er.async_get(hass).async_get(entity_id_of(hass, "switch", entry, spa.did, "head1"))
    assert head is not None
    part = dr.async_get(hass).async_get(head.device_id or "")
    assert isinstance(part, dr.ChildDeviceEntry)
    assert part.name == "Channel 1"
    await hass.services.async_call("switch", "turn_off", {"entity_id": head.entity_id}, blocking=True)
    (sent,) = spa.received
    assert sent == {"attrs": {"head1": 0}}
    assert sent["attrs"]["head1"] is not False


async def test_the_maker_of_a_profile_is_that_of_the_device(
    hass: HomeAssistant, spa: GizwitsDevice, entry: MockConfigEntry
) -> None:
    (device,) = [
        found
        for found in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if (DOMAIN, spa.did) in found.identifiers
    ]
    assert device.manufacturer == "Maker"


def test_a_select_without_options_is_complained_about_and_changes_nothing() -> None:
    assert _described("{as: select}").platform is Platform.NUMBER
    profile, number = _profile("datapoints: {k: {as: select}}"), Datapoint(key="k", name="k", **_NUMBER)
    assert list(complaints(profile, Product("", {"k": number}))) == ["k: a select needs options"]
