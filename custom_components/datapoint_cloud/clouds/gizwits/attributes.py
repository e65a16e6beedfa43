"""Reads one attribute of a Gizwits definition: the datapoint it is, and how the cloud writes its values.

The schema says its type and range. What the vendor only says in words, in `desc` or in the name, is read as well: the
choices behind a number, a narrower range, a unit, and what an attribute is for.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, Final

from .. import coerce
from ..model import Datapoint, DataType, Role
from . import wire_values
from .desc import DescFacts, read_desc, unit_of_name
from .record_desc import read_record

_BITS: Final = {"uint8": 8, "uint16": 16, "uint32": 32}
_WRITABLE: Final = ("status_writable", "W")
_SEVERITIES: Final = {"alert": "alert", "N": "alert", "fault": "fault", "E": "fault"}  # of alarms
_COUNTABLE: Final = 2**53  # a float cannot distinguish more steps
_LONGEST_BINARY: Final = 65_535  # bytes; a longer one has an unknown length
_LONGEST_DESC: Final = 500  # characters
_OFF_AND_ON: Final = frozenset({"off", "on", "关", "开", "关闭", "打开", "开启", "否", "是", "不是"})
_SAYS_OFF_OR_ON: Final = re.compile(
    r"(?:[关开]机?|[无有否是])$|^[未不没]|^无(?![线级极])|关闭|打开|开启|停止|停用|启用|禁用|正常|无效|有效"
    r"|\b(?:off|on|no|yes|not|disabled?|enabled?|false|true|none|normal|stop)\b",
    re.IGNORECASE,
)

_SPARE_NAME: Final = re.compile(r"(?:bit|bak|data)\d+|bit|bak|reserved?\w*|spare\w*", re.IGNORECASE)
_SPARE_TITLE: Final = re.compile(r"\s*(?:备用|预留|保留)")
_MESSAGE: Final = re.compile(r"发送?数据")
_MAINTENANCE: Final = re.compile(
    "恢复出厂|恢复默认|重启|重置|复位|清零|清除|清空|删除|擦除|格式化|初始化|解绑|配网|校准|自检|升级授权"
)
_MAINTENANCE_STEMS: Final = ("reset", "reboot", "restart", "factory", "calib", "delete", "erase", "unbind", "initiali")
_MAINTENANCE_WORDS: Final = frozenset({"clear", "clr", "del", "rst"})
_FAULT: Final = re.compile(r"(?:故障|异常)$|\b(?:fault|error|failure)$", re.IGNORECASE)
_ALERT: Final = re.compile(r"(?:报警|告警|警报)$|\balarm$", re.IGNORECASE)
_NO_FAULT: Final = re.compile(r"(?<!有)无|\bno\b", re.IGNORECASE)
_ONCE: Final = re.compile(r"手动喂食|出粮|立即|寻找|远程开锁")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_CLAUSE_END: Final = re.compile(r"[,，.。;；:：(（\n]")
_LONGEST_CLAUSE: Final = 14  # characters; a longer one describes a behaviour and names no command


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute of a definition.

    `codes` are what the cloud writes for the options of the datapoint, or for off and on; without them it writes the
    options themselves, or booleans. `absent` is the number it writes for "no value".
    """

    datapoint: Datapoint
    codes: tuple[int | str, ...] = ()
    absent: float | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """The limits and the step in engineering units, and how they follow from the raw numbers."""

    minimum: float
    maximum: float
    step: float
    ratio: float
    addition: float

    @property
    def is_raw(self) -> bool:
        """Whether the cloud writes the raw numbers themselves."""
        return self.ratio == 1 and self.addition == 0


def read_attribute(key: str, attr: Mapping[str, Any], step: float | None) -> Attribute | None:
    """Read an attribute; `step` is the one of the vendor's screens. None if the attribute cannot be understood."""
    kind, data_type = attr.get("type"), attr.get("data_type")
    desc = (coerce.text(attr.get("desc")) or "")[:_LONGEST_DESC]
    facts = read_desc(desc)
    name, unit = unit_of_name(coerce.text(attr.get("display_name")) or key)
    plain = Datapoint(
        key=key,
        name=name,
        data_type=DataType.BOOL,
        is_writable=kind in _WRITABLE,
        desc=desc or None,
        unit=facts.unit or unit,
    )
    attribute: Attribute | None = None
    if data_type == "bool":
        severity = _SEVERITIES.get(kind) if isinstance(kind, str) else None
        attribute = _flag(_with_role(plain, severity), facts.choices)
    elif data_type == "enum":
        attribute = _enum(plain, attr.get("enum"), facts)
    elif isinstance(data_type, str) and data_type in _BITS:
        attribute = _number(plain, spec_of(attr), _BITS[data_type], step, facts)
    elif data_type == "binary":
        length = wire_values.count(coerce.fields(attr.get("position")).get("len"))
        length = length if length is not None and length <= _LONGEST_BINARY else None
        record = read_record(key, desc, length)
        binary = replace(plain, data_type=DataType.BINARY, length=length, record=record, unit=None)
        attribute = Attribute(datapoint=binary)
    if attribute is not None and attribute.datapoint.role is not Role.ALARM and _is_internal(plain, facts):
        return replace(attribute, datapoint=replace(attribute.datapoint, role=Role.INTERNAL))
    return attribute


def _is_internal(plain: Datapoint, facts: DescFacts) -> bool:
    return (
        facts.is_spare
        or _SPARE_NAME.fullmatch(plain.key) is not None
        or _SPARE_TITLE.match(plain.name) is not None
        or any(_MESSAGE.search(text) for text in (plain.name, plain.desc or ""))
    )


def _role_of_flag(plain: Datapoint) -> Role:
    """Whether a flag is a state or a command: one that the vendor's words call so."""
    if not plain.is_writable:
        return Role.STATUS
    clause = _CLAUSE_END.split(plain.desc or "", maxsplit=1)[0]
    said = (plain.name, clause if len(clause) <= _LONGEST_CLAUSE else "")
    words = [word.lower() for text in (plain.key, *said) for word in _WORDS.findall(text)]
    if any(word.startswith(_MAINTENANCE_STEMS) or word in _MAINTENANCE_WORDS for word in words) or any(
        map(_MAINTENANCE.search, said)
    ):
        return Role.MAINTENANCE
    return Role.ACTION if any(map(_ONCE.search, said)) else Role.STATUS


def _with_role(plain: Datapoint, severity: str | None = None) -> Datapoint:
    """Return a flag with its role: an alarm if its type gives it a severity, or if its name does."""
    if severity is None and not plain.is_writable and not _NO_FAULT.search(plain.name):
        severity = "fault" if _FAULT.search(plain.name) else "alert" if _ALERT.search(plain.name) else None
    role = _role_of_flag(plain) if severity is None else Role.ALARM
    return replace(plain, role=role, severity=severity, unit=None)


def _flag(flag: Datapoint, choices: Mapping[int, str]) -> Attribute:
    """Return a flag as the choice between two things that the vendor says it is, unless one of them is off or on."""
    words = tuple(word for word in (choices.get(0), choices.get(1)) if word and not _SAYS_OFF_OR_ON.search(word))
    if flag.role is not Role.STATUS or len(choices) != 2 or len(set(words)) != 2:
        return Attribute(datapoint=flag)
    return Attribute(datapoint=replace(flag, data_type=DataType.ENUM, options=words), codes=(False, True))


def _enum(plain: Datapoint, labels: Any, facts: DescFacts) -> Attribute | None:
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        return None
    enum = replace(plain, data_type=DataType.ENUM, options=tuple(labels), unit=None)
    digits = [label.strip() for label in labels]
    if all(label.isascii() and label.isdigit() and int(label) in facts.choices for label in digits):
        named = replace(enum, options=tuple(facts.choices[int(label)] for label in digits))
        if len(set(named.options)) == len(named.options):
            return Attribute(datapoint=named, codes=tuple(labels))
    return Attribute(datapoint=enum)


def _number(
    plain: Datapoint, spec: Mapping[str, Any], bits: int, step: float | None, facts: DescFacts
) -> Attribute | None:
    scale = _scale(spec, bits, step)
    # "Unit 0.1 A" is the unit of the cloud's number only if the schema turns tenths into amperes.
    is_in_unit = facts.unit_size == 1 or (scale is not None and scale.ratio == facts.unit_size)
    number = replace(plain, data_type=DataType.NUMBER, unit=plain.unit if is_in_unit else None)
    if scale is None:
        # Values come in engineering units, so they can be read without the range, but not written.
        return Attribute(datapoint=replace(number, is_writable=False))
    choices = _choices(facts.choices, scale) if scale.is_raw else {}
    if choices and not {word.lower() for word in choices.values()} <= _OFF_AND_ON:
        enum = replace(plain, data_type=DataType.ENUM, options=tuple(choices.values()), unit=None)
        return Attribute(datapoint=enum, codes=tuple(choices))
    if scale.is_raw and (scale.minimum, scale.maximum) == (0, 1) and facts.unit is None:
        return Attribute(datapoint=_with_role(plain), codes=(0, 1))
    minimum, maximum = _narrowed(scale, facts)
    absent = None if facts.absent is None else round(facts.absent * scale.ratio + scale.addition, places(scale.ratio))
    return Attribute(datapoint=replace(number, minimum=minimum, maximum=maximum, step=scale.step), absent=absent)


def _choices(choices: Mapping[int, str], scale: _Scale) -> Mapping[int, str]:
    """Return the choices that a number of this range can be; none if it can be a number that no choice explains."""
    if not choices:
        return {}
    numbers = range(int(scale.minimum), int(scale.maximum) + 1)
    if scale.maximum <= max(choices) and not all(number in choices for number in numbers):
        return {}
    possible = {number: label for number, label in choices.items() if scale.minimum <= number <= scale.maximum}
    return possible if len(possible) > 1 else {}


def _narrowed(scale: _Scale, facts: DescFacts) -> tuple[float, float]:
    """Return the limits that `desc` states if they lie within those of the schema; the lower one is on a step."""
    limits = scale.minimum, scale.maximum
    if facts.minimum is None or facts.maximum is None:
        return limits
    steps = max(0, math.ceil(round((facts.minimum - scale.minimum) / scale.step, 6)))
    least = round(scale.minimum + steps * scale.step, max(places(scale.step), places(scale.minimum)))
    most = min(scale.maximum, facts.maximum)
    return (least, most) if least < most else limits


def spec_of(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the range of an attribute or of an element of the vendor's screens."""
    # The documents spell it unit_spec, all real definitions uint_spec.
    return coerce.fields(holder.get("uint_spec") or holder.get("unit_spec"))


def _scale(spec: Mapping[str, Any], bits: int, step: float | None) -> _Scale | None:
    """Return the scale; `step` is the one of the vendor's screens. None if the range is unreadable or unrealistic."""
    defaults = {"min": 0, "max": 2**bits - 1, "ratio": 1, "addition": 0}
    least, greatest, ratio, addition = (coerce.number(spec.get(name, default)) for name, default in defaults.items())
    if least is None or greatest is None or not ratio or addition is None:
        return None
    farthest = max(abs(float(least)), abs(float(greatest))) * abs(float(ratio)) + abs(float(addition))
    if not farthest / abs(ratio) <= _COUNTABLE:  # also false for infinity and NaN
        return None
    decimals = max(places(ratio), places(addition))
    ends = sorted(round(raw * ratio + addition, decimals) for raw in (least, greatest))
    fits = step is not None and step <= ends[1] - ends[0] and farthest / step <= _COUNTABLE
    return _Scale(ends[0], ends[1], step if step is not None and fits else abs(ratio), ratio, addition)


@cache
def places(number: float) -> int:
    """Return the decimal places of a number."""
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
