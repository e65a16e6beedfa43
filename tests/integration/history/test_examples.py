"""The documented automations with history do what the documentation says."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import Script, async_validate_actions_config
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.datapoint_cloud.clouds.history import Aggregation, Bucket, LogEntry, Period
from custom_components.datapoint_cloud.const import DOMAIN
from simulator.simulation import Simulation

from ..accounts import entity_id_of
from ..subjects import air_conditioner
from .fake_history import ALL_CAPABILITIES, at, set_history

_PAGE = Path(__file__).parents[3] / "docs" / "automations.md"


@pytest.fixture(autouse=True)
def _on_the_first_of_a_month(freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2026-12-01T07:00:00Z")


def _sequence(title: str, entity_id: str) -> list[dict[str, Any]]:
    """Return the actions of a documented example, with its entity replaced."""
    text = _PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(rf"## {title}\n[^#]*?```yaml\n(.*?)```", text, re.DOTALL)
    example = parse_yaml(block)
    assert isinstance(example, dict)
    if "automation" in example:
        actions: list[dict[str, Any]] = example["automation"][0]["actions"]
    else:
        (script,) = example["script"].values()
        actions = script["sequence"]
    assert actions[0]["action"].startswith(DOMAIN)
    assert "." in actions[0]["data"].pop("entity_id")
    actions[0]["data"]["entity_id"] = entity_id
    return actions


def _buckets(*rows: tuple[str, str, float]) -> Sequence[Bucket]:
    return [Bucket(start=at(start), end=at(end), value=value) for start, end, value in rows]


@pytest.mark.parametrize(
    ("title", "platform", "key", "rows", "message"),
    [
        (
            "The energy of each month",
            "number",
            "set_temp",
            _buckets(
                ("2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z", 100),
                ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", 130.4),
                ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z", 180),
            ),
            "October: 30 °C November: 50 °C",
        ),
        (
            "The energy of each day of the past month",
            "number",
            "set_temp",
            _buckets(
                ("2026-10-31T23:00:00Z", "2026-11-01T23:00:00Z", 1.5),
                ("2026-11-01T23:00:00Z", "2026-11-02T23:00:00Z", 3.75),
            ),
            "02: 2.2 °C",
        ),
        (
            "The average temperature of last night",
            "number",
            "set_temp",
            _buckets(
                ("2026-11-30T21:00:00Z", "2026-11-30T22:00:00Z", 18),
                ("2026-11-30T22:00:00Z", "2026-11-30T23:00:00Z", 19),
            ),
            "It was 18.5 °C on average.",
        ),
        ("The average temperature of last night", "number", "set_temp", [], "Nothing was measured."),
        (
            "How often a device was offline this week",
            "binary_sensor",
            "$connectivity",
            [
                LogEntry(at=at("2026-11-30T06:00:00Z"), kind="dev_offline", reason="no_heartbeat"),
                LogEntry(at=at("2026-11-30T07:00:00Z"), kind="dev_online"),
                LogEntry(at=at("2026-11-30T08:00:00Z"), kind="dev_offline", reason="offline_force"),
            ],
            "1 times. Last: The device stopped responding because it lost its network or its power",
        ),
    ],
)
async def test_an_example_sends_the_documented_message(
    hass: HomeAssistant,
    simulation: Simulation,
    entry: MockConfigEntry,
    title: str,
    platform: str,
    key: str,
    rows: Sequence[Any],
    message: str,
) -> None:
    device = air_conditioner(simulation)
    capabilities = replace(ALL_CAPABILITIES, periods=frozenset(Period), aggregations=frozenset(Aggregation))
    set_history(entry, capabilities=capabilities, rows={key: rows, device.did: rows})
    notifications = async_mock_service(hass, "notify", "notify")
    sequence = cv.SCRIPT_SCHEMA(_sequence(title, entity_id_of(hass, platform, entry, device.did, key)))
    script = Script(hass, await async_validate_actions_config(hass, sequence), title, "script")
    await script.async_run(context=Context())
    (call,) = notifications
    assert " ".join(call.data["message"].split()) == message
