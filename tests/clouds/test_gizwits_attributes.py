"""What a definition says in words about an attribute: choices, range, unit, and what the attribute is for."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.errors import Rejected
from custom_components.datapoint_cloud.clouds.gizwits.schema import Definition, parse
from custom_components.datapoint_cloud.clouds.model import DataType, Role


def _said(key: str = "k", **fields: Any) -> Definition:
    attr = {"name": key, "display_name": key, "type": "status_writable", "data_type": "uint8", **fields}
    parsed = parse({"entities": [{"name": "entity0", "attrs": [attr]}]})
    assert parsed is not None
    return parsed


def _range(least: int, greatest: int, ratio: float = 1, addition: int = 0) -> dict[str, Any]:
    return {"uint_spec": {"min": least, "max": greatest, "ratio": ratio, "addition": addition}}


@pytest.mark.parametrize(
    ("desc", "limits", "options"),
    [
        ("0:停机;1:自动；2:喂食", (0, 2), ("停机", "自动", "喂食")),
        ("0:停机;1:自动；2:喂食", (0, 255), ("停机", "自动", "喂食")),
        ("1为默认程序；2为自定义程序", (0, 255), ("默认程序", "自定义程序")),
        ("1为默认程序；2为自定义程序", (0, 2), None),
        ("0:AP控制，1：Wireless控制", (0, 1), ("AP控制", "Wireless控制")),
        ("流量值", (0, 100), None),
    ],
)
def test_a_number_whose_desc_lists_its_choices_is_a_choice(
    desc: str, limits: tuple[int, int], options: tuple[str, ...] | None
) -> None:
    definition = _said(desc=desc, **_range(*limits))
    datapoint = definition.by_key["k"]
    assert (datapoint.data_type is DataType.ENUM) == (options is not None)
    first = 1 if desc.startswith("1") else 0
    for number, option in enumerate(options or (), start=first):
        assert definition.snapshot({"k": number}, None).readings["k"].value == option
        assert definition.attrs({"k": option}) == definition.attrs({"k": number}) == {"k": number}
        assert definition.accepted({"k": number}) == {"k": option}
    if options:
        assert definition.snapshot({"k": 99}, None).readings["k"].value == 99
        with pytest.raises(Rejected):
            definition.attrs({"k": 99})


def test_digits_are_named_by_desc_and_sent_as_digits() -> None:
    definition = _said(data_type="enum", enum=["0", "1"], desc="0 按钮\n1 唤醒词")
    assert definition.by_key["k"].options == ("按钮", "唤醒词")
    assert [definition.snapshot({"k": raw}, None).readings["k"].value for raw in ("1", 1)] == ["唤醒词", "唤醒词"]
    assert definition.attrs({"k": "唤醒词"}) == definition.attrs({"k": 1}) == {"k": "1"}


@pytest.mark.parametrize("desc", ["", "0:关闭，1：打开"])
def test_a_number_from_0_to_1_is_a_switch_and_is_sent_as_a_number(desc: str) -> None:
    definition = _said(desc=desc, **_range(0, 1))
    assert definition.by_key["k"].data_type is DataType.BOOL
    assert [definition.snapshot({"k": raw}, None).readings["k"].value for raw in (0, 1)] == [False, True]
    sent = definition.attrs({"k": True})["k"]
    assert (sent, type(sent)) == (1, int)
    assert definition.accepted({"k": 1}) == {"k": True}


@pytest.mark.parametrize(
    ("desc", "options"),
    [
        ("0：脉冲造浪，1:潮汐造浪", ("脉冲造浪", "潮汐造浪")),
        ("0:forward 1:reverse", ("forward", "reverse")),
        ("0:上锁 1:开锁", ("上锁", "开锁")),
        ("0：关闭，1：定时", None),
        ("0:定时关闭，1：定时打开", None),
        ("0: off, 1: turbo", None),
        ("0:正常 1:缺水", None),
        ("0:未充电 1:充电", None),
        ("0:无水 1:有水", None),
        ("0:无线 1:有线", ("无线", "有线")),
        ("0:波浪 1:波浪", None),
        ("0：不是，1：是", None),
        ("0:低 1:中 2:高", None),
        ("海水灯开关，1为开，0为关", None),
        ("", None),
    ],
)
def test_a_flag_that_stands_for_two_things_is_a_choice_between_them(desc: str, options: tuple[str, str] | None) -> None:
    definition = _said(data_type="bool", desc=desc)
    datapoint = definition.by_key["k"]
    if options is None:
        assert datapoint.data_type is DataType.BOOL
        return
    assert (datapoint.data_type, datapoint.options) == (DataType.ENUM, options)
    assert [definition.snapshot({"k": raw}, None).readings["k"].value for raw in (False, True, 0, 1)] == [*options] * 2
    for value in (options[1], 1, True):
        assert definition.attrs({"k": value})["k"] is True
    assert definition.accepted({"k": False}) == {"k": options[0]}


@pytest.mark.parametrize("fields", [{"data_type": "bool"}, _range(0, 1)])
@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("水泵故障", "fault"),
        ("水箱缺水异常", "fault"),
        ("补水超时报警", "alert"),
        ("PH high alarm", "alert"),
        ("Probe error", "fault"),
        ("故障自检状态", None),
        ("Alarm clock", None),
        ("水位低", None),
        ("无故障", None),
        ("有无故障", "fault"),
        ("No error", None),
    ],
)
def test_what_can_only_be_read_is_an_alarm_if_its_name_says_so(
    fields: dict[str, Any], name: str, severity: str | None
) -> None:
    found = _said(display_name=name, type="status_readonly", **fields).by_key["k"]
    assert (found.role, found.severity) == (Role.STATUS if severity is None else Role.ALARM, severity)
    assert _said(display_name=name, **fields).by_key["k"].severity is None  # it can be turned on


def test_an_alarm_and_a_command_stay_flags_whatever_their_values_are_called() -> None:
    for fields in ({"type": "fault"}, {"display_name": "恢复出厂设置"}):
        definition = _said(data_type="bool", desc="0:冷 1:热", **fields)
        assert definition.by_key["k"].data_type is DataType.BOOL


@pytest.mark.parametrize(
    ("desc", "spec", "limits", "unit"),
    [
        ("运行时间范围为1~60分钟", _range(0, 255), (1, 60), "min"),
        ("范围是0~100%", _range(0, 255), (0, 100), "%"),
        ("范围是0~100%", _range(10, 90), (10, 90), "%"),
        ("范围是200~300", _range(0, 100), (0, 100), None),
        ("range: 5-30°C", _range(0, 50, 0.5, 5), (5, 30), "°C"),
    ],
)
def test_a_narrower_range_and_a_unit_of_desc_hold(
    desc: str, spec: dict[str, Any], limits: tuple[float, float], unit: str | None
) -> None:
    definition = _said(desc=desc, **spec)
    datapoint = definition.by_key["k"]
    assert (datapoint.minimum, datapoint.maximum, datapoint.unit) == (*limits, unit)
    assert definition.attrs({"k": limits[1]}) == {"k": limits[1]}
    with pytest.raises(Rejected):
        definition.attrs({"k": limits[1] + 1})


def test_the_number_that_stands_for_no_value_is_none() -> None:
    definition = _said(desc="unit:°C, 0xff - temperature is not normal", **_range(0, 510, 0.5))
    snapshot = definition.snapshot({"k": 127.5}, None)
    assert (snapshot.readings["k"].value, snapshot.skipped) == (None, ())


@pytest.mark.parametrize(
    ("key", "display_name", "desc", "role"),
    [
        ("Factory", "恢复出厂设置", "", Role.MAINTENANCE),
        ("ResetWifi", "ResetWifi", "", Role.MAINTENANCE),
        ("k", "k", "重启", Role.MAINTENANCE),
        ("CALSW", "校准开关", "校准开关", Role.MAINTENANCE),
        ("Manual", "手动", "手动喂食开关", Role.ACTION),
        ("Preset", "预设", "", Role.STATUS),
        ("k", "记忆", "断电以后再上电的时候重启并且恢复之前的状态", Role.STATUS),
        ("bit6", "bit6", "", Role.INTERNAL),
        ("Bak1", "Bak1", "", Role.INTERNAL),
        ("k", "k", "备用1", Role.INTERNAL),
        ("Timer1", "定时1发数据", "定时器1时间到发送数据1", Role.INTERNAL),
        ("FeedTimer", "喂食发送数据", "", Role.INTERNAL),
        ("Data", "每日", "", Role.STATUS),
        ("Border", "行程校准", "", Role.MAINTENANCE),
        ("Test", "自检", "", Role.MAINTENANCE),
        ("Seek", "寻找机器人", "", Role.ACTION),
    ],
)
def test_what_a_flag_is_for(key: str, display_name: str, desc: str, role: Role) -> None:
    definition = _said(key, display_name=display_name, desc=desc, data_type="bool")
    assert definition.by_key[key].role is role
    read_only = _said(key, display_name=display_name, desc=desc, data_type="bool", type="status_readonly").by_key[key]
    assert read_only.role is (Role.INTERNAL if role is Role.INTERNAL else Role.STATUS)
