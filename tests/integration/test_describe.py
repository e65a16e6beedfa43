"""Which entity a datapoint becomes, from tables alone."""

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from homeassistant.components.number import NumberMode
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import EntityCategory, Platform

from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Device, Part, Reading, Role
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import NO_PROFILE, Profile
from custom_components.datapoint_cloud.profiles.model import Refinement, ShownAs

_NAMING = Naming.load("en")
_NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def _one(profile: Profile = NO_PROFILE, **fields: Any) -> DatapointDescription:
    datapoint = Datapoint(**{"key": "k", "name": "Name", "data_type": DataType.NUMBER} | fields)
    return describe([datapoint], {}, profile, _NAMING)[datapoint.key]


def _enabled(datapoints: list[Datapoint], readings: Mapping[str, Reading] | None = None) -> list[str]:
    described = describe(datapoints, readings or {}, NO_PROFILE, _NAMING)
    return [key for key, description in described.items() if description.is_enabled]


def _measure(key: str, name: str | None = None, unit: str | None = "VOLT", part: Part | None = None) -> Datapoint:
    return Datapoint(key=key, name=name or key, data_type=DataType.NUMBER, unit=unit, service=key, part=part)


@pytest.mark.parametrize(
    ("fields", "platform"),
    [
        ({"data_type": DataType.BOOL, "is_writable": True}, Platform.SWITCH),
        ({"data_type": DataType.BOOL}, Platform.BINARY_SENSOR),
        ({"data_type": DataType.BOOL, "role": Role.ALARM}, Platform.BINARY_SENSOR),
        ({"data_type": DataType.ENUM, "is_writable": True, "options": ("a", "b")}, Platform.SELECT),
        ({"data_type": DataType.ENUM, "options": ("a", "b")}, Platform.SENSOR),
        ({"is_writable": True, "minimum": 0, "maximum": 9}, Platform.NUMBER),
        ({"is_writable": True}, Platform.SENSOR),
        ({"minimum": 0, "maximum": 9}, Platform.SENSOR),
        ({"data_type": DataType.BINARY, "is_writable": True}, Platform.SENSOR),
        ({"data_type": DataType.TEXT}, Platform.SENSOR),
    ],
)
def test_the_type_and_whether_it_is_writable_give_the_platform(fields: dict[str, Any], platform: Platform) -> None:
    assert _one(**fields).platform is platform


def test_an_alarm_is_a_disabled_diagnostic_problem() -> None:
    alarm = _one(data_type=DataType.BOOL, role=Role.ALARM)
    assert (alarm.device_class, alarm.category, alarm.is_enabled) == ("problem", EntityCategory.DIAGNOSTIC, False)


def test_a_binary_is_disabled_and_diagnostic() -> None:
    binary = _one(data_type=DataType.BINARY, is_writable=True)
    assert (binary.category, binary.is_enabled) == (EntityCategory.DIAGNOSTIC, False)


@pytest.mark.parametrize(
    ("word", "unit", "device_class", "state_class"),
    [
        ("AMPERE", "A", "current", "measurement"),
        ("VOLT", "V", "voltage", "measurement"),
        ("WATT", "W", "power", "measurement"),
        ("KILOWATT", "kW", "power", "measurement"),
        ("VOLT_AMPERE", "VA", "apparent_power", "measurement"),
        ("KILOVOLT_AMPERE", "kVA", "apparent_power", "measurement"),
        ("PERCENT", "%", None, "measurement"),
        ("DEGREE_CELSIUS", "°C", "temperature", "measurement"),
        ("CELSIUS", "°C", "temperature", "measurement"),
        ("HOUR", "h", "duration", "measurement"),
        ("HERTZ", "Hz", "frequency", "measurement"),
        ("AMPERE_HOUR", "Ah", None, "measurement"),
        ("KILOWATT_HOUR", "kWh", "energy", "total_increasing"),
        ("KILOWATTHOUR", "kWh", "energy", "total_increasing"),
        ("Watt hour", "Wh", "energy", "total_increasing"),
        ("kWh", "kWh", "energy", "total_increasing"),
        ("GWh", "GWh", "energy", "total_increasing"),
        ("MEGAJOULE", "MJ", "energy", "total_increasing"),
        ("GJ", "GJ", "energy", "total_increasing"),
        ("kJ", "kJ", "energy", "total_increasing"),
        ("mJ", "mJ", None, "measurement"),
        ("m³/h", "m³/h", "volume_flow_rate", "measurement"),
        ("L/min", "L/min", "volume_flow_rate", "measurement"),
        ("CUBIC_FEET", "ft³", None, "measurement"),
        ("DAYS", "d", "duration", "measurement"),
        ("VOLTS", "V", "voltage", "measurement"),
        ("DEGREES_CELSIUS", "°C", "temperature", "measurement"),
        ("mW", "mW", "power", "measurement"),
        ("MW", "MW", "power", "measurement"),
        ("K_FACTOR", None, None, "measurement"),
        ("KILOVARS", "kvar", "reactive_power", "measurement"),
        ("VAR_HOURS", "varh", "reactive_energy", "total_increasing"),
        ("KILOVARHOUR", "kvarh", "reactive_energy", "total_increasing"),
        ("BAR", "bar", "pressure", "measurement"),
        ("DECIBEL_MILLIWATT", "dBm", "signal_strength", "measurement"),
        ("plays", "plays", None, "measurement"),
        (None, None, None, "measurement"),
        ("", None, None, "measurement"),
    ],
)
def test_a_vendors_word_for_a_unit(
    word: str | None, unit: str | None, device_class: str | None, state_class: str | None
) -> None:
    sensor = _one(unit=word)
    assert (sensor.unit, sensor.device_class, sensor.state_class) == (unit, device_class, state_class)


@pytest.mark.parametrize(
    "word",
    [
        *("AMPERE", "MILLIAMPERE", "VOLT", "MILLIVOLT", "WATT", "KILOWATT", "MEGAWATT", "VOLT_AMPERE", "KVA", "VAR"),
        *("KVAR", "WH", "KWH", "MWH", "KVARH", "HERTZ", "°C", "FAHRENHEIT", "KELVIN", "SECOND", "MINUTE", "HOUR"),
    ],
)
def test_home_assistant_takes_class_unit_and_state_class_together(word: str) -> None:
    sensor = _one(unit=word)
    device_class = SensorDeviceClass(str(sensor.device_class))
    assert sensor.unit in DEVICE_CLASS_UNITS[device_class]
    assert sensor.state_class in DEVICE_CLASS_STATE_CLASSES[device_class]


@pytest.mark.parametrize("is_difference", [False, True])
@pytest.mark.parametrize(
    "refined",
    [
        Refinement(),
        Refinement(name="Acidity"),
        Refinement(device_class="ph"),
        Refinement(unit="°C", device_class="temperature"),
    ],
)
def test_every_number_has_a_unit_or_a_state_class_that_home_assistant_takes(
    refined: Refinement, is_difference: bool
) -> None:
    sensor = _one(Profile(datapoints={"k": refined}), is_difference=is_difference)
    assert sensor.unit is not None or sensor.state_class is not None
    if sensor.device_class is not None and sensor.state_class is not None:
        assert sensor.state_class in DEVICE_CLASS_STATE_CLASSES[SensorDeviceClass(sensor.device_class)]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (("master", " slave"), ("master", "slave")),
        ((" Charging ", "制冷"), ("charging", "cool")),
        (("经典造浪", "Wave: natural (new)"), ("classic_wave", "wave_natural_new")),
        (("摄氏", "华氏"), ("celsius", "fahrenheit")),
        (("a", " a", "b"), ("a", "a_2", "b")),
        (("", "on", "  "), ("option_1", "on", "option_3")),
        (("1", "", "2"), ("1", "option_2", "2")),
        (("a", "a", "b"), ("a", "b")),
        (("魑魅", "制热"), ("option_1", "heat")),
        (("x" * 300, "x" * 301), ("x" * 100, "x" * 100 + "_2")),
    ],
)
@pytest.mark.parametrize("is_writable", [False, True])
def test_options_have_keys_that_no_language_changes(
    labels: tuple[str, ...], shown: tuple[str, ...], is_writable: bool
) -> None:
    description = _one(data_type=DataType.ENUM, options=labels, is_writable=is_writable)
    assert tuple(description.options) == shown
    assert set(description.options.values()) == set(labels)
    assert {description.shown_option(label) for label in labels} == set(shown)


def test_whatever_the_options_each_is_shown_once() -> None:
    choice = random.Random(1)
    pieces = ("", " ", "a", "0", "1", "2", "#", "\t", "x" * 255)
    for _ in range(2_000):
        labels = tuple("".join(choice.choices(pieces, k=2)) for _ in range(choice.randrange(1, 9)))
        description = _one(data_type=DataType.ENUM, options=labels, is_writable=True)
        assert sorted(description.options.values()) == sorted(set(labels))
        assert all(
            re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", shown) and len(shown) <= 255 for shown in description.options
        )
        assert all(description.shown_option(label) == shown for shown, label in description.options.items())


def test_a_difference_between_two_polls_is_no_running_total() -> None:
    sensor = _one(is_difference=True, unit="KILOWATT_HOUR", service="141900")
    assert (sensor.unit, sensor.device_class, sensor.state_class) == ("kWh", None, None)


def test_a_wide_range_is_a_box() -> None:
    assert _one(is_writable=True, minimum=0, maximum=1440).mode is NumberMode.BOX
    assert _one(is_writable=True, minimum=0, maximum=100).mode is NumberMode.AUTO
    assert _one(is_writable=True, minimum=0, maximum=100, step=0.1).mode is NumberMode.BOX


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"name": "空调"}, "Air conditioner"),
        ({"name": "  "}, "K"),
        ({"name": ""}, "K"),
        ({"name": " Pump "}, "Pump"),
        ({"name": "Fp", "key": "Fp", "desc": "防冻"}, "Frost protection"),
        ({"name": "TEMP", "key": "TEMP", "desc": "Temperature"}, "Temperature"),
        ({"name": "SwitchON", "key": "SwitchON", "desc": "0:关闭，1：打开"}, "Switch on"),
        ({"name": "魑魅", "key": "wave_mode"}, "Wave mode"),
        ({"name": "手动", "desc": "手动喂食开关", "role": Role.ACTION}, "Manual feeding"),
    ],
)
def test_an_entity_is_named_in_words_of_the_users_language(fields: dict[str, Any], shown: str) -> None:
    assert _one(**fields).name == _one(**fields).object_name == shown


def test_what_the_cloud_calls_it_in_the_users_language_comes_first() -> None:
    datapoint = Datapoint(key="k", name="功率", data_type=DataType.NUMBER, names={"en": "Power", "fr": "Puissance"})
    assert [Naming.load(language).name(datapoint) for language in ("en-GB", "fr", "de")] == [
        "Power",
        "Puissance",
        "Leistung",
    ]


@pytest.mark.parametrize(("language", "current"), [("zh-Hans", "电流"), ("zh-Hant", "電流"), ("zh", "电流")])
def test_a_user_who_reads_chinese_sees_the_vendors_words_and_no_pinyin(language: str, current: str) -> None:
    naming = Naming.load(language)
    described = describe([Datapoint(key="mode", name="模式", data_type=DataType.TEXT)], {}, NO_PROFILE, naming)
    assert (described["mode"].name, described["mode"].object_name) == ("模式", "Mode")
    device = Device(id="1", schema_id="1", name="四头滴定泵 a5", model="四头滴定泵")
    assert naming.device(device) == device
    datapoint = Datapoint(key="k", name="Current", data_type=DataType.NUMBER)
    of_regions = {"en": "Current", "zh-tw": "電流", "zh-cn": "电流"}
    assert naming.name(replace(datapoint, names=of_regions)) == current
    assert naming.name(replace(datapoint, names={"en": "Current", "zh": current})) == current


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("kaiguan", "Power"),
        ("shezhi_wendu", "Target temperature"),
        ("DangqianShidu", "Current humidity"),
        ("fengsu2", "Fan speed 2"),
        ("wendu_max", "Wendu max"),
        ("moshing", "Moshing"),
        ("moshi_" * 40 + "x", "Moshi" + " moshi" * 39 + " x"),  # found to be none at once
    ],
)
def test_a_name_in_pinyin_is_read(key: str, name: str) -> None:
    described = describe([Datapoint(key=key, name=key, data_type=DataType.NUMBER)], {}, NO_PROFILE, Naming.load("en"))
    assert described[key].name == name


@pytest.mark.parametrize("word", ["sine_wave", "Sine wave", "正弦造浪", " 正弦造浪 ", "sine wave"])
def test_an_option_is_called_by_its_key_its_name_or_the_vendors_word(word: str) -> None:
    description = _one(data_type=DataType.ENUM, options=("经典造浪", "正弦造浪"), is_writable=True)
    assert description.vendors_value(word) == "正弦造浪"
    assert [description.vendors_value(value) for value in ("square", 1, True)] == ["square", 1, True]


def test_a_reported_option_that_the_schema_lacks_has_a_key() -> None:
    description = _one(data_type=DataType.ENUM, options=("经典造浪",))
    assert [description.shown_option(value) for value in ("正弦造浪", "Square", "魑魅", 7)] == [
        "sine_wave",
        "square",
        "other",
        "7",
    ]


@pytest.mark.parametrize(
    ("role", "category", "is_enabled"),
    [(Role.ACTION, None, True), (Role.MAINTENANCE, EntityCategory.CONFIG, False)],
)
def test_a_command_is_a_button(role: Role, category: EntityCategory | None, is_enabled: bool) -> None:
    button = _one(data_type=DataType.BOOL, is_writable=True, role=role)
    assert (button.platform, button.category, button.is_enabled) == (Platform.BUTTON, category, is_enabled)


def test_what_is_spare_is_disabled_and_diagnostic() -> None:
    spare = _one(is_writable=True, minimum=0, maximum=255, role=Role.INTERNAL)
    assert (spare.platform, spare.category, spare.is_enabled) == (Platform.NUMBER, EntityCategory.DIAGNOSTIC, False)


@pytest.mark.parametrize(
    ("unit", "maximum", "device_class"),
    [("min", 60, "duration"), ("°C", 40, "temperature"), ("W", 9, "power"), ("%", 9, None), ("K", 20_000, None)],
)
def test_a_number_with_a_unit_has_its_class(unit: str, maximum: float, device_class: str | None) -> None:
    number = _one(is_writable=True, minimum=0, maximum=maximum, unit=unit)
    assert (number.unit, number.device_class) == (unit, device_class)
    assert _one(maximum=maximum, unit=unit).device_class == device_class


def test_a_row_of_switches_is_enabled() -> None:
    def row(length: int, data_type: DataType) -> list[Datapoint]:
        return [Datapoint(key=f"channel{n}", name="C", data_type=data_type, is_writable=True) for n in range(length)]

    own = Datapoint(key="own", name="Own", data_type=DataType.BOOL)
    assert len(_enabled([own, *row(16, DataType.BOOL)])) == 17
    assert _enabled([own, *row(17, DataType.BOOL)]) == ["own"]
    assert _enabled([own, *row(8, DataType.NUMBER)]) == ["own"]


def test_a_profile_adds_what_the_schema_cannot_say() -> None:
    hint = Refinement(name="Temperature", unit="°C", device_class="temperature", state_class="measurement", scale=0.1)
    sensor = _one(Profile(datapoints={"k": hint}))
    assert (sensor.name, sensor.unit, sensor.device_class) == ("Temperature", "°C", "temperature")
    assert (sensor.state_class, sensor.scale) == ("measurement", 0.1)
    number = _one(Profile(datapoints={"k": hint}), is_writable=True, minimum=0, maximum=255)
    assert (number.platform, number.unit, number.device_class) == (Platform.NUMBER, "°C", "temperature")


@pytest.mark.parametrize(
    ("kind", "word", "unit"), [("water", "LITER", "L"), ("gas", "M3", "m³"), ("gas", "FT3", "ft³")]
)
def test_a_profile_that_names_a_meter_need_not_repeat_what_is_plain(kind: str, word: str, unit: str) -> None:
    meter = _one(Profile(datapoints={"k": Refinement(device_class=kind)}), unit=word)
    assert (meter.unit, meter.device_class, meter.state_class) == (unit, kind, "total_increasing")
    counted = _one(Profile(datapoints={"k": Refinement(device_class=kind)}), unit=word, is_difference=True)
    assert counted.state_class is None


def test_a_profile_takes_what_nobody_would_set_out_of_the_controls() -> None:
    profile = Profile(datapoints={"k": Refinement(unit="°C", device_class="temperature", shown_as=ShownAs.SENSOR)})
    assert _one(profile, is_writable=True, minimum=0, maximum=99).platform is Platform.SENSOR
    assert _one(profile, is_writable=True, data_type=DataType.BOOL).platform is Platform.BINARY_SENSOR


def test_a_products_datapoints_are_enabled_but_not_its_long_series() -> None:
    timers = [
        Datapoint(key=f"Timer{number}", name="Timer", data_type=DataType.NUMBER, is_writable=True, minimum=0, maximum=9)
        for number in range(6)
    ]
    channels = [Datapoint(key=f"Channel{number}", name="C", data_type=DataType.NUMBER) for number in range(5)]
    assert _enabled([*timers, *channels]) == [channel.key for channel in channels]


def test_of_nothing_but_a_long_series_the_first_dozen_are_enabled() -> None:
    contents = [Datapoint(key=f"value:content-{number}", name="C", data_type=DataType.NUMBER) for number in range(30)]
    assert _enabled(contents) == [content.key for content in contents[:12]]
    assert _enabled([_measure(str(number), unit=None) for number in range(30)]) == []


def test_numbers_in_the_labels_of_figures_name_channels_and_make_no_series() -> None:
    labels = ["Drama", *(f"Channel {number}" for number in range(30))]
    figures = [
        Datapoint(key=f"value:{label}", name=label, data_type=DataType.NUMBER, is_period_total=True) for label in labels
    ]
    assert _enabled(figures) == [figure.key for figure in figures[:13]]


def test_at_most_a_dozen_of_a_part_are_enabled_and_those_with_a_unit() -> None:
    first, second = Part(id="Load|0", name="Load 1"), Part(id="Load|1", name="Load 2")
    units = ["VOLT", "AMPERE", "WATT", "HERTZ", "PERCENT", "HOUR", "BAR", "LITRE"]
    own = [_measure(f"o{number}{unit}", unit=unit) for number in "123" for unit in units]
    of_first = [_measure(f"f{letter}", f"Voltage {letter}", part=first) for letter in "abc"]
    of_second = [_measure("s", part=second), _measure("t", unit=None, part=second)]
    enabled = _enabled([*own, *of_first, *of_second])
    assert len([key for key in enabled if key.startswith("o")]) == 12
    assert [key for key in enabled if not key.startswith("o")] == ["fa", "fb", "s"]


def test_the_three_phases_of_a_quantity_count_as_one_of_its_class() -> None:
    kinds = ("Input", "Output", "Bypass")
    phases = [_measure(f"{kind}{number}", f"{kind} voltage L{number}") for kind in kinds for number in (1, 2, 3)]
    total = _measure("mean", "Mean voltage")
    assert _enabled([*phases, total]) == ["Input1", "Input2", "Input3", "mean"]


def test_of_a_long_list_what_people_look_for_and_meters_come_first() -> None:
    others = [
        _measure(f"{group}{number}", f"{group} {'abcdefgh'[number]}", unit)
        for group in ("Input", "Output", "Bypass")
        for number, unit in enumerate(("VOLT", "AMPERE", "HERTZ", "BAR", "LITRE", "HOUR"))
    ]
    wanted = [
        _measure("charge", "Battery charge", "PERCENT"),
        _measure("time", "Backup time", "MINUTE"),
        _measure("load", "Load rate", "PERCENT"),
        _measure("power", "Active power", "KILOWATT"),
        _measure("temperature", "Ambient", "CELSIUS"),
        _measure("energy", "Energy", "KILOWATT_HOUR"),
    ]
    enabled = _enabled([*others, *wanted])
    assert {datapoint.key for datapoint in wanted} <= set(enabled)
    assert len(enabled) == 12


def test_that_a_ups_runs_on_its_battery_or_on_bypass_is_among_the_first_dozen_of_its_part() -> None:
    part = Part(id="UPS|0", name="UPS")
    units = ("VOLT", "AMPERE", "WATT", "HERTZ", "PERCENT", "HOUR", "BAR", "LITRE")
    measured = [_measure(f"{letter}{unit}", f"{letter} {unit}", unit, part=part) for letter in "ab" for unit in units]
    alarms = [
        replace(_measure(name, name, None, part), data_type=DataType.BOOL, role=Role.ALARM)
        for name in ("Load on battery", "Operating on automatic bypass", "Battery test", "Bypass overload")
    ]
    enabled = _enabled([*measured, *alarms])
    assert enabled[-2:] == ["Load on battery", "Operating on automatic bypass"]
    assert len(enabled) == 12
    french = replace(alarms[0], key="fr", name="Sur batterie", names={"en": "On battery"})
    assert _enabled([french]) == ["fr"]


def test_a_counter_is_a_meter_and_the_charge_of_a_battery_has_its_class() -> None:
    counter = _one(is_counter=True, unit="LITRE", service="1")
    assert counter.state_class == "total_increasing"
    charge = _one(unit="PERCENT", service="2", name="Battery charge", group="Battery")
    assert charge.device_class == "battery"


def test_what_was_silent_for_a_day_or_never_spoke_is_disabled() -> None:
    datapoints = [_measure("fresh"), _measure("silent"), _measure("never"), _measure("timeless")]
    readings = {
        "fresh": Reading(1, _NOW),
        "silent": Reading(1, _NOW - timedelta(days=1, seconds=1)),
        "timeless": Reading(1),
    }
    assert _enabled(datapoints, readings) == ["fresh"]


def test_a_device_that_fell_silent_as_a_whole_is_judged_by_its_own_time() -> None:
    readings = {"a": Reading(1, _NOW - timedelta(days=9)), "b": Reading(1, _NOW - timedelta(days=9))}
    assert _enabled([_measure("a"), _measure("b")], readings) == ["a", "b"]
