"""The byte layouts that definitions state in words are read in their fixed forms, and nothing is guessed."""

from typing import Any

import pytest

from custom_components.datapoint_cloud.clouds.gizwits.record_desc import read_record
from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.clouds.records import Record


def _names(record: Record | None) -> list[str]:
    assert record is not None
    return ["|".join(meaning.name for meaning in byte.meanings) or "-" for byte in record.layout]


_SPAN = ["start.hour", "start.minute", "end.hour", "end.minute"]


@pytest.mark.parametrize(
    ("desc", "length", "names"),
    [
        ("Byte0：开始时，Byte1：开始分，Byte2:结束时，Byte3:结束分", 4, _SPAN),
        ("通道1定时时间段2，Byte1开始时，byte2开始分，byte3结束时，byte4结束分", 4, _SPAN),
        (
            "Byte0：开始时间点时，Byte1：开始时间点分，Byte2：结束时间点时，Byte3：结束时间点分，Byte4：白光",
            5,
            [*_SPAN, "白光"],
        ),
        ("【程序】Byte0：时间点时，Byte1：时间点分,Byte2:预留填写00，Byte3：白光。", 4, [*_SPAN[:2], "-", "白光"]),
        ("Byte0为时，Byte1为分，Byte2为白色，Byte3为UV", 4, [*_SPAN[:2], "白色", "UV"]),
        ("Byte0为日出时间-时，Byte1为日出时间-分，Byte2为白色", 3, ["日出时间.hour", "日出时间.minute", "白色"]),
        ("7:00定时值：Byte0：白灯亮度值，Byte1：蓝灯", 2, ["白灯", "蓝灯"]),
        ("日期，Byte1年千位百位，byte2年十位个位，byte3月，byte4日", 4, ["century", "year", "month", "day"]),
        ("时间，Byte1空，byte2时，byte3分，byte4秒", 4, ["-", "hour", "minute", "second"]),
        ("Byte1 Year,Byte2 Month,Byte3 Day,Byte4 Hour,Byte5 Minute", 5, ["year", "month", "day", "hour", "minute"]),
        ("Byte1 hour,Byte2 minute,Byte3 CH1", 3, [*_SPAN[:2], "CH1"]),
        ("byte0:start_hour,byte1:start_min,byte2:end_hour,byte3:end_min,byte4:level", 5, [*_SPAN, "level"]),
        ("Byte1 on hour,Byte2 on minute,Byte3 off hour,Byte4 off minute", 4, _SPAN),
        ("Byte0小时，Byte1分钟，Byte2定时，Byte3分数", 4, [*_SPAN[:2], "定时", "分数"]),
    ],
)
def test_a_list_that_names_each_byte_is_read(desc: str, length: int, names: list[str]) -> None:
    assert _names(read_record("Timer3", desc, length)) == names


@pytest.mark.parametrize(
    ("desc", "length", "is_clock"),
    [
        ("Byte1空，byte2时，byte3分，byte4秒", 4, True),
        ("Byte1 Year,Byte2 Month,Byte3 Day,Byte4 Hour,Byte5 Minute", 5, True),
        ("Byte1 hour,Byte2 minute", 2, False),  # when something happens: nobody may set it to the time of day
        ("Byte1 second,Byte2 CH1", 2, False),
    ],
)
def test_only_a_whole_time_is_a_clock(desc: str, length: int, *, is_clock: bool) -> None:
    record = read_record("Timer3", desc, length)
    assert record is not None
    assert record.is_clock is is_clock


def test_a_choice_and_what_depends_on_it_are_read() -> None:
    desc = "Byte0：模式,0停机，1.正弦造浪， 2.喂食，Byte1：流量/喂食时间,停机时流量=0，Byte2：脉冲/潮汐"
    record = read_record("T1", desc, 3)
    assert record is not None
    (mode,), (time, flow), (kind,) = (byte.meanings for byte in record.layout)
    assert mode.options == {0: "停机", 1: "正弦造浪", 2: "喂食"}
    assert (time.name, time.when) == ("喂食时间", {"模式": ("喂食",)})
    assert (flow.name, flow.when) == ("流量", {"模式": ("正弦造浪", "喂食")})
    assert (kind.options, kind.when) == ({0: "脉冲", 1: "潮汐"}, {"模式": ("正弦造浪", "喂食")})


def test_sentences_about_groups_of_four_bytes_are_read() -> None:
    desc = (
        "周三的定时：第一个字节表示第一组开始时间的“时”，第二个字节表示第一组开始时间的“分”，"
        "第三个字节表示第一组结束时间“时”，第四个字节表示第一组结束时间的“分”；以此类推一共三组。"
    )
    record = read_record("Start3", desc, 12)
    assert _names(record) == _SPAN
    assert record is not None
    assert (record.repeat, record.pattern) == (3, "Start{weekday}")


@pytest.mark.parametrize(
    ("key", "desc", "pattern"),
    [
        ("AutoTime07", "Byte0：开始时，Byte1：开始分，Byte2：白光", "AutoTime{slot}"),
        ("CH1Timer12", "Byte0：开始时，Byte1：开始分，Byte2：白光", "CH1Timer{slot}"),
        ("Easy_Setup", "Byte0：开始时，Byte1：开始分，Byte2：白光", "Easy_Setup"),
        ("Clock07", "7:00定时值：Byte0：白灯", "Clock{hour}"),
        ("Clock08", "7:00定时值：Byte0：白灯", "Clock{slot}"),
    ],
)
def test_the_number_of_a_datapoint_is_a_slot_an_hour_or_a_day(key: str, desc: str, pattern: str) -> None:
    length = desc.count("Byte")
    record = read_record(key, desc, length)
    assert record is not None
    assert record.pattern == pattern


@pytest.mark.parametrize(
    ("desc", "length"),
    [
        ("", 4),
        ("通道1定时时间和流量", 96),
        ("Byte0：开始时，Byte1：开始分", None),
        ("Byte0：开始时，Byte1：开始分", 3),
        ("Byte0：开始时，Byte2：开始分", 2),
        ("Byte2：开始时，Byte3：开始分", 2),
        ("Byte0：，Byte1：开始分", 2),
        ("Byte0-3：时间", 1),
        ("Byte0：这个字节的意思没有人能够说明白因为太长了啊啊啊", 1),
        ("bit0: heating demand  - 0: false, 1: true\nbit1-bit7: reserved", 1),
    ],
)
def test_any_other_text_states_no_layout(desc: str, length: int | None) -> None:
    assert read_record("Timer3", desc, length) is None


def test_a_number_of_a_slot_is_linked_to_the_setting_that_it_sets() -> None:
    def attr(name: str, title: str, desc: str = "") -> dict[str, Any]:
        spec = {"min": 0, "max": 100, "ratio": 1, "addition": 0}
        common = {"name": name, "display_name": title, "desc": desc, "type": "status_writable"}
        return common | {"data_type": "uint8", "uint_spec": spec}

    names = ("开始时", "开始分", "流量", "档位", "喂食份量", "白灯", "宝蓝灯", "红灯")
    desc = "，".join(f"Byte{at}：{name}" for at, name in enumerate(names))
    slot = attr("T1", "定时1", desc) | {"data_type": "binary", "position": {"len": 8}}
    settings = [
        attr("Flow", "流量"),
        attr("AutoGears", "当前定时档位"),
        attr("Deal", "份量"),
        attr("color_white", "冷白", "冷白色灯"),
        # The name is that of another product, and `desc` is right.
        attr("color_green", "绿色", "宝蓝色灯。"),
    ]
    definition = parse({"entities": [{"attrs": [slot, *settings]}]})
    assert definition is not None
    record = definition.by_key["T1"].record
    assert record is not None
    linked = [byte.meanings[0].like for byte in record.layout]
    assert linked == [None, None, "Flow", "AutoGears", "Deal", "color_white", "color_green", None]
