"""Every cloud keeps every rule of the contract."""

import pytest

from . import rules_of_errors, rules_of_history, rules_of_readings, rules_of_resources  # noqa: F401  # they add rules
from .conftest import MakeBench
from .rule import RULES, Rule


@pytest.mark.parametrize(
    ("rule", "kind"),
    [pytest.param(rule, kind, id=f"{rule.name}-{kind}") for rule in RULES.values() for kind in rule.kinds],
)
async def test_the_cloud_keeps_the_rule(make_bench: MakeBench, rule: Rule, kind: str) -> None:
    await rule.check(make_bench(kind))
