"""Made-up products with schedules, in the shapes of real ones, and the schedules that are found in them."""

from collections.abc import Iterable, Mapping
from typing import Any

from custom_components.datapoint_cloud.clouds.gizwits.schema import parse
from custom_components.datapoint_cloud.fleet.description import describe
from custom_components.datapoint_cloud.fleet.naming import Naming
from custom_components.datapoint_cloud.profiles.format import read_profiles
from custom_components.datapoint_cloud.profiles.model import NO_PROFILE, Profile
from custom_components.datapoint_cloud.schedules.resolve import schedules_of
from custom_components.datapoint_cloud.schedules.schedule import Schedule

type Attr = dict[str, Any]

_PERIOD = (
    "Byte0：开始时，Byte1：开始分，Byte2：结束时，Byte3：结束分，Byte4：模式，0停机，1正弦造浪，2喂食，"
    "Byte5：流量/喂食时间，停机时流量=0，Byte6：脉冲/潮汐，Byte7：备用"
)
_DAYS = "一二三四五六日"


def binary(name: str, title: str, length: int, desc: str = "", kind: str = "status_writable") -> Attr:
    """Return a binary attribute of a definition."""
    return {
        "name": name,
        "display_name": title,
        "data_type": "binary",
        "type": kind,
        "desc": desc,
        "position": {"len": length},
    }


def number(name: str, title: str, least: int = 0, greatest: int = 255, desc: str = "") -> Attr:
    """Return a number of one byte."""
    spec = {"min": least, "max": greatest, "ratio": 1, "addition": 0}
    return {
        "name": name,
        "display_name": title,
        "data_type": "uint8",
        "type": "status_writable",
        "desc": desc,
        "uint_spec": spec,
    }


def wavemaker(slots: int = 4) -> list[Attr]:
    """A pump with periods of eight bytes, the last of which nobody explains."""
    periods = [binary(f"AutoTime{slot:02}", f"自动时间点{slot:02}", 8, _PERIOD) for slot in range(slots)]
    return [number("Flow", "流量", 10, 100, "单位%"), number("FeedTime", "喂食时间", 1, 60), *periods]


def boiler() -> list[Attr]:
    """A boiler with two periods for each day of the week in one attribute, described in sentences."""
    words = (
        "周{day}的定时：第一个字节表示第一组开始时间的“时”，第二个字节表示第一组开始时间的“分”，"
        "第三个字节表示第一组结束时间“时”，第四个字节表示第一组结束时间的“分”；以此类推一共二组。"
    )
    return [
        binary(f"Heat{number}", f"CH模式周{day}温度设置", 8, words.format(day=day))
        for number, day in enumerate(_DAYS, 1)
    ]


def light() -> list[Attr]:
    """A light with two levels for each hour."""
    return [
        number("color_white", "冷白", 0, 100, "冷白色灯"),
        *(
            binary(f"Clock{hour:02}", f"{hour}点定时值", 2, f"{hour}:00定时值：Byte0：白灯亮度值，Byte1：蓝灯")
            for hour in range(24)
        ),
    ]


DOSER = [binary("CH1SWTime", "CH1SWTime", 96), binary("CH2SWTime", "CH2SWTime", 96)]
DOSES = """
match: {has: [CH1SWTime]}
records:
  "CH{head}SWTime":
    bytes: [start.hour, start.minute, "-", dose: {unit: mL}]
    repeat: 24
    name: Head {head}
"""

HEATER = [number(f"p{day}_data{part}", f"p{day}_data{part}") for day in range(1, 8) for part in range(1, 13)]
HALF_HOURS = """
match: {has: [p1_data1]}
records:
  "p{weekday}_data{slot}":
    grid: {minutes: 30, bits: 2, options: {0: comfort, 1: eco, 2: frost protection}}
"""


def schedules(attrs: Iterable[Attr], profile: str = "", language: str = "en") -> dict[str, Schedule]:
    """Return the schedules of a product by their keys."""
    definition = parse({"entities": [{"name": "entity0", "attrs": list(attrs)}]})
    assert definition is not None
    known = read_profiles(profile, "made_up.yaml")[0] if profile else NO_PROFILE
    assert isinstance(known, Profile), known
    naming = Naming.load(language)
    descriptions = describe(definition.schema.datapoints, {}, known, naming)
    return {schedule.key: schedule for schedule in schedules_of(descriptions, known.records, naming)}


def only(attrs: Iterable[Attr], profile: str = "") -> Schedule:
    """Return the only schedule of a product."""
    (schedule,) = schedules(attrs, profile).values()
    return schedule


def stored(values: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of values in hexadecimal digits."""
    return {key: bytes.fromhex(digits) for key, digits in values.items()}
