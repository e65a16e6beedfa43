"""What a definition's free text states is read in its fixed forms, and nothing is guessed from any other text."""

import pytest

from custom_components.datapoint_cloud.clouds.gizwits.desc import DescFacts, read_desc


@pytest.mark.parametrize(
    ("desc", "choices"),
    [
        ("0.经典造浪 1.正弦造浪 2.随机造浪", ["经典造浪", "正弦造浪", "随机造浪"]),
        ("当前定时模式：0:停机;1:自动；2:喂食", ["停机", "自动", "喂食"]),
        ("起始日：0为新月、1为峨眉月、2为满月", ["新月", "峨眉月", "满月"]),
        ("模式，互斥关系，0为Manual Control，1为Schedule", ["Manual Control", "Schedule"]),
        ("0:手动,M模式;1:早晨，M1模式；2:日出，M2模式", ["手动", "早晨", "日出"]),
        ("0 按钮\n1 唤醒词\n2 自然对话", ["按钮", "唤醒词", "自然对话"]),
        ("定时组，LPS程序:0；SPS程序:1；自定义程序：2；    默认是0: LPS程序", ["LPS程序", "SPS程序", "自定义程序"]),
    ],
)
def test_choices_that_count_from_zero_are_read(desc: str, choices: list[str]) -> None:
    assert read_desc(desc).choices == dict(enumerate(choices))


@pytest.mark.parametrize(
    ("desc", "choices"),
    [
        (
            "方案：1为默认程序1（默认为默认程序1）；2为默认程序2；3为自定义程序1；",
            ["默认程序1", "默认程序2", "自定义程序1"],
        ),
        ("模式包括（单选）：1 溪流 2 生态 3 自定义1  4自定义2", ["溪流", "生态", "自定义1", "自定义2"]),
    ],
)
def test_choices_that_count_from_one_are_read(desc: str, choices: list[str]) -> None:
    assert read_desc(desc).choices == dict(enumerate(choices, start=1))


@pytest.mark.parametrize(
    "desc",
    [
        "",
        "。",
        "定时器1开关",
        "M1,早晨灯光设置值",
        "通道1间隙时间",
        "默认运行10分钟",
        "2:自动；3:手动",  # nothing states what 0 and 1 mean
        "0:自动；1:自动",  # two numbers with one meaning cannot be told apart
        "bit0: 0-RF is disconnected, 1-RF is connected.",
    ],
)
def test_other_texts_state_no_choices(desc: str) -> None:
    assert not read_desc(desc).choices


@pytest.mark.parametrize(
    ("desc", "facts"),
    [
        ("范围是0~100%", DescFacts(minimum=0, maximum=100, unit="%")),
        ("风扇转速，范围为0~100百分比", DescFacts(minimum=0, maximum=100, unit="%")),
        ("色温开尔文值，范围为5000K~20000K", DescFacts(minimum=5000, maximum=20000, unit="K")),
        ("默认运行30分钟，运行时间范围为1~60分钟", DescFacts(minimum=1, maximum=60, unit="min")),
        ("持续时间（时间范围为2~99天）", DescFacts(minimum=2, maximum=99, unit="d")),
        ("Default: 20°C,range: 5-30°C,unit:°C,resolution:0.5°C.", DescFacts(minimum=5, maximum=30, unit="°C")),
        ("所需时间,单位秒", DescFacts(unit="s")),
        ("电池电量百分比", DescFacts(unit="%")),
        ("unit:°C，0xff - temperature is not normal", DescFacts(unit="°C", absent=255)),
        ("备用数点1", DescFacts(is_spare=True)),
        ("流量值", DescFacts()),
    ],
)
def test_range_unit_and_purpose_are_read(desc: str, facts: DescFacts) -> None:
    assert read_desc(desc) == facts


def test_a_range_with_another_allowed_value_is_no_limit() -> None:
    facts = read_desc("电机档位，范围是30~100,为0时电机停机")
    assert facts.minimum is facts.maximum is None
