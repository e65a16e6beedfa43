"""Every rule can fail: it rejects each client that was made to break it."""

import pytest

from . import controls_of_history, rules_of_errors, rules_of_history, rules_of_readings, rules_of_resources  # noqa: F401  # they add rules and controls
from .conftest import MakeBench
from .controls import CONTROLS, Control
from .rule import RULES


def test_every_rule_has_a_control() -> None:
    assert {control.rule for control in CONTROLS} == RULES.keys()


@pytest.mark.parametrize("control", CONTROLS, ids=[f"{one.name}-{one.kind}" for one in CONTROLS])
async def test_the_rule_rejects_what_breaks_it(make_bench: MakeBench, control: Control) -> None:
    with pytest.raises(AssertionError):
        await RULES[control.rule].check(make_bench(control.kind, wrap=control.breaks))
