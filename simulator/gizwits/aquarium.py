"""A made-up wavemaker that keeps a schedule and a clock, in the shapes that the vendor's aquarium devices have."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, override

from .behaviours import OFF, ON, Value, steady
from .devices import GizwitsDevice
from .products import WRITABLE, Attribute, Product

SLOTS = 12
_UNUSED = "ee" * 8
_DATE, _TIME = "YMDData", "HMSData"
_SLOT_DESC = (
    "Byte0：开始时，Byte1：开始分，Byte2：结束时，Byte3：结束分，Byte4：模式，0停机，1.经典造浪，2.正弦造浪，3.恒流造浪，"
    "4.喂食，Byte5：流量/喂食时间，停机时流量=0，Byte6：频率，Byte7：脉冲/潮汐"
)
_PROGRAM = ("07001400023c1e01", "1400160001281401", "1600161e040a0000")
"""From 7:00 a sine wave, from 20:00 a classic wave, and a feeding break at 22:00."""


def _number(name: str, title: str, least: int, greatest: int, value: int, desc: str = "") -> Attribute:
    return Attribute(
        name=name,
        title=title,
        type=WRITABLE,
        data_type="uint8",
        behaviour=steady(value),
        minimum=least,
        maximum=greatest,
        desc=desc,
    )


def _bytes(name: str, title: str, content: str, desc: str) -> Attribute:
    return Attribute(
        name=name,
        title=title,
        type=WRITABLE,
        data_type="binary",
        behaviour=steady(content),
        length=len(content) // 2,
        desc=desc,
    )


WAVEMAKER = Product(
    key="fa4e3a7e0000000000000000000000a7",
    name="造浪泵",
    attributes=(
        Attribute(name="SwitchON", title="开关", type=WRITABLE, data_type="bool", behaviour=ON),
        Attribute(name="TimerON", title="定时开关", type=WRITABLE, data_type="bool", behaviour=ON),
        Attribute(name="PulseTide", title="脉冲潮汐", type=WRITABLE, data_type="bool", behaviour=OFF),
        Attribute(
            name="Mode",
            title="模式",
            type=WRITABLE,
            data_type="enum",
            behaviour=steady("正弦造浪"),
            labels=("经典造浪", "正弦造浪", "恒流造浪"),
        ),
        _number("Flow", "流量", 0, 100, 60, "单位%"),
        _number("Frequency", "频率", 0, 100, 30),
        _number("FeedTime", "喂食时间", 1, 60, 10, "单位分钟"),
        *(
            _bytes(
                f"AutoTime{slot:02}",
                f"自动时间点{slot:02}",
                _PROGRAM[slot] if slot < len(_PROGRAM) else _UNUSED,
                _SLOT_DESC,
            )
            for slot in range(SLOTS)
        ),
        _bytes(_DATE, "日期数据", "14000101", "日期，Byte1年千位百位，byte2年十位个位，byte3月，byte4日"),
        _bytes(_TIME, "时间数据", "00000000", "时间，Byte1空，byte2时，byte3分，byte4秒"),
        Attribute(name="Fault_Motor", title="电机堵转", type="fault", data_type="bool", behaviour=OFF),
    ),
)


@dataclass(eq=False, kw_only=True)
class Wavemaker(GizwitsDevice):
    """A wavemaker. Its clock shows the time of its zone, is `ahead`, and runs on from the time that it is set to."""

    zone: tzinfo = UTC
    ahead: timedelta = field(default_factory=timedelta)

    @override
    def values_at(self, seconds: float, names: Collection[str] | None = None) -> dict[str, Any]:
        values = super().values_at(seconds, names)
        shown = datetime.fromtimestamp(seconds, self.zone) + self.ahead
        clock = {
            _DATE: bytes([shown.year // 100, shown.year % 100, shown.month, shown.day]).hex(),
            _TIME: bytes([0, shown.hour, shown.minute, shown.second]).hex(),
        }
        return values | {name: value for name, value in clock.items() if name in values}

    @override
    def _report(self, at: float, values: dict[str, Value]) -> None:
        if {_DATE, _TIME} <= values.keys():
            century, year, month, day = bytes.fromhex(str(values[_DATE]))
            _, hour, minute, second = bytes.fromhex(str(values[_TIME]))
            set_to = datetime(100 * century + year, month, day, hour, minute, second, tzinfo=self.zone)
            self.ahead = set_to.replace(tzinfo=None) - datetime.fromtimestamp(at, self.zone).replace(tzinfo=None)
        super()._report(at, values)
