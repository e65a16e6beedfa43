"""Damages answers: changes values in a real one, or replaces it by arbitrary bytes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from hypothesis import strategies as st

# JSON may hold these, but Python does not write them: markers stand for them until `written`.
_DIGITS, _DEEP, _ENDLESS = "\ue001", "\ue002", "\ue003"
_WRITTEN = {_DIGITS: "9" * 5000, _DEEP: "[" * 300 + "]" * 300, _ENDLESS: "-1e999"}

_NUMBERS = [0, 1, -1, 3.7, -0.0, 2**31, 2**63, 2**64, 10**30, 1e308, 5e-324, float("nan"), float("inf"), 1517384243]
_MOMENTS = [
    *("2026-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-30T10:00:00", "20261130"),
    *(-62135596800, 253402300799, 253402300799999, 1e15, -1e12, 1790000000000),
]
_TEXTS = [
    *("", " ", "x", "0", "-1", "7", "NaN", "1e999", "9" * 5000, "1" * 30, "true", "Global", "..", "%2e%2e", "a/b?c#d"),
    *(
        "\ud83c",
        "\udf21 x",
        "\0",
        "\u202e",
        "|",
        "a|b|c",
        "9" * 12,
        "²",
        "٣",
        "[1]",
        "{}",
        '{"\\ud83c": 1e999}',
        "zz===",
    ),
    *("xn--a", "127.0.0.1:0", "[::", "🌡️" * 50),
]
_ODD: list[Any] = [None, True, False, [], {}, [[]], [None], {"": None}, _DIGITS, _DEEP, _ENDLESS]

_known = st.sampled_from([*_ODD, *_NUMBERS, *_MOMENTS, *_TEXTS])
values = st.one_of(_known, _known, _known, st.text(max_size=20) | st.integers() | st.floats())
names = st.sampled_from(_TEXTS) | st.text(max_size=10)
any_json = st.recursive(
    values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


class How(Enum):
    """What a change does to one place of an answer."""

    REPLACE = auto()
    REMOVE = auto()
    RETYPE = auto()
    RENAME = auto()
    WRAP = auto()
    REPEAT = auto()
    SWAP = auto()


@dataclass(frozen=True, slots=True)
class Change:
    """`where` leads to a place: one branch at each level, as far as the answer goes."""

    where: tuple[int, ...]
    how: How
    value: Any


@dataclass(frozen=True, slots=True)
class Damage:
    """Changes of a real answer; `replaced` is sent instead, `cut` is the first and the last byte to remove.

    `spread` holds numbers of names, each with the value that replaces every value under that name.
    """

    changes: tuple[Change, ...] = ()
    spread: tuple[tuple[int, Any], ...] = ()
    replaced: bytes | None = None
    cut: tuple[int, int] | None = None

    def of(self, real: bytes) -> bytes:
        """The damaged answer."""
        answer = real
        if self.replaced is not None:
            answer = self.replaced
        elif real:
            answer = written(self._changed(json.loads(real)))
        if self.cut is not None and answer:
            first, last = sorted(place % len(answer) for place in self.cut)
            answer = answer[:first] + answer[last + 1 :]
        return answer

    def _changed(self, answer: Any) -> Any:
        for number, other in self.spread:
            if found := sorted(set(_names(answer))):
                answer = _spread(answer, found[number % len(found)], other)
        for change in self.changes:
            holder = [answer]
            _change(holder, change)
            answer = holder[0] if holder else None
        return answer


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for inner in _inner(value):
        yield from _names(inner)


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _spread(value: Any, name: str, other: Any) -> Any:
    if isinstance(value, dict):
        return {key: other if key == name else _spread(member, name, other) for key, member in value.items()}
    return [_spread(member, name, other) for member in value] if isinstance(value, list) else value


def written(value: Any) -> bytes:
    """Write JSON, and replace the markers by what Python does not write."""
    text = json.dumps(value)
    for marker, other in _WRITTEN.items():
        text = text.replace(json.dumps(marker), other)
    return text.encode()


def _change(holder: Any, change: Change) -> None:
    """Follow the change to its place, and apply it there."""
    place: Any = 0
    for step in change.where:
        inner = holder[place]
        if not isinstance(inner, list | dict) or not inner:
            break
        holder, place = inner, list(_places(inner))[step % len(inner)]
    _make(holder, place, change)


def _places(holder: list[Any] | dict[str, Any]) -> Iterator[Any]:
    yield from holder if isinstance(holder, dict) else range(len(holder))


def _make(holder: Any, place: Any, change: Change) -> None:
    match change.how:
        case How.REPLACE:
            holder[place] = change.value
        case How.REMOVE:
            del holder[place]
        case How.RETYPE:
            holder[place] = _retyped(holder[place])
        case How.RENAME if isinstance(holder, dict):
            holder[str(change.value)[:10_000]] = holder.pop(place)
        case How.WRAP:
            holder[place] = [holder[place]] if change.where else {"data": holder[place]}
        case How.REPEAT if isinstance(holder, list):
            holder += holder[place : place + 1] * 3
        case How.SWAP:
            other = next(_places(holder))
            holder[place], holder[other] = holder[other], holder[place]


def _retyped(value: Any) -> Any:
    match value:
        case bool() | None:
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return int(value) if value.isascii() and value.isdigit() and len(value) < 4000 else [value]
        case list():
            return {str(number): item for number, item in enumerate(value)}
    return list(value.values())


_changes = st.builds(Change, st.lists(st.integers(0, 40), max_size=6).map(tuple), st.sampled_from(How), values)
_spreads = st.lists(st.tuples(st.integers(0, 200), values), min_size=1, max_size=6).map(tuple)
_CUTS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))
any_bytes = any_json.map(written) | st.binary(max_size=60)
damages = st.one_of(
    st.builds(Damage, changes=st.lists(_changes, min_size=1, max_size=4).map(tuple)),
    st.builds(Damage, spread=_spreads),
    st.builds(Damage, spread=_spreads),
    st.builds(Damage, replaced=any_bytes),
    st.builds(Damage, cut=_CUTS),
)
