"""Made-up appliances in the shapes of real ones: a spa, a heater, a boiler, an aquarium light and a doser.

They obey as such appliances do: a heater that is turned on also turns the filter on, a light that follows its schedule
ignores what is set by hand, and temperatures take their time.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, override

from .behaviours import OFF, ON, Value, steady, swinging
from .devices import GizwitsDevice
from .identifiers import derive_hex, derive_id
from .products import READABLE, WRITABLE, Attribute, AttributeType, Product

_TEMPERATURES_PER_SECOND: Final = 1 / 60
_AMBIENT: Final = 18.0
_FROST: Final = 7.0
_DOSE_SECONDS: Final = 5.0
_HEADS: Final = range(1, 5)
_COLORS: Final = ("White", "Warm_White", "Sapphire_Blue", "Blue", "UV", "Purple")


def _flag(name: str, title: str, *, is_on: bool = False, kind: AttributeType = WRITABLE) -> Attribute:
    return Attribute(name=name, title=title, type=kind, data_type="bool", behaviour=ON if is_on else OFF)


def _choice(name: str, title: str, value: str, *labels: str) -> Attribute:
    return Attribute(name=name, title=title, type=WRITABLE, data_type="enum", behaviour=steady(value), labels=labels)


def _number(name: str, title: str, value: float, raw: tuple[int, int] = (0, 255), **more: Any) -> Attribute:
    fields = {"type": WRITABLE, "data_type": "uint8", "behaviour": steady(value)} | more
    return Attribute(name=name, title=title, minimum=raw[0], maximum=raw[1], **fields)


def _measured(name: str, title: str, value: float, raw: tuple[int, int] = (0, 255), **more: Any) -> Attribute:
    return _number(name, title, value, raw, type=READABLE, **more)


def _bytes(name: str, title: str, length: int) -> Attribute:
    behaviour = steady("00" * length)
    return Attribute(name=name, title=title, type=WRITABLE, data_type="binary", behaviour=behaviour, length=length)


GARDEN_SPA = Product(
    key="fa4e5ba00000000000000000000000b1",
    name="Whirl_V01",
    attributes=(
        _number("power", "电源", 1, (0, 1)),
        _number("filter", "过滤", 2, (0, 2)),
        _number("heat", "加热", 3, (0, 6)),
        _number("wave", "气泡", 0, (0, 100)),
        _number("Tset", "设定温度", 37, (0, 104)),
        _number("Tunit", "温度单位", 1, (0, 1)),
        _measured("Tnow", "当前温度", 36),
        _measured("word7", "word7", 36, (0, 65_535), data_type="uint16"),
        *(_measured(f"E{code:02}", f"E{code:02}", 0, (0, 1)) for code in range(1, 5)),
        _measured("E32", "E32", 1, (0, 1)),
    ),
)

PANEL_HEATER = Product(
    key="fa4e9a4e1000000000000000000000b2",
    name="Panel_Heater",
    attributes=(
        _choice("mode", "模式", "eco", "cft", "eco", "fro", "stop", "cft1", "cft2"),
        _number("on_off", "开关", 1, (0, 1)),
        _number("derog_mode", "临时模式", 0, (0, 2)),
        _number("derog_time", "临时模式时间", 0),
        _number("timer_switch", "定时开关", 0, (0, 1)),
        _number("LOCK_C", "童锁", 0, (0, 1)),
        *(
            _number(f"{name}_temp{end}", f"{title}{end}", value)
            for name, title, raw in (("cft", "舒适温度", 210), ("eco", "经济温度", 175))
            for end, value in (("H", raw >> 8), ("L", raw & 0xFF))
        ),
        *(_measured(f"cur_temp{end}", f"当前温度{end}", value) for end, value in (("H", 0), ("L", 175))),
        _flag("Heating_state", "加热状态", kind=READABLE),
    ),
)

BOILER = Product(
    key="fa4eb0117e00000000000000000000b3",
    name="Combi_Boiler",
    attributes=(
        _flag("Heating_Enable", "采暖开关", is_on=True),
        _flag("WarmStar_Tank_Loading_Enable", "水箱加热", is_on=True),
        _choice("Mode_Setting_CH", "采暖模式", "Cruising", "Auto", "Cruising"),
        _number("Room_Temperature_Setpoint_Comfort", "室内舒适温度", 21, (10, 60), ratio=0.5),
        _number("DHW_setpoint", "热水温度", 50, (70, 130), ratio=0.5),
        _measured("Room_Temperature", "室内温度", 20.5, ratio=0.5),
        _measured("Tank_temperature", "水箱温度", 48, ratio=0.5, behaviour=swinging(44, 52, 7200)),
        _measured("Flow_temperature", "供水温度", 55, ratio=0.5, behaviour=swinging(38, 60, 5400)),
    ),
)

AQUARIUM_LIGHT = Product(
    key="fa4ea9a11600000000000000000000b4",
    name="Reef_Light",
    attributes=(
        _flag("Light_On", "灯开关", is_on=True),
        _flag("Enable_Schedule", "定时开关"),
        _number("Mode", "模式", 0, (0, 100), desc="0为Manual Control，1为Schedule，2为Acclimation Mode"),
        *(
            _number(color, title, value, desc=f"范围是0~{greatest}%")
            for color, title, value, greatest in zip(
                _COLORS,
                ("白色", "暖白", "宝蓝色", "蓝色", "UV", "紫色"),
                (60, 20, 100, 125, 80, 0),
                (100, 100, 125, 125, 167, 167),
                strict=True,
            )
        ),
        _number("Fan_Speed", "风扇转速", 40, (0, 100), desc="范围为0~100百分比"),
        _flag("OverTemp", "过温", kind="alert"),
    ),
)

DOSER = Product(
    key="fa4ed05e5000000000000000000000b5",
    name="4头滴定泵",
    attributes=(
        _flag("switch", "开关", is_on=True),
        *(_flag(f"channe{head}", f"通道{head}") for head in _HEADS),
        *(_flag(f"Timer{head}ON", f"定时开关{head}", is_on=head == 1) for head in _HEADS),
        _flag("CALSW", "校准开关"),
        _choice("CALSet", "校准通道", "校准1", *(f"校准{head}" for head in _HEADS)),
        _number("channelTTL", "头数量", 4, (1, 8)),
        *(_number(f"IntervalT{head}", f"间隙时间{head}", 0, (0, 30)) for head in _HEADS),
        _number("Calib1", "校准量", 50, (10, 100)),
        *(_bytes(f"CH{head}SWTime", f"CH{head}SWTime", 96) for head in _HEADS),
        _measured("time1", "校准时间", 30, (10, 250)),
        _flag("OpenCircuit", "开路", kind="alert"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Course:
    """How a temperature moves from `start` at the time `since` to `end`, in °C."""

    since: float
    start: float
    end: float

    def at(self, seconds: float) -> float:
        """Return the temperature at a time."""
        moved = max(0.0, seconds - self.since) * _TEMPERATURES_PER_SECOND
        return min(self.start + moved, self.end) if self.end > self.start else max(self.start - moved, self.end)


@dataclass(eq=False, kw_only=True)
class _Appliance(GizwitsDevice):
    """A device that changes more, or less, than it is told."""

    @override
    def _report(self, at: float, values: dict[str, Value]) -> None:
        super()._report(at, self._obeyed(GizwitsDevice.values_at(self, at), values))

    def _obeyed(self, before: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
        """Return what changes when it is told to set `values`."""
        raise NotImplementedError


@dataclass(eq=False, kw_only=True)
class _Warm(_Appliance):
    """A device that keeps a temperature."""

    _course: _Course | None = field(default=None, init=False)

    def _aim(self, values: Mapping[str, Any]) -> float:
        """Return the temperature that it moves to, in °C."""
        raise NotImplementedError

    def _start(self) -> float:
        """Return the temperature that it begins with, in °C."""
        raise NotImplementedError

    def _shown(self, values: Mapping[str, Any], temperature: float) -> dict[str, Value]:
        """Return what it reports of its temperature."""
        raise NotImplementedError

    def temperature_at(self, seconds: float) -> float:
        """Return its temperature at a time, in °C."""
        return self._start() if self._course is None else self._course.at(seconds)

    @override
    def values_at(self, seconds: float, names: Collection[str] | None = None) -> dict[str, Any]:
        values = super().values_at(seconds)
        values |= self._shown(values, self.temperature_at(seconds))
        return values if names is None else {name: value for name, value in values.items() if name in names}

    @override
    def _report(self, at: float, values: dict[str, Value]) -> None:
        now = self.temperature_at(at)
        super()._report(at, values)
        self._course = _Course(at, now, self._aim(GizwitsDevice.values_at(self, at)))


class GardenSpa(_Warm):
    """A spa. Turning it off turns off everything; heating needs the filter."""

    @override
    def _obeyed(self, before: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
        changed = dict(values)
        if changed.get("power") == 0:
            return changed | {"filter": 0, "heat": 0, "wave": 0}
        if any(changed.get(name) for name in ("filter", "heat", "wave")):
            changed["power"] = 1
        if changed.get("heat"):
            changed["filter"] = 2
        elif changed.get("filter") == 0:
            changed["heat"] = 0
        is_other_unit = changed.get("Tunit", before["Tunit"]) != before["Tunit"]
        if is_other_unit and "Tset" not in changed:
            target = self._celsius(before["Tset"], before["Tunit"])
            changed["Tset"] = self._in_unit(target, changed["Tunit"])
        return changed

    @override
    def _start(self) -> float:
        return 36.0

    @override
    def _aim(self, values: Mapping[str, Any]) -> float:
        return self._celsius(values["Tset"], values["Tunit"]) if values["heat"] else _AMBIENT

    @override
    def _shown(self, values: Mapping[str, Any], temperature: float) -> dict[str, Value]:
        is_reached = temperature >= self._celsius(values["Tset"], values["Tunit"])
        return {
            "Tnow": self._in_unit(temperature, values["Tunit"]),
            "word7": round(temperature),
            "heat": (4 if is_reached else 5) if values["heat"] else 0,
            "E32": int(bool(values["heat"])),
        }

    @staticmethod
    def _celsius(number: float, unit: Any) -> float:
        return number if unit else (number - 32) / 1.8

    @staticmethod
    def _in_unit(celsius: float, unit: Any) -> int:
        return round(celsius if unit else celsius * 1.8 + 32)


class PanelHeater(_Warm):
    """A heater with presets. It heats to the temperature of its mode."""

    @override
    def _obeyed(self, before: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
        ended = {"derog_time": 0} if values.get("derog_mode") == 0 else {}
        return {**values, **ended}

    @override
    def _start(self) -> float:
        return 17.5

    @override
    def _aim(self, values: Mapping[str, Any]) -> float:
        def joined(name: str) -> float:
            return float(256 * values[f"{name}_tempH"] + values[f"{name}_tempL"]) / 10

        if not values["on_off"] or values["mode"] == "stop":
            return _FROST
        boosted = {1: _FROST, 2: joined("cft")}.get(values["derog_mode"])
        of_mode = {"eco": joined("eco"), "fro": _FROST, "cft1": joined("cft") - 1, "cft2": joined("cft") - 2}
        return of_mode.get(values["mode"], joined("cft")) if boosted is None else boosted

    @override
    def _shown(self, values: Mapping[str, Any], temperature: float) -> dict[str, Value]:
        tenths = round(10 * temperature)
        is_heating = temperature < self._aim(values)
        return {"cur_tempH": tenths >> 8, "cur_tempL": tenths & 0xFF, "Heating_state": is_heating}


class AquariumLight(_Appliance):
    """A light whose channels can be set by hand only while no program controls them."""

    @override
    def _obeyed(self, before: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
        is_manual = values.get("Mode", before["Mode"]) == 0
        return {name: value for name, value in values.items() if is_manual or name not in _COLORS}


class Doser(_Appliance):
    """A doser whose heads stop by themselves after a dose, and with the whole device."""

    @override
    def _obeyed(self, before: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
        if values.get("switch") is False:
            return {**values, **{f"channe{head}": False for head in _HEADS}}
        return dict(values)

    @override
    def _report(self, at: float, values: dict[str, Value]) -> None:
        super()._report(at, values)
        running = {name: False for name, value in values.items() if name.startswith("channe") and value is True}
        if running:
            super()._report(at + _DOSE_SECONDS, dict(running))


_MADE: Final[tuple[tuple[type[GizwitsDevice], Product, str], ...]] = (
    (GardenSpa, GARDEN_SPA, "Garden spa"),
    (PanelHeater, PANEL_HEATER, "Hallway heater"),
    (GizwitsDevice, BOILER, "Boiler"),
    (AquariumLight, AQUARIUM_LIGHT, "Aquarium light"),
    (Doser, DOSER, "Doser"),
)


def appliances(clock: Callable[[], float], seed: int, uid: str) -> list[GizwitsDevice]:
    """Return one appliance of each kind, bound to a user."""
    return [
        kind(
            product=product,
            did=derive_id(f"did {product.key}"),
            mac=derive_hex(f"mac {product.key}", 12),
            clock=clock,
            seed=seed,
            alias=alias,
            uid=uid,
        )
        for kind, product, alias in _MADE
    ]
