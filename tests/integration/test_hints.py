"""What a number measures is read from its name and its limits together, and only where there is no doubt."""

from dataclasses import replace
from typing import Any

import pytest
from homeassistant.const import EntityCategory, Platform

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.model import Datapoint, DataType
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
