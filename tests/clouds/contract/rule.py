"""The list of all rules, and which clouds each applies to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .bench import FACTS, Bench, Facts

type Check = Callable[[Bench], Awaitable[None]]
"""Raises `AssertionError` for a client that breaks the rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that every client has to do. `kinds` are the clouds where it can be tried."""

    name: str
    check: Check
    kinds: tuple[str, ...]


RULES: dict[str, Rule] = {}


def rule(where: Callable[[Facts], bool] = lambda _: True) -> Callable[[Check], Check]:
    """Add a rule, under the name of its function."""

    def add(check: Check) -> Check:
        name: str = check.__name__
        RULES[name] = Rule(name, check, tuple(kind for kind, facts in FACTS.items() if where(facts)))
        return check

    return add
