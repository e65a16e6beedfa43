"""Chooses which dozen of the many measurements of a part are enabled at first.

A UPS has more than a hundred variables, and its cloud does not say which of them matter. What people look for first is
a short table of English words; the rest is chosen so that the dozen covers many subjects.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

DOZEN: Final = 12
_MOST_OF_A_CLASS: Final = 2

_WANTED: Final = tuple(
    (re.compile(words), frozenset(units))
    for words, units in (
        (r"\bcharge\b|\bstate of charge\b|\bbattery (capacity|level)\b", ("%",)),
        (r"\b(backup|remaining|autonomy|runtime)\b.*|\bbattery time\b|\btime (left|remaining)\b", ("s", "min", "h")),
        (r"\bload( rate| level)?\b", ("%",)),
        (r"\bpower\b", ("W", "kW", "MW")),
        (r"\bpower\b", ("VA", "kVA", "MVA")),
        (r"", ("°C", "°F", "K")),
    )
)
"""What people look for first in a UPS or a meter, the most wanted first: words of the name, and units."""


_WANTED_ALARM: Final = re.compile(
    r"\bon (batter(y|ies)|((automatic|static|manual|maintenance) )?bypass)\b|\b(battery|bypass) (mode|operation)\b"
)


def is_wanted_alarm(words: str) -> bool:
    """Whether people look for an alarm first: a UPS runs on its battery or past its inverter. `words` is English."""
    return _WANTED_ALARM.search(words.lower()) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the choice depends on. Measurements of one `family` differ in a number only, such as the three phases."""

    key: str
    words: str
    """Its English name, in lower case."""
    unit: str
    kind: str
    """Its device class, or its unit if it has none."""
    group: str | None
    family: str
    is_meter: bool


def first_dozen(measurements: Iterable[Measurement], most: int = DOZEN) -> set[str]:
    """Return the keys of the measurements to enable: at most a dozen, and at most two families of a kind.

    What people look for comes first, then meters, for the energy dashboard, then one of each group in turn, totals
    before the phases that they add up.
    """
    families: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        families[measurement.family].append(measurement)
    chosen: set[str] = set()
    of_kind: Counter[str] = Counter()
    for family in dict.fromkeys(_in_order(list(families.values()))):
        members = families[family]
        kind = members[0].kind
        if of_kind[kind] < _MOST_OF_A_CLASS:
            of_kind[kind] += 1
            chosen.update(member.key for member in members[: most - len(chosen)])
    return chosen


def _in_order(families: Sequence[Sequence[Measurement]]) -> Iterator[str]:
    """Yield the families, the most wanted first; some of them twice."""
    singles = [members[0] for members in families if len(members) == 1]
    for words, units in _WANTED:
        yield from (single.family for single in singles if single.unit in units and words.search(single.words))
    yield from (members[0].family for members in families if members[0].is_meter)
    groups: dict[str | None, list[str]] = defaultdict(list)
    for members in sorted(families, key=len):
        groups[members[0].group].append(members[0].family)
    for round_ in zip_longest(*groups.values()):
        yield from (family for family in round_ if family is not None)
