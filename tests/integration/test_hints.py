"""What a number measures is read from its name and its limits together, and only where there is no doubt."""

from dataclasses import replace
from typing import Any

import pytest
from homeassistant.const import EntityCategory, Platform

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType, Reading
from custom_components.datapoint_cloud.fleet.composites import composites_of, without_parts_of
from custom_components.datapoint_cloud.fleet.description import DatapointDescription, describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles import NO_PROFILE, Product, Profile, load_profiles
from custom_components.datapoint_cloud.profiles.model import Refinement
from custom_components.datapoint_cloud.profiles.roles import Composite
from custom_components.datapoint_cloud.vocabulary import is_chinese

_NAMING = Naming.load("en")


def _number(name: str, least: float, most: float, step: float = 1, *, key: str = "k", **fields: Any) -> Datapoint:
    return Datapoint(key=key, name=name, data_type=DataType.NUMBER, minimum=least, maximum=most, step=step, **fields)


def _measure(*datapoints: Datapoint) -> tuple[str | None, str | None]:
    """Return the unit and the class of the first of a product's datapoints."""
    first = describe(datapoints, {}, NO_PROFILE, _NAMING)[datapoints[0].key]
    return first.unit, first.device_class


@pytest.mark.parametrize(
    ("datapoint", "measure"),
    [
        (_number("进水温度", -20, 100, 0.1), ("°C", "temperature")),
        (_number("盘管温度", -50, 205), ("°C", "temperature")),
        (_number("Water temp", 0, 60), ("°C", "temperature")),
        (_number("室内湿度", 0, 100), ("%", "humidity")),
        (_number("电量", 0, 100), ("%", "battery")),
        (_number("PM2.5浓度", 0, 999), ("μg/m³", "pm25")),
        (_number("二氧化碳浓度", 0, 5_000), ("ppm", "carbon_dioxide")),
        (_number("原水TDS", 0, 2_000), ("ppm", None)),
        (_number("ORP", 0, 1_200), ("mV", "voltage")),
        (_number("PH", 0, 14, 0.1), (None, "ph")),
        (_number("电压", 0, 300, 0.1), ("V", "voltage")),
        (_number("压缩机电流", 0, 50, 0.1), ("A", "current")),
        (_number("总有功电能", 0, 999_999.99, 0.01), ("kWh", "energy")),
        (_number("压缩机运行频率", 0, 120), ("Hz", "frequency")),
        (_number("功率因数", 0, 1, 0.001), (None, "power_factor")),
        (_number("滤芯剩余天数", 0, 60), ("d", "duration")),
        (_number("倒计时", 0, 1_440), ("min", "duration")),
        (_number("累计用水量", 0, 99_999, unit="L"), ("L", "water")),
        (_number("夜灯亮度", 0, 100), ("%", None)),
        (_number("风机转速", 0, 6_000), ("rpm", None)),
        (_number("实时转速", 0, 4_000), ("rpm", None)),
        (_number("设定电机转速", 0, 100), ("%", None)),
        (_number("色温", 2_700, 6_500), ("K", None)),
        (_number("甲醛浓度", 0, 5, 0.001), ("mg/m³", None)),
        (_number("一氧化碳浓度", 0, 1_000, unit="ppm"), ("ppm", "carbon_monoxide")),
        (_number("总功率", 0, 2_500), ("W", "power")),
        (_number("Puissance", 0, 2_500), ("W", "power")),
        (_number("剩余热水量", 0, 100), ("%", None)),
        (_number("percent_state", 0, 100), ("%", None)),
        (_number("Compressor speed", 0, 100), ("%", None)),
        (_number("体脂率", 0, 100, 0.1), ("%", None)),
        (_number("脉搏", 0, 250), ("bpm", None)),
        (_number("收缩压", 0, 300), ("mmHg", "pressure")),
        (_number("PV1 voltage", 0, 6_553.5, 0.1), ("V", "voltage")),
        (_number("Grid frequency", 0, 655.35, 0.01), ("Hz", "frequency")),
        (_number("Battery SOC", 0, 100), ("%", "battery")),
        (_number("Running hours", 0, 65_535), ("h", "duration")),
        (_number("生活热水设定温度", 30, 60), ("°C", "temperature")),
        (_number("Solltemperatur", 10, 30, 0.5), ("°C", "temperature")),
        (_number("Température ambiante", 0, 50, 0.1), ("°C", "temperature")),
        (_number("Temperatura zadana", 5, 35), ("°C", "temperature")),
        (_number("Room Temprature", 0, 50), ("°C", "temperature")),
    ],
)
def test_a_name_and_limits_that_fit_one_unit_only_give_it(
    datapoint: Datapoint, measure: tuple[str | None, str | None]
) -> None:
    assert _measure(datapoint) == measure


@pytest.mark.parametrize(
    "datapoint",
    [
        _number("排气温度", 0, 255),  # tenths of a degree, perhaps
        _number("Water temperature", 60, 104),
        _number("Water temp", 0, 110),
        _number("温差", 0, 20),
        _number("色温", 0, 100),
        _number("温度校准", -10, 10),
        _number("压力", 0, 10),
        _number("电压", 0, 100),
        _number("PM2.5", 0, 65_535),
        _number("定时开小时", 0, 23),  # a time of day, no duration
        _number("TVOC浓度", 0, 999),
        _number("份量", 0, 100),
        _number("风速", 1, 12),
        _number("Pulse time", 0, 250),
        _number("剩余水量", 0, 9_999),
        _number("Solltemperatur", 50, 104),
        _number("Speed setpoint", 5, 35),
        _number("当前值", 0, 65_535),
    ],
)
def test_what_could_have_another_unit_has_none(datapoint: Datapoint) -> None:
    assert _measure(datapoint) == (None, None)


def test_a_temperature_is_in_no_certain_unit_where_the_product_mentions_fahrenheit() -> None:
    water = _number("水温", 0, 100)
    unit = Datapoint(key="unit", name="温度单位", data_type=DataType.ENUM, options=("摄氏度", "华氏度"))
    assert [_measure(water), _measure(water, unit)] == [("°C", "temperature"), (None, None)]
    # Nobody would set 8 °F: the device counts in °C, and its switch changes the display.
    target = _number("设定温度", 8, 40, key="target", is_writable=True)
    assert _measure(water, unit, target) == ("°C", "temperature")


def _bathed(*more: Datapoint, coldest: float = 10, hottest: float = 104) -> dict[str, DatapointDescription]:
    """Describe a spa with such limits of its target, which can be in either unit."""
    datapoints = (
        _number("设置温度", coldest, hottest, key="target", is_writable=True),
        _number("当前温度", 0, 255, key="current"),
        Datapoint(key="unit", name="温标", data_type=DataType.ENUM, options=("华氏度", "摄氏度"), is_writable=True),
        *more,
    )
    readings = {"unit": Reading("华氏度")}
    return {key: found for key, found in describe(datapoints, readings, NO_PROFILE, _NAMING).items() if key != "unit"}


def test_temperatures_are_in_the_unit_that_the_product_is_set_to_if_its_target_fits_both() -> None:
    assert [(found.unit, found.device_class) for found in _bathed().values()] == [("°F", "temperature")] * 2
    assert [found.unit_keys for found in _bathed().values()] == [{"unit"}] * 2
    assert {found.unit for found in _bathed(hottest=60).values()} == {None}  # perhaps only the display changes
    assert {found.unit for found in _bathed(coldest=60).values()} == {None}  # it is always °F
    second = Datapoint(key="second", name="显示", data_type=DataType.ENUM, options=("C", "F"), is_writable=True)
    assert {found.unit for found in _bathed(second).values()} == {None}


def test_one_word_is_the_charge_of_a_battery_and_the_energy_of_a_meter() -> None:
    def shown(datapoint: Datapoint, language: str = "en") -> tuple[str, str | None, str | None]:
        found = describe([datapoint], {}, NO_PROFILE, Naming.load(language))["k"]
        return found.name, found.unit, found.device_class

    meter = _number("电量", 0, 9_999.99, 0.01)
    assert shown(_number("电量", 0, 100)) == ("Battery", "%", "battery")
    assert shown(meter) == ("Energy", "kWh", "energy")
    assert shown(_number("电量", 0, 9_999)) == ("Energy", None, None)  # of an unknown unit
    assert shown(_number("电量", 0, 255)) == ("Battery", None, None)  # nobody thought about these limits
    assert shown(_number("电量", 0, 1_000, unit="%"))[:2] == ("Battery", "%")
    assert shown(_number("电池电量", 0, 9_999))[0] == shown(_number("Battery", 0, 9_999))[0] == "Battery"
    assert [shown(meter, language)[0] for language in ("de", "zh-Hans")] == ["Energie", "电量"]


def test_what_the_vendor_and_a_profile_say_wins() -> None:
    power = _number("功率", 0, 3_000)
    assert [_measure(power), _measure(replace(power, unit="kW"))] == [("W", "power"), ("kW", "power")]
    profile = Profile(datapoints={"k": Refinement(unit="kWh", device_class="energy")})
    shown = describe([power], {}, profile, _NAMING)["k"]
    assert (shown.unit, shown.device_class) == ("kWh", "energy")


def test_versions_are_diagnostic_and_parameters_of_the_installer_are_off() -> None:
    shown = describe(
        [
            _number("主板软件版本", 0, 255, key="sv"),
            _number("参数1", 0, 255, key="p1", is_writable=True),
            Datapoint(key="lock", name="童锁", data_type=DataType.BOOL, is_writable=True),
        ],
        {},
        NO_PROFILE,
        _NAMING,
    )
    assert [(found.category, found.is_enabled) for found in shown.values()] == [
        (EntityCategory.DIAGNOSTIC, True),
        (EntityCategory.CONFIG, False),
        (EntityCategory.CONFIG, True),
    ]


# Entities of several datapoints, found by their names alone


def _pump(*more: Datapoint, modes: tuple[str, ...] = ("制冷", "制热", "自动")) -> dict[str, Composite]:
    datapoints = {
        datapoint.key: datapoint
        for datapoint in (
            Datapoint(key="power", name="开关机", data_type=DataType.BOOL, is_writable=True),
            Datapoint(key="mode", name="运行模式", data_type=DataType.ENUM, is_writable=True, options=modes),
            Datapoint(
                key="extra", name="工作模式", data_type=DataType.ENUM, is_writable=True, options=("强劲", "静音")
            ),
            _number("设定温度", 8, 40, key="target", is_writable=True),
            _number("进水温度", -20, 100, 0.1, key="inlet"),
            *more,
        )
    }
    profile = load_profiles().of(Product("", datapoints))
    shown = describe(datapoints.values(), {}, profile, _NAMING)
    composites = composites_of(profile, shown)
    if composites:
        enabled = without_parts_of(composites, shown, profile)
        assert [key for key, found in enabled.items() if found.is_enabled][:2] == ["extra", "inlet"]
    return {composite.key: composite for composite in composites}


def test_an_unknown_product_becomes_a_thermostat_if_its_names_say_so() -> None:
    thermostat = _pump()["$climate"]
    assert {name: role.sources[0].keys for name, role in thermostat.roles.items()} == {
        "on": ("power",),
        "mode": ("mode",),
        "target": ("target",),
        "current": ("inlet",),
    }
    assert thermostat.roles["mode"].values_of_word("heat") == {"mode": "制热"}
    assert set(thermostat.roles["mode"].words) == {"heat", "cool", "auto"}


def test_it_becomes_none_where_the_names_leave_a_doubt() -> None:
    assert not _pump(modes=("制冷", "制热", "魑魅"))
    assert not _pump(_number("目标温度", 8, 40, key="second", is_writable=True))
    assert not _pump(
        Datapoint(key="unit", name="℉", data_type=DataType.BOOL), _number("设定温度", 60, 104, key="target")
    )


def _found_of(name: str, *datapoints: Datapoint) -> dict[str, dict[str, str]]:
    """Return the keys that the roles of a product's entities use, by entity."""
    by_key = {datapoint.key: datapoint for datapoint in datapoints}
    profile = load_profiles().of(Product("", by_key, name))
    composites = composites_of(profile, describe(datapoints, {}, profile, _NAMING))
    return {composite.key: {name: min(role.keys) for name, role in composite.roles.items()} for composite in composites}


def _flag(name: str, key: str, *, is_writable: bool = True) -> Datapoint:
    return Datapoint(key=key, name=name, data_type=DataType.BOOL, is_writable=is_writable)


def _choice(name: str, key: str, *options: str) -> Datapoint:
    return Datapoint(key=key, name=name, data_type=DataType.ENUM, is_writable=True, options=options)


_POWER = _flag("电源", "power")
_TARGET = _number("设定温度", 30, 45, key="target", is_writable=True)
_NOW = _number("当前温度", 0, 100, key="now")


@pytest.mark.parametrize(
    ("name", "limits", "entity"),
    [
        ("", (30, 80), "$climate"),
        ("", (10, 60), "$climate"),
        ("", (40, 100), None),  # a kettle
        ("", (30, 200), None),  # an oven
        ("桑拿房", (40, 100), "$climate"),
        ("热水器", (35, 75), "$water_heater"),
    ],
)
def test_what_is_hotter_than_a_house_is_no_thermostat(name: str, limits: tuple[int, int], entity: str | None) -> None:
    target = _number("设定温度", *limits, key="target", is_writable=True)
    found = _found_of(name, _POWER, replace(target, unit="°C"), _NOW, _flag("加热中", "heating", is_writable=False))
    assert list(found) == ([] if entity is None else [entity])


def test_a_role_that_commands_needs_a_datapoint_that_can_be_written() -> None:
    heating = _flag("加热中", "heating", is_writable=False)
    heater = {"on": "power", "target": "target", "current": "now", "action": "heating"}
    assert _found_of("", _POWER, _TARGET, _NOW, heating) == {"$climate": heater}
    assert _found_of("", _TARGET, _NOW, heating) == {}
    assert _found_of("", _POWER, replace(_TARGET, is_writable=False), _NOW, heating) == {}


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("Heizung_WiFi", "$climate"),
        ("HY09RF温控器", "$climate"),
        ("热水器", "$water_heater"),
        ("智能水壶", None),
        ("", None),
    ],
)
def test_the_name_of_a_product_says_what_its_datapoints_leave_open(name: str, entity: str | None) -> None:
    found = _found_of(name, _POWER, _TARGET, _NOW)
    assert found == ({} if entity is None else {entity: {"on": "power", "target": "target", "current": "now"}})


def test_a_heater_with_words_of_its_own_country_is_a_thermostat() -> None:
    words = ("Marche/Arrêt", "Température de consigne", "Température ambiante")
    power, target, now = _flag(words[0], "on"), _number(words[1], 5, 30, key="set"), _number(words[2], 0, 50, key="now")
    found = _found_of("Radiateur", power, replace(target, is_writable=True), now)
    assert found == {"$climate": {"on": "on", "target": "set", "current": "now"}}


def test_a_spa_is_set_to_what_people_bathe_in() -> None:
    heating = _flag("加热", "heating")
    datapoints = {found.key: found for found in (replace(_TARGET, minimum=10, maximum=60), heating)}
    profile = load_profiles().of(Product("", datapoints, "SPA_1"))
    (spa,) = composites_of(profile, describe(datapoints.values(), {}, profile, _NAMING))
    assert spa.limits == {"°C": (5, 45), "°F": (41, 113)}


def test_a_heat_pump_with_two_targets_has_one_for_each_mode() -> None:
    mode = _choice("运行模式", "mode", "制冷", "制热", "自动")
    heating = _number("制热设定温度", 15, 40, key="heating", is_writable=True)
    cooling = _number("制冷设定温度", 8, 28, key="cooling", is_writable=True)
    roles = {"on": "power", "mode": "mode", "current": "now"}
    assert _found_of("", _POWER, mode, heating, cooling, _NOW) == {
        "$climate": roles | {"high": "cooling", "low": "heating"}
    }
    assert _found_of("", _POWER, mode, heating, _NOW) == {"$climate": roles | {"target": "heating"}}


def test_an_air_conditioner_blows_as_its_names_say() -> None:
    mode = _choice("运行模式", "mode", "制冷", "制热", "除湿", "送风")
    target = _number("设定温度", 16, 30, key="target", is_writable=True)
    wind, swing = _choice("风量", "wind", "低", "高"), _flag("上下扫风", "swing")
    found = _found_of("空调", _POWER, mode, target, _NOW, wind, swing, _flag("左右扫风", "other"))
    roles = {"on": "power", "mode": "mode", "target": "target", "current": "now"}
    assert found["$climate"] == roles | {"fan": "wind", "swing": "swing"}


def test_temperatures_are_in_celsius_where_a_target_shows_it() -> None:
    inlet = _number("Water inlet temp", -30, 97.5, 0.5)
    target = _number("Heating setpoint", 15, 40, key="t", is_writable=True)
    assert [_measure(inlet), _measure(inlet, target)] == [(None, None), ("°C", "temperature")]
    assert _measure(inlet, replace(target, name="Speed setpoint")) == (None, None)


def test_a_few_degrees_are_in_celsius_where_they_can_be_chosen_in_chinese() -> None:
    freezer = _number("冷冻设定温度", -28, -16)
    assert [_measure(freezer), _measure(replace(freezer, name="Freezer target temperature"))] == [
        ("°C", "temperature"),
        (None, None),
    ]


@pytest.mark.parametrize("name", ["Infant monitor", "Water Purifier", "Aroma Light Diffuser", "Fanless PC"])
def test_a_name_that_only_holds_the_word_says_nothing(name: str) -> None:
    level = _number("亮度", 0, 100, key="level", is_writable=True)
    assert _found_of(name, _POWER, _choice("模式", "mode", "自然风", "睡眠风"), level) == {}


def test_a_product_that_is_called_a_fan_is_one() -> None:
    speed = _number("风速", 1, 12, key="speed", is_writable=True)
    gears = _choice("风速", "gears", "自动", "睡眠", "低", "高")
    mode = _choice("模式", "mode", "自然风", "睡眠风")
    swing = _flag("摇头", "swing")
    assert _found_of("循环扇", _POWER, speed, mode, swing) == {
        "$fan": {"on": "power", "percentage": "speed", "preset": "mode", "oscillating": "swing"}
    }
    assert _found_of("空气净化器", _POWER, gears, mode) == {"$fan": {"on": "power", "preset": "gears"}}
    assert _found_of("CeilingFan_Light", _flag("Fan Switch", "fan"), speed, _flag("Light Switch", "lamp")) == {
        "$fan": {"on": "fan", "percentage": "speed"}
    }
    assert _found_of("空调", _POWER, gears, mode) == {}
    assert _found_of("Ceiling fan heater", _POWER, speed, _TARGET, _NOW).keys() == {"$climate"}


def test_a_product_that_is_called_a_pump_is_a_fan_unless_it_pumps_heat() -> None:
    speed = _number("水泵转速", 30, 100, key="speed", is_writable=True)
    assert _found_of("循环水泵", _POWER, speed) == {"$fan": {"on": "power", "percentage": "speed"}}
    assert _found_of("蛋白分离器", _POWER, speed) == {}
    mode = _choice("运行模式", "mode", "制冷", "制热")
    assert _found_of("空气能热水泵", _POWER, mode, _TARGET, _NOW).keys() == {"$climate"}


def test_the_channels_of_a_lamp_are_dimmed_together() -> None:
    channels = [_number(f"通道{number}", 0, 100, key=f"ch{number}", is_writable=True) for number in (1, 2, 3)]
    datapoints = {datapoint.key: datapoint for datapoint in (_POWER, *channels)}
    profile = load_profiles().of(Product("", datapoints, "海水灯"))
    (lamp,) = composites_of(profile, describe(datapoints.values(), {}, profile, _NAMING))
    assert (lamp.key, [min(level.keys) for level in lamp.levels]) == ("$light", ["ch1", "ch2", "ch3"])


def test_a_lamp_is_told_by_its_color_or_by_its_name() -> None:
    level = _number("亮度", 0, 254, key="level", is_writable=True)
    color = _number("色温", 2_700, 6_500, key="color", is_writable=True)
    red, green, blue = (
        _number(name, 0, 255, key=key, is_writable=True) for name, key in (("红色", "r"), ("绿色", "g"), ("蓝色", "b"))
    )
    plain = {"on": "power", "brightness": "level"}
    assert _found_of("", _POWER, level, color) == {"$light": plain | {"color_temp": "color"}}
    assert _found_of("吸顶灯", _POWER, level) == {"$light": plain}
    assert _found_of("加湿器", _POWER, level) == {}  # of its display
    colors = {"red": "r", "green": "g", "blue": "b"}
    assert _found_of("RGB light", _POWER, red, green, blue) == {"$light": {"on": "power"} | colors}
    assert _found_of("", _POWER, red, green, blue) == {}


def test_a_heater_without_modes_is_told_by_its_switch() -> None:
    heating = Datapoint(key="heat", name="加热开关", data_type=DataType.BOOL, is_writable=True)
    datapoints = {"heat": heating, "target": _number("目标温度", 20, 40, key="target", is_writable=True)}
    profile = load_profiles().of(Product("", datapoints))
    (thermostat,) = composites_of(profile, describe(datapoints.values(), {}, profile, _NAMING))
    assert thermostat.roles["mode"].values_of_word("heat") == {"heat": True}
    assert not composites_of(profile, describe([datapoints["target"]], {}, profile, _NAMING))


# A product that nobody has tried: its words alone have to do.


def _softener() -> dict[str, DatapointDescription]:
    def attr(name: str, title: str, kind: str, data_type: str, desc: str = "", **fields: Any) -> dict[str, Any]:
        spec = dict(zip(("min", "max", "ratio", "addition"), fields.pop("spec", (0, 255, 1, 0)), strict=True))
        return {
            "name": name,
            "display_name": title,
            "type": kind,
            "data_type": data_type,
            "desc": desc,
            "uint_spec": spec,
        } | fields

    readable, writable = "status_readonly", "status_writable"
    attrs = [
        attr("Regen", "立即再生", writable, "bool"),
        attr("clear", "清除记录", writable, "bool"),
        attr("UV", "UV杀菌开关", writable, "bool"),
        attr("mode1", "运行模式", writable, "enum", enum=["强劲", "静音"]),
        attr("mode2", "工作模式", writable, "enum", enum=["时间型", "流量型"]),
        attr("left", "剩余水量", readable, "uint16", "单位：m³", spec=(0, 9999, 0.01, 0)),
        attr("amps", "电机电流", readable, "uint16", "单位0.1A", spec=(0, 500, 0.1, 0)),
        attr("raw", "电机电流值", readable, "uint16", "单位0.1A", spec=(0, 500, 1, 0)),
        attr("hepa", "滤网剩余时间(小时)", readable, "uint16", spec=(0, 5000, 1, 0)),
        attr("byte", "高字节(H)", readable, "uint8"),
        attr("salt", "魑魅", readable, "uint8", "%", spec=(0, 100, 1, 0)),
        attr("E06", "魑魅", "fault", "bool"),
        attr("waterLevel", "water_level", readable, "bool"),
    ]
    definition = parse({"entities": [{"name": "entity0", "attrs": attrs}]})
    assert definition is not None
    return describe(definition.schema.datapoints, {}, NO_PROFILE, _NAMING)


def test_a_product_that_nobody_has_tried_is_readable() -> None:
    shown = _softener()
    assert not any(is_chinese(found.name) for found in shown.values())
    assert {key: found.name for key, found in shown.items()} == {
        "Regen": "Regenerate now",
        "clear": "Clear the records",
        "UV": "UV sterilization",
        "mode1": "Operating mode",
        "mode2": "Operating mode (mode 2)",
        "left": "Water left",
        "amps": "Motor current",
        "raw": "Motor current value",
        "hepa": "Filter time left",
        "byte": "Byte",
        "salt": "Salt",
        "E06": "Fault E06",
        "waterLevel": "Water level",
    }


def test_a_word_that_means_another_thing_beside_others_is_not_put_together_with_them() -> None:
    words = ("打开中", "魑中", "中", "无", "分", "门开")
    assert list(_NAMING.option_keys(words)) == ["opening", "option_2", "medium", "none", "minute", "door_open"]
    assert _NAMING.english.translate("无魑水") is None
    assert _NAMING.english.translate("无水流") == "No water flow"
    assert _NAMING.english.translate("无水泵") is None


@pytest.mark.parametrize(
    ("name", "desc", "shown"),
    [
        ("Set Point", "", "Set Point"),
        ("Set Humidity", "", "Set Humidity"),
        ("Set extern light", "", "Extern light"),
        ("魑魅", "%LEL", "Gas value"),
        ("魑魅", "缺水", "Low water"),
    ],
)
def test_a_name_says_what_it_is_and_not_what_it_counts(name: str, desc: str, shown: str) -> None:
    datapoint = Datapoint(key="gas_value", name=name, data_type=DataType.NUMBER, desc=desc)
    assert describe([datapoint], {}, NO_PROFILE, _NAMING)["gas_value"].name == shown


def test_closed_means_off_where_nothing_can_be_open() -> None:
    assert list(_NAMING.option_keys(("关闭", "24小时"))) == ["off", "24_hours"]
    assert list(_NAMING.option_keys(("关闭", "打开"))) == ["closed", "open"]


def test_what_it_does_once_is_a_button_and_what_deletes_is_off() -> None:
    shown = _softener()
    assert [(shown[key].platform, shown[key].is_enabled) for key in ("Regen", "clear", "UV")] == [
        (Platform.BUTTON, True),
        (Platform.BUTTON, False),
        (Platform.SWITCH, True),
    ]


def test_units_of_desc_and_of_names_are_read() -> None:
    shown = _softener()
    assert [shown[key].unit for key in ("left", "amps", "raw", "hepa", "byte", "salt")] == [
        *("m³", "A", None, "h", None, "%")
    ]
