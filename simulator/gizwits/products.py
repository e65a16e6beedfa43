"""Made-up products in the shape of the vendor's, and their definitions as both APIs return them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .behaviours import OFF, ON, Behaviour, changing, growing, now_and_then, steady, swinging

type AttributeType = Literal["status_writable", "status_readonly", "alert", "fault"]
type AttributeDataType = Literal["bool", "enum", "uint8", "uint16", "uint32", "binary"]

WRITABLE: AttributeType = "status_writable"
READABLE: AttributeType = "status_readonly"
_NUMBER_BYTES = {"uint8": 1, "uint16": 2, "uint32": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One datapoint of a definition. `minimum` and `maximum` are raw; value = raw × ratio + addition."""

    name: str
    title: str
    type: AttributeType
    data_type: AttributeDataType
    behaviour: Behaviour
    desc: str = ""
    minimum: int = 0
    maximum: int = 0
    ratio: float = 1
    addition: int = 0
    labels: tuple[str, ...] = ()
    length: int = 0

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.data_type in _NUMBER_BYTES

    @property
    def bits(self) -> int:
        """Its size in bits: whole bytes for all types but bool and enum."""
        match self.data_type:
            case "bool":
                return 1
            case "enum":
                return max(1, math.ceil(math.log2(len(self.labels))))
            case "binary":
                return self.length * 8
        return _NUMBER_BYTES[self.data_type] * 8

    def scaled(self, raw: float) -> int | float:
        """Return the engineering value of a raw number."""
        value = round(raw) * self.ratio + self.addition
        return int(value) if float(self.ratio).is_integer() else round(value, 4)

    def clamp(self, value: float) -> int | float:
        """Return the closest engineering value that the device can have."""
        raw = (value - self.addition) / self.ratio
        return self.scaled(min(self.maximum, max(self.minimum, raw)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product line: its key, its name in lists of devices, and its datapoints in the order of their ids."""

    key: str
    name: str
    attributes: tuple[Attribute, ...]
    protocol_type: Literal["standard", "var_len"] = "standard"
    definition_name: str = ""
    definition: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Build the definition once."""
        object.__setattr__(self, "definition", _definition(self))

    @property
    def by_name(self) -> dict[str, Attribute]:
        """The datapoints by their names."""
        return {attribute.name: attribute for attribute in self.attributes}


def _definition(product: Product) -> dict[str, Any]:
    is_fixed = product.protocol_type == "standard"
    positions = _positions(product.attributes)
    attrs = []
    for number, attribute in enumerate(product.attributes):
        offset, bit = positions[attribute.name] if is_fixed else (0, 0)
        is_bits = attribute.data_type in ("bool", "enum")
        described: dict[str, Any] = {
            "display_name": attribute.title,
            "name": attribute.name,
            "data_type": attribute.data_type,
            "position": {
                "byte_offset": offset,
                "unit": "bit" if is_bits else "byte",
                "len": attribute.bits if is_bits else attribute.bits // 8,
                "bit_offset": bit,
            },
            "type": attribute.type,
            "id": number,
            "desc": attribute.desc,
        }
        if attribute.is_number:
            described["uint_spec"] = {
                "addition": attribute.addition,
                "max": attribute.maximum,
                "ratio": attribute.ratio,
                "min": attribute.minimum,
            }
        if attribute.data_type == "enum":
            described["enum"] = list(attribute.labels)
        attrs.append(described)
    return {
        "name": product.definition_name or product.name,
        "packetVersion": "0x00000004",
        "protocolType": product.protocol_type,
        "product_key": product.key,
        "entities": [{"display_name": "机智云开发套件", "attrs": attrs, "name": "entity0", "id": 0}],
        "ui": {
            "object": {"version": 4, "showEditButton": False},
            "sections": [{"elements": [_element(a) for a in product.attributes if a.type in (WRITABLE, READABLE)]}],
        },
    }


def _positions(attributes: Iterable[Attribute]) -> dict[str, tuple[int, int]]:
    """Return byte and bit offset of each datapoint: one type after the other, the bits of each type first."""
    positions: dict[str, tuple[int, int]] = {}
    offset = 0
    for kind in (WRITABLE, READABLE, "alert", "fault"):
        of_kind = [attribute for attribute in attributes if attribute.type == kind]
        bit = 0
        for attribute in of_kind:
            if attribute.data_type in ("bool", "enum"):
                positions[attribute.name] = (offset + bit // 8, bit % 8)
                bit += attribute.bits
        offset += math.ceil(bit / 8)
        for attribute in of_kind:
            if attribute.data_type not in ("bool", "enum"):
                positions[attribute.name] = (offset, 0)
                offset += attribute.bits // 8
    return positions


def _element(attribute: Attribute) -> dict[str, Any]:
    key = f"entity0.{attribute.name}"
    is_writable = attribute.type == WRITABLE
    target: dict[str, Any] = {"action": "entity0", "bind": [key], "perm": "W" if is_writable else "N"}
    common: dict[str, Any] = {"object": target, "key": key, "title": attribute.title}
    if attribute.data_type == "bool":
        return common | {"type": "QBooleanElement", "boolValue": False}
    if attribute.data_type == "enum":
        return common | {"type": "QRadioElement", "items": list(attribute.labels)}
    if attribute.data_type == "binary":
        maximum_length = {"maxLength": 2 * attribute.length, "keyboardType": "NumbersAndPunctuation", "value": 0}
        return common | {"type": "QMultilineElement"} | maximum_length
    low, high = attribute.scaled(attribute.minimum), attribute.scaled(attribute.maximum)
    target["uint_spec"] = {"max": high, "step": attribute.ratio, "min": low}
    if not is_writable:
        return common | {"type": "QLabelElement"}
    limits = {"maximumValue": high, "minimumValue": low, "value": 0, "bind": "floatValue:float"}
    return common | {"type": "QFloatElement"} | limits


def _flag(name: str, title: str, kind: AttributeType, behaviour: Behaviour, desc: str = "") -> Attribute:
    return Attribute(name=name, title=title, type=kind, data_type="bool", behaviour=behaviour, desc=desc)


def _enum(
    name: str, title: str, labels: tuple[str, ...], behaviour: Behaviour, kind: AttributeType = WRITABLE
) -> Attribute:
    return Attribute(name=name, title=title, type=kind, data_type="enum", behaviour=behaviour, labels=labels)


def _number(
    name: str,
    title: str,
    kind: AttributeType,
    behaviour: Behaviour,
    raw: tuple[int, int],
    *,
    data_type: AttributeDataType = "uint8",
    ratio: float = 1,
    addition: int = 0,
    desc: str = "",
) -> Attribute:
    return Attribute(
        name=name,
        title=title,
        type=kind,
        data_type=data_type,
        behaviour=behaviour,
        minimum=raw[0],
        maximum=raw[1],
        ratio=ratio,
        addition=addition,
        desc=desc,
    )


def _bytes(name: str, title: str, length: int, content: str, kind: AttributeType = WRITABLE) -> Attribute:
    behaviour = steady(content.ljust(2 * length, "0"))
    return Attribute(name=name, title=title, type=kind, data_type="binary", behaviour=behaviour, length=length)


AIR_CONDITIONER = Product(
    key="fa4eac000000000000000000000000a1",
    name="空调",
    attributes=(
        _flag("switch", "开关", WRITABLE, ON),
        _enum("mode", "模式", ("制冷", "制热", "除湿", "送风", "自动"), changing(("制冷", "制冷", "送风"), 5400)),
        _enum("fan_speed", "风速", ("低风", "中风", "高风"), changing(("低风", "中风", "高风"), 3600)),
        _flag("sleep", "睡眠", WRITABLE, OFF),
        _number("set_temp", "设定温度", WRITABLE, steady(24), (0, 14), addition=16, desc="单位：℃"),
        _number(
            "room_temp",
            "室内温度",
            READABLE,
            swinging(21, 28, noise=0.4),
            (0, 198),
            ratio=0.5,
            addition=-50,
            desc="单位：℃",
        ),
        _number(
            "outdoor_temp",
            "室外温度",
            WRITABLE,
            swinging(-8, 12, noise=0.8),
            (0, 99),
            addition=-50,
            desc="通过天气接口写入",
        ),
        _number("power", "功率", READABLE, swinging(380, 1450, 7200, 60), (0, 5000), data_type="uint16", desc="W"),
        _number(
            "energy",
            "累计用电量",
            READABLE,
            growing(0.9, 90000),
            (0, 100000000),
            data_type="uint32",
            ratio=0.01,
            desc="kWh",
        ),
        _flag("filter_alert", "滤网提醒", "alert", now_and_then(0.1, 21600)),
        _flag("fault_sensor", "温度传感器故障", "fault", now_and_then(0.02, 1800)),
        _flag("fault_comm", "通讯故障", "fault", OFF),
    ),
)

SPA = Product(
    key="fa4e59a00000000000000000000000a2",
    name="Whirl_Spa",
    attributes=(
        _flag("power", "电源", WRITABLE, ON),
        _flag("heat", "加热", WRITABLE, changing((True, False), 7200)),
        _flag("bubble", "气泡", WRITABLE, OFF),
        _flag("filter", "过滤", WRITABLE, changing((True, False), 10800)),
        _flag("locked", "童锁", WRITABLE, OFF),
        _enum("temp_set_unit", "温度单位", ("华氏", "摄氏"), steady("摄氏")),
        _number("set_temp", "设定水温", WRITABLE, steady(37.5), (0, 40), ratio=0.5, addition=20),
        _number("bubble_minutes", "气泡定时", WRITABLE, steady(30), (0, 1440), data_type="uint16", desc="分钟"),
        _flag("heat_reached", "到温", READABLE, changing((True, False), 7200)),
        _number("water_temp", "水温", READABLE, swinging(33, 38, 43200, 0.3), (0, 120), ratio=0.5, addition=-10),
        _number("filter_hours", "滤芯使用时间", READABLE, growing(1, 10200), (0, 10200), data_type="uint16"),
        _number("ozone_hours", "臭氧时间", READABLE, growing(1, 10200), (0, 10200), data_type="uint16"),
        _flag("overheat", "过热", "alert", OFF),
        _flag("filter_overdue", "过滤超时", "alert", now_and_then(0.2, 14400)),
        *(_flag(f"E{code:02}", f"E{code:02}", "fault", OFF) for code in range(1, 7)),
    ),
)

LAMP = Product(
    key="fa4e1a4b0000000000000000000000a3",
    name="水草灯WIFI_BLE",
    definition_name="水草灯_WIFI_BLE",
    attributes=(
        _flag("SwitchON", "开关机", WRITABLE, ON),
        _flag("TimerON", "定时开关", WRITABLE, ON),
        _enum("Mode", "模式", ("0", "1", "2"), steady("1")),
        _number("Brightness", "亮度", WRITABLE, steady(70), (0, 90), addition=10, desc="%"),
        *(
            _number(f"{colour}Value", f"{colour}通道", WRITABLE, swinging(20, 90, 28800), (0, 100))
            for colour in ("R", "G", "B", "W")
        ),
        *(_bytes(f"Timer{slot:02}", f"{slot}号定时", 6, f"{slot % 24:02x}00646432") for slot in range(1, 41)),
        _bytes("YMDData", "年月日", 7, "07e80b15020000"),
        _number("BoardTemp", "灯板温度", READABLE, swinging(30, 55, 28800, 1), (0, 200), addition=-20),
        _flag("OverTemp", "过温", "alert", OFF, "温度过高"),
        _flag("Fault_Fan", "风扇失效", "fault", now_and_then(0.05, 3600), "风扇失效"),
    ),
)

PUMP = Product(
    key="fa4e90f90000000000000000000000a4",
    name="变频水泵",
    protocol_type="var_len",
    attributes=(
        _flag("SwitchON", "开机/关机", WRITABLE, ON, "开/关机按钮"),
        _flag("FeedSwitch", "喂食开关", WRITABLE, OFF, "喂食开关"),
        _enum("Linkage", "联动", ("off", " master", " slave"), steady(" master")),
        _number("Flow", "流量", WRITABLE, steady(60), (30, 100)),
        _number("Frequency", "频率", WRITABLE, steady(12.5), (5, 500), data_type="uint16", ratio=0.1),
        _number(
            "Voltage", "电压", READABLE, swinging(23.2, 24.6, 3600, 0.05), (0, 30000), data_type="uint16", ratio=0.01
        ),
        *(_bytes(f"AutoGears{slot}", f"自动档位{slot}", 200, f"0{slot}0102") for slot in range(1, 5)),
        _bytes("SerialNumber", "序列号", 16, "53494d2d50554d50", READABLE),
        _flag("Fault_Overcurrent", "电机过流", "fault", now_and_then(0.04, 3600), "电机电流过大，包括短路故障"),
        _flag("Fault_LockedRotor", "电机堵转", "fault", OFF),
        _flag("Fault_NoLoad", "电机空载", "alert", OFF),
    ),
)

HEATER = Product(
    key="fa4e4ea70000000000000000000000a5",
    name="电暖器",
    attributes=(
        _enum("mode", "模式", ("舒适", "经济", "解冻", "停止"), steady("经济")),
        _flag("lock_switch", "童锁", WRITABLE, OFF),
        _number("cft_temp", "舒适温度", WRITABLE, steady(190), (0, 255), desc="0.1℃"),
        _number("cur_temp", "当前温度", READABLE, swinging(170, 210, noise=2), (0, 255), desc="0.1℃"),
        _flag("Heating_state", "加热状态", READABLE, changing((True, False), 1800)),
        _bytes("timer_switch", "周定时", 84, "ff"),
        _flag("fault_probe", "探头故障", "fault", OFF),
    ),
)

CHILLER = Product(
    key="fa4ec41110000000000000000000e001",
    name="冷水机组",
    attributes=(
        _flag("switch", "开关", WRITABLE, ON),
        _enum("mode", "模式", ("制冷", "制热", "自动"), changing(("制冷", "自动"), 14400)),
        _number("set_temp", "出水设定", WRITABLE, steady(7), (0, 30), ratio=0.5, addition=5, desc="℃"),
        _flag("pump", "水泵运行", READABLE, changing((True, True, False), 3600)),
        _number("room_temp", "环境温度", READABLE, swinging(-12, 18, noise=0.5), (0, 100), addition=-40, desc="℃"),
        _number(
            "outlet_temp", "出水温度", READABLE, swinging(6, 11, 5400, 0.4), (0, 400), data_type="uint16", ratio=0.1
        ),
        _number("current", "电流", READABLE, swinging(3, 18, 7200, 0.5), (0, 1000), data_type="uint16", ratio=0.1),
        _number("power", "功率", READABLE, swinging(1200, 6800, 7200, 90), (0, 20000), data_type="uint16", desc="W"),
        _number(
            "energy",
            "累计用电量",
            READABLE,
            growing(4.2, 400000),
            (0, 1000000000),
            data_type="uint32",
            ratio=0.01,
            desc="kWh",
        ),
        _bytes("schedule", "时间表", 24, "0800120013001800"),
        _flag("low_water", "缺水提醒", "alert", now_and_then(0.05, 7200)),
        _flag("over_pressure", "高压报警", "alert", OFF),
        _flag("fault_probe", "探头故障", "fault", now_and_then(0.02, 7200)),
        _flag("fault_compressor", "压缩机故障", "fault", OFF),
    ),
)

METER = Product(
    key="fa4e3e7e10000000000000000000e002",
    name="智能电表",
    protocol_type="var_len",
    attributes=(
        _flag("relay", "继电器", WRITABLE, ON),
        _enum("tariff", "费率", ("尖", "峰", "平", "谷"), changing(("峰", "平", "谷"), 14400), READABLE),
        _number("voltage", "电压", READABLE, swinging(224, 236, 7200, 1), (0, 4000), data_type="uint16", ratio=0.1),
        _number("current", "电流", READABLE, swinging(0.5, 30, 10800, 0.5), (0, 10000), data_type="uint16", ratio=0.01),
        _number(
            "frequency", "频率", READABLE, swinging(49.9, 50.1, 600, 0.02), (0, 7000), data_type="uint16", ratio=0.01
        ),
        _number("power", "有功功率", READABLE, swinging(200, 6500, 10800, 50), (0, 60000), data_type="uint16"),
        _number("energy", "电能", READABLE, growing(3.1, 500000), (0, 4000000000), data_type="uint32", ratio=0.01),
        _number("limit", "功率上限", WRITABLE, steady(8000), (0, 200), ratio=100, desc="W"),
        _flag("overload", "过载报警", "alert", now_and_then(0.04, 5400)),
        _flag("fault_clock", "时钟故障", "fault", OFF),
    ),
)
